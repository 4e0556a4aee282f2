//! From the floating-point numbers of one side to the integers of the other.

use crate::telemetry::Unit;

/// What a histogram's values are multiplied with, and what that makes of their unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) factor: f64,
    pub(super) unit: Option<Unit>,
}

/// As it is there. No number is converted.
pub(super) fn unit(unit: metrics::Unit) -> Unit {
    match unit {
        metrics::Unit::Count => Unit::Count,
        metrics::Unit::Percent => Unit::Percent,
        metrics::Unit::Seconds => Unit::Seconds,
        metrics::Unit::Milliseconds => Unit::Milliseconds,
        metrics::Unit::Microseconds => Unit::Microseconds,
        metrics::Unit::Nanoseconds => Unit::Nanoseconds,
        metrics::Unit::Bytes => Unit::Bytes,
        other => Unit::Other(other.as_str()),
    }
}

const KIBI: f64 = 1_024.0;
const BITS_PER_SECOND: Unit = Unit::Other("bits_per_second");

impl Scale {
    pub(super) const NONE: Self = Self { factor: 1.0, unit: None };

    /// Such that little is lost by rounding: of a time nanoseconds, of an amount of memory bytes.
    pub(super) fn of_unit(described: metrics::Unit) -> Self {
        let (factor, unit) = match described {
            metrics::Unit::Seconds => (1e9, Unit::Nanoseconds),
            metrics::Unit::Milliseconds => (1e6, Unit::Nanoseconds),
            metrics::Unit::Microseconds => (1e3, Unit::Nanoseconds),
            metrics::Unit::Tebibytes => (KIBI * KIBI * KIBI * KIBI, Unit::Bytes),
            metrics::Unit::Gibibytes => (KIBI * KIBI * KIBI, Unit::Bytes),
            metrics::Unit::Mebibytes => (KIBI * KIBI, Unit::Bytes),
            metrics::Unit::Kibibytes => (KIBI, Unit::Bytes),
            metrics::Unit::TerabitsPerSecond => (1e12, BITS_PER_SECOND),
            metrics::Unit::GigabitsPerSecond => (1e9, BITS_PER_SECOND),
            metrics::Unit::MegabitsPerSecond => (1e6, BITS_PER_SECOND),
            metrics::Unit::KilobitsPerSecond => (1e3, BITS_PER_SECOND),
            other => (1.0, unit(other)),
        };
        Self { factor, unit: Some(unit) }
    }

    /// By the habit of naming a metric after its unit.
    pub(super) fn of_name(name: &str) -> Self {
        let by_habit = [
            ("_seconds", metrics::Unit::Seconds),
            ("_milliseconds", metrics::Unit::Milliseconds),
            ("_ms", metrics::Unit::Milliseconds),
            ("_microseconds", metrics::Unit::Microseconds),
            ("_us", metrics::Unit::Microseconds),
            ("_nanoseconds", metrics::Unit::Nanoseconds),
            ("_ns", metrics::Unit::Nanoseconds),
            ("_bytes", metrics::Unit::Bytes),
        ];
        let found = by_habit.into_iter().find(|(end, _)| name.ends_with(end));
        found.map_or(Self::NONE, |(_, unit)| Self::of_unit(unit))
    }
}

/// 2^52. From here up to twice as much there are all integers and nothing between them, so adding it rounds.
const WHOLE: f64 = (1_u64 << 52) as f64;

/// The integer that is nearest to a number from 0 up, of two the even one; none if there is no such integer.
#[inline(always)]
pub(super) fn nearest(number: f64) -> Option<u64> {
    // The bits of numbers from 0 up are in the order of the numbers, and those of what is negative or no number lie above them.
    if number.to_bits() < WHOLE.to_bits() {
        Some((number + WHOLE).to_bits() - WHOLE.to_bits())
    } else {
        nearest_to_other(number)
    }
}

#[cold]
fn nearest_to_other(number: f64) -> Option<u64> {
    /// 2^64.
    const BEYOND: f64 = 18_446_744_073_709_551_616.0;
    // Minus zero is zero; what is above `WHOLE` has no fraction.
    (0.0..BEYOND).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_no_integer_near_it_has_none() {
        for unfit in [f64::NAN, f64::INFINITY, -f64::INFINITY, -1.0, -1e-9, 1.9e19, f64::MAX] {
            assert_eq!(nearest(unfit), None, "{unfit}");
        }
        let largest = u64::MAX - 2_047;
        for (number, integer) in [
            (0.0, 0),
            (-0.0, 0),
            (0.499_999_999_999_999_94, 0),
            (0.5, 0),
            (0.500_000_000_000_000_1, 1),
            (1.5, 2),
            (2.5, 2),
            (4_503_599_627_370_495.5, 4_503_599_627_370_496),
            (f64::MIN_POSITIVE, 0),
            (9_007_199_254_740_993.0, 9_007_199_254_740_992),
            (largest as f64, largest),
        ] {
            assert_eq!(nearest(number), Some(integer), "{number}");
        }
    }

    proptest! {
        #[test]
        fn it_rounds_as_the_standard_library_does(number in 0.0..1e19) {
            prop_assert_eq!(nearest(number), Some(number.round_ties_even() as u64));
        }
    }

    #[test]
    fn a_name_tells_the_unit_at_its_end_only() {
        assert_eq!(Scale::of_name("request_seconds"), Scale::of_unit(metrics::Unit::Seconds));
        assert_eq!(Scale::of_name("gap_us").factor, 1e3);
        assert_eq!(Scale::of_name("seconds_of_it"), Scale::NONE);
        assert_eq!(Scale::of_name("items"), Scale::NONE);
    }
}

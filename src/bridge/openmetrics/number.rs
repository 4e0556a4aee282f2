//! Numbers as text: exact, also in another unit.

use super::text::Text;
use std::fmt::Write as _;

/// What a metric's numbers are divided by, so that they are in the base unit: a power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// How many decimal places.
    pub(super) places: u32,
}

/// Two digits at a time.
const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// Digits of the greatest.
const DIGITS: usize = 20;

/// Writes an integer.
pub(super) fn unsigned(out: &mut Text, mut number: u64) {
    let mut text = [0; DIGITS];
    let mut at = DIGITS;
    while number >= 10 {
        let pair = (number % 100) as usize * 2;
        number /= 100;
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if number > 0 || at == DIGITS {
        at -= 1;
        text[at] = b'0' + number as u8;
    }
    out.push_digits(&text[at..]);
}

impl Scale {
    pub(super) const NONE: Self = Self { places: 0 };

    /// Writes an integer in the base unit, with all its digits.
    pub(super) fn unsigned(self, out: &mut Text, number: u64) {
        if self == Self::NONE {
            return unsigned(out, number);
        }
        let one = 10_u64.pow(self.places);
        unsigned(out, number / one);
        let mut rest = number % one;
        if rest > 0 {
            let mut places = self.places;
            while rest.is_multiple_of(10) {
                rest /= 10;
                places -= 1;
            }
            out.push('.');
            // A zero for each place that the number does not reach.
            (1..places).filter(|place| rest < 10_u64.pow(*place)).for_each(|_| out.push('0'));
            unsigned(out, rest);
        }
    }

    pub(super) fn signed(self, out: &mut Text, number: i64) {
        if number < 0 {
            out.push('-');
        }
        self.unsigned(out, number.unsigned_abs());
    }

    pub(super) fn float(self, out: &mut Text, number: f64) {
        float(out, if self == Self::NONE { number } else { number / 10_f64.powi(self.places as i32) });
    }
}

/// Writes the shortest text that is read as this number.
pub(super) fn float(out: &mut Text, number: f64) {
    /// From here on not all integers are there.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "+Inf" } else { "-Inf" });
    } else if number.trunc() == number && number.abs() < WHOLE {
        // No negative zero.
        Scale::NONE.signed(out, number as i64);
    } else {
        // A text takes all.
        let _ = match number.abs() {
            1e-7..1e17 => write!(out, "{number}"),
            _ => write!(out, "{number:e}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Text)) -> String {
        let mut out = Text::new();
        write(&mut out);
        out.into_string()
    }

    #[test]
    fn integers_in_another_unit_have_all_their_digits() {
        let seconds = Scale { places: 9 };
        for (ns, expected) in [
            (0, "0"),
            (1, "0.000000001"),
            (1_500_000_000, "1.5"),
            (1_000_000_010, "1.00000001"),
            (2_000_000_000, "2"),
            (u64::MAX, "18446744073.709551615"),
        ] {
            assert_eq!(text(|out| seconds.unsigned(out, ns)), expected);
        }
        assert_eq!(text(|out| Scale { places: 2 }.signed(out, -5)), "-0.05");
        assert_eq!(text(|out| Scale::NONE.signed(out, i64::MIN)), i64::MIN.to_string());
    }

    #[test]
    fn floats_that_are_none_have_their_names() {
        for (number, expected) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (-0.0, "0"),
            (0.25, "0.25"),
            (-3.0, "-3"),
            (1e300, "1e300"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        ] {
            assert_eq!(text(|out| float(out, number)), expected);
        }
        assert_eq!(text(|out| Scale { places: 2 }.float(out, 55.0)), "0.55");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(number: u64, bits: u64, shift in 0..64_u32) {
            let number = number >> shift;
            prop_assert_eq!(text(|out| unsigned(out, number)), number.to_string());
            let float_number = f64::from_bits(bits);
            let read: f64 = text(|out| float(out, float_number)).parse().unwrap();
            prop_assert!(read == float_number || (read.is_nan() && float_number.is_nan()));
        }

        #[test]
        fn a_scaled_integer_is_itself_times_the_scale(number: u64, places in 0..10_u32, shift in 0..64_u32) {
            let number = number >> shift;
            let written = text(|out| Scale { places }.unsigned(out, number));
            let (whole, rest) = written.split_once('.').unwrap_or((&written, ""));
            prop_assert!(!rest.ends_with('0') && rest.len() <= places as usize);
            let padded = format!("{whole}{rest:0<width$}", width = places as usize);
            prop_assert_eq!(padded.parse::<u64>().unwrap(), number);
        }
    }
}

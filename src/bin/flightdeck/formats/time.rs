//! Points in time and lengths of time, as logs write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;

/// The unit of a bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Second,
    /// Thousandths.
    Milli,
    /// Millionths.
    Micro,
    /// Billionths.
    Nano,
}

impl Unit {
    const fn ns(self) -> u64 {
        match self {
            Self::Second => 1_000_000_000,
            Self::Milli => 1_000_000,
            Self::Micro => 1_000,
            Self::Nano => 1,
        }
    }

    /// The unit in which a number since 1970 is a plausible time: seconds up to the year 5138,
    /// milliseconds from 1973 on, microseconds and nanoseconds likewise.
    const fn of_epoch(number: u64) -> Self {
        match number {
            0..100_000_000_000 => Self::Second,
            100_000_000_000..100_000_000_000_000 => Self::Milli,
            100_000_000_000_000..100_000_000_000_000_000 => Self::Micro,
            _ => Self::Nano,
        }
    }
}

/// A point in time, and its unit where it was a bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// Nanoseconds since the Unix epoch.
    pub ns: u64,
    /// The unit that a number was taken to have.
    pub unit: Option<Unit>,
}

/// RFC 3339 (`T` or a space between; without an offset it is taken as UTC), a web server's
/// `10/Oct/2000:13:55:36 -0700`, or a number since 1970 whose size tells its unit.
pub fn instant(text: &str) -> Option<Instant> {
    let text = text.trim_ascii();
    if text.as_bytes().get(4) == Some(&b'-') {
        return date_time(text).map(|ns| Instant { ns, unit: None });
    }
    if text.as_bytes().get(2) == Some(&b'/') {
        return web(text).map(|ns| Instant { ns, unit: None });
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number = digits(whole)?;
    let unit = Unit::of_epoch(number);
    Some(Instant { ns: scaled(number, fraction, unit)?, unit: Some(unit) })
}

/// A number since 1970 whose size tells its unit.
pub fn instant_of_number(number: u64) -> Option<Instant> {
    let unit = Unit::of_epoch(number);
    Some(Instant { ns: number.checked_mul(unit.ns())?, unit: Some(unit) })
}

/// As [`instant_of_number`], for one with a fraction. A double holds 53 bits: what lies below a
/// microsecond is rounding noise in seconds of today, so it is rounded away.
pub fn instant_of_float(number: f64) -> Option<Instant> {
    if !(0.0..1.8e19).contains(&number) {
        return None;
    }
    let unit = Unit::of_epoch(number as u64);
    if unit == Unit::Nano {
        return Some(Instant { ns: number as u64, unit: Some(unit) });
    }
    let micros = (number * (unit.ns() / 1_000) as f64).round();
    Some(Instant { ns: (micros as u64).checked_mul(1_000)?, unit: Some(unit) })
}

/// A date and a time of day: with an offset, or without one and then in UTC.
pub fn date_time(text: &str) -> Option<u64> {
    let clock = text.get(10..)?;
    let stamp = if clock.ends_with(['Z', 'z']) || clock.contains(['+', '-']) {
        text.parse::<Timestamp>().ok()?
    } else {
        Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()?
    };
    since_epoch(stamp)
}

/// The time of a web server's log: `10/Oct/2000:13:55:36 -0700`.
pub fn web(text: &str) -> Option<u64> {
    since_epoch(strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()?)
}

/// How long `text` says: a number with a unit (`12.5ms`, `300 us`, `1s`), or a bare one of `unit`.
pub fn length(text: &str, unit: Option<Unit>) -> Option<u64> {
    let text = text.trim_ascii();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let unit = match suffix.trim_ascii() {
        "" => unit?,
        "s" => Unit::Second,
        "ms" => Unit::Milli,
        "us" | "µs" | "μs" => Unit::Micro,
        "ns" => Unit::Nano,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    scaled(digits(whole)?, fraction, unit)
}

/// How long a number of this unit is, to the nanosecond.
pub fn length_of_float(number: f64, unit: Unit) -> Option<u64> {
    let ns = number * unit.ns() as f64;
    (0.0..1.8e19).contains(&ns).then_some(ns.round() as u64)
}

/// `ns` since 1970 as RFC 3339 in UTC.
pub fn shown(ns: u64) -> String {
    match Timestamp::from_nanosecond(ns.into()) {
        Ok(stamp) => stamp.to_string(),
        Err(_) => format!("{ns} ns since 1970"),
    }
}

fn since_epoch(stamp: Timestamp) -> Option<u64> {
    stamp.as_nanosecond().try_into().ok()
}

fn digits(text: &str) -> Option<u64> {
    // `parse` alone would take a sign.
    text.as_bytes().first()?.is_ascii_digit().then(|| text.parse().ok())?
}

/// `whole.fraction` of `unit` in nanoseconds; digits below a nanosecond are cut.
fn scaled(whole: u64, fraction: &str, unit: Unit) -> Option<u64> {
    let mut ns = whole.checked_mul(unit.ns())?;
    let mut place = unit.ns();
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        place /= 10;
        ns = ns.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, ns: u64) {
        assert_eq!(instant(text).map(|at| at.ns), Some(ns), "{text}");
    }

    #[test]
    fn dates_are_read_with_and_without_an_offset() {
        reads("1970-01-01T00:00:00Z", 0);
        reads("2024-02-29T12:00:00.5Z", 1_709_208_000_500_000_000);
        reads("2024-02-29 12:00:00.000000001", 1_709_208_000_000_000_001);
        reads("2024-02-29T14:30:00+02:30", 1_709_208_000_000_000_000);
        reads("2024-02-29T12:00:00,250Z", 1_709_208_000_250_000_000);
        reads("2024-02-29 12:00:00,250", 1_709_208_000_250_000_000);
        reads("29/Feb/2024:12:00:00 +0000", 1_709_208_000_000_000_000);
        reads("10/Oct/2000:13:55:36 -0700", 971_211_336_000_000_000);
    }

    #[test]
    fn the_size_of_a_number_tells_its_unit() {
        for text in ["1709208000", "1709208000000", "1709208000000000", "1709208000000000000"] {
            reads(text, 1_709_208_000_000_000_000);
            assert_eq!(instant(text), instant_of_number(text.parse().unwrap()));
        }
        reads("1709208000.123456789", 1_709_208_000_123_456_789);
        reads("1709208000123.5", 1_709_208_000_123_500_000);
        assert_eq!(instant_of_float(1_709_208_000.123_456).unwrap().ns, 1_709_208_000_123_456_000);
        assert_eq!(instant_of_float(1_709_208_000_123.5).unwrap().ns, 1_709_208_000_123_500_000);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            " ",
            "soon",
            "-1",
            "+1",
            "1.2.3",
            "1709208000.x",
            "2023-02-29T00:00:00Z",
            "2023-13-01 00:00:00",
            "1969-12-31T23:59:59Z",
            "99999999999999999999",
            "9999-12-31T23:59:59Z",
            "31/Foo/2024:12:00:00 +0000",
            "2024-02-29é12:00:00",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
        for number in [f64::NAN, f64::INFINITY, -1.0, 1e30] {
            assert_eq!(instant_of_float(number), None);
        }
    }

    #[test]
    fn lengths_need_a_unit_from_somewhere() {
        assert_eq!(length("12.5ms", None), Some(12_500_000));
        assert_eq!(length("300 µs", None), Some(300_000));
        assert_eq!(length("2", Some(Unit::Second)), Some(2_000_000_000));
        assert_eq!(length("2s", Some(Unit::Micro)), Some(2_000_000_000));
        for text in ["", "2", "2 weeks", "-1s", ".5s", "99999999999s"] {
            assert_eq!(length(text, None), None, "{text}");
        }
        assert_eq!(length_of_float(1.5, Unit::Micro), Some(1_500));
        assert_eq!(length_of_float(-1.5, Unit::Micro), None);
    }

    #[test]
    fn times_are_shown_as_they_are_read() {
        reads(&shown(1_709_208_000_123_456_789), 1_709_208_000_123_456_789);
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert!(instant(&shown(u64::MAX)).is_some());
    }
}

//! Numbers and texts for people.

use jiff::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A length of time given in nanoseconds, at three digits or so.
pub fn ns(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        1_000_000_000..3_600_000_000_000 => format!("{:.2} s", ns as f64 / 1e9),
        3_600_000_000_000..172_800_000_000_000 => format!("{:.1} h", ns as f64 / 3.6e12),
        _ => format!("{:.1} days", ns as f64 / 8.64e13),
    }
}

/// How long ago something was, or for how long something has been: no finer than people care.
pub fn ago(ns: u64) -> String {
    match ns / 1_000_000_000 {
        0..10 => format!("{:.1} s", ns as f64 / 1e9),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// A length of time as a number of nanoseconds.
pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A time as RFC 3339 in UTC, to the microsecond.
pub fn utc(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros)
        .map_or_else(|_| "a time out of range".to_owned(), |at| format!("{at:.6}"))
}

/// Nanoseconds since 1970; 0 for what was before.
pub fn unix_ns(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, nanos)
}

/// `1 row`, `2 rows`.
pub fn count(number: u64, word: &str) -> String {
    format!("{} {word}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `text` on one line: what a file or a user wrote gets no line breaks and no escape sequences onto a terminal.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_on_one_line() {
        assert_eq!(plain("ä\tb\u{1b}[31m\n"), "ä\\tb\\u{1b}[31m\\n");
    }

    #[test]
    fn what_is_long_ago_is_told_roughly() {
        let seconds = [0, 9, 10, 119, 120, 7_199, 7_200, 172_799, 172_800];
        assert_eq!(
            seconds.map(|seconds| ago(seconds * 1_000_000_000)),
            ["0.0 s", "9.0 s", "10 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]
        );
    }

    #[test]
    fn times_are_told_in_utc() {
        let at = UNIX_EPOCH + Duration::new(951_782_400, 1_234_999);
        assert_eq!((utc(at).as_str(), unix_ns(at)), ("2000-02-29T00:00:00.001234Z", 951_782_400_001_234_999));
        assert_eq!(utc(UNIX_EPOCH - Duration::from_secs(9)), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 2].map(|n| count(n, "row")), ["1 row", "2 rows"]);
        assert_eq!(
            [7, 7_000, 7_000_000, 7_000_000_000, 7_200_000_000_000, 864_000_000_000_000].map(ns),
            ["7 ns", "7.0 us", "7.0 ms", "7.00 s", "2.0 h", "10.0 days"]
        );
    }
}

//! Numbers and texts for people.

use std::time::Duration;

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

/// A length of time as a number of nanoseconds.
pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
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
    fn numbers_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 2].map(|n| count(n, "row")), ["1 row", "2 rows"]);
        assert_eq!(
            [7, 7_000, 7_000_000, 7_000_000_000, 7_200_000_000_000, 864_000_000_000_000].map(ns),
            ["7 ns", "7.0 us", "7.0 ms", "7.00 s", "2.0 h", "10.0 days"]
        );
    }
}

//! Values on one line, and lengths of time.

use crate::events::value::Value;
use std::fmt::{self, Display, Write};

/// A longer text is cut, with a mark.
pub(super) const LONGEST_TEXT: usize = 120;

/// So many events.
pub(super) struct Events(pub(super) usize);

impl Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} event{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// A time in nanoseconds since the first event.
pub(super) struct At(pub(super) u64);

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A length of time in nanoseconds, at three or four digits.
pub(in crate::events) struct Span(pub(in crate::events) u64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HOUR: u64 = 3_600_000_000_000;
        match self.0 {
            ns @ 0..1_000 => write!(f, "{ns} ns"),
            ns @ 1_000..1_000_000 => write!(f, "{:.1} us", ns as f64 / 1e3),
            ns @ 1_000_000..1_000_000_000 => write!(f, "{:.1} ms", ns as f64 / 1e6),
            ns @ 1_000_000_000..HOUR => write!(f, "{:.2} s", ns as f64 / 1e9),
            ns @ HOUR.. => write!(f, "{:.1} h", ns as f64 / HOUR as f64),
        }
    }
}

/// A value on one line: what could break it is escaped, long text cut.
pub(in crate::events) struct Cut<'a>(pub(in crate::events) &'a Value<'a>);

impl Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The mark of a value that was cut when it was recorded always shows, so it stands outside.
        let (kept, cut_from) = match *self.0 {
            Value::CutStr { kept, bytes } => (Value::Str(kept), Some(bytes)),
            Value::CutBytes { kept, bytes } => (Value::Bytes(kept), Some(bytes)),
            other => (other, None),
        };
        let mut line = Line { out: f, left: LONGEST_TEXT, more: 0 };
        write!(line, "{kept}")?;
        let more = line.more;
        if more > 0 {
            write!(f, "... (+{more} characters)")?;
        }
        match cut_from {
            Some(bytes) => write!(f, "<cut, {bytes} bytes>"),
            None => Ok(()),
        }
    }
}

/// Takes text down to one line of limited length.
struct Line<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
    /// Characters that did not go on it.
    more: usize,
}

impl Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.chars();
        for char in rest.by_ref().take(self.left) {
            self.left -= 1;
            if is_plain(char) {
                self.out.write_char(char)?;
            } else {
                write!(self.out, "{}", char.escape_default())?;
            }
        }
        self.more += rest.count();
        Ok(())
    }
}

/// Whether a terminal draws it where it stands: it is no control character (an escape sequence begins with one),
/// separates no lines, and does not turn the direction of the text around it.
fn is_plain(char: char) -> bool {
    let turns = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_a_line_or_turns_it_round() {
        let hostile = "a\nb\r\u{1b}[31m\u{9b}2J\u{202e}x\u{2028}y\u{7f}é🦀";
        let shown = Cut(&Value::Str(hostile)).to_string();
        assert_eq!(shown, "a\\nb\\r\\u{1b}[31m\\u{9b}2J\\u{202e}x\\u{2028}y\\u{7f}é🦀");
    }

    #[test]
    fn long_values_say_how_much_is_left_out() {
        let long = "é".repeat(1 << 20);
        let shown = Cut(&Value::Str(&long)).to_string();
        assert_eq!(shown, format!("{}... (+1048456 characters)", "é".repeat(120)));
        let bytes = Cut(&Value::CutBytes { kept: &[0xab; 100], bytes: 7_000 }).to_string();
        assert_eq!(bytes, format!("{}... (+80 characters)<cut, 7000 bytes>", "ab".repeat(60)));
    }

    #[test]
    fn lengths_of_time_have_the_unit_that_suits_them() {
        let shown = [0, 999, 1_000, 999_949, 1_500_000, 59_990_000_000, 7_200_000_000_000]
            .map(|ns| Span(ns).to_string());
        assert_eq!(shown, ["0 ns", "999 ns", "1.0 us", "999.9 us", "1.5 ms", "59.99 s", "2.0 h"]);
        assert_eq!(At(1_000_000_007).to_string(), "+1.000000007s");
    }
}

//! What is said, as bytes: on the stack as long as it is short, and cut where it is too long.

use std::fmt::{self, Write};
use std::mem::MaybeUninit;
use std::slice;

/// Bytes of all values of an event that need no allocation.
const SHORT: usize = 512;
/// Bytes of a value that are kept: as many as a store keeps, unless it is told otherwise.
const LONGEST: usize = 10_000;

/// The values of one event, one after the other.
pub(super) struct Text {
    /// Its first `len` bytes are written, as long as `long` is empty. The others never are: to clear them would cost more than
    /// most values do.
    short: [MaybeUninit<u8>; SHORT],
    /// All of it, once it is not short.
    long: Vec<u8>,
    len: usize,
    /// Where the value at hand begins, and how many bytes it has had.
    start: usize,
    given: u64,
    is_hidden: bool,
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    start: u32,
    end: u32,
    /// How many bytes there were.
    given: u64,
}

impl Piece {
    /// How many there were, if not all were kept.
    pub(super) fn cut_from(self) -> Option<u64> {
        (self.given > u64::from(self.end - self.start)).then_some(self.given)
    }
}

impl Text {
    pub(super) fn new() -> Self {
        let short = [const { MaybeUninit::uninit() }; SHORT];
        Self { short, long: Vec::new(), len: 0, start: 0, given: 0, is_hidden: false }
    }

    /// A text as a value. Of a hidden one as many stars as it has bytes.
    #[inline]
    pub(super) fn text(&mut self, text: &str, is_hidden: bool) -> Piece {
        self.begin(is_hidden);
        self.add(text.as_bytes(), |kept| beginning(text, kept));
        self.end()
    }

    #[cfg(feature = "tracing")]
    pub(super) fn bytes(&mut self, bytes: &[u8], is_hidden: bool) -> Piece {
        self.begin(is_hidden);
        self.add(bytes, |kept| kept);
        self.end()
    }

    /// What is shown as a value, as far as it could be.
    #[inline]
    pub(super) fn shown(&mut self, value: fmt::Arguments<'_>, is_hidden: bool) -> Piece {
        self.begin(is_hidden);
        // A value that refuses to be shown is what it said until then.
        let _ = match value.as_str() {
            Some(text) => self.write_str(text),
            None => self.write_fmt(value),
        };
        self.end()
    }

    /// The bytes of a value.
    #[inline]
    pub(super) fn get(&self, piece: Piece) -> &[u8] {
        self.all().get(piece.start as usize..piece.end as usize).unwrap_or_default()
    }

    #[inline]
    fn all(&self) -> &[u8] {
        if !self.long.is_empty() {
            return &self.long;
        }
        let written = self.short.get(..self.len).unwrap_or_default();
        // SAFETY: `long` is empty, so these are written, as `short` says.
        unsafe { slice::from_raw_parts(written.as_ptr().cast(), written.len()) }
    }

    /// The same as text, which it is if it was given as such.
    pub(super) fn str(&self, piece: Piece) -> &str {
        str::from_utf8(self.get(piece)).unwrap_or_default()
    }

    fn begin(&mut self, is_hidden: bool) {
        (self.start, self.given, self.is_hidden) = (self.len, 0, is_hidden);
    }

    fn end(&mut self) -> Piece {
        // Below 2^32: an event has some ten values of some thousand bytes.
        Piece { start: self.start as u32, end: self.len as u32, given: self.given }
    }

    /// Adds to the value at hand what it has room for; `whole` says how much of so many bytes may stand alone.
    #[inline]
    fn add(&mut self, bytes: &[u8], whole: impl FnOnce(usize) -> usize) {
        let before = self.len - self.start;
        // Once something is left out, nothing comes after it.
        let room = if self.given > before as u64 { 0 } else { LONGEST - before };
        self.given = self.given.saturating_add(bytes.len() as u64);
        let kept = if bytes.len() > room { whole(room) } else { bytes.len() };
        let bytes = bytes.get(..kept).unwrap_or_default();
        if self.long.is_empty()
            && let Some(place) = self.short.get_mut(self.len..self.len + kept)
        {
            let is_hidden = self.is_hidden;
            for (place, byte) in place.iter_mut().zip(bytes) {
                place.write(if is_hidden { b'*' } else { *byte });
            }
        } else {
            self.add_long(bytes);
        }
        self.len += kept;
    }

    #[cold]
    fn add_long(&mut self, bytes: &[u8]) {
        if self.long.is_empty() {
            let short = self.all().to_vec();
            self.long = short;
        }
        if self.is_hidden {
            self.long.resize(self.len + bytes.len(), b'*');
        } else {
            self.long.extend_from_slice(bytes);
        }
    }
}

impl Write for Text {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes(), |kept| beginning(text, kept));
        Ok(())
    }
}

/// How many bytes of `text` are whole characters, of at most `most`.
#[cold]
fn beginning(text: &str, most: usize) -> usize {
    (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_come_back_as_they_went_in(values in proptest::collection::vec((".{0,80}", any::<bool>()), 0..40)) {
            let mut text = Text::new();
            let pieces: Vec<_> = values.iter().map(|(value, is_shown)| {
                if *is_shown { text.shown(format_args!("{value:?}"), false) } else { text.text(value, false) }
            }).collect();
            for ((value, is_shown), piece) in values.iter().zip(pieces) {
                let expected = if *is_shown { format!("{value:?}") } else { value.clone() };
                prop_assert_eq!(text.str(piece), expected);
                prop_assert_eq!(piece.cut_from(), None);
            }
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_nothing_comes_after_the_cut() {
        let mut text = Text::new();
        let long = "\u{20ac}".repeat(5_000);
        let (cut, after) = (text.text(&long, false), text.text("after", false));
        assert_eq!((text.get(cut).len(), cut.cut_from()), (9_999, Some(15_000)));
        assert_eq!((text.str(after), after.cut_from()), ("after", None));
        let shown = text.shown(format_args!("{long}{}", 7), false);
        assert_eq!((text.get(shown).len(), shown.cut_from()), (9_999, Some(15_001)));
    }

    #[cfg(feature = "tracing")]
    #[test]
    fn bytes_are_cut_wherever_it_is() {
        let mut text = Text::new();
        let bytes = text.bytes(&[0xff; 10_001], false);
        assert_eq!((text.get(bytes).len(), bytes.cut_from()), (10_000, Some(10_001)));
    }

    #[test]
    fn what_is_hidden_is_not_there() {
        let mut text = Text::new();
        let short = text.text("hunter2", true);
        let is_there = |text: &Text| text.all().windows(6).any(|bytes| bytes == b"hunter");
        assert!(!is_there(&text));
        let long = text.text(&"hunter2".repeat(200), true);
        assert_eq!((text.str(short), text.get(long).len()), ("*******", 1_400));
        assert!(!is_there(&text));
    }
}

//! Text that is being written: bytes that are UTF-8 since all that comes is, so that nobody has to look before the end.

use std::fmt;

/// Text that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Text(Vec<u8>);

impl Text {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Goes on where a text ends.
    pub(super) fn after(text: String) -> Self {
        Self(text.into_bytes())
    }

    #[inline]
    pub(super) fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    #[inline]
    pub(super) fn push_text(&mut self, text: &Self) {
        self.0.extend_from_slice(&text.0);
    }

    /// Adds a part of another text, which begins and ends between two characters.
    #[inline]
    pub(super) fn push_part(&mut self, text: &Self, part: std::ops::Range<usize>) {
        debug_assert!(str::from_utf8(&text.0[part.clone()]).is_ok());
        self.0.extend_from_slice(&text.0[part]);
    }

    /// Adds digits.
    #[inline]
    pub(super) fn push_digits(&mut self, digits: &[u8]) {
        debug_assert!(digits.iter().all(u8::is_ascii_digit));
        self.0.extend_from_slice(digits);
    }

    /// Adds one of the characters that are one byte.
    #[inline]
    pub(super) fn push(&mut self, ascii: char) {
        debug_assert!(ascii.is_ascii());
        self.0.push(ascii as u8);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Back to where it ended before.
    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        // Whole texts were added and taken back, so it is one.
        String::from_utf8(self.0).unwrap_or_default()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

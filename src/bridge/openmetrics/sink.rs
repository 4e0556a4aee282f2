//! Where a page goes: into a text that is as long as the page, or through a short one to a writer.

use super::text::Text;
use std::{io, mem};

/// How much of a page waits before it is written.
const CHUNK: usize = 64 << 10;

/// A page that is being written.
pub(super) struct Sink<'a> {
    pub(super) text: Text,
    to: To<'a>,
    /// Where what was there before ends.
    start: usize,
    /// What has been written already.
    gone: u64,
    error: Option<io::Error>,
}

enum To<'a> {
    Text(&'a mut String),
    Writer(&'a mut dyn io::Write),
}

/// Where something began that may be taken back.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize);

impl<'a> Sink<'a> {
    /// Appends to a text.
    pub(super) fn text(to: &'a mut String) -> Self {
        let text = mem::take(to);
        Self { start: text.len(), text: Text::after(text), to: To::Text(to), gone: 0, error: None }
    }

    pub(super) fn writer(to: &'a mut dyn io::Write) -> Self {
        Self { text: Text::new(), to: To::Writer(to), start: 0, gone: 0, error: None }
    }

    /// How long the page is so far.
    pub(super) fn len(&self) -> u64 {
        self.gone + (self.text.len() - self.start) as u64
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.text.len())
    }

    /// Takes back what came since the mark.
    pub(super) fn take_back(&mut self, Mark(len): Mark) {
        self.text.truncate(len);
    }

    /// Nothing before here is taken back any more. Whether there is anybody left to write to.
    pub(super) fn settle(&mut self) -> bool {
        if self.text.len() >= CHUNK {
            self.flush();
        }
        self.error.is_none()
    }

    fn flush(&mut self) {
        if let (To::Writer(to), None) = (&mut self.to, &self.error) {
            self.error = to.write_all(self.text.as_bytes()).err();
            self.gone += self.text.len() as u64;
            self.text.clear();
        }
    }

    /// The length of the page.
    pub(super) fn end(mut self) -> io::Result<u64> {
        let len = self.len();
        self.flush();
        if let To::Text(to) = self.to {
            *to = self.text.into_string();
        }
        self.error.map_or(Ok(len), Err)
    }
}

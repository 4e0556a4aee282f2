//! Lines on their way to a writer.

use super::Format;
use crate::events::answer::Recorded;
use crate::events::cursor::Gap;
use std::fmt::{self, Write};

/// Lines that were made and not written yet.
pub(super) struct Lines {
    format: Format,
    text: String,
    /// What was written last may have stopped in the middle of a line.
    is_torn: bool,
}

impl Lines {
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::new(), is_torn: false }
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// All of them. Until they are [given back](Lines::give_back), what comes next begins a line of its own, since the writer
    /// may have stopped in the middle of one.
    pub(super) fn take(&mut self) -> String {
        self.is_torn = true;
        std::mem::take(&mut self.text)
    }

    /// Takes the memory for the next ones.
    pub(super) fn give_back(&mut self, mut text: String, is_torn: bool) {
        text.clear();
        (self.text, self.is_torn) = (text, is_torn);
    }

    /// Adds the line of an event; if it cannot be told, nothing.
    pub(super) fn event(&mut self, event: &Recorded<'_>) -> fmt::Result {
        match self.format {
            Format::Text { is_coloured } => {
                self.line(|line| write!(line, "{}", event.line().colour(is_coloured)))
            }
            #[cfg(feature = "json")]
            Format::Json => self.line(|line| write!(line, "{}", event.json())),
        }
    }

    /// Adds the line of a gap.
    pub(super) fn gap(&mut self, gap: &Gap) -> fmt::Result {
        match self.format {
            Format::Text { is_coloured } => {
                self.line(|line| write!(line, "{}", gap.line().colour(is_coloured)))
            }
            #[cfg(feature = "json")]
            Format::Json => self.line(|line| write!(line, "{}", gap.json())),
        }
    }

    fn line(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) -> fmt::Result {
        if std::mem::take(&mut self.is_torn) {
            self.text.push('\n');
        }
        let start = self.text.len();
        let written = write(&mut self.text);
        match written {
            Ok(()) => self.text.push('\n'),
            Err(_) => self.text.truncate(start),
        }
        written
    }
}

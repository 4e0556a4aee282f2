//! What a page holds, and what it does not.

use std::fmt;

/// What a page holds, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered {
    /// Metrics.
    pub metrics: u64,
    /// Series. A histogram's is one.
    pub series: u64,
    /// Lines with a number.
    pub samples: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Bytes.
    pub bytes: u64,
    /// Series that were left out.
    pub left_out: LeftOut,
    /// Characters in labels and help texts that no scraper reads, and which are `U+FFFD` on the page: NUL.
    pub replaced_characters: u64,
    /// The first two names that would have been one.
    pub clash: Option<Clash>,
}

/// Series that a page does not hold, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// Their metric would have a name that another has already: the first by name has it.
    pub name: u64,
    /// Two of their labels would have one name, or they would be a series that is there already.
    pub labels: u64,
    /// The page would have become longer than it may.
    pub room: u64,
}

/// Two names that would be one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clash {
    /// The name on the page.
    pub shown: String,
    /// The metric of which something is left out.
    pub left_out: String,
}

impl Clash {
    pub(super) fn new(shown: &str, left_out: &str) -> Self {
        Self { shown: shown.to_owned(), left_out: left_out.to_owned() }
    }
}

impl LeftOut {
    /// All of them.
    #[must_use]
    pub fn all(self) -> u64 {
        self.name + self.labels + self.room
    }
}

/// On one line.
impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "metric {:?} is left out, in part or as a whole: there is a {:?} already",
            self.left_out, self.shown
        )
    }
}

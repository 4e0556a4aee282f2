//! What can be wrong with the text of a condition.

use super::Predicate;
use crate::error::{Diagnostic, Retry, Severity};
use std::fmt;
use thiserror::Error;

/// Why a text is no [`Predicate`](super::Predicate). Where something is in the text is said as a byte, counted from 0;
/// a message says the column, one more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PredicateError {
    /// More text than is looked at.
    #[error("predicate has {bytes} bytes, over {limit}: leave parts of it out, or ask twice")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have: [`Predicate::LONGEST_TEXT`].
        limit: usize,
    },
    /// Parentheses in parentheses, too often.
    #[error("predicate opens a level at column {}, over {limit} of them: write it with fewer parentheses", at + 1)]
    TooDeep {
        /// Where the level begins that is one too many.
        at: usize,
        /// How many there may be: [`Predicate::DEEPEST_TEXT`].
        limit: usize,
    },
    /// Something else was expected.
    #[error("predicate has {} at column {}: write {expected}", Found(found), at + 1)]
    Unexpected {
        /// Where it begins.
        at: usize,
        /// The text at fault, or the beginning of it; empty at the end of the text.
        found: String,
        /// What was expected in its place.
        expected: &'static str,
    },
    /// A number that no field holds.
    #[error(
        "predicate has {} at column {}, outside {} to {} and finite floats: compare with a number in that range",
        Found(found), at + 1, i64::MIN, u64::MAX
    )]
    NumberOutOfRange {
        /// Where it begins.
        at: usize,
        /// The number, or the beginning of it.
        found: String,
    },
    /// A quote or a backtick without a second one.
    #[error("predicate has a quote at column {} that nothing ends: write `{quote}` after the text", at + 1)]
    Unclosed {
        /// Where the first one is.
        at: usize,
        /// Which it is.
        quote: char,
    },
}

/// Characters of a text at fault that are shown.
const SHOWN: usize = 40;

impl PredicateError {
    pub(super) const fn too_long(bytes: usize) -> Self {
        Self::TooLong { bytes, limit: Predicate::LONGEST_TEXT }
    }

    pub(super) const fn too_deep(at: usize) -> Self {
        Self::TooDeep { at, limit: Predicate::DEEPEST_TEXT }
    }

    #[cold]
    pub(super) fn unexpected(at: usize, found: &str, expected: &'static str) -> Self {
        Self::Unexpected { at, found: found.chars().take(SHOWN).collect(), expected }
    }

    #[cold]
    pub(super) fn out_of_range(at: usize, found: &str) -> Self {
        Self::NumberOutOfRange { at, found: found.chars().take(SHOWN).collect() }
    }
}

/// What was found, in one line.
struct Found<'a>(&'a str);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("nothing more") } else { write!(f, "`{}`", self.0.escape_debug()) }
    }
}

impl Diagnostic for PredicateError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "events.predicate.too_long",
            Self::TooDeep { .. } => "events.predicate.too_deep",
            Self::Unexpected { .. } => "events.predicate.unexpected",
            Self::NumberOutOfRange { .. } => "events.predicate.number_out_of_range",
            Self::Unclosed { .. } => "events.predicate.unclosed",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

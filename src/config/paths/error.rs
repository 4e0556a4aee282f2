//! Why a path leads nowhere, and why something must not be put there.

use super::path::Path;
use crate::{Diagnostic, Retry, Severity};
use std::fmt;
use thiserror::Error;

/// Characters of a text at fault that are shown.
const SHOWN: usize = 40;

/// Why a text is no [`Path`]. Where something is in the text is said as a byte, counted from 0; a message says the column,
/// one more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathSyntaxError {
    /// More text than is looked at.
    #[error("path has {bytes} bytes, over {limit}: name something that lies higher, or shorten its names")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have: [`Path::LONGEST_TEXT`].
        limit: usize,
    },
    /// More levels than are followed.
    #[error("path goes deeper at column {}, over {limit} levels: name something that lies higher", at + 1)]
    TooDeep {
        /// Where the level begins that is one too many.
        at: usize,
        /// How many there may be: [`Path::DEEPEST`].
        limit: usize,
    },
    /// Something else was expected.
    #[error("path has {} at column {}: write {expected}", Found(found), at + 1)]
    Unexpected {
        /// Where it begins.
        at: usize,
        /// The text at fault, or the beginning of it; empty at the end of the text.
        found: String,
        /// What was expected in its place.
        expected: &'static str,
    },
    /// A quote or a bracket without a second one.
    #[error("path has a quote or a bracket at column {} that nothing ends: close it", at + 1)]
    Unclosed {
        /// Where it is.
        at: usize,
    },
}

impl PathSyntaxError {
    #[cold]
    pub(super) fn too_long(bytes: usize) -> Self {
        Self::TooLong { bytes, limit: Path::LONGEST_TEXT }
    }

    #[cold]
    pub(super) fn too_deep(at: usize) -> Self {
        Self::TooDeep { at, limit: Path::DEEPEST }
    }

    #[cold]
    pub(super) fn unexpected(at: usize, found: &str, expected: &'static str) -> Self {
        Self::Unexpected { at, found: found.chars().take(SHOWN).collect(), expected }
    }
}

impl Diagnostic for PathSyntaxError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "config.path.too_long",
            Self::TooDeep { .. } => "config.path.too_deep",
            Self::Unexpected { .. } => "config.path.unexpected",
            Self::Unclosed { .. } => "config.path.unclosed",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// What was found, in one line.
struct Found<'a>(&'a str);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("nothing more") } else { write!(f, "`{}`", self.0.escape_debug()) }
    }
}

/// A path as messages show it.
pub(super) struct Shown<'a>(pub(super) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_root() { f.write_str("(root)") } else { self.0.fmt(f) }
    }
}

//! What can be wrong with directives and quotas.

use super::rate::Rate;
use crate::error::{Diagnostic, Retry, Severity};
use std::fmt;
use thiserror::Error;

/// Why a text is no directives. Nothing changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectivesError {
    /// Some of it is not understood.
    #[error("directives have {} mistake{}: {}", mistakes.len(), if mistakes.len() == 1 { "" } else { "s" }, Listed(mistakes))]
    Refused {
        /// All that is wrong, from the left to the right.
        mistakes: Vec<Mistake>,
    },
    /// The variable of the environment holds no text.
    #[error("`{variable}` is not valid UTF-8: set it to directives such as `info,http=debug`, or unset it")]
    NotUnicode {
        /// Its name.
        variable: &'static str,
    },
}

/// One mistake in a text of directives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mistake {
    /// Where in the text it begins: a byte, counted from 0. A message says the column, one more.
    pub at: usize,
    /// The text at fault, or the beginning of it.
    pub found: String,
    /// What was expected in its place.
    pub expected: Expected,
}

/// What was expected in place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// A level, a sample or a rate: for all kinds, or after `=`.
    Setting,
    /// The name of a kind, or a beginning of names, up to a dot.
    Name,
    /// The name of a field in brackets.
    Field,
    /// `=` after the closing bracket.
    Equals,
    /// A sample from `1/1` to `1/1000000000`.
    Sample,
    /// A rate from `1` to `1000000` in a unit of time.
    Rate,
}

impl Expected {
    const fn text(self) -> &'static str {
        match self {
            Self::Setting => {
                "a severity (trace, debug, info, warn, error, critical), a class (normal, verbose), off, a sample \
                 such as 1/100, a rate such as 100/s, or unlimited"
            }
            Self::Name => "names joined by single dots, without blanks, quotes and brackets",
            Self::Field => "the name of one field in brackets",
            Self::Equals => "`=` and a setting after the bracket",
            Self::Sample => "1/N with N from 1 to 1000000000",
            Self::Rate => "N/s, N/m or N/h with N from 1 to 1000000",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Characters of a text at fault that are shown.
const SHOWN: usize = 40;
/// Mistakes that a message names.
const NAMED: usize = 8;

impl Mistake {
    pub(super) fn new(at: usize, found: &str, expected: Expected) -> Self {
        Self { at, found: found.chars().take(SHOWN).collect(), expected }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, found, expected } = self;
        write!(f, "`{}` at column {}: write {expected}", found.escape_debug(), at + 1)
    }
}

/// Mistakes in one line.
struct Listed<'a>(&'a [Mistake]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().take(NAMED).enumerate() {
            write!(f, "{}{mistake}", if number == 0 { "" } else { "; " })?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Why there is no such [`Quota`](super::Quota).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaError {
    /// Nothing or too much of it.
    #[error(
        "quota `{name}` has a rate of {rate}, outside 1 to {}: choose a number in that range, or another unit",
        Rate::MOST
    )]
    Rate {
        /// The quota.
        name: String,
        /// What was asked for.
        rate: Rate,
    },
    /// No keys, or more than a quota keeps apart.
    #[error("quota `{name}` is for {keys} keys, outside 1 to {most}: choose a number in that range")]
    Keys {
        /// The quota.
        name: String,
        /// What was asked for.
        keys: usize,
        /// The most there can be.
        most: usize,
    },
    /// There is one of that name, which is another.
    #[error("quota `{name}` exists with {rate} for {keys} keys: ask for the same, or choose another name")]
    Exists {
        /// The quota.
        name: String,
        /// Its rate.
        rate: Rate,
        /// How many keys it keeps apart.
        keys: usize,
    },
    /// The system has not as much memory.
    #[error("quota `{name}` for {keys} keys could not be reserved: ask for fewer")]
    OutOfMemory {
        /// The quota.
        name: String,
        /// What was asked for.
        keys: usize,
    },
}

impl Diagnostic for DirectivesError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "events.directives.refused",
            Self::NotUnicode { .. } => "events.directives.not_unicode",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl Diagnostic for QuotaError {
    fn code(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "events.quota.rate",
            Self::Keys { .. } => "events.quota.keys",
            Self::Exists { .. } => "events.quota.exists",
            Self::OutOfMemory { .. } => "events.quota.unavailable",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        match self {
            Self::OutOfMemory { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

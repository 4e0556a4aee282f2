//! Why an incident was not kept.

use crate::error::{Diagnostic, Retry, Severity};
use crate::events::error::QueryError;
use std::path::PathBuf;
use thiserror::Error;

/// Why an answer was not pinned. What was pinned before stays as it was.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinError {
    /// The store was built without room for incidents.
    #[error("the store was built without incidents: give `Builder::incidents` some bytes and a count")]
    Off,
    /// A name or a cause over its limit.
    #[error("{what} of an incident has {bytes} bytes, over {limit}: shorten it")]
    TextTooLong {
        /// `name` or `cause`.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Larger than all incidents together may be.
    #[error(
        "incident `{}` needs {needed} bytes, and all incidents together have {limit}: narrow the query, or build the store with more for incidents",
        name.escape_debug()
    )]
    TooLarge {
        /// Its name.
        name: Box<str>,
        /// What it needs.
        needed: usize,
        /// What there is.
        limit: usize,
    },
    /// What is in the way is protected.
    #[error(
        "incident `{}` of {needed} bytes has no room beside {protected} protected ones of {held} bytes, where there may be {count} of {limit} bytes in all: drop one of those, or build the store with more for incidents",
        name.escape_debug()
    )]
    Full {
        /// Its name.
        name: Box<str>,
        /// What it needs.
        needed: usize,
        /// How many incidents are protected.
        protected: usize,
        /// What those take.
        held: usize,
        /// How many incidents there can be.
        count: usize,
        /// What they may take together.
        limit: usize,
    },
    /// The answer is another store's, which has other kinds.
    #[error("the answer is of another deck: pin it in the one that gave it")]
    ForeignAnswer,
    /// The store belongs to the process that built it.
    #[error("this process is a fork of the one that built the store: build another here")]
    Forked,
}

impl Diagnostic for PinError {
    fn code(&self) -> &'static str {
        match self {
            Self::Off => "events.incidents.off",
            Self::TextTooLong { .. } => "events.incidents.text_too_long",
            Self::TooLarge { .. } => "events.incidents.too_large",
            Self::Full { .. } => "events.incidents.full",
            Self::ForeignAnswer => "events.incidents.foreign_answer",
            Self::Forked => "events.incidents.forked",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Full { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

/// Why events were not captured.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaptureError {
    /// They could not be asked for.
    #[error(transparent)]
    Query(QueryError),
    /// They could not be pinned.
    #[error(transparent)]
    Pin(PinError),
    /// They could not be written to a file. What was written of it is removed.
    #[error("file `{}` was not written: {reason}", path.to_string_lossy().escape_debug())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        reason: Box<str>,
    },
    /// Not even the match itself fits into the file.
    #[error("file `{}` would have {needed} bytes, over {limit}: give the directory more, or capture less", path.to_string_lossy().escape_debug())]
    FileTooLarge {
        /// Its path.
        path: PathBuf,
        /// How long it would be.
        needed: u64,
        /// How long it may be.
        limit: u64,
    },
    /// The store was shut down first.
    #[error("the time to shut down was over before the capture: give `shutdown` more of it")]
    OutOfTime,
    /// It panicked, in code of the host that says what is to be captured, as a rule.
    #[error("the capture panicked, so look at what it is narrowed with: {}", message.escape_debug())]
    Panicked {
        /// What it said.
        message: Box<str>,
    },
}

impl CaptureError {
    fn cause(&self) -> Option<&dyn Diagnostic> {
        match self {
            Self::Query(error) => Some(error),
            Self::Pin(error) => Some(error),
            _ => None,
        }
    }
}

impl Diagnostic for CaptureError {
    fn code(&self) -> &'static str {
        match self {
            Self::Query(error) => error.code(),
            Self::Pin(error) => error.code(),
            Self::File { .. } => "events.capture.file",
            Self::FileTooLarge { .. } => "events.capture.file_too_large",
            Self::OutOfTime => "events.capture.out_of_time",
            Self::Panicked { .. } => "events.capture.panicked",
        }
    }

    fn severity(&self) -> Severity {
        self.cause().map_or(Severity::Error, Diagnostic::severity)
    }

    fn retry(&self) -> Retry {
        match self {
            Self::File { .. } => Retry::Later,
            _ => self.cause().map_or(Retry::Never, Diagnostic::retry),
        }
    }
}

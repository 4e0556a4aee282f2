//! Why an incident was not kept.

use crate::error::{Diagnostic, Retry, Severity};
use crate::events::error::QueryError;
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

/// Why the events of an id were not captured.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaptureError {
    /// They could not be asked for.
    #[error(transparent)]
    Query(QueryError),
    /// They could not be pinned.
    #[error(transparent)]
    Pin(PinError),
}

impl CaptureError {
    fn cause(&self) -> &dyn Diagnostic {
        match self {
            Self::Query(error) => error,
            Self::Pin(error) => error,
        }
    }
}

impl Diagnostic for CaptureError {
    fn code(&self) -> &'static str {
        self.cause().code()
    }

    fn severity(&self) -> Severity {
        self.cause().severity()
    }

    fn retry(&self) -> Retry {
        self.cause().retry()
    }
}

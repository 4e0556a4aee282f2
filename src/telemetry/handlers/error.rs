//! Why a handler was not attached. Executing never fails.

use super::attached::MOST_HANDLERS;
use super::entry::MOST_WAITING;
use super::prefix::LONGEST;
use crate::error::{Diagnostic, Retry, Severity};
use thiserror::Error;

/// Why a handler was not attached.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// There is a handler of this id.
    #[error("handler `{id}` is attached already: detach that one first, or give this one another id")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// An id without a character.
    #[error("id of a handler is empty: give it one, such as `log requests`")]
    EmptyId,
    /// It would never be called.
    #[error("handler `{id}` has no prefix: give it one, or the empty prefix for all names")]
    NoPrefix {
        /// The id.
        id: String,
    },
    /// No name begins with it.
    #[error("prefix `{prefix}` of handler `{id}` is not made of words with dots between them, {most} bytes at most: give it one such as `http.request`", most = LONGEST)]
    Prefix {
        /// The id.
        id: String,
        /// The prefix.
        prefix: String,
    },
    /// A queue of no size, or out of all proportion.
    #[error("queue of handler `{id}` is to hold {capacity} executions, and one holds 1 to {most}: ask for as many as may wait", most = MOST_WAITING)]
    Capacity {
        /// The id.
        id: String,
        /// What was asked for.
        capacity: usize,
    },
    /// As many are attached as may be.
    #[error("handler `{id}` is one too many, {most} are attached: detach one of them first", most = MOST_HANDLERS)]
    TooMany {
        /// The id.
        id: String,
    },
}

impl Diagnostic for AttachError {
    fn code(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } => "telemetry.handler.duplicate",
            Self::EmptyId => "telemetry.handler.empty_id",
            Self::NoPrefix { .. } => "telemetry.handler.no_prefix",
            Self::Prefix { .. } => "telemetry.handler.prefix",
            Self::Capacity { .. } => "telemetry.handler.capacity",
            Self::TooMany { .. } => "telemetry.handler.too_many",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Duplicate { .. } | Self::TooMany { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

//! Why a trigger was not armed, or not set off.

use crate::error::{Diagnostic, Retry, Severity};
use crate::events::error::QueryError;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Why a trigger was not armed, found or set off. Nothing has changed then.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TriggerError {
    /// What it watches for, or is to capture, cannot be asked for.
    #[error(transparent)]
    Query(QueryError),
    /// It watches another store.
    #[error("trigger `{}` watches another deck: make its query from the events it is armed with", name.escape_debug())]
    ForeignQuery {
        /// Its name.
        name: Box<str>,
    },
    /// A name that is none, or over its limit.
    #[error("the name of a trigger has {bytes} bytes, where it takes 1 to {limit}: choose another")]
    Name {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Names of files are made from it.
    #[error(
        "trigger `{}` writes files named after it, which takes letters, digits, `-` and `_`: choose another name",
        name.escape_debug()
    )]
    FileName {
        /// Its name.
        name: Box<str>,
    },
    /// There is one of its name.
    #[error("there is a trigger `{}` already: remove it first, or choose another name", name.escape_debug())]
    DuplicateName {
        /// The name.
        name: Box<str>,
    },
    /// There is none of this name.
    #[error("there is no trigger `{}`: arm one", name.escape_debug())]
    Unknown {
        /// The name.
        name: Box<str>,
    },
    /// As many as there can be.
    #[error("trigger `{}` would be one more than {limit}: remove one first", name.escape_debug())]
    TooMany {
        /// Its name.
        name: Box<str>,
        /// How many there can be.
        limit: usize,
    },
    /// A limit that is none.
    #[error("trigger `{}` is limited to {times} captures in {per:?}: give 1 to {limit} in more than no time", name.escape_debug())]
    Limit {
        /// Its name.
        name: Box<str>,
        /// How many captures were asked for.
        times: usize,
        /// In how long.
        per: Duration,
        /// How many can be asked for.
        limit: usize,
    },
    /// The store was built without room for incidents, where it was to capture to.
    #[error(
        "trigger `{}` captures to incidents, and the store was built without: give `Builder::incidents` some bytes and a count, or have files written",
        name.escape_debug()
    )]
    NoIncidents {
        /// Its name.
        name: Box<str>,
    },
    /// There is no directory to write to.
    #[error("directory `{}` takes no captures: {reason}", path.to_string_lossy().escape_debug())]
    Directory {
        /// Its path.
        path: PathBuf,
        /// What is the matter with it.
        reason: Box<str>,
    },
    /// A signal that has another meaning, or that nobody can wait for.
    #[error(
        "signal {signal} is not for triggers, since its default is needed or it has no handler: take SIGUSR1, SIGUSR2 or one of real time, or handle it in the host, which sets the trigger off by call"
    )]
    Signal {
        /// Its number.
        signal: i32,
    },
    /// The system gives no handler.
    #[error("signal {signal} has got no handler: {reason}")]
    NoHandler {
        /// Its number.
        signal: i32,
        /// What the system says.
        reason: Box<str>,
    },
    /// The store is shut down.
    #[error("triggers have ended with their deck: arm them before it is shut down")]
    Ended,
    /// There is no thread that would evaluate it.
    #[error("no thread evaluates triggers: {reason}")]
    NoThread {
        /// What the supervisor says.
        reason: Box<str>,
    },
}

impl Diagnostic for TriggerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Query(error) => error.code(),
            Self::ForeignQuery { .. } => "events.trigger.foreign_query",
            Self::Name { .. } => "events.trigger.name",
            Self::FileName { .. } => "events.trigger.file_name",
            Self::DuplicateName { .. } => "events.trigger.duplicate_name",
            Self::Unknown { .. } => "events.trigger.unknown",
            Self::TooMany { .. } => "events.trigger.too_many",
            Self::Limit { .. } => "events.trigger.limit",
            Self::NoIncidents { .. } => "events.trigger.no_incidents",
            Self::Directory { .. } => "events.trigger.directory",
            Self::Signal { .. } => "events.trigger.signal",
            Self::NoHandler { .. } => "events.trigger.no_handler",
            Self::Ended => "events.trigger.ended",
            Self::NoThread { .. } => "events.trigger.no_thread",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::TooMany { .. } | Self::NoHandler { .. } | Self::Directory { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

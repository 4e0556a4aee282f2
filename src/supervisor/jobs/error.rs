//! Why there is no job, or no result.

use crate::error::{Diagnostic, Retry, Severity};
use crate::supervisor::Panic;
use std::error::Error;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Why a job was not begun.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// As many run as are allowed.
    #[error(
        "job `{job}` was not begun, since {most} run, which is the most: wait for one of them, or allow more"
    )]
    Full {
        /// The job.
        job: String,
        /// How many may run.
        most: usize,
    },
    /// The group stops, or has stopped.
    #[error("job `{job}` was not begun, since its group `{group}` stops: begin none after that")]
    Stopping {
        /// The job.
        job: String,
        /// Its group.
        group: String,
    },
    /// The system gave no thread.
    #[error("job `{job}` was not begun: {source}; raise the limit on threads")]
    NoThread {
        /// The job.
        job: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Diagnostic for SpawnError {
    fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "supervisor.job.full",
            Self::Stopping { .. } => "supervisor.job.stopping",
            Self::NoThread { .. } => "supervisor.job.no_thread",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Full { .. } | Self::Stopping { .. } => Severity::Warn,
            Self::NoThread { .. } => Severity::Error,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Full { .. } | Self::NoThread { .. } => Retry::Later,
            Self::Stopping { .. } => Retry::Never,
        }
    }
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobError<E> {
    /// It returned this error.
    Failed(E),
    /// It panicked.
    Panicked(Panic),
    /// It was cancelled, and then returned this error; `None` if it was not begun.
    Cancelled(Option<E>),
    /// Its group stopped, and it did not in time. It may run on; what it returns is dropped, and counted.
    Abandoned,
    /// It runs, and the caller has waited for so long. It may ask again.
    TimedOut(Duration),
    /// The result was handed over before.
    Taken,
}

impl<E: fmt::Display> fmt::Display for JobError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "job failed: {error}"),
            Self::Panicked(panic) => write!(f, "job panicked: {panic}"),
            Self::Cancelled(None) => f.write_str("job was cancelled before it began"),
            Self::Cancelled(Some(error)) => write!(f, "job was cancelled: {error}"),
            Self::Abandoned => f.write_str("job did not stop in time with its group, and was abandoned"),
            Self::TimedOut(time) => {
                write!(f, "job runs on after a wait of {time:?}: wait for longer, or cancel it")
            }
            Self::Taken => f.write_str("result of the job was handed over before: ask once"),
        }
    }
}

impl<E: Error + 'static> Error for JobError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) | Self::Cancelled(Some(error)) => Some(error),
            _ => None,
        }
    }
}

impl<E: Error + Send + Sync + 'static> Diagnostic for JobError<E> {
    fn code(&self) -> &'static str {
        match self {
            Self::Failed(_) => "supervisor.job.failed",
            Self::Panicked(_) => "supervisor.job.panicked",
            Self::Cancelled(_) => "supervisor.job.cancelled",
            Self::Abandoned => "supervisor.job.abandoned",
            Self::TimedOut(_) => "supervisor.job.timed_out",
            Self::Taken => "supervisor.job.taken",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Cancelled(_) | Self::TimedOut(_) => Severity::Warn,
            _ => Severity::Error,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::TimedOut(_) => Retry::Later,
            _ => Retry::Never,
        }
    }
}

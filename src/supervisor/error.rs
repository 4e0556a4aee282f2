//! What can go wrong when a supervisor is started or asked to take a worker.

use super::panic::PanicHookError;
use crate::error::{Diagnostic, Retry, Severity};
use thiserror::Error;

/// Why a supervisor was not started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two workers of one name.
    #[error("worker `{name}` is there twice: give each worker a name of its own")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A permanent worker, or supervisor, that is to be significant: it never ends for good.
    #[error("worker `{name}` is significant and permanent: make it transient or temporary")]
    PermanentSignificant {
        /// The name.
        name: String,
    },
    /// Something significant below a supervisor that never shuts down by itself.
    #[error(
        "worker `{name}` is significant, and `auto_shutdown` of its supervisor is `Never`: set it, or make nothing significant"
    )]
    NeverSignificant {
        /// The name.
        name: String,
    },
    /// The supervisor that was to take it was removed.
    #[error("the supervisor that was to take worker `{child}` is gone: add one first, or take another")]
    NoSupervisor {
        /// The child's name.
        child: String,
    },
    /// Everything was asked to stop, for good.
    #[error(
        "the supervisor was shut down and takes no worker `{child}`: add it before the shutdown, or start another supervisor"
    )]
    Stopped {
        /// The child's name.
        child: String,
    },
    /// The system gave no thread.
    #[error("the supervisor's thread `{name}` could not be started: {source}; raise the limit on threads")]
    NoThread {
        /// The thread.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The process's panic hook is in use.
    #[error(transparent)]
    PanicHook(#[from] PanicHookError),
}

impl Diagnostic for StartError {
    fn code(&self) -> &'static str {
        match self {
            Self::DuplicateName { .. } => "supervisor.worker.duplicate_name",
            Self::PermanentSignificant { .. } => "supervisor.worker.permanent_significant",
            Self::NeverSignificant { .. } => "supervisor.worker.never_significant",
            Self::NoSupervisor { .. } => "supervisor.worker.no_supervisor",
            Self::Stopped { .. } => "supervisor.worker.too_late",
            Self::NoThread { .. } => "supervisor.thread.unavailable",
            Self::PanicHook(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::NoThread { .. } => Retry::Later,
            Self::PanicHook(error) => error.retry(),
            _ => Retry::Never,
        }
    }
}

/// Why nothing was done with a worker: there is none of that name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no worker `{name}`: see `Supervisor::status` for those there are")]
pub struct RemoveError {
    /// The name.
    pub name: String,
}

impl Diagnostic for RemoveError {
    fn code(&self) -> &'static str {
        "supervisor.worker.unknown"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

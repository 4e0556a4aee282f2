//! Why a check is not taken.

use crate::error::{Diagnostic, Retry, Severity};
use std::time::Duration;
use thiserror::Error;

/// Why a check is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HealthCheckError {
    /// There is one of this name.
    #[error("check `{name}` is there already: give each check a name of its own")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A threshold of no verdicts.
    #[error("check `{name}` has {which} = 0: a state takes at least 1 verdict")]
    NoThreshold {
        /// The check.
        name: String,
        /// Which threshold.
        which: &'static str,
    },
    /// A period that is too short or too long to be kept.
    #[error("check `{name}` has a period of {period:?}: it must be from 1 ms to 24 h")]
    Period {
        /// The check.
        name: String,
        /// The period.
        period: Duration,
    },
}

impl Diagnostic for HealthCheckError {
    fn code(&self) -> &'static str {
        match self {
            Self::DuplicateName { .. } => "supervisor.check.duplicate_name",
            Self::NoThreshold { .. } => "supervisor.check.no_threshold",
            Self::Period { .. } => "supervisor.check.period",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

//! What can be wrong with a breaker's settings, and why a call is not let through.

use crate::error::{Diagnostic, Retry, Severity};
use std::time::Duration;
use thiserror::Error;

/// Which of a breaker's settings makes no sense. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BreakerSettingsError {
    /// A number out of range.
    #[error("breaker setting `{field}` is {value}, outside {least} to {most}: choose a number in that range")]
    Number {
        /// The setting.
        field: &'static str,
        /// What was asked for.
        value: u64,
        /// The least it can be.
        least: u64,
        /// The most it can be.
        most: u64,
    },
    /// A time out of range.
    #[error(
        "breaker setting `{field}` is {value:?}, outside {least:?} to {most:?}: choose a time in that range"
    )]
    Time {
        /// The setting.
        field: &'static str,
        /// What was asked for.
        value: Duration,
        /// The least it can be.
        least: Duration,
        /// The most it can be.
        most: Duration,
    },
}

impl Diagnostic for BreakerSettingsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Number { .. } => "supervisor.breaker.number",
            Self::Time { .. } => "supervisor.breaker.time",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why a breaker did not let a call through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejected {
    /// It is open.
    #[error("circuit breaker is open: try again in {retry_after:?}")]
    Open {
        /// When it lets calls through as trials.
        retry_after: Duration,
    },
    /// It is half-open, and as many trials are out as may be.
    #[error(
        "circuit breaker is half-open and all its {permitted} trials are out: try again when they are over"
    )]
    HalfOpen {
        /// How many may be.
        permitted: u32,
    },
    /// The host forced it open.
    #[error("circuit breaker is forced open: close it with `Breaker::force_closed`")]
    ForcedOpen,
}

impl Rejected {
    /// How long until the same call may be let through, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Open { retry_after } => Some(*retry_after),
            Self::HalfOpen { .. } | Self::ForcedOpen => None,
        }
    }
}

impl Diagnostic for Rejected {
    fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "supervisor.breaker.open",
            Self::HalfOpen { .. } => "supervisor.breaker.half_open",
            Self::ForcedOpen => "supervisor.breaker.forced_open",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Warn
    }
    fn retry(&self) -> Retry {
        match self {
            Self::Open { retry_after } => Retry::After(*retry_after),
            Self::HalfOpen { .. } | Self::ForcedOpen => Retry::Later,
        }
    }
}

/// Why a [call](super::Breaker::call) gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BreakerError<E> {
    /// It was not made.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It was made, and failed.
    #[error("{0}")]
    Failed(E),
}

impl<E> BreakerError<E> {
    /// How long until a call that was not made may be let through, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected(rejected) => rejected.retry_after(),
            Self::Failed(_) => None,
        }
    }
}

//! Why a limiter gave no permit.

use crate::error::{Diagnostic, Retry, Severity};
use std::time::Duration;
use thiserror::Error;

/// There is no permit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("over the limit: try again in {retry_after:?}")]
pub struct Limited {
    /// When there is one, unless somebody else takes it.
    pub retry_after: Duration,
}

/// Why there are not so many permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Not now.
    #[error("over the limit of the {permits} permits asked for: try again in {retry_after:?}")]
    Limited {
        /// How many were asked for.
        permits: u32,
        /// When there are so many, unless somebody else takes them.
        retry_after: Duration,
    },
    /// Never.
    #[error(
        "{permits} permits were asked for at once, of which there are never more than {burst}: ask for fewer, or allow a larger burst"
    )]
    TooMany {
        /// How many were asked for.
        permits: u32,
        /// The burst.
        burst: u32,
    },
}

/// Why a wait for permits ended without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// They come too late, or others were quicker.
    #[error("over the limit, and the {timeout:?} to wait are too short: try again in {retry_after:?}")]
    TimedOut {
        /// How long the caller would wait.
        timeout: Duration,
        /// When there are so many, unless somebody else takes them.
        retry_after: Duration,
    },
    /// The token was cancelled.
    #[error("cancelled while waiting for {permits} permits")]
    Cancelled {
        /// How many were asked for.
        permits: u32,
    },
    /// There are never so many.
    #[error(
        "{permits} permits were asked for at once, of which there are never more than {burst}: ask for fewer, or allow a larger burst"
    )]
    TooMany {
        /// How many were asked for.
        permits: u32,
        /// The burst.
        burst: u32,
    },
}

impl Diagnostic for Limited {
    fn code(&self) -> &'static str {
        "supervisor.limiter.limited"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn retry(&self) -> Retry {
        Retry::After(self.retry_after)
    }
}

impl Diagnostic for CheckError {
    fn code(&self) -> &'static str {
        match self {
            Self::Limited { .. } => "supervisor.limiter.limited",
            Self::TooMany { .. } => "supervisor.limiter.too_many",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Limited { .. } => Severity::Warn,
            Self::TooMany { .. } => Severity::Error,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Limited { retry_after, .. } => Retry::After(*retry_after),
            Self::TooMany { .. } => Retry::Never,
        }
    }
}

impl Diagnostic for AcquireError {
    fn code(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } => "supervisor.limiter.timed_out",
            Self::Cancelled { .. } => "supervisor.limiter.cancelled",
            Self::TooMany { .. } => "supervisor.limiter.too_many",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::TimedOut { .. } | Self::Cancelled { .. } => Severity::Warn,
            Self::TooMany { .. } => Severity::Error,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::TimedOut { retry_after, .. } => Retry::After(*retry_after),
            Self::Cancelled { .. } | Self::TooMany { .. } => Retry::Never,
        }
    }
}

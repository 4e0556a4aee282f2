//! Why a deck gives no guard.

use crate::supervisor::{BreakerSettingsError, BulkheadLimitError, LimitsError, RetryPolicyError};
use crate::{Diagnostic, Retry, Severity};
use thiserror::Error;

/// Why a deck does not give what protects a call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GuardError {
    /// There is one of that name, which was made with other settings.
    #[error("{what} `{name}` exists with other settings: ask for the same, or choose another name")]
    Exists {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The settings of a breaker make no sense.
    #[error(transparent)]
    Breaker(#[from] BreakerSettingsError),
    /// The limit of a bulkhead makes no sense.
    #[error(transparent)]
    Bulkhead(#[from] BulkheadLimitError),
    /// There are no such limits.
    #[error(transparent)]
    Limiter(#[from] LimitsError),
    /// The policy of a retrier makes no sense.
    #[error(transparent)]
    Retrier(#[from] RetryPolicyError),
}

impl Diagnostic for GuardError {
    fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "hub.guard.exists",
            Self::Breaker(error) => error.code(),
            Self::Bulkhead(error) => error.code(),
            Self::Limiter(error) => error.code(),
            Self::Retrier(error) => error.code(),
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

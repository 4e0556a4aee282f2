//! Why a config or an update of it was refused.

use super::validate::Violations;
use crate::{Diagnostic, Retry, Revision, Severity};
use std::fmt;

/// A value that must not be published, with everything that speaks against it. Nothing changed.
pub struct Rejected<T> {
    value: Box<T>,
    violations: Violations,
}

impl<T> Rejected<T> {
    pub(super) fn new(value: T, violations: Violations) -> Self {
        Self { value: Box::new(value), violations }
    }

    /// Everything that speaks against the value.
    #[must_use]
    pub fn violations(&self) -> &Violations {
        &self.violations
    }

    /// The refused value.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The refused value, handed back.
    #[must_use]
    pub fn into_value(self) -> T {
        *self.value
    }
}

// The value stays out of it: it may hold what must not be printed, and `T` need not be `Debug`.
impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected").field("violations", &self.violations).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "config rejected for {}", self.violations)
    }
}

impl<T> std::error::Error for Rejected<T> {}

impl<T: Send + Sync + 'static> Diagnostic for Rejected<T> {
    fn code(&self) -> &'static str {
        "config.value.rejected"
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why an update did not happen. In every case nothing changed.
#[non_exhaustive]
pub enum UpdateError<T> {
    /// The new value violates its own rules: correct it.
    Rejected(Rejected<T>),
    /// Another revision than the expected one is current: read it and decide again.
    Conflict {
        /// What the caller expected.
        expected: Revision,
        /// What is current.
        current: Revision,
    },
    /// The call came from inside an update of the same config (its closure, or `validate`): publish
    /// after it instead.
    Nested {
        /// What was to be published, if it existed already.
        value: Option<Box<T>>,
    },
}

impl<T> UpdateError<T> {
    /// The value that was refused, handed back.
    #[must_use]
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Rejected(rejected) => Some(rejected.into_value()),
            Self::Conflict { .. } => None,
            Self::Nested { value } => value.map(|value| *value),
        }
    }

    /// What speaks against the value, if that was the reason.
    #[must_use]
    pub fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Rejected(rejected) => Some(rejected.violations()),
            _ => None,
        }
    }
}

impl<T> From<Rejected<T>> for UpdateError<T> {
    fn from(rejected: Rejected<T>) -> Self {
        Self::Rejected(rejected)
    }
}

impl<T> fmt::Debug for UpdateError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Conflict { expected, current } => {
                f.debug_struct("Conflict").field("expected", expected).field("current", current).finish()
            }
            Self::Nested { .. } => f.debug_struct("Nested").finish_non_exhaustive(),
        }
    }
}

impl<T> fmt::Display for UpdateError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Conflict { expected, current } => write!(
                f,
                "config update expected revision {expected}, but {current} is current: \
                 read it and decide again"
            ),
            Self::Nested { .. } => f.write_str(
                "config update called from inside an update of the same config: \
                 publish after the closure returns, or from a subscriber",
            ),
        }
    }
}

impl<T> std::error::Error for UpdateError<T> {}

impl<T: Send + Sync + 'static> Diagnostic for UpdateError<T> {
    fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejected) => rejected.code(),
            Self::Conflict { .. } => "config.update.conflict",
            Self::Nested { .. } => "config.update.nested",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Rejected(rejected) => rejected.severity(),
            Self::Conflict { .. } => Severity::Warn,
            Self::Nested { .. } => Severity::Error,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Conflict { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

//! Why a config or an update of it was refused.

use super::cause::Cause;
use super::validate::Violations;
use crate::sync::thread::Thread;
use crate::{Diagnostic, Retry, Revision, Severity};
use std::fmt;
use std::time::Duration;

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
        /// What was to be published, if it existed already.
        value: Option<Box<T>>,
    },
    /// Another update did not end in time.
    Busy {
        /// Whose, unless it ended just then.
        holder: Option<Holder>,
        /// For how long this one waited.
        waited: Duration,
        /// What was to be published, if it existed already.
        value: Option<Box<T>>,
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
            Self::Conflict { value, .. } | Self::Busy { value, .. } | Self::Nested { value } => {
                value.map(|value| *value)
            }
        }
    }

    /// The same, with the value that it refused before looking at it.
    pub(super) fn with_value(mut self, refused: T) -> Self {
        if let Self::Conflict { value, .. } | Self::Busy { value, .. } | Self::Nested { value } = &mut self {
            *value = Some(Box::new(refused));
        }
        self
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
            Self::Conflict { expected, current, .. } => f
                .debug_struct("Conflict")
                .field("expected", expected)
                .field("current", current)
                .finish_non_exhaustive(),
            Self::Busy { holder, waited, .. } => {
                f.debug_struct("Busy").field("holder", holder).field("waited", waited).finish_non_exhaustive()
            }
            Self::Nested { .. } => f.debug_struct("Nested").finish_non_exhaustive(),
        }
    }
}

impl<T> fmt::Display for UpdateError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Conflict { expected, current, .. } => write!(
                f,
                "config update expected revision {expected}, but {current} is current: \
                 read it and decide again"
            ),
            Self::Busy { holder, waited, .. } => {
                write!(f, "config update waited {waited:?} for ")?;
                match holder {
                    Some(holder) => write!(f, "the update of {holder}")?,
                    None => f.write_str("other updates")?,
                }
                f.write_str(": give it more time, or see what its closure or validation waits for")
            }
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
            Self::Busy { .. } => "config.update.busy",
            Self::Nested { .. } => "config.update.nested",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Rejected(rejected) => rejected.severity(),
            Self::Conflict { .. } | Self::Busy { .. } => Severity::Warn,
            Self::Nested { .. } => Severity::Error,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Conflict { .. } | Self::Busy { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

/// Who holds up an update.
#[derive(Clone)]
pub struct Holder {
    pub(super) thread: Thread,
    pub(super) cause: Cause,
}

impl Holder {
    /// The name of the thread whose update it is; `unnamed thread` if it has none.
    #[must_use]
    pub fn thread(&self) -> &str {
        self.thread.name().unwrap_or("unnamed thread")
    }

    /// Whose update it is said to be, and why.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.cause.who(), self.cause.why()) {
            (who, None) if who == self.thread() => write!(f, "thread `{who}`"),
            _ => write!(f, "thread `{}` ({})", self.thread(), self.cause),
        }
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").field("thread", &self.thread()).field("cause", &self.cause).finish()
    }
}

/// Why an update whose closure may fail did not happen. In every case nothing changed.
#[non_exhaustive]
pub enum TryUpdateError<T, E> {
    /// The closure failed.
    Failed(E),
    /// Anything else.
    Update(UpdateError<T>),
}

impl<T, E> From<UpdateError<T>> for TryUpdateError<T, E> {
    fn from(error: UpdateError<T>) -> Self {
        Self::Update(error)
    }
}

impl<T, E: fmt::Debug> fmt::Debug for TryUpdateError<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            Self::Update(error) => error.fmt(f),
        }
    }
}

impl<T, E: fmt::Display> fmt::Display for TryUpdateError<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "config update failed, and nothing changed: {error}"),
            Self::Update(error) => error.fmt(f),
        }
    }
}

impl<T, E: std::error::Error + 'static> std::error::Error for TryUpdateError<T, E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Update(_) => None,
        }
    }
}

impl<T: Send + Sync + 'static, E: std::error::Error + Send + Sync + 'static> Diagnostic
    for TryUpdateError<T, E>
{
    fn code(&self) -> &'static str {
        match self {
            Self::Failed(_) => "config.update.failed",
            Self::Update(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Self::Failed(_) => Severity::Error,
            Self::Update(error) => error.severity(),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Failed(_) => Retry::Never,
            Self::Update(error) => error.retry(),
        }
    }
}

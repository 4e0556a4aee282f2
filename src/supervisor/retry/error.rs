//! What is left of a call that was given up.

use crate::error::{Diagnostic, Retry, Severity};
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a call was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GaveUp {
    /// The failure is one that comes back with the same call.
    Permanent,
    /// It was tried as often as the policy allows.
    Attempts,
    /// The next attempt would have begun after the deadline.
    Deadline,
    /// All callers together had no retry left: see [`RetryBudget`](super::RetryBudget).
    Budget,
    /// The token was cancelled.
    Cancelled,
}

/// A call that was given up, with its last failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryError<E> {
    /// Why.
    pub why: GaveUp,
    /// How often it was tried.
    pub attempts: u32,
    /// How long that took, from the begin of the call.
    pub elapsed: Duration,
    /// What the last attempt said; `None` if the call was cancelled before the first.
    pub last: Option<E>,
}

impl<E: fmt::Display> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, attempts, elapsed, last } = self;
        let s = if *attempts == 1 { "" } else { "s" };
        write!(f, "gave up after {attempts} attempt{s} in {elapsed:?}, ")?;
        f.write_str(match why {
            GaveUp::Permanent => "since the failure comes back with the same call: change the call",
            GaveUp::Attempts => "as many as allowed: allow more, or mend what fails",
            GaveUp::Deadline => {
                "since the next would begin after the deadline: allow more time, or mend what fails"
            }
            GaveUp::Budget => "since the retry budget is used up: too many calls fail for more load to help",
            GaveUp::Cancelled => "since it was cancelled",
        })?;
        match last {
            Some(last) => write!(f, "; last failure: {last}"),
            None => Ok(()),
        }
    }
}

impl<E: Error + 'static> Error for RetryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last.as_ref().map(|last| last as _)
    }
}

impl<E: Error + Send + Sync + 'static> Diagnostic for RetryError<E> {
    fn code(&self) -> &'static str {
        match self.why {
            GaveUp::Permanent => "supervisor.retry.permanent",
            GaveUp::Attempts => "supervisor.retry.attempts",
            GaveUp::Deadline => "supervisor.retry.deadline",
            GaveUp::Budget => "supervisor.retry.budget",
            GaveUp::Cancelled => "supervisor.retry.cancelled",
        }
    }

    fn severity(&self) -> Severity {
        match self.why {
            GaveUp::Cancelled => Severity::Warn,
            _ => Severity::Error,
        }
    }

    fn retry(&self) -> Retry {
        match self.why {
            GaveUp::Permanent | GaveUp::Cancelled => Retry::Never,
            GaveUp::Attempts | GaveUp::Deadline | GaveUp::Budget => Retry::Later,
        }
    }
}

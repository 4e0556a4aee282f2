//! What of a policy may be said again while a host runs.

use super::{RetryPolicy, RetryPolicyError};
use crate::supervisor::Backoff;
use std::time::Duration;

/// What is said in place of parts of a [`RetryPolicy`], as by the [settings](crate::Settings::retriers) of a deck. What is
/// left out stays as it is there; so do the budget, the seed and virtual time.
///
/// ```
/// use flightdeck::supervisor::{Retrier, RetryPolicy, RetrySettings};
/// use std::time::Duration;
///
/// let policy = RetryPolicy::new().max_attempts(9).deadline(Duration::from_secs(30));
/// let retrier = Retrier::new(policy.clone())?;
/// retrier.set_policy(RetrySettings::new().max_attempts(2).over(policy))?;
/// let delays = retrier.delays();
/// assert!(delays.left() <= Some(Duration::from_secs(30)), "as before");
/// assert_eq!(delays.count(), 1);
/// # Ok::<(), flightdeck::supervisor::RetryPolicyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetrySettings {
    /// As [`RetryPolicy::max_attempts`].
    pub max_attempts: Option<u32>,
    /// As [`RetryPolicy::deadline`]. `Duration::MAX`: none.
    pub deadline: Option<Duration>,
    /// As [`RetryPolicy::backoff`].
    pub backoff: Option<Backoff>,
}

impl RetrySettings {
    /// Nothing said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`RetryPolicy::max_attempts`].
    #[must_use]
    pub fn max_attempts(mut self, most: u32) -> Self {
        self.max_attempts = Some(most);
        self
    }

    /// As [`RetryPolicy::deadline`]. `Duration::MAX`: none.
    #[must_use]
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// As [`RetryPolicy::backoff`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// That policy, with what is said here in place of its own.
    pub fn over(&self, policy: RetryPolicy) -> RetryPolicy {
        RetryPolicy {
            attempts: self.max_attempts.unwrap_or(policy.attempts),
            deadline: match self.deadline {
                None => policy.deadline,
                Some(deadline) => Some(deadline).filter(|deadline| *deadline != Duration::MAX),
            },
            backoff: self.backoff.unwrap_or(policy.backoff),
            ..policy
        }
    }

    /// Whether they make sense.
    pub(crate) fn check(&self) -> Result<(), RetryPolicyError> {
        self.over(RetryPolicy::new()).checked().map(drop)
    }
}

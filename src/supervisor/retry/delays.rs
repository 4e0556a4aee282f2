//! Whether to try again, and when: all decisions of a call.

use super::retrier::Inner;
use super::{GaveUp, RetryBudget, RetryPolicy};
use crate::error::Retry;
use crate::sync::{Arc, Relaxed};
use std::fmt;
use std::time::Duration;

/// When to try again: one call of a [`Retrier`](super::Retrier), for who waits by other means than parking a thread. An
/// iterator over the delays between attempts, which ends once the call is to be given up.
///
/// Time is counted from when it was made. Each delay that is asked for takes a retry from the budget; the attempt after it
/// is [counted](super::RetryStats::retries) once its end is told here.
#[must_use = "a call has begun"]
pub struct Delays {
    retrier: Arc<Inner>,
    policy: Arc<RetryPolicy>,
    begun: Duration,
    failures: u32,
    before: Duration,
    given_up: Option<GaveUp>,
    /// There is to be one more attempt, of which nothing has been heard yet.
    granted: bool,
}

impl Delays {
    pub(super) fn new(retrier: Arc<Inner>) -> Self {
        let policy = retrier.policy();
        retrier.counts.calls.fetch_add(1, Relaxed);
        if let Some(budget) = &policy.budget {
            budget.deposit();
        }
        let begun = policy.now(retrier.begun);
        Self { retrier, policy, begun, failures: 0, before: Duration::ZERO, given_up: None, granted: false }
    }

    /// An attempt failed, and is worth being tried again as its failure says: how long to wait for that, or why not to.
    ///
    /// # Errors
    /// If the call is given up; then always the same.
    pub fn after(&mut self, advice: Retry) -> Result<Duration, GaveUp> {
        if let Some(why) = self.given_up {
            return Err(why);
        }
        self.tried();
        let policy = &self.policy;
        self.failures = self.failures.saturating_add(1);
        let at_least = match advice {
            Retry::Never => return Err(self.give_up(GaveUp::Permanent)),
            Retry::Later => Duration::ZERO,
            Retry::After(time) => time,
        };
        if self.failures >= policy.attempts && policy.attempts != u32::MAX {
            return Err(self.give_up(GaveUp::Attempts));
        }
        self.before = policy.backoff.delay(self.failures, self.before, self.retrier.chance.draw());
        let delay = at_least.saturating_add(self.before);
        if self.left().is_some_and(|left| delay > left) {
            return Err(self.give_up(GaveUp::Deadline));
        }
        // The last question, since the answer is paid for.
        if policy.budget.as_ref().is_some_and(|budget| !budget.withdraw()) {
            return Err(self.give_up(GaveUp::Budget));
        }
        self.granted = true;
        Ok(delay)
    }

    /// The attempt that was granted is made.
    pub(super) fn tried(&mut self) {
        if std::mem::take(&mut self.granted) {
            self.retrier.counts.retries.fetch_add(1, Relaxed);
        }
    }

    /// The attempt that was granted is not made: somebody else may have it.
    pub(super) fn cancel(&mut self) -> GaveUp {
        if std::mem::take(&mut self.granted) {
            self.policy.budget.iter().for_each(RetryBudget::give_back);
        }
        self.give_up(GaveUp::Cancelled)
    }

    /// It passed: counts a call that recovered.
    pub fn succeeded(&mut self) {
        self.tried();
        if self.failures > 0 {
            self.retrier.counts.recovered.fetch_add(1, Relaxed);
        }
    }

    /// How often it was tried and failed.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How long the call has taken so far.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.policy.now(self.retrier.begun).saturating_sub(self.begun)
    }

    /// How much time is left; `None` if there is no deadline.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.policy.deadline.map(|deadline| deadline.saturating_sub(self.elapsed()))
    }

    pub(super) fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    fn give_up(&mut self, why: GaveUp) -> GaveUp {
        self.retrier.counts.gave_up(why);
        self.given_up = Some(why);
        why
    }
}

impl Iterator for Delays {
    type Item = Duration;

    /// As [`Delays::after`] a failure that may pass later.
    fn next(&mut self) -> Option<Duration> {
        self.after(Retry::Later).ok()
    }
}

impl fmt::Debug for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delays")
            .field("failures", &self.failures)
            .field("given_up", &self.given_up)
            .finish_non_exhaustive()
    }
}

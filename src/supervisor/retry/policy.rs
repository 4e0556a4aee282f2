//! How often to try, for how long, how far apart.

use super::RetryBudget;
use crate::clock::{Clock, ClockSource};
use crate::error::{Diagnostic, Retry, Severity};
use crate::supervisor::Backoff;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How often to try, for how long, how far apart: four attempts by default, 100 ms apart and then twice as long each, up to
/// 10 s, half of it left to chance; no limit of time and no budget.
#[derive(Clone, Debug)]
#[must_use]
pub struct RetryPolicy {
    pub(super) attempts: u32,
    pub(super) deadline: Option<Duration>,
    pub(super) backoff: Backoff,
    pub(super) budget: Option<RetryBudget>,
    pub(super) seed: Option<u64>,
    pub(super) clock: Option<Clock>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            deadline: None,
            backoff: Backoff::between(Duration::from_millis(100), Duration::from_secs(10)),
            budget: None,
            seed: None,
            clock: None,
        }
    }
}

/// Two are the same if they are alike, and have the same budget and the same virtual time, not others like those.
impl PartialEq for RetryPolicy {
    fn eq(&self, other: &Self) -> bool {
        let Self { attempts, deadline, backoff, budget, seed, clock } = self;
        let same_budget = match (budget, &other.budget) {
            (Some(one), Some(other)) => one.is(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let same_clock = match (clock, &other.clock) {
            (Some(one), Some(other)) => one.is(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let alike = (*attempts, *deadline, *backoff, *seed)
            == (other.attempts, other.deadline, other.backoff, other.seed);
        alike && same_budget && same_clock
    }
}

impl RetryPolicy {
    /// See [the type](Self).
    pub fn new() -> Self {
        Self::default()
    }

    /// How often it is tried at the most, the first time included. `u32::MAX` is no limit.
    pub fn max_attempts(mut self, most: u32) -> Self {
        self.attempts = most;
        self
    }

    /// Until when an attempt may begin, counted from the begin of the call. One that runs is not ended: it has to see to
    /// that by itself ([`Attempt::left`](super::Attempt::left)). What would begin too late is not waited for.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// How far apart attempts are.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// What load retries may add, shared with whoever has the same budget.
    pub fn budget(mut self, budget: &RetryBudget) -> Self {
        self.budget = Some(budget.clone());
        self
    }

    /// Where chance begins: one seed, one sequence of delays. Otherwise each [`Retrier`](super::Retrier) has its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// For tests: time is that of a clock which is moved by hand, and who would sleep moves it on instead.
    pub fn virtual_time(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    pub(super) fn checked(self) -> Result<Self, RetryPolicyError> {
        if self.attempts == 0 {
            return Err(RetryPolicyError::NoAttempt);
        }
        match self.clock.as_ref().map(Clock::source) {
            None | Some(ClockSource::Manual) => Ok(self),
            Some(from) => Err(RetryPolicyError::NotManual { from }),
        }
    }

    /// What time it is, from some instant on.
    pub(super) fn now(&self, begun: Instant) -> Duration {
        self.clock.as_ref().map_or_else(|| begun.elapsed(), |clock| Duration::from_nanos(clock.now().0))
    }
}

/// Why there is no such policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RetryPolicyError {
    /// Nothing would be tried.
    #[error("retry policy allows 0 attempts: allow 1 at the least, which is the call itself")]
    NoAttempt,
    /// Virtual time is moved by hand.
    #[error(
        "retry policy has the time of a clock that reads {from:?}, which sleeps cannot move: take `Clock::manual`, or leave virtual time out"
    )]
    NotManual {
        /// What it reads.
        from: ClockSource,
    },
}

impl Diagnostic for RetryPolicyError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoAttempt => "supervisor.retry_policy.no_attempt",
            Self::NotManual { .. } => "supervisor.retry_policy.not_manual",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

//! What callers of one thing share.

use super::{Attempt, Call, Delays, GaveUp, RetryError, RetryPolicy, RetryPolicyError};
use crate::error::{Diagnostic, Retry};
use crate::random::{self, Chance};
use crate::sync::{Arc, ArcSwap, AtomicU64, Relaxed};
use std::fmt;
use std::time::Instant;

/// Tries again what may pass later, as its policy says. One for each thing that is called; callers share it.
///
/// It blocks the caller, parked between attempts; [`Retrier::delays`] is for those who wait otherwise. It catches no panic,
/// and ends no attempt. What is tried must bear being done twice.
///
/// Lock-free where the first attempt succeeds: that costs a reference to the policy and a count. Cheap to clone.
///
/// ```
/// use flightdeck::supervisor::{Limiter, Limits, Retrier, RetryPolicy};
///
/// let limiter = Limiter::new(Limits::per_second(100).burst(1))?;
/// limiter.check()?;
/// let retrier = Retrier::new(RetryPolicy::new().max_attempts(10))?;
/// // Errors of this crate say themselves whether to try again, and when.
/// let attempts = retrier.run(|attempt| limiter.check().map(|()| attempt.number()))?;
/// assert!(attempts > 1 && retrier.stats().recovered == 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Retrier(Arc<Inner>);

pub(super) struct Inner {
    policy: ArcSwap<RetryPolicy>,
    pub(super) chance: Chance,
    pub(super) begun: Instant,
    pub(super) counts: Counts,
}

/// Relaxed: each stands for itself.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) calls: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) recovered: AtomicU64,
    gave_up: [AtomicU64; 5],
}

impl Counts {
    pub(super) fn gave_up(&self, why: GaveUp) {
        self.gave_up[why as usize].fetch_add(1, Relaxed);
    }
}

/// What has been tried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryStats {
    /// Calls that began.
    pub calls: u64,
    /// Attempts beyond the first of each call, each as soon as it begins; with [`Delays`], once its end is told. One that is
    /// not made, since the call was cancelled during the delay before it, is none.
    pub retries: u64,
    /// Calls that succeeded, and not at the first attempt.
    pub recovered: u64,
    /// Calls given up, since the failure comes back.
    pub permanent: u64,
    /// Since it was tried as often as allowed.
    pub attempts: u64,
    /// Since the next attempt would have begun too late.
    pub deadline: u64,
    /// Since there was no retry left for all callers.
    pub budget: u64,
    /// Since somebody cancelled.
    pub cancelled: u64,
}

impl Retrier {
    /// For callers of one thing.
    ///
    /// # Errors
    /// If the policy allows no attempt, or has the time of a clock that is not moved by hand.
    pub fn new(policy: RetryPolicy) -> Result<Self, RetryPolicyError> {
        let policy = policy.checked()?;
        let seed = policy.seed.unwrap_or_else(random::seed);
        Ok(Self(Arc::new(Inner {
            policy: ArcSwap::new(Arc::new(policy)),
            chance: Chance::new(seed),
            begun: Instant::now(),
            counts: Counts::default(),
        })))
    }

    /// Runs it until it succeeds or is given up. Errors say by [`Diagnostic::retry`] whether to try again; for others, and
    /// to be cancelled or told of failures, see [`Retrier::when`] and [`Retrier::by_advice`].
    ///
    /// # Errors
    /// Once it is given up, with the last failure and why.
    pub fn run<T, E: Diagnostic>(
        &self,
        attempt: impl FnMut(Attempt) -> Result<T, E>,
    ) -> Result<T, RetryError<E>> {
        self.by_advice().run(attempt)
    }

    /// A call whose errors say by [`Diagnostic::retry`] whether to try again.
    pub fn by_advice<E: Diagnostic>(&self) -> Call<'_, E> {
        Call::new(self, |error: &E| error.retry())
    }

    /// A call of which `decide` says, after each failure, whether to try again. A time ([`Retry::After`]) is waited for, and
    /// the delay of the policy on top, so that not all who were told the same time come back at once.
    ///
    /// ```
    /// use flightdeck::Retry;
    /// use flightdeck::supervisor::{GaveUp, Retrier, RetryPolicy};
    /// use std::io::{Error, ErrorKind};
    ///
    /// let retrier = Retrier::new(RetryPolicy::new())?;
    /// let decide = |error: &Error| match error.kind() {
    ///     ErrorKind::ConnectionReset | ErrorKind::TimedOut => Retry::Later,
    ///     _ => Retry::Never,
    /// };
    /// let failed = retrier.when(decide).run(|_| std::fs::read("/nowhere/at/all")).unwrap_err();
    /// assert_eq!((failed.why, failed.attempts), (GaveUp::Permanent, 1));
    /// # Ok::<(), flightdeck::supervisor::RetryPolicyError>(())
    /// ```
    pub fn when<'a, E>(&'a self, decide: impl Fn(&E) -> Retry + 'a) -> Call<'a, E> {
        Call::new(self, decide)
    }

    /// When to try again, for who waits otherwise than parked: a call begins now.
    ///
    /// ```
    /// use flightdeck::Retry;
    /// use flightdeck::supervisor::{Retrier, RetryPolicy};
    ///
    /// # async fn sleep(_: std::time::Duration) {}
    /// # async fn fetch() -> Result<u8, &'static str> { Ok(7) }
    /// async fn fetch_with_patience(retrier: &Retrier) -> Option<u8> {
    ///     let mut delays = retrier.delays();
    ///     loop {
    ///         match fetch().await {
    ///             Ok(fetched) => {
    ///                 delays.succeeded();
    ///                 return Some(fetched);
    ///             }
    ///             Err(_) => sleep(delays.next()?).await,
    ///         }
    ///     }
    /// }
    /// # let _ = fetch_with_patience;
    /// ```
    pub fn delays(&self) -> Delays {
        Delays::new(self.0.clone())
    }

    /// Changes the policy for calls that begin from now on. What chance is left stays where it is.
    ///
    /// # Errors
    /// As [`Retrier::new`]; the old one stays.
    pub fn set_policy(&self, policy: RetryPolicy) -> Result<(), RetryPolicyError> {
        self.0.policy.swap(Arc::new(policy.checked()?));
        Ok(())
    }

    /// What has been tried so far.
    #[must_use]
    pub fn stats(&self) -> RetryStats {
        let Counts { calls, retries, recovered, gave_up } = &self.0.counts;
        let given_up = |why: GaveUp| gave_up[why as usize].load(Relaxed);
        RetryStats {
            calls: calls.load(Relaxed),
            retries: retries.load(Relaxed),
            recovered: recovered.load(Relaxed),
            permanent: given_up(GaveUp::Permanent),
            attempts: given_up(GaveUp::Attempts),
            deadline: given_up(GaveUp::Deadline),
            budget: given_up(GaveUp::Budget),
            cancelled: given_up(GaveUp::Cancelled),
        }
    }
}

impl Inner {
    pub(super) fn policy(&self) -> Arc<RetryPolicy> {
        self.policy.load_full()
    }
}

impl fmt::Debug for Retrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrier")
            .field("policy", &self.0.policy())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Retrier>();
};

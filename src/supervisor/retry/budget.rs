//! How much load retries may add, over all callers: a bucket that each call fills by a part of a retry, and each retry takes
//! one from. The deposits are those of Finagle's `RetryBudget`, the limit on what is saved up is that of gRPC's retry
//! throttling (proposal A6) in place of Finagle's time to live.
//!
//! It has no edges: a balance stands for itself.

use crate::error::{Diagnostic, Retry, Severity};
use crate::sync::{Arc, AtomicU64, Relaxed};
use std::fmt;
use thiserror::Error;

/// One retry, in parts of the balance.
const RETRY: u64 = 1_000_000;

/// A bound on how much load retries add, shared by all who call the same thing: for `n` calls there are no more retries than
/// `ratio` x `n` and what was saved up, which is `most` retries at first and never more than that.
///
/// Without one, a service that is down gets each call as often as attempts are allowed. Lock-free; while it is full, a call
/// costs a load. Cheap to clone; clones are one budget.
///
/// ```
/// use flightdeck::supervisor::{Backoff, GaveUp, Retrier, RetryBudget, RetryPolicy};
/// use flightdeck::{Clock, Retry};
///
/// let budget = RetryBudget::new(0.1, 5)?;
/// let policy = RetryPolicy::new().budget(&budget).virtual_time(&Clock::manual());
/// let retrier = Retrier::new(policy)?;
/// let mut sent = 0;
/// for _ in 0..100 {
///     let down = retrier.when(|_: &&str| Retry::Later).run(|_| { sent += 1; Err::<(), _>("down") });
///     assert!(down.is_err());
/// }
/// assert!(sent <= 100 + 5 + 100 / 10, "and not 400");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RetryBudget(Arc<Inner>);

struct Inner {
    /// In parts of a retry. Relaxed: it stands for itself.
    balance: AtomicU64,
    deposit: u64,
    most: u64,
    refused: AtomicU64,
}

impl RetryBudget {
    const RATIOS: std::ops::RangeInclusive<f64> = 0.001..=10.0;
    const MOST: std::ops::RangeInclusive<u32> = 1..=1_000_000;

    /// So many retries for each call, and so many saved up at the most. Finagle takes 0.2.
    ///
    /// # Errors
    /// If `ratio` is not from 0.001 to 10, or `most` not from 1 to 1,000,000.
    pub fn new(ratio: f64, most: u32) -> Result<Self, BudgetError> {
        if !Self::RATIOS.contains(&ratio) {
            return Err(BudgetError::Ratio { ratio });
        }
        if !Self::MOST.contains(&most) {
            return Err(BudgetError::Most { most });
        }
        let (deposit, most) = ((ratio * RETRY as f64) as u64, u64::from(most) * RETRY);
        let (balance, refused) = (AtomicU64::new(most), AtomicU64::new(0));
        Ok(Self(Arc::new(Inner { balance, deposit, most, refused })))
    }

    /// Whether both are one.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// For a call.
    pub(super) fn deposit(&self) {
        self.add(self.0.deposit);
    }

    /// Of a retry that is not made after all.
    pub(super) fn give_back(&self) {
        self.add(RETRY);
    }

    fn add(&self, parts: u64) {
        let Inner { balance, most, .. } = &*self.0;
        let mut seen = balance.load(Relaxed);
        while seen < *most {
            let next = seen.saturating_add(parts).min(*most);
            match balance.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    /// For a retry; whether there was one.
    pub(super) fn withdraw(&self) -> bool {
        let Inner { balance, refused, .. } = &*self.0;
        let mut seen = balance.load(Relaxed);
        while let Some(next) = seen.checked_sub(RETRY) {
            match balance.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(other) => seen = other,
            }
        }
        refused.fetch_add(1, Relaxed);
        false
    }

    /// How many retries there are.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.0.balance.load(Relaxed) / RETRY
    }

    /// How many there were not.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("left", &self.left())
            .field("refused", &self.refused())
            .finish_non_exhaustive()
    }
}

/// Why there is no such budget.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// Too few retries for each call, or too many to be a bound.
    #[error(
        "retry budget has a ratio of {ratio}, outside 0.001 to 10: choose one in that range, such as 0.2"
    )]
    Ratio {
        /// What was asked for.
        ratio: f64,
    },
    /// Nothing is saved up, or too much to be a bound.
    #[error("retry budget saves up {most} retries, outside 1 to 1000000: choose a number in that range")]
    Most {
        /// What was asked for.
        most: u32,
    },
}

impl Diagnostic for BudgetError {
    fn code(&self) -> &'static str {
        match self {
            Self::Ratio { .. } => "supervisor.retry_budget.ratio",
            Self::Most { .. } => "supervisor.retry_budget.most",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

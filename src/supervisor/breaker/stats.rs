//! What a breaker has done so far.

use super::settings::BreakerWhy;
use super::word::BreakerState;
use crate::clock::Ticks;

/// A change of a breaker's state, told to its [observers](super::Breaker::observe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerTransition {
    /// Before.
    pub from: BreakerState,
    /// After.
    pub to: BreakerState,
    /// Why.
    pub why: BreakerWhy,
    /// How often the state changed until then, this time included, modulo 2^22. Threads that change it one after the other
    /// may tell of it in another order.
    pub generation: u32,
    /// When, as far as this thread knows.
    pub at: Ticks,
}

/// Counts of a breaker since it was made, each exact once the calls are over that it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerStats {
    /// Calls that were let through and are over: the sum of the five that follow.
    pub calls: u64,
    /// Calls that succeeded, slow ones included.
    pub successes: u64,
    /// Calls that failed, by error or panic, slow ones included.
    pub failures: u64,
    /// Calls whose outcome says nothing, as the host said.
    pub ignored: u64,
    /// Permits that were dropped without an outcome.
    pub abandoned: u64,
    /// Outcomes that came after the state had changed, and changed nothing.
    pub stale: u64,
    /// Of the successes and failures, those that took too long.
    pub slow: u64,
    /// Calls that were not let through.
    pub rejected: u64,
    /// How often it opened by itself.
    pub trips: u64,
    /// The last time it did.
    pub last_trip: Option<BreakerTransition>,
    /// Panics of observers.
    pub observer_panics: u64,
}

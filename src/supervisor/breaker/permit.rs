//! The right to make one call.

use super::cells::Count;
use super::handle::Core;
use super::word::Word;
use crate::clock::Ticks;
use crate::sync::thread;
use std::fmt;
use std::mem::ManuallyDrop;

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It did not, and that says something about what was called.
    Failure,
    /// Nothing that says anything about what was called.
    Ignored,
}

impl Outcome {
    /// An error is a failure.
    #[inline(always)]
    pub const fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Success } else { Self::Failure }
    }
}

/// The right to make one call, from [`Breaker::try_acquire`](super::Breaker::try_acquire); to be settled by what came of it, on
/// whatever thread.
///
/// Dropped without an outcome, it counts as a failure if the thread is panicking, and otherwise as
/// [abandoned](super::BreakerStats::abandoned), as when a task is cancelled: that says nothing about what was called, so the
/// permit for a trial is given back, and another call may try. One that is never dropped is missed after
/// [a while](super::BreakerSettings::longest_half_open).
///
/// ```
/// # use flightdeck::supervisor::{Breaker, BreakerSettings};
/// # let breaker = Breaker::new(BreakerSettings::new())?;
/// let permit = breaker.try_acquire()?;
/// // ... the call, here or on another thread
/// permit.success();
/// drop(breaker.try_acquire()?); // cancelled
/// assert_eq!((breaker.stats().successes, breaker.stats().abandoned), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropped without an outcome it counts as abandoned"]
pub struct BreakerPermit<'a> {
    core: &'a Core,
    word: Word,
    /// When it was given, if calls are timed.
    started: Ticks,
}

impl fmt::Debug for BreakerPermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerPermit").field("given", &self.word).finish_non_exhaustive()
    }
}

impl<'a> BreakerPermit<'a> {
    #[inline(always)]
    pub(super) fn new(core: &'a Core, word: Word, started: Ticks) -> Self {
        Self { core, word, started }
    }

    /// The call did what it should.
    #[inline(always)]
    pub fn success(self) {
        let permit = ManuallyDrop::new(self);
        permit.core.succeed(permit.word, permit.started);
    }

    /// The call did not.
    pub fn failure(self) {
        self.settle(Count::Failure);
    }

    /// What came of the call says nothing about what was called. The permit of a trial is given back.
    pub fn ignore(self) {
        self.settle(Count::Ignored);
    }

    fn settle(self, count: Count) {
        let permit = ManuallyDrop::new(self);
        permit.core.settle(permit.word, permit.started, count);
    }
}

impl Drop for BreakerPermit<'_> {
    fn drop(&mut self) {
        let count = if thread::panicking() { Count::Failure } else { Count::Abandoned };
        self.core.settle(self.word, self.started, count);
    }
}

/// A call that is being made: if it unwinds, it has failed.
pub(super) struct Running<'a>(Option<BreakerPermit<'a>>);

impl<'a> Running<'a> {
    #[inline(always)]
    pub(super) fn of(permit: BreakerPermit<'a>) -> Self {
        Self(Some(permit))
    }

    #[inline(always)]
    pub(super) fn over(mut self, outcome: Outcome) {
        let Some(permit) = self.0.take() else { return };
        match outcome {
            Outcome::Success => permit.success(),
            Outcome::Failure => permit.failure(),
            Outcome::Ignored => permit.ignore(),
        }
    }
}

impl Drop for Running<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Also where the thread was panicking before, so that nobody could tell by that.
        if let Some(permit) = self.0.take() {
            permit.failure();
        }
    }
}

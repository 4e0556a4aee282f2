//! What is done once, and its result.

use super::group::{Counts, Group};
use super::{JobContext, JobError};
use crate::contain::drop_contained;
use crate::supervisor::CancelToken;
use crate::supervisor::panic::{Notes, Panic};
use crate::sync::{Arc, Mutex, Relaxed, Signal};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A job that was begun: whoever holds it can wait for its result, and cancel it. Dropped, it lets the job run on, which is
/// counted.
#[must_use = "the result of the job is lost when this is dropped"]
pub struct Job<T, E> {
    slot: Arc<Slot<T, E>>,
    token: CancelToken,
    group: Arc<Group>,
}

/// Where the result comes to lie.
pub(super) struct Slot<T, E> {
    result: Mutex<Filled<T, E>>,
    filled: Signal,
}

enum Filled<T, E> {
    NotYet,
    With(Result<T, JobError<E>>),
    Taken,
}

impl<T, E> Job<T, E> {
    pub(super) fn new(slot: Arc<Slot<T, E>>, token: CancelToken, group: Arc<Group>) -> Self {
        Self { slot, token, group }
    }

    /// Asks it to stop. It stops when it looks; [`Job::join`] tells what came of it.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Whether it has ended, or was abandoned.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.slot.is_filled()
    }

    /// Its result, waited for, parked, as long as `timeout` at the most. Handed over once.
    ///
    /// # Errors
    /// If it failed, panicked, was cancelled or abandoned; if it runs on after that time, or the result was taken before.
    pub fn join(&self, timeout: Duration) -> Result<T, JobError<E>> {
        self.slot.filled.wait(Instant::now().checked_add(timeout), || self.slot.is_filled());
        self.slot.take().unwrap_or(Err(JobError::TimedOut(timeout)))
    }

    /// Its result, if it is there, without waiting. Handed over once.
    ///
    /// # Errors
    /// As [`Job::join`], within `Some`.
    pub fn try_result(&self) -> Option<Result<T, JobError<E>>> {
        self.slot.take()
    }
}

impl<T, E> Slot<T, E> {
    pub(super) fn new() -> Self {
        Self { result: Mutex::new(Filled::NotYet), filled: Signal::new() }
    }

    fn is_filled(&self) -> bool {
        !matches!(*self.result.lock(), Filled::NotYet)
    }

    fn take(&self) -> Option<Result<T, JobError<E>>> {
        let mut result = self.result.lock();
        match std::mem::replace(&mut *result, Filled::Taken) {
            Filled::NotYet => {
                *result = Filled::NotYet;
                None
            }
            Filled::With(outcome) => Some(outcome),
            Filled::Taken => Some(Err(JobError::Taken)),
        }
    }

    pub(super) fn fill(&self, outcome: Result<T, JobError<E>>, counts: &Counts) {
        let count = match &outcome {
            Ok(_) => &counts.succeeded,
            Err(JobError::Panicked(_)) => &counts.panicked,
            Err(JobError::Cancelled(_)) => &counts.cancelled,
            Err(_) => &counts.failed,
        };
        // Before it is there: whoever finds the result finds it counted.
        count.fetch_add(1, Relaxed);
        self.put(outcome);
    }

    pub(super) fn abandon(&self) {
        self.put(Err(JobError::Abandoned));
    }

    /// Unless something was there before.
    fn put(&self, outcome: Result<T, JobError<E>>) {
        let late = {
            let mut result = self.result.lock();
            match *result {
                Filled::NotYet => {
                    *result = Filled::With(outcome);
                    None
                }
                _ => Some(outcome),
            }
        };
        self.filled.notify();
        // It is the host's, and may panic when it is dropped: after everybody knows.
        drop(late);
    }
}

/// Runs a job's body to its end.
pub(super) fn outcome<T, E>(
    context: &JobContext,
    body: impl FnOnce(&JobContext) -> Result<T, E>,
) -> Result<T, JobError<E>> {
    let run = || {
        // Taken in here in any case: it may panic when it is dropped.
        let body = body;
        if context.should_stop() { None } else { Some(body(context)) }
    };
    match catch(context, 1, run) {
        Ok(Some(Ok(done))) => Ok(done),
        Ok(Some(Err(error))) if context.should_stop() => Err(JobError::Cancelled(Some(error))),
        Ok(Some(Err(error))) => Err(JobError::Failed(error)),
        Ok(None) => Err(JobError::Cancelled(None)),
        Err(panic) => Err(JobError::Panicked(panic)),
    }
}

/// Calls what is the host's.
pub(super) fn catch<R>(context: &JobContext, run: u64, call: impl FnOnce() -> R) -> Result<R, Panic> {
    Notes::begin();
    // It must leave its state sound when it unwinds, as any thread must whose panic others survive.
    let result = catch_unwind(AssertUnwindSafe(call));
    let notes = Notes::end();
    result.map_err(|payload| {
        let panic = Panic::caught(&context.name, run, &*payload, notes);
        // The host's as well: it may panic when it is dropped.
        drop_contained(payload);
        panic
    })
}

impl<T, E> Drop for Job<T, E> {
    fn drop(&mut self) {
        if !self.is_finished() {
            self.group.counts.detached.fetch_add(1, Relaxed);
        }
    }
}

impl<T, E> fmt::Debug for Job<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("on the way out");
        }
    }

    #[test]
    fn what_is_cancelled_before_it_begins_is_not_begun_and_has_a_result_all_the_same() {
        let context = JobContext { name: "job".into(), token: CancelToken::new() };
        context.token.cancel();
        let begun = |_: &JobContext| -> Result<(), ()> { unreachable!("it is cancelled") };
        assert_eq!(outcome(&context, begun), Err(JobError::Cancelled(None)));
        let kept = PanicsOnDrop;
        let dropped = outcome(&context, move |_| -> Result<(), ()> {
            let _kept = &kept;
            Ok(())
        });
        match dropped {
            Err(JobError::Panicked(panic)) => {
                assert_eq!((panic.message(), panic.worker()), ("on the way out", "job"))
            }
            other => panic!("{other:?}"),
        }
    }
}

//! What is done every so often.

use super::group::{Counts, Group};
use super::job::catch;
use super::{Every, JobContext};
use crate::status::{ErrorSlot, LastError};
use crate::supervisor::{CancelToken, IntoWorkerResult, Panic};
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed, Signal};
use std::fmt;
use std::time::{Duration, Instant};

/// A job that is done every so often: whoever holds it can cancel it, and see how its runs went. Dropped, it lets the job run
/// on until its group stops, which is counted.
pub struct Periodic {
    rounds: Arc<Rounds>,
    token: CancelToken,
    group: Arc<Group>,
}

/// How the runs of a job went so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeriodicStats {
    /// Runs that ended.
    pub runs: u64,
    /// Of those, runs that returned an error.
    pub failed: u64,
    /// And runs that panicked.
    pub panicked: u64,
    /// Times at which a run was due and none began, since the one before still ran.
    pub missed: u64,
    /// What a run failed or panicked with last.
    pub last_error: Option<LastError>,
}

/// Relaxed: each stands for itself.
pub(super) struct Rounds {
    runs: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    missed: AtomicU64,
    errors: ErrorSlot,
    /// Under a lock, so that whoever finds it over sees what its runs did.
    ended: Mutex<bool>,
    end: Signal,
}

impl Periodic {
    pub(super) fn new(rounds: Arc<Rounds>, token: CancelToken, group: Arc<Group>) -> Self {
        Self { rounds, token, group }
    }

    /// Asks it to stop: no further run begins, and the one that runs stops when it looks.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Waits, parked, until it has ended; whether it has in that time. It ends once it is cancelled, or its group stops; one that
    /// was abandoned ends when its last run does.
    pub fn join(&self, timeout: Duration) -> bool {
        self.rounds.end.wait(Instant::now().checked_add(timeout), || self.is_finished())
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        *self.rounds.ended.lock()
    }

    /// How its runs went so far.
    #[must_use]
    pub fn stats(&self) -> PeriodicStats {
        let rounds = &self.rounds;
        PeriodicStats {
            runs: rounds.runs.load(Relaxed),
            failed: rounds.failed.load(Relaxed),
            panicked: rounds.panicked.load(Relaxed),
            missed: rounds.missed.load(Relaxed),
            last_error: rounds.errors.last(),
        }
    }
}

impl Rounds {
    pub(super) fn new() -> Self {
        let count = || AtomicU64::new(0);
        Self {
            runs: count(),
            failed: count(),
            panicked: count(),
            missed: count(),
            errors: ErrorSlot::new(),
            ended: Mutex::new(false),
            end: Signal::new(),
        }
    }

    /// The job's thread.
    pub(super) fn run<R: IntoWorkerResult>(
        &self,
        context: &JobContext,
        every: Every,
        mut body: impl FnMut(&JobContext) -> R,
        counts: &Counts,
    ) {
        let (begun, mut due) = (Instant::now(), Duration::ZERO);
        while !context.wait(due.saturating_sub(begun.elapsed())) {
            self.round(context, || body(context).into_worker_result().map_err(|error| error.to_string()));
            let (next, missed) = every.after(due, begun.elapsed());
            self.missed.fetch_add(missed, Relaxed);
            due = next;
        }
        let count = match catch(context, self.runs.load(Relaxed), || drop(body)) {
            Ok(()) => &counts.succeeded,
            Err(panic) => {
                self.note(&panic);
                &counts.panicked
            }
        };
        count.fetch_add(1, Relaxed);
        *self.ended.lock() = true;
        self.end.notify();
    }

    fn round(&self, context: &JobContext, body: impl FnOnce() -> Result<(), String>) {
        match catch(context, self.runs.load(Relaxed) + 1, body) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.errors.note(error);
                self.failed.fetch_add(1, Relaxed);
            }
            Err(panic) => {
                self.note(&panic);
                self.panicked.fetch_add(1, Relaxed);
            }
        }
        self.runs.fetch_add(1, Relaxed);
    }

    fn note(&self, panic: &Panic) {
        self.errors.note(format!("panicked: {panic}"));
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        if !self.token.is_cancelled() && !self.is_finished() {
            self.group.counts.detached.fetch_add(1, Relaxed);
        }
    }
}

impl fmt::Debug for Periodic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Periodic").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

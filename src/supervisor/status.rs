//! How a supervisor is, as one reading.

use super::handle::Supervisor;
use super::incident::{WorkerState, WorkerStatus};
use super::shared::Counts;
use crate::status::{LastError, PartState, error_line, heading, line};
use crate::sync::Relaxed;
use std::fmt;
use std::time::Duration;

/// How a supervisor is. Each number is exact at some moment of the call, not all at the same. Its memory is not among them: what
/// counts are stacks of threads, and those are the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Degraded while some worker is not [well](Supervisor::is_healthy), and after a meltdown. Stopping since
    /// [`Supervisor::shutdown`] was called or everything began to [stop by itself](super::AutoShutdown), stopped since its report is there.
    pub state: PartState,
    /// Since it was built.
    pub uptime: Duration,
    /// Each child, workers and supervisors, in the order in which they were taken on.
    pub workers: Vec<WorkerStatus>,
    /// Whether there were too many restarts, and all workers have been stopped.
    pub melted_down: bool,
    /// Runs of workers that began, also of workers that were removed since.
    pub starts: u64,
    /// Of those, what was not a worker's first.
    pub restarts: u64,
    /// Runs that ended in a panic or an error, did not begin for want of a thread, or were ended since they hung or were not ready.
    pub failures: u64,
    /// Supervisors below the topmost that gave up over too many restarts.
    pub escalations: u64,
    /// How often a worker was found to be hung.
    pub hung: u64,
    /// Runs of workers that did not stop in time.
    pub abandoned: u64,
    /// Of those, what has ended since.
    pub abandoned_ended: u64,
    /// Of those, what failed in the end. Not one of the failures above, unless that was told before it was abandoned.
    pub abandoned_failed: u64,
    /// How often a chore was done: see [`Builder::every`](super::Builder::every).
    pub chores: u64,
    /// How often one panicked.
    pub chore_panics: u64,
    /// How often the observer did.
    pub observer_panics: u64,
    /// What its thread was told and has not come to: ends, workers to be started, and workers to be removed. Nothing once it
    /// has stopped.
    pub inbox: usize,
    /// What a worker failed with or a chore or the observer panicked with, a worker that did not stop, or a meltdown.
    pub last_error: Option<LastError>,
}

impl Supervisor {
    /// How it is. Takes locks for a moment; workers run on meanwhile.
    ///
    /// ```
    /// use flightdeck::PartState;
    /// use flightdeck::supervisor::Supervisor;
    /// use std::time::Duration;
    ///
    /// let supervisor = Supervisor::builder().start()?;
    /// assert_eq!(supervisor.status().state, PartState::Running);
    /// supervisor.shutdown(Duration::from_secs(5));
    /// assert_eq!(supervisor.status().state, PartState::Stopped);
    /// # Ok::<(), flightdeck::supervisor::StartError>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> Status {
        let shared = &self.shared;
        let (workers, melted_down) = (self.workers(), self.has_melted_down());
        let state = if shared.report().is_some() {
            PartState::Stopped
        } else if shared.is_stopping() {
            PartState::Stopping
        } else {
            PartState::working(!melted_down && workers.iter().all(WorkerStatus::is_well))
        };
        let counts = &shared.counts;
        let Counts { starts, restarts, failures, abandoned, chores, chore_panics, observer_panics, .. } =
            counts;
        // The other way round than they are counted: hardly ever are there more restarts than starts.
        let restarts = restarts.load(Relaxed);
        Status {
            state,
            uptime: shared.started.elapsed(),
            workers,
            melted_down,
            starts: starts.load(Relaxed),
            restarts,
            failures: failures.load(Relaxed),
            escalations: counts.escalations.load(Relaxed),
            hung: counts.hung.load(Relaxed),
            abandoned: abandoned.load(Relaxed),
            abandoned_ended: counts.abandoned_ended.load(Relaxed),
            abandoned_failed: counts.abandoned_failed.load(Relaxed),
            chores: chores.load(Relaxed),
            chore_panics: chore_panics.load(Relaxed),
            observer_panics: observer_panics.load(Relaxed),
            inbox: shared.news_waiting(),
            last_error: shared.errors.last(),
        }
    }
}

/// Some lines for a person, the last without an end; one for each worker that does not run.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        heading(f, "supervisor", self.state, self.uptime)?;
        let running = self.workers.iter().filter(|worker| worker.state == WorkerState::Running).count();
        let melted_down = if self.melted_down { "; melted down" } else { "" };
        line(f, "workers", format_args!("{running} of {} run{melted_down}", self.workers.len()))?;
        for worker in self.workers.iter().filter(|worker| worker.state != WorkerState::Running) {
            line(f, "", format_args!("`{}` {}", worker.name, worker.state))?;
        }
        line(
            f,
            "runs",
            format_args!(
                "{} started, {} of them again; {} failed, {} abandoned",
                self.starts, self.restarts, self.failures, self.abandoned
            ),
        )?;
        line(f, "chores", format_args!("done {} times, {} panicked", self.chores, self.chore_panics))?;
        line(f, "waiting", format_args!("{} in the inbox", self.inbox))?;
        error_line(f, self.last_error.as_ref())
    }
}

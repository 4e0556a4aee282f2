//! What a supervisor reports as it happens, and how its workers are.

use super::policy::Exit;
use crate::error::Severity;
use crate::sync::Arc;
use std::fmt;
use std::time::Duration;

/// Something that happened to a worker or to its supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incident {
    /// A worker runs.
    Started {
        /// Its name.
        worker: Arc<str>,
        /// Which run: 1 for the first.
        generation: u64,
    },
    /// A run ended.
    Ended {
        /// The worker.
        worker: Arc<str>,
        /// Which run.
        generation: u64,
        /// How.
        exit: Exit,
        /// After how long.
        ran: Duration,
    },
    /// A worker will be started again.
    RestartScheduled {
        /// The worker.
        worker: Arc<str>,
        /// In how long.
        delay: Duration,
    },
    /// More restarts than the window allows: all workers are stopped.
    MeltedDown {
        /// The worker whose restart was one too many.
        worker: Arc<str>,
    },
    /// A worker did not stop in time. Its thread runs on, and is no longer looked after.
    Abandoned {
        /// The worker.
        worker: Arc<str>,
    },
    /// A chore panicked. It is run again at its next time.
    ChorePanicked {
        /// The chore.
        chore: Arc<str>,
        /// What it said.
        message: String,
    },
    /// This program aborts when something panics, so nothing can be restarted.
    RestartsImpossible,
}

impl Incident {
    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Started { .. } => Severity::Info,
            Self::Ended { exit: Exit::Returned, .. } => Severity::Info,
            Self::Ended { .. } => Severity::Error,
            Self::RestartScheduled { .. } => Severity::Warn,
            Self::ChorePanicked { .. } | Self::Abandoned { .. } | Self::RestartsImpossible => Severity::Error,
            Self::MeltedDown { .. } => Severity::Critical,
        }
    }
}

/// What happened, in one line as far as the host's own words are.
impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { worker, generation } => write!(f, "worker `{worker}` started, run {generation}"),
            Self::Ended { worker, generation, exit, ran } => match exit.failure() {
                None => write!(f, "worker `{worker}` returned after {ran:.1?}, run {generation}"),
                Some(why) => {
                    let how = if matches!(exit, Exit::Panicked(_)) { "panicked" } else { "failed" };
                    write!(f, "worker `{worker}` {how} after {ran:.1?}, run {generation}: {why}")
                }
            },
            Self::RestartScheduled { worker, delay } => {
                write!(f, "worker `{worker}` is started again in {delay:.1?}")
            }
            Self::MeltedDown { worker } => {
                write!(f, "worker `{worker}` was to be restarted once too often: all workers are stopped")
            }
            Self::Abandoned { worker } => write!(f, "worker `{worker}` did not stop in time"),
            Self::ChorePanicked { chore, message } => write!(f, "chore `{chore}` panicked: {message}"),
            Self::RestartsImpossible => f.write_str("panics abort this program: nothing can be restarted"),
        }
    }
}

/// Where a worker is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerState {
    /// It is about to run for the first time.
    Starting,
    /// Its thread runs.
    Running,
    /// It ended, and is started again in about this long.
    BackingOff {
        /// The delay from when it ended.
        delay: Duration,
    },
    /// It ended for good, as its restart kind says or because everything stopped.
    Finished,
    /// It did not stop in time; its thread may still run.
    Abandoned,
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("is starting"),
            Self::Running => f.write_str("runs"),
            Self::BackingOff { delay } => write!(f, "is started again within {delay:.1?}"),
            Self::Finished => f.write_str("has ended"),
            Self::Abandoned => f.write_str("did not stop in time"),
        }
    }
}

/// How a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is in its life.
    pub state: WorkerState,
    /// Which run this is, or was: 1 for the first.
    pub generation: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it failed last.
    pub last_failure: Option<String>,
    /// Whether the host cannot do without it: not, where its [spec](super::ChildSpec::unlimited_restarts) says so.
    pub is_needed: bool,
}

impl WorkerStatus {
    /// Whether it runs, is about to, or has ended as it should.
    pub(super) fn is_well(&self) -> bool {
        match self.state {
            WorkerState::Starting | WorkerState::Running => true,
            WorkerState::Finished => self.last_failure.is_none(),
            WorkerState::BackingOff { .. } | WorkerState::Abandoned => false,
        }
    }
}

/// How a stop ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopReport {
    /// Workers whose threads are gone.
    pub stopped: Vec<Arc<str>>,
    /// Workers that did not stop in time: threads cannot be stopped from outside, so theirs may still run.
    pub abandoned: Vec<Arc<str>>,
    /// The stop goes on without this caller: it was asked for by one of the supervisor's own threads, or the
    /// deadline came first.
    pub pending: bool,
}

impl StopReport {
    /// Of a stop that this caller does not see the end of.
    pub(crate) fn pending() -> Self {
        Self { pending: true, ..Self::default() }
    }

    /// Whether everything stopped.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.abandoned.is_empty() && !self.pending
    }
}

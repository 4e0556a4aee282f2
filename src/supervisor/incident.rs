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
    /// A run ended; or it was asked to, since it hung or was not ready, and did not stop in time.
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
    /// More restarts than the window of the topmost supervisor allows: all workers are stopped.
    MeltedDown {
        /// The worker whose restart was one too many.
        worker: Arc<str>,
    },
    /// More restarts than the window of a supervisor below the topmost allows: its children are stopped, and it has failed.
    Escalated {
        /// Its path.
        supervisor: Arc<str>,
        /// Which run of it.
        generation: u64,
        /// The child whose restart was one too many.
        worker: Arc<str>,
        /// After how long.
        ran: Duration,
    },
    /// Significant children have ended: their supervisor stops the others, and has then returned.
    AutoShutdown {
        /// Its path; empty for the topmost.
        supervisor: Arc<str>,
        /// The child that ended last.
        worker: Arc<str>,
    },
    /// A worker has not [beaten](super::ChildSpec::heartbeat) for too long.
    Hung {
        /// The worker.
        worker: Arc<str>,
        /// Which run.
        generation: u64,
        /// For how long it was silent when that was found.
        silent: Duration,
    },
    /// A worker that was hung beats again.
    Recovered {
        /// The worker.
        worker: Arc<str>,
        /// Which run.
        generation: u64,
        /// For how long it counted as hung.
        hung: Duration,
    },
    /// A worker did not stop in time. Its thread runs on, and nobody waits for it any more.
    Abandoned {
        /// The worker.
        worker: Arc<str>,
        /// Which run.
        generation: u64,
        /// For how long it was waited for: since it was asked to stop, or its body was over and its thread was not.
        waited: Duration,
    },
    /// An abandoned run of a worker has ended at last. Says nothing of a run that replaced it.
    AbandonedEnded {
        /// The worker.
        worker: Arc<str>,
        /// Which run.
        generation: u64,
        /// How.
        exit: Exit,
        /// After how long.
        ran: Duration,
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
            Self::Ended { exit: Exit::Returned, .. }
            | Self::AbandonedEnded { exit: Exit::Returned, .. }
            | Self::AutoShutdown { .. }
            | Self::Recovered { .. } => Severity::Info,
            Self::Ended { .. } | Self::AbandonedEnded { .. } | Self::Escalated { .. } | Self::Hung { .. } => {
                Severity::Error
            }
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
            Self::Escalated { supervisor, worker, .. } => {
                write!(
                    f,
                    "worker `{worker}` was to be restarted once too often: `{supervisor}` stops its children and fails"
                )
            }
            Self::AutoShutdown { supervisor, worker } => {
                write!(f, "worker `{worker}` has ended, and with it ")?;
                match &**supervisor {
                    "" => f.write_str("everything stops"),
                    supervisor => write!(f, "all children of `{supervisor}` stop"),
                }
            }
            Self::Hung { worker, generation, silent } => {
                write!(f, "worker `{worker}` is hung: it did not beat for {silent:.1?}, run {generation}")
            }
            Self::Recovered { worker, generation, hung } => {
                write!(f, "worker `{worker}` beats again, after {hung:.1?}, run {generation}")
            }
            Self::Abandoned { worker, generation, .. } => {
                write!(f, "worker `{worker}` did not stop in time, run {generation}")
            }
            Self::AbandonedEnded { worker, generation, exit, .. } => {
                write!(f, "worker `{worker}`, which was abandoned, has ended, run {generation}")?;
                exit.failure().map_or(Ok(()), |why| write!(f, ": {why}"))
            }
            Self::ChorePanicked { chore, message } => write!(f, "chore `{chore}` panicked: {message}"),
            Self::RestartsImpossible => f.write_str("panics abort this program: nothing can be restarted"),
        }
    }
}

/// Where a worker is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerState {
    /// It is about to run: it waits for its turn, or has yet to say that it is [ready](super::ChildSpec::reports_ready); a
    /// supervisor, that its children have started.
    Starting,
    /// Its thread runs; a supervisor looks after its children.
    Running,
    /// It runs, and has shown no sign of life for too long.
    Hung,
    /// It ended, and is started again in about this long.
    BackingOff {
        /// The delay from when it ended.
        delay: Duration,
    },
    /// It was asked to stop, and has not yet.
    Stopping,
    /// It ended for good, as its restart kind says or because its supervisor stopped.
    Finished,
    /// It was [stopped by the host](super::Children::terminate), and stays so until it is started again.
    Terminated,
    /// It did not stop in time; its thread may still run.
    Abandoned,
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("is starting"),
            Self::Running => f.write_str("runs"),
            Self::BackingOff { delay } => write!(f, "is started again within {delay:.1?}"),
            Self::Hung => f.write_str("is hung"),
            Self::Stopping => f.write_str("is stopping"),
            Self::Finished => f.write_str("has ended"),
            Self::Terminated => f.write_str("was stopped"),
            Self::Abandoned => f.write_str("did not stop in time"),
        }
    }
}

/// How a child is: a worker, or a supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its name; below another supervisor than the topmost, the path to it, as in `net/feed`.
    pub name: Arc<str>,
    /// Whether it is a supervisor.
    pub is_supervisor: bool,
    /// Where it is in its life.
    pub state: WorkerState,
    /// Which run this is, or was: 1 for the first.
    pub generation: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it failed last, be that long ago.
    pub last_failure: Option<String>,
    /// Whether its last run failed, or is being ended for that, and none has run since.
    pub has_failed: bool,
    /// Whether the host cannot do without it: not, where its [spec](super::ChildSpec::unlimited_restarts) says so.
    pub is_needed: bool,
    /// Whether it is [started again](super::ChildSpec::restart_hung) where it is hung.
    pub restarts_hung: bool,
}

impl WorkerStatus {
    /// Whether it runs, is about to for the first time, or has ended as it should.
    pub(super) fn is_well(&self) -> bool {
        match self.state {
            WorkerState::Running | WorkerState::Terminated => true,
            WorkerState::Starting | WorkerState::Stopping | WorkerState::Finished => !self.has_failed,
            WorkerState::BackingOff { .. } | WorkerState::Hung | WorkerState::Abandoned => false,
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

//! What is known of one child.

use super::Id;
use super::node::Node;
use crate::supervisor::incident::WorkerState;
use crate::supervisor::policy::{Exit, History};
use crate::supervisor::spec::ChildSpec;
use crate::sync::Arc;
use std::time::Duration;

/// A child to be taken on: numbers and paths are given before the supervisor's thread hears of it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) id: Id,
    pub(crate) path: Arc<str>,
    pub(crate) spec: ChildSpec,
    pub(crate) children: Vec<Plan>,
}

impl Plan {
    /// Of the child, and of all below it.
    pub(crate) fn ids(&self, each: &mut impl FnMut(Id)) {
        each(self.id);
        self.children.iter().for_each(|child| child.ids(each));
    }
}

/// Where a child is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No run, and none to come unless something else is started again.
    Ended,
    /// The same, because the host asked for it.
    Terminated,
    /// To be started in its turn.
    Waiting,
    /// To be started at its deadline.
    BackingOff(Duration),
    /// Its thread is being made.
    Spawning,
    /// It runs, and has yet to say that it is ready; of a supervisor, its children have yet to be started.
    Starting,
    Running,
    /// It was asked to stop; until its deadline.
    Stopping(Aim),
    /// Its body is over, its thread not yet; until its deadline.
    Leaving(Aim),
    /// It did not stop in time, and may still run. Of a supervisor that was removed: that holds of one of its children.
    Abandoned(Aim),
}

/// What follows once a child that was asked to stop has stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// It failed, in this way.
    Fail(Exit),
    /// It is started again, and that counts nowhere: the host asked for it.
    Restart,
    /// It is started again with its siblings, or was to be.
    Regroup,
    /// Its supervisor stops.
    Halt,
    /// It stays on the list.
    Terminate,
    /// It is taken off the list.
    Remove,
}

impl Aim {
    /// Whether no run follows: then its thread has to be gone as well.
    pub(super) fn is_for_good(&self) -> bool {
        matches!(self, Self::Halt | Self::Terminate | Self::Remove)
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Fail(_) => 0,
            Self::Restart => 1,
            Self::Regroup => 2,
            Self::Halt => 3,
            Self::Terminate => 4,
            Self::Remove => 5,
        }
    }

    /// This, or what was wished for meanwhile, if that weighs more.
    pub(super) fn raise(&mut self, other: Self) {
        if other.rank() > self.rank() {
            *self = other;
        }
    }
}

impl Phase {
    /// Whether it has a run that is to be, or is being, stopped before it counts as stopped.
    pub(super) fn is_active(&self) -> bool {
        matches!(self, Self::Spawning | Self::Starting | Self::Running | Self::Stopping(_) | Self::Leaving(_))
    }

    /// Whether it runs, and nobody asked it to stop.
    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Spawning | Self::Starting | Self::Running)
    }
}

/// Which part of its time a supervisor that stops keeps for those whose turn has not come.
const LAST_PART: u32 = 8;

/// An abandoned run that is no longer that of its child.
#[derive(Debug)]
pub(super) struct Orphan {
    pub(super) path: Arc<str>,
    pub(super) began: Duration,
    /// If only its thread is left.
    pub(super) left: Option<Exit>,
}

#[derive(Debug)]
pub(super) struct Child {
    pub(super) parent: Option<Id>,
    pub(super) path: Arc<str>,
    pub(super) spec: ChildSpec,
    /// Of a supervisor.
    pub(super) node: Option<Node>,
    pub(super) phase: Phase,
    /// Of its current run, or its last.
    pub(super) generation: u64,
    pub(super) began: Duration,
    /// When its phase is over at the latest.
    pub(super) deadline: Option<Duration>,
    /// Since when it is waited for that its current run ends.
    pub(super) awaited_since: Option<Duration>,
    /// When something is to be done about that: on the machine's list.
    pub(super) alarm: Option<Duration>,
    pub(super) history: History,
    /// Whether it was added to a supervisor that ran.
    pub(super) added: bool,
    pub(super) is_hung: bool,
    /// Its current run has come as far as to be up.
    pub(super) came_up: bool,
    /// Its current run is ended since it hung, and showed no sign of life since then.
    pub(super) silent_since: Option<Duration>,
    /// How the body of its current run ended, whose thread is not gone.
    pub(super) left: Option<Exit>,
    pub(super) last_failure: Option<Arc<str>>,
    /// Its last run failed, and none has run since.
    pub(super) has_failed: bool,
    /// Who waits until it has stopped.
    pub(super) tickets: Vec<u64>,
}

impl Child {
    pub(super) fn new(parent: Option<Id>, path: Arc<str>, spec: ChildSpec, node: Option<Node>) -> Self {
        Self {
            parent,
            path,
            spec,
            node,
            phase: Phase::Ended,
            generation: 0,
            began: Duration::ZERO,
            deadline: None,
            awaited_since: None,
            alarm: None,
            history: History::default(),
            added: false,
            is_hung: false,
            came_up: false,
            silent_since: None,
            left: None,
            last_failure: None,
            has_failed: false,
            tickets: Vec::new(),
        }
    }

    /// A run begins.
    pub(super) fn begin(&mut self, now: Duration) {
        self.generation += 1;
        self.began = now;
        self.awaited_since = None;
        self.is_hung = false;
        self.came_up = false;
        self.silent_since = None;
        self.left = None;
    }

    /// When something is to be done about a deadline. Of a supervisor that stops, the last part of its time is for those below
    /// it whose turn has not come by then.
    pub(super) fn alarm_for(&self, phase: &Phase, deadline: Duration, now: Duration) -> Duration {
        if self.node.is_none() || !matches!(phase, Phase::Stopping(_)) {
            return deadline;
        }
        let last_call = deadline.saturating_sub(deadline.saturating_sub(now) / LAST_PART);
        // Not later for being asked again.
        self.alarm.filter(|_| self.phase == *phase).map_or(last_call, |alarm| alarm.min(last_call))
    }

    /// A run ended, or is being ended, like this.
    pub(super) fn note_end(&mut self, exit: &Exit) {
        self.has_failed = exit.failure().is_some();
        if let Some(why) = exit.failure() {
            self.last_failure = Some(why.into());
        }
    }

    pub(super) fn state(&self) -> WorkerState {
        match &self.phase {
            Phase::Ended => WorkerState::Finished,
            Phase::Terminated => WorkerState::Terminated,
            Phase::Starting | Phase::Running if self.is_hung => WorkerState::Hung,
            Phase::Waiting | Phase::Spawning | Phase::Starting => WorkerState::Starting,
            Phase::BackingOff(delay) => WorkerState::BackingOff { delay: *delay },
            Phase::Running => WorkerState::Running,
            Phase::Stopping(_) | Phase::Leaving(_) => WorkerState::Stopping,
            Phase::Abandoned(_) => WorkerState::Abandoned,
        }
    }
}

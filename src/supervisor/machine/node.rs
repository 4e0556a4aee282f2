//! What is known of a supervisor, beyond that it is a child.

use super::Id;
use crate::supervisor::policy::Exit;
use crate::supervisor::rules::{AutoShutdown, Rules, Strategy};
use crate::supervisor::window::Window;
use std::collections::BTreeSet;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) strategy: Strategy,
    pub(super) auto_shutdown: AutoShutdown,
    pub(super) window: Window,
    /// In the order of starts: numbers only grow.
    pub(super) children: BTreeSet<Id>,
    /// Those that are started in order and are not there yet. The first has its turn.
    pub(super) to_start: BTreeSet<Id>,
    /// Everything stops.
    pub(super) halt: Option<Halt>,
    /// Some are stopped, to be started again together.
    pub(super) regroup: Option<Regroup>,
}

#[derive(Debug)]
pub(super) struct Halt {
    pub(super) then: Then,
    /// Those who are yet to stop; the last is next.
    pub(super) queue: Vec<Id>,
    /// All have been asked, whatever the order.
    pub(super) is_last_call: bool,
    /// Nobody is waited for any more.
    pub(super) at_once: bool,
}

/// Why a supervisor stops everything.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It was asked to, or shuts down by itself and was started by nobody else's wish.
    Stopped,
    /// Significant children have ended.
    ShutDown,
    /// Too many restarts.
    Fail(Exit),
}

#[derive(Debug)]
pub(super) struct Regroup {
    /// The child that is to be started again.
    pub(super) trigger: Id,
    /// The first of those concerned.
    pub(super) from: Id,
    /// Those who are yet to stop; the last is next.
    pub(super) queue: Vec<Id>,
    /// Whether the trigger's delay is over.
    pub(super) is_due: bool,
}

impl Node {
    /// Whether everything stops over one restart too many.
    pub(super) fn gives_up(&self) -> bool {
        self.halt.as_ref().is_some_and(|halt| matches!(halt.then, Then::Fail(_)))
    }

    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            strategy: rules.strategy,
            auto_shutdown: rules.auto_shutdown,
            window: Window::new(rules.max_restarts, rules.window),
            children: BTreeSet::new(),
            to_start: BTreeSet::new(),
            halt: None,
            regroup: None,
        }
    }

    /// Whether this child is started again with others, or is to be.
    pub(super) fn regroups(&self, child: Id) -> bool {
        self.regroup.as_ref().is_some_and(|group| child >= group.from)
    }
}

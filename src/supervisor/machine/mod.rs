//! All decisions about a tree of supervisors, in virtual time and without a thread: what happened goes in, what is to be
//! done comes out.
//!
//! | file | idea |
//! |---|---|
//! | `child` | where a child is in its life |
//! | `node` | what a supervisor is about to do with its children |
//! | `turn` | starts in order, stops in reverse order: one step at a time, as far as a supervisor can go |
//! | `ends` | what follows when a run is over |
//! | `asks` | what hosts ask for |
//! | `report` | how children stopped |
//!
//! Nothing waits. What takes time is a phase with a deadline, so a stop that is slow in one supervisor delays nothing in
//! another. News of a run carries its generation; what is told of an older one changes nothing of the current one.
//!
//! Where a supervisor could go on, its number is put on a list, and the list is worked off before the machine answers:
//! no call goes deeper for a tree that is wider.

mod asks;
mod child;
mod ends;
mod node;
mod report;
#[cfg(test)]
mod tests;
mod turn;

use super::incident::{Incident, StopReport, WorkerState};
use super::rules::Rules;
use super::spec::{ChildSpec, Kind, Restart};
use crate::contain::drop_contained;
use crate::random::Chance;
use crate::sync::Arc;
use child::{Child, Orphan, Phase};
use node::Node;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub(crate) use asks::Ask;
pub(crate) use child::Plan;

/// A child's number. Numbers grow, and none comes back.
pub(crate) type Id = u64;

/// The supervisor at the top.
pub(crate) const ROOT: Id = 0;

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// A run is to begin: [`Machine::spawned`] or [`Machine::ended`] says how that went.
    Start { child: Id, generation: u64 },
    /// A run is to be asked to stop.
    AskStop { child: Id, generation: u64 },
    /// Of a run whose body is over, [`Machine::gone`] is to be told when its thread is, too.
    AwaitGone { child: Id, generation: u64 },
    /// How a child is has changed.
    Changed { child: Id },
    /// A child is off the list.
    Removed { child: Id },
    /// Everything begins to stop for good, and nobody asked for it.
    Stopping,
    /// To be reported, of this child.
    Tell(Id, Incident),
    /// Somebody waited for that.
    Answer { ticket: u64, report: StopReport },
    /// The topmost supervisor gave up: this child was to be restarted once too often.
    MeltedDown { child: Id },
    /// Everything has stopped, for good.
    Over(StopReport),
}

/// How a child is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) state: WorkerState,
    pub(crate) generation: u64,
    pub(crate) last_failure: Option<Arc<str>>,
    pub(crate) has_failed: bool,
}

#[derive(Debug)]
pub(crate) struct Machine {
    children: BTreeMap<Id, Child>,
    deadlines: BTreeSet<(Duration, Id)>,
    outputs: VecDeque<Output>,
    /// Supervisors that may be able to go on.
    turns: VecDeque<Id>,
    /// Abandoned runs that are no longer those of their children, and have not ended yet.
    orphans: BTreeMap<(Id, u64), Orphan>,
    chance: Chance,
    now: Duration,
}

impl Machine {
    /// A tree of nobody; `seed` decides what is left to chance.
    pub(crate) fn new(rules: Rules, seed: u64) -> Self {
        let node = Node::new(&rules);
        let spec = ChildSpec::supervisor("", Restart::Temporary, rules);
        let mut root = Child::new(None, "".into(), spec, Some(node));
        root.phase = Phase::Running;
        root.generation = 1;
        Self {
            children: BTreeMap::from([(ROOT, root)]),
            deadlines: BTreeSet::new(),
            outputs: VecDeque::new(),
            turns: VecDeque::new(),
            orphans: BTreeMap::new(),
            chance: Chance::new(seed),
            now: Duration::ZERO,
        }
    }

    /// What is to be done next, if anything.
    pub(crate) fn output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Machine::pass`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(crate) fn view(&self, child: Id) -> Option<View> {
        let child = self.children.get(&child)?;
        let (generation, last_failure) = (child.generation, child.last_failure.clone());
        Some(View { state: child.state(), generation, last_failure, has_failed: child.has_failed })
    }

    /// What a run of a worker needs.
    pub(crate) fn spec(&self, child: Id) -> Option<(&Arc<str>, &ChildSpec)> {
        self.children.get(&child).map(|child| (&child.path, &child.spec))
    }

    /// Everything is over: what is the host's goes, child by child.
    pub(crate) fn drop_specs(&mut self) {
        std::mem::take(&mut self.children).into_values().for_each(drop_contained);
    }

    /// Time passed: what is due is done.
    pub(crate) fn pass(&mut self, now: Duration) {
        self.now = self.now.max(now);
        while let Some((at, id)) = self.deadlines.first().copied()
            && at <= self.now
        {
            self.expire(id);
            self.work();
        }
    }

    /// Takes a child on, and starts it in its turn.
    pub(crate) fn add(&mut self, parent: Id, plan: Plan, now: Duration) {
        self.now = self.now.max(now);
        let id = plan.id;
        if !self.children.contains_key(&parent) {
            // Its supervisor was removed meanwhile, and the child with it.
            plan.ids(&mut |child| self.outputs.push_back(Output::Removed { child }));
            return drop_contained(plan);
        }
        self.enlist(parent, plan, true);
        let node = self.node(parent);
        match (self.is_open(parent), node.regroups(id)) {
            (true, false) => self.enqueue(id),
            // It is started with the others.
            (true, true) => {}
            // After a meltdown the topmost goes on: then it is started.
            (false, _) if parent == ROOT && self.node(ROOT).gives_up() => {}
            (false, _) => self.set(id, Phase::Ended),
        }
        self.work();
    }

    fn enlist(&mut self, parent: Id, plan: Plan, added: bool) {
        let Plan { id, path, spec, children } = plan;
        let node = match &spec.kind {
            Kind::Supervisor(rules) => Some(Node::new(rules)),
            Kind::Worker(_) => None,
        };
        let mut child = Child::new(Some(parent), path, spec, node);
        child.phase = Phase::Waiting;
        child.added = added;
        self.children.insert(id, child);
        self.node_mut(parent).children.insert(id);
        for child in children {
            self.enlist(id, child, false);
        }
    }

    fn child(&self, id: Id) -> &Child {
        &self.children[&id]
    }

    fn child_mut(&mut self, id: Id) -> &mut Child {
        self.children.get_mut(&id).expect("a child on the list")
    }

    fn node(&self, id: Id) -> &Node {
        self.child(id).node.as_ref().expect("a supervisor")
    }

    fn node_mut(&mut self, id: Id) -> &mut Node {
        self.child_mut(id).node.as_mut().expect("a supervisor")
    }

    /// Whether a supervisor is up, and does not stop everything.
    fn is_open(&self, id: Id) -> bool {
        self.child(id).phase.is_up() && self.node(id).halt.is_none()
    }

    /// Puts a child into a phase without a deadline.
    fn set(&mut self, id: Id, phase: Phase) {
        self.set_until(id, phase, None);
    }

    fn set_until(&mut self, id: Id, phase: Phase, deadline: Option<Duration>) {
        let child = self.children.get_mut(&id).expect("a child on the list");
        let now = self.now;
        let alarm = deadline.map(|at| child.alarm_for(&phase, at, now));
        child.deadline = deadline;
        self.set_alarm(id, alarm);
        let child = self.child_mut(id);
        if child.phase != phase {
            child.has_failed &= phase != Phase::Running;
            child.came_up |= phase == Phase::Running;
            if matches!(phase, Phase::Stopping(_) | Phase::Leaving(_)) {
                child.awaited_since.get_or_insert(now);
            }
            child.phase = phase;
            self.outputs.push_back(Output::Changed { child: id });
        }
    }

    fn set_alarm(&mut self, id: Id, alarm: Option<Duration>) {
        let child = self.children.get_mut(&id).expect("a child on the list");
        let before = std::mem::replace(&mut child.alarm, alarm);
        before.map(|at| self.deadlines.remove(&(at, id)));
        alarm.map(|at| self.deadlines.insert((at, id)));
    }

    fn tell(&mut self, id: Id, incident: Incident) {
        self.outputs.push_back(Output::Tell(id, incident));
    }

    /// Lets every supervisor go on that can.
    fn work(&mut self) {
        while let Some(id) = self.turns.pop_front() {
            if self.children.contains_key(&id) {
                self.turn(id);
            }
        }
    }

    /// The supervisor of this child may be able to go on.
    fn wake_parent(&mut self, id: Id) {
        if let Some(parent) = self.child(id).parent {
            self.turns.push_back(parent);
        }
    }
}

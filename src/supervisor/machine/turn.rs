//! Starts in order, stops in reverse order: how a supervisor goes on.

use super::child::{Aim, Orphan, Phase};
use super::node::{Halt, Regroup, Then};
use super::{Id, Machine, Output, ROOT};
use crate::supervisor::incident::Incident;
use crate::supervisor::policy::Exit;
use crate::supervisor::rules::Strategy;
use crate::supervisor::spec::{Restart, Shutdown};
use std::time::Duration;

impl Machine {
    /// Does what a supervisor can do now.
    pub(super) fn turn(&mut self, id: Id) {
        if let Phase::Abandoned(_) = self.child(id).phase {
            self.take_off(id);
        } else if self.node(id).halt.is_some() {
            self.halt_on(id);
        } else if self.is_open(id) {
            if self.node(id).regroup.is_some() {
                self.regroup_on(id);
            }
            if self.node(id).regroup.is_none() {
                self.start_on(id);
            }
        }
    }

    /// Puts a child among those to be started in order, unless it runs.
    pub(super) fn enqueue(&mut self, id: Id) {
        let child = self.child(id);
        let parent = child.parent.expect("only the topmost supervisor has none");
        match &child.phase {
            Phase::Abandoned(Aim::Remove) => return,
            Phase::Abandoned(_) if child.spec.replaced => self.orphan(id),
            Phase::Abandoned(_) => return self.set(id, Phase::Abandoned(Aim::Restart)),
            phase if phase.is_active() => return,
            _ => {}
        }
        self.set(id, Phase::Waiting);
        self.node_mut(parent).to_start.insert(id);
        self.turns.push_back(parent);
    }

    /// An abandoned run is no longer that of its child.
    pub(super) fn orphan(&mut self, id: Id) {
        let key = (id, self.child(id).generation);
        let run = self.abandoned_run(id);
        self.orphans.insert(key, run);
    }

    pub(super) fn abandoned_run(&mut self, id: Id) -> Orphan {
        let child = self.child_mut(id);
        Orphan { path: child.path.clone(), began: child.began, left: child.left.take() }
    }

    fn start_on(&mut self, id: Id) {
        while let Some(first) = self.node(id).to_start.first().copied() {
            match self.child(first).phase {
                Phase::Waiting => return self.start(first),
                Phase::BackingOff(_) | Phase::Spawning | Phase::Starting | Phase::Stopping(_) => return,
                _ => self.node_mut(id).to_start.remove(&first),
            };
        }
        if id != ROOT && self.child(id).phase == Phase::Starting {
            self.set(id, Phase::Running);
            self.settle(id);
        }
    }

    /// A child has started: the next one may.
    pub(super) fn settle(&mut self, id: Id) {
        if let Some(parent) = self.child(id).parent {
            self.node_mut(parent).to_start.remove(&id);
            self.turns.push_back(parent);
        }
    }

    /// Begins a run.
    pub(super) fn start(&mut self, id: Id) {
        let now = self.now;
        let child = self.child_mut(id);
        child.begin(now);
        let generation = child.generation;
        let Some(node) = &mut child.node else {
            self.set(id, Phase::Spawning);
            return self.outputs.push_back(Output::Start { child: id, generation });
        };
        node.window.clear();
        let children: Vec<Id> = node.children.iter().copied().collect();
        self.set(id, Phase::Starting);
        for child in children {
            // What was added to do something once is not done again.
            let Self { children, .. } = self;
            let of = &children[&child];
            if !(of.added && of.generation > 0 && of.spec.restart == Restart::Temporary) {
                self.enqueue(child);
            }
        }
        self.turns.push_back(id);
    }

    /// Asks a child that runs to stop.
    pub(super) fn ask_stop(&mut self, id: Id, aim: Aim) {
        if let Aim::Fail(exit) = &aim {
            // Known now: how long it takes to stop changes nothing.
            self.child_mut(id).note_end(exit);
        }
        let child = self.child(id);
        let deadline = match child.spec.shutdown {
            Shutdown::After(time) => Some(self.now.saturating_add(time)),
            Shutdown::Infinite => None,
        };
        let (generation, is_worker) = (child.generation, child.node.is_none());
        self.set_until(id, Phase::Stopping(aim), deadline);
        if is_worker {
            self.outputs.push_back(Output::AskStop { child: id, generation });
        } else {
            self.begin_halt(id, Then::Stopped);
        }
    }

    /// A supervisor begins to stop everything, or does it for another reason than before.
    pub(super) fn begin_halt(&mut self, id: Id, then: Then) {
        let queue = self.in_start_order(id);
        let node = self.node_mut(id);
        node.to_start.clear();
        node.regroup = None;
        match &mut node.halt {
            Some(halt) => halt.then = then,
            None => node.halt = Some(Halt { then, queue, is_last_call: false, at_once: false }),
        }
        self.turns.push_back(id);
    }

    /// Those that stop last come first.
    pub(super) fn in_start_order(&self, id: Id) -> Vec<Id> {
        let mut order: Vec<Id> = self.node(id).children.iter().copied().collect();
        order.sort_by_key(|child| !self.child(*child).spec.stops_last);
        order
    }

    fn halt_on(&mut self, id: Id) {
        while let Some(halt) = &mut self.node_mut(id).halt {
            let at_once = halt.at_once;
            let Some(next) = halt.queue.last().copied() else { return self.halted(id) };
            if !self.has_stopped(next, Aim::Halt, at_once) {
                return;
            }
            self.node_mut(id).halt.as_mut().map(|halt| halt.queue.pop());
        }
    }

    fn regroup_on(&mut self, id: Id) {
        while let Some(group) = &mut self.node_mut(id).regroup {
            let Some(next) = group.queue.last().copied() else {
                if group.is_due {
                    self.start_group(id);
                }
                return;
            };
            if !self.has_stopped(next, Aim::Regroup, false) {
                return;
            }
            self.node_mut(id).regroup.as_mut().map(|group| group.queue.pop());
        }
    }

    fn start_group(&mut self, id: Id) {
        let node = self.node_mut(id);
        let Some(group) = node.regroup.take() else { return };
        let members: Vec<Id> = node.children.range(group.from..).copied().collect();
        for member in members {
            let child = self.child(member);
            let is_wanted = match child.phase {
                Phase::Terminated | Phase::Abandoned(Aim::Terminate | Aim::Remove) => false,
                Phase::Ended | Phase::Abandoned(_) => child.spec.restart != Restart::Temporary,
                _ => true,
            };
            if is_wanted {
                self.enqueue(member);
            }
        }
    }

    /// Stops a child, as far as that is possible now; whether it counts as stopped.
    fn has_stopped(&mut self, id: Id, aim: Aim, at_once: bool) -> bool {
        let Some(child) = self.children.get_mut(&id) else { return true };
        let halts = aim == Aim::Halt;
        match &mut child.phase {
            Phase::Ended | Phase::Terminated => return true,
            Phase::Abandoned(what) => {
                what.raise(aim);
                return true;
            }
            Phase::Waiting | Phase::BackingOff(_) => {
                self.set(id, if halts { Phase::Ended } else { Phase::Waiting });
                return true;
            }
            Phase::Spawning => return false,
            Phase::Starting | Phase::Running => self.ask_stop(id, aim),
            Phase::Stopping(what) | Phase::Leaving(what) => what.raise(aim),
        }
        if at_once {
            self.give_up_on(id);
        }
        !self.child(id).phase.is_active()
    }

    /// The time of a child that was asked to stop is over.
    fn give_up_on(&mut self, id: Id) {
        match &mut self.child_mut(id).node {
            None => self.abandon(id),
            Some(_) => {
                // Nobody is given up who was not asked.
                self.last_call(id);
                if let Some(halt) = &mut self.node_mut(id).halt {
                    halt.at_once = true;
                }
                self.turns.push_back(id);
            }
        }
    }

    /// The time of a supervisor that stops is almost over: all below it are asked, whatever the order. Else who does not stop
    /// would take what time there is from those whose turn comes later.
    fn last_call(&mut self, id: Id) {
        let Some(halt) = &mut self.node_mut(id).halt else { return };
        halt.is_last_call = true;
        for child in halt.queue.clone().into_iter().rev() {
            match self.children.get(&child).map(|child| &child.phase) {
                Some(Phase::Starting | Phase::Running) => self.ask_stop(child, Aim::Halt),
                Some(Phase::Stopping(_)) => {}
                // One that is about to have a thread is asked then.
                _ => continue,
            }
            if self.child(child).node.is_some() {
                self.last_call(child);
            }
        }
    }

    fn abandon(&mut self, id: Id) {
        let child = self.child(id);
        let (Phase::Stopping(aim) | Phase::Leaving(aim)) = &child.phase else { return };
        let aim = aim.clone();
        if let Aim::Fail(exit) = &aim {
            self.tell_ended(id, exit.clone());
        }
        let child = self.child(id);
        let (worker, generation) = (child.path.clone(), child.generation);
        let waited = child.awaited_since.map_or(Duration::ZERO, |since| self.now.saturating_sub(since));
        let incident = Incident::Abandoned { worker, generation, waited };
        if child.spec.replaced && !aim.is_for_good() {
            self.orphan(id);
            self.tell(id, incident);
            return self.stopped(id, aim);
        }
        let is_answer = matches!(aim, Aim::Terminate | Aim::Remove);
        self.set(id, Phase::Abandoned(aim));
        self.tell(id, incident);
        if is_answer {
            self.answer(id);
        }
        // Nobody waits for it.
        self.settle(id);
    }

    /// Something is due.
    pub(super) fn expire(&mut self, id: Id) {
        let child = self.child(id);
        match &child.phase {
            Phase::BackingOff(_) => {
                self.set(id, Phase::Waiting);
                self.end_delay(id);
            }
            Phase::Starting => {
                let time = child.spec.ready_within.unwrap_or_default();
                let exit = Exit::NotReady(format!("it was not ready within {time:?}"));
                self.ask_stop(id, Aim::Fail(exit));
            }
            Phase::Stopping(_) if child.deadline.is_some_and(|at| at > self.now) => {
                self.set_alarm(id, child.deadline);
                self.last_call(id);
            }
            Phase::Stopping(_) | Phase::Leaving(_) => {
                let phase = child.phase.clone();
                self.set(id, phase);
                self.give_up_on(id);
            }
            phase => {
                let phase = phase.clone();
                self.set(id, phase);
            }
        }
    }

    /// A child that waits may be started as far as it is concerned.
    pub(super) fn end_delay(&mut self, id: Id) {
        let Some(parent) = self.child(id).parent else { return };
        let is_open = self.is_open(parent);
        let node = self.node_mut(parent);
        let regroups = node.regroups(id);
        if let Some(group) = &mut node.regroup
            && group.trigger == id
        {
            group.is_due = true;
        }
        let has_turn = node.to_start.contains(&id);
        if is_open && !regroups && !has_turn {
            return self.start(id);
        }
        if !is_open {
            self.set(id, Phase::Ended);
        }
        self.turns.push_back(parent);
    }

    /// A child that is to be started again takes others with it.
    pub(super) fn regroup(&mut self, parent: Id, trigger: Id) {
        let node = self.node_mut(parent);
        let mut from = match node.strategy {
            Strategy::OneForOne => return,
            Strategy::OneForAll => ROOT,
            Strategy::RestForOne => trigger,
        };
        if let Some(group) = &node.regroup {
            from = from.min(group.from);
        }
        node.to_start.split_off(&from);
        let queue = node.children.range(from..).copied().filter(|child| *child != trigger).collect();
        node.regroup = Some(Regroup { trigger, from, queue, is_due: false });
        self.turns.push_back(parent);
    }

    /// How long until a child is started again.
    pub(super) fn back_off(&mut self, id: Id, delay: Duration) {
        let until = self.now.saturating_add(delay);
        self.set_until(id, Phase::BackingOff(delay), Some(until));
    }
}

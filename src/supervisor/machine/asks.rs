//! What hosts ask of a supervisor that runs.

use super::child::{Aim, Phase};
use super::node::Then;
use super::{Id, Machine, Output, ROOT};
use crate::supervisor::incident::StopReport;
use std::time::Duration;

/// What is to become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// It stops, and stays on the list.
    Terminate,
    /// It stops, and is taken off the list.
    Remove,
    /// It is started now; if it runs, it is stopped first.
    Restart,
}

impl Machine {
    /// Does with a child what somebody asks, who waits by this ticket until it has stopped. That is over by the deadline, or
    /// earlier, as the child's own time for it says.
    pub(crate) fn ask(&mut self, id: Id, ask: Ask, ticket: Option<u64>, by: Duration, now: Duration) {
        self.now = self.now.max(now);
        if !self.children.contains_key(&id) {
            let report = StopReport::default();
            self.outputs.extend(ticket.map(|ticket| Output::Answer { ticket, report }));
            return;
        }
        match ask {
            Ask::Terminate => self.quit(id, Aim::Terminate, ticket, by),
            Ask::Remove => self.quit(id, Aim::Remove, ticket, by),
            Ask::Restart => self.restart(id),
        }
        self.work();
    }

    fn quit(&mut self, id: Id, aim: Aim, ticket: Option<u64>, by: Duration) {
        self.child_mut(id).tickets.extend(ticket);
        // Neither those who come after it nor those who are started along with it wait for it.
        self.release(id);
        match &mut self.child_mut(id).phase {
            Phase::Ended | Phase::Terminated | Phase::Waiting | Phase::BackingOff(_) => {
                return self.stopped(id, aim);
            }
            Phase::Abandoned(what) => {
                what.raise(aim);
                return self.answer(id);
            }
            Phase::Stopping(what) | Phase::Leaving(what) => what.raise(aim),
            Phase::Spawning | Phase::Starting | Phase::Running => self.ask_stop(id, aim),
        }
        let child = self.child(id);
        let deadline = child.deadline.map_or(by, |deadline| deadline.min(by));
        let phase = child.phase.clone();
        self.set_until(id, phase, Some(deadline));
    }

    fn release(&mut self, id: Id) {
        self.settle(id);
        let Some(parent) = self.child(id).parent else { return };
        if let Some(group) = &mut self.node_mut(parent).regroup
            && group.trigger == id
        {
            group.is_due = true;
        }
    }

    fn restart(&mut self, id: Id) {
        match &self.child(id).phase {
            Phase::Ended | Phase::Terminated | Phase::BackingOff(_) => {
                self.set(id, Phase::Waiting);
                self.end_delay(id);
            }
            Phase::Starting | Phase::Running => self.ask_stop(id, Aim::Restart),
            Phase::Abandoned(Aim::Remove) => {}
            Phase::Abandoned(_) if self.child(id).spec.replaced => {
                self.orphan(id);
                self.set(id, Phase::Waiting);
                self.end_delay(id);
            }
            Phase::Abandoned(_) => self.set(id, Phase::Abandoned(Aim::Restart)),
            Phase::Waiting | Phase::Spawning | Phase::Stopping(_) | Phase::Leaving(_) => {}
        }
    }

    /// Stops everything, by the deadline.
    pub(crate) fn stop(&mut self, by: Duration, now: Duration) {
        self.now = self.now.max(now);
        if self.child(ROOT).phase == Phase::Ended {
            return;
        }
        let by = self.child(ROOT).deadline.map_or(by, |deadline| deadline.min(by));
        self.set_until(ROOT, Phase::Stopping(Aim::Halt), Some(by));
        self.begin_halt(ROOT, Then::Stopped);
        self.work();
    }
}

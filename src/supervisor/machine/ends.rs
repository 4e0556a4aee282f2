//! What follows when a run has begun, is ready, or is over.

use super::child::{Aim, Orphan, Phase};
use super::node::Then;
use super::{Id, Machine, Output, ROOT};
use crate::supervisor::incident::Incident;
use crate::supervisor::liveness::Turn;
use crate::supervisor::policy::Exit;
use crate::supervisor::rules::AutoShutdown;
use crate::supervisor::spec::Restart;
use std::time::Duration;

impl Machine {
    /// A run that was to begin has a thread.
    pub(crate) fn spawned(&mut self, id: Id, generation: u64, now: Duration) {
        self.now = self.now.max(now);
        if !self.is_current(id, generation) || self.child(id).phase != Phase::Spawning {
            return;
        }
        let child = self.child(id);
        let worker = child.path.clone();
        match child.spec.ready_within {
            None => {
                self.set(id, Phase::Running);
                self.settle(id);
            }
            Some(time) => {
                let until = self.now.saturating_add(time);
                self.set_until(id, Phase::Starting, Some(until));
            }
        }
        self.tell(id, Incident::Started { worker, generation });
        let parent = self.child(id).parent.expect("only the topmost supervisor has none");
        if self.node(parent).halt.as_ref().is_some_and(|halt| halt.is_last_call) {
            self.ask_stop(id, Aim::Halt);
        }
        // A stop may have waited for the thread.
        self.wake_parent(id);
        self.work();
    }

    /// A run says that it is ready.
    pub(crate) fn ready(&mut self, id: Id, generation: u64, now: Duration) {
        self.now = self.now.max(now);
        if self.is_current(id, generation) && self.child(id).phase == Phase::Starting {
            self.set(id, Phase::Running);
            self.settle(id);
            self.work();
        }
    }

    /// The body of a run is over, or the run did not come to have a thread.
    pub(crate) fn ended(&mut self, id: Id, generation: u64, exit: Exit, now: Duration) {
        self.now = self.now.max(now);
        if let Some(orphan) = self.orphans.remove(&(id, generation)) {
            return self.tell_late(id, generation, orphan, exit);
        }
        if !self.is_current(id, generation) {
            return;
        }
        let has_thread = !matches!(exit, Exit::NotSpawned(_));
        match self.child(id).phase.clone() {
            Phase::Spawning | Phase::Starting | Phase::Running => {
                self.tell_ended(id, exit.clone());
                self.decide(id, exit);
            }
            Phase::Stopping(aim) => {
                let exit = match &aim {
                    // Why it was stopped says more than that it did stop.
                    Aim::Fail(why) if exit.failure().is_none() => why.clone(),
                    _ => exit,
                };
                if aim != Aim::Halt || exit.failure().is_some() {
                    self.tell_ended(id, exit.clone());
                }
                if aim.is_for_good() && has_thread {
                    self.child_mut(id).left = Some(exit);
                    let deadline = self.child(id).deadline;
                    self.set_until(id, Phase::Leaving(aim), deadline);
                    self.outputs.push_back(Output::AwaitGone { child: id, generation });
                } else {
                    self.stopped(id, aim);
                }
            }
            Phase::Abandoned(aim) => {
                let run = self.abandoned_run(id);
                self.tell_late(id, generation, run, exit);
                self.stopped(id, aim);
            }
            _ => {}
        }
        self.work();
    }

    /// The thread of a run is gone, after its body was over.
    pub(crate) fn gone(&mut self, id: Id, generation: u64, now: Duration) {
        self.now = self.now.max(now);
        if let Some(mut orphan) = self.orphans.remove(&(id, generation)) {
            let exit = orphan.left.take().unwrap_or(Exit::Returned);
            return self.tell_late(id, generation, orphan, exit);
        }
        if !self.is_current(id, generation) {
            return;
        }
        match self.child(id).phase.clone() {
            Phase::Leaving(aim) => self.stopped(id, aim),
            Phase::Abandoned(aim) => {
                let mut run = self.abandoned_run(id);
                let exit = run.left.take().unwrap_or(Exit::Returned);
                self.tell_late(id, generation, run, exit);
                self.stopped(id, aim);
            }
            _ => {}
        }
        self.work();
    }

    /// What turned with the heartbeat of a run.
    pub(crate) fn turned(&mut self, id: Id, generation: u64, turn: Turn, now: Duration) {
        self.now = self.now.max(now);
        if !self.is_current(id, generation) {
            return;
        }
        let child = self.child_mut(id);
        if !matches!(child.phase, Phase::Starting | Phase::Running) {
            return;
        }
        let worker = child.path.clone();
        let is_hung = matches!(turn, Turn::Hung { .. });
        child.is_hung = is_hung;
        let is_ended = is_hung && child.spec.ends_hung;
        if let (Turn::Hung { silent }, true) = (&turn, is_ended) {
            child.silent_since = Some(now.saturating_sub(*silent));
        }
        self.outputs.push_back(Output::Changed { child: id });
        match turn {
            Turn::Hung { silent } => {
                self.tell(id, Incident::Hung { worker, generation, silent });
                if is_ended {
                    self.ask_stop(id, Aim::Fail(Exit::Hung(format!("it did not beat for {silent:.1?}"))));
                    self.work();
                }
            }
            Turn::Recovered { hung } => self.tell(id, Incident::Recovered { worker, generation, hung }),
        }
    }

    fn is_current(&self, id: Id, generation: u64) -> bool {
        self.children.get(&id).is_some_and(|child| child.generation == generation)
    }

    /// Told once of each run: of one that failed and did not stop, when it is abandoned.
    pub(super) fn tell_ended(&mut self, id: Id, exit: Exit) {
        let child = self.child_mut(id);
        child.note_end(&exit);
        let (worker, generation, began) = (child.path.clone(), child.generation, child.began);
        let ran = self.now.saturating_sub(began);
        self.tell(id, Incident::Ended { worker, generation, exit, ran });
    }

    /// An abandoned run is over.
    fn tell_late(&mut self, id: Id, generation: u64, run: Orphan, exit: Exit) {
        let ran = self.now.saturating_sub(run.began);
        self.tell(id, Incident::AbandonedEnded { worker: run.path, generation, exit, ran });
    }

    /// A run is over that nobody ended, or that was ended because it failed.
    fn decide(&mut self, id: Id, exit: Exit) {
        let now = self.now;
        let child = self.child(id);
        let parent = child.parent.expect("only the topmost supervisor has none");
        let node = self.node(parent);
        if node.halt.is_some() || !self.child(parent).phase.is_up() {
            return self.stopped(id, Aim::Halt);
        }
        if node.regroups(id) {
            return self.stopped(id, Aim::Regroup);
        }
        let child = self.child_mut(id);
        // What hung has run for as long as it got on.
        let until = child.silent_since.unwrap_or(now);
        child.history.note(&child.spec, until.saturating_sub(child.began), !child.came_up);
        if !child.spec.restart.follows(&exit) {
            return self.finish(id, parent);
        }
        let is_limited = child.spec.limited;
        if is_limited && !self.node_mut(parent).window.admit(now) {
            self.set(id, Phase::Ended);
            return self.meltdown(parent, id);
        }
        let chance = self.chance.draw();
        let child = self.child_mut(id);
        let delay = child.history.delay(&child.spec, chance);
        let worker = child.path.clone();
        self.back_off(id, delay);
        self.tell(id, Incident::RestartScheduled { worker, delay });
        self.regroup(parent, id);
    }

    /// A child ended for good, by itself.
    fn finish(&mut self, id: Id, parent: Id) {
        self.set(id, Phase::Ended);
        self.settle(id);
        let node = self.node(parent);
        let is_left = |id: &Id| {
            let child = self.child(*id);
            child.spec.significant && !matches!(child.phase, Phase::Ended | Phase::Terminated)
        };
        let shuts_down = self.child(id).spec.significant
            && match node.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => !node.children.iter().any(is_left),
            };
        if shuts_down {
            let (supervisor, worker) = (self.child(parent).path.clone(), self.child(id).path.clone());
            if parent == ROOT {
                self.set(ROOT, Phase::Stopping(Aim::Halt));
                // Whoever is told finds it so.
                self.outputs.push_back(Output::Stopping);
            }
            self.tell(id, Incident::AutoShutdown { supervisor, worker });
            self.begin_halt(parent, Then::ShutDown);
        }
    }

    /// A supervisor gives up, over one restart too many.
    fn meltdown(&mut self, id: Id, over: Id) {
        let (supervisor, worker) = (self.child(id).path.clone(), self.child(over).path.clone());
        let (generation, ran) = (self.child(id).generation, self.now.saturating_sub(self.child(id).began));
        let exit = Exit::escalated(&worker);
        if id == ROOT {
            self.outputs.push_back(Output::MeltedDown { child: over });
            self.tell(id, Incident::MeltedDown { worker });
        } else {
            self.tell(id, Incident::Escalated { supervisor, generation, worker, ran });
        }
        self.begin_halt(id, Then::Fail(exit));
    }

    /// All children of a supervisor have stopped.
    pub(super) fn halted(&mut self, id: Id) {
        let Some(halt) = self.node_mut(id).halt.take() else { return };
        if id == ROOT {
            // After a meltdown the host goes on, and may add or restart children.
            let is_over = !matches!(halt.then, Then::Fail(_));
            for child in self.node(ROOT).children.clone() {
                // Added meanwhile.
                match self.child(child).phase {
                    Phase::Waiting if is_over => self.set(child, Phase::Ended),
                    Phase::Waiting => self.enqueue(child),
                    _ => {}
                }
            }
            if is_over {
                self.set(ROOT, Phase::Ended);
                let report = self.report(ROOT);
                self.outputs.push_back(Output::Over(report));
            }
            return;
        }
        match self.child(id).phase.clone() {
            Phase::Stopping(aim) => self.stopped(id, aim),
            _ => {
                let exit = match halt.then {
                    Then::Fail(exit) => exit,
                    Then::Stopped | Then::ShutDown => Exit::Returned,
                };
                self.child_mut(id).note_end(&exit);
                self.decide(id, exit);
            }
        }
    }

    /// A child that was asked to stop has stopped, or counts as stopped.
    pub(super) fn stopped(&mut self, id: Id, aim: Aim) {
        let child = self.child(id);
        let parent = child.parent.expect("only the topmost supervisor has none");
        let is_temporary = child.spec.restart == Restart::Temporary;
        self.wake_parent(id);
        match aim {
            Aim::Fail(exit) => self.decide(id, exit),
            Aim::Restart => {
                self.set(id, Phase::Waiting);
                self.end_delay(id);
            }
            Aim::Regroup if is_temporary => self.set(id, Phase::Ended),
            Aim::Regroup => {
                self.set(id, Phase::Waiting);
                // One that was abandoned, and comes late, is started alone.
                if !self.node(parent).regroups(id) {
                    self.end_delay(id);
                }
            }
            Aim::Halt => self.set(id, Phase::Ended),
            Aim::Terminate => {
                self.set(id, Phase::Terminated);
                self.answer(id);
            }
            Aim::Remove => {
                let answers = self.answers(id);
                self.take_off(id);
                // Whoever asked finds the name free.
                self.outputs.extend(answers);
            }
        }
    }
}

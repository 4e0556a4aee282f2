//! How children stopped, and taking them off the list.

use super::child::{Aim, Phase};
use super::{Id, Machine, Output};
use crate::contain::drop_contained;
use crate::supervisor::incident::StopReport;

impl Machine {
    /// How a child's workers stopped, in the order in which they did.
    pub(super) fn report(&self, id: Id) -> StopReport {
        let mut report = StopReport::default();
        self.add_to(&mut report, id);
        report
    }

    fn add_to(&self, report: &mut StopReport, id: Id) {
        let child = self.child(id);
        if child.node.is_some() {
            self.in_start_order(id).into_iter().rev().for_each(|child| self.add_to(report, child));
            return;
        }
        let has_orphans = self.orphans.range((id, 0)..=(id, u64::MAX)).next().is_some();
        let is_abandoned = has_orphans || matches!(child.phase, Phase::Abandoned(_));
        let list = if is_abandoned { &mut report.abandoned } else { &mut report.stopped };
        list.push(child.path.clone());
    }

    /// Tells whoever waits for a child how it stopped.
    pub(super) fn answer(&mut self, id: Id) {
        let answers = self.answers(id);
        self.outputs.extend(answers);
    }

    /// What [`Machine::answer`] tells.
    pub(super) fn answers(&mut self, id: Id) -> Vec<Output> {
        let tickets = std::mem::take(&mut self.child_mut(id).tickets);
        if tickets.is_empty() {
            return Vec::new();
        }
        let report = self.report(id);
        tickets.into_iter().map(|ticket| Output::Answer { ticket, report: report.clone() }).collect()
    }

    /// Takes a child that has stopped off the list, and all below it. Abandoned ones stay until they have ended, and with them
    /// their supervisors.
    pub(super) fn take_off(&mut self, id: Id) -> bool {
        let below: Vec<Id> = self
            .child(id)
            .node
            .as_ref()
            .map_or_else(Vec::new, |node| node.children.iter().copied().collect());
        let mut is_empty = true;
        for child in below {
            is_empty &= match &mut self.child_mut(child).phase {
                Phase::Abandoned(aim) => {
                    aim.raise(Aim::Remove);
                    self.child(child).node.is_some() && self.take_off(child)
                }
                _ => self.take_off(child),
            };
        }
        if !is_empty {
            self.set(id, Phase::Abandoned(Aim::Remove));
            return false;
        }
        // So that nothing is due.
        self.set(id, Phase::Ended);
        self.settle(id);
        if let Some(parent) = self.child(id).parent {
            self.node_mut(parent).children.remove(&id);
        }
        drop_contained(self.children.remove(&id));
        self.outputs.push_back(Output::Removed { child: id });
        true
    }
}

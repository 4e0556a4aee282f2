//! The last failures: how many, and which are told as one.

use super::{FailureReport, Failures};
use crate::events::Answer;
use crate::id::CorrelationId;
use crate::supervisor::ChildId;
use std::collections::VecDeque;

/// How many reports are kept, and how many trails whose reports are yet to come.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The newest last.
    reports: VecDeque<FailureReport>,
    /// The thread and the supervisor tell of a failure independently.
    early: VecDeque<(ChildId, u64, Answer)>,
    runs: u64,
    forgotten: u64,
    pub(super) without_trail: u64,
}

impl Kept {
    /// One more failure; what makes room for it, to be dropped where no lock is held.
    pub(super) fn put(&mut self, mut report: FailureReport) -> Option<FailureReport> {
        let is_told = |other: &FailureReport| {
            other.is_of(report.child, report.generation()) && other.exit == report.exit
        };
        if report.was_abandoned && self.reports.iter().any(is_told) {
            // Its body failed before it was abandoned: its thread alone was late.
            return Some(report);
        }
        self.runs += 1;
        let is_its = |(child, generation, _): &(ChildId, u64, Answer)| report.is_of(*child, *generation);
        if let Some(index) = self.early.iter().position(is_its).filter(|_| !report.is_from_outside())
            && let Some((_, _, trail)) = self.early.remove(index)
        {
            give(&mut report, trail);
        }
        let before = self.reports.iter().rposition(|other| other.child == report.child);
        let gone = match before {
            Some(index) if report.follows(&self.reports[index]) => {
                let before = self.reports.remove(index);
                let since = before.as_ref().map_or(report.generation(), |before| *before.generations.start());
                report.generations = since..=report.generation();
                before
            }
            _ if self.reports.len() == MOST => {
                let oldest = self.reports.pop_front();
                self.forgotten += oldest.as_ref().map_or(0, FailureReport::times);
                oldest
            }
            _ => None,
        };
        self.reports.push_back(report);
        gone
    }

    /// What led to a failure; what is to be dropped, as above.
    pub(super) fn complete(&mut self, child: ChildId, generation: u64, trail: Answer) -> Option<Answer> {
        let of = |report: &&mut FailureReport| report.is_of(child, generation) && !report.is_from_outside();
        if let Some(report) = self.reports.iter_mut().rev().find(of) {
            return give(report, trail);
        }
        let is_within = |report: &FailureReport| {
            report.child == child
                && report.generations.contains(&generation)
                && report.generation() != generation
        };
        if self.reports.iter().any(is_within) {
            // The next run failed like this one before it had its say.
            return Some(trail);
        }
        let oldest = if self.early.len() == MOST { self.early.pop_front() } else { None };
        self.early.push_back((child, generation, trail));
        oldest.map(|(_, _, trail)| trail)
    }

    pub(super) fn all(&self) -> Failures {
        Failures {
            reports: self.reports.iter().cloned().collect(),
            runs: self.runs,
            forgotten: self.forgotten,
            without_trail: self.without_trail,
        }
    }

    pub(super) fn of(&self, worker: &str, generation: u64) -> Option<FailureReport> {
        let is_it =
            |report: &&FailureReport| *report.worker == *worker && report.generations.contains(&generation);
        self.reports.iter().rev().find(is_it).cloned()
    }
}

/// Gives a report its events; what it had.
fn give(report: &mut FailureReport, trail: Answer) -> Option<Answer> {
    if report.correlation == CorrelationId::NONE {
        let mut ids = trail.iter().rev().map(|event| event.correlation());
        report.correlation = ids.find(|id| *id != CorrelationId::NONE).unwrap_or(CorrelationId::NONE);
    }
    report.trail.replace(trail)
}

//! Arrows along a correlation id: from the first slice over all others to the last.
//!
//! Chrome wants to know which is the first and which the last. Slices come in the order in which they end, so the first and the last so
//! far are kept back until the id is given up.

use crate::CorrelationId;
use ahash::RandomState;
use std::collections::HashMap;

/// Where an arrow starts or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) at: u64,
    pub(super) thread: u64,
}

/// A point to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// `s`: starts, `t`: goes on, `f`: ends.
    pub(super) phase: &'static str,
    pub(super) flow: u64,
    pub(super) point: Point,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    number: u64,
    first: Point,
    last: Option<Point>,
}

/// The ids whose last slice may still come.
#[derive(Debug, Default)]
pub(super) struct Flows {
    open: HashMap<CorrelationId, Flow, RandomState>,
    most: usize,
    given: u64,
}

impl Flows {
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// One more slice of this id.
    pub(super) fn add(&mut self, id: CorrelationId, point: Point, mut write: impl FnMut(Step)) {
        if let Some(flow) = self.open.get_mut(&id) {
            let number = flow.number;
            let mut goes_on = |point| write(Step { phase: "t", flow: number, point });
            match flow.last {
                None => {
                    flow.last = Some(flow.first.max(point));
                    flow.first = flow.first.min(point);
                }
                Some(_) if point < flow.first => goes_on(std::mem::replace(&mut flow.first, point)),
                Some(last) if point > last => {
                    flow.last = Some(point);
                    goes_on(last);
                }
                Some(_) => goes_on(point),
            }
            return;
        }
        if self.open.len() >= self.most {
            self.let_go_of_older(&mut write);
        }
        self.given += 1;
        self.open.insert(id, Flow { number: self.given, first: point, last: None });
    }

    /// Gives up the older half: what comes of those ids later is another arrow.
    #[cold]
    fn let_go_of_older(&mut self, write: &mut impl FnMut(Step)) {
        let mut numbers: Vec<u64> = self.open.values().map(|flow| flow.number).collect();
        numbers.sort_unstable();
        let from = numbers.get(numbers.len() / 2).copied().unwrap_or(0);
        self.open.retain(|_, flow| {
            let stays = flow.number > from;
            if !stays {
                flow.end(write);
            }
            stays
        });
    }

    /// There are no more slices.
    pub(super) fn end_all(&mut self, mut write: impl FnMut(Step)) {
        let mut left: Vec<Flow> = self.open.drain().map(|(_, flow)| flow).collect();
        left.sort_unstable_by_key(|flow| flow.number);
        left.iter().for_each(|flow| flow.end(&mut write));
    }
}

impl Flow {
    /// A single slice needs no arrow.
    fn end(&self, write: &mut impl FnMut(Step)) {
        if let Some(last) = self.last {
            write(Step { phase: "s", flow: self.number, point: self.first });
            write(Step { phase: "f", flow: self.number, point: last });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(times: &[u64], most: usize, ids: u128) -> Vec<(u64, &'static str, u64)> {
        let (mut flows, mut steps) = (Flows::new(most), Vec::new());
        for (at, time) in times.iter().enumerate() {
            let id = CorrelationId::new(at as u128 % ids + 1);
            flows.add(id, Point { at: *time, thread: 1 }, |step| steps.push(step));
        }
        flows.end_all(|step| steps.push(step));
        let mut steps: Vec<_> = steps.iter().map(|step| (step.flow, step.phase, step.point.at)).collect();
        steps.sort_by_key(|(flow, _, at)| (*flow, *at));
        steps
    }

    #[test]
    fn the_first_starts_and_the_last_ends_in_whatever_order_they_come() {
        assert_eq!(written(&[5], 8, 1), []);
        for times in [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2], [2, 4, 1, 3]] {
            assert_eq!(written(&times, 8, 1), [(1, "s", 1), (1, "t", 2), (1, "t", 3), (1, "f", 4)]);
        }
    }

    #[test]
    fn ids_that_are_given_up_start_again() {
        let steps = written(&(0..100).collect::<Vec<_>>(), 4, 5);
        let starts = steps.iter().filter(|(_, phase, _)| *phase == "s").count();
        assert_eq!(starts, steps.iter().filter(|(_, phase, _)| *phase == "f").count());
        let few = written(&(0..100).collect::<Vec<_>>(), 8, 5);
        assert_eq!(few.iter().filter(|(_, phase, _)| *phase == "s").count(), 5);
        assert_eq!(few.len(), 100);
    }
}

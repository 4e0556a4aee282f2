//! What others would ask, and what memory can do.

use super::grouped;
use super::stores::{OF_AN_ID, ids};
use crate::measure::Side;
use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::sync::Mutex;

pub(super) const MAP: &str = "Mutex<HashMap<u64, Vec>>, which only grows";
pub(super) const DEQUE: &str = "Mutex<VecDeque>, from end to end";
pub(super) const READS: &str = "nine dependent reads";
pub(super) const SUM: &str = "a sum over as many bytes";

/// Time, id, kind, payload.
type Kept = [u64; 5];

fn kept(count: u64) -> impl Iterator<Item = Kept> {
    ids(count).zip(0..).map(|((nth, id), n)| [n, id, nth, id, id])
}

/// The obvious index.
pub(super) struct Map(Mutex<HashMap<u64, Vec<Kept>>>);

impl Map {
    pub(super) fn of(count: u64) -> Self {
        let mut map: HashMap<u64, Vec<Kept>> = HashMap::new();
        kept(count).for_each(|event| map.entry(event[1]).or_default().push(event));
        Self(map.into())
    }

    pub(super) fn visit(&self, id: u64) {
        let map = self.0.lock().expect("nothing panics with it");
        let events = &map[&id];
        assert_eq!(events.len() as u64, OF_AN_ID);
        events.iter().for_each(|event| {
            black_box(event);
        });
    }

    pub(super) fn collect(&self, id: u64) {
        black_box(self.0.lock().expect("nothing panics with it")[&id].clone());
    }
}

/// The obvious store, which has no index.
pub(super) struct Deque(Mutex<VecDeque<Kept>>);

impl Deque {
    pub(super) fn of(count: u64) -> Self {
        Self(Mutex::new(kept(count).collect()))
    }

    pub(super) fn visit(&self, id: u64) {
        let events = self.0.lock().expect("nothing panics with it");
        let mut found = 0;
        for event in events.iter().filter(|event| event[1] == id) {
            black_box(event);
            found += 1;
        }
        assert_eq!(found, OF_AN_ID);
    }
}

/// As many reads as a query needs, a head and eight records, none of which can begin before the one before it has ended.
pub(super) fn dependent_reads(bytes: usize) -> Side<'static> {
    let lines = one_circle(bytes / 64);
    let mut at = 0;
    Side::each(format!("{READS}, in {}", size(bytes)), move |_| {
        for _ in 0..=OF_AN_ID {
            at = lines[at][0] as usize;
        }
        black_box(at);
    })
}

/// Lines that lead from one to the next at random, and all of them through all.
fn one_circle(lines: usize) -> Vec<[u64; 8]> {
    let mut circle: Vec<[u64; 8]> = (0..lines as u64).map(|line| [line; 8]).collect();
    // Sattolo's shuffle, which leaves a single circle.
    for last in (1..lines).rev() {
        let other = super::random(last as u64) as usize % last;
        let next = circle[last][0];
        circle[last][0] = std::mem::replace(&mut circle[other][0], next);
    }
    circle
}

fn size(bytes: usize) -> String {
    format!("{} KiB", grouped(bytes as u64 >> 10))
}

/// Reads memory as fast as it can be read.
pub(super) fn sum(bytes: usize) -> Side<'static> {
    let words: Vec<u64> = (0..bytes as u64 / 8).collect();
    Side::each(format!("{SUM}, {}", size(bytes)), move |_| {
        black_box(black_box(&words[..]).iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circle_is_one() {
        let circle = one_circle(1_000);
        let (mut at, mut steps) = (0, 0);
        loop {
            (at, steps) = (circle[at][0] as usize, steps + 1);
            if at == 0 {
                break;
            }
        }
        assert_eq!(steps, 1_000);
    }
}

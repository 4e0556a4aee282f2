//! Models of waking whoever waits for events of prompt kinds. Edge watched: `bell-waits`. A wait of a model has no time-out,
//! so a lost wake-up is a deadlock, which loom reports.

mod support;

use flightdeck_loom::internals::{Bell, Entry, Geometry, Region, Ring, Side};
use loom::sync::atomic::Ordering;
use loom::thread;
use std::sync::Arc;
use std::time::Duration;
use support::{Model, Seen};

const GEOMETRY: Geometry = Geometry { words: 8, block: 4, buckets: 1, queue: 1, link_word: 0 };

/// A ring for each writer, and the bell of them all.
struct Deck {
    rings: Vec<Ring>,
    bell: Bell,
}

impl Deck {
    fn of(writers: usize) -> Arc<Self> {
        let region = Region::heap(writers * GEOMETRY.footprint()).unwrap();
        let rings = (0..writers).map(|number| Ring::new(&region, number * GEOMETRY.footprint(), GEOMETRY));
        Arc::new(Self { rings: rings.collect(), bell: Bell::default() })
    }

    /// Records so many events of a prompt kind in a ring. One thread for each.
    fn write(&self, ring: usize, records: usize) {
        for _ in 0..records {
            // SAFETY: one thread writes to this ring.
            let mut writing = unsafe { self.rings[ring].begin() };
            let reserved = writing.reserve(1).unwrap();
            let ticks = reserved.position;
            reserved.words[0].store(ticks, Ordering::Relaxed);
            writing.commit(reserved, Entry { ticks, kind: 1, bucket: None });
            self.bell.after_commit();
        }
    }

    /// How many records there are, as a look finds out.
    fn look(&self) -> u64 {
        // Positions begin one lap in.
        self.rings.iter().map(|ring| ring.cut().tail - GEOMETRY.words as u64).sum()
    }
}

#[derive(Clone, Default)]
struct Outcomes {
    /// Everything was there at the first look.
    at_once: Seen,
    /// What the look before the wait found.
    looked_again: Seen,
    waited: Seen,
    /// A wait ended, and there was more to wait for.
    waited_again: Seen,
}

impl Outcomes {
    fn all(&self, waits_again: bool) {
        self.at_once.at_least_once("all was there");
        self.looked_again.at_least_once("found between saying so and waiting");
        self.waited.at_least_once("waited");
        if waits_again {
            self.waited_again.at_least_once("waited twice");
        }
    }
}

/// Waits as a cursor does until it has found so many; `looks_again` once it has said that it waits.
fn follow(deck: &Deck, wanted: u64, looks_again: bool, seen: &Outcomes) {
    let (mut word, mut found, mut waits) = (None, 0, 0);
    while found < wanted {
        let before = found;
        found = deck.look();
        if found != before {
            continue;
        }
        let announced = deck.bell.announce(word).expect("models have a fence");
        if looks_again && word != Some(announced) {
            word = Some(announced);
            found = deck.look();
            if found != before {
                seen.looked_again.count();
                continue;
            }
        }
        word = Some(announced);
        assert!(deck.bell.wait(announced, Duration::MAX), "only a ring ends it");
        waits += 1;
    }
    match waits {
        0 => seen.at_once.count(),
        1 => seen.waited.count(),
        _ => seen.waited_again.count(),
    }
}

/// Writers of so many records each, and so many waiters for all of them.
fn waking(
    writers: &'static [usize],
    waiters: usize,
    looks_again: bool,
) -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let deck = Deck::of(writers.len());
        let all = writers.iter().sum::<usize>() as u64;
        let mut threads = Vec::new();
        for _ in 0..waiters {
            let (deck, seen) = (deck.clone(), seen.clone());
            threads.push(thread::spawn(move || follow(&deck, all, looks_again, &seen)));
        }
        for (ring, records) in writers.iter().enumerate() {
            let deck = deck.clone();
            threads.push(thread::spawn(move || deck.write(ring, *records)));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    };
    (model, outcomes)
}

#[test]
fn whoever_waits_is_woken_by_what_is_committed() {
    let (model, outcomes) = waking(&[2], 1, true);
    let model = Model::new("woken by one writer", 3, model).holds(1_000);
    outcomes.all(true);
    model.fails_without("bell-waits", Side::Publish).fails_without("bell-waits", Side::Observe);
}

#[test]
fn of_two_writers_one_rings_and_neither_is_missed() {
    let (model, outcomes) = waking(&[1, 1], 1, true);
    Model::new("woken by two writers", 2, model).holds(1_000);
    outcomes.all(true);
}

#[test]
fn one_ring_wakes_all_who_wait() {
    let (model, outcomes) = waking(&[1], 2, true);
    Model::new("two woken by one writer", 2, model).holds(1_000);
    outcomes.all(false);
}

#[test]
fn who_does_not_look_again_before_it_waits_is_not_woken() {
    let (model, _) = waking(&[1], 1, false);
    Model::new("woken without another look", 2, model).fails("another look before the wait");
}

//! Models of cursors. Edges watched: `ring-tail`, `ring-intent`, `ring-since`.
//!
//! Records are one word that says at which position it is, so that one of another lap shows. Whether longer ones tear is
//! a matter of the models of the ring.

mod support;

use flightdeck_loom::internals::{Entry, Geometry, NoRecord, Region, Ring, Side, Track};
use loom::sync::atomic::Ordering;
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// Writes so many records. One thread at a time does.
fn write(ring: &Ring, records: usize) {
    for _ in 0..records {
        // SAFETY: the threads of these models that write follow one another by a join.
        let mut writing = unsafe { ring.begin() };
        let reserved = writing.reserve(1).unwrap();
        let ticks = reserved.position;
        reserved.words[0].store(ticks, Ordering::Relaxed);
        writing.commit(reserved, Entry { ticks, kind: 1, bucket: None });
    }
}

fn words_at(ring: &Ring, position: u64, _: u64) -> Result<usize, NoRecord> {
    let read = ring.word(position);
    if !ring.is_intact(position) {
        return Err(NoRecord::Gone);
    }
    assert_eq!(read, position, "of another lap, or read before it was there");
    Ok(1)
}

struct Follower {
    track: Track,
    passed: u64,
    missed: u64,
}

impl Follower {
    fn new(track: Track) -> Self {
        Self { track, passed: 0, missed: 0 }
    }

    /// Looks once, and takes all that is there.
    fn look(&mut self, ring: &Ring) {
        let tail = ring.cut().tail;
        while let Some(position) = self.track.next(ring, tail) {
            match words_at(ring, position, tail) {
                Ok(words) => {
                    self.track.pass(position + words as u64);
                    self.passed += 1;
                }
                Err(reason) => self.track.miss(ring, reason),
            }
        }
        self.missed += self.track.take_overwritten();
    }
}

#[derive(Clone, Default)]
struct Outcomes {
    kept_up: Seen,
    lapped: Seen,
}

impl Outcomes {
    fn both(&self) {
        self.kept_up.at_least_once("all passed");
        self.lapped.at_least_once("some missed");
    }
}

type Begin = fn(&Ring) -> Track;

/// A writer laps a cursor, which begins before it goes on, or while it does.
fn lapped(
    geometry: Geometry,
    before: usize,
    written: usize,
    begin: Begin,
    begins_before: bool,
) -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let region = Region::heap(geometry.footprint()).unwrap();
        let ring = Arc::new(Ring::new(&region, 0, geometry));
        write(&ring, before);
        let track = begins_before.then(|| begin(&ring));
        let follower = {
            let ring = ring.clone();
            thread::spawn(move || {
                let track = track.unwrap_or_else(|| begin(&ring));
                let base = track.number().expect("something was there");
                let mut follower = Follower::new(track);
                if begins_before {
                    follower.look(&ring);
                }
                (follower, base)
            })
        };
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || write(&ring, written))
        };
        writer.join().unwrap();
        let (mut follower, base) = follower.join().unwrap();
        follower.look(&ring);
        let Follower { passed, missed, .. } = follower;
        if missed == 0 {
            seen.kept_up.count()
        } else {
            seen.lapped.count()
        }
        let all = (before + written) as u64;
        assert_eq!(base + passed + missed, all, "{base} before, {passed} passed, {missed} missed");
    };
    (model, outcomes)
}

const BY_RECORD: Geometry = Geometry { words: 2, block: 1, buckets: 1, queue: 1, link_word: 0 };
const BY_BLOCK: Geometry = Geometry { words: 4, block: 2, buckets: 1, queue: 1, link_word: 0 };

fn at_newest(ring: &Ring) -> Track {
    Track::at_newest(ring, words_at)
}

#[test]
fn each_record_is_passed_or_counted_as_missed() {
    let (model, outcomes) = lapped(BY_RECORD, 0, 4, at_newest, true);
    let mut model = Model::new("followed, intent by record", 3, model).holds(30_000);
    outcomes.both();
    for edge in ["ring-tail", "ring-intent"] {
        for side in [Side::Publish, Side::Observe] {
            model = model.fails_without(edge, side);
        }
    }
}

#[test]
fn each_record_is_passed_or_counted_as_missed_with_two_in_a_block() {
    let (model, outcomes) = lapped(BY_BLOCK, 2, 5, at_newest, true);
    Model::new("followed, intent by block", 3, model).holds(12_000);
    outcomes.both();
}

#[test]
fn a_cursor_that_begins_while_there_is_writing_counts_from_there() {
    for (name, begin) in [("newest", at_newest as Begin), ("oldest", Track::at_oldest)] {
        let (model, outcomes) = lapped(BY_RECORD, 1, 3, begin, false);
        let model = Model::new(name, 1, model).holds(20_000);
        outcomes.both();
        model.fails_without("ring-since", Side::Publish).fails_without("ring-since", Side::Observe);
    }
}

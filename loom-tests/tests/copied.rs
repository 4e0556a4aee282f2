//! Models of copies that are made while others write: what a reader of the copy believes was published, and is whole.
//!
//! | edge, on the side of whoever copies | watched by |
//! |---|---|
//! | `ring-tail`, `ring-indexed`, `ring-head` | `what_is_found_in_a_copy_of_a_ring_was_published` |
//! | `ring-intent`, `ring-since` | `what_was_overwritten_while_a_ring_was_copied_is_said_to_be_gone` |
//! | `ring-intent`, `ring-tail`, of blocks | `what_a_copy_knows_of_blocks_is_true` |
//! | `ring-wipe`, `ring-watermark` | `what_was_wiped_while_a_ring_was_copied_is_said_to_be_pruned` |
//! | `slot-commit`, `slot-claim`, `slot-since` | `what_a_copy_of_the_overflow_has_is_whole_or_said_to_be_gone` |
//! | `log-commit`, `log-strike` | `what_a_copy_of_a_log_has_is_there`, `what_was_struck_during_a_copy_is_struck_there` |
//! | `space-whole`, `space-begun` | `what_a_copy_of_a_semispace_has_is_there`, `a_copy_of_what_was_overwritten_is_known_to_be_none` |
//! | `clock-segment`, `clock-reuse` | `what_a_copy_of_the_clock_has_is_whole` |
//!
//! Who reads the copy does so when all is over, so no fence of the reader's plays a part. A fence that is weakened lets what is loaded
//! after it be older than what was loaded before: as though tail, heads or states were loaded after the words that they speak of, or
//! `intent` before them. A relaxed load has as many outcomes as there are stores to choose from, and a copy loads everything: so each
//! model copies the parts it is about, and has most of what is there written before anybody else looks.

mod support;

use flightdeck_loom::internals::{
    Class, Copied, Cut, Entry, Geometry, Link, Log, Overflow, Owner, Parts, PerClass, Region, Ring, Segment,
    Segments, Semispace, Shard, Side, Slots,
};
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use std::io;
use std::sync::Arc;
use support::{Model, Seen};

const WORDS: u64 = 2;
const CLASS: Class = Class::Normal;
/// Two records, each in a block of its own.
const RING: Geometry = Geometry { words: 4, block: 2, buckets: 1, queue: 1, link_word: 1 };
/// Four of them, two in a block: so nothing but the index publishes the first where the second is not committed yet.
const LARGER: Geometry = Geometry { words: 8, block: 4, ..RING };

const INDEX: Parts = Parts { index: true, blocks: false, words: true };
const RECORDS: Parts = Parts { index: false, blocks: false, words: true };
const BLOCKS: Parts = Parts { index: false, blocks: true, words: false };

/// So many words, as `copy` puts them, in pieces of two.
fn copied(len: usize, copy: impl FnOnce(&mut Copied<'_>) -> io::Result<()>) -> Vec<u64> {
    let mut words = vec![0; len];
    let mut put = |at: usize, some: &[u64]| {
        words[at..at + some.len()].copy_from_slice(some);
        Ok(())
    };
    copy(&mut Copied::new(&mut put).in_pieces(2, 1)).unwrap();
    words
}

#[derive(Clone, Default)]
struct Outcomes {
    whole: Seen,
    gone: Seen,
}

impl Outcomes {
    fn both(&self) {
        self.whole.at_least_once("a record in the copy");
        self.gone.at_least_once("a record that is gone");
    }
}

/// The first word of a record: how long it is, as whoever wipes needs it, and which one it is, which is its position.
fn lead(position: u64) -> u64 {
    position << 20 | WORDS
}

/// What a copy has at `position`: which record it is stands in both its words.
fn read(ring: &Ring, position: u64, seen: &Outcomes) -> Option<Link> {
    let (number, link) = (ring.word(position), Link::from_word(ring.word(position + 1)));
    if !ring.is_kept(position) {
        seen.gone.count();
        return None;
    }
    assert_eq!((number, u64::from(link.thread())), (lead(position), position), "torn");
    seen.whole.count();
    Some(link)
}

/// What is not there is said to be gone, and up to when.
fn is_told_to_be_gone(ring: &Ring, position: u64) {
    assert!(!ring.is_kept(position), "record {position} is kept and not found: {:?}", ring.cut());
    assert!(ring.since() > position, "record {position} is gone, and nothing is said to be");
}

/// The position of the first record.
fn origin(ring: &Ring) -> u64 {
    ring.geometry().words as u64
}

/// Everything below the cut is found in the copy by scan, or said to be overwritten.
fn scanned(ring: &Ring, seen: &Outcomes) {
    for position in (origin(ring)..ring.cut().tail).step_by(WORDS as usize) {
        if read(ring, position, seen).is_none() {
            is_told_to_be_gone(ring, position);
        }
    }
}

/// The same through the index, and by scan where that does not reach.
fn found(ring: &Ring, seen: &Outcomes) {
    let Cut { indexed, tail, .. } = ring.cut();
    let mut expected: Vec<u64> = (origin(ring)..tail).step_by(WORDS as usize).collect();
    let mut next = ring.head(0);
    while let Some(position) = next {
        let Some(link) = read(ring, position, seen) else { break };
        expected.retain(|other| *other != position || position >= indexed);
        next = link.previous(position);
    }
    for position in (indexed..tail).step_by(WORDS as usize) {
        if read(ring, position, seen).is_some() {
            expected.retain(|other| *other != position);
        }
    }
    expected.into_iter().for_each(|missing| is_told_to_be_gone(ring, missing));
}

/// A shard of which one ring is looked at. The other classes' are as small as can be.
fn shard(geometry: Geometry) -> Arc<Shard> {
    let least = Geometry { words: 2, block: 1, buckets: 1, queue: 1, link_word: 1 };
    let all = PerClass::of(|class| if class == CLASS { geometry } else { least });
    let region = Region::heap(Shard::footprint(&all)).unwrap();
    let shard = Arc::new(Shard::new(&region, 0, &all));
    assert!(shard.try_claim(Owner::UNKNOWN));
    shard
}

/// One record more. By one thread at a time, each after the one before.
fn write(shard: &Shard) {
    // SAFETY: `shard` claimed it, one write at a time.
    let mut writing = unsafe { shard.writing(CLASS) };
    let reserved = writing.reserve(WORDS as usize).unwrap();
    let position = reserved.position;
    reserved.words[0].store(lead(position), Relaxed);
    reserved.words[1].store(Link::unlinked(position as u32).word(), Relaxed);
    writing.commit(reserved, Entry { ticks: position, kind: 1, bucket: Some(0) });
}

/// A ring in which so many records lie already is copied while so many are written: what `check` makes of the copy.
fn ring(
    geometry: Geometry,
    parts: Parts,
    before: usize,
    written: usize,
    check: fn(&Ring, &Outcomes),
) -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry);
        (0..before).for_each(|_| write(&shard));
        let copier = {
            let shard = shard.clone();
            thread::spawn(move || copied(geometry.footprint(), |to| shard.rings()[CLASS].copy(parts, 0, to)))
        };
        let writer = thread::spawn(move || (0..written).for_each(|_| write(&shard)));
        writer.join().unwrap();
        let copy = Region::holding(&copier.join().unwrap());
        check(&Ring::open(&copy, 0, geometry), &seen);
    };
    (model, outcomes)
}

#[test]
fn what_is_found_in_a_copy_of_a_ring_was_published() {
    let (model, outcomes) = ring(LARGER, INDEX, 0, 2, found);
    let model = Model::new("copy of a ring", 2, model).holds(1_000);
    outcomes.whole.at_least_once("a record in the copy");
    model
        .fails_without("ring-head", Side::Publish)
        .fails_without("ring-head", Side::Observe)
        .fails_without("ring-indexed", Side::Publish);
    let (model, outcomes) = ring(RING, RECORDS, 1, 1, scanned);
    let model = Model::new("copy of a ring, by scan", 2, model).holds(50);
    outcomes.whole.at_least_once("a record in the copy");
    model.fails_without("ring-tail", Side::Publish).fails_without("ring-tail", Side::Observe);
}

#[test]
fn what_was_overwritten_while_a_ring_was_copied_is_said_to_be_gone() {
    for (name, written) in [("copy of a ring, lapped by one", 1), ("copy of a ring, lapped by two", 2)] {
        let (model, outcomes) = ring(RING, RECORDS, 2, written, scanned);
        let mut model = Model::new(name, 2, model).holds(100);
        outcomes.both();
        for edge in ["ring-intent", "ring-since"] {
            for side in [Side::Publish, Side::Observe] {
                model = model.fails_without(edge, side);
            }
        }
    }
}

/// What a copy says of the block of each record below the cut, whose ticks are its position.
fn blocks(ring: &Ring, seen: &Outcomes) {
    for position in (origin(ring)..ring.cut().tail).step_by(WORDS as usize) {
        if let Some((number, least, greatest)) = ring.told(position) {
            assert!(
                number == (position - origin(ring)) / WORDS && least <= position && position <= greatest,
                "{position}: number {number}, {least} to {greatest}"
            );
            seen.whole.count();
        } else {
            assert!(!ring.is_intact(position), "nothing is known of the block at {position}");
            seen.gone.count();
        }
    }
}

#[test]
fn what_a_copy_knows_of_blocks_is_true() {
    let (model, outcomes) = ring(RING, BLOCKS, 2, 1, blocks);
    let mut model = Model::new("copy of a ring's blocks", 2, model).holds(100);
    outcomes.both();
    for edge in ["ring-intent", "ring-tail"] {
        for side in [Side::Publish, Side::Observe] {
            model = model.fails_without(edge, side);
        }
    }
}

/// One of two records is pruned and wiped while the ring is copied.
#[test]
fn what_was_wiped_while_a_ring_was_copied_is_said_to_be_pruned() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(RING);
        (0..2).for_each(|_| write(&shard));
        let copier = {
            let shard = shard.clone();
            thread::spawn(move || copied(RING.footprint(), |to| shard.rings()[CLASS].copy(RECORDS, 0, to)))
        };
        let owner = thread::spawn(move || {
            let ring = &shard.rings()[CLASS];
            ring.raise_watermark(origin(ring) + WORDS, origin(ring) + 1);
            ring.ask_to_wipe();
            // SAFETY: `shard` claimed it, nobody else writes.
            unsafe { shard.writing(CLASS) }.wipe(u64::MAX);
        });
        owner.join().unwrap();
        let copy = Region::holding(&copier.join().unwrap());
        scanned(&Ring::open(&copy, 0, RING), &seen);
    };
    let model = Model::new("copy of a ring, wiped", 2, model).holds(20);
    outcomes.both();
    model
        .fails_without("ring-wipe", Side::Publish)
        .fails_without("ring-intent", Side::Observe)
        .fails_without("ring-watermark", Side::Publish)
        .fails_without("ring-since", Side::Observe);
}

const SLOTS: Slots = Slots { count: 1, words: 4 };

fn overflow(overflow: &Overflow) -> bool {
    let Some((slot, reserved)) = overflow.reserve(1) else { return false };
    reserved.words.iter().for_each(|word| word.store(reserved.position, Relaxed));
    slot.commit(std::iter::once(Entry { ticks: reserved.position, kind: 1, bucket: None }));
    true
}

/// A slot that holds something is copied while somebody comes to write there.
#[test]
fn what_a_copy_of_the_overflow_has_is_whole_or_said_to_be_gone() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let region = Region::heap(SLOTS.footprint()).unwrap();
        let slots = Arc::new(Overflow::new(&region, 0, SLOTS));
        assert!(overflow(&slots));
        let first = slots.append(0, &mut Vec::new()).unwrap().position;
        let copier = {
            let slots = slots.clone();
            thread::spawn(move || copied(SLOTS.footprint(), |to| slots.copy_all(0, to)))
        };
        let writer = thread::spawn(move || overflow(&slots));
        assert!(writer.join().unwrap());
        let copy = Overflow::open(&Region::holding(&copier.join().unwrap()), 0, SLOTS);
        let mut words = Vec::new();
        let position = copy.append(0, &mut words).map(|content| {
            assert_eq!(words, [content.position], "torn: ticket {}", content.ticket);
            content.position
        });
        if position == Some(first) {
            seen.whole.count();
        } else {
            seen.gone.count();
            let since = copy.since();
            assert!(since > first, "{first} is gone, and nothing is said to be since {since}");
        }
    };
    let mut model = Model::new("copy of the overflow", 2, model).holds(100);
    outcomes.both();
    for edge in ["slot-commit", "slot-claim", "slot-since"] {
        for side in [Side::Publish, Side::Observe] {
            model = model.fails_without(edge, side);
        }
    }
}

/// Words of a log with room for eight.
const LOG: usize = 16 + 8;

fn append(log: &Log, tag: u32) {
    let mut draft = log.draft(tag);
    draft.word(100 * u64::from(tag));
    assert!(draft.commit());
}

/// The records of a copy.
fn records(log: &Log) -> Vec<(u32, Option<u64>)> {
    log.records(0).map(|mut record| (record.tag, record.word())).collect()
}

/// A record of a log is appended while that is copied.
#[test]
fn what_a_copy_of_a_log_has_is_there() {
    let seen: [Seen; 2] = Default::default();
    let told = seen.clone();
    Model::new("copy of a log", None, move || {
        let log = Arc::new(Log::at(&Region::heap(LOG).unwrap(), 0, 8));
        let writer = {
            let log = log.clone();
            thread::spawn(move || append(&log, 2))
        };
        let copier = thread::spawn(move || copied(LOG, |to| log.copy(0, to).map(|_| ())));
        writer.join().unwrap();
        let copy = Log::at(&Region::holding(&copier.join().unwrap()), 0, 8);
        let records = records(&copy);
        assert!(records.is_empty() || records == [(2, Some(200))], "{records:?}");
        told[records.len()].count();
    })
    .holds(5)
    .fails_without("log-commit", Side::Publish)
    .fails_without("log-commit", Side::Observe);
    seen[0].at_least_once("a copy without the record");
    seen[1].at_least_once("a copy with it");
}

/// A record of a log is struck while that is copied, and what it speaks of, too.
#[test]
fn what_was_struck_during_a_copy_is_struck_there() {
    let [standing, struck]: [Seen; 2] = Default::default();
    let told = [standing.clone(), struck.clone()];
    Model::new("copy of a log, struck", None, move || {
        let log = Arc::new(Log::at(&Region::heap(LOG).unwrap(), 0, 8));
        let spoken_of = Arc::new(AtomicU64::new(1));
        append(&log, 1);
        let writer = {
            let (log, spoken_of) = (log.clone(), spoken_of.clone());
            thread::spawn(move || {
                log.strike(0);
                spoken_of.store(2, Relaxed);
            })
        };
        let copier = thread::spawn(move || {
            let mut word = 0;
            let words = copied(LOG, |to| {
                let length = log.copy(0, to)?;
                word = spoken_of.load(Relaxed);
                log.copy_again(length, 0, to)
            });
            (words, word)
        });
        writer.join().unwrap();
        let (words, word) = copier.join().unwrap();
        if records(&Log::at(&Region::holding(&words), 0, 8)) == [(1, Some(100))] {
            assert_eq!(word, 1, "what the record spoke of is something else by now");
            told[0].count();
        } else {
            told[1].count();
        }
    })
    .holds(5)
    .fails_without("log-strike", Side::Publish)
    .fails_without("log-strike", Side::Observe);
    standing.at_least_once("a record that still stands");
    struck.at_least_once("a record that is struck");
}

/// A line for the turn, and for each half a line and its words.
const SPACE: usize = 16 + 2 * 32;

fn space() -> Arc<Semispace> {
    let space = Arc::new(Semispace::at(&Region::heap(SPACE).unwrap(), 0, 4));
    told(&space, 1);
    space
}

fn told(space: &Semispace, tag: u32) {
    let mut draft = space.draft(tag);
    draft.word(100 * u64::from(tag));
    assert!(draft.commit());
}

/// What a copy has that was begun at a turn, or now; nothing if it is known to be none.
fn copy_of(space: &Semispace, turn: Option<u64>) -> Option<Vec<u64>> {
    let mut holds = false;
    let words = copied(SPACE, |to| {
        let reading = turn.map_or_else(|| space.read(), |turn| space.read_since(turn));
        holds = reading.copy(0, to, |_| Ok(()))?;
        Ok(())
    });
    holds.then_some(words)
}

fn told_by(words: &[u64]) -> Vec<(u32, Option<u64>)> {
    let copy = Semispace::at(&Region::holding(words), 0, 4);
    copy.read().records().map(|mut record| (record.tag, record.word())).collect()
}

/// A log is rewritten to the other half while it is copied.
#[test]
fn what_a_copy_of_a_semispace_has_is_there() {
    let seen: [Seen; 2] = Default::default();
    let [before, after] = seen.clone();
    Model::new("copy of a semispace", 2, move || {
        let space = space();
        let writer = {
            let space = space.clone();
            thread::spawn(move || {
                space.rewrite(|_, _| ());
                told(&space, 2);
            })
        };
        let copier = thread::spawn(move || copy_of(&space, None));
        writer.join().unwrap();
        match told_by(&copier.join().unwrap().expect("it was rewritten once"))[..] {
            [(1, Some(100))] => before.count(),
            [(1, Some(100)), (2, Some(200))] => after.count(),
            ref records => panic!("{records:?}"),
        }
    })
    .holds(10)
    .fails_without("space-whole", Side::Publish)
    .fails_without("space-whole", Side::Observe);
    seen[0].at_least_once("a copy of what was there");
    seen[1].at_least_once("a copy of what came after");
}

/// The half that is copied is written upon: the copy was begun two turns ago.
#[test]
fn a_copy_of_what_was_overwritten_is_known_to_be_none() {
    let seen: [Seen; 2] = Default::default();
    let [held, begun] = seen.clone();
    Model::new("copy of a semispace, overwritten", 2, move || {
        let space = space();
        let turn = space.read().since();
        space.strike(0, None);
        space.rewrite(|_, _| ());
        told(&space, 2);
        let writer = {
            let space = space.clone();
            thread::spawn(move || space.rewrite(|_, _| ()))
        };
        let copier = thread::spawn(move || copy_of(&space, Some(turn)));
        writer.join().unwrap();
        match copier.join().unwrap() {
            Some(words) => {
                assert_eq!(told_by(&words), [(0, Some(100))], "taken for what had been there");
                held.count();
            }
            None => begun.count(),
        }
    })
    .holds(10)
    .fails_without("space-begun", Side::Publish)
    .fails_without("space-begun", Side::Observe);
    seen[0].at_least_once("a copy that was in time");
    seen[1].at_least_once("a copy that came too late");
}

/// Words of a table of two segments: a line, and three words each.
const CLOCK: usize = 16 + 8;

fn segment(number: u64) -> Segment {
    Segment { ticks: 10 + number, ns: 100 + number, rate: 1_000.0 }
}

/// A segment is added to a full table while that is copied.
#[test]
fn what_a_copy_of_the_clock_has_is_whole() {
    let seen: [Seen; 2] = Default::default();
    let [whole, passed] = seen.clone();
    Model::new("copy of the clock", 2, move || {
        let segments = Arc::new(Segments::at(&Region::heap(CLOCK).unwrap(), 0, 2));
        (0..2).for_each(|number| segments.append(segment(number)));
        let writer = {
            let segments = segments.clone();
            thread::spawn(move || segments.append(segment(2)))
        };
        let copier = thread::spawn(move || copied(CLOCK, |to| segments.copy(0, to)));
        writer.join().unwrap();
        let copy = Segments::at(&Region::holding(&copier.join().unwrap()), 0, 2);
        let found = copy.read();
        for (number, found) in &found {
            assert_eq!((found.ticks, found.ns), (10 + number, 100 + number), "segment {number}");
        }
        if found.len() == 2 { whole.count() } else { passed.count() }
    })
    .holds(50)
    .fails_without("clock-segment", Side::Publish)
    .fails_without("clock-segment", Side::Observe)
    .fails_without("clock-reuse", Side::Publish)
    .fails_without("clock-reuse", Side::Observe);
    seen[0].at_least_once("a copy of a whole table");
    seen[1].at_least_once("a copy that passes over what was given up");
}

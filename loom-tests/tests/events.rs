//! Models of the event ring. Edges watched: `ring-intent`, `ring-claim`, `ring-tail`, `ring-indexed`, `ring-head`,
//! `ring-since`, `ring-watermark`, `ring-wipe`, `shard-owner`, `kind-known`.
//!
//! Records are two words: word 0 says which record it is, word 1 is the link with the same number in its
//! lower half, so that a mix of two records shows. A reader that accepts such a mix fails the model.

mod support;

use flightdeck_loom::internals::{
    Class, Cut, Entry, Geometry, Lead, Link, Owner, PerClass, Region, Ring, Shard, Side, Switch, Switches,
    Unlinked, Writing, vanishes_before,
};
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

const WORDS: u64 = 2;
const CLASS: Class = Class::Normal;

fn geometry(records: usize, block: usize, queue: usize) -> Geometry {
    Geometry { words: 2 * records, block, buckets: 1, queue, link_word: 1 }
}

fn shard(geometry: Geometry) -> Arc<Shard> {
    // The other classes' rings are as small as can be: nobody looks at them.
    let least = Geometry { words: 2, block: 1, buckets: 1, queue: 1, link_word: 1 };
    let geometry = PerClass::of(|class| if class == CLASS { geometry } else { least });
    let region = Region::heap(Shard::footprint(&geometry)).unwrap();
    Arc::new(Shard::new(&region, 0, &geometry))
}

/// The number of a record is its position, so the oracle needs no state. Zero is no record.
fn write(writing: &mut Writing<'_>, bucket: Option<u32>) {
    let reserved = writing.reserve(WORDS as usize).unwrap();
    let position = reserved.position;
    reserved.words[0].store(position, Ordering::Relaxed);
    reserved.words[1].store(Link::unlinked(position as u32).word(), Ordering::Relaxed);
    writing.commit(reserved, Entry { ticks: position, kind: 1, bucket });
}

fn writer(shard: &Arc<Shard>, records: usize, bucket: Option<u32>) -> thread::JoinHandle<()> {
    let shard = shard.clone();
    thread::spawn(move || {
        if shard.try_claim(Owner::UNKNOWN) {
            for _ in 0..records {
                // SAFETY: claimed above, one write at a time.
                write(&mut unsafe { shard.writing(CLASS) }, bucket);
            }
            // SAFETY: claimed above, no write follows.
            unsafe { shard.release() };
        }
    })
}

/// What is at `position`: its link if it is intact. A record made of two fails the model.
fn read(ring: &Ring, position: u64) -> Option<Link> {
    let (number, link) = (ring.word(position), Link::from_word(ring.word(position + 1)));
    ring.is_intact(position).then(|| {
        assert_eq!(number, position, "torn: another record's first word");
        assert_eq!(u64::from(link.thread()), position, "torn: another record's second word");
        link
    })
}

#[derive(Clone, Default)]
struct Outcomes {
    good: Seen,
    gone: Seen,
}

impl Outcomes {
    fn read(&self, ring: &Ring, position: u64) -> Option<Link> {
        let link = read(ring, position);
        if link.is_some() {
            self.good.count()
        } else {
            self.gone.count()
        }
        link
    }

    fn both(&self) {
        self.good.at_least_once("a record read");
        self.gone.at_least_once("a record found gone");
    }
}

/// A writer laps a reader that reads everything below the tail it saw.
fn lapped(
    block: usize,
    records: usize,
    written: usize,
) -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(records, block, 1));
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || {
                let (ring, origin) = (&shard.rings()[CLASS], 2 * records as u64);
                let tail = ring.cut().tail;
                if tail > origin {
                    seen.read(ring, tail - WORDS);
                }
            })
        };
        let writer = writer(&shard, written, None);
        writer.join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn no_torn_read_when_the_writer_laps() {
    let (model, outcomes) = lapped(2, 2, 4);
    Model::new("lapped, intent by record", 3, model).holds(5_840);
    outcomes.both();
}

#[test]
fn no_torn_read_when_intent_rises_by_blocks() {
    let (model, outcomes) = lapped(4, 4, 6);
    Model::new("lapped, intent by block", 3, model).holds(12_636);
    outcomes.both();
}

#[test]
#[ignore = "takes half a minute: run by `.ci/models`"]
fn no_torn_read_when_intent_rises_by_blocks_for_a_lap_more() {
    let (model, outcomes) = lapped(4, 4, 8);
    Model::new("lapped twice, intent by block", 3, model).holds(56_125);
    outcomes.both();
}

/// The same with a reader that comes by the tail and one that comes by the index.
fn lapped_under_two_readers() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(4, 4, 1));
        let origin = 8;
        let reader = |read: fn(&Ring, u64, &Outcomes)| {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || read(&shard.rings()[CLASS], origin, &seen))
        };
        let readers = [
            reader(|ring, origin, seen| {
                let tail = ring.cut().tail;
                if tail > origin {
                    seen.read(ring, tail - WORDS);
                }
            }),
            reader(|ring, _, seen| {
                if let Some(head) = ring.head(0) {
                    seen.read(ring, head);
                }
            }),
        ];
        writer(&shard, 6, Some(0)).join().unwrap();
        for reader in readers {
            reader.join().unwrap();
        }
    };
    (model, outcomes)
}

#[test]
#[ignore = "takes minutes: run by `.ci/models`"]
fn no_torn_read_under_two_readers_when_intent_rises_by_blocks() {
    let (model, outcomes) = lapped_under_two_readers();
    Model::new("lapped under two readers, intent by block", 2, model).holds(454_153);
    outcomes.both();
}

#[test]
fn torn_without_either_fence_or_the_tail() {
    for (edge, side) in [
        ("ring-intent", Side::Publish),
        ("ring-intent", Side::Observe),
        ("ring-tail", Side::Publish),
        ("ring-tail", Side::Observe),
    ] {
        Model::new("lapped, intent by record", 3, lapped(2, 2, 4).0).fails_without(edge, side);
    }
}

/// Two owners write one after the other, the second in a block whose intent the first has raised.
fn handed_over() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(4, 4, 1));
        let origin = 8;
        // A full lap, so that the next record overwrites the one at `origin`.
        assert!(shard.try_claim(Owner::UNKNOWN));
        for _ in 0..4 {
            // SAFETY: claimed above.
            write(&mut unsafe { shard.writing(CLASS) }, None);
        }
        // SAFETY: claimed above, no write follows.
        unsafe { shard.release() };
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            // The second record of the lap: the second owner overwrites it under the first owner's intent.
            thread::spawn(move || {
                seen.read(&shard.rings()[CLASS], origin + WORDS);
            })
        };
        let owners = [writer(&shard, 1, None), writer(&shard, 1, None)];
        for owner in owners {
            owner.join().unwrap();
        }
        reader.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn a_new_owner_in_mid_block_tears_nothing() {
    let (model, outcomes) = handed_over();
    Model::new("hand-over in mid-block", 3, model).holds(8_023);
    outcomes.both();
}

#[test]
fn torn_without_the_fence_of_a_new_owner_or_the_claim() {
    for (edge, side) in
        [("ring-claim", Side::Publish), ("shard-owner", Side::Publish), ("shard-owner", Side::Observe)]
    {
        Model::new("hand-over in mid-block", 3, handed_over().0).fails_without(edge, side);
    }
}

/// Two owners, the first of which fills in a record and never commits it; the second writes over it. A reader looks at
/// what was there a lap ago.
fn abandoned() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(4, 4, 1));
        let origin = 8;
        assert!(shard.try_claim(Owner::UNKNOWN));
        for _ in 0..4 {
            // SAFETY: claimed above.
            write(&mut unsafe { shard.writing(CLASS) }, None);
        }
        // SAFETY: claimed above, no write follows.
        unsafe { shard.release() };
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || {
                let ring = &shard.rings()[CLASS];
                seen.read(ring, origin);
                let cut = ring.cut();
                if cut.tail > 2 * origin {
                    // The second owner's, and not what the first left there.
                    seen.read(ring, cut.tail - WORDS);
                }
            })
        };
        let abandoning = {
            let shard = shard.clone();
            thread::spawn(move || {
                if shard.try_claim(Owner::UNKNOWN) {
                    // SAFETY: claimed above, dropped before the release.
                    let reserved = unsafe { shard.writing(CLASS) }.reserve(WORDS as usize).unwrap();
                    // No record has this number, so whoever believes it fails.
                    reserved.words.iter().for_each(|word| word.store(77, Ordering::Relaxed));
                    // SAFETY: claimed above, no write follows.
                    unsafe { shard.release() };
                }
            })
        };
        let owner = writer(&shard, 1, None);
        abandoning.join().unwrap();
        owner.join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn what_a_claim_left_uncommitted_is_never_read() {
    let (model, outcomes) = abandoned();
    let mut model = Model::new("claim abandoned", 3, model).holds(500);
    outcomes.both();
    for (edge, side) in [
        ("ring-claim", Side::Publish),
        ("shard-owner", Side::Publish),
        ("ring-tail", Side::Publish),
        ("ring-tail", Side::Observe),
        ("ring-intent", Side::Publish),
        ("ring-intent", Side::Observe),
    ] {
        model = model.fails_without(edge, side);
    }
}

/// Everything below the cut is found: through the index below `indexed`, by scan above.
fn found(ring: &Ring, cut: Cut, seen: &Outcomes) {
    let origin = ring.geometry().words as u64;
    let mut expected: Vec<u64> = (origin..cut.tail).step_by(WORDS as usize).collect();
    let mut next = ring.head(0);
    while let Some(position) = next {
        let Some(link) = seen.read(ring, position) else { break };
        expected.retain(|other| *other != position || position >= cut.indexed);
        next = link.previous(position);
    }
    for position in (cut.indexed..cut.tail).step_by(WORDS as usize) {
        seen.read(ring, position);
        expected.retain(|other| *other != position);
    }
    // What was not found must have been overwritten, and the ring must say so.
    for missing in expected {
        assert!(
            !ring.is_intact(missing),
            "lost: record {missing} below the cut {cut:?} is intact and not found"
        );
        assert!(
            ring.since() > missing,
            "record {missing} is gone, and the ring claims nothing since {}",
            ring.since()
        );
        seen.gone.count();
    }
}

fn linked(records: usize, written: usize) -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(records, 2, 1));
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || found(&shard.rings()[CLASS], shard.rings()[CLASS].cut(), &seen))
        };
        let writer = writer(&shard, written, Some(0));
        writer.join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn all_below_the_cut_is_found() {
    let (model, outcomes) = linked(4, 3);
    Model::new("deferred linking", 3, model).holds(5_471);
    outcomes.good.at_least_once("a record read");
}

#[test]
fn what_is_not_found_below_the_cut_is_overwritten_and_said_to_be() {
    let (model, outcomes) = linked(2, 4);
    Model::new("deferred linking, lapping", 2, model).holds(90_000);
    outcomes.both();
}

#[test]
#[ignore = "takes a minute: run by `.ci/models`"]
fn what_is_not_found_is_said_to_be_overwritten_with_a_preemption_more() {
    let (model, outcomes) = linked(2, 4);
    Model::new("deferred linking, lapping, three preemptions", 3, model).holds(106_086);
    outcomes.both();
}

#[test]
fn records_are_missed_without_the_edges_of_the_index() {
    for (edge, side) in [
        ("ring-indexed", Side::Publish),
        ("ring-tail", Side::Observe),
        ("ring-head", Side::Publish),
        ("ring-head", Side::Observe),
    ] {
        Model::new("deferred linking", 3, linked(4, 3).0).fails_without(edge, side);
    }
}

/// Two records published as one batch, and one alone after them.
fn batched() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(4, 2, 1));
        let origin = 8;
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || {
                let ring = &shard.rings()[CLASS];
                let cut = ring.cut();
                assert_ne!(cut.tail, origin + WORDS, "half a batch");
                found(ring, cut, &seen);
            })
        };
        let writer = thread::spawn(move || {
            assert!(shard.try_claim(Owner::UNKNOWN));
            // SAFETY: claimed above, one write at a time.
            let mut writing = unsafe { shard.writing(CLASS) };
            let reserved = writing.reserve(2 * WORDS as usize).unwrap();
            let entry = |number: u64| {
                let (offset, position) = (number * WORDS, reserved.position + number * WORDS);
                reserved.words[offset as usize].store(position, Ordering::Relaxed);
                let link = Link::unlinked(position as u32).word();
                reserved.words[offset as usize + 1].store(link, Ordering::Relaxed);
                (offset as usize, Entry { ticks: position, kind: 1, bucket: Some(0) })
            };
            let entries = [entry(0), entry(1)];
            writing.commit_batch(reserved, entries.into_iter());
            write(&mut writing, Some(0));
        });
        writer.join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn a_batch_is_seen_whole_or_not_at_all() {
    let (model, outcomes) = batched();
    let model = Model::new("batch of two", 3, model).holds(500);
    outcomes.good.at_least_once("a record read");
    model.fails_without("ring-tail", Side::Publish).fails_without("ring-tail", Side::Observe);
}

/// A record that waits for the index, a run of two after it, and one alone after them.
fn run() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(4, 2, 1));
        let origin = 8;
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || {
                let ring = &shard.rings()[CLASS];
                let cut = ring.cut();
                assert_ne!(cut.tail, origin + 2 * WORDS, "half a run");
                found(ring, cut, &seen);
            })
        };
        let writer = thread::spawn(move || {
            assert!(shard.try_claim(Owner::UNKNOWN));
            // SAFETY: claimed above, one write at a time.
            let mut writing = unsafe { shard.writing(CLASS) };
            write(&mut writing, Some(0));
            let reserved = writing.reserve(2 * WORDS as usize).unwrap();
            let first = reserved.position;
            let second = first + WORDS;
            let links = [Link::unlinked(first as u32), Link::unlinked(second as u32).to(second, first)];
            let words = [first, links[0].word(), second, links[1].word()];
            reserved.words.iter().zip(words).for_each(|(place, word)| place.store(word, Ordering::Relaxed));
            let entry = Entry { ticks: first, kind: 1, bucket: Some(0) };
            writing.commit_run(reserved, [0, WORDS as usize].into_iter(), entry);
            write(&mut writing, Some(0));
        });
        writer.join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn a_run_is_seen_whole_or_not_at_all_and_found_through_the_index() {
    let (model, outcomes) = run();
    let mut model = Model::new("run of two", 3, model).holds(500);
    outcomes.good.at_least_once("a record read");
    for (edge, side) in [
        ("ring-tail", Side::Publish),
        ("ring-tail", Side::Observe),
        ("ring-indexed", Side::Publish),
        ("ring-head", Side::Publish),
        ("ring-head", Side::Observe),
    ] {
        model = model.fails_without(edge, side);
    }
}

/// A reader that finds a record gone asks at once from when on nothing is missing.
fn denied() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(2, 2, 1));
        // One record is there from the start; two more overwrite it.
        assert!(shard.try_claim(Owner::UNKNOWN));
        // SAFETY: claimed above.
        write(&mut unsafe { shard.writing(CLASS) }, None);
        // SAFETY: claimed above, no write follows.
        unsafe { shard.release() };
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || {
                let (ring, first) = (&shard.rings()[CLASS], 4);
                if seen.read(ring, first).is_none() {
                    assert!(ring.since() > first, "gone, and the ring claims nothing since {}", ring.since());
                }
            })
        };
        let writer = writer(&shard, 2, None);
        writer.join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn who_finds_a_record_gone_learns_up_to_when() {
    let (model, outcomes) = denied();
    let model = Model::new("gone and said to be", 3, model).holds(200);
    outcomes.both();
    model.fails_without("ring-since", Side::Publish).fails_without("ring-since", Side::Observe);
}

/// What a look at a record of these models tells whoever takes over.
fn unlinked(ring: &Ring, position: u64) -> Option<Unlinked> {
    (ring.word(position) == position).then_some(Unlinked { words: WORDS as usize, bucket: Some(0) })
}

/// After `kept` records the owner vanishes before one of the publications of the next, and another takes over. The system's
/// word that the owner has ended is a join here.
fn vanished_and_taken_over(shard: &Arc<Shard>, kept: usize, before: usize) -> thread::JoinHandle<()> {
    let owner = {
        let shard = shard.clone();
        thread::spawn(move || {
            assert!(shard.try_claim(Owner::UNKNOWN));
            // SAFETY: claimed above, one write at a time.
            let write = || write(&mut unsafe { shard.writing(CLASS) }, Some(0));
            (0..kept).for_each(|_| write());
            vanishes_before(before, write);
        })
    };
    let shard = shard.clone();
    thread::spawn(move || {
        owner.join().unwrap();
        // SAFETY: the owner has ended.
        assert!(unsafe { shard.take_over(Owner::UNKNOWN, unlinked) });
    })
}

/// The owner vanishes in the middle of a later lap; a reader asks for a record of the lap before, which is wiped.
fn wiped() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(4, 4, 1));
        let origin = 8;
        assert!(shard.try_claim(Owner::UNKNOWN));
        for _ in 0..4 {
            // SAFETY: claimed above.
            write(&mut unsafe { shard.writing(CLASS) }, None);
        }
        // SAFETY: claimed above, no write follows.
        unsafe { shard.release() };
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || {
                seen.read(&shard.rings()[CLASS], origin + WORDS);
            })
        };
        // Before its tail: intent has been raised over two records.
        vanished_and_taken_over(&shard, 0, 2).join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn what_a_vanished_owner_had_begun_is_wiped_and_tears_nothing() {
    let (model, outcomes) = wiped();
    let model = Model::new("wiped by the next owner", 2, model).holds(100);
    outcomes.both();
    model.fails_without("ring-claim", Side::Publish);
}

/// A reader asks for everything while a vanished owner's ring is made whole.
fn made_whole(before: usize) -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes, Seen) {
    let (outcomes, gaps) = (Outcomes::default(), Seen::default());
    let (seen, gap) = (outcomes.clone(), gaps.clone());
    let model = move || {
        let shard = shard(geometry(4, 4, 1));
        let origin = 8;
        let reader = {
            let (shard, seen, gap) = (shard.clone(), seen.clone(), gap.clone());
            thread::spawn(move || {
                let ring = &shard.rings()[CLASS];
                let cut = ring.cut();
                let mut linked = Vec::new();
                let mut next = ring.head(0);
                while let Some(position) = next {
                    linked.push(position);
                    next = seen.read(ring, position).and_then(|link| link.previous(position));
                }
                for position in (origin..cut.tail).step_by(WORDS as usize) {
                    match ring.word(position) {
                        0 => gap.count(),
                        _ if position >= cut.indexed => drop(seen.read(ring, position)),
                        _ => assert!(linked.contains(&position), "{position} is lost: {cut:?}, {linked:?}"),
                    }
                }
            })
        };
        vanished_and_taken_over(&shard, 2, before).join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes, gaps)
}

#[test]
fn what_a_vanished_owner_had_published_is_found() {
    // Before its intent (two), its tail, its head, its index; and at its end.
    for before in 0..6 {
        let (model, outcomes, gaps) = made_whole(before);
        let model = Model::new("taken over", 2, model).holds(50);
        outcomes.good.at_least_once("a record read");
        if before == 2 {
            gaps.at_least_once("a gap");
            model.fails_without("ring-head", Side::Publish).fails_without("ring-tail", Side::Observe);
        }
    }
}

/// Two threads prune; a reader that passes over a record asks from when on nothing is missing.
fn pruned() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let shard = shard(geometry(4, 2, 1));
        let origin = 8;
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || {
                let ring = &shard.rings()[CLASS];
                let watermark = ring.watermark();
                if watermark > origin {
                    seen.gone.count();
                    // The stamp of a record is its position.
                    let since = ring.since();
                    assert!(
                        since > watermark - WORDS,
                        "passed over {watermark}, said to be whole since {since}"
                    );
                } else {
                    seen.good.count();
                }
                assert!(ring.watermark() >= watermark, "what was pruned came back");
            })
        };
        let pruners = [1, 2].map(|records| {
            let shard = shard.clone();
            thread::spawn(move || {
                let position = origin + records * WORDS;
                shard.rings()[CLASS].raise_watermark(position, position - WORDS + 1);
            })
        });
        for pruner in pruners {
            pruner.join().unwrap();
        }
        reader.join().unwrap();
        assert_eq!(shard.rings()[CLASS].watermark(), origin + 2 * WORDS, "the lower one counts");
    };
    (model, outcomes)
}

#[test]
fn what_is_pruned_stays_pruned_and_is_said_to_be() {
    let (model, outcomes) = pruned();
    let model = Model::new("pruned by two", 3, model).holds(200);
    outcomes.both();
    model.fails_without("ring-watermark", Side::Publish).fails_without("ring-since", Side::Observe);
}

/// The first word of a record that says its length, as whoever wipes needs it, and which one it is.
fn lead(position: u64) -> u64 {
    position << 20 | WORDS
}

/// One thread prunes, the owner wipes what was pruned, and a reader is in the middle of it.
fn scrubbed() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes, Seen) {
    let (outcomes, wiped) = (Outcomes::default(), Seen::default());
    let (seen, wipes) = (outcomes.clone(), wiped.clone());
    let model = move || {
        let shard = shard(geometry(4, 4, 1));
        let origin = 8;
        assert!(shard.try_claim(Owner::UNKNOWN));
        for _ in 0..2 {
            // SAFETY: claimed above.
            let mut writing = unsafe { shard.writing(CLASS) };
            let reserved = writing.reserve(WORDS as usize).unwrap();
            let position = reserved.position;
            reserved.words[0].store(lead(position), Ordering::Relaxed);
            reserved.words[1].store(position, Ordering::Relaxed);
            writing.commit(reserved, Entry { ticks: position, kind: 1, bucket: None });
        }
        // SAFETY: claimed above, no write follows.
        unsafe { shard.release() };
        let reader = {
            let (shard, seen) = (shard.clone(), seen.clone());
            thread::spawn(move || {
                let ring = &shard.rings()[CLASS];
                for position in [origin, origin + WORDS] {
                    let words = (ring.word(position), ring.word(position + 1));
                    if ring.is_kept(position) {
                        seen.good.count();
                        assert_eq!(words, (lead(position), position), "wiped in part");
                    } else {
                        seen.gone.count();
                        assert_eq!(position, origin, "what is kept was wiped");
                        let since = ring.since();
                        assert!(
                            since > position,
                            "{position} is gone, and nothing is said to be since {since}"
                        );
                    }
                }
            })
        };
        let pruner = {
            let shard = shard.clone();
            thread::spawn(move || {
                let ring = &shard.rings()[CLASS];
                ring.raise_watermark(origin + WORDS, origin + 1);
                ring.ask_to_wipe();
            })
        };
        let owner = {
            let (shard, wipes) = (shard.clone(), wipes.clone());
            thread::spawn(move || {
                assert!(shard.try_claim(Owner::UNKNOWN));
                // SAFETY: claimed above, nothing is reserved.
                if unsafe { shard.writing(CLASS) }.wipe(u64::MAX) > 0 {
                    wipes.count();
                }
                // SAFETY: claimed above, no write follows.
                unsafe { shard.release() };
            })
        };
        pruner.join().unwrap();
        owner.join().unwrap();
        reader.join().unwrap();
    };
    (model, outcomes, wiped)
}

#[test]
fn what_is_wiped_is_read_whole_or_not_at_all() {
    let (model, outcomes, wiped) = scrubbed();
    let model = Model::new("wiped under a reader", 3, model).holds(500);
    outcomes.both();
    wiped.at_least_once("a record wiped");
    model
        .fails_without("ring-wipe", Side::Publish)
        .fails_without("ring-intent", Side::Observe)
        .fails_without("ring-watermark", Side::Publish)
        .fails_without("ring-since", Side::Observe);
}

fn known() -> (impl Fn() + Send + Sync + Clone + 'static, Seen) {
    let seen = Seen::default();
    let on = seen.clone();
    let model = move || {
        let switches = Arc::new((Switches::<2>::new(), AtomicU64::new(0)));
        let asker = {
            let (switches, on) = (switches.clone(), on.clone());
            thread::spawn(move || {
                if switches.0.admit(1).is_ok() {
                    on.count();
                    assert_eq!(switches.1.load(Ordering::Relaxed), 7, "a kind is known before its schema");
                }
            })
        };
        let definer = thread::spawn(move || {
            switches.1.store(7, Ordering::Relaxed);
            switches.0.publish(1, Lead::from_word(0), Switch::On);
        });
        asker.join().unwrap();
        definer.join().unwrap();
    };
    (model, seen)
}

#[test]
fn a_known_kind_has_its_schema() {
    let (model, on) = known();
    // Two threads of two steps: loom needs no more executions than this.
    let model = Model::new("kind known", None, model).holds(2);
    on.at_least_once("a kind known");
    model.fails_without("kind-known", Side::Publish).fails_without("kind-known", Side::Observe);
}

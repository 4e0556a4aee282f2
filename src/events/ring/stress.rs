//! Writers at full speed over small rings, and readers that look at what is being overwritten. A model checks orders
//! of single steps; this checks what the compiler and this processor make of them.

use super::{Entry, Geometry, Ring};
use crate::events::record::Link;
use crate::region::Region;
use crate::sync::{Arc, AtomicU64, Relaxed, thread};
use std::time::{Duration, Instant};

const GEOMETRY: Geometry = Geometry { words: 1 << 12, block: 1 << 8, buckets: 16, queue: 16, link_word: 1 };
/// A record: its position, its link, then words that follow from the position and the ring.
const WORDS: usize = 64;

fn word(ring: usize, position: u64, at: usize) -> u64 {
    (position + at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(ring as u32 + 1)
}

#[derive(Debug, Default)]
struct Report {
    validated: u64,
    /// Gone before anything was copied.
    rejected: u64,
    /// There before it was copied and not after: what the second fence is for.
    rejected_after_copying: u64,
}

fn write(ring: &Ring, number: usize, end: Instant) -> u64 {
    let mut written = 0;
    while Instant::now() < end {
        for _ in 0..1_000 {
            // SAFETY: this thread alone writes to this ring.
            let mut writing = unsafe { ring.begin() };
            let Some(reserved) = writing.reserve(WORDS) else { return written };
            let position = reserved.position;
            let link = Link::unlinked(number as u32).word();
            for (at, place) in reserved.words.iter().enumerate() {
                place.store(if at == 1 { link } else { word(number, position, at) }, Relaxed);
            }
            writing.commit(reserved, Entry { ticks: position, kind: 1, bucket: Some(position as u32 >> 8) });
            written += 1;
        }
    }
    written
}

fn read(rings: &[Ring], seed: u64, end: Instant) -> Report {
    let (mut report, mut random) = (Report::default(), seed);
    let lap = GEOMETRY.words as u64;
    while Instant::now() < end {
        for _ in 0..256 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (random >> 33) as usize % rings.len();
            let ring = &rings[number];
            // In the block that goes next as a rule, else in the one that has just gone.
            let block = GEOMETRY.block as u64;
            let gone = if random >> 61 == 0 { block } else { 0 };
            let start = ring.oldest().saturating_sub(gone).max(lap);
            let position = start + (random >> 40) % (block / WORDS as u64) * WORDS as u64;
            if position + WORDS as u64 > ring.cut().tail || !ring.is_intact(position) {
                report.rejected += 1;
                continue;
            }
            let copy: [u64; WORDS] = std::array::from_fn(|at| ring.word(position + at as u64));
            if !ring.is_intact(position) {
                report.rejected_after_copying += 1;
                continue;
            }
            let torn = (0..WORDS).filter(|at| *at != 1 && copy[*at] != word(number, position, *at)).count();
            assert_eq!(torn, 0, "torn at {position} of ring {number}: {copy:x?}");
            assert_eq!(Link::from_word(copy[1]).thread(), number as u32, "of another ring");
            report.validated += 1;
        }
    }
    report
}

/// Runs for so long, and again until each count is `least`: on a busy machine readers and writers meet less often.
fn stress(time: Duration, least: u64) {
    let (mut sum, deadline) = (Report::default(), Instant::now() + 10 * time + Duration::from_secs(20));
    loop {
        run(time, &mut sum);
        let counts = [sum.validated, sum.rejected, sum.rejected_after_copying];
        if counts.into_iter().all(|count| count >= least) {
            return;
        }
        assert!(Instant::now() < deadline, "too little overlap to prove anything: {sum:?}");
    }
}

/// Twice as many writers, and readers, as there are cores.
fn run(time: Duration, sum: &mut Report) {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let region = Region::heap(GEOMETRY.footprint() * 2 * cores).unwrap();
    let ring = |number| Ring::new(&region, number * GEOMETRY.footprint(), GEOMETRY);
    let rings: Arc<[Ring]> = (0..2 * cores).map(ring).collect();
    let end = Instant::now() + time;
    let written = AtomicU64::new(0);
    thread::scope(|threads| {
        for number in 0..rings.len() {
            let (rings, written) = (&rings, &written);
            threads.spawn(move || written.fetch_add(write(&rings[number], number, end), Relaxed));
        }
        let readers: Vec<_> = (0..2 * cores as u64)
            .map(|seed| {
                let rings = &rings;
                threads.spawn(move || read(rings, seed, end))
            })
            .collect();
        for reader in readers {
            let report = reader.join().unwrap();
            sum.validated += report.validated;
            sum.rejected += report.rejected;
            sum.rejected_after_copying += report.rejected_after_copying;
        }
    });
    println!("{} records written; reads so far: {sum:?}", written.load(Relaxed));
}

/// What a copy has, that was made while the writer wrote: each record that it takes to be there is whole, and found in every way.
/// How many.
#[cfg(all(feature = "mapped", target_os = "linux"))]
fn check_copy(ring: &Ring) -> u64 {
    let tail = ring.cut().tail;
    let (mut found, mut missing) = (0, None);
    for position in (ring.oldest_below(tail).max(GEOMETRY.words as u64)..tail).step_by(WORDS) {
        if !ring.is_intact(position) {
            missing = Some(position);
            continue;
        }
        let torn =
            (0..WORDS).find(|at| *at != 1 && ring.word(position + *at as u64) != word(0, position, *at));
        assert_eq!(torn, None, "torn at {position}, {} before the tail", tail - position);
        let (first, summary) = ring.first_of(position).expect("the block of a record");
        let ticks = summary.least..=summary.greatest;
        assert!(
            first <= position && ticks.contains(&position),
            "{position} is not in its block: {summary:?}"
        );
        found += 1;
    }
    assert!(missing.is_none_or(|missing| ring.since() > missing), "{missing:?} is not said to be gone");
    for bucket in 0..GEOMETRY.buckets {
        let (mut next, mut last) = (ring.head(bucket), u64::MAX);
        while let Some(position) = next.filter(|position| ring.is_intact(*position)) {
            assert!(position < last && ring.word(position) == word(0, position, 0), "{position} in {bucket}");
            assert_eq!(position as usize >> 8 & (GEOMETRY.buckets - 1), bucket);
            (next, last) = (ring.link(position).previous(position), position);
        }
    }
    found
}

#[test]
#[cfg(all(feature = "mapped", target_os = "linux"))]
fn what_is_in_a_copy_is_whole_while_the_ring_is_written_at_full_speed() {
    use super::Parts;
    use crate::region::copied::Copied;
    let region = Region::heap(GEOMETRY.footprint()).unwrap();
    let ring = Ring::new(&region, 0, GEOMETRY);
    let end = Instant::now() + Duration::from_secs(1);
    let (mut copies, mut empty, mut records) = (0, 0, 0);
    thread::scope(|threads| {
        threads.spawn(|| write(&ring, 0, end));
        while Instant::now() < end {
            let before = ring.cut().tail;
            let copy = Region::heap(GEOMETRY.footprint()).unwrap();
            let mut put = |at: usize, words: &[u64]| {
                let places = copy.run(at, words.len()).unwrap();
                places.iter().zip(words).for_each(|(place, word)| place.store(*word, Relaxed));
                Ok(())
            };
            // Pieces of two records, so that the writer comes in between.
            let mut to = Copied::new(&mut put).in_pieces(2 * WORDS, 8);
            ring.copy(Parts::ALL, 0, &mut to).unwrap();
            let copy = Ring::open(&copy, 0, GEOMETRY);
            assert!(copy.cut().tail >= before, "what was there before is missing");
            let found = check_copy(&copy);
            copies += 1;
            records += found;
            empty += u64::from(found == 0 && before > GEOMETRY.words as u64);
        }
    });
    println!("{copies} copies with {records} records, {empty} of them without any");
    assert!(copies >= 10 && records >= 10 && empty <= copies / 2, "{copies}, {records}, {empty}");
}

#[test]
fn nothing_is_torn_in_a_second() {
    stress(Duration::from_secs(1), 10);
}

#[test]
#[ignore = "takes a minute: run by `.ci/run`, optimised"]
fn nothing_is_torn_in_a_minute() {
    stress(Duration::from_secs(60), 1_000_000);
}

//! The ring against an obvious model: everything that was written, with the places where it lies.

use super::{Entry, Geometry, RECORDS, Ring, Summary, Unlinked};
use crate::events::cursor::Track;
use crate::events::read::{
    BlockFilter, Chain, NoRecord, Step as Walk, header_even_if_pruned, scan, scan_from,
};
use crate::events::record::{HEADER_WORDS, LINK_WORD, Link};
use crate::region::Region;
use crate::sync::Relaxed;
use crate::sync::fuse::vanishes_before;
use proptest::prelude::*;

/// Records here are a length, their ticks, their bucket and one, a checksum, their link, and filling.
const LEAST: usize = HEADER_WORDS;
const GEOMETRY: Geometry = Geometry { words: 512, block: 64, buckets: 4, queue: 16, link_word: LINK_WORD };
/// As far as 64 bits allow.
const LAST: u64 = u64::MAX - 2 * GEOMETRY.words as u64;

#[derive(Clone, Debug)]
enum Step {
    One {
        words: usize,
        bucket: Option<u32>,
    },
    Batch(Vec<(usize, Option<u32>)>),
    Prune {
        back: usize,
    },
    /// Records of the same length and bucket.
    Run {
        words: usize,
        count: usize,
        bucket: Option<u32>,
    },
    /// The owner goes, and another comes.
    Leave,
    /// The owner vanishes before so many publications of a write, and another takes over.
    Vanish {
        write: Box<Step>,
        before: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // Up to the largest a ring takes, and one more.
    let words = prop_oneof![8 => LEAST..36, 1 => Just(256), 1 => Just(257), 1 => Just(65)];
    let record = (words, prop::option::weighted(0.8, 0_u32..9));
    let batch = prop::collection::vec((LEAST..16, prop::option::of(0_u32..9)), 1..10);
    let run = (LEAST..24, 1_usize..9, prop::option::of(0_u32..9))
        .prop_map(|(words, count, bucket)| Step::Run { words, count, bucket });
    let batches = prop::collection::vec(record.clone(), 1..3).prop_map(Step::Batch);
    let vanishing = (prop_oneof![2 => batches, 1 => run.clone()], 0_usize..24);
    prop_oneof![
        16 => record.clone().prop_map(|(words, bucket)| Step::One { words, bucket }),
        2 => batch.prop_map(Step::Batch),
        2 => run,
        1 => (0_usize..6).prop_map(|back| Step::Prune { back }),
        1 => Just(Step::Leave),
        2 => vanishing.prop_map(|(write, before)| Step::Vanish { write: Box::new(write), before }),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Written {
    position: u64,
    words: usize,
    ticks: u64,
    bucket: Option<u32>,
}

fn bucket_at(ring: &Ring, position: u64) -> Option<u32> {
    ring.word(position + 2).checked_sub(1).map(|bucket| bucket as u32 % 4)
}

fn unlinked(ring: &Ring, position: u64) -> Option<Unlinked> {
    let words = ring.word(position) as usize;
    (words > 0).then(|| Unlinked { words, bucket: bucket_at(ring, position) })
}

fn checksum(position: u64, words: usize) -> u64 {
    position.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ words as u64
}

struct Subject {
    ring: Ring,
    written: Vec<Written>,
    floor: u64,
    vanished: usize,
}

impl Subject {
    fn new(laps: u64) -> Self {
        let region = Region::heap(GEOMETRY.footprint()).unwrap();
        let origin = laps * GEOMETRY.words as u64;
        Self {
            ring: Ring::between(&region, 0, GEOMETRY, origin..LAST),
            written: Vec::new(),
            floor: 0,
            vanished: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::One { words, bucket } => self.write(&[(*words, *bucket)]),
            Step::Batch(records) => self.write(records),
            Step::Run { words, count, bucket } => self.write_run(*words, *count, *bucket),
            Step::Prune { back } => {
                if let Some(record) = self.written.len().checked_sub(back + 1).map(|at| self.written[at]) {
                    self.ring.raise_watermark(record.position, record.ticks);
                    self.floor = self.floor.max(record.position);
                }
            }
            Step::Leave => {
                // SAFETY: one thread.
                unsafe { self.ring.begin() }.link_waiting();
                let cut = self.ring.cut();
                assert_eq!(cut.indexed, cut.tail, "nothing waits to be linked");
            }
            Step::Vanish { write, before } => {
                let count = self.written.len();
                self.vanished += 1;
                vanishes_before(*before, || self.take(write));
                // `tail` is the only commit.
                let tail = self.ring.cut().tail;
                if self.written.last().is_some_and(|last| last.position >= tail) {
                    self.written.truncate(count);
                }
                // SAFETY: one thread, and what vanished is gone.
                unsafe { self.ring.take_over(unlinked) };
                assert_eq!(self.ring.cut().indexed, self.ring.cut().tail, "all is linked");
            }
        }
    }

    fn write(&mut self, records: &[(usize, Option<u32>)]) {
        let total = records.iter().map(|(words, _)| words).sum();
        // SAFETY: one thread.
        let mut writing = unsafe { self.ring.begin() };
        let Some(reserved) = writing.reserve(total) else {
            let is_too_long = total * 2 > GEOMETRY.words;
            assert!(is_too_long || writing.is_used_up(), "{total} words were refused");
            return;
        };
        assert!(total * 2 <= GEOMETRY.words);
        let (mut offset, mut entries) = (0, Vec::new());
        for (words, bucket) in records {
            let (position, ticks) = (reserved.position + offset as u64, self.written.len() as u64 + 1);
            let filling = std::iter::repeat(7);
            let in_bucket = bucket.map_or(0, |bucket| u64::from(bucket) + 1);
            let check = checksum(position, *words);
            let content = [*words as u64, ticks, in_bucket, check, Link::unlinked(5).word()];
            let place = &reserved.words[offset..offset + words];
            place
                .iter()
                .zip(content.into_iter().chain(filling))
                .for_each(|(place, word)| place.store(word, Relaxed));
            self.written.push(Written { position, words: *words, ticks, bucket: *bucket });
            entries.push((offset, Entry { ticks, kind: *words as u32, bucket: *bucket }));
            offset += words;
        }
        match &entries[..] {
            [(_, entry)] => writing.commit(reserved, *entry),
            _ => writing.commit_batch(reserved, entries.iter().copied()),
        }
    }

    fn write_run(&mut self, words: usize, count: usize, bucket: Option<u32>) {
        // SAFETY: one thread.
        let mut writing = unsafe { self.ring.begin() };
        let Some(reserved) = writing.reserve(words * count) else {
            let is_too_long = words * count * 2 > GEOMETRY.words;
            assert!(is_too_long || writing.is_used_up(), "{count} times {words} words were refused");
            return;
        };
        let ticks = self.written.len() as u64 + 1;
        let mut link = Link::unlinked(5);
        for (at, place) in reserved.words.chunks(words).enumerate() {
            let position = reserved.position + (at * words) as u64;
            if at > 0 && bucket.is_some() {
                link = link.to(position, position - words as u64);
            }
            let in_bucket = bucket.map_or(0, |bucket| u64::from(bucket) + 1);
            let check = checksum(position, words);
            let content = [words as u64, ticks, in_bucket, check, link.word()];
            place
                .iter()
                .zip(content.into_iter().chain(std::iter::repeat(7)))
                .for_each(|(place, word)| place.store(word, Relaxed));
            self.written.push(Written { position, words, ticks, bucket });
        }
        let offsets = (0..count).map(|at| at * words);
        writing.commit_run(reserved, offsets, Entry { ticks, kind: words as u32, bucket });
    }

    /// Everything that was written is found where it should be, or its loss is admitted.
    fn check(&self) {
        let (ring, cut) = (&self.ring, self.ring.cut());
        assert_eq!(ring.records(), self.written.len() as u64);
        assert_eq!(cut.floor, self.floor);
        let alive = |record: &&Written| ring.is_intact(record.position) && record.position >= self.floor;
        let newest = self.written.last().map_or(0, |record| record.position);
        for record in &self.written {
            if ring.is_intact(record.position) {
                let words = [0, 1, 3].map(|at| ring.word(record.position + at));
                let check = checksum(record.position, record.words);
                assert_eq!(words, [record.words as u64, record.ticks, check], "{record:?}");
                let summary = ring.summary(record.position).unwrap();
                assert!((summary.least..=summary.greatest).contains(&record.ticks), "{record:?} {summary:?}");
                assert!(
                    summary.kinds >> (record.words % 64) & 1 == 1 && summary.first() <= Some(record.position)
                );
            } else {
                // What vanished owners had begun may reach over a whole lap.
                assert!(record.position < newest || self.vanished > 0, "the newest is gone");
            }
            if !alive(&record) {
                assert!(
                    ring.since() > record.ticks || record.position < self.floor,
                    "{record:?}: {}",
                    ring.since()
                );
            }
        }
        let mut scanned = Vec::new();
        scan(ring, cut, BlockFilter::ALL, |header| {
            scanned.push(header.position);
            Walk::On
        });
        let expected: Vec<_> = self.written.iter().filter(alive).map(|record| record.position).collect();
        assert_eq!(scanned, expected, "a scan");
        for bucket in 0..GEOMETRY.buckets as u32 {
            let mut found: Vec<_> =
                Chain::new(ring, cut, bucket as usize).map(|header| header.position).collect();
            found.reverse();
            scan_from(ring, Some(cut.indexed.max(cut.floor)), cut.tail, BlockFilter::ALL, |header| {
                if bucket_at(ring, header.position) == Some(bucket) {
                    found.push(header.position);
                }
                Walk::On
            });
            let of_bucket = |record: &&Written| record.bucket.is_some_and(|of| of % 4 == bucket);
            let all = self.written.iter().filter(alive).filter(of_bucket);
            assert_eq!(found, all.map(|record| record.position).collect::<Vec<_>>(), "bucket {bucket}");
        }
        let waiting = self.written.iter().filter(|record| record.position >= cut.indexed).count();
        assert!(waiting <= GEOMETRY.queue, "{waiting} wait to be linked");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Wrap, padding, the largest record, records over several blocks, batches, pruning, owners that vanish; and positions
    /// that have come far, so that lower halves wrap, links reach over 2^32 and 2^48, and 64 bits come to an end.
    #[test]
    fn a_ring_keeps_what_an_obvious_model_keeps(
        steps in prop::collection::vec(step(), 1..120),
        laps in prop::sample::select(vec![1, (1 << 23) - 1, 1 << 39, (1 << 45) - 1, 1 << 54, (1 << 55) - 5]),
    ) {
        let mut subject = Subject::new(laps);
        for step in &steps {
            subject.take(step);
            subject.check();
        }
    }
}

fn words_at(ring: &Ring, position: u64, tail: u64) -> Result<usize, NoRecord> {
    header_even_if_pruned(ring, position, tail).map(|(header, _)| header.words())
}

/// One who follows a ring, and how many records it was told to have missed.
struct Follower {
    track: Track,
    base: u64,
    passed: u64,
    missed: u64,
}

impl Follower {
    fn new(subject: &Subject, track: Track) -> Self {
        // At the end of what was reserved over a whole lap the next record tells.
        let base = track.number().unwrap_or(subject.written.len() as u64);
        Self { track, base, passed: 0, missed: 0 }
    }

    /// Passes so many records.
    fn follow(&mut self, subject: &Subject, most: usize) {
        let (ring, tail, mut left) = (&subject.ring, subject.ring.cut().tail, most);
        while left > 0 {
            let Some(position) = self.track.next(ring, tail) else { break };
            let number = self.track.number().unwrap() as usize;
            // Whoever wants records of twenty words alone.
            let is_wanted = |words: usize| words % 64 == 20;
            let wants = |summary: &Summary| most.is_multiple_of(2) || summary.kinds & 1 << 20 != 0;
            let passed = self.track.pass_block(ring, tail, wants);
            if let Some((count, greatest)) = passed {
                let left_out = &subject.written[number..number + count as usize];
                assert!(left_out.iter().all(|record| !is_wanted(record.words) && record.ticks <= greatest));
                self.passed += count;
                continue;
            }
            match words_at(ring, position, tail) {
                Ok(words) => {
                    assert_eq!(subject.written[number].position, position, "record {number}");
                    self.track.pass(position + words as u64);
                    (self.passed, left) = (self.passed + 1, left - 1);
                }
                Err(reason) => self.track.miss(ring, reason),
            }
        }
        self.missed += self.track.take_overwritten();
        if let Some(number) = self.track.number() {
            assert_eq!(self.base + self.passed + self.missed, number, "passed or missed, and never both");
        }
    }

    /// Passes the next record, as far from the writer as a cursor does.
    fn follow_clear(&mut self, subject: &Subject) {
        self.track.keep_clear(&subject.ring, subject.ring.cut().tail);
        self.follow(subject, 1);
    }

    /// All that was written is accounted for.
    fn finish(mut self, subject: &Subject) -> [u64; 2] {
        self.follow(subject, usize::MAX);
        let newest_is_there =
            subject.written.last().is_some_and(|record| subject.ring.is_intact(record.position));
        if newest_is_there {
            assert_eq!(self.base + self.passed + self.missed, subject.written.len() as u64);
        }
        [self.passed, self.missed]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_follows_passes_or_misses_each_record_once(
        before in prop::collection::vec(step(), 0..30),
        steps in prop::collection::vec((step(), 0_usize..12), 1..120),
        laps in prop::sample::select(vec![1, (1 << 23) - 1, 1 << 39]),
    ) {
        let mut subject = Subject::new(laps);
        subject.write(&[(20, None)]);
        before.iter().for_each(|step| subject.take(step));
        let mut newest = Follower::new(&subject, Track::at_newest(&subject.ring, words_at));
        let mut oldest = Follower::new(&subject, Track::at_oldest(&subject.ring));
        for (step, most) in &steps {
            subject.take(step);
            newest.follow(&subject, *most);
            oldest.follow(&subject, *most / 2);
        }
        newest.finish(&subject);
        oldest.finish(&subject);
    }
}

#[test]
fn whoever_follows_misses_what_it_is_too_slow_for() {
    let mut subject = Subject::new(1);
    let start = Follower::new(&subject, Track::at_newest(&subject.ring, words_at));
    let oldest = Follower::new(&subject, Track::at_oldest(&subject.ring));
    (0..1_000).for_each(|_| subject.write(&[(20, None)]));
    for follower in [start, oldest] {
        let [passed, missed] = follower.finish(&subject);
        assert!(passed > 15 && passed < 30, "{passed}");
        assert_eq!(passed + missed, 1_000);
    }
}

#[test]
fn whoever_is_about_to_be_overtaken_keeps_clear_of_the_writer() {
    let mut subject = Subject::new(1);
    subject.write(&[(16, None)]);
    let mut follower = Follower::new(&subject, Track::at_oldest(&subject.ring));
    // A writer at twice its pace.
    let mut near = 0;
    for _ in 0..200 {
        subject.write(&[(16, None), (16, None)]);
        follower.follow_clear(&subject);
        let room = follower.track.position().map_or(0, |next| next - subject.ring.oldest());
        near += u64::from(room < GEOMETRY.words as u64 / 8);
    }
    assert!(near < 20, "right in front of the writer {near} times of 200");
    // One that has stopped overtakes nobody, and one at its own pace only until there is room enough.
    let before = follower.missed;
    for round in 0..20 {
        if round < 10 {
            subject.write(&[(16, None)]);
        }
        follower.follow_clear(&subject);
    }
    assert_eq!(follower.missed, before);
    let [passed, missed] = follower.finish(&subject);
    assert!(passed > 150 && passed + missed == 411, "{passed} + {missed}");
}

#[test]
fn whoever_is_overtaken_again_at_once_keeps_clear_of_the_writer() {
    let mut subject = Subject::new(1);
    subject.write(&[(20, None)]);
    let mut follower = Follower::new(&subject, Track::at_oldest(&subject.ring));
    // It slept, and is right in front of a writer at four times its pace.
    (0..100).for_each(|_| subject.write(&[(20, None)]));
    let mut near = 0;
    for _ in 0..200 {
        follower.follow_clear(&subject);
        let room = follower.track.position().map_or(0, |next| subject.ring.room_before(next));
        near += u64::from(room < GEOMETRY.words as u64 / 16);
        (0..4).for_each(|_| subject.write(&[(20, None)]));
    }
    let [passed, missed] = follower.finish(&subject);
    assert!(near < 20, "right in front of the writer {near} times of 200");
    assert!(passed > 200 && passed + missed == 901, "{passed} + {missed}");
}

#[test]
fn whoever_keeps_clear_with_an_old_look_never_goes_back() {
    let mut subject = Subject::new(1);
    subject.write(&[(16, None)]);
    let mut follower = Follower::new(&subject, Track::at_oldest(&subject.ring));
    (0..3).for_each(|_| subject.write(&[(16, None)]));
    follower.follow(&subject, 3);
    let (before, tail) = (follower.track.position().unwrap(), subject.ring.cut().tail);
    // The writer all but overtakes it, and it has not looked since.
    (0..28).for_each(|_| subject.write(&[(16, None)]));
    follower.track.keep_clear(&subject.ring, tail);
    assert_eq!(follower.track.position(), Some(before));
}

#[test]
fn whoever_slept_and_comes_back_to_a_writer_that_rests_misses_no_more_than_was_overwritten() {
    let mut subject = Subject::new(1);
    subject.write(&[(16, None)]);
    let mut follower = Follower::new(&subject, Track::at_oldest(&subject.ring));
    (0..100).for_each(|_| subject.write(&[(16, None)]));
    let kept =
        subject.written.iter().filter(|record| record.position >= subject.ring.oldest()).count() as u64;
    loop {
        let before = follower.passed;
        follower.follow_clear(&subject);
        if follower.passed == before {
            break;
        }
    }
    assert_eq!(follower.finish(&subject), [kept, 101 - kept]);
}

#[test]
fn what_a_vanished_owner_did_not_count_is_counted() {
    let mut subject = Subject::new(1);
    for count in [1, 3, 40] {
        let batch: Vec<_> = (0..count).map(|_| (LEAST, Some(1))).collect();
        subject.write(&batch);
        // As if it had vanished between the commit and the count.
        let records = subject.ring.records();
        subject.ring.commits.at::<RECORDS>().store(records - count, Relaxed);
        // SAFETY: one thread, and what vanished is gone.
        unsafe { subject.ring.take_over(unlinked) };
        subject.check();
    }
}

#[test]
fn a_bucket_untouched_for_two_to_the_48_words_leads_nowhere() {
    let region = Region::heap(GEOMETRY.footprint()).unwrap();
    for far in [33, 48, 54] {
        let ring = Ring::between(&region, 0, GEOMETRY, 1 << far..LAST);
        // What a record of long ago left: its position lies further back than a link can say.
        ring.heads.at(1).store(300, Relaxed);
        // SAFETY: one thread.
        let mut writing = unsafe { ring.begin() };
        for ticks in 0..40 {
            let reserved = writing.reserve(LEAST).unwrap();
            reserved.words[LINK_WORD].store(Link::unlinked(1).word(), Relaxed);
            writing.commit(reserved, Entry { ticks, kind: 1, bucket: Some(1) });
        }
        let (mut steps, mut next) = (0, ring.head(1));
        while let Some(position) = next {
            assert!(position >= 1 << far, "a link leads to {position}");
            next = Link::from_word(ring.word(position + LINK_WORD as u64)).previous(position);
            steps += 1;
        }
        assert_eq!(steps, 40 - GEOMETRY.queue as u64);
    }
}

#[test]
fn a_head_that_leads_into_a_gap_or_nowhere_ends_the_walk() {
    let mut subject = Subject::new(1 << 20);
    (0..5).for_each(|_| subject.write(&[(20, Some(1))]));
    let tail = subject.ring.cut().tail;
    subject.take(&Step::Vanish { write: Box::new(Step::Batch(vec![(20, Some(1))])), before: 0 });
    subject.write(&[(20, Some(2))]);
    subject.check();
    for head in [tail, tail + 7, u64::MAX, u64::MAX - 3, 1, subject.ring.cut().tail + 1_000] {
        subject.ring.heads.at(1).store(head, Relaxed);
        assert_eq!(Chain::new(&subject.ring, subject.ring.cut(), 1).count(), 0, "{head}");
    }
}

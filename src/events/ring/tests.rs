//! The ring against an obvious model: everything that was written, with the places where it lies.

use super::{Entry, Geometry, Ring};
use crate::events::record::Link;
use crate::region::Region;
use crate::sync::Relaxed;
use proptest::prelude::*;

/// Records here are a length, a checksum, their link, and filling.
const LEAST: usize = 3;
const GEOMETRY: Geometry = Geometry { words: 256, block: 32, buckets: 4, queue: 16, link_word: 2 };

#[derive(Clone, Debug)]
enum Step {
    One { words: usize, bucket: Option<u32> },
    Batch(Vec<(usize, Option<u32>)>),
    Prune { back: usize },
}

fn step() -> impl Strategy<Value = Step> {
    // Up to the largest a ring takes, and one more.
    let words = prop_oneof![8 => LEAST..24, 1 => Just(128), 1 => Just(129), 1 => Just(33)];
    let record = (words, prop::option::weighted(0.8, 0_u32..9));
    let batch = prop::collection::vec((LEAST..12, prop::option::of(0_u32..9)), 1..10);
    prop_oneof![
        16 => record.prop_map(|(words, bucket)| Step::One { words, bucket }),
        2 => batch.prop_map(Step::Batch),
        1 => (0_usize..6).prop_map(|back| Step::Prune { back }),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Written {
    position: u64,
    words: usize,
    ticks: u64,
    bucket: Option<u32>,
}

fn checksum(position: u64, words: usize) -> u64 {
    position.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ words as u64
}

struct Subject {
    ring: Ring,
    written: Vec<Written>,
    floor: u64,
}

impl Subject {
    fn new(laps: u64) -> Self {
        let region = Region::heap(GEOMETRY.footprint()).unwrap();
        let origin = laps * GEOMETRY.words as u64;
        Self { ring: Ring::starting_at(&region, 0, GEOMETRY, origin), written: Vec::new(), floor: 0 }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::One { words, bucket } => self.write(&[(*words, *bucket)]),
            Step::Batch(records) => self.write(records),
            Step::Prune { back } => {
                if let Some(record) = self.written.len().checked_sub(back + 1).map(|at| self.written[at]) {
                    self.ring.raise_watermark(record.position, record.ticks);
                    self.floor = self.floor.max(record.position);
                }
            }
        }
    }

    fn write(&mut self, records: &[(usize, Option<u32>)]) {
        let total = records.iter().map(|(words, _)| words).sum();
        // SAFETY: one thread.
        let mut writing = unsafe { self.ring.begin() };
        let Some(reserved) = writing.reserve(total) else {
            assert!(total * 2 > GEOMETRY.words, "{total} words were refused");
            return;
        };
        assert!(total * 2 <= GEOMETRY.words);
        let (mut offset, mut entries) = (0, Vec::new());
        for (words, bucket) in records {
            let (position, ticks) = (reserved.position + offset as u64, self.written.len() as u64 + 1);
            let filling = std::iter::repeat(7);
            let content = [*words as u64, checksum(position, *words), Link::unlinked(5).word()];
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

    /// Everything that was written is found where it should be, or its loss is admitted.
    fn check(&self) {
        let (ring, cut) = (&self.ring, self.ring.cut());
        assert_eq!(ring.records(), self.written.len() as u64);
        assert_eq!(cut.floor, self.floor);
        let alive = |record: &&Written| ring.is_intact(record.position) && record.position >= self.floor;
        let newest = self.written.last().map_or(0, |record| record.position);
        for record in &self.written {
            if ring.is_intact(record.position) {
                let words = [0, 1].map(|at| ring.word(record.position + at));
                assert_eq!(
                    words,
                    [record.words as u64, checksum(record.position, record.words)],
                    "{record:?}"
                );
                let summary = ring.summary(record.position).unwrap();
                assert!((summary.least..=summary.greatest).contains(&record.ticks), "{record:?} {summary:?}");
                assert!(
                    summary.kinds >> (record.words % 64) & 1 == 1 && summary.first() <= Some(record.position)
                );
            } else {
                assert!(record.position < newest, "the newest is gone");
            }
            if !alive(&record) {
                assert!(
                    ring.since() > record.ticks || record.position < self.floor,
                    "{record:?}: {}",
                    ring.since()
                );
            }
        }
        for bucket in 0..GEOMETRY.buckets as u32 {
            let mut found = Vec::new();
            let mut next = ring.head(bucket as usize);
            while let Some(position) = next.filter(|position| ring.is_intact(*position)) {
                found.push(position);
                next = Link::from_word(ring.word(position + GEOMETRY.link_word as u64)).previous(position);
            }
            let of_bucket = |record: &&Written| record.bucket.is_some_and(|of| of % 4 == bucket);
            let indexed = self.written.iter().rev().filter(|record| record.position < cut.indexed);
            let expected: Vec<_> = indexed
                .filter(of_bucket)
                .map(|record| record.position)
                .take_while(|position| ring.is_intact(*position))
                .collect();
            assert_eq!(found, expected, "bucket {bucket}");
        }
        let waiting = self.written.iter().filter(|record| record.position >= cut.indexed).count();
        assert!(waiting <= GEOMETRY.queue, "{waiting} wait to be linked");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Wrap, padding, the largest record, records over several blocks, batches, pruning; and positions that have
    /// come far, so that lower halves wrap and links reach over 2^32 and 2^48.
    #[test]
    fn a_ring_keeps_what_an_obvious_model_keeps(
        steps in prop::collection::vec(step(), 1..120),
        laps in prop::sample::select(vec![1, (1 << 24) - 1, 1 << 40, (1 << 46) - 1, 1 << 53]),
    ) {
        let mut subject = Subject::new(laps);
        for step in &steps {
            subject.take(step);
            subject.check();
        }
    }
}

#[test]
fn a_bucket_untouched_for_two_to_the_48_words_leads_nowhere() {
    let region = Region::heap(GEOMETRY.footprint()).unwrap();
    for far in [33, 48, 54] {
        let ring = Ring::starting_at(&region, 0, GEOMETRY, 1 << far);
        // What a record of long ago left: its position lies further back than a link can say.
        ring.heads.at(1).store(300, Relaxed);
        // SAFETY: one thread.
        let mut writing = unsafe { ring.begin() };
        for ticks in 0..40 {
            let reserved = writing.reserve(LEAST).unwrap();
            reserved.words[2].store(Link::unlinked(1).word(), Relaxed);
            writing.commit(reserved, Entry { ticks, kind: 1, bucket: Some(1) });
        }
        let (mut steps, mut next) = (0, ring.head(1));
        while let Some(position) = next {
            assert!(position >= 1 << far, "a link leads to {position}");
            next = Link::from_word(ring.word(position + 2)).previous(position);
            steps += 1;
        }
        assert_eq!(steps, 40 - GEOMETRY.queue as u64);
    }
}

//! The head of a section, written once; and its counters.

use super::error::SectionError;
use super::shape::{HEAD, Shape};
use crate::events::bucket::BucketKey;
use crate::events::class::{Class, PerClass};
use crate::events::overflow::Slots;
use crate::events::record::{HEADER_WORDS, LINK_WORD};
use crate::events::ring::{Geometry, QUEUE};
use crate::region::{LINE, Line, Region, Span};
use crate::sync::{Arc, AtomicU64, Relaxed};

/// What a section begins with.
pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"FDEVENTS");
/// Of the format that is described in `section`.
pub(in crate::events) const VERSION: u64 = 1;
/// More shards no store has: an event id has twelve bits for them, and the overflow takes one more.
const MOST_SHARDS: u64 = 4_096;
/// More slots no overflow has, and none longer than this.
const MOST_SLOTS: u64 = 1 << 20;
const LONGEST_SLOT: u64 = 1 << 12;
/// Longer no log is.
const LONGEST_LOG: u64 = 1 << 28;
/// Longer no ring is: links are 32-bit distances.
const LONGEST_RING: u64 = 1 << 31;

/// Words of a ring's sizes.
const SIZES: usize = 4;
/// Where those of kept shards start.
const KEPT: usize = 16;
/// Where those of others do.
const SHARED: usize = 32;
/// The line of counters.
const COUNTERS: usize = 4 * LINE;

/// Writes the head of a section.
pub(in crate::events) fn write(region: &Arc<Region>, start: usize, shape: &Shape, key: BucketKey) {
    // Relaxed: published with all else that the region holds before anybody else has it.
    let set = |at: usize, value: u64| region.words(start + at, 1).at(0).store(value, Relaxed);
    let BucketKey(key) = key;
    let words = [
        MAGIC,
        VERSION,
        shape.words() as u64,
        HEADER_WORDS as u64,
        LINK_WORD as u64,
        shape.kept_shards as u64,
        shape.shared_shards as u64,
        shape.slots.count as u64,
        shape.slots.words as u64,
        shape.kinds as u64,
        shape.threads as u64,
        0,
        key[0],
        key[1],
    ];
    (0..).zip(words).for_each(|(at, word)| set(at, word));
    for (first, rings) in [(KEPT, &shape.kept), (SHARED, &shape.shared)] {
        for (class, ring) in rings.iter() {
            let sizes = [ring.words, ring.block, ring.buckets, ring.queue];
            (first + class as usize * SIZES..).zip(sizes).for_each(|(at, size)| set(at, size as u64));
        }
    }
}

/// What a head says, if all of it can be.
pub(super) fn read(span: &Span) -> Result<(Shape, BucketKey), SectionError> {
    let len = span.len as u64;
    if len < HEAD as u64 {
        return Err(SectionError::TooShort { words: len, needed: HEAD as u64 });
    }
    // Each word once: somebody may change it.
    let word = |at: usize| span.region.words(span.start + at, 1).at(0).load(Relaxed);
    let (magic, version) = (word(0), word(1));
    if magic != MAGIC {
        return Err(SectionError::NoSection { found: magic });
    }
    if version != VERSION {
        return Err(SectionError::Version { found: version, known: VERSION });
    }
    let said = word(2);
    if said > len {
        return Err(SectionError::TooShort { words: len, needed: said });
    }
    let exactly = |at: usize, field: &'static str, expected: u64| match word(at) {
        value if value == expected => Ok(value as usize),
        value => Err(SectionError::Field { field, value, limit: expected }),
    };
    let between = |at: usize, field: &'static str, least: u64, most: u64| match word(at) {
        value if (least..=most).contains(&value) => Ok(value as usize),
        value => Err(SectionError::Field { field, value, limit: if value < least { least } else { most } }),
    };
    let power = |at: usize, field: &'static str, most: u64| match word(at) {
        value if value.is_power_of_two() && value <= most => Ok(value as usize),
        value => Err(SectionError::Field { field, value, limit: most }),
    };
    exactly(3, "words of a record's header", HEADER_WORDS as u64)?;
    let link_word = exactly(4, "the word of a record's link", LINK_WORD as u64)?;
    let kept_shards = between(5, "kept shards", 1, MOST_SHARDS)?;
    let shared_shards = between(6, "other shards", 1, MOST_SHARDS - kept_shards as u64)?;
    let slots = Slots {
        count: power(7, "slots of an overflow", MOST_SLOTS)?,
        words: power(8, "words of a slot", LONGEST_SLOT)?,
    };
    if !slots.is_sound() {
        return Err(SectionError::Field {
            field: "words of a slot",
            value: slots.words as u64,
            limit: LONGEST_SLOT,
        });
    }
    // What follows a log begins at a line, so a log ends at one.
    let log = |at: usize, field: &'static str| match power(at, field, LONGEST_LOG)? {
        words if words < LINE => Err(SectionError::Field { field, value: words as u64, limit: LINE as u64 }),
        words => Ok(words),
    };
    let (kinds, threads) = (log(9, "the log of kinds")?, log(10, "the log of threads")?);
    let key = BucketKey([word(12), word(13)]);
    let ring = |first: usize, class: Class| {
        let at = first + class as usize * SIZES;
        let geometry = Geometry {
            words: power(at, "words of a ring", LONGEST_RING)?,
            block: power(at + 1, "words of a block", LONGEST_RING)?,
            buckets: power(at + 2, "buckets of a ring", LONGEST_RING)?,
            queue: power(at + 3, "records of a ring that wait to be linked", QUEUE as u64)?,
            link_word,
        };
        match geometry.is_sound() {
            true => Ok(geometry),
            false => Err(SectionError::Field {
                field: "words of a block",
                value: geometry.block as u64,
                limit: geometry.words as u64 / 2,
            }),
        }
    };
    let rings = |first: usize| -> Result<PerClass<Geometry>, SectionError> {
        Ok(PerClass([
            ring(first, Class::Critical)?,
            ring(first, Class::Normal)?,
            ring(first, Class::Verbose)?,
        ]))
    };
    let (kept, shared) = (rings(KEPT)?, rings(SHARED)?);
    // At most 2^12 shards of three rings of 2^33 words each: no sum overflows.
    let shape = Shape { kept, shared, kept_shards, shared_shards, slots, kinds, threads };
    match shape.words() as u64 {
        words if words == said => Ok((shape, key)),
        words if words > len => Err(SectionError::TooShort { words: len, needed: words }),
        words => Err(SectionError::Field { field: "words of the section", value: said, limit: words }),
    }
}

/// What is counted of a store beside its rings. Relaxed throughout: each stands for itself.
#[derive(Debug)]
pub(crate) struct Counters(Line);

impl Counters {
    pub(in crate::events) fn at(region: &Arc<Region>, start: usize) -> Self {
        Self(region.line(start + COUNTERS))
    }

    /// Events that were pruned.
    pub(in crate::events) fn pruned(&self, class: Class) -> &AtomicU64 {
        &self.0.words()[class as usize]
    }

    /// Of those, the ones that had become older than their class may be.
    pub(in crate::events) fn pruned_by_age(&self, class: Class) -> &AtomicU64 {
        &self.0.words()[4 + class as usize]
    }
}

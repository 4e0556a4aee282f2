//! Sizes: how memory is divided before any of it is reserved.

use super::bucket::BucketKey;
use super::error::BuildError;
use super::handle::Events;
use super::kinds::Kinds;
use super::loss::Losses;
use super::record::{LINK_WORD, MAX_RECORD_WORDS};
use super::ring::Geometry;
use super::shard::Shard;
use super::store::Store;
use super::threads::Threads;
use crate::clock::{Clock, ClockSource};
use crate::id::DeckId;
use crate::region::Region;
use crate::sync::{Arc, AtomicBool, thread};
use std::hash::{BuildHasher, RandomState};

/// Shards beside those that threads keep: shared ones, then the emergency shard.
const SHARED: usize = 2;
const EMERGENCY: usize = 1;
/// An event id has eight bits for the shard.
const MOST_KEPT: usize = 256 - SHARED - EMERGENCY;
/// The smallest ring: two pages.
const LEAST_RING: usize = 1_024;
/// A shared ring is this much smaller than a kept one.
const SHARED_FRACTION: usize = 4;
const DEFAULT_MEMORY: usize = 16 << 20;

/// Sizes and clock of an event store to be built.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    memory: usize,
    shards: usize,
    clock: Option<Clock>,
    deck: Option<DeckId>,
    prefault: bool,
}

impl Default for Builder {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { memory: DEFAULT_MEMORY, shards: (2 * cores).min(64), clock: None, deck: None, prefault: false }
    }
}

/// How memory is divided. Every size is in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// All of it: no more is ever used for events.
    pub total: usize,
    /// Shards that threads and writers keep for themselves.
    pub shards: usize,
    /// Shards that further threads share, the one for emergencies included.
    pub shared_shards: usize,
    /// The ring of one kept shard.
    pub ring: usize,
    /// The ring of one shared shard.
    pub shared_ring: usize,
    /// The index of one kept shard.
    pub index: usize,
    /// The longest event, header included.
    pub longest_event: usize,
}

impl Builder {
    /// How much memory rings, indexes and block tables take together, at most; 16 MiB by default. Rings are
    /// powers of two, so up to half of it may stay unused: [`Builder::plan`] tells.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// How many threads and writers get a shard of their own; twice the cores by default, at most 64. Further
    /// threads share.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// The clock that stamps events: [`Clock::precise`] by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Whether all memory is written to once before the store is handed out. Otherwise the system provides each
    /// page at its first use, in the middle of some record of the first lap: about a microsecond more, once in
    /// 4 KiB. Off by default, since it makes a store take its memory whether it is ever used or not.
    pub fn prefault(mut self, on: bool) -> Self {
        self.prefault = on;
        self
    }

    pub(crate) fn deck(mut self, deck: DeckId) -> Self {
        self.deck = Some(deck);
        self
    }

    /// How the memory would be divided. Reserves nothing.
    ///
    /// # Errors
    /// If it does not suffice, or the number of shards is out of range.
    pub fn plan(&self) -> Result<Plan, BuildError> {
        let (kept, shared) = self.geometry()?;
        let others = SHARED + EMERGENCY;
        Ok(Plan {
            total: (kept.footprint() * self.shards + shared.footprint() * others) * 8,
            shards: self.shards,
            shared_shards: others,
            ring: kept.words * 8,
            shared_ring: shared.words * 8,
            index: kept.buckets * 8,
            longest_event: longest(shared) * 8,
        })
    }

    /// Reserves the memory and builds the store.
    ///
    /// # Errors
    /// As [`Builder::plan`], and if the system has not as much memory.
    pub fn build(self) -> Result<Events, BuildError> {
        let plan = self.plan()?;
        let (kept, shared) = self.geometry()?;
        let region = Region::heap(plan.total / 8).ok_or(BuildError::OutOfMemory { bytes: plan.total })?;
        if self.prefault {
            region.prefault();
        }
        let mut start = 0;
        let mut shard = |geometry: Geometry| {
            let shard = Arc::new(Shard::new(&region, start, geometry));
            start += geometry.footprint();
            shard
        };
        let shards = (0..self.shards)
            .map(|_| kept)
            .chain((0..SHARED + EMERGENCY).map(|_| shared))
            .map(&mut shard)
            .collect();
        let clock = self.clock.unwrap_or_default();
        let random = RandomState::new();
        let store = Store {
            deck: self.deck.unwrap_or_else(DeckId::unique),
            supplied_clock: clock.source() == ClockSource::Supplied,
            clock,
            shards,
            kept: self.shards,
            kinds: Kinds::new(),
            losses: Losses::default(),
            threads: Threads::default(),
            longest: longest(shared),
            key: BucketKey([random.hash_one(0), random.hash_one(1)]),
            orphaned: AtomicBool::new(false),
        };
        Ok(Events::of(Arc::new(store), plan))
    }

    fn geometry(&self) -> Result<(Geometry, Geometry), BuildError> {
        if !(1..=MOST_KEPT).contains(&self.shards) {
            return Err(BuildError::Shards { shards: self.shards, most: MOST_KEPT });
        }
        let sizes = |words: usize| {
            let (kept, shared) = (ring_of(words), ring_of((words / SHARED_FRACTION).max(LEAST_RING)));
            (kept, shared, kept.footprint() * self.shards + shared.footprint() * (SHARED + EMERGENCY))
        };
        let available = self.memory / 8;
        let mut words = LEAST_RING;
        if sizes(words).2 > available {
            let least = sizes(words).2 * 8;
            return Err(BuildError::MemoryTooSmall { bytes: self.memory, shards: self.shards, least });
        }
        // Heads are 32-bit distances apart, so a ring has at most 2^31 words: 16 GiB.
        while words < 1 << 31 && sizes(words * 2).2 <= available {
            words *= 2;
        }
        let (kept, shared, _) = sizes(words);
        Ok((kept, shared))
    }
}

/// The sizes of a ring of so many words: a bucket for every two events of middling size (16 words), and
/// blocks of 4 KiB or a 256th of the ring.
fn ring_of(words: usize) -> Geometry {
    Geometry {
        words,
        block: (words / 256).max(512).min(words / 4),
        buckets: (words / 32).max(64),
        queue: 16,
        link_word: LINK_WORD,
    }
}

/// The longest record that fits every ring, the smallest included.
fn longest(smallest: Geometry) -> usize {
    // 1 MiB, or a quarter of the ring.
    (smallest.words / 4).min((1 << 20) / 8).min(MAX_RECORD_WORDS)
}

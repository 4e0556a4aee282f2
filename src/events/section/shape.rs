//! Which part lies where: it follows from the sizes alone.

use crate::clock::Told;
use crate::events::class::{Class, PerClass};
use crate::events::loss::Losses;
use crate::events::overflow::Slots;
use crate::events::ring::Geometry;
use crate::events::shard::Shard;
use crate::region::LINE;
use crate::region::log::Log;

/// Words of the head.
pub(super) const HEAD: usize = 8 * LINE;
/// Words for records of the log of kinds: some five hundred of them, as a rule.
const KINDS: usize = 16 << 10;
/// Words for records of the log of threads: some four thousand of them.
const THREADS: usize = 16 << 10;

/// The sizes of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::events) struct Shape {
    /// The rings of shards that threads keep.
    pub(in crate::events) kept: PerClass<Geometry>,
    /// The rings of other shards.
    pub(in crate::events) shared: PerClass<Geometry>,
    /// How many shards threads keep.
    pub(in crate::events) kept_shards: usize,
    /// How many others there are, the emergency shard included.
    pub(in crate::events) shared_shards: usize,
    /// Of each class.
    pub(in crate::events) slots: Slots,
    /// Words of the log of kinds.
    pub(super) kinds: usize,
    /// Words of the log of threads.
    pub(super) threads: usize,
}

impl Shape {
    pub(in crate::events) fn new(
        [kept, shared]: [PerClass<Geometry>; 2],
        [kept_shards, shared_shards]: [usize; 2],
        slots: Slots,
    ) -> Self {
        Self { kept, shared, kept_shards, shared_shards, slots, kinds: KINDS, threads: THREADS }
    }

    fn shards(&self) -> usize {
        self.kept_shards + self.shared_shards
    }

    /// Where the clock is told.
    pub(in crate::events) const fn clock_at(&self) -> usize {
        HEAD
    }

    /// The log of kinds: where it starts, and its words.
    pub(in crate::events) const fn kinds_at(&self) -> (usize, usize) {
        (self.clock_at() + Told::WORDS, self.kinds)
    }

    /// The log of threads: where it starts, and its words.
    pub(in crate::events) const fn threads_at(&self) -> (usize, usize) {
        let (start, words) = self.kinds_at();
        (start + Log::footprint(words), self.threads)
    }

    /// Where losses are counted that came to no shard.
    pub(in crate::events) const fn losses_at(&self) -> usize {
        let (start, words) = self.threads_at();
        (start + Log::footprint(words)).next_multiple_of(LINE)
    }

    /// Where those of a shard are.
    pub(in crate::events) const fn losses_of(&self, shard: usize) -> usize {
        self.losses_at() + (1 + shard) * Losses::WORDS
    }

    /// Where the shards start, and how many words lie before them.
    pub(in crate::events) fn shards_at(&self) -> usize {
        self.losses_of(self.shards())
    }

    /// The rings of a shard, and where it starts.
    pub(in crate::events) fn shard(&self, number: usize) -> (usize, &PerClass<Geometry>) {
        let (kept, shared) = (Shard::footprint(&self.kept), Shard::footprint(&self.shared));
        let others = number.saturating_sub(self.kept_shards);
        let start = self.shards_at() + number.min(self.kept_shards) * kept + others * shared;
        (start, if number < self.kept_shards { &self.kept } else { &self.shared })
    }

    /// Where the overflow of a class starts.
    pub(in crate::events) fn overflow_at(&self, class: Class) -> usize {
        self.shard(self.shards()).0 + class as usize * self.slots.footprint()
    }

    /// All of it.
    pub(in crate::events) fn words(&self) -> usize {
        self.overflow_at(Class::Critical) + Class::ALL.len() * self.slots.footprint()
    }
}

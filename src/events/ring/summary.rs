//! Block summaries: what a query needs to know to skip a block.
//!
//! The owner widens a block's summary before it publishes a record in it, and clears it when `intent` rises over the
//! block; a reader believes one while the start of its block is intact.

use super::{Ring, Writing};
use crate::sync::{AtomicU64, Relaxed};

/// Words of one summary: first, least, greatest, kinds.
pub(super) const SUMMARY: usize = 4;
/// In place of a first record: no record starts in this block.
const NO_RECORD: u64 = u64::MAX;

/// What a block holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    /// Where the first record starts, or [`NO_RECORD`].
    first: u64,
    pub(crate) least: u64,
    pub(crate) greatest: u64,
    /// Bit `kind % 64` of every kind in the block.
    pub(crate) kinds: u64,
}

impl Summary {
    pub(super) const EMPTY: Self = Self { first: NO_RECORD, least: u64::MAX, greatest: 0, kinds: 0 };

    /// Where the first record starts; `None` if none starts in this block.
    pub(crate) fn first(&self) -> Option<u64> {
        (self.first != NO_RECORD).then_some(self.first)
    }

    /// The same with one more record.
    fn with(self, position: u64, ticks: u64, kind: u32) -> Self {
        Self {
            first: self.first.min(position),
            least: self.least.min(ticks),
            greatest: self.greatest.max(ticks),
            kinds: self.kinds | 1 << (kind % 64),
        }
    }
}

impl Ring {
    /// The block that holds a position.
    #[inline(always)]
    pub(crate) fn block_of(&self, position: u64) -> u64 {
        position >> self.block_shift
    }

    /// Where a block starts.
    #[inline(always)]
    pub(crate) fn start_of(&self, block: u64) -> u64 {
        // Saturating: in a mapped file a position may be anything.
        block.saturating_mul(self.geometry.block as u64)
    }

    #[inline(always)]
    fn summary_words(&self, block: u64) -> &[AtomicU64; SUMMARY] {
        // SAFETY: a summary starts at a multiple of its length, and so many of them fill the table: in one piece.
        unsafe { self.summaries.run_in_one_piece(block as usize * SUMMARY) }
    }

    pub(super) fn store_summary(&self, block: u64, summary: Summary) {
        let [first, least, greatest, kinds] = self.summary_words(block);
        first.store(summary.first, Relaxed);
        least.store(summary.least, Relaxed);
        greatest.store(summary.greatest, Relaxed);
        kinds.store(summary.kinds, Relaxed);
    }

    #[inline]
    pub(super) fn load_summary(&self, block: u64) -> Summary {
        let [first, least, greatest, kinds] =
            self.summary_words(block).each_ref().map(|word| word.load(Relaxed));
        Summary { first, least, greatest, kinds }
    }

    /// How many records were committed before the first one of the block that holds `position`. Worth something where
    /// there is a first one, that one was committed, and [`Ring::is_intact`] says so of it afterwards.
    pub(crate) fn number(&self, position: u64) -> u64 {
        self.numbers.at(self.block_of(position) as usize).load(Relaxed)
    }

    /// Where the first record starts of the block that holds `position`, if one does; `None` once the block has been
    /// overwritten.
    pub(crate) fn first_alone(&self, position: u64) -> Option<Option<u64>> {
        let block = self.block_of(position);
        let [first, ..] = self.summary_words(block);
        let first = first.load(Relaxed);
        let is_intact = self.is_intact(self.start_of(block));
        is_intact.then_some((first != NO_RECORD).then_some(first))
    }

    /// The summary of the block that holds `position`; `None` once the block has been overwritten.
    #[inline]
    pub(crate) fn summary(&self, position: u64) -> Option<Summary> {
        let block = self.block_of(position);
        let summary = self.load_summary(block);
        self.is_intact(self.start_of(block)).then_some(summary)
    }
}

impl Ring {
    /// Where the first record of the block starts that holds `position`, and its summary; `None` once the block has been
    /// overwritten, and where none starts.
    #[inline]
    pub(crate) fn first_of(&self, position: u64) -> Option<(u64, Summary)> {
        let summary = self.summary(position)?;
        // What a stopped writer left, or hostile bytes: a first record lies in its block.
        let first = summary.first().filter(|first| self.block_of(*first) == self.block_of(position))?;
        Some((first, summary))
    }
}

/// For models.
#[cfg(flightdeck_loom)]
impl Ring {
    /// Of the block that holds `position`, where it is intact and a record starts there: how many records there were before, and the
    /// least and the greatest ticks.
    pub fn told(&self, position: u64) -> Option<(u64, u64, u64)> {
        let number = self.number(position);
        let (_, summary) = self.first_of(position)?;
        Some((number, summary.least, summary.greatest))
    }
}

impl Writing<'_> {
    /// Widens the summary of `block` to a record at `position`, before which so many others wait to be published.
    #[inline(always)]
    pub(super) fn widen(&mut self, block: u64, position: u64, ticks: u64, kind: u32, waiting: u64) {
        let ring = self.ring();
        // As a rule a record is the newest of its block and not the first of its kind there: one store.
        let [_, _, greatest, kinds] = ring.summary_words(block);
        let is_known = kinds.load(Relaxed) & 1 << (kind % 64) != 0;
        if is_known && ticks >= greatest.load(Relaxed) {
            greatest.store(ticks, Relaxed);
        } else {
            ring.widen_further(block, position, ticks, kind, waiting);
        }
    }
}

impl Ring {
    #[cold]
    #[inline(never)]
    fn widen_further(&self, block: u64, position: u64, ticks: u64, kind: u32, waiting: u64) {
        let summary = self.load_summary(block);
        if summary.first == NO_RECORD {
            // Relaxed: published by the commit of this record, edge `ring-tail`.
            self.numbers.at(block as usize).store(self.records() + waiting, Relaxed);
        }
        self.store_summary(block, summary.with(position, ticks, kind));
    }
}

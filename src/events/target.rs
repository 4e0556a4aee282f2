//! Where a record is written: a ring of a shard, or a slot of the overflow.

use super::loss::{LossCause, Losses};
use super::overflow::{Overflow, Slot};
use super::ring::{Entry, Reserved, Writing};
use super::shard::Shard;
use super::store::Store;
use crate::sync::{AtomicU64, Relaxed};

/// A place of one class that takes one record, or one batch.
pub(crate) trait Target<'a> {
    /// Room for so many words; `None` if it takes no as long a record.
    fn reserve(&mut self, words: usize) -> Option<Reserved<'a>>;
    /// Publishes what was reserved as one record.
    fn commit(&mut self, reserved: Reserved<'a>, entry: Entry);
    /// Publishes what was reserved as several records, each so many words behind the first.
    fn commit_batch(&mut self, reserved: Reserved<'a>, entries: impl Iterator<Item = (usize, Entry)> + Clone);
    /// Publishes what was reserved as several records, of one bucket, time and kind; see [`Writing::commit_run`].
    fn commit_run(&mut self, reserved: Reserved<'a>, offsets: impl Iterator<Item = usize>, entry: Entry);
    /// Asks for what [`Target::commit_run`] will need for a bucket.
    fn prefetch(&self, bucket: u32);
    /// `ticks`, or later: stamps of one thread never go back.
    fn monotone(&self, ticks: u64) -> u64;
    /// Where its losses are counted.
    fn losses<'b>(&'b self, store: &'b Store) -> &'b Losses;
    /// Why it has no room.
    fn refusal(&self) -> LossCause;
}

/// In a ring of a claimed shard.
pub(crate) struct InShard<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) writing: Writing<'a>,
}

impl<'a> Target<'a> for InShard<'a> {
    #[inline(always)]
    fn reserve(&mut self, words: usize) -> Option<Reserved<'a>> {
        self.writing.reserve(words)
    }

    #[inline(always)]
    fn commit(&mut self, reserved: Reserved<'a>, entry: Entry) {
        self.writing.commit(reserved, entry);
    }

    #[inline(always)]
    fn commit_batch(
        &mut self,
        reserved: Reserved<'a>,
        entries: impl Iterator<Item = (usize, Entry)> + Clone,
    ) {
        self.writing.commit_batch(reserved, entries);
    }

    #[inline(always)]
    fn commit_run(&mut self, reserved: Reserved<'a>, offsets: impl Iterator<Item = usize>, entry: Entry) {
        self.writing.commit_run(reserved, offsets, entry);
    }

    #[inline(always)]
    fn prefetch(&self, bucket: u32) {
        self.writing.prefetch(bucket);
    }

    #[inline(always)]
    fn monotone(&self, ticks: u64) -> u64 {
        self.shard.monotone(ticks)
    }

    fn losses<'b>(&'b self, _: &'b Store) -> &'b Losses {
        &self.shard.losses
    }

    fn refusal(&self) -> LossCause {
        if self.writing.is_used_up() { LossCause::UsedUp } else { LossCause::TooLarge }
    }
}

/// In a slot of the overflow.
pub(crate) struct InSlot<'a> {
    pub(crate) overflow: &'a Overflow,
    /// The one with room for it, once it is reserved.
    pub(crate) slot: Option<Slot<'a>>,
    /// The stamp of the thread's last record.
    pub(crate) last: &'a AtomicU64,
    /// How far from it the next one lies at least.
    pub(crate) step: u64,
}

impl<'a> Target<'a> for InSlot<'a> {
    fn reserve(&mut self, words: usize) -> Option<Reserved<'a>> {
        let (slot, reserved) = self.overflow.reserve(words)?;
        self.slot = Some(slot);
        Some(reserved)
    }

    fn commit(&mut self, _: Reserved<'a>, entry: Entry) {
        if let Some(slot) = self.slot.take() {
            slot.commit(std::iter::once(entry));
        }
    }

    fn commit_batch(&mut self, _: Reserved<'a>, entries: impl Iterator<Item = (usize, Entry)> + Clone) {
        if let Some(slot) = self.slot.take() {
            slot.commit(entries.map(|(_, entry)| entry));
        }
    }

    fn commit_run(&mut self, _: Reserved<'a>, offsets: impl Iterator<Item = usize>, entry: Entry) {
        if let Some(slot) = self.slot.take() {
            slot.commit(offsets.map(|_| entry));
        }
    }

    /// There is no index.
    fn prefetch(&self, _: u32) {}

    fn monotone(&self, ticks: u64) -> u64 {
        // Of one thread, so a load and a store.
        let ticks = ticks.max(self.last.load(Relaxed) + self.step);
        self.last.store(ticks, Relaxed);
        ticks
    }

    fn losses<'b>(&'b self, store: &'b Store) -> &'b Losses {
        &store.losses
    }

    // A shard would have taken it.
    fn refusal(&self) -> LossCause {
        LossCause::NoShard
    }
}

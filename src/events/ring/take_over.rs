//! Taking over from an owner that vanished: a thread that ended without a word, a process that was killed, at any point
//! of a write.
//!
//! What it had published stays: `tail` is the only commit. What was linked late or not at all is linked now, records
//! that their bucket's head leads to already excepted, and what was not counted is counted. What it had begun is wiped, up
//! to `intent`, and nobody will ever write there at these positions again. The summaries of blocks in there are cleared: they
//! may be those of a lap ago, or of what was begun.

use super::{INDEXED, INTENT, RECORDS, Ring, Summary, TAIL};
use crate::sync::{Relaxed, release};

/// What the walk over unlinked records needs to know of one.
#[derive(Clone, Copy, Debug)]
pub struct Unlinked {
    /// How many words it takes.
    pub words: usize,
    /// Where the index shall find it.
    pub bucket: Option<u32>,
}

impl Ring {
    /// Makes the ring whole, and ready for the next owner. `look` reads the record at a position; `None` where there is
    /// none.
    ///
    /// # Safety
    /// As of [`Ring::begin`], where "whoever wrote before" is the owner that vanished, and will not write again.
    pub unsafe fn take_over(&self, look: impl Fn(&Self, u64) -> Option<Unlinked>) {
        // Relaxed: ours now.
        let intent = self.blocks.at::<INTENT>().load(Relaxed);
        let indexed = self.commits.at::<INDEXED>().load(Relaxed);
        let tail = self.commits.at::<TAIL>().load(Relaxed);
        let mut next = self.next_record(indexed.max(self.oldest()), indexed < self.oldest(), tail);
        while let Some(position) = next {
            next = match look(self, position) {
                Some(record) => {
                    if let Some(bucket) = record.bucket {
                        self.link_again(position, bucket, tail);
                    }
                    let end = position + record.words as u64;
                    self.next_record(end, end >= self.block_after(position), tail)
                }
                None => self.next_record(self.block_after(position), true, tail),
            };
        }
        if let Some(number) = self.count_below(tail, &look) {
            self.commits.at::<RECORDS>().store(number, Relaxed);
        }
        // The new owner's fence came with its claim, edge `ring-claim`: who reads one of these zeros fails its check.
        (tail..intent).for_each(|position| self.words.at(position as usize).store(0, Relaxed));
        // Of a block that was to begin with what is wiped, the number would count records that never were.
        for block in self.block_of(tail)..self.block_of(intent) {
            let is_committed = |first: u64| self.block_of(first) == block && first < tail;
            if !self.load_summary(block).first().is_some_and(is_committed) {
                self.store_summary(block, Summary::EMPTY);
            }
        }
        // Release, edge `ring-tail` (partner: `cut`): the zeros are visible to whoever scans over them.
        self.commits.at::<TAIL>().store(intent, release("ring-tail"));
        // Release, edge `ring-indexed` (partner: `cut`): the links are visible to whoever walks them.
        self.commits.at::<INDEXED>().store(intent, release("ring-indexed"));
        // SAFETY: the contract is the same.
        unsafe { self.begin() }.start_at(intent);
    }

    /// How many records were committed below `tail`: the owner may have vanished between a commit and its count, and numbers
    /// of blocks go by that. `None` if no block below has a first record that is still there.
    fn count_below(&self, tail: u64, look: &impl Fn(&Self, u64) -> Option<Unlinked>) -> Option<u64> {
        let mut blocks = (self.block_of(self.oldest())..=self.block_of(tail.saturating_sub(1))).rev();
        let first = blocks.find_map(|block| {
            self.load_summary(block)
                .first()
                .filter(|first| self.block_of(*first) == block && (self.oldest()..tail).contains(first))
        })?;
        let (mut number, mut position) = (self.number(first), first);
        while let Some(record) = (position < tail).then(|| look(self, position)).flatten() {
            number += 1;
            position += record.words as u64;
        }
        Some(number)
    }

    /// The record at `position`, or where the block is to be entered the first one that starts at or after it, if it lies
    /// below `tail`.
    fn next_record(&self, position: u64, enters: bool, tail: u64) -> Option<u64> {
        if !enters {
            return (position < tail).then_some(position);
        }
        let blocks = self.block_of(position)..self.block_of(tail) + 1;
        blocks
            .filter_map(|block| {
                self.load_summary(block).first().filter(|first| self.block_of(*first) == block)
            })
            .find(|first| *first >= position)
            .filter(|first| *first < tail)
    }

    fn block_after(&self, position: u64) -> u64 {
        self.geometry.block_end(position + 1)
    }

    /// Threads the record at `position` into its bucket, unless the owner vanished after it had: heads only rise, so a
    /// head at or above it leads there.
    fn link_again(&self, position: u64, bucket: u32, tail: u64) {
        let bucket = bucket & (self.heads.len() - 1) as u32;
        if !(position..tail).contains(&self.heads.at(bucket as usize).load(Relaxed)) {
            self.link_at(position, position, bucket);
        }
    }
}

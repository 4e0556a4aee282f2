//! Wiping: the owner overwrites what has been pruned, so that its bytes are in memory no more.
//!
//! Any thread asks; only the owner may store words, so it does it at its next block, a few blocks at a time, or whoever
//! claims the shard next does. The first word of each record stays, which says its length and kind: the way from one record to
//! the next is that of whoever counts what was pruned.
//!
//! Readers are protected by the watermark. The owner wipes only below the watermark that it has seen, after a fence; a reader
//! that copied one of the zeros sees that watermark too, and its check, [`Ring::is_kept`], fails.
//!
//! What was overwritten in part, between the tail and `intent`, is wiped as well: no reader believes a word of it.

use super::{INTENT, Ring, TAIL, Writing};
use crate::events::record::Lead;
use crate::sync::{Relaxed, release_fence};

/// On the line of the watermark: up to here somebody wants it wiped.
const ASKED: usize = 2;
/// On the line of the watermark: up to here it has been. Of the owner.
const WIPED: usize = 3;
/// How many blocks an owner wipes on its way to the next.
pub(super) const AT_A_TIME: u64 = 4;

impl Ring {
    /// Wants all that is pruned by now to be wiped.
    pub fn ask_to_wipe(&self) {
        // Relaxed: the owner goes no further than the watermark it sees itself.
        self.watermark.at::<ASKED>().fetch_max(self.watermark(), Relaxed);
    }

    /// Whether there is something to wipe.
    pub(super) fn is_to_be_wiped(&self) -> bool {
        self.watermark.at::<WIPED>().load(Relaxed) < self.watermark.at::<ASKED>().load(Relaxed)
    }

    /// How many words are yet to be wiped, those that are overwritten next among them.
    pub(crate) fn words_to_wipe(&self) -> u64 {
        self.words_to_wipe_below(self.watermark.at::<ASKED>().load(Relaxed))
    }

    /// The same, had everything that is pruned been asked for.
    pub(crate) fn words_pruned(&self) -> u64 {
        self.words_to_wipe_below(self.watermark.at::<ASKED>().load(Relaxed).max(self.watermark()))
    }

    fn words_to_wipe_below(&self, asked: u64) -> u64 {
        let wiped = self.watermark.at::<WIPED>().load(Relaxed);
        if wiped >= asked {
            return 0;
        }
        let pruned = asked.saturating_sub(wiped.max(self.oldest()));
        let tail = self.commits.at::<TAIL>().load(Relaxed);
        pruned + self.blocks.at::<INTENT>().load(Relaxed).saturating_sub(tail)
    }

    /// Overwrites words from one position to another; how many.
    fn wipe_words(&self, from: u64, to: u64) -> u64 {
        (from..to).for_each(|position| self.words.at(position as usize).store(0, Relaxed));
        to.saturating_sub(from)
    }
}

impl Writing<'_> {
    /// Wipes what somebody asked for, of `most` words or a record more; how many words that were. To be called with nothing
    /// reserved.
    #[cold]
    #[inline(never)]
    pub fn wipe(&mut self, most: u64) -> u64 {
        let ring = self.ring();
        let wiped = ring.watermark.at::<WIPED>().load(Relaxed);
        let end = ring.watermark.at::<ASKED>().load(Relaxed).min(ring.watermark());
        if wiped >= end {
            return 0;
        }
        // Release, edge `ring-wipe` (partner: F2 in `is_intact`): orders our load of the watermark before every zero stored
        // from here on. A reader that copied one of them fails its check.
        release_fence("ring-wipe");
        let (mut position, mut count) = (wiped, 0);
        if position < ring.oldest() {
            // A record that has been overwritten in part may reach into the oldest block.
            position = self.first_from(ring.oldest()).unwrap_or(end).min(end);
            count += ring.wipe_words(ring.oldest(), position);
        }
        let stop = position.saturating_add(most).min(end);
        while position < stop {
            let next = match Lead::from_word(ring.word(position)).words() {
                // A gap: nothing lies there, and the next record starts where a block does.
                0 => ring.geometry.block_end(position + 1),
                words => position + words as u64,
            }
            .min(end);
            count += ring.wipe_words(position + 1, next);
            position = next;
        }
        if position >= end {
            let tail = ring.commits.at::<TAIL>().load(Relaxed);
            count += ring.wipe_words(tail, ring.blocks.at::<INTENT>().load(Relaxed));
        }
        ring.watermark.at::<WIPED>().store(position.min(end), Relaxed);
        count
    }

    /// Where the first record starts in the block at `start` or a later one.
    fn first_from(&self, start: u64) -> Option<u64> {
        let ring = self.ring();
        let blocks = ring.block_of(start)..=ring.block_of(ring.commits.at::<TAIL>().load(Relaxed));
        blocks
            .into_iter()
            .find_map(|block| ring.load_summary(block).first().filter(|first| ring.block_of(*first) == block))
    }
}

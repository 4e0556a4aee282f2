//! A copy of a ring that is made while its writer writes, and answers as the ring did.
//!
//! Whoever reads the copy makes the checks of whoever reads the ring, and finds the answers where they stand now: so the words
//! that say what is there are loaded before what they speak of, and those that say what is gone after it. What was overwritten
//! before it was copied, in part or whole, fails its check in the copy as it would have in the ring.
//!
//! **The newest first.** A writer at full speed is as fast as any copy, so all that was there at the beginning may be overwritten at
//! the end. What was copied by then stays in the copy: so it goes from the newest records back to the oldest, and ends where the
//! writer has come to from the other side. The copy's `intent` says where that was: half of the ring is left where both are equally
//! fast. A copier that the system took off its core meanwhile may find all of it gone, and begins anew, a bounded number of times.

use super::watermark::{PRUNED_SINCE, WATERMARK};
use super::{CONTROL, INDEXED, INTENT, RECORDS, Ring, SINCE, TAIL};
use crate::region::LINE;
use crate::region::copied::Copied;
use crate::sync::{Relaxed, acquire_fence};
use std::io;

/// Which parts of a ring are copied, besides its control words: all of them, but in models, since each word doubles what there is to
/// explore.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Bucket heads.
    pub index: bool,
    /// What is known of each block.
    pub blocks: bool,
    /// The records.
    pub words: bool,
}

#[cfg(not(flightdeck_loom))]
impl Parts {
    pub(crate) const ALL: Self = Self { index: true, blocks: true, words: true };
}

impl Ring {
    /// Copies all that a reader needs, to where a ring of these sizes begins. What was committed before, and is not overwritten
    /// before it is copied, is there. Waits for nobody.
    ///
    /// # Errors
    /// As whoever takes the words says.
    pub fn copy(&self, parts: Parts, at: usize, to: &mut Copied<'_>) -> io::Result<()> {
        let quarter = self.words.len() as u64 / 4;
        to.again_while(|to| self.copy_once(parts, at, to), |reach| *reach < quarter).map(|_| ())
    }

    /// How far back from the tail the copy reaches, in words.
    fn copy_once(&self, parts: Parts, at: usize, to: &mut Copied<'_>) -> io::Result<u64> {
        let heads_at = at + CONTROL + self.words.len();
        let summaries_at = heads_at + self.heads.len();
        let [indexed, tail, records] =
            [INDEXED, TAIL, RECORDS].map(|word| self.commits.words()[word].load(Relaxed));
        // Acquire, edges `ring-tail` (partner: `commit`) and `ring-indexed` (partner: `link`), as in `cut`.
        acquire_fence("ring-tail");
        if parts.index {
            to.load(heads_at, self.heads.all())?;
            // Acquire, edge `ring-head` (partner: `link`): a head may be newer than the cut, and its record is to be whole. The load of
            // `intent` below covers it, so it is among the words that are copied.
            acquire_fence("ring-head");
        }
        if parts.blocks {
            to.load(summaries_at, self.summaries.all())?;
            to.load(summaries_at + self.summaries.len(), self.numbers.all())?;
        }
        let newest = self.blocks.at::<INTENT>().load(Relaxed);
        let intent = if parts.words {
            self.copy_words(newest, at + CONTROL, to)?
        } else {
            // Acquire, edge `ring-intent` (partner: F1 in `raise`), as of words.
            acquire_fence("ring-intent");
            self.blocks.at::<INTENT>().load(Relaxed)
        };
        // Edge `ring-wipe` (partner: the fence in `wipe`), by the fence after the words: a zero among them comes with its watermark.
        let watermark = self.watermark();
        // Acquire, edges `ring-since` (partner: `raise`) and `ring-watermark` (partner: `raise_watermark`).
        acquire_fence("ring-since");
        let since = self.blocks.at::<SINCE>().load(Relaxed);
        let mut control = [0; CONTROL];
        let words = [
            (INTENT, intent),
            (SINCE, since),
            (LINE + TAIL, tail),
            (LINE + INDEXED, indexed),
            (LINE + RECORDS, records),
            (2 * LINE + WATERMARK, watermark),
            (2 * LINE + PRUNED_SINCE, self.pruned_since()),
        ];
        for (place, word) in words {
            control[place] = word;
        }
        to.put(at, &control)?;
        Ok((tail + self.words.len() as u64).saturating_sub(intent))
    }

    /// Copies the words of the lap below `newest`, the newest first, as long as they are not overwritten. The `intent` of which all
    /// that it says to be intact is in the copy.
    fn copy_words(&self, newest: u64, words_at: usize, to: &mut Copied<'_>) -> io::Result<u64> {
        let lap = self.words.len() as u64;
        let piece = (to.piece() as u64).min(lap);
        let (oldest, mut end) = (newest.saturating_sub(lap), newest);
        loop {
            // At multiples of its length, so that none reaches over the end of the ring.
            let begin = (end.saturating_sub(1) & !(piece - 1)).max(oldest);
            let place = (begin & (lap - 1)) as usize;
            to.take(self.words.run(place, (end - begin) as usize).unwrap_or_default());
            // Acquire, edges `ring-intent` (partner: F1 in `raise`) and `ring-wipe` (partner: the fence in `wipe`): if a word above was
            // stored after an F1, or is a zero, the loads below see the `intent` of that F1, or that watermark.
            acquire_fence("ring-intent");
            let intent = self.blocks.at::<INTENT>().load(Relaxed);
            if intent < end + lap {
                to.put_taken(words_at + place)?;
            }
            if begin <= oldest || intent > begin + lap {
                // What was copied before stays, whatever became of it since: from the end of this piece on, in whole blocks.
                return Ok(intent.min(self.geometry.block_end(end + lap)));
            }
            end = begin;
        }
    }
}

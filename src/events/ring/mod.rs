//! One overwriting ring with one writer at a time: positions that only grow, torn-proof reads, an
//! index threaded through the records.
//!
//! The protocol follows Agrona's broadcast buffer (one writer, variable-size records, intent before,
//! tail after), with relaxed word-wise copies in place of plain ones, and adds the index.
//!
//! **Positions** count words and never wrap. The writer raises `intent` over all it is about to
//! overwrite (to the end of the block), fences, stores words, and commits with one word: `tail`. A
//! reader copies, fences and checks `intent`: a record at `p` is intact iff `intent <= p + W`.
//! A failed check is final, since positions only grow: readers never retry, and neither side waits.
//!
//! A record lies in one piece: where the ring's end is nearer than the record's, a zero word and a gap fill it up.
//!
//! **Linking lags behind.** A bucket head in a large index is a cache miss that nothing hides if its
//! value is needed at once (57 ns against 13 at 1 GiB). So a commit only prefetches the bucket and
//! queues the record; the record of a queue's length ago is linked instead. `indexed` says how far
//! the index reaches; readers scan the rest, `[indexed, tail)`. A run of records of one bucket is linked at once,
//! since the time it takes to write them hides the miss.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `ring-intent` | fence in [`Writing::raise`](writing) (F1), before the words it covers | fence in [`Ring::is_intact`] (F2), after the copied words; fence in `Ring::copy`, likewise |
//! | `ring-claim` | fence in [`Ring::claimed`], once per change of owner | F2, as above |
//! | `ring-wipe` | fence in [`Writing::wipe`], before the zeros | F2, as above |
//! | `ring-tail` | stores in [`Writing::commit`], [`Ring::take_over`] | fences in [`Ring::cut`], `Ring::copy` |
//! | `ring-indexed` | stores in [`Writing::link`](writing), [`Writing::all_is_linked`](writing), [`Ring::take_over`] | the fence of `ring-tail` in [`Ring::cut`] |
//! | `ring-head` | store in [`Ring::link_at`](writing) | fences in [`Ring::head`], `Ring::copy` |
//! | `ring-watermark` | maximum in [`Ring::raise_watermark`] | the fences of `ring-since` in [`Ring::since`], `Ring::copy` |
//! | `ring-since` | `intent` store in [`Writing::raise`](writing) | fences in [`Ring::since`], `Ring::copy` |
//!
//! Readers load Relaxed and fence: a read-only mapping allows no other load.

#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
mod copied;
#[cfg(all(test, not(flightdeck_loom)))]
mod stress;
mod summary;
mod take_over;
#[cfg(all(test, not(flightdeck_loom)))]
mod tests;
mod watermark;
mod wipe;
mod writing;

#[cfg(any(flightdeck_loom, all(feature = "mapped", target_os = "linux")))]
pub use copied::Parts;
pub(crate) use summary::Summary;
pub use take_over::Unlinked;
pub use writing::{Entry, Reserved, Writing};

use crate::events::record::Link;
use crate::region::{LINE, Line, Region, Words};
use crate::sync::{Arc, CachePadded, Relaxed, UnsafeCell, acquire_fence, release_fence};
use std::ops::Range;
use summary::SUMMARY;
use writing::Private;

/// The sizes of a ring. All but `link_word` are powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Words in the ring.
    pub words: usize,
    /// Words in a block: how far `intent` rises at a time, and what one summary covers.
    pub block: usize,
    /// Bucket heads of the index.
    pub buckets: usize,
    /// How many records later a record is linked.
    pub queue: usize,
    /// Which word of a record holds its link.
    pub link_word: usize,
}

/// The longest queue of records that wait to be linked.
pub(crate) const QUEUE: usize = 16;
/// Words of the largest ring whose index, 256 KiB, stays in a core's cache.
pub(crate) const CACHED: usize = 1 << 20;
/// Where positions end, in words: event ids have 54 bits for them. One shard written to at full rate gets there after half
/// a year, and says so then.
const LAST_POSITION: u64 = 1 << 54;
/// Control words: the line that changes once per block, the one that every commit writes, that of the watermark.
const CONTROL: usize = 3 * LINE;
/// On the line of blocks.
const INTENT: usize = 0;
/// On the line of blocks.
const SINCE: usize = 1;
/// On the line of commits.
const TAIL: usize = 0;
/// On the line of commits.
const INDEXED: usize = 1;
/// On the line of commits.
const RECORDS: usize = 2;

impl Geometry {
    /// Words of its block table: for each block a summary, and the number of its first record.
    pub(crate) const fn table(self) -> usize {
        self.words / self.block * (SUMMARY + 1)
    }

    /// Words of memory that a ring of these sizes takes: whole lines.
    pub const fn footprint(self) -> usize {
        let words = CONTROL + self.words + self.buckets + self.table();
        words.next_multiple_of(LINE)
    }

    /// What is neither ring nor index nor block table: control words, and filling up to whole lines.
    pub(crate) const fn control(self) -> usize {
        self.footprint() - self.words - self.buckets - self.table()
    }

    /// Where the block that holds the word before `end` ends. A mask: a division by what might be zero has a panicking
    /// branch.
    #[inline(always)]
    pub(in crate::events) const fn block_end(self, end: u64) -> u64 {
        let mask = self.block as u64 - 1;
        (end + mask) & !mask
    }

    /// Where the block starts that holds a position.
    #[inline(always)]
    pub(in crate::events) const fn block_start(self, position: u64) -> u64 {
        position & !(self.block as u64 - 1)
    }

    /// Whether a ring may have these sizes.
    pub(crate) fn is_sound(self) -> bool {
        let powers = [self.words, self.block, self.buckets, self.queue].iter().all(|n| n.is_power_of_two());
        powers && self.queue <= QUEUE && self.block * 2 <= self.words && self.words <= u32::MAX as usize
    }
}

/// A ring and its index. Reading is for everybody; writing goes through [`Ring::begin`].
#[derive(Debug)]
pub struct Ring {
    words: Words,
    heads: Words,
    summaries: Words,
    /// How many records there were before the first one of each block, as far as there is one.
    numbers: Words,
    /// `intent` and `since`: they change once per block.
    blocks: Line,
    /// `tail`, `indexed` and the number of records: each commit writes them.
    commits: Line,
    /// Of its own, since any thread may move it.
    watermark: Line,
    geometry: Geometry,
    /// Positions end here.
    last: u64,
    /// Of the block, as a shift: a division costs more than the rest of a summary.
    block_shift: u32,
    /// Of the queue.
    last_place: usize,
    private: UnsafeCell<CachePadded<Private>>,
}

// SAFETY: `private` is reached through `begin` alone, whose contract is that one thread at a time
// does so, each handing over to the next by a happens-before edge; the rest is atomics.
unsafe impl Sync for Ring {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Ring {}

/// What a query knows of a ring before it starts: everything from `floor` to `tail` can be found, through the
/// index below `indexed`, by scan above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What lies below has been pruned.
    pub floor: u64,
    /// Where the index ends.
    pub indexed: u64,
    /// Where the records end.
    pub tail: u64,
}

impl Ring {
    /// Lays a ring out in `region`, from word `start` on.
    ///
    /// # Panics
    /// If the sizes contradict each other or the region: they are computed, never input.
    pub fn new(region: &Arc<Region>, start: usize, geometry: Geometry) -> Self {
        // Positions start one lap in, so that 0 can mean "none" in a bucket head.
        Self::between(region, start, geometry, geometry.words as u64..LAST_POSITION)
    }

    /// As [`Ring::new`], with positions from one to the other, of which the first is a number of whole laps, and not zero.
    fn between(region: &Arc<Region>, start: usize, geometry: Geometry, positions: Range<u64>) -> Self {
        let Range { start: origin, end: last } = positions;
        let ring = Self::over(region, start, geometry, origin, last);
        for block in 0..(geometry.words / geometry.block) as u64 {
            ring.store_summary(block, Summary::EMPTY);
        }
        for word in [ring.blocks.at::<INTENT>(), ring.commits.at::<TAIL>(), ring.commits.at::<INDEXED>()] {
            word.store(origin, Relaxed);
        }
        ring
    }

    /// The ring that lies in `region` from word `start` on, for reading alone: stores nothing.
    ///
    /// # Panics
    /// If the sizes contradict each other or the region: whoever reads them from a file has checked them.
    pub fn open(region: &Arc<Region>, start: usize, geometry: Geometry) -> Self {
        Self::over(region, start, geometry, geometry.words as u64, LAST_POSITION)
    }

    fn over(region: &Arc<Region>, start: usize, geometry: Geometry, origin: u64, last: u64) -> Self {
        assert!(geometry.is_sound() && last <= u64::MAX - 2 * geometry.words as u64, "{geometry:?}, {last}");
        let words_at = start + CONTROL;
        let heads_at = words_at + geometry.words;
        let summaries_at = heads_at + geometry.buckets;
        let blocks = geometry.words / geometry.block;
        Self {
            words: region.words(words_at, geometry.words),
            heads: region.words(heads_at, geometry.buckets),
            summaries: region.words(summaries_at, blocks * SUMMARY),
            numbers: region.words(summaries_at + blocks * SUMMARY, blocks),
            blocks: region.line(start),
            commits: region.line(start + LINE),
            watermark: region.line(start + 2 * LINE),
            geometry,
            last,
            block_shift: geometry.block.trailing_zeros(),
            last_place: geometry.queue - 1,
            private: UnsafeCell::new(CachePadded::new(Private::starting_at(origin, 0))),
        }
    }

    /// As though it had been written to its last position. Before the first write.
    #[cfg(test)]
    pub(crate) fn use_up(&self) {
        for word in [self.blocks.at::<INTENT>(), self.commits.at::<TAIL>(), self.commits.at::<INDEXED>()] {
            word.store(self.last, Relaxed);
        }
        // SAFETY: tests use it up before anybody writes.
        unsafe { self.begin() }.start_at(self.last);
    }

    /// What a hostile file may say.
    #[cfg(all(test, not(flightdeck_loom)))]
    pub(crate) fn say(&self, intent: u64, tail: u64, indexed: u64, head: u64, word: u64) {
        self.blocks.at::<INTENT>().store(intent, Relaxed);
        self.commits.at::<TAIL>().store(tail, Relaxed);
        self.commits.at::<INDEXED>().store(indexed, Relaxed);
        (0..self.heads.len()).for_each(|bucket| self.heads.at(bucket).store(head, Relaxed));
        (0..self.words.len()).for_each(|at| self.words.at(at).store(word, Relaxed));
    }

    /// The sizes.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// What a new owner does once, after its claim and before its first write to any ring it now owns.
    pub fn claimed() {
        // Release, edge `ring-claim` (partner: F2): `intent` may already cover what comes next, raised by
        // another thread, whose F1 orders nothing of ours. If a reader sees one of our words, it sees that
        // `intent` too.
        release_fence("ring-claim");
    }

    /// Starts a write.
    ///
    /// # Safety
    /// Until the returned value is dropped no other thread calls this; whoever wrote before did so before,
    /// by a happens-before edge; and a thread that follows another has called [`Ring::claimed`] since.
    #[inline(always)]
    pub unsafe fn begin(&self) -> Writing<'_> {
        // SAFETY: the contract is the same.
        unsafe { Writing::of(self) }
    }

    /// Where a query may read.
    #[inline]
    pub fn cut(&self) -> Cut {
        let indexed = self.commits.at::<INDEXED>().load(Relaxed);
        let tail = self.commits.at::<TAIL>().load(Relaxed);
        // Acquire, edges `ring-tail` (partner: `commit`) and `ring-indexed` (partner: `link`): the words of all
        // records below `tail`, and the heads and links of all below `indexed`, are visible.
        acquire_fence("ring-tail");
        // In a mapped file a tail may be anything. The writer raises `intent` first, so a sound one is no higher.
        let tail = tail.min(self.blocks.at::<INTENT>().load(Relaxed)).min(self.geometry.block_end(self.last));
        // The two loads may be answered out of order; an index that reaches further than the cut is no harm.
        Cut { floor: self.watermark(), indexed: indexed.min(tail), tail }
    }

    /// Whether anything was ever committed. A hint: [`Ring::cut`] tells what can be read.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        // Positions start one lap in.
        self.commits.at::<TAIL>().load(Relaxed) > self.geometry.words as u64
    }

    /// Where the newest record of a bucket is, or was.
    #[inline]
    pub fn head(&self, bucket: usize) -> Option<u64> {
        let head = self.heads.at(bucket).load(Relaxed);
        // Acquire, edge `ring-head` (partner: `link`): the record at `head` and its link are visible.
        acquire_fence("ring-head");
        (head != 0).then_some(head)
    }

    /// How many records were ever committed.
    pub(crate) fn records(&self) -> u64 {
        self.commits.at::<RECORDS>().load(Relaxed)
    }

    /// Asks for the line of a bucket ahead of its use.
    pub(crate) fn prefetch_head(&self, bucket: usize) {
        self.heads.prefetch(bucket);
    }

    /// Asks for the beginning of a record ahead of its use.
    #[inline(always)]
    pub(crate) fn prefetch(&self, position: u64) {
        self.words.prefetch_two(position as usize);
    }

    /// Where the record before the one at `position` lies in its bucket, and who wrote it: as any word, worth nothing alone.
    pub(crate) fn link(&self, position: u64) -> Link {
        Link::from_word(self.word(position.wrapping_add(self.geometry.link_word as u64)))
    }

    /// Whether a walk over it misses caches as a rule.
    pub(crate) fn outgrows_caches(&self) -> bool {
        self.geometry.words > CACHED
    }

    /// One word. Worth nothing before [`Ring::is_intact`] has said so.
    #[inline(always)]
    pub fn word(&self, position: u64) -> u64 {
        self.words.at(position as usize).load(Relaxed)
    }

    /// Whether what was read at and above `position` so far is what was written there, and not
    /// something later. `false` is final.
    #[inline(always)]
    pub fn is_intact(&self, position: u64) -> bool {
        // Acquire, edge `ring-intent`, F2 (partner: F1 in `raise`): if a word read before this was stored after
        // an F1, the load below sees the `intent` of that F1, which then lies above `position + W`. If no such
        // word was read, it does not matter what the load sees.
        acquire_fence("ring-intent");
        // Saturating: in a mapped file a position may be anything.
        self.blocks.at::<INTENT>().load(Relaxed) <= position.saturating_add(self.geometry.words as u64)
    }

    /// The lowest position that may still be read: the start of a block.
    #[inline]
    pub(crate) fn oldest(&self) -> u64 {
        // Before the first lap there is nothing.
        let lap = self.geometry.words as u64;
        self.blocks.at::<INTENT>().load(Relaxed).saturating_sub(lap).max(lap)
    }

    /// The same of what lies below a tail: no further back than a lap, whatever became of `intent` since that was read. So a walk
    /// from here to there ends.
    #[inline]
    pub(crate) fn oldest_below(&self, tail: u64) -> u64 {
        self.oldest().max(self.geometry.block_start(tail.saturating_sub(self.geometry.words as u64)))
    }

    /// How many words the writer has left before it overwrites what lies at `position`.
    pub(crate) fn room_before(&self, position: u64) -> u64 {
        let end = position.saturating_add(self.geometry.words as u64);
        end.saturating_sub(self.blocks.at::<INTENT>().load(Relaxed))
    }

    /// From these ticks on nothing has been overwritten or pruned; 0: nothing at all.
    ///
    /// To be asked last: it covers every record that an earlier check of this thread found gone.
    #[inline]
    pub fn since(&self) -> u64 {
        // Acquire, edges `ring-since` (partner: `raise`) and `ring-watermark` (partner: `raise_watermark`): whoever saw
        // a raised `intent` or watermark sees the ticks it cost.
        acquire_fence("ring-since");
        self.blocks.at::<SINCE>().load(Relaxed).max(self.pruned_since())
    }
}

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
//! the index reaches; readers scan the rest, `[indexed, tail)`.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `ring-intent` | fence in [`Writing::raise`] (F1), before the words it covers | fence in [`Ring::is_intact`] (F2), after the copied words |
//! | `ring-claim` | fence in [`Ring::claimed`], once per change of owner | F2, as above |
//! | `ring-tail` | store in [`Writing::commit`] | fence in [`Ring::cut`] |
//! | `ring-indexed` | store in [`Writing::link`] | the fence of `ring-tail` in [`Ring::cut`] |
//! | `ring-head` | store in [`Writing::link`] | fence in [`Ring::head`] |
//! | `ring-since` | `intent` store in [`Writing::raise`] | fence in [`Ring::since`] |
//!
//! Readers load Relaxed and fence: a read-only mapping allows no other load.

use super::record::Link;
use crate::region::{LINE, Region, Words};
use crate::sync::{Arc, AtomicU64, Relaxed, UnsafeCell, acquire_fence, release, release_fence};

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
const QUEUE: usize = 16;
/// How far ahead of the tail lines are fetched, in words: some two records of middling size.
const AHEAD: usize = 2 * LINE;
/// Words of one block summary: first, least, greatest, kinds.
const SUMMARY: usize = 4;
const GREATEST: usize = 2;
/// Control words: four lines.
const CONTROL: usize = 4 * LINE;
const INTENT: usize = 0;
/// On the line of `intent`: both change once per block.
const SINCE: usize = 1;
const TAIL: usize = LINE;
const INDEXED: usize = LINE + 1;
/// On the line that every commit writes anyway.
const RECORDS: usize = LINE + 2;

/// In place of a first record: no record starts in this block.
const NO_RECORD: u64 = u64::MAX;

impl Geometry {
    /// Words of memory that a ring of these sizes takes.
    pub const fn footprint(self) -> usize {
        CONTROL + self.words + self.buckets + self.words / self.block * SUMMARY
    }

    fn is_sound(self) -> bool {
        let powers = [self.words, self.block, self.buckets, self.queue].iter().all(|n| n.is_power_of_two());
        powers && self.queue <= QUEUE && self.block * 2 <= self.words && self.words <= u32::MAX as usize
    }
}

/// A ring and its index. Reading is for everybody; writing goes through [`Ring::begin`].
#[derive(Debug)]
pub struct Ring {
    control: Words,
    words: Words,
    heads: Words,
    summaries: Words,
    geometry: Geometry,
    /// Of the block, as a shift: a division costs more than the rest of the summary.
    block_shift: u32,
    private: UnsafeCell<Private>,
}

/// What only the owner reads and writes: its copies of the shared words, and the queue.
///
/// Invariant: `indexed <= tail <= intent`; `intent` is a multiple of the block; the queue is a ring that
/// holds the records of `[indexed, tail)`, the oldest at `turn`; `summary` is what stands in the table for block
/// `block`.
#[derive(Debug)]
struct Private {
    tail: u64,
    intent: u64,
    last_ticks: u64,
    block: u64,
    summary: Summary,
    turn: usize,
    queue: [Queued; QUEUE],
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    /// 0: a place not used yet.
    position: u64,
    /// A bucket, or [`NO_BUCKET`].
    bucket: u64,
}

/// Of a record without an id.
const NO_BUCKET: u64 = u64::MAX;

// SAFETY: `private` is reached through `begin` alone, whose contract is that one thread at a time
// does so, each handing over to the next by a happens-before edge; the rest is atomics.
unsafe impl Sync for Ring {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Ring {}

/// What a query knows of a ring before it starts: everything below `tail` can be found, through the
/// index below `indexed`, by scan above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where the index ends.
    pub indexed: u64,
    /// Where the records end.
    pub tail: u64,
}

/// The summary of a block: enough to skip it.
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
    const EMPTY: Self = Self { first: NO_RECORD, least: u64::MAX, greatest: 0, kinds: 0 };

    /// Where the first record starts; `None` if none starts in this block.
    pub(crate) fn first(&self) -> Option<u64> {
        (self.first != NO_RECORD).then_some(self.first)
    }

    /// The same with one more record.
    #[inline(always)]
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
    /// Lays a ring out in `region`, from word `start` on.
    ///
    /// # Panics
    /// If the sizes contradict each other or the region: they are computed, never input.
    pub fn new(region: &Arc<Region>, start: usize, geometry: Geometry) -> Self {
        assert!(geometry.is_sound(), "{geometry:?}");
        let words_at = start + CONTROL;
        let heads_at = words_at + geometry.words;
        let summaries_at = heads_at + geometry.buckets;
        let blocks = geometry.words / geometry.block;
        // Positions start one lap in, so that 0 can mean "none" in a bucket head.
        let origin = geometry.words as u64;
        let ring = Self {
            control: region.words(start, CONTROL),
            words: region.words(words_at, geometry.words),
            heads: region.words(heads_at, geometry.buckets),
            summaries: region.words(summaries_at, blocks * SUMMARY),
            geometry,
            block_shift: geometry.block.trailing_zeros(),
            private: UnsafeCell::new(Private {
                tail: origin,
                intent: origin,
                last_ticks: 0,
                block: 0,
                summary: Summary::EMPTY,
                turn: 0,
                queue: [Queued { position: 0, bucket: NO_BUCKET }; QUEUE],
            }),
        };
        for block in 0..blocks {
            ring.summaries.at(block * SUMMARY).store(NO_RECORD, Relaxed);
        }
        for word in [INTENT, TAIL, INDEXED] {
            ring.control.at(word).store(origin, Relaxed);
        }
        ring
    }

    /// The sizes.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// What a new owner does once, after its claim and before its first write.
    pub fn claimed(&self) {
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
        Writing { ring: self }
    }

    /// Where a query may read.
    pub fn cut(&self) -> Cut {
        let indexed = self.control.at(INDEXED).load(Relaxed);
        let tail = self.control.at(TAIL).load(Relaxed);
        // Acquire, edges `ring-tail` (partner: `commit`) and `ring-indexed` (partner: `link`): the words of all
        // records below `tail`, and the heads and links of all below `indexed`, are visible.
        acquire_fence("ring-tail");
        // The two loads may be answered out of order; an index that reaches further than the cut is no harm.
        Cut { indexed: indexed.min(tail), tail }
    }

    /// Where the newest record of a bucket is, or was.
    pub fn head(&self, bucket: usize) -> Option<u64> {
        let head = self.heads.at(bucket).load(Relaxed);
        // Acquire, edge `ring-head` (partner: `link`): the record at `head` and its link are visible.
        acquire_fence("ring-head");
        (head != 0).then_some(head)
    }

    /// How many records were ever committed.
    pub(crate) fn records(&self) -> u64 {
        self.control.at(RECORDS).load(Relaxed)
    }

    /// Asks for the line of a bucket ahead of its use.
    pub(crate) fn prefetch_head(&self, bucket: usize) {
        self.heads.prefetch(bucket);
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
        self.control.at(INTENT).load(Relaxed) <= position + self.geometry.words as u64
    }

    /// The lowest position that may still be read: the start of a block.
    pub(crate) fn oldest(&self) -> u64 {
        self.control.at(INTENT).load(Relaxed).saturating_sub(self.geometry.words as u64)
    }

    /// From these ticks on nothing has been overwritten; 0: nothing at all.
    ///
    /// To be asked last: it covers every record that an earlier check of this thread found gone.
    pub fn since(&self) -> u64 {
        // Acquire, edge `ring-since` (partner: `raise`): whoever saw a raised `intent` sees the ticks it cost.
        acquire_fence("ring-since");
        self.control.at(SINCE).load(Relaxed)
    }

    #[inline(always)]
    fn store_summary(&self, at: usize, summary: Summary) {
        if let Some([first, least, greatest, kinds]) = self.summaries.run(at, SUMMARY) {
            first.store(summary.first, Relaxed);
            least.store(summary.least, Relaxed);
            greatest.store(summary.greatest, Relaxed);
            kinds.store(summary.kinds, Relaxed);
        }
    }

    /// The summary of the block that holds `position`; `None` once the block has been overwritten.
    pub(crate) fn summary(&self, position: u64) -> Option<Summary> {
        let block = position / self.geometry.block as u64;
        let at = block as usize * SUMMARY;
        let [first, least, greatest, kinds] = [0, 1, 2, 3].map(|i| self.summaries.at(at + i).load(Relaxed));
        let start = block * self.geometry.block as u64;
        self.is_intact(start).then_some(Summary { first, least, greatest, kinds })
    }
}

/// The right to write: at most one exists per ring.
#[derive(Debug)]
pub struct Writing<'a> {
    ring: &'a Ring,
}

/// Room for one record, not yet published.
#[derive(Clone, Copy, Debug)]
pub struct Reserved<'a> {
    /// Where it lies.
    pub position: u64,
    /// Its words, to be stored Relaxed.
    pub words: &'a [AtomicU64],
}

impl<'a> Writing<'a> {
    #[inline(always)]
    fn private<R>(&mut self, body: impl FnOnce(&mut Private) -> R) -> R {
        // SAFETY: this value is the only right to write (contract of `begin`), and is borrowed mutably here.
        self.ring.private.with_mut(|private| body(unsafe { &mut *private }))
    }

    /// `ticks`, or those of the last call if they are later: stamps of one ring never go back.
    #[inline(always)]
    pub fn monotone(&mut self, ticks: u64) -> u64 {
        self.private(|own| {
            own.last_ticks = own.last_ticks.max(ticks);
            own.last_ticks
        })
    }

    /// Makes room for a record of `words` words, which may be stored until [`Writing::commit`]; nobody sees
    /// them before. `None` if it is over half the ring.
    #[inline(always)]
    pub fn reserve(&mut self, words: usize) -> Option<Reserved<'a>> {
        let (tail, intent) = self.private(|own| (own.tail, own.intent));
        match self.ring.words.run(tail as usize, words) {
            Some(run) if tail + words as u64 <= intent => Some(Reserved { position: tail, words: run }),
            _ => {
                let position = self.make_room(tail, words)?;
                Some(Reserved { position, words: self.ring.words.run(position as usize, words)? })
            }
        }
    }

    /// The position of the next record, where `intent` rises or the ring's end is in the way.
    #[inline(never)]
    fn make_room(&mut self, tail: u64, words: usize) -> Option<u64> {
        let lap = self.ring.geometry.words as u64;
        if words as u64 * 2 > lap {
            return None;
        }
        let rest = lap - tail % lap;
        let fits = words as u64 <= rest;
        let position = if fits { tail } else { tail + rest };
        let intent = self.private(|own| own.intent);
        if position + words as u64 > intent {
            self.raise(intent, position + words as u64);
        }
        if !fits {
            // Published with the record behind it: a reader that arrives here goes on at the next block.
            self.ring.words.at(tail as usize).store(0, Relaxed);
        }
        Some(position)
    }

    /// Raises `intent` to the end of the block that holds the word before `end`.
    fn raise(&mut self, from: u64, end: u64) {
        let ring = self.ring;
        let (block, lap) = (ring.geometry.block as u64, ring.geometry.words as u64);
        let intent = end.next_multiple_of(block);
        // What is about to go: the records of the blocks one lap below.
        let mut since = ring.control.at(SINCE).load(Relaxed);
        for start in (from..intent).step_by(ring.geometry.block) {
            let at = (start / block) as usize * SUMMARY;
            // A record belongs to the block it starts in; in the first lap nothing lies below.
            if start >= 2 * lap && ring.summaries.at(at).load(Relaxed) != NO_RECORD {
                since = since.max(ring.summaries.at(at + GREATEST).load(Relaxed).saturating_add(1));
            }
        }
        ring.control.at(SINCE).store(since, Relaxed);
        // Release, edge `ring-since` (partner: `since`): whoever finds a record gone learns up to when.
        ring.control.at(INTENT).store(intent, release("ring-since"));
        // Release, edge `ring-intent`, F1 (partner: F2 in `is_intact`): orders the store of `intent` before every
        // word stored from here on. A reader that copied one of them fails its check.
        release_fence("ring-intent");
        for start in (from..intent).step_by(ring.geometry.block) {
            let at = (start / block) as usize * SUMMARY;
            ring.store_summary(at, Summary::EMPTY);
        }
        self.private(|own| own.intent = intent);
    }

    /// Publishes the reserved record, and links an earlier one.
    ///
    /// `bucket`: where the index shall find it; `None` for a record without an id.
    #[inline(always)]
    pub fn commit(&mut self, reserved: Reserved<'a>, ticks: u64, kind: u32, bucket: Option<u32>) {
        let ring = self.ring;
        let position = reserved.position;
        let end = position + reserved.words.len() as u64;
        self.summarise(position, ticks, kind);
        let records = ring.control.at(RECORDS);
        records.store(records.load(Relaxed) + 1, Relaxed);
        // Release, edge `ring-tail` (partner: `cut`): the words and the summary are visible to whoever sees this
        // tail. This one store is the commit.
        ring.control.at(TAIL).store(end, release("ring-tail"));
        if let Some(bucket) = bucket {
            ring.heads.prefetch(bucket as usize);
        }
        // Where later records will lie: a host that does other work in between leaves no pattern for the
        // processor to foresee.
        ring.words.prefetch(end as usize + AHEAD);
        ring.words.prefetch(end as usize + AHEAD + LINE / 2);
        let last = ring.geometry.queue - 1;
        let (due, next) = self.private(|own| {
            own.tail = end;
            let due = own.queue[own.turn % QUEUE];
            own.queue[own.turn % QUEUE] = Queued { position, bucket: bucket.map_or(NO_BUCKET, u64::from) };
            own.turn = (own.turn + 1) & last;
            (due, own.queue[own.turn % QUEUE].position)
        });
        if due.position != 0 {
            self.link(due, next);
        }
    }

    #[inline(always)]
    fn summarise(&mut self, position: u64, ticks: u64, kind: u32) {
        let ring = self.ring;
        let block = position >> ring.block_shift;
        let at = block as usize * SUMMARY;
        // As a rule a record is the newest of its block and not the first of its kind there: one store.
        let newest = self.private(|own| {
            let summary = &mut own.summary;
            let known =
                block == own.block && summary.kinds & (1 << (kind % 64)) != 0 && ticks >= summary.least;
            if known {
                summary.greatest = summary.greatest.max(ticks);
            }
            known.then_some(summary.greatest)
        });
        match newest {
            Some(greatest) => ring.summaries.at(at + GREATEST).store(greatest, Relaxed),
            None => {
                let summary = self.private(|own| {
                    let before = if block == own.block { own.summary } else { Summary::EMPTY };
                    own.block = block;
                    own.summary = before.with(position, ticks, kind);
                    own.summary
                });
                ring.store_summary(at, summary);
            }
        }
    }

    /// Threads the oldest queued record into the index; `next` is now the oldest.
    #[inline(always)]
    fn link(&mut self, due: Queued, next: u64) {
        let ring = self.ring;
        let intent = self.private(|own| own.intent);
        // In a ring of a few records the queued one may be gone already; its words are another's then.
        if due.bucket != NO_BUCKET && intent <= due.position + ring.geometry.words as u64 {
            let head = ring.heads.at(due.bucket as usize);
            let link = ring.words.at(due.position as usize + ring.geometry.link_word);
            link.store(
                Link::from_word(link.load(Relaxed)).to(due.position, head.load(Relaxed)).word(),
                Relaxed,
            );
            // Release, edge `ring-head` (partner: `Ring::head`): the record and its link are visible to whoever
            // follows this head.
            head.store(due.position, release("ring-head"));
        }
        // Release, edge `ring-indexed` (partner: `cut`): all heads of records below are visible.
        ring.control.at(INDEXED).store(next, release("ring-indexed"));
    }
}

//! The writing side: room for a record, its commit, its link.

use super::summary::Summary;
use super::wipe::AT_A_TIME;
use super::{INDEXED, INTENT, QUEUE, RECORDS, Ring, SINCE, TAIL};
use crate::events::record::Link;
use crate::region::LINE;
use crate::sync::{AtomicU64, Relaxed, release, release_fence};

/// How far ahead of the tail lines are fetched, in words: some two records of middling size.
const AHEAD: usize = 2 * LINE;

/// What only the owner reads and writes. Of what it publishes it keeps copies here: a reader takes the line of the commits
/// away from it for a while, and whatever is read back from there waits for that.
///
/// Invariants: `tail`, `indexed` and `records` are what was published last; `limit <= intent`, and a record that starts at `tail` and ends at or below `limit` lies in `block`;
/// `queue` is a ring that holds the records of `[indexed, tail)`, the oldest, at `indexed`, in the place of the next.
#[derive(Debug)]
pub(super) struct Private {
    tail: u64,
    indexed: u64,
    records: u64,
    limit: u64,
    block: u64,
    queue: [Queued; QUEUE],
}

impl Private {
    pub(super) fn starting_at(origin: u64, records: u64) -> Self {
        // A queue full of nothing, so that no commit has to ask whether there is something to link.
        Self {
            tail: origin,
            indexed: origin,
            records,
            limit: origin,
            block: 0,
            queue: [Queued::new(origin, NO_BUCKET); QUEUE],
        }
    }
}

/// A record that waits to be linked: the lower half of its position, and its bucket.
#[derive(Clone, Copy, Debug)]
struct Queued(u64);

/// Of a record without an id. No bucket has this number: there are fewer.
const NO_BUCKET: u32 = u32::MAX;

impl Queued {
    #[inline(always)]
    const fn new(position: u64, bucket: u32) -> Self {
        Self(position as u32 as u64 | (bucket as u64) << 32)
    }

    #[inline(always)]
    const fn bucket(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The position, which lies less than 2^32 words below `tail`: a queue of the longest records is shorter.
    #[inline(always)]
    const fn position(self, tail: u64) -> u64 {
        tail - (tail as u32).wrapping_sub(self.0 as u32) as u64
    }
}

/// What queries need to know of a record.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// When it happened.
    pub ticks: u64,
    /// Its kind.
    pub kind: u32,
    /// Where the index shall find it; `None` for a record without an id.
    pub bucket: Option<u32>,
}

/// The right to write: at most one exists per ring.
#[derive(Debug)]
pub struct Writing<'a> {
    ring: &'a Ring,
    /// Of the ring: looked up once.
    commits: &'a [AtomicU64; LINE],
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
    /// # Safety
    /// As of [`Ring::begin`].
    #[inline(always)]
    pub(super) unsafe fn of(ring: &'a Ring) -> Self {
        Self { ring, commits: ring.commits.words() }
    }

    #[inline(always)]
    pub(super) fn ring(&self) -> &'a Ring {
        self.ring
    }

    #[inline(always)]
    fn private<R>(&mut self, body: impl FnOnce(&mut Private) -> R) -> R {
        // SAFETY: this value is the only right to write (contract of `begin`), and is borrowed mutably here.
        self.ring.private.with_mut(|private| body(unsafe { &mut *private }))
    }

    /// Forgets what the last owner had in hand, and goes on at `position`, where a block begins and all is linked.
    pub(super) fn start_at(&mut self, position: u64) {
        let records = self.commits[RECORDS].load(Relaxed);
        self.private(|own| *own = Private::starting_at(position, records));
    }

    /// Makes room for a record of `words` words, which may be stored until [`Writing::commit`]; nobody sees
    /// them before. `None` if it is over half the ring, or the ring [is used up](Writing::is_used_up).
    #[inline(always)]
    pub fn reserve(&mut self, words: usize) -> Option<Reserved<'a>> {
        let (tail, limit) = self.private(|own| (own.tail, own.limit));
        let position = if tail + words as u64 <= limit { tail } else { self.make_room(tail, words)? };
        // SAFETY: in one piece, since `[position, limit)` lies in one block (invariant), and what `make_room`
        // returns ends before the ring does.
        let words = unsafe { self.ring.words.run_unchecked(position as usize, words) };
        Some(Reserved { position, words })
    }

    /// The position of the next record, where a block begins or the ring's end is in the way. It ends before the
    /// ring does.
    #[inline(never)]
    fn make_room(&mut self, tail: u64, words: usize) -> Option<u64> {
        let ring = self.ring;
        let (lap, block) = (ring.geometry.words as u64, ring.geometry.block as u64);
        if words as u64 * 2 > lap {
            return None;
        }
        let rest = lap - (tail & (lap - 1));
        let fits = words as u64 <= rest;
        let position = if fits { tail } else { tail + rest };
        if position + words as u64 > ring.last {
            return None;
        }
        // Relaxed: our own.
        let intent = ring.blocks.at::<INTENT>().load(Relaxed);
        if position + words as u64 > intent {
            if ring.is_to_be_wiped() {
                self.wipe(AT_A_TIME * block);
            }
            self.raise(intent, position + words as u64);
        }
        if !fits {
            self.leave_gap(tail, position);
        }
        self.private(|own| {
            own.block = ring.block_of(position);
            own.limit = (own.block + 1) * block;
        });
        Some(position)
    }

    /// Fills the rest of a lap, which is shorter than the record that does not fit.
    #[cold]
    #[inline(never)]
    fn leave_gap(&mut self, tail: u64, position: u64) {
        // A zero word ends a scan of this block; a reader that arrives here goes on at the next. All of them are zero, so
        // that nothing from a lap ago stays where nobody looks.
        (tail..position).for_each(|gap| self.ring.words.at(gap as usize).store(0, Relaxed));
        // Release, edge `ring-tail` (partner: `cut`): the gap is a commit of its own.
        self.commits[TAIL].store(position, release("ring-tail"));
        self.private(|own| own.tail = position);
    }

    /// Whether the ring has reached its last position, and takes no more.
    pub(crate) fn is_used_up(&self) -> bool {
        self.commits[TAIL].load(Relaxed) + self.ring.geometry.words as u64 > self.ring.last
    }

    /// Raises `intent` to the end of the block that holds the word before `end`.
    fn raise(&mut self, from: u64, end: u64) {
        let ring = self.ring;
        let (block, lap) = (ring.geometry.block as u64, ring.geometry.words as u64);
        let intent = ring.geometry.block_end(end);
        let blocks = ring.block_of(from)..ring.block_of(intent);
        // What is about to go: the records of the blocks one lap below.
        let mut since = ring.blocks.at::<SINCE>().load(Relaxed);
        // A record belongs to the block it starts in; in the first lap nothing lies below.
        for going in blocks.clone().filter(|number| number * block >= 2 * lap) {
            let summary = ring.load_summary(going);
            if summary.first().is_some() {
                since = since.max(summary.greatest.saturating_add(1));
            }
        }
        ring.blocks.at::<SINCE>().store(since, Relaxed);
        // Release, edge `ring-since` (partner: `since`): whoever finds a record gone learns up to when.
        ring.blocks.at::<INTENT>().store(intent, release("ring-since"));
        // Release, edge `ring-intent`, F1 (partner: F2 in `is_intact`): orders the store of `intent` before every
        // word stored from here on. A reader that copied one of them fails its check.
        release_fence("ring-intent");
        blocks.for_each(|coming| ring.store_summary(coming, Summary::EMPTY));
        // In a ring of a few records some are gone before their turn to be linked: the oldest lies at `indexed`.
        self.private(|own| {
            if own.indexed + lap >= intent {
                return;
            }
            let tail = own.tail;
            for queued in own.queue.iter_mut().filter(|queued| queued.position(tail) + lap < intent) {
                *queued = Queued::new(queued.position(tail), NO_BUCKET);
            }
        });
    }

    /// Publishes the reserved record, and links an earlier one.
    #[inline(always)]
    pub fn commit(&mut self, reserved: Reserved<'a>, entry: Entry) {
        let position = reserved.position;
        let end = position + reserved.words.len() as u64;
        let block = self.private(|own| own.block);
        self.widen(block, position, entry.ticks, entry.kind, 0);
        let number = self.publish(end, 1);
        self.queue(number, position, entry.bucket, end);
    }

    /// Publishes what was reserved as several records at once, each so many words behind the first.
    pub fn commit_batch(
        &mut self,
        reserved: Reserved<'a>,
        entries: impl Iterator<Item = (usize, Entry)> + Clone,
    ) {
        let end = reserved.position + reserved.words.len() as u64;
        let mut count = 0;
        for (offset, entry) in entries.clone() {
            let position = reserved.position + offset as u64;
            self.widen(self.ring.block_of(position), position, entry.ticks, entry.kind, count);
            count += 1;
        }
        let number = self.publish(end, count);
        for (number, (offset, entry)) in (number..).zip(entries) {
            self.queue(number, reserved.position + offset as u64, entry.bucket, end);
        }
    }

    /// Asks for the line of a bucket, ahead of [`Writing::commit_run`].
    #[inline(always)]
    pub fn prefetch(&self, bucket: u32) {
        self.ring.prefetch_head(bucket as usize);
    }

    /// Publishes what was reserved as several records at once, of one bucket, time and kind, each so many words behind
    /// the first. All but the first are linked already, each to the one before it, so the index takes them with one store,
    /// and at once: what waits to be linked goes before them.
    #[inline(always)]
    pub fn commit_run(&mut self, reserved: Reserved<'a>, offsets: impl Iterator<Item = usize>, entry: Entry) {
        let first = reserved.position;
        let end = first + reserved.words.len() as u64;
        // The first record of each block widens its summary for all.
        let (mut last, mut count, mut next_block) = (first, 0, 0);
        for offset in offsets {
            last = first + offset as u64;
            if last >= next_block {
                self.widen(self.ring.block_of(last), last, entry.ticks, entry.kind, count);
                next_block = self.ring.geometry.block_end(last + 1);
            }
            count += 1;
        }
        let number = self.publish(end, count);
        if self.private(|own| own.indexed) != first {
            self.link_queue(number, end);
        }
        if let Some(bucket) = entry.bucket {
            self.ring.link_at(first, last, bucket);
        }
        // `intent` covers the block that it ends in.
        let (block, limit) = (self.ring.block_of(end), self.ring.geometry.block_end(end));
        self.private(|own| (own.block, own.limit) = (block, limit));
        self.all_is_linked(end);
    }

    /// Threads all that waits into the index, for an owner that goes.
    pub fn link_waiting(&mut self) {
        let (number, end, indexed) = self.private(|own| (own.records, own.tail, own.indexed));
        if indexed != end {
            self.link_queue(number, end);
            self.all_is_linked(end);
        }
    }

    #[inline(always)]
    fn all_is_linked(&mut self, end: u64) {
        self.private(|own| (own.indexed, own.queue) = (end, [Queued::new(end, NO_BUCKET); QUEUE]));
        // Release, edge `ring-indexed` (partner: `cut`): all heads of records below are visible.
        self.commits[INDEXED].store(end, release("ring-indexed"));
    }

    /// Threads all that waits into the index, oldest first; `number` is that of the next record.
    #[inline(never)]
    fn link_queue(&mut self, number: u64, tail: u64) {
        for place in (number..).take(self.ring.last_place + 1) {
            let last_place = self.ring.last_place;
            let queued = self.private(|own| own.queue[(place as usize & last_place) % QUEUE]);
            if queued.bucket() != NO_BUCKET {
                self.ring.link_at(queued.position(tail), queued.position(tail), queued.bucket());
            }
        }
    }

    /// Shows readers all up to `end`. Returns how many records there were before.
    #[inline(always)]
    fn publish(&mut self, end: u64, count: u64) -> u64 {
        // Release, edge `ring-tail` (partner: `cut`): the words and the summary are visible to whoever sees this
        // tail. This one store is the commit.
        self.commits[TAIL].store(end, release("ring-tail"));
        let number = self.private(|own| {
            let number = own.records;
            (own.tail, own.records) = (end, number + count);
            number
        });
        self.commits[RECORDS].store(number + count, Relaxed);
        // Where later records will lie: a host that does other work in between leaves no pattern for the
        // processor to foresee.
        self.ring.words.prefetch_two(end as usize + AHEAD);
        number
    }

    /// Queues record `number` to be linked, and links the one whose place it takes.
    #[inline(always)]
    fn queue(&mut self, number: u64, position: u64, bucket: Option<u32>, tail: u64) {
        let ring = self.ring;
        let bucket = match bucket {
            Some(bucket) => {
                let bucket = bucket & (ring.heads.len() - 1) as u32;
                ring.heads.prefetch(bucket as usize);
                bucket
            }
            None => NO_BUCKET,
        };
        let place = number as usize & ring.last_place;
        let (due, next) = self.private(|own| {
            let due = own.queue[place % QUEUE];
            own.queue[place % QUEUE] = Queued::new(position, bucket);
            (due, own.queue[(place + 1) & (ring.last_place % QUEUE)])
        });
        self.link(due.bucket(), next.position(tail));
    }

    /// Threads the oldest queued record into the index; the one at `next` is then the oldest.
    #[inline(always)]
    fn link(&mut self, bucket: u32, next: u64) {
        let position = self.private(|own| std::mem::replace(&mut own.indexed, next));
        if bucket != NO_BUCKET {
            self.ring.link_at(position, position, bucket);
        }
        // Release, edge `ring-indexed` (partner: `cut`): all heads of records below are visible.
        self.commits[INDEXED].store(next, release("ring-indexed"));
    }
}

impl Ring {
    /// Puts the records from `first` to `last`, each linked to the one before it, before all others of their bucket. Of
    /// the owner.
    #[inline(always)]
    pub(super) fn link_at(&self, first: u64, last: u64, bucket: u32) {
        let head = self.heads.at(bucket as usize);
        let link = self.words.at(first as usize + self.geometry.link_word);
        let previous = head.load(Relaxed);
        link.store(Link::from_word(link.load(Relaxed)).to(first, previous).word(), Relaxed);
        // Release, edge `ring-head` (partner: `Ring::head`): the records and their links are visible to whoever
        // follows this head.
        head.store(last, release("ring-head"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queued_position_is_known_again_from_its_lower_half() {
        for tail in [16, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 5, u64::MAX - 3] {
            for below in [0, 1, 14, 16] {
                let queued = Queued::new(tail - below, 77);
                assert_eq!((queued.position(tail), queued.bucket()), (tail - below, 77), "{tail} - {below}");
            }
        }
        assert_eq!(Queued::new(1, NO_BUCKET).bucket(), NO_BUCKET);
    }
}

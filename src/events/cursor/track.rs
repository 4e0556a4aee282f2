//! Where a cursor stands in one ring, and how many records it passed: exact, whatever was overwritten meanwhile.
//!
//! A record that is passed counts one. Where records were overwritten before they were passed, the cursor enters the oldest
//! block that is left; the block table says how many records there were before its first one, and the difference is what
//! was missed. A record is so either passed or missed, and never both.

use crate::events::read::NoRecord;
use crate::events::ring::{Ring, Summary};

/// So often a track begins anew where the writer is faster: no writer is so long, and whoever changes a file at will gets no
/// further.
const ROUNDS: usize = 64;

/// A place in a ring.
#[derive(Clone, Copy, Debug)]
pub struct Track {
    /// Where the next record starts, or will; `None` where a block has to be entered to know.
    next: Option<u64>,
    /// Where that block starts, or one before it.
    entering: u64,
    /// How many records there were before the next one; `None` as long as nothing that is left tells.
    number: Option<u64>,
    /// Records that were overwritten before they were passed, and not asked for yet.
    overwritten: u64,
    /// What came next when it was last asked how much the writer has left before it, in words, and how much it was.
    asked_at: u64,
    room: u64,
    /// Where it went on when it was overtaken last.
    overtaken_at: Option<u64>,
}

impl Track {
    /// At the oldest record that can be read; where there is none, at the first to come.
    ///
    /// Lock-free: it begins anew where the writer overwrote all that there was meanwhile.
    pub fn at_oldest(ring: &Ring) -> Self {
        Self::once(ring, |tail| {
            let mut track = Self { next: None, ..Self::at(tail) };
            track.entering = ring.oldest_below(tail);
            track.next(ring, tail).map(|_| track)
        })
    }

    /// Behind the newest record. `words` reads how long the record at a position is, which ends at the second one or before.
    ///
    /// Lock-free: it begins anew where the writer went on and overwrote the newest block while it was counted.
    pub fn at_newest(ring: &Ring, words: impl Fn(&Ring, u64, u64) -> Result<usize, NoRecord>) -> Self {
        Self::once(ring, |tail| Self::at_tail(ring, tail, &words))
    }

    /// What `find` finds below a tail, as soon as it does.
    fn once(ring: &Ring, find: impl Fn(u64) -> Option<Self>) -> Self {
        let mut tail = ring.cut().tail;
        for _ in 0..ROUNDS {
            // Positions start one lap in: nothing was ever committed.
            if tail <= ring.geometry().words as u64 {
                return Self { number: Some(0), ..Self::at(tail) };
            }
            if let Some(track) = find(tail) {
                return track;
            }
            // Acquire, edge `ring-since` (partner: `raise`): who found all below the tail gone sees the tail of when it went.
            let _ = ring.since();
            if ring.cut().tail == tail {
                // Nothing came, so what is reserved goes round the ring: the next record will tell how many there were.
                // Or nothing was ever committed, since the first owner vanished.
                return Self { number: (ring.records() == 0).then_some(0), ..Self::at(tail) };
            }
            tail = ring.cut().tail;
        }
        // The next record will tell, as above.
        Self::at(tail)
    }

    /// Where nothing is known.
    fn at(tail: u64) -> Self {
        Self {
            next: Some(tail),
            entering: tail,
            number: None,
            overwritten: 0,
            asked_at: tail,
            room: u64::MAX,
            overtaken_at: None,
        }
    }

    /// Counts the records of the newest block. `None` if it went meanwhile.
    fn at_tail(
        ring: &Ring,
        tail: u64,
        words: &impl Fn(&Ring, u64, u64) -> Result<usize, NoRecord>,
    ) -> Option<Self> {
        let block = ring.geometry().block as u64;
        let mut start = tail - 1;
        let (first, mut number) = loop {
            match entry(ring, start, tail) {
                Entry::Gone => return None,
                Entry::At { first, number } => break (first, number),
                Entry::Nothing if start < ring.oldest_below(tail) + block => return None,
                Entry::Nothing => start -= block,
            }
        };
        let mut position = first;
        while position < tail {
            match words(ring, position, tail) {
                Ok(words) => position += words as u64,
                // The rest of a lap, or of what a vanished owner left.
                Err(NoRecord::Gap) => break,
                Err(NoRecord::Gone) => return None,
            }
            number = number.wrapping_add(1);
        }
        Some(Self { number: Some(number), ..Self::at(tail) })
    }

    /// Where the next record below `tail` starts, as far as one can tell before it is read.
    #[inline]
    pub fn next(&mut self, ring: &Ring, tail: u64) -> Option<u64> {
        match self.next {
            Some(next) if self.number.is_some() => (next < tail).then_some(next),
            _ => self.find(ring, tail),
        }
    }

    /// Where a block has to be entered, or has to tell how many records there were.
    #[cold]
    #[inline(never)]
    fn find(&mut self, ring: &Ring, tail: u64) -> Option<u64> {
        while self.next.is_none() && self.enter(ring, tail) {}
        let next = self.next.filter(|next| *next < tail)?;
        if self.number.is_none() {
            self.number = match entry(ring, next, tail) {
                Entry::At { first, number } => (first == next).then_some(number),
                _ => None,
            };
        }
        Some(next)
    }

    /// Looks at the block to be entered. `false` if there is nothing to enter below `tail`.
    fn enter(&mut self, ring: &Ring, tail: u64) -> bool {
        let block = ring.geometry().block as u64;
        let after = (self.entering / block + 1) * block;
        if self.entering >= tail {
            return false;
        }
        match entry(ring, self.entering, tail) {
            Entry::Gone => self.entering = after.max(ring.oldest_below(tail)),
            Entry::At { first, number } => {
                // Saturating: in a mapped file a count may be anything.
                let overwritten = self.number.map_or(0, |own| number.saturating_sub(own));
                self.overwritten = self.overwritten.saturating_add(overwritten);
                (self.number, self.next) = (Some(number), Some(first));
                self.ask_room(ring, first);
            }
            // A record that comes later may still start in it.
            Entry::Nothing if after > tail => return false,
            Entry::Nothing => self.entering = after,
        }
        true
    }

    /// Where the next record starts, if [`Track::next`] found one last.
    #[inline]
    pub(crate) fn position(&self) -> Option<u64> {
        self.next
    }

    /// The record that starts at `next` was read, and ends there.
    #[inline]
    pub fn pass(&mut self, end: u64) {
        self.next = Some(end);
        self.number = self.number.map(|number| number.wrapping_add(1));
    }

    /// Passes all records of the block that `next` is the first one of, if the block lies below `tail` and its summary will
    /// not have them. How many those were, and the greatest stamp of them.
    pub(crate) fn pass_block(
        &mut self,
        ring: &Ring,
        tail: u64,
        is_wanted: impl FnOnce(&Summary) -> bool,
    ) -> Option<(u64, u64)> {
        let (next, own) = (self.next?, self.number?);
        let block = ring.geometry().block as u64;
        let summary = ring.summary(next)?;
        if summary.first() != Some(next) || is_wanted(&summary) {
            return None;
        }
        // A longer one leaves blocks behind it in which none starts.
        let mut start = next;
        loop {
            start = (start / block + 1) * block;
            match entry(ring, start, tail) {
                Entry::At { first, number } => {
                    (self.next, self.number) = (Some(first), Some(number));
                    return Some((number.saturating_sub(own), summary.greatest));
                }
                Entry::Nothing if start < tail => {}
                _ => return None,
            }
        }
    }

    /// There was none at `next`, for this reason.
    pub fn miss(&mut self, ring: &Ring, reason: NoRecord) {
        let block = ring.geometry().block as u64;
        let next = self.next.take().unwrap_or(self.entering);
        let after = (next / block + 1) * block;
        self.entering = match reason {
            NoRecord::Gap => after,
            NoRecord::Gone => after.max(self.after_overtaken(ring, next)),
        };
    }

    /// Where to go on if what comes next is gone: at the oldest. That is right in front of the writer, where one that is faster comes
    /// by again at once; after that a quarter of the ring further on, and [`Track::keep_clear`] sees to the rest.
    fn after_overtaken(&mut self, ring: &Ring, next: u64) -> u64 {
        let (oldest, lap) = (ring.oldest(), ring.geometry().words as u64);
        let is_again = self.overtaken_at.is_some_and(|at| next.saturating_sub(at) < lap / 16);
        // What is skipped has to be counted.
        let to = if is_again && self.number.is_some() {
            oldest.saturating_add(lap / 4).min(ring.cut().tail.saturating_sub(1)).max(oldest)
        } else {
            oldest
        };
        self.overtaken_at = Some(to);
        to
    }

    /// Goes on a quarter of a lap behind the writer where that is about to overtake it: where it has less than a quarter of the
    /// ring left before what comes next, and what was read since this was asked last gained hardly any. Who reads right in front
    /// of a writer takes each line away from it just before it writes there, which makes it half as fast; and of one that
    /// is faster it passes no more records that way than at a distance.
    #[cold]
    pub(crate) fn keep_clear(&mut self, ring: &Ring, tail: u64) {
        let lap = ring.geometry().words as u64;
        let Some(next) = self.next.filter(|next| *next >= self.asked_at + lap / 16) else { return };
        let (read, before) = (next - self.asked_at, self.room);
        self.ask_room(ring, next);
        if self.room < lap / 4 && self.room < before.saturating_add(read / 2) {
            // Not beyond what there is, and never back: within a block it could only begin anew.
            let to = (next + lap * 3 / 4 - self.room).min(tail - 1);
            if ring.block_of(to) > ring.block_of(next) {
                (self.next, self.entering) = (None, to);
            }
        }
    }

    /// How much room there is before the writer.
    fn ask_room(&mut self, ring: &Ring, next: u64) {
        (self.asked_at, self.room) = (next, ring.room_before(next));
    }

    /// How many records were overwritten before they were passed, since this was asked last.
    #[inline]
    pub fn take_overwritten(&mut self) -> u64 {
        std::mem::take(&mut self.overwritten)
    }

    /// Whether what comes next was overwritten, and nothing came after it that tells how much that was.
    pub(crate) fn is_lost(&self) -> bool {
        self.next.is_none()
    }

    /// How many records there were before the next one.
    pub fn number(&self) -> Option<u64> {
        self.number
    }
}

/// What a block says of its first record.
enum Entry {
    /// The block has been overwritten.
    Gone,
    /// It starts there, after so many others.
    At { first: u64, number: u64 },
    /// None that lies below the tail starts in it.
    Nothing,
}

/// The entry of the block that holds `position`.
fn entry(ring: &Ring, position: u64, tail: u64) -> Entry {
    let block = ring.geometry().block as u64;
    // Before the first one, which says whether it was of this block.
    let number = ring.number(position);
    let Some(first) = ring.first_alone(position) else { return Entry::Gone };
    // Below the tail, so it was committed and the number is its own; in the block, so it is not one of a lap ago.
    match first.filter(|first| first / block == position / block && *first < tail) {
        Some(first) => Entry::At { first, number },
        None => Entry::Nothing,
    }
}

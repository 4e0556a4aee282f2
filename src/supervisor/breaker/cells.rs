//! What calls came to, counted by thread.
//!
//! A thread alone writes the cell of its [number](crate::local): a count is a load and a store, and no line goes
//! back and forth. Who has no number counts in a [cell](super::shared) that all such threads share. Counts only
//! grow; what they were when a generation began, each cell notes for itself, so nothing has to be reset by
//! others.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `breaker-cell` | the tag in [`Cells::add_judged`] | the tag in [`Cells::sums`] |

use super::shared::SharedCell;
use super::word::Word;
use crate::sync::{AtomicU32, AtomicU64, CachePadded, Relaxed, acquire, release};

/// What is counted. The first four are what a breaker judges by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Count {
    /// Calls that succeeded in time.
    Success = 0,
    /// Calls that failed in time.
    Failure = 1,
    /// Calls that succeeded too late.
    SlowSuccess = 2,
    /// Calls that failed, and took too long.
    SlowFailure = 3,
    /// Calls whose outcome says nothing.
    Ignored = 4,
    /// Permits dropped without an outcome.
    Abandoned = 5,
    /// Outcomes of an earlier generation.
    Stale = 6,
    /// Calls that were not let through.
    Rejected = 7,
}

/// How many are counted.
pub(super) const COUNTS: usize = 8;
/// How many of these are judged by.
pub(super) const JUDGED: usize = 4;

/// The tag of a cell in which nothing has begun: no state is this.
const NONE: Word = Word::of(u64::MAX);

#[derive(Debug)]
struct Cell {
    /// The word of the generation that `begun` speaks of.
    tag: AtomicU64,
    counts: [AtomicU64; COUNTS],
    /// The counts when that generation began for this cell.
    begun: [AtomicU64; JUDGED],
}

// Of one cell no line is shared with another.
#[cfg(not(any(flightdeck_loom, flightdeck_shuttle)))]
const _: () = assert!(size_of::<CachePadded<Cell>>() <= 128 && size_of::<CachePadded<SharedCell>>() <= 128);

impl Cell {
    fn new() -> Self {
        let zeros = || AtomicU64::new(0);
        Self {
            tag: AtomicU64::new(NONE.bits()),
            counts: std::array::from_fn(|_| zeros()),
            begun: std::array::from_fn(|_| zeros()),
        }
    }

    fn count(&self, count: Count) -> &AtomicU64 {
        &self.counts[count as usize]
    }

    /// By the only writer. What it says now.
    #[inline(always)]
    fn add(&self, count: Count) -> u64 {
        // One writer, so a load and a store lose nothing.
        let more = self.count(count).load(Relaxed).wrapping_add(1);
        self.count(count).store(more, Relaxed);
        more
    }

    fn begin(&self, word: Word) {
        for (begun, count) in self.begun.iter().zip(&self.counts) {
            begun.store(count.load(Relaxed), Relaxed);
        }
        // Release, edge `breaker-cell` (partner: `sums`): whoever sees the tag sees what was counted before it began.
        self.tag.store(word.bits(), release("breaker-cell"));
    }
}

/// What was judged by, since a generation began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls that succeeded in time.
    pub success: u64,
    /// Calls that failed in time.
    pub failure: u64,
    /// Calls that succeeded too late.
    pub slow_success: u64,
    /// Calls that failed, and took too long.
    pub slow_failure: u64,
}

impl Sums {
    /// What came since. Never negative, should sums have been taken out of order.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            success: self.success.saturating_sub(earlier.success),
            failure: self.failure.saturating_sub(earlier.failure),
            slow_success: self.slow_success.saturating_sub(earlier.slow_success),
            slow_failure: self.slow_failure.saturating_sub(earlier.slow_failure),
        }
    }
}

/// The cells of a breaker, for `N` threads of their own.
#[derive(Debug)]
pub struct Cells<const N: usize> {
    own: Box<[CachePadded<Cell>; N]>,
    shared: CachePadded<SharedCell>,
    /// One more than the greatest number that ever counted.
    reached: AtomicU32,
}

impl<const N: usize> Cells<N> {
    /// All zero.
    #[allow(clippy::new_without_default, reason = "its owner makes it by name")]
    pub fn new() -> Self {
        Self {
            own: Box::new(std::array::from_fn(|_| CachePadded::new(Cell::new()))),
            shared: CachePadded::new(SharedCell::new()),
            reached: AtomicU32::new(0),
        }
    }

    /// Counts a success of a generation that this thread has counted for before, and says how many that makes; else counts
    /// nothing. By the thread of that number.
    #[inline(always)]
    pub fn add_success_at_hand(&self, number: usize, word: Word) -> Option<u64> {
        let cell = self.own.get(number)?;
        if cell.tag.load(Relaxed) != word.bits() {
            return None;
        }
        Some(cell.add(Count::Success))
    }

    fn own(&self, number: usize) -> Option<&Cell> {
        let cell = self.own.get(number)?;
        // Relaxed: whoever must see our counts has an edge from us that carries this too.
        if self.reached.load(Relaxed) <= number as u32 {
            self.reached.fetch_max(number as u32 + 1, Relaxed);
        }
        Some(cell)
    }

    /// Counts what no breaker judges by.
    pub fn add(&self, number: usize, count: Count) {
        match self.own(number) {
            Some(cell) => drop(cell.add(count)),
            None => self.shared.add(count),
        }
    }

    /// Counts what the breaker judges by in the generation of `word`; among those who share, as stale if that is over.
    pub fn add_judged(&self, number: usize, word: Word, count: Count) {
        let Some(cell) = self.own(number) else { return self.shared.add_judged(word, count) };
        // One thread reads the breaker's word in its order, so what it counts for is never older than what it counted for.
        let tag = Word::of(cell.tag.load(Relaxed));
        if tag == NONE || tag.generation() != word.generation() {
            cell.begin(word);
        } else if tag != word {
            // The same generation, timed from now on, or no longer.
            cell.tag.store(word.bits(), release("breaker-cell"));
        }
        cell.add(count);
    }

    fn reached(&self) -> impl Iterator<Item = &Cell> {
        let reached = self.reached.load(Relaxed) as usize;
        self.own.iter().take(reached).map(|cell| &**cell)
    }

    /// What was counted since the generation of `word` began.
    pub fn sums(&self, word: Word) -> Sums {
        let mut sums = self.shared.judged(word);
        for cell in self.reached() {
            // Acquire, edge `breaker-cell` (partner: `begin`): what was counted before that generation, to leave it out.
            let tag = Word::of(cell.tag.load(acquire("breaker-cell")));
            if tag == NONE || tag.generation() != word.generation() {
                continue;
            }
            // Its thread may begin another generation meanwhile: then less was counted than it began with.
            for (sum, (count, begun)) in sums.iter_mut().zip(cell.counts.iter().zip(&cell.begun)) {
                *sum = sum.wrapping_add(count.load(Relaxed).saturating_sub(begun.load(Relaxed)));
            }
        }
        let [success, failure, slow_success, slow_failure] = sums;
        Sums { success, failure, slow_success, slow_failure }
    }

    /// What was counted in all.
    pub fn total(&self, count: Count) -> u64 {
        let shared = self.shared.total(count);
        self.reached().fold(shared, |sum, cell| sum.wrapping_add(cell.count(count).load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::word::BreakerState;
    use super::*;

    #[test]
    fn a_generation_leaves_out_what_was_counted_before_it() {
        let cells = Cells::<2>::new();
        let first = Word::NEW;
        // One of its own, and one that shares.
        for number in [0, 7] {
            cells.add_judged(number, first, Count::Success);
            cells.add_judged(number, first, Count::Failure);
            cells.add(number, Count::Rejected);
        }
        assert_eq!(cells.add_success_at_hand(0, first), Some(2));
        assert_eq!(cells.add_success_at_hand(1, first), None, "it has not begun there");
        assert_eq!(cells.sums(first), Sums { success: 3, failure: 2, ..Sums::default() });
        let second = first.to(BreakerState::Open).to(BreakerState::Closed);
        assert_eq!(cells.sums(second), Sums::default());
        for number in [0, 7] {
            cells.add_judged(number, second, Count::SlowSuccess);
        }
        assert_eq!(cells.sums(second), Sums { slow_success: 2, ..Sums::default() });
        cells.add_judged(7, first, Count::Failure);
        assert_eq!(
            cells.sums(second),
            Sums { slow_success: 2, ..Sums::default() },
            "of a call let in earlier"
        );
        cells.add_judged(7, second, Count::Failure);
        cells.add_judged(7, first, Count::Failure);
        assert_eq!(cells.sums(second), Sums { failure: 1, slow_success: 2, ..Sums::default() });
        let totals = [Count::Success, Count::Failure, Count::SlowSuccess, Count::Rejected, Count::Stale];
        assert_eq!(totals.map(|count| cells.total(count)), [3, 4, 2, 2, 1]);
    }
}

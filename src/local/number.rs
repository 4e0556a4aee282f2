//! The number of a thread: the lowest that no other living thread has, for tables with a place for each of the first few.
//!
//! Unlike what a thread holds of a deck it is the same for all tables, so it costs a table nothing but the places. Whoever
//! takes a number goes on with what the last thread of that number left there.
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `thread-number` | exchange in [`Numbers::give_back`] | exchange in [`Numbers::take`] |

use crate::sync::plain_thread_local;
#[cfg(not(flightdeck_shuttle))]
use crate::sync::{AtomicU64, Relaxed, acquire, release};
use std::cell::Cell;

/// How many numbers there are. A thread that finds none uses what all share.
pub(crate) const NUMBERS: usize = 64;

/// Not asked yet.
const UNASKED: usize = usize::MAX;
/// There was none, or the thread is ending.
const NONE: usize = usize::MAX - 1;

/// Which numbers are taken: a bit each.
#[cfg(not(flightdeck_shuttle))]
#[derive(Debug)]
pub struct Numbers(AtomicU64);

#[cfg(not(flightdeck_shuttle))]
impl Numbers {
    /// All free.
    #[cfg(not(flightdeck_loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// All free.
    #[cfg(flightdeck_loom)]
    #[allow(clippy::new_without_default, reason = "as outside models")]
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The lowest that is free. Lock-free.
    pub fn take(&self) -> Option<usize> {
        let mut taken = self.0.load(Relaxed);
        loop {
            let number = taken.trailing_ones() as usize;
            if number >= NUMBERS {
                return None;
            }
            // Acquire, edge `thread-number` (partner: `give_back`): what the last thread of this number left in its places.
            match self.0.compare_exchange(taken, taken | 1 << number, acquire("thread-number"), Relaxed) {
                Ok(_) => return Some(number),
                Err(now) => taken = now,
            }
        }
    }

    /// Frees one that was taken.
    pub fn give_back(&self, number: usize) {
        // Release, edge `thread-number` (partner: `take`): what this thread leaves in its places.
        self.0.fetch_and(!(1 << number), release("thread-number"));
    }
}

plain_thread_local! {
    static NUMBER: Cell<usize> = Cell::new(UNASKED);
}

/// Those of this process's threads. In models threads are given theirs.
#[cfg(not(any(flightdeck_loom, flightdeck_shuttle)))]
mod held {
    use super::{NONE, NUMBER, Numbers};
    use crate::sync::plain_thread_local;
    use std::cell::Cell;

    static OF_THREADS: Numbers = Numbers::new();

    plain_thread_local! {
        static HELD: Held = Held(Cell::new(None));
    }

    struct Held(Cell<Option<usize>>);

    impl Drop for Held {
        fn drop(&mut self) {
            // First: what later destructors count goes where all count.
            NUMBER.with(|number| number.set(NONE));
            if let Some(number) = self.0.take() {
                OF_THREADS.give_back(number);
            }
        }
    }

    pub(super) fn take() -> Option<usize> {
        let take = |held: &Held| {
            held.0.set(OF_THREADS.take());
            held.0.get()
        };
        HELD.try_with(take).ok().flatten()
    }
}

#[cfg(any(flightdeck_loom, flightdeck_shuttle))]
mod held {
    pub(super) fn take() -> Option<usize> {
        None
    }
}

/// This thread's number; [`NUMBERS`] or more if it has none, or has not [asked](number) yet.
#[inline(always)]
pub(crate) fn number_at_hand() -> usize {
    NUMBER.with(Cell::get)
}

/// This thread's number, which it takes if it has not asked before; [`NUMBERS`] or more if there is none for it.
#[cold]
#[inline(never)]
pub(crate) fn number() -> usize {
    if number_at_hand() != UNASKED {
        return number_at_hand();
    }
    // An allocator that counts, asked by what is allocated below, finds none.
    NUMBER.with(|number| number.set(NONE));
    if let Some(own) = held::take() {
        NUMBER.with(|number| number.set(own));
    }
    number_at_hand()
}

#[cfg(all(test, not(any(flightdeck_loom, flightdeck_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_given_and_no_more_than_there_are() {
        let numbers = Numbers::new();
        assert!((0..NUMBERS).all(|number| numbers.take() == Some(number)));
        assert_eq!(numbers.take(), None);
        numbers.give_back(63);
        numbers.give_back(5);
        assert_eq!([numbers.take(), numbers.take(), numbers.take()], [Some(5), Some(63), None]);
    }

    #[test]
    fn threads_that_live_at_once_have_numbers_of_their_own() {
        let own = number();
        assert_eq!((number(), number_at_hand()), (own, own));
        let other = std::thread::spawn(|| {
            assert_eq!(number_at_hand(), UNASKED);
            number()
        });
        assert_ne!(other.join().unwrap(), own);
    }
}

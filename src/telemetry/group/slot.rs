//! One thread's numbers of a group, under a sequence that is odd while they change (a seqlock; Boehm, "Can seqlocks get
//! along with programming language memory models?", 2012).
//!
//! The sequence comes first, then the numbers, all on lines that no other thread writes.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `group-begun` | fence after the odd sequence in [`Slot::add`] | fence before the second look in [`Slot::read`] |
//! | `group-done` | store of the even sequence in [`Slot::add`] | first look in [`Slot::read`] |

use crate::region::Words;
use crate::sync::{Relaxed, acquire, acquire_fence, release, release_fence};

/// Somebody is at it further up the stack of this thread, or was when it was interrupted for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested;

/// The slot that starts at this word.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    words: &'a Words,
    start: usize,
}

impl<'a> Slot<'a> {
    pub(super) fn new(words: &'a Words, start: usize) -> Self {
        Self { words, start }
    }

    /// Adds to the numbers, for readers all at once. One caller at a time; wait-free.
    #[inline(always)]
    pub(super) fn add<const N: usize>(self, amounts: &[u64; N]) -> Result<(), Nested> {
        let sequence = self.words.at(self.start);
        let before = sequence.load(Relaxed);
        if before & 1 == 1 {
            return Err(Nested);
        }
        sequence.store(before.wrapping_add(1), Relaxed);
        // Release, edge `group-begun` (partner: `read`): who finds one of the numbers below finds the sequence odd, or
        // further.
        release_fence("group-begun");
        for (at, amount) in amounts.iter().enumerate() {
            let number = self.words.at(self.start + 1 + at);
            // One writer, so a load and a store lose nothing.
            number.store(number.load(Relaxed).wrapping_add(*amount), Relaxed);
        }
        // Release, edge `group-done` (partner: `read`): who finds the sequence even finds all numbers.
        sequence.store(before.wrapping_add(2), release("group-done"));
        Ok(())
    }

    /// Copies the numbers; whether they belong together. Waits for nobody.
    pub(super) fn read(self, numbers: &mut [u64]) -> bool {
        let sequence = self.words.at(self.start);
        // Acquire, edge `group-done` (partner: `add`): all numbers of the updates counted here.
        let before = sequence.load(acquire("group-done"));
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = self.words.at(self.start + 1 + at).load(Relaxed);
        }
        // Acquire, edge `group-begun` (partner: `add`): had one of them been of a later update, the sequence were another.
        acquire_fence("group-begun");
        before & 1 == 0 && sequence.load(Relaxed) == before
    }
}

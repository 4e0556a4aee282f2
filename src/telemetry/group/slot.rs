//! One thread's numbers of a group, under a sequence that is odd while they change (a seqlock; Boehm, "Can seqlocks get
//! along with programming language memory models?", 2012).
//!
//! The sequence comes first, then the numbers, all in cells of one chunk of the thread's slab, which no other thread writes. So a
//! reader that has nothing but a telemetry's words finds them as it finds all cells.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `group-begun` | fence after the odd sequence in [`Slot::add`] | fence before the second look in [`Slot::read`] |
//! | `group-done` | store of the even sequence in [`Slot::add`] | first look in [`Slot::read`] |

use crate::sync::{AtomicU64, Relaxed, acquire, acquire_fence, release, release_fence};

/// Somebody is at it further up the stack of this thread, or was when it was interrupted for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested;

/// A sequence and the numbers.
#[derive(Clone, Copy, Debug)]
pub(in crate::telemetry) struct Slot<'a>(&'a [AtomicU64]);

impl<'a> Slot<'a> {
    /// The slot in these cells, of which there is one more than numbers.
    #[inline(always)]
    pub(in crate::telemetry) fn new(cells: &'a [AtomicU64]) -> Self {
        Self(cells)
    }

    /// Adds to the numbers, for readers all at once. One caller at a time; wait-free.
    #[inline(always)]
    pub(super) fn add<const N: usize>(self, amounts: &[u64; N]) -> Result<(), Nested> {
        let Some((sequence, numbers)) = self.0.split_first() else { return Err(Nested) };
        let before = sequence.load(Relaxed);
        if before & 1 == 1 {
            return Err(Nested);
        }
        sequence.store(before.wrapping_add(1), Relaxed);
        // Release, edge `group-begun` (partner: `read`): who finds one of the numbers below finds the sequence odd, or
        // further.
        release_fence("group-begun");
        for (number, amount) in numbers.iter().zip(amounts) {
            // One writer, so a load and a store lose nothing.
            number.store(number.load(Relaxed).wrapping_add(*amount), Relaxed);
        }
        // Release, edge `group-done` (partner: `read`): who finds the sequence even finds all numbers.
        sequence.store(before.wrapping_add(2), release("group-done"));
        Ok(())
    }

    /// Copies the numbers; whether they belong together. Waits for nobody.
    pub(in crate::telemetry) fn read(self, copied: &mut [u64]) -> bool {
        let Some((sequence, numbers)) = self.0.split_first() else { return false };
        // Acquire, edge `group-done` (partner: `add`): all numbers of the updates counted here.
        let before = sequence.load(acquire("group-done"));
        for (copied, number) in copied.iter_mut().zip(numbers) {
            *copied = number.load(Relaxed);
        }
        // Acquire, edge `group-begun` (partner: `add`): had one of them been of a later update, the sequence were another.
        acquire_fence("group-begun");
        before & 1 == 0 && sequence.load(Relaxed) == before
    }
}

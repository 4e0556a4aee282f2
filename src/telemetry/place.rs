//! Where the cells of a metric are: what its handle needs to update them.

use super::cells::{BareTable, CHUNK, Cells, add_alone};
use crate::id::DeckId;
use crate::local::{self, Role};
use crate::sync::AtomicU64;

/// The cells of a metric. All that an update reads but the thread's own block and slab.
///
/// Invariant: `first <= last`, and the cells of `deck`, if there are any, are more than `last`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    deck: DeckId,
    first: u32,
    last: u32,
}

impl Place {
    /// So many cells, at least one, from `first` on.
    ///
    /// # Panics
    /// If there are no such cells.
    pub(super) fn new(deck: DeckId, cells: &Cells, first: usize, len: usize) -> Self {
        let last = first + len.max(1) - 1;
        assert!(last < cells.len(), "cells {first} to {last} of {}", cells.len());
        // A telemetry has at most 2^30.
        let [first, last] = [first, last].map(|cell| cell as u32);
        Self { deck, first, last }
    }

    /// One of which no thread has cells: every update fails.
    pub(super) fn nowhere() -> Self {
        Self { deck: DeckId::unique(), first: 0, last: 0 }
    }

    pub(super) fn first(&self) -> usize {
        self.first as usize
    }

    pub(super) fn last(&self) -> usize {
        self.last as usize
    }

    /// That of the slab that this thread has of the deck, if the deck is the first it met: so it lives until the thread
    /// gives the slab back, and has as many cells as the deck.
    #[inline(always)]
    fn own_table(&self) -> Option<BareTable> {
        local::held_first(self.deck, Role::Cells).map(BareTable::from_raw)
    }

    /// Adds to this thread's own first cell, if it is at hand. What it said before.
    #[inline(always)]
    pub(super) fn add(&self, amount: u64) -> Option<u64> {
        // SAFETY: the deck has that cell (invariant); the thread gives nothing back in here.
        let cell = unsafe { self.own_table()?.cell(self.first()) }?;
        Some(add_alone(cell, amount))
    }

    /// Adds to the cell `offset` on from the first, and to the last, if both are at hand; else to none. Whether it did.
    #[inline(always)]
    pub(super) fn add_at_and_last(&self, offset: usize, amounts: [u64; 2]) -> bool {
        let Some(table) = self.own_table() else { return false };
        let cell = self.first().wrapping_add(offset);
        if cell > self.last() {
            return false;
        }
        // SAFETY: the deck has the last cell, and so this one (invariant); the thread gives nothing back in here.
        let Some(at) = (unsafe { table.cell(cell) }) else { return false };
        // SAFETY: as above.
        let Some(last) = (unsafe { table.cell(self.last()) }) else { return false };
        add_alone(at, amounts[0]);
        add_alone(last, amounts[1]);
        true
    }
}

/// Cells that are changed together: those of `N` numbers, and one before them.
///
/// Invariant: they lie in one chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<const N: usize>(Place);

impl<const N: usize> Run<N> {
    /// From `first` on.
    ///
    /// # Panics
    /// If there are no such cells, or they do not lie in one chunk.
    pub(super) fn new(deck: DeckId, cells: &Cells, first: usize) -> Self {
        assert!(first % CHUNK + N < CHUNK, "{N} cells and one from {first} on, in chunks of {CHUNK}");
        Self(Place::new(deck, cells, first, N + 1))
    }

    /// Those of this thread's own, if they are at hand. `body` takes no seat and gives none back.
    #[inline(always)]
    pub(super) fn with_own<R>(&self, body: impl FnOnce(&[AtomicU64]) -> R) -> Option<R> {
        let table = self.0.own_table()?;
        // SAFETY: the deck has those cells, and they lie in one chunk (invariants); the thread gives nothing back in here.
        let cells = unsafe { table.run(self.0.first(), N + 1) }?;
        Some(body(cells))
    }
}

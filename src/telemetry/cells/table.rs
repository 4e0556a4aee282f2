//! The table of a slab: which chunks of cells it has, and where.

use crate::region::{Region, Words};
use crate::sync::{Arc, AtomicU64, Relaxed};
use std::ptr::NonNull;

/// Cells of one chunk: 512 bytes. Few inside models and storms, where each is a thing to explore: models have room for a group.
pub(crate) const CHUNK: usize = if cfg!(flightdeck_shuttle) {
    2
} else if cfg!(flightdeck_loom) {
    4
} else {
    64
};

/// By chunk of cells: how many bytes from here on the chunk begins; 0: none yet. So an update needs no further pointer.
///
/// Invariant: an entry is 0, or once and for all leads to [`CHUNK`] words of the region that the table itself lies in.
#[derive(Clone)]
pub(super) struct Table {
    entries: Words,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Table {
    /// Of the region's words from `start` on, so many, a power of two; zero, or left by a table that was here before.
    pub(super) fn new(region: &Arc<Region>, start: usize, entries: usize) -> Self {
        Self { entries: region.words(start, entries) }
    }

    /// Cells that it can lead to.
    pub(super) fn cells(&self) -> usize {
        self.entries.len() * CHUNK
    }

    /// The cell, if its chunk is there; modulo the number of cells.
    pub(super) fn cell(&self, cell: usize) -> Option<&AtomicU64> {
        // SAFETY: one of the table's, which lives as long as this does.
        unsafe { self.bare().cell(cell & (self.cells() - 1)) }
    }

    /// Where it begins.
    pub(super) fn bare(&self) -> BareTable {
        BareTable(self.entries.first())
    }

    /// All cells of a chunk, if it is there; modulo the number of chunks.
    #[inline(always)]
    pub(super) fn chunk(&self, chunk: usize) -> Option<&[AtomicU64; CHUNK]> {
        let start = self.entries.at(chunk).load(Relaxed) as usize;
        // SAFETY: the words of the chunk that the entry leads to (invariant).
        (start != 0).then(|| unsafe { &*self.entries.first().byte_add(start).cast() })
    }

    /// So many cells, if they lie in one chunk that is there.
    pub(super) fn run(&self, first: usize, len: usize) -> Option<&[AtomicU64]> {
        self.chunk(first / CHUNK)?.get(first % CHUNK..)?.get(..len)
    }

    /// Gives a chunk of cells its place, so many words from here on, for good. By the owner of the slab.
    ///
    /// Relaxed: the words have been zero since before anybody else knew the region, so there is nothing that whoever
    /// reads the entry could see too early. The next owner sees it by the edge that the slab came by.
    ///
    /// # Safety
    /// There is none yet; and [`CHUNK`] words of the same region begin there, which nobody else has.
    pub(super) unsafe fn lead(&self, chunk: usize, to: usize) {
        self.entries.at(chunk).store((to * size_of::<AtomicU64>()) as u64, Relaxed);
    }
}

/// A [`Table`] as one pointer: for hot paths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BareTable(*const AtomicU64);

impl BareTable {
    /// As a pointer to keep.
    pub(crate) fn into_raw(self) -> Option<NonNull<()>> {
        NonNull::new(self.0.cast_mut().cast())
    }

    /// What [`BareTable::into_raw`] gave.
    #[inline(always)]
    pub(crate) fn from_raw(raw: NonNull<()>) -> Self {
        Self(raw.as_ptr().cast())
    }

    /// The cell, if its chunk is there.
    ///
    /// # Safety
    /// The table lives as long as `'a`, and has so many cells.
    #[inline(always)]
    pub(crate) unsafe fn cell<'a>(self, cell: usize) -> Option<&'a AtomicU64> {
        // SAFETY: an entry of the table (contract).
        let start = unsafe { &*self.0.add(cell / CHUNK) }.load(Relaxed) as usize;
        // SAFETY: within the chunk that the entry leads to (invariant of `Table`).
        (start != 0).then(|| unsafe { &*self.0.byte_add(start).add(cell % CHUNK) })
    }

    /// So many cells, if their chunk is there.
    ///
    /// # Safety
    /// The table lives as long as `'a`, and has so many cells; they lie in one chunk.
    #[inline(always)]
    pub(crate) unsafe fn run<'a>(self, first: usize, len: usize) -> Option<&'a [AtomicU64]> {
        // SAFETY: the first of them (contract).
        let first = unsafe { self.cell(first) }?;
        // SAFETY: they lie side by side in the chunk that the entry leads to (contract; invariant of `Table`).
        Some(unsafe { std::slice::from_raw_parts(std::ptr::from_ref(first), len) })
    }
}

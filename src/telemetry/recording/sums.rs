//! What cells add up to, when nothing that leads to them can be believed.

use crate::region::Span;
use crate::sync::{AtomicU64, Relaxed};
use crate::telemetry::cells::{CHUNK, Control, Sizes};
use std::ops::Range;

/// The sums of the first cells over all slabs.
pub(super) struct Sums<'a> {
    shared: &'a [AtomicU64],
    sums: Vec<u64>,
    control: Control,
    sizes: Sizes,
}

impl<'a> Sums<'a> {
    /// Of the cells below `end`, which begin at `start`. Looks into no more chunks than there are.
    pub(super) fn read(span: &'a Span, start: usize, sizes: Sizes, end: usize) -> Self {
        let run = |at: usize, len: usize| span.run(start + at, len).unwrap_or_default();
        let shared = run(sizes.shared_at(), sizes.cells);
        let control = Control::at(&span.region, span.start + start);
        let mut sums: Vec<u64> = shared.iter().take(end).map(|cell| cell.load(Relaxed)).collect();
        let (first_chunk, mut left) = (sizes.chunk_at(0), sizes.chunks);
        for slab in 0..reached(&control, sizes) {
            let table = sizes.table_at(slab);
            for (entry, sums) in run(table, sizes.tables()).iter().zip(sums.chunks_mut(CHUNK)) {
                let offset = entry.load(Relaxed) as usize;
                // Where it leads, if that is a chunk of the pool.
                let place = (offset / 8).checked_add(table).and_then(|at| at.checked_sub(first_chunk));
                let fits = |at: &usize| at.is_multiple_of(CHUNK) && at / CHUNK < sizes.chunks;
                let Some(place) = place.filter(|_| offset != 0 && offset.is_multiple_of(8)).filter(fits)
                else {
                    continue;
                };
                // No telemetry gives a chunk to two.
                let Some(others) = left.checked_sub(1) else { continue };
                left = others;
                for (sum, cell) in sums.iter_mut().zip(run(first_chunk + place, CHUNK)) {
                    *sum = sum.wrapping_add(cell.load(Relaxed));
                }
            }
        }
        Self { shared, sums, control, sizes }
    }

    /// What these cells add up to; nothing beyond those that were read.
    pub(super) fn of(&self, cells: Range<usize>) -> &[u64] {
        self.sums.get(cells).unwrap_or_default()
    }

    /// What the shared cell alone says.
    pub(super) fn shared(&self, cell: usize) -> u64 {
        self.shared.get(cell).map_or(0, |cell| cell.load(Relaxed))
    }

    pub(super) fn reached(&self) -> usize {
        reached(&self.control, self.sizes)
    }

    /// Bytes of chunks that were given out.
    pub(super) fn chunk_bytes(&self) -> u64 {
        self.control.given().load(Relaxed).min(self.sizes.chunks as u64) * (CHUNK * 8) as u64
    }

    pub(super) fn shared_updates(&self) -> u64 {
        self.control.shared_updates().load(Relaxed)
    }
}

fn reached(control: &Control, sizes: Sizes) -> usize {
    usize::try_from(control.reached().load(Relaxed)).unwrap_or(usize::MAX).min(sizes.slabs)
}

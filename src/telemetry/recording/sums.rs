//! What cells add up to, when nothing that leads to them can be believed.

use crate::region::Span;
use crate::sync::{AtomicU64, Relaxed};
use crate::telemetry::cells::{CHUNK, Control, Sizes};
use crate::telemetry::group::slot::Slot;
use std::hint::spin_loop;
use std::ops::Range;

/// How often a group's slot is looked at that does not hold still.
const LOOKS: usize = 128;
/// How many looks in vain there are in one reading of all.
pub(super) const PATIENCE: usize = 100_000;

/// The sums of the first cells over all slabs.
pub(super) struct Sums<'a> {
    span: &'a Span,
    /// Where the cells begin.
    start: usize,
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
        let mut left = sizes.chunks;
        for slab in 0..reached(&control, sizes) {
            let table = sizes.table_at(slab);
            for (entry, sums) in run(table, sizes.tables()).iter().zip(sums.chunks_mut(CHUNK)) {
                let Some(chunk) = led_to(entry, table, sizes) else { continue };
                // No telemetry gives a chunk to two.
                let Some(others) = left.checked_sub(1) else { continue };
                left = others;
                for (sum, cell) in sums.iter_mut().zip(run(chunk, CHUNK)) {
                    *sum = sum.wrapping_add(cell.load(Relaxed));
                }
            }
        }
        Self { span, start, shared, sums, control, sizes }
    }

    /// The numbers of a group whose cells begin there and lie in one chunk, so many, and whether those of every slab belong
    /// together. It looks again at some that do not, as long as there is patience left.
    pub(super) fn together(&self, first: usize, numbers: usize, patience: &mut usize) -> (Vec<u64>, bool) {
        let (len, chunk_of) = (numbers + 1, first / CHUNK);
        let (mut sum, mut now) = (vec![0_u64; numbers], vec![0; numbers]);
        let (mut are_whole, mut left) = (true, self.sizes.chunks);
        let mut add = |cells: &[AtomicU64]| {
            are_whole &= holds_still(Slot::new(cells), &mut now, patience);
            sum.iter_mut().zip(&now).for_each(|(sum, number)| *sum = sum.wrapping_add(*number));
        };
        self.shared.get(first..first + len).into_iter().for_each(&mut add);
        let run = |at: usize, len: usize| self.span.run(self.start + at, len).unwrap_or_default();
        for slab in 0..self.reached() {
            let table = self.sizes.table_at(slab);
            let chunk = run(table + chunk_of, 1).first().and_then(|entry| led_to(entry, table, self.sizes));
            if let (Some(chunk), Some(others)) = (chunk, left.checked_sub(1)) {
                left = others;
                add(run(chunk + first % CHUNK, len));
            }
        }
        (sum, are_whole)
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

/// Where an entry of the table that begins there leads, if that is a chunk of the pool.
pub(super) fn led_to(entry: &AtomicU64, table: usize, sizes: Sizes) -> Option<usize> {
    let (offset, first_chunk) = (entry.load(Relaxed) as usize, sizes.chunk_at(0));
    let place = (offset / 8).checked_add(table)?.checked_sub(first_chunk)?;
    let fits = place.is_multiple_of(CHUNK) && place / CHUNK < sizes.chunks;
    (offset != 0 && offset.is_multiple_of(8) && fits).then_some(first_chunk + place)
}

/// Copies the numbers of a slot; whether they belong together.
fn holds_still(slot: Slot<'_>, numbers: &mut [u64], patience: &mut usize) -> bool {
    holds_still_after(slot, numbers, patience, |_| spin_loop())
}

/// The same, with something else between two looks: `wait` is told how many there were.
pub(super) fn holds_still_after(
    slot: Slot<'_>,
    numbers: &mut [u64],
    patience: &mut usize,
    wait: impl Fn(usize),
) -> bool {
    for looks in 1..LOOKS {
        if slot.read(numbers) {
            return true;
        }
        let Some(left) = patience.checked_sub(1) else { return false };
        *patience = left;
        wait(looks);
    }
    slot.read(numbers)
}

fn reached(control: &Control, sizes: Sizes) -> usize {
    usize::try_from(control.reached().load(Relaxed)).unwrap_or(usize::MAX).min(sizes.slabs)
}

//! Cells: what a metric is made of, one set per thread and one shared.
//!
//! A metric is an index into cells. A thread owns a *slab*: a table of chunks, each with room for
//! [`CHUNK`] cells, taken from a common pool when a cell of the chunk is first touched. It alone writes them, so
//! an increment is a load and a store. When the thread exits, the slab is released as it is, and the next
//! thread *adopts* it and counts on: values never move, nothing is folded, nothing is counted twice.
//! The value of a cell is the sum over all slabs and the shared
//! cell, into which everybody counts who has no slab or finds the pool empty.
//!
//! # Memory
//!
//! All of it is words of one region, reserved at once, and never grows: [`Sizes::footprint`]. Of that the system provides what
//! is touched: at most `peak threads x (cells / 8 + 8 x cells of the chunks they touched)` bytes, and 8 bytes a cell that is
//! shared. Whoever has these words can read the sums; which slab has an owner is known here alone.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `slab-owner` | store in [`Cells::release`] | exchange in [`Cells::claim`] |
//!
//! A chunk that appears in a table needs none: see [`Table::lead`].

mod table;

use crate::region::{LINE, Line, Region, Words};
use crate::sync::{Arc, AtomicU32, AtomicU64, Relaxed, acquire, release};
use std::ops::Range;
pub(crate) use table::BareTable;
pub(crate) use table::CHUNK;
use table::Table;

/// Words of control that come first.
const CONTROL: usize = 2 * LINE;
/// On the first line: one more than the greatest number of a slab ever claimed.
const REACHED: usize = 0;
/// On the first line: the next chunk to be given out; may exceed the pool, whose size says how many there are.
const GIVEN: usize = 1;
/// On the second line: updates that went to shared cells although their thread might have had its own.
const SHARED_UPDATES: usize = 0;

/// The sizes of a set of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Cells in all, a power of two: a counter takes one, a histogram over a thousand.
    pub cells: usize,
    /// Slabs: how many threads count at once without sharing.
    pub slabs: usize,
    /// Chunks in the pool.
    pub chunks: usize,
}

impl Sizes {
    /// Entries of a slab's table.
    pub(crate) fn tables(self) -> usize {
        (self.cells / CHUNK).max(1)
    }

    /// Where shared cells begin.
    pub(crate) const fn shared_at(self) -> usize {
        CONTROL
    }

    /// Where the table of a slab begins.
    pub(crate) fn table_at(self, slab: usize) -> usize {
        CONTROL + self.cells + slab * self.tables()
    }

    /// Where a chunk of the pool begins.
    pub(crate) fn chunk_at(self, chunk: usize) -> usize {
        self.table_at(self.slabs) + chunk * CHUNK
    }

    /// Words of memory that these take.
    pub fn footprint(self) -> usize {
        self.chunk_at(self.chunks)
    }
}

/// All cells of a telemetry.
#[derive(Debug)]
pub struct Cells {
    sizes: Sizes,
    shared: Words,
    control: Control,
    slabs: Box<[Slab]>,
}

/// What is told about cells as a whole. Apart, since threads without a slab write the last one.
#[derive(Clone, Debug)]
pub(crate) struct Control([Line; 2]);

impl Control {
    pub(crate) fn at(region: &Arc<Region>, start: usize) -> Self {
        Self([region.line(start), region.line(start + LINE)])
    }

    pub(crate) fn reached(&self) -> &AtomicU64 {
        self.0[0].at::<REACHED>()
    }

    pub(crate) fn given(&self) -> &AtomicU64 {
        self.0[0].at::<GIVEN>()
    }

    pub(crate) fn shared_updates(&self) -> &AtomicU64 {
        self.0[1].at::<SHARED_UPDATES>()
    }
}

#[derive(Debug)]
struct Slab {
    /// 0: free, 1: owned.
    owner: AtomicU32,
    table: Table,
}

/// A claimed slab: the right of one thread to write its cells.
#[derive(Debug)]
pub struct Claim {
    /// That of the slab, at hand.
    table: Table,
    cells: Arc<Cells>,
    number: usize,
}

impl Cells {
    /// For models, storms and tests: all zero, in memory of their own; `None` where the system has not as much.
    #[cfg(any(test, flightdeck_loom, flightdeck_shuttle))]
    pub fn new(sizes: Sizes) -> Option<Arc<Self>> {
        Some(Self::at(&Region::heap(sizes.footprint())?, 0, sizes))
    }

    /// In words from `start` on, which are zero, and nobody else's to write.
    ///
    /// # Panics
    /// If they leave the region.
    pub(crate) fn at(region: &Arc<Region>, start: usize, sizes: Sizes) -> Arc<Self> {
        let tables = sizes.tables();
        let slab = |number: usize| Slab {
            owner: AtomicU32::new(0),
            table: Table::new(region, start + sizes.table_at(number), tables),
        };
        Arc::new(Self {
            sizes,
            shared: region.words(start + sizes.shared_at(), sizes.cells),
            control: Control::at(region, start),
            slabs: (0..sizes.slabs).map(slab).collect(),
        })
    }

    /// A free slab, the lowest first, with whatever it counted before; `None` if there is none.
    pub fn claim(self: &Arc<Self>) -> Option<Claim> {
        let free = |slab: &Slab| {
            slab.owner.load(Relaxed) == 0
                // Acquire, edge `slab-owner` (partner: `release`): we count on from what the last owner counted, and in
                // the chunks that it had.
                && slab.owner.compare_exchange(0, 1, acquire("slab-owner"), Relaxed).is_ok()
        };
        let number = self.slabs.iter().position(free)?;
        // Relaxed: whoever must see our counts has an edge from us that carries this too.
        self.control.reached().fetch_max(number as u64 + 1, Relaxed);
        Some(Claim { table: self.slabs[number].table.clone(), cells: self.clone(), number })
    }

    fn release(&self, number: usize) {
        // Release, edge `slab-owner` (partner: `claim`): the next owner sees our last counts and chunks.
        self.slabs[number].owner.store(0, release("slab-owner"));
    }

    /// Those of all slabs that somebody may have counted in.
    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.slabs[..self.reached()].iter().map(|slab| &slab.table)
    }

    /// The value of a cell: the sum over all threads, living and gone.
    pub fn sum(&self, cell: usize) -> u64 {
        let shared = self.shared.at(cell).load(Relaxed);
        let own = self.tables().filter_map(|table| table.cell(cell));
        own.fold(shared, |sum, cell| sum.wrapping_add(cell.load(Relaxed)))
    }

    /// So many cells of a slab, if they lie in one chunk and that is there. They are read while the slab's owner writes them.
    pub(crate) fn run_of(&self, slab: usize, first: usize, len: usize) -> Option<&[AtomicU64]> {
        self.slabs.get(slab)?.table.run(first, len)
    }

    /// So many shared cells, if there are.
    pub(crate) fn shared_run(&self, first: usize, len: usize) -> Option<&[AtomicU64]> {
        self.shared.run(first, len)
    }

    /// The values of many cells, in one go through memory: slab by slab, chunk by chunk.
    pub fn sums(&self, cells: Range<usize>) -> Vec<u64> {
        let mut sums: Vec<u64> = cells.clone().map(|cell| self.shared.at(cell).load(Relaxed)).collect();
        for table in self.tables() {
            let mut left = &mut sums[..];
            let mut cell = cells.start;
            while !left.is_empty() {
                let skipped = cell % CHUNK;
                let here = left.len().min(CHUNK - skipped);
                let (sums, rest) = left.split_at_mut(here);
                if let Some(chunk) = table.chunk(cell / CHUNK) {
                    for (sum, cell) in sums.iter_mut().zip(&chunk[skipped..]) {
                        *sum = sum.wrapping_add(cell.load(Relaxed));
                    }
                }
                (left, cell) = (rest, cell + here);
            }
        }
        sums
    }

    /// Adds to a cell from a thread that has no slab. What was counted there before.
    #[cold]
    pub fn add_shared(&self, cell: usize, amount: u64) -> u64 {
        self.control.shared_updates().fetch_add(1, Relaxed);
        self.shared.at(cell).fetch_add(amount, Relaxed)
    }

    /// Adds to a cell that nobody counts in yet.
    pub(crate) fn give(&self, cell: usize, amount: u64) {
        self.shared.at(cell).fetch_add(amount, Relaxed);
    }

    /// Makes a cell zero again, in every slab. For whoever knows that nobody writes it: its series has no claims left.
    pub fn zero(&self, cell: usize) {
        self.shared.at(cell).store(0, Relaxed);
        self.tables().filter_map(|table| table.cell(cell)).for_each(|cell| cell.store(0, Relaxed));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sizes.cells
    }

    /// The shared cell itself: what a gauge sets.
    #[inline(always)]
    pub(crate) fn shared(&self, cell: usize) -> &AtomicU64 {
        self.shared.at(cell)
    }

    /// One more than the greatest number of a slab ever claimed.
    pub(crate) fn reached(&self) -> usize {
        // A file's word is whatever somebody made of it.
        (self.control.reached().load(Relaxed) as usize).min(self.slabs.len())
    }

    /// Slabs owned now, slabs ever claimed, chunks in use, updates of shared cells.
    pub(crate) fn usage(&self) -> [u64; 4] {
        let reached = self.reached();
        let owned = self.slabs[..reached].iter().filter(|slab| slab.owner.load(Relaxed) != 0).count();
        let chunks = self.control.given().load(Relaxed).min(self.sizes.chunks as u64);
        [owned as u64, reached as u64, chunks, self.control.shared_updates().load(Relaxed)]
    }
}

impl Claim {
    /// Adds to a cell of the slab, of which this thread is the only writer. What was counted there before.
    pub fn add(&self, cell: usize, amount: u64) -> u64 {
        match self.table.cell(cell) {
            Some(cell) => add_alone(cell, amount),
            None => self.add_first(cell, amount),
        }
    }

    /// So many cells of the slab, of which this thread is the only writer, if they lie in one chunk; taken from the pool if they
    /// are not there yet.
    pub(crate) fn run(&self, first: usize, len: usize) -> Option<&[AtomicU64]> {
        if !self.touch(first) {
            return None;
        }
        self.table.run(first, len)
    }

    /// Where it begins: for hot paths, as long as the claim lives.
    pub(crate) fn table(&self) -> BareTable {
        self.table.bare()
    }

    /// The first update of a chunk: takes one from the pool, or counts into the shared cell.
    #[cold]
    #[inline(never)]
    fn add_first(&self, cell: usize, amount: u64) -> u64 {
        if self.touch(cell) { self.add(cell, amount) } else { self.cells.add_shared(cell, amount) }
    }

    /// Makes sure that the cell's chunk is there; `false` if the pool is empty.
    pub fn touch(&self, cell: usize) -> bool {
        let cell = cell % self.table.cells();
        if self.table.cell(cell).is_some() {
            return true;
        }
        let (cells, sizes) = (&*self.cells, self.cells.sizes);
        // Looked at first, so that an empty pool does not make the count run away.
        let most = sizes.chunks as u64;
        if cells.control.given().load(Relaxed) >= most {
            return false;
        }
        // Relaxed: an exchange gives each number once, whatever else is seen.
        let chunk = cells.control.given().fetch_add(1, Relaxed);
        if chunk < most {
            let (table, start) = (sizes.table_at(self.number), sizes.chunk_at(chunk as usize));
            // SAFETY: it was not there, and we are the owner; the number is that of a chunk in the pool, which lies behind
            // all tables, and was given to nobody else.
            unsafe { self.table.lead(cell / CHUNK, start - table) };
        }
        chunk < most
    }

    /// Gives the slab back. The claim is not used after it.
    pub fn release(&self) {
        self.cells.release(self.number);
    }
}

/// Adds to a cell that nobody else writes, so that a load and a store lose nothing. What it said before.
#[inline(always)]
pub(crate) fn add_alone(cell: &AtomicU64, amount: u64) -> u64 {
    let before = cell.load(Relaxed);
    cell.store(before.wrapping_add(amount), Relaxed);
    before
}

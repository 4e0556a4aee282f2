//! Cells: what a metric is made of, one set per thread and one shared.
//!
//! A metric is an index into cells. A thread owns a *slab*: a table of chunks, each with room for
//! [`CHUNK`] cells, taken from a common pool when a cell of the chunk is first touched. It alone writes them, so
//! an increment is a load and a store. When the thread exits, the slab is released as it is, and the next
//! thread *adopts* it and counts on: values never move, nothing is folded, nothing is counted twice,
//! and memory is bounded by the most threads alive at once. The value of a cell is the sum over all slabs and the shared
//! cell, into which everybody counts who has no slab or finds the pool empty.
//!
//! Pool and tables start as zeros and chunks never move or return, so a chunk's number can be
//! published Relaxed: there is nothing behind it that a reader could see too early.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `slab-owner` | store in [`Cells::release`] | exchange in [`Cells::claim`] |

use crate::region::{Region, Words};
use crate::sync::{Arc, AtomicU32, AtomicU64, CachePadded, Relaxed, acquire, release};

/// Cells of one chunk: 512 bytes.
pub(crate) const CHUNK: usize = 64;

/// The sizes of a set of cells; all are powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Cells in all: a counter takes one, a histogram over a thousand.
    pub cells: usize,
    /// Slabs: how many threads count at once without sharing.
    pub slabs: usize,
    /// Chunks in the pool.
    pub chunks: usize,
}

impl Sizes {
    fn tables(self) -> usize {
        (self.cells / CHUNK).max(1)
    }

    /// Words of memory that these take.
    pub fn footprint(self) -> usize {
        self.cells + self.slabs * self.tables() + self.chunks * CHUNK
    }
}

/// All cells of a telemetry.
#[derive(Debug)]
pub struct Cells {
    shared: Words,
    pool: Words,
    /// The next chunk to be given out; may exceed the pool, whose size says how many there are. Chunk 0 stays
    /// unused, so that 0 can mean "none".
    given: CachePadded<AtomicU64>,
    /// Updates that went to shared cells although their thread might have had its own.
    shared_updates: CachePadded<AtomicU64>,
    slabs: Box<[Slab]>,
    /// One more than the greatest number of a slab ever claimed.
    reached: AtomicU32,
}

#[derive(Debug)]
struct Slab {
    /// 0: free, 1: owned.
    owner: AtomicU32,
    /// By chunk of cells: where it starts in the pool; 0: not touched.
    table: Words,
}

/// A claimed slab: the right of one thread to write its cells.
#[derive(Debug)]
pub struct Claim {
    cells: Arc<Cells>,
    number: usize,
    /// The slab's table and the pool, at hand: an increment follows no further pointer.
    table: Words,
    pool: Words,
}

impl Cells {
    /// All zero; `None` where the system has not as much memory.
    pub fn new(sizes: Sizes) -> Option<Arc<Self>> {
        let region = Region::heap(sizes.footprint())?;
        let tables = sizes.tables();
        let slab = |number: usize| Slab {
            owner: AtomicU32::new(0),
            table: region.words(sizes.cells + number * tables, tables),
        };
        Some(Arc::new(Self {
            shared: region.words(0, sizes.cells),
            pool: region.words(sizes.cells + sizes.slabs * tables, sizes.chunks * CHUNK),
            given: CachePadded::new(AtomicU64::new(1)),
            shared_updates: CachePadded::new(AtomicU64::new(0)),
            slabs: (0..sizes.slabs).map(slab).collect(),
            reached: AtomicU32::new(0),
        }))
    }

    /// A free slab, the lowest first, with whatever it counted before; `None` if there is none.
    pub fn claim(self: &Arc<Self>) -> Option<Claim> {
        let free = |slab: &Slab| {
            slab.owner.load(Relaxed) == 0
                // Acquire, edge `slab-owner` (partner: `release`): we count on from what the last owner counted.
                && slab.owner.compare_exchange(0, 1, acquire("slab-owner"), Relaxed).is_ok()
        };
        let number = self.slabs.iter().position(free)?;
        // Relaxed: whoever must see our counts has an edge from us that carries this too.
        self.reached.fetch_max(number as u32 + 1, Relaxed);
        let (table, pool) = (self.slabs[number].table.clone(), self.pool.clone());
        Some(Claim { cells: self.clone(), number, table, pool })
    }

    fn release(&self, number: usize) {
        // Release, edge `slab-owner` (partner: `claim`): the next owner sees our last counts.
        self.slabs[number].owner.store(0, release("slab-owner"));
    }

    /// The value of a cell: the sum over all threads, living and gone.
    pub fn sum(&self, cell: usize) -> u64 {
        let mut sum = self.shared.at(cell).load(Relaxed);
        for slab in &self.slabs[..self.reached.load(Relaxed) as usize] {
            let chunk = slab.table.at(cell / CHUNK).load(Relaxed) as usize;
            if chunk != 0 {
                sum = sum.wrapping_add(self.pool.at(chunk + cell % CHUNK).load(Relaxed));
            }
        }
        sum
    }

    /// Adds to a cell from a thread that has no slab.
    #[cold]
    pub fn add_shared(&self, cell: usize, amount: u64) {
        self.shared.at(cell).fetch_add(amount, Relaxed);
        self.shared_updates.fetch_add(1, Relaxed);
    }

    /// Makes a cell zero again, in every slab. For whoever knows that nobody writes it: its series has no claims left.
    pub fn zero(&self, cell: usize) {
        self.shared.at(cell).store(0, Relaxed);
        for slab in &self.slabs[..self.reached.load(Relaxed) as usize] {
            let chunk = slab.table.at(cell / CHUNK).load(Relaxed) as usize;
            if chunk != 0 {
                self.pool.at(chunk + cell % CHUNK).store(0, Relaxed);
            }
        }
    }

    /// The shared cell itself: what a gauge sets.
    pub(crate) fn shared(&self, cell: usize) -> &AtomicU64 {
        self.shared.at(cell)
    }

    /// Slabs owned now, slabs ever claimed, chunks in use, updates of shared cells.
    pub(crate) fn usage(&self) -> [u64; 4] {
        let reached = self.reached.load(Relaxed) as usize;
        let owned = self.slabs[..reached].iter().filter(|slab| slab.owner.load(Relaxed) != 0).count();
        let chunks = self.given.load(Relaxed).min((self.pool.len() / CHUNK) as u64) - 1;
        [owned as u64, reached as u64, chunks, self.shared_updates.load(Relaxed)]
    }
}

impl Claim {
    /// Adds to a cell of the slab, of which this thread is the only writer.
    #[inline(always)]
    pub fn add(&self, cell: usize, amount: u64) {
        let chunk = self.table.at(cell / CHUNK).load(Relaxed) as usize;
        if chunk == 0 {
            return self.add_first(cell, amount);
        }
        let cell = self.pool.at(chunk + cell % CHUNK);
        // One writer, so a load and a store lose nothing.
        cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// The first update of a chunk: takes one from the pool, or counts into the shared cell.
    #[cold]
    #[inline(never)]
    fn add_first(&self, cell: usize, amount: u64) {
        if self.touch(cell) { self.add(cell, amount) } else { self.cells.add_shared(cell, amount) }
    }

    /// Makes sure that the cell's chunk is there; `false` if the pool is empty.
    pub fn touch(&self, cell: usize) -> bool {
        let cells = &*self.cells;
        let entry = self.table.at(cell / CHUNK);
        if entry.load(Relaxed) != 0 {
            return true;
        }
        // Looked at first, so that an empty pool does not make the count run away.
        let most = (cells.pool.len() / CHUNK) as u64;
        if cells.given.load(Relaxed) >= most {
            return false;
        }
        let chunk = cells.given.fetch_add(1, Relaxed);
        if chunk < most {
            entry.store(chunk * CHUNK as u64, Relaxed);
        }
        chunk < most
    }

    /// Gives the slab back. The claim is not used after it.
    pub fn release(&self) {
        self.cells.release(self.number);
    }
}

//! What each thread let through and held back, kind by kind.
//!
//! A thread owns a *slab* of counters, which it alone writes: a count is a load and a store, and no line goes back and
//! forth. When the thread exits, the slab is released as it is and the next thread counts on, so nothing is folded or
//! lost, a sample goes on where it stopped, and there are no more slabs than there were threads at once. Who has none
//! (a signal handler, a thread at its end, the child of a fork) counts in the shared slab, by atomic additions.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `tally-owner` | store in [`Slab::release`] | exchange in [`Slab::try_claim`] |

use super::gate::Slot;
use crate::events::store::Store;
use crate::local::{self, Busy, Role, Seat};
use crate::region::{Region, Words};
use crate::sync::{Arc, AtomicU32, AtomicU64, Mutex, Relaxed, acquire, release};
use std::ptr::NonNull;

/// Counters of a kind.
const CELLS: usize = 4;

/// A counter of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Cell {
    /// Of a thread's own slab: how many events the sample leaves out next. Of the shared one: how many it has seen.
    Turn = 0,
    /// Left out by the sample.
    Sampled = 1,
    /// Held back by the rate.
    Limited = 2,
    /// Let through.
    Passed = 3,
}

/// The counters of one thread at a time.
#[derive(Debug)]
pub struct Slab {
    /// 0: free, 1: owned.
    owner: AtomicU32,
    words: Words,
}

impl Slab {
    /// A free one, all zero; `None` where the system has not as much memory. What is not used is never touched.
    pub fn new(slots: usize) -> Option<Self> {
        let words = Region::heap(slots * CELLS)?.words(0, slots * CELLS);
        Some(Self { owner: AtomicU32::new(0), words })
    }

    /// Becomes its owner, unless somebody else is. Wait-free: one attempt.
    #[must_use]
    pub fn try_claim(&self) -> bool {
        self.owner.load(Relaxed) == 0
            // Acquire, edge `tally-owner` (partner: `release`): we count on from what the last owner counted.
            && self.owner.compare_exchange(0, 1, acquire("tally-owner"), Relaxed).is_ok()
    }

    /// Gives it back. To be called by the owner, who counts no more.
    pub fn release(&self) {
        // Release, edge `tally-owner` (partner: `try_claim`): the next owner sees our last counts.
        self.owner.store(0, release("tally-owner"));
    }

    /// Its counters.
    pub fn counts(&self) -> Counts<'_> {
        Counts(&self.words)
    }
}

/// The counters of a slab.
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a>(&'a Words);

impl<'a> Counts<'a> {
    /// One of them.
    #[inline(always)]
    pub fn at(self, slot: Slot, cell: Cell) -> &'a AtomicU64 {
        self.0.at(usize::from(slot.0) * CELLS + cell as usize)
    }

    /// One more, counted by the owner.
    #[inline(always)]
    pub fn own(self, slot: Slot, cell: Cell) {
        let counter = self.at(slot, cell);
        // One writer, so a load and a store lose nothing.
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// One more, counted by anybody; how many there were before.
    pub(super) fn shared(self, slot: Slot, cell: Cell) -> u64 {
        self.at(slot, cell).fetch_add(1, Relaxed)
    }
}

/// All slabs of a store.
#[derive(Debug)]
pub(super) struct Tallies {
    slots: usize,
    shared: Slab,
    /// Cold: a thread takes one at its first event of a sampled or limited kind.
    slabs: Mutex<Vec<Arc<Slab>>>,
}

impl Tallies {
    pub(super) fn new(slots: usize) -> Option<Self> {
        Some(Self { slots, shared: Slab::new(slots)?, slabs: Mutex::new(Vec::new()) })
    }

    pub(super) fn shared(&self) -> Counts<'_> {
        self.shared.counts()
    }

    /// A slab for a thread, which has set its [`Busy`] mark; `None` where the system has no memory for one.
    fn claim(&self) -> Option<Arc<Slab>> {
        let mut slabs = self.slabs.lock();
        if let Some(free) = slabs.iter().find(|slab| slab.try_claim()) {
            return Some(free.clone());
        }
        let slab = Arc::new(Slab::new(self.slots)?);
        let _ours = slab.try_claim();
        slabs.push(slab.clone());
        Some(slab)
    }

    /// Every slab there is, the shared one last.
    pub(super) fn sums(&self, slot: Slot, cells: [Cell; 3]) -> [u64; 3] {
        // Under the lock nothing is allocated.
        let slabs = self.slabs.lock();
        let sum = |cell| {
            let all = slabs.iter().map(|slab| &**slab).chain([&self.shared]);
            all.map(|slab| slab.counts().at(slot, cell).load(Relaxed)).fold(0, u64::wrapping_add)
        };
        cells.map(sum)
    }
}

/// What a thread holds of a store: its slab.
pub(super) struct TallySeat {
    store: Arc<Store>,
    slab: Arc<Slab>,
    /// The slab's, at hand: an event follows no further pointer.
    words: Words,
}

impl TallySeat {
    /// Takes one for this thread, which has set its [`Busy`] mark; `None` if it may hold no more, or is ending.
    fn take(store: &Arc<Store>) -> Option<Arc<Self>> {
        local::may_hold(store.deck).ok()?;
        let slab = store.control.tallies.claim()?;
        let seat = Arc::new(Self { store: store.clone(), words: slab.words.clone(), slab });
        let target = NonNull::from(&*seat).cast();
        match local::hold(store.deck, Role::Tally, target, seat.clone()) {
            Ok(()) => Some(seat),
            Err(_) => {
                seat.release();
                None
            }
        }
    }
}

impl Seat for TallySeat {
    fn release(&self) {
        self.slab.release();
    }

    fn is_orphaned(&self) -> bool {
        self.store.orphaned.load(Relaxed)
    }
}

/// Calls `body` with this thread's own counters; `None` if it has none. `body` takes no seat.
#[inline(always)]
pub(super) fn with<R>(store: &Store, body: impl FnOnce(Counts<'_>) -> R) -> Option<R> {
    let seat = local::held(store.deck, Role::Tally)?;
    // SAFETY: this thread holds the seat, and with it the `Arc` that keeps it alive; it is given back only when the
    // thread takes another seat or ends.
    Some(body(Counts(&unsafe { seat.cast::<TallySeat>().as_ref() }.words)))
}

/// As [`with`], for a thread that has no counters yet: takes some.
pub(super) fn with_first<R>(store: &Arc<Store>, body: impl FnOnce(Counts<'_>) -> R) -> Option<R> {
    if store.is_forked() {
        return None;
    }
    // What allocates below may record: that one counts in the shared slab.
    let _busy = Busy::set()?;
    TallySeat::take(store).map(|seat| body(Counts(&seat.words)))
}

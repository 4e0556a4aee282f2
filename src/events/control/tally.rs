//! What each thread let through and held back, kind by kind.
//!
//! A thread owns a *slab* of counters, which it alone writes: a count is a load and a store, and no line goes back and
//! forth. When the thread exits, the slab is released as it is and the next thread counts on, so nothing is folded or
//! lost, a sample goes on where it stopped, and there are no more slabs than there were threads at once. That of a thread
//! that ended without a word is released by [`Tallies::reclaim`], as it is. Who has none
//! (a signal handler, a thread at its end, the child of a fork) counts in the shared slab, by atomic additions.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `tally-owner` | store in [`Slab::release`] | exchange in [`Slab::try_claim`] |

use super::gate::{LINE, Slot};
use crate::events::kinds::SLOTS;
use crate::events::shard::Owner;
use crate::events::store::Store;
use crate::local::{self, Busy, Role, Seat};
use crate::region::{Region, Words};
use crate::sync::{Arc, AtomicU32, AtomicU64, Mutex, Relaxed, acquire, release};
use std::ptr::NonNull;

/// A counter of a kind, whose counters are a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Cell {
    /// How many events the sample leaves out before it lets the next one through. Counted down, and by that alone is an
    /// event counted that it leaves out.
    Left = 0,
    /// Where `Left` began.
    Begun = 1,
    /// Left out by the sample before that.
    Skipped = 2,
    /// Let through by the sample.
    Chosen = 3,
    /// Let through by the rate.
    Granted = 4,
    /// Held back by the rate.
    Limited = 5,
    /// Of the shared slab, in place of `Left`: shown to the sample.
    Shown = 6,
}

/// The counters of one thread at a time, for `N` kinds, a power of two.
///
/// Invariant: the words are so many lines.
#[derive(Debug)]
pub struct Slab<const N: usize> {
    /// An [`Owner`].
    owner: AtomicU32,
    words: Words,
}

impl<const N: usize> Slab<N> {
    /// A free one, all zero; `None` where the system has not as much memory. What is not used is never touched.
    pub fn new() -> Option<Self> {
        const { assert!(N.is_power_of_two()) };
        let words = Region::heap(N * LINE)?.words(0, N * LINE);
        Some(Self { owner: AtomicU32::new(Owner::NOBODY.word()), words })
    }

    /// Becomes its owner, unless somebody else is. Wait-free: one attempt.
    #[must_use]
    pub fn try_claim(&self, owner: Owner) -> bool {
        self.owner() == Owner::NOBODY && self.try_pass(Owner::NOBODY, owner)
    }

    fn owner(&self) -> Owner {
        Owner::in_word(self.owner.load(Relaxed))
    }

    fn try_pass(&self, from: Owner, to: Owner) -> bool {
        // Acquire, edge `tally-owner` (partner: `release`): we count on from what the last owner counted.
        self.owner.compare_exchange(from.word(), to.word(), acquire("tally-owner"), Relaxed).is_ok()
    }

    /// Gives it back. To be called by the owner, who counts no more.
    pub fn release(&self) {
        // Release, edge `tally-owner` (partner: `try_claim`): the next owner sees our last counts.
        self.owner.store(Owner::NOBODY.word(), release("tally-owner"));
    }

    /// Gives it back for an owner that has vanished; whether it has.
    fn reclaim(&self) -> bool {
        let owner = self.owner();
        if !owner.has_vanished() || !self.try_pass(owner, Owner::IN_QUESTION) {
            return false;
        }
        // Once more, now that nobody else can claim it: by then a new thread may have had that number, and the slab. If so it
        // goes on, or has given the slab back meanwhile.
        let has_vanished = owner.has_vanished();
        if has_vanished {
            // What it counted happened before: a system that says of a thread that it is gone has seen its last store.
            self.release();
        } else {
            let _ = self.try_pass(Owner::IN_QUESTION, owner);
        }
        has_vanished
    }

    /// Its counters of a kind.
    #[inline(always)]
    pub fn counts(&self, slot: Slot) -> Counts<'_> {
        // SAFETY: so many lines (invariant).
        Counts(unsafe { slot.line::<N>(&self.words) })
    }
}

/// The counters of a kind in a slab.
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a>(&'a [AtomicU64; LINE]);

impl Counts<'_> {
    /// What one of them says.
    #[inline(always)]
    pub fn get(self, cell: Cell) -> u64 {
        self.0[cell as usize].load(Relaxed)
    }

    /// Set by the owner.
    #[inline(always)]
    pub(super) fn set(self, cell: Cell, value: u64) {
        self.0[cell as usize].store(value, Relaxed);
    }

    /// One more, counted by the owner.
    #[inline(always)]
    pub fn count(self, cell: Cell) {
        // One writer, so a load and a store lose nothing.
        self.set(cell, self.get(cell).wrapping_add(1));
    }

    /// Lets one event through, and leaves out so many after it. By the owner.
    pub(super) fn begin_to_skip(self, skips: u64) {
        self.set(Cell::Skipped, self.skipped());
        self.set(Cell::Begun, skips);
        self.set(Cell::Left, skips);
        self.count(Cell::Chosen);
    }

    /// Left out by the sample. Exact for the owner; whoever else asks may see one round twice or not at all.
    pub(super) fn skipped(self) -> u64 {
        let of_this_round = self.get(Cell::Begun).saturating_sub(self.get(Cell::Left));
        self.get(Cell::Skipped).wrapping_add(of_this_round)
    }

    /// One more, counted by anybody; how many there were before.
    pub(super) fn count_shared(self, cell: Cell) -> u64 {
        self.0[cell as usize].fetch_add(1, Relaxed)
    }
}

/// A slab for all kinds there can be.
type FullSlab = Slab<SLOTS>;

/// All slabs of a store.
#[derive(Debug)]
pub(in crate::events) struct Tallies {
    shared: FullSlab,
    /// Cold: a thread takes one at its first event of a sampled or limited kind.
    slabs: Mutex<Vec<Arc<FullSlab>>>,
}

/// What samples and rates let through and held back of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) skipped: u64,
    pub(super) chosen: u64,
    pub(super) granted: u64,
    pub(super) limited: u64,
}

impl Tallies {
    pub(super) fn new() -> Option<Self> {
        Some(Self { shared: Slab::new()?, slabs: Mutex::new(Vec::new()) })
    }

    pub(super) fn shared(&self, slot: Slot) -> Counts<'_> {
        self.shared.counts(slot)
    }

    /// A slab for a thread, which has set its [`Busy`] mark; `None` where the system has no memory for one.
    fn claim(&self) -> Option<Arc<FullSlab>> {
        let mut slabs = self.slabs.lock();
        let owner = Owner::this_thread();
        if let Some(free) = slabs.iter().find(|slab| slab.try_claim(owner)) {
            return Some(free.clone());
        }
        let slab = Arc::new(Slab::new()?);
        let _ours = slab.try_claim(owner);
        slabs.push(slab.clone());
        Some(slab)
    }

    /// Gives back the slabs of threads that ended without a word: the next threads count on. Costs a system call for each that
    /// a thread holds.
    pub(in crate::events) fn reclaim(&self) {
        self.slabs.lock().iter().for_each(|slab| {
            slab.reclaim();
        });
    }

    /// What all slabs together say.
    pub(super) fn sums(&self, slot: Slot) -> Sums {
        // Under the lock nothing is allocated.
        let slabs = self.slabs.lock();
        let all = slabs.iter().map(|slab| &**slab).chain([&self.shared]).map(|slab| slab.counts(slot));
        all.fold(Sums::default(), |sums, counts| Sums {
            skipped: sums.skipped.wrapping_add(counts.skipped()),
            chosen: sums.chosen.wrapping_add(counts.get(Cell::Chosen)),
            granted: sums.granted.wrapping_add(counts.get(Cell::Granted)),
            limited: sums.limited.wrapping_add(counts.get(Cell::Limited)),
        })
    }
}

/// What a thread holds of a store: its slab.
pub(super) struct TallySeat {
    store: Arc<Store>,
    slab: Arc<FullSlab>,
}

impl TallySeat {
    /// Takes one for this thread, which has set its [`Busy`] mark; `None` if it may hold no more, or is ending.
    fn take(store: &Arc<Store>) -> Option<Arc<Self>> {
        local::may_hold(store.deck).ok()?;
        let slab = store.control.tallies.claim()?;
        let seat = Arc::new(Self { store: store.clone(), slab });
        // The slab itself: an event follows no further pointer.
        let target = NonNull::from(&*seat.slab).cast();
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

impl Store {
    /// Calls `body` with this thread's own counters of a kind, if this is the store that the thread came to first; `None`
    /// if it has none, or came to others first. `body` takes no seat.
    #[inline(always)]
    pub(super) fn with_counts_at_hand<R>(&self, slot: Slot, body: impl FnOnce(Counts<'_>) -> R) -> Option<R> {
        let seat = local::held_first(self.deck, Role::Tally)?;
        // SAFETY: as of `with_counts`.
        Some(body(unsafe { seat.cast::<FullSlab>().as_ref() }.counts(slot)))
    }

    /// Calls `body` with this thread's own counters of a kind, which it takes if it has none; `None` if it may hold
    /// none. `body` takes no seat.
    pub(super) fn with_counts<R>(
        self: &Arc<Self>,
        slot: Slot,
        body: impl FnOnce(Counts<'_>) -> R,
    ) -> Option<R> {
        if let Some(seat) = local::held(self.deck, Role::Tally) {
            // SAFETY: this thread holds a seat, and with it the `Arc` of the slab; it is given back only when
            // the thread takes another seat or ends.
            return Some(body(unsafe { seat.cast::<FullSlab>().as_ref() }.counts(slot)));
        }
        if self.is_forked() {
            return None;
        }
        // What allocates below may record: that one counts in the shared slab.
        let _busy = Busy::set()?;
        TallySeat::take(self).map(|seat| body(seat.slab.counts(slot)))
    }
}

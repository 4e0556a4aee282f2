//! A shard: a ring for each retention class, and the claim that makes one thread their writer.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `shard-owner` | store in [`Shard::release`] | exchanges in [`Shard::try_claim`], [`Shard::take_over`] |

use super::class::{Class, PerClass};
use super::loss::Losses;
use super::ring::{Geometry, Ring, Unlinked, Writing};
use crate::os;
use crate::region::Region;
use crate::sync::{Arc, AtomicBool, AtomicU32, AtomicU64, CachePadded, Relaxed, acquire, release};
use std::ops::Range;

/// Who holds the claim on a shard, or on a slab of counters, as far as that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(u32);

impl Owner {
    pub(super) const NOBODY: Self = Self(0);
    /// Somebody: a writer that moves between threads, a signal handler.
    pub const UNKNOWN: Self = Self(u32::MAX);
    /// A thread that seems to have vanished, while that is looked into.
    pub(super) const IN_QUESTION: Self = Self(u32::MAX - 1);

    /// The calling thread, where the system has a number for it.
    pub(crate) fn this_thread() -> Self {
        os::thread_number().map_or(Self::UNKNOWN, Self)
    }

    /// As it stands in the word of a claim.
    pub(super) const fn in_word(word: u32) -> Self {
        Self(word)
    }

    pub(super) const fn word(self) -> u32 {
        self.0
    }

    /// A thread that has ended without giving back what it held.
    pub(super) fn has_vanished(self) -> bool {
        ![Self::NOBODY, Self::UNKNOWN, Self::IN_QUESTION].contains(&self) && os::is_gone(self.0)
    }
}

/// Rings whose writer is whoever holds the claim.
#[derive(Debug)]
pub struct Shard {
    rings: PerClass<Ring>,
    /// The latest stamp that was taken here. Of the owner.
    last_ticks: CachePadded<AtomicU64>,
    /// An [`Owner`].
    owner: CachePadded<AtomicU32>,
    /// What was meant for this shard and not kept.
    pub(crate) losses: Losses,
    /// Where its rings lie.
    memory: (Arc<Region>, Range<usize>),
    /// Whether an owner has touched all of it. Of the owner.
    touched: AtomicBool,
}

impl Shard {
    /// A free shard with rings laid out in `region` from `start` on, and counters of losses in memory of their own.
    #[cfg(flightdeck_loom)]
    pub fn new(region: &Arc<Region>, start: usize, geometry: &PerClass<Geometry>) -> Self {
        let losses = Losses::at(&Region::heap(Losses::WORDS).unwrap(), 0);
        Self::laid_out(region, start, geometry, losses)
    }

    /// A free shard with rings laid out in `region` from `start` on.
    pub(crate) fn laid_out(
        region: &Arc<Region>,
        start: usize,
        geometry: &PerClass<Geometry>,
        losses: Losses,
    ) -> Self {
        Self::over(region, start, geometry, losses, Ring::new)
    }

    /// The shard that lies in `region` from `start` on, for reading alone: stores nothing. As of [`Ring::open`].
    pub(crate) fn open(
        region: &Arc<Region>,
        start: usize,
        geometry: &PerClass<Geometry>,
        losses: Losses,
    ) -> Self {
        Self::over(region, start, geometry, losses, Ring::open)
    }

    fn over(
        region: &Arc<Region>,
        start: usize,
        geometry: &PerClass<Geometry>,
        losses: Losses,
        ring: impl Fn(&Arc<Region>, usize, Geometry) -> Ring,
    ) -> Self {
        let memory = (region.clone(), start..start + Self::footprint(geometry));
        let mut start = start;
        let rings = PerClass::of(|class| {
            let ring = ring(region, start, geometry[class]);
            start += geometry[class].footprint();
            ring
        });
        Self {
            rings,
            last_ticks: CachePadded::new(AtomicU64::new(0)),
            owner: CachePadded::new(AtomicU32::new(Owner::NOBODY.0)),
            losses,
            memory,
            touched: AtomicBool::new(false),
        }
    }

    /// Where its rings lie, beside others.
    #[cfg(all(test, not(flightdeck_loom)))]
    pub(crate) fn region(&self) -> &Region {
        &self.memory.0
    }

    /// Words of memory that its rings take.
    pub fn footprint(geometry: &PerClass<Geometry>) -> usize {
        geometry.iter().map(|(_, ring)| ring.footprint()).sum()
    }

    /// For reading: free to everybody.
    pub fn rings(&self) -> &PerClass<Ring> {
        &self.rings
    }

    /// Becomes the writer, unless somebody else is. Wait-free: one attempt.
    #[inline]
    #[must_use]
    pub fn try_claim(&self, owner: Owner) -> bool {
        // Looked at first, so that a full house costs readers' traffic only.
        self.is_owned_by(Owner::NOBODY) && self.try_pass(Owner::NOBODY, owner)
    }

    #[inline]
    fn try_pass(&self, from: Owner, to: Owner) -> bool {
        // Acquire, edge `shard-owner` (partner: `release`): all that the last owner did, private state included,
        // happened before.
        let passed = self.owner.compare_exchange(from.0, to.0, acquire("shard-owner"), Relaxed).is_ok();
        if passed {
            Ring::claimed();
        }
        passed
    }

    fn is_owned_by(&self, owner: Owner) -> bool {
        self.owner.load(Relaxed) == owner.0
    }

    /// Sets the shard free if its owner has vanished. `look` as of [`Ring::take_over`].
    pub(crate) fn reclaim(&self, look: impl Fn(&Ring, u64) -> Option<Unlinked>) -> bool {
        let owner = Owner(self.owner.load(Relaxed));
        if !owner.has_vanished() || !self.try_pass(owner, Owner::IN_QUESTION) {
            return false;
        }
        // Once more, now that nobody else can claim it: by then a new thread may have had that number, and the shard. If so
        // it goes on, or has given the shard back meanwhile.
        if !owner.has_vanished() {
            let _ = self.try_pass(Owner::IN_QUESTION, owner);
            return false;
        }
        // SAFETY: it has ended, so it will not write again. What it did happened before: a system that says of a
        // thread that it is gone has seen its last store.
        unsafe { self.take_over(Owner::IN_QUESTION, look) }
    }

    /// Takes the shard from `owner`, makes its rings whole, and sets it free; `false` if somebody else was faster.
    ///
    /// # Safety
    /// That owner will not write again, and all it did happened before.
    pub unsafe fn take_over(&self, owner: Owner, look: impl Fn(&Ring, u64) -> Option<Unlinked>) -> bool {
        let passed = self.try_pass(owner, Owner::UNKNOWN);
        if passed {
            for (_, ring) in self.rings.iter() {
                // SAFETY: the claim is ours; the last owner is the one that vanished (contract).
                unsafe { ring.take_over(&look) };
            }
            // SAFETY: as above.
            unsafe { self.release() };
        }
        passed
    }

    /// Gives the claim back.
    ///
    /// # Safety
    /// The caller holds the claim, and does not write again before another [`Shard::try_claim`].
    pub unsafe fn release(&self) {
        // Release, edge `shard-owner` (partner: `try_claim`): the next owner goes on from all that we did.
        self.owner.store(Owner::NOBODY.0, release("shard-owner"));
    }

    /// Gives the claim back for good: what waits to be threaded into the index is first, so that no query has to look for it
    /// until somebody comes.
    ///
    /// # Safety
    /// As of [`Shard::release`].
    pub unsafe fn retire(&self) {
        for class in Class::ALL {
            // SAFETY: the claim is the caller's, who is not in the middle of a write (contract).
            unsafe { self.writing(class) }.link_waiting();
        }
        // SAFETY: the contract is the same.
        unsafe { self.release() };
    }

    /// Starts a write.
    ///
    /// # Safety
    /// The caller holds the claim and has no other [`Writing`] of this ring.
    #[inline(always)]
    pub unsafe fn writing(&self, class: Class) -> Writing<'_> {
        // SAFETY: one claim, one thread (contract); claims follow one another by edge `shard-owner`, and
        // `try_claim` has called `claimed`.
        unsafe { self.rings[class].begin() }
    }

    /// `ticks`, or those of the owner's last call if they are later: stamps of one shard never go back.
    #[inline(always)]
    pub(crate) fn monotone(&self, ticks: u64) -> u64 {
        // One writer, so a load and a store.
        let ticks = ticks.max(self.last_ticks.load(Relaxed));
        self.last_ticks.store(ticks, Relaxed);
        ticks
    }

    /// The latest stamp that was taken here. To be asked by the owner.
    pub(crate) fn last_ticks(&self) -> u64 {
        self.last_ticks.load(Relaxed)
    }

    /// Touches all its memory, unless an owner did before. To be called by the owner.
    pub(crate) fn touch(&self) {
        // Relaxed: owners follow one another by edge `shard-owner`.
        if !self.touched.load(Relaxed) {
            let (region, words) = &self.memory;
            region.touch(words.start, words.len());
            self.touched.store(true, Relaxed);
        }
    }

    /// Whether some thread is its writer now. May be outdated on return.
    pub fn is_claimed(&self) -> bool {
        !self.is_owned_by(Owner::NOBODY)
    }
}

//! The one seam between Flightdeck and the primitives it stands on: std, parking_lot, crossbeam and
//! arc-swap outside, loom and stand-ins inside models, shuttle inside storms. No other file of the library names them.
//!
//! **Edges.** A synchronisation edge has a name, and every ordering that takes part in it is
//! requested by that name: [`release`]`("ring-tail")` on the publishing side,
//! [`acquire_fence`]`("ring-tail")` on the observing one. Outside models these are the constants they
//! say. Inside a model one side of one edge can be weakened to `Relaxed`, and the model must then
//! fail (`loom-tests/tests`). The edges of a protocol are listed at the top of the file that owns it.
//!
//! **Storms** (`loom-tests/shuttle`) are many threads, scheduled at random: what is too large for models. They know no
//! order weaker than `SeqCst`, so edges mean nothing to them.
//!
//! `std::sync::Arc` and crossbeam's `SegQueue` are the same in all three worlds: trusted, not modelled.

#[cfg(any(test, flightdeck_loom))]
pub(crate) mod fuse;
#[cfg(flightdeck_loom)]
pub(crate) mod model;
#[cfg(not(any(flightdeck_loom, flightdeck_shuttle)))]
mod real;
#[cfg(flightdeck_shuttle)]
mod shuttle;

#[cfg(flightdeck_loom)]
pub(crate) use model::*;
#[cfg(not(any(flightdeck_loom, flightdeck_shuttle)))]
pub(crate) use real::*;
#[cfg(flightdeck_shuttle)]
pub(crate) use shuttle::*;

pub(crate) use crossbeam_queue::SegQueue;
pub(crate) use crossbeam_utils::CachePadded;
pub(crate) use std::sync::atomic::Ordering::{self, Relaxed};
pub(crate) use std::sync::{Arc, OnceLock, Weak};
pub(crate) use std::thread;

use std::sync::atomic::{AtomicU32 as StdAtomicU32, AtomicU64 as StdAtomicU64};

/// A number that this process has not handed out before: identity of decks, never used twice.
pub(crate) fn unique_number() -> u64 {
    static NEXT: StdAtomicU64 = StdAtomicU64::new(1);
    // Relaxed: uniqueness comes from the read-modify-write alone; nothing is published with it.
    NEXT.fetch_add(1, Relaxed)
}

/// The process-wide number of a call site, given at first use. Part of a `static`, so it is never
/// loom's: numbers carry no data, and no model depends on them.
#[derive(Debug)]
pub(crate) struct SiteNumber(StdAtomicU32);

impl SiteNumber {
    pub(crate) const fn new() -> Self {
        Self(StdAtomicU32::new(0))
    }

    /// Call sites that are told apart. Further ones share this number, and no deck learns what it stands for.
    pub(crate) const MOST: u32 = 4_095;

    /// The number, from 1 up; 0 before [`SiteNumber::assigned`].
    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        // Relaxed: the number stands for itself.
        self.0.load(Relaxed)
    }

    /// The number, given now if it was not before.
    pub(crate) fn assigned(&self) -> u32 {
        static NEXT: StdAtomicU32 = StdAtomicU32::new(1);
        if self.get() == 0 {
            let fresh = NEXT.fetch_add(1, Relaxed).min(Self::MOST);
            // Whoever comes second takes the first one's.
            let _ = self.0.compare_exchange(0, fresh, Relaxed, Relaxed);
        }
        self.get()
    }
}

/// The process-wide number of a call site that names a metric, given at first use. As [`SiteNumber`], but without a
/// limit: no table is sized by it.
#[derive(Debug)]
pub(crate) struct CallSite(StdAtomicU32);

impl CallSite {
    pub(crate) const fn new() -> Self {
        Self(StdAtomicU32::new(0))
    }

    /// The number, from 1 up; 0 before [`CallSite::assigned`].
    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        // Relaxed: the number stands for itself.
        self.0.load(Relaxed)
    }

    /// The number, given now if it was not before.
    pub(crate) fn assigned(&self) -> u32 {
        static NEXT: StdAtomicU32 = StdAtomicU32::new(1);
        if self.get() == 0 {
            // Whoever comes second takes the first one's.
            let _ = self.0.compare_exchange(0, NEXT.fetch_add(1, Relaxed), Relaxed, Relaxed);
        }
        self.get()
    }
}

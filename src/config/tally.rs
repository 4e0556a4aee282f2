//! How often readers read: each in a cell of its own, which the sum over all of them leaves alone.

use super::observe::Count;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed};

/// What one reader did. Only that reader stores, so it needs no read-modify-write.
#[derive(Debug)]
pub(super) struct Tally {
    reads: AtomicU64,
    refreshes: AtomicU64,
}

impl Tally {
    #[inline(always)]
    pub(super) fn count_read(&self) {
        self.reads.store(self.reads.load(Relaxed).wrapping_add(1), Relaxed);
    }

    pub(super) fn count_refresh(&self) {
        self.refreshes.store(self.refreshes.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

/// The tallies of all readers of a config, and what those that are gone have left.
#[derive(Debug)]
pub(super) struct Tallies {
    live: Mutex<Vec<Arc<Tally>>>,
    reads: Count,
    refreshes: Count,
}

impl Tallies {
    pub(super) fn new() -> Self {
        Self { live: Mutex::new(Vec::new()), reads: Count::zero(), refreshes: Count::zero() }
    }

    pub(super) fn add(&self) -> Arc<Tally> {
        let tally = Arc::new(Tally { reads: AtomicU64::new(0), refreshes: AtomicU64::new(0) });
        self.live.lock().push(tally.clone());
        tally
    }

    /// Its reader is gone: what it did stays.
    pub(super) fn fold(&self, gone: &Arc<Tally>) {
        let mut live = self.live.lock();
        if let Some(at) = live.iter().position(|tally| Arc::ptr_eq(tally, gone)) {
            let tally = live.swap_remove(at);
            // Under the lock, so that a sum finds it on one side.
            self.reads.add(tally.reads.load(Relaxed));
            self.refreshes.add(tally.refreshes.load(Relaxed));
        }
    }

    /// Readers, reads, refreshes.
    pub(super) fn sum(&self) -> (usize, u64, u64) {
        let live = self.live.lock();
        let mut sum = (live.len(), self.reads.get(), self.refreshes.get());
        for tally in &*live {
            sum.1 = sum.1.wrapping_add(tally.reads.load(Relaxed));
            sum.2 = sum.2.wrapping_add(tally.refreshes.load(Relaxed));
        }
        sum
    }
}

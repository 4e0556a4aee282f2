//! Sums.

use super::Cell;

/// A sum that only grows. Cheap to clone; clones are the same counter.
#[derive(Clone, Debug)]
pub struct Counter(pub(in crate::telemetry) Cell);

impl Counter {
    /// Adds to it. Wait-free: a thread-local look-up, a load, a store.
    #[inline(always)]
    pub fn increment(&self, amount: u64) {
        self.0.add(0, amount);
    }

    /// The sum over all threads.
    #[must_use]
    pub fn value(&self) -> u64 {
        if self.0.refused { 0 } else { self.0.inner.cells.sum(self.0.cell) }
    }

    /// Takes the memory that this thread's first increment would take.
    pub fn touch(&self) {
        self.0.touch(1);
    }
}

//! Where the span ids of each thread start.

use crate::sync::{AtomicU64, Relaxed};
use crate::{local, random};

/// Seeds for the threads' generators of span ids: random ones, or the same in each run.
#[derive(Debug, Default)]
pub(crate) struct Seeds(Option<AtomicU64>);

impl Seeds {
    /// Counted from `first` on, if there is one.
    pub(crate) fn new(first: Option<u64>) -> Self {
        Self(first.map(AtomicU64::new))
    }

    /// For one more thread.
    #[cold]
    pub(crate) fn next(&self) -> u64 {
        match &self.0 {
            // The generator walks in steps of one odd constant; multiplied by another, neighbours start far apart.
            // Zero means not seeded.
            Some(next) => {
                next.fetch_add(1, Relaxed).wrapping_add(1).wrapping_mul(0xd134_2543_de82_ef95).max(1)
            }
            None => random::seed(),
        }
    }

    /// Starts the calling thread anew, if ids are to be the same in each run: whatever it did before this store
    /// was there shall not show.
    pub(crate) fn restart_this_thread(&self) {
        if self.0.is_some() {
            local::seed_spans(self.next());
        }
    }
}

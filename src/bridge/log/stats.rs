//! What was not recorded as it was said.

use crate::sync::{AtomicU64, Relaxed};

/// What a [`Logger`](super::Logger) did not record as it was said. What the store lost or suppressed it counts itself:
/// [`Events::stats`](crate::events::Events::stats), [`Events::suppressed`](crate::events::Events::suppressed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Values of which only the beginning was kept; each is [marked](crate::events::Value::CutStr).
    pub values_cut: u64,
    /// Pairs over the 15 that an event keeps, and those that could not be read.
    pub pairs_left_out: u64,
    /// Records that were recorded as text, of kind `log.other`.
    pub as_text: u64,
    /// What was said while values were shown, deeper than four.
    pub nested_left_out: u64,
    /// What the store refused: too large, or in a fork.
    pub refused: u64,
}

/// Relaxed: each stands for itself.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) values_cut: AtomicU64,
    pub(super) pairs_left_out: AtomicU64,
    pub(super) as_text: AtomicU64,
    pub(super) nested_left_out: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Counts {
    #[cold]
    pub(super) fn add(count: &AtomicU64, times: u64) {
        count.fetch_add(times, Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        let now = |count: &AtomicU64| count.load(Relaxed);
        Stats {
            values_cut: now(&self.values_cut),
            pairs_left_out: now(&self.pairs_left_out),
            as_text: now(&self.as_text),
            nested_left_out: now(&self.nested_left_out),
            refused: now(&self.refused),
        }
    }
}

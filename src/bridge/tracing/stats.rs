//! What was not recorded as it was said.

use crate::sync::{AtomicU64, Relaxed};

/// What a [`Layer`](super::Layer) did not record as it was said. What the store lost or suppressed it counts itself:
/// [`Events::stats`](crate::events::Events::stats), [`Events::suppressed`](crate::events::Events::suppressed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Values of which only the beginning was kept; each is [marked](crate::events::Value::CutStr).
    pub values_cut: u64,
    /// Fields over the 32 that an event keeps.
    pub fields_left_out: u64,
    /// Events and beginnings of spans that were recorded as text, of kind `tracing.other`.
    pub as_text: u64,
    /// What was said while values were shown, deeper than four.
    pub nested_left_out: u64,
    /// What the store refused: too large, or in a fork.
    pub refused: u64,
    /// Fields that were to name the trace and could not be read as such, or are zero: what they belong to they do not say.
    pub unfit_ids: u64,
}

/// Relaxed: each stands for itself.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) values_cut: AtomicU64,
    pub(super) fields_left_out: AtomicU64,
    pub(super) as_text: AtomicU64,
    pub(super) nested_left_out: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unfit_ids: AtomicU64,
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
            fields_left_out: now(&self.fields_left_out),
            as_text: now(&self.as_text),
            nested_left_out: now(&self.nested_left_out),
            refused: now(&self.refused),
            unfit_ids: now(&self.unfit_ids),
        }
    }
}

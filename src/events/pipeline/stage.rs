//! What a stage did: its counters, and its status.

use super::handover::Waiting;
use crate::events::class::PerClass;
use crate::sync::{Arc, AtomicU64, Relaxed};
use std::fmt;
use std::time::{Duration, Instant};

/// A stage as its worker and its observers know it.
pub(super) struct Stage {
    pub(super) name: Arc<str>,
    /// What waits in front of it, where it is the first one of a worker.
    pub(super) queue: Option<Arc<dyn Waiting>>,
    pub(super) counts: Counts,
}

/// Written by one thread at a time, the worker's; read by anybody.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) taken: Count,
    pub(super) passed: Count,
    pub(super) invalid: Count,
    pub(super) filtered: Count,
    pub(super) refused: Count,
    pub(super) lost_in_panic: Count,
    pub(super) panics: Count,
    pub(super) retries: Count,
    pub(super) calls: Count,
    busy_ns: Count,
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, amount: u64) {
        // One writer, so a load and a store lose nothing.
        self.0.store(self.0.load(Relaxed) + amount, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Counts {
    pub(super) fn was_busy(&self, since: Instant) {
        self.busy_ns.add(u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
}

/// A call of the host's code with one item. If it unwinds, the item is lost, and counted so.
pub(super) struct Call<'a> {
    counts: &'a Counts,
    began: Instant,
    has_returned: bool,
}

impl<'a> Call<'a> {
    pub(super) fn begin(counts: &'a Counts) -> Self {
        counts.taken.add(1);
        counts.calls.add(1);
        Self { counts, began: Instant::now(), has_returned: false }
    }

    pub(super) fn returned(mut self) {
        self.has_returned = true;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.counts.was_busy(self.began);
        if !self.has_returned {
            self.counts.panics.add(1);
            self.counts.lost_in_panic.add(1);
        }
    }
}

/// How a stage is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageStatus {
    /// `validate`, `enrich`, `filter` or `sink`; a second one of a sort is `enrich_2`.
    pub name: Arc<str>,
    /// Items that it took from the stage before.
    pub taken: u64,
    /// Items that it passed on; of a sink, those it delivered.
    pub passed: u64,
    /// Items that it did not pass on.
    pub dropped: Dropped,
    /// Items that wait in front of it. None, where the stage before is done by the same worker.
    pub waiting: PerClass<usize>,
    /// How many of each class may; 0 where the stage before is done by the same worker.
    pub room: usize,
    /// How many of each class the queue was built for: as much room can be [allowed](super::Pipeline::set_room).
    pub places: usize,
    /// How often its code was called.
    pub calls: u64,
    /// How often that panicked.
    pub panics: u64,
    /// Of a sink: how often a batch was kept to be tried again.
    pub retries: u64,
    /// How long it was called, in all.
    pub busy: Duration,
}

impl StageStatus {
    /// Items in its hands: at most one, and of a sink the batch.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.taken.saturating_sub(self.passed + self.dropped.total())
    }
}

/// Items that a stage did not pass on, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// A `validate` said no.
    pub invalid: u64,
    /// A `filter` said no.
    pub filtered: u64,
    /// A sink refused them for good.
    pub refused: u64,
    /// It panicked over them.
    pub lost_in_panic: u64,
}

impl Dropped {
    /// Over all causes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.invalid + self.filtered + self.refused + self.lost_in_panic
    }

    /// Those of two stages.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            invalid: self.invalid + other.invalid,
            filtered: self.filtered + other.filtered,
            refused: self.refused + other.refused,
            lost_in_panic: self.lost_in_panic + other.lost_in_panic,
        }
    }
}

impl Stage {
    pub(super) fn status(&self) -> StageStatus {
        let counts = &self.counts;
        // What went out before what came in: while it runs, nothing seems to have come from nowhere.
        let passed = counts.passed.get();
        let dropped = Dropped {
            invalid: counts.invalid.get(),
            filtered: counts.filtered.get(),
            refused: counts.refused.get(),
            lost_in_panic: counts.lost_in_panic.get(),
        };
        StageStatus {
            name: self.name.clone(),
            taken: counts.taken.get(),
            passed,
            dropped,
            waiting: self.queue.as_ref().map_or(PerClass::of(|_| 0), |queue| queue.waiting()),
            room: self.queue.as_ref().map_or(0, |queue| queue.room()),
            places: self.queue.as_ref().map_or(0, |queue| queue.places()),
            calls: counts.calls.get(),
            panics: counts.panics.get(),
            retries: counts.retries.get(),
            busy: Duration::from_nanos(counts.busy_ns.get()),
        }
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

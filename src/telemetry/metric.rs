//! The handles of metrics: what hot paths hold.

use super::buckets::{BUCKETS, bucket};
use super::cells::Claim;
use super::handle::Inner;
use super::seat;
use super::series::member::{Cached, Hold};
use super::snapshot::HistogramValues;
use crate::id::DeckId;
use crate::sync::{Arc, Relaxed};

/// Counts uses of handles whose registration was refused.
pub(super) const REFUSED: usize = 0;
/// Cells that belong to no metric.
pub(super) const RESERVED: usize = 1;

/// A metric as its handles know it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// That of `inner`, at hand.
    deck: DeckId,
    cell: usize,
    inner: Arc<Inner>,
    refused: bool,
    /// Keeps the cells from becoming another series'.
    hold: Option<Hold>,
}

impl Cell {
    /// The series of this claim.
    pub(super) fn of(inner: &Arc<Inner>, hold: Hold) -> Self {
        Self { deck: inner.deck, cell: hold.cell(), inner: inner.clone(), refused: false, hold: Some(hold) }
    }

    /// In place of a metric that could not be registered.
    pub(super) fn refused(inner: &Arc<Inner>) -> Self {
        Self { deck: inner.deck, cell: REFUSED, inner: inner.clone(), refused: true, hold: None }
    }

    /// Marks the claim of this handle as a thread's cache's.
    pub(super) fn cached(&self) -> Option<Cached> {
        self.hold.as_ref().map(Hold::cached)
    }

    /// Adds from this thread to a cell, `offset` cells on from the metric's first. Wait-free; after the thread's
    /// first touch of the metric it allocates nothing.
    #[inline(always)]
    fn add(&self, offset: usize, amount: u64) {
        let cell = self.cell + offset;
        if seat::with(self.deck, |claim| claim.add(cell, amount)).is_none() {
            self.inner.add_first(cell, amount);
        }
    }

    fn set(&self, bits: u64) {
        if self.refused {
            self.add(0, 1);
        } else {
            // Relaxed: the last writer wins, and nothing is published with it.
            self.inner.cells.shared(self.cell).store(bits, Relaxed);
        }
    }

    fn get(&self) -> u64 {
        if self.refused { 0 } else { self.inner.cells.shared(self.cell).load(Relaxed) }
    }

    /// Takes whatever the next update would have to take first.
    fn touch(&self, cells: usize) {
        let inner = &self.inner;
        let touch = |claim: &Claim| {
            (self.cell..self.cell + cells).for_each(|cell| {
                claim.touch(cell);
            });
        };
        if seat::with(inner.deck, touch).is_none()
            && let Some(seat) = seat::take(inner)
        {
            touch(seat.claim());
        }
    }
}

/// A sum that only grows. Cheap to clone; clones are the same counter.
#[derive(Clone, Debug)]
pub struct Counter(pub(super) Cell);

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

/// An integer that was last set. Cheap to clone; clones are the same gauge.
#[derive(Clone, Debug)]
pub struct Gauge(pub(super) Cell);

impl Gauge {
    /// Sets it. Wait-free: a store into a cell that all threads share.
    pub fn set(&self, value: i64) {
        self.0.set(value.cast_unsigned());
    }

    /// What it was last set to; 0 before.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.get().cast_signed()
    }
}

/// A floating-point number that was last set. Cheap to clone; clones are the same gauge.
#[derive(Clone, Debug)]
pub struct FloatGauge(pub(super) Cell);

impl FloatGauge {
    /// Sets it. Wait-free: a store into a cell that all threads share.
    pub fn set(&self, value: f64) {
        self.0.set(value.to_bits());
    }

    /// What it was last set to; 0 before.
    #[must_use]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.get())
    }
}

/// A distribution of integers, such as nanoseconds: 1,025 buckets, each at most 1/32 (3.2 %) wide. Cheap to clone;
/// clones are the same histogram.
#[derive(Clone, Debug)]
pub struct Histogram(pub(super) Cell);

impl Histogram {
    /// Counts a value. Wait-free: a thread-local look-up, two loads, two stores.
    #[inline(always)]
    pub fn record(&self, value: u64) {
        if self.0.refused {
            self.0.add(0, 1);
        } else {
            self.0.add(bucket(value), 1);
            self.0.add(BUCKETS, value);
        }
    }

    /// What was counted over all threads.
    #[must_use]
    pub fn values(&self) -> HistogramValues {
        if self.0.refused {
            HistogramValues::new(vec![0; BUCKETS], 0)
        } else {
            self.0.inner.histogram(self.0.cell)
        }
    }

    /// Takes the memory that this thread's first records would take: 9 KiB.
    pub fn touch(&self) {
        self.0.touch(if self.0.refused { 1 } else { BUCKETS + 1 });
    }
}

//! Distributions.

use super::{Cell, Counter, SampledTimer, Timer};
use crate::sync::Relaxed;
use crate::telemetry::buckets::{Buckets, Resolution};
use crate::telemetry::values::HistogramValues;
use std::num::NonZeroU32;

/// A distribution of integers, such as nanoseconds, in buckets: each is narrow for the values in it, by the
/// [`Resolution`] that the histogram was asked for with, 1/32 (3.2 %) unless told otherwise. Cheap to clone; clones are the
/// same histogram.
///
/// ```
/// use flightdeck::telemetry::Telemetry;
/// let telemetry = Telemetry::new();
/// let latency = telemetry.histogram("latency_ns");
/// let answer = latency.measure(|| 6 * 7);
/// {
///     let _timer = latency.start();
///     // What takes its time.
/// }
/// let values = latency.values();
/// assert_eq!((answer, values.count()), (42, 2));
/// assert!(values.greatest() >= values.quantile(0.5));
/// ```
#[derive(Clone, Debug)]
pub struct Histogram {
    /// The first bucket.
    pub(in crate::telemetry) cell: Cell,
    buckets: Buckets,
}

impl Histogram {
    pub(in crate::telemetry) fn of(cell: Cell) -> Self {
        Self { buckets: Buckets::new(cell.resolution()), cell }
    }

    /// Counts a value. Wait-free: a thread-local look-up, four loads, two stores. One beyond the resolution's range takes a
    /// longer way, with a locked instruction if it is greater than all before.
    #[inline(always)]
    pub fn record(&self, value: u64) {
        self.record_many(value, 1);
    }

    /// Counts a value that occurred so many times. As [`Histogram::record`].
    #[inline(always)]
    pub fn record_many(&self, value: u64, times: u64) {
        let amounts = [times, value.wrapping_mul(times)];
        let bucket = self.buckets.of(value);
        if !bucket.is_some_and(|bucket| self.cell.place.add_at_and_last(bucket, amounts)) {
            self.record_otherwise(value, times);
        }
    }

    /// From a thread that is new here, or has another deck besides; or of a value beyond the range.
    #[inline(never)]
    fn record_otherwise(&self, value: u64, times: u64) {
        let cell = &self.cell;
        if cell.is_refused() || cell.inner.is_copied() {
            cell.count_refused();
            return;
        }
        let bucket = self.buckets.of(value).unwrap_or_else(|| {
            // Relaxed: it stands for itself.
            let greatest = cell.inner.cells.shared(cell.place.last() + 1);
            if greatest.load(Relaxed) < value {
                greatest.fetch_max(value, Relaxed);
            }
            cell.resolution().overflow()
        });
        cell.inner.add(cell.place.first() + bucket, times);
        cell.inner.add(cell.place.last(), value.wrapping_mul(times));
    }

    /// Starts to measure a span of time, which is recorded in nanoseconds when the timer is dropped.
    #[inline]
    pub fn start(&self) -> Timer<'_> {
        Timer::new(self, 1)
    }

    /// Calls `body` and records how long it took in nanoseconds, also if it panics.
    #[inline]
    pub fn measure<R>(&self, body: impl FnOnce() -> R) -> R {
        let _timer = self.start();
        body()
    }

    /// A timer that measures one of so many spans and records it that many times; `calls` counts them all. For spans so
    /// short that reading the clock would cost more than they do.
    #[must_use]
    pub fn sampled(&self, calls: &Counter, one_in: NonZeroU32) -> SampledTimer {
        SampledTimer::new(self.clone(), calls.clone(), one_in)
    }

    pub(super) fn clock(&self) -> &crate::clock::Clock {
        &self.cell.inner.clock
    }

    /// How finely it tells values apart.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        self.cell.resolution()
    }

    /// What was counted over all threads.
    #[must_use]
    pub fn values(&self) -> HistogramValues {
        let (cell, resolution) = (&self.cell, self.resolution());
        if cell.is_refused() {
            HistogramValues::empty(resolution)
        } else {
            cell.inner.histogram(cell.place.first(), resolution)
        }
    }

    /// Takes the memory that this thread's records would take, for values of all sizes: [`Resolution::bytes`].
    pub fn touch(&self) {
        self.cell.touch();
    }
}

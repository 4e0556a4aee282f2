//! Distributions.

use super::Cell;
use crate::telemetry::buckets::{BUCKETS, bucket};
use crate::telemetry::values::HistogramValues;

/// A distribution of integers, such as nanoseconds: 1,025 buckets, each at most 1/32 (3.2 %) wide. Cheap to clone;
/// clones are the same histogram.
#[derive(Clone, Debug)]
pub struct Histogram(pub(in crate::telemetry) Cell);

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

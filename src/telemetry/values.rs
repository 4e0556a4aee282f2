//! Values as they were read.

use super::buckets::{OVERFLOW, bounds};

/// The value of a metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Of a counter.
    Counter(u64),
    /// Of an integer gauge.
    Gauge(i64),
    /// Of a floating-point gauge.
    FloatGauge(f64),
    /// Of a histogram.
    Histogram(HistogramValues),
}

/// What a histogram counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramValues {
    buckets: Vec<u64>,
    sum: u64,
}

impl HistogramValues {
    pub(crate) fn new(buckets: Vec<u64>, sum: u64) -> Self {
        Self { buckets, sum }
    }

    /// How many values: the sum of the buckets, so the two never disagree.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// Their sum. While threads record, it may lack values that the buckets already count.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Their mean; 0 if there are none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count().max(1) as f64
    }

    /// How many values were 2^36 or more.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.buckets.get(OVERFLOW).copied().unwrap_or(0)
    }

    /// The value below or at which a share of all values lies (0.5 is the median), at most 3.2 % too high;
    /// `None` if there are none. A share out of range counts as the nearest one in it.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        let rank = ((share.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut below = 0;
        self.buckets().find_map(|(_, high, in_bucket)| {
            below += in_bucket;
            (below >= rank).then_some(high)
        })
    }

    /// The buckets that are not empty: least and greatest value, and how many.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(index, count)| (bounds(index).0, bounds(index).1, *count))
    }

    /// What was counted since an earlier reading of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let buckets = self.buckets.iter().zip(&earlier.buckets).map(|(now, then)| now.wrapping_sub(*then));
        Self { buckets: buckets.collect(), sum: self.sum.wrapping_sub(earlier.sum) }
    }
}

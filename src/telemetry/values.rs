//! Values as they were read.

use super::buckets::{Buckets, Resolution};
use super::registry::MetricType;

/// The value of a metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Of a counter.
    Counter(u64),
    /// Of a counter that goes up and down.
    UpDownCounter(i64),
    /// Of an integer gauge.
    Gauge(i64),
    /// Of a floating-point gauge.
    FloatGauge(f64),
    /// Of a histogram.
    Histogram(HistogramValues),
}

impl Value {
    /// What kind of metric it is of.
    #[must_use]
    pub fn metric_type(&self) -> MetricType {
        match self {
            Self::Counter(_) => MetricType::Counter,
            Self::UpDownCounter(_) => MetricType::UpDownCounter,
            Self::Gauge(_) => MetricType::Gauge,
            Self::FloatGauge(_) => MetricType::FloatGauge,
            Self::Histogram(_) => MetricType::Histogram,
        }
    }

    /// What happened since an earlier reading of the same series: what a counter or a histogram counted, by how much an
    /// up/down counter changed; of a gauge, what it says now.
    ///
    /// A counter that went down, or is of another type now, began anew since: all it says is new.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        match (self, earlier) {
            (Self::Counter(now), Self::Counter(then)) => {
                Self::Counter(now.checked_sub(*then).unwrap_or(*now))
            }
            (Self::UpDownCounter(now), Self::UpDownCounter(then)) => {
                Self::UpDownCounter(now.wrapping_sub(*then))
            }
            (Self::Histogram(now), Self::Histogram(then)) => Self::Histogram(now.since(then)),
            _ => self.clone(),
        }
    }

    /// Two values as one, such as those of two processes; `None` if they are of two types.
    ///
    /// All add up, gauges too: how many connections two processes have is the sum of what each has. (A gauge of
    /// which that is not true, such as a temperature, is to be labelled by process.)
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Counter(a), Self::Counter(b)) => Self::Counter(a.wrapping_add(*b)),
            (Self::UpDownCounter(a), Self::UpDownCounter(b)) => Self::UpDownCounter(a.wrapping_add(*b)),
            (Self::Gauge(a), Self::Gauge(b)) => Self::Gauge(a.wrapping_add(*b)),
            (Self::FloatGauge(a), Self::FloatGauge(b)) => Self::FloatGauge(a + b),
            (Self::Histogram(a), Self::Histogram(b)) => Self::Histogram(a.plus(b)),
            _ => return None,
        })
    }
}

/// What a histogram counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramValues {
    resolution: Resolution,
    buckets: Vec<u64>,
    sum: u64,
    /// No value beyond the range is greater.
    beyond: u64,
}

impl HistogramValues {
    /// No values.
    #[must_use]
    pub fn empty(resolution: Resolution) -> Self {
        let resolution = resolution.sane();
        let buckets = vec![0; resolution.buckets()];
        Self { resolution, buckets, sum: 0, beyond: 0 }
    }

    /// Of the histogram's cells, and of the greatest value that was beyond its range.
    pub(crate) fn of(resolution: Resolution, cells: &[u64], beyond: u64) -> Self {
        let mut read = Self::empty(resolution);
        read.buckets.iter_mut().zip(cells).for_each(|(bucket, cell)| *bucket = *cell);
        read.sum = cells.get(read.buckets.len()).copied().unwrap_or(0);
        read.beyond = beyond;
        read
    }

    /// How finely it tells values apart.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// What each bucket counted.
    pub(super) fn counts(&self) -> &[u64] {
        &self.buckets
    }

    /// The greatest value that was beyond the range, or 0.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Other values of the same histogram, none of them greater.
    pub(super) fn with_counts(&self, buckets: Vec<u64>, sum: u64) -> Self {
        Self { buckets, sum, ..*self }
    }

    /// How many values: the sum of the buckets, so the two never disagree.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// Their sum, modulo 2^64. While threads record, it and the buckets may be apart by what is recorded meanwhile.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Their mean; 0 if there are none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count().max(1) as f64
    }

    /// How many values were beyond the [resolution](Self::resolution)'s range.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.buckets.get(self.resolution.overflow()).copied().unwrap_or(0)
    }

    /// The greatest value; `None` if there are none. As exact as a bucket: too high by the resolution's relative error
    /// at most, of the values [since](Self::since) an earlier reading as well. Of all values that a histogram ever
    /// counted it is exact if it is beyond the range; of those since, it is then the greatest of all.
    #[must_use]
    pub fn greatest(&self) -> Option<u64> {
        self.filled().next_back().map(|(_, high, _)| high)
    }

    /// The least value; `None` if there are none. Too low by the resolution's relative error at most, unless all are
    /// beyond the range.
    #[must_use]
    pub fn least(&self) -> Option<u64> {
        self.filled().next().map(|(low, _, _)| low)
    }

    /// The value below or at which a share of all values lies (0.5 is the median), too high by the resolution's
    /// relative error at most; `None` if there are none. A share out of range counts as the nearest one in it.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        // Down by the least there is: a product that was rounded up to just above a whole number is that number.
        let rank = (share * count as f64).next_down().ceil() as u64;
        let rank = if share >= 1.0 { count } else { rank }.clamp(1, count.max(1));
        let mut below = 0_u64;
        self.filled().find_map(|(_, high, in_bucket)| {
            below = below.wrapping_add(in_bucket);
            (below >= rank).then_some(high)
        })
    }

    /// The buckets that are not empty: least and greatest value, and how many.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.filled()
    }

    fn filled(&self) -> impl DoubleEndedIterator<Item = (u64, u64, u64)> {
        let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| {
            let (low, high) = self.resolution.bounds(bucket);
            // A thread that records just now may have counted a value, and what it is may not be seen yet.
            let beyond = if bucket == self.resolution.overflow() { self.beyond.max(low) } else { high };
            (low, beyond, *count)
        })
    }

    /// What was counted since an earlier reading of the same histogram. All of it if that was of another one: if
    /// its resolution was another, or a bucket holds less now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = || self.buckets.iter().zip(&earlier.buckets);
        if self.resolution != earlier.resolution || pairs().any(|(now, then)| now < then) {
            return self.clone();
        }
        Self {
            resolution: self.resolution,
            buckets: pairs().map(|(now, then)| now - then).collect(),
            sum: self.sum.wrapping_sub(earlier.sum),
            beyond: self.beyond,
        }
    }

    /// Two sets of values as one, in the coarser precision and the shorter range of the two.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut all = Self::empty(self.resolution.common(other.resolution));
        let (buckets, overflow) = (Buckets::new(all.resolution), all.resolution.overflow());
        // A bucket lies in one of a coarser resolution as a whole.
        for (low, _, count) in self.filled().chain(other.filled()) {
            if let Some(bucket) = all.buckets.get_mut(buckets.of(low).unwrap_or(overflow)) {
                *bucket = bucket.wrapping_add(count);
            }
        }
        all.sum = self.sum.wrapping_add(other.sum);
        all.beyond = self.greatest().max(other.greatest()).unwrap_or(0);
        all
    }
}

//! A series: one label set of a metric, its cells, and who holds it.

use super::claims::Claims;
use super::labels::Labels;
use super::unit::{Description, Unit};
use crate::sync::{Arc, AtomicU64, Relaxed, unique_number};
use crate::telemetry::buckets::Resolution;
use crate::telemetry::registry::MetricType;
use std::fmt;

/// The cells of a series. They return to the registry when the last `Arc` of it is gone: handles, threads'
/// caches, and readers that still go through a list of series.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) metric_type: MetricType,
    /// Of a histogram.
    pub(crate) resolution: Resolution,
    pub(crate) cell: usize,
    /// No other series' ever.
    number: u64,
    claims: Claims,
    /// How many of the claims are those of threads' caches.
    cached: AtomicU64,
}

impl Series {
    pub(crate) fn new(metric_type: MetricType, resolution: Resolution, cell: usize) -> Arc<Self> {
        let (number, claims, cached) = (unique_number(), Claims::new(), AtomicU64::new(0));
        Arc::new(Self { metric_type, resolution, cell, number, claims, cached })
    }

    /// Where its cells end.
    pub(crate) fn cells(&self) -> std::ops::Range<usize> {
        self.cell..self.cell + self.metric_type.cells(self.resolution)
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether only threads' caches hold it, as far as can be told while they work.
    pub(crate) fn is_held_by_caches_alone(&self) -> bool {
        self.claims.count() <= self.cached.load(Relaxed)
    }
}

/// A claim on a series: what every handle has.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Series>);

impl Hold {
    /// For the registry alone, under its lock.
    pub(crate) fn claim(series: &Arc<Series>) -> Self {
        series.claims.add();
        Self(series.clone())
    }

    pub(crate) fn cell(&self) -> usize {
        self.0.cell
    }

    /// How many cells threads have of their own: all but a histogram's last, which is shared.
    pub(crate) fn summed(&self) -> usize {
        let series = &self.0;
        match series.metric_type {
            MetricType::Histogram => series.resolution.buckets() + 1,
            _ => 1,
        }
    }

    pub(crate) fn resolution(&self) -> Resolution {
        self.0.resolution
    }

    /// Marks the claim as that of a thread's cache for as long as the mark lives.
    pub(crate) fn cached(&self) -> Cached {
        self.0.cached.fetch_add(1, Relaxed);
        Cached(self.0.clone())
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        Self::claim(&self.0)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.claims.remove();
    }
}

/// The mark that a claim is a cache's. A hint: nothing but when to ask caches to let go depends on it.
#[derive(Debug)]
pub(crate) struct Cached(Arc<Series>);

impl Drop for Cached {
    fn drop(&mut self) {
        self.0.cached.fetch_sub(1, Relaxed);
    }
}

/// What all series of a metric have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Common {
    pub(crate) name: Arc<str>,
    pub(crate) metric_type: MetricType,
    /// Of histograms.
    pub(crate) resolution: Resolution,
    pub(crate) description: Option<Description>,
}

/// What a snapshot knows a series by: its metric and its labels. Cheap to clone.
#[derive(Clone)]
pub struct SeriesKey {
    common: Arc<Common>,
    labels: Labels,
    /// The series' own; 0 of a sum of several.
    number: u64,
}

impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.common, &self.labels) == (&other.common, &other.labels)
    }
}

impl Eq for SeriesKey {}

impl SeriesKey {
    pub(crate) fn new(common: Arc<Common>, labels: Labels, series: &Series) -> Self {
        Self { common, labels, number: series.number }
    }

    /// One that was read, of which no other has the number.
    pub(crate) fn recorded(common: Arc<Common>, labels: Labels, number: u64) -> Self {
        Self { common, labels, number }
    }

    /// That of a sum, in which such a series comes and goes.
    pub(crate) fn of_sum(&self) -> Self {
        Self { number: 0, ..self.clone() }
    }

    /// Whether it is the same series, said to be the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self == other && self.number == other.number
    }

    /// Whether what was read under the other key is of a series that has been retired since, or of another telemetry.
    pub(crate) fn began_anew(&self, earlier: &Self) -> bool {
        self.number != earlier.number && self.number != 0 && earlier.number != 0
    }

    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.common.name
    }

    /// What tells it from the metric's other series.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What the metric is.
    #[must_use]
    pub fn metric_type(&self) -> MetricType {
        self.common.metric_type
    }

    /// The unit that the metric was described with.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        self.common.description.as_ref()?.its_unit()
    }

    /// What the metric was said to be for.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        Some(self.common.description.as_ref()?.help())
    }
}

/// `requests_total{method="GET"}`.
impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.labels.is_empty() { Ok(()) } else { write!(f, "{}", self.labels) }
    }
}

impl fmt::Debug for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeriesKey({self})")
    }
}

/// All series at one time, by name and then by labels. Whoever holds it may read all their cells.
#[derive(Debug)]
pub(crate) struct List {
    /// May be kept for as long as one likes: it holds no cells.
    pub(crate) keys: Arc<[SeriesKey]>,
    pub(crate) series: Box<[Arc<Series>]>,
}

//! Which metrics there are: names, types, cells. Cold: a handle is resolved once.

use super::buckets::BUCKETS;
use super::error::RegisterError;
use crate::sync::Mutex;
use ahash::AHashMap;
use std::fmt;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricType {
    /// A sum that only grows.
    Counter,
    /// An integer that was last set.
    Gauge,
    /// A number that was last set.
    FloatGauge,
    /// A distribution of integers.
    Histogram,
}

impl MetricType {
    /// A histogram's cells are its buckets, then its sum.
    const fn cells(self) -> usize {
        match self {
            Self::Histogram => BUCKETS + 1,
            _ => 1,
        }
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::FloatGauge => "float gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// A registered metric.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) metric_type: MetricType,
    pub(crate) cell: usize,
}

/// All metrics of a telemetry.
#[derive(Debug)]
pub(crate) struct Registry {
    cells: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    metrics: Vec<Metric>,
    by_name: AHashMap<String, usize>,
    used: usize,
}

impl Registry {
    /// `reserved` cells have another use.
    pub(crate) fn new(cells: usize, reserved: usize) -> Self {
        Self { cells, known: Mutex::new(Known { used: reserved, ..Known::default() }) }
    }

    /// The first cell of a metric, which is made if it is new.
    pub(crate) fn resolve(&self, name: &str, asked: MetricType) -> Result<usize, RegisterError> {
        if name.is_empty() {
            return Err(RegisterError::EmptyName);
        }
        let mut known = self.known.lock();
        if let Some(metric) = known.by_name.get(name).and_then(|index| known.metrics.get(*index)) {
            let registered = metric.metric_type;
            return if registered == asked {
                Ok(metric.cell)
            } else {
                Err(RegisterError::OtherType { name: name.to_owned(), registered, asked })
            };
        }
        let (cell, needed) = (known.used, asked.cells());
        let left = self.cells - cell;
        if needed > left {
            return Err(RegisterError::NoRoom { name: name.to_owned(), needed, left, cells: self.cells });
        }
        known.used += needed;
        let index = known.metrics.len();
        known.metrics.push(Metric { name: name.to_owned(), metric_type: asked, cell });
        known.by_name.insert(name.to_owned(), index);
        Ok(cell)
    }

    /// All metrics, by name.
    pub(crate) fn all(&self) -> Vec<Metric> {
        let mut metrics = self.known.lock().metrics.clone();
        metrics.sort_by(|a, b| a.name.cmp(&b.name));
        metrics
    }
}

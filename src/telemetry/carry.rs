//! What an earlier life of the host counted, and this one goes on from.

use super::cells::Cells;
use super::registry::MetricType;
use super::series::Labels;
use super::series::member::Series;
use super::snapshot::Snapshot;
use super::values::Value;
use ahash::AHashMap;

/// What series began with that were made since, and what waits for those that were not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Earlier {
    waiting: AHashMap<Box<str>, AHashMap<Labels, Value>>,
    tally: Tally,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Series that have it.
    pub(crate) carried: u64,
    /// Series that are something else now.
    pub(crate) refused: u64,
}

impl Earlier {
    /// Adds the counters and histograms of a snapshot, in place of what waits for them already.
    pub(crate) fn add(&mut self, snapshot: &Snapshot) {
        for (key, value) in snapshot.iter() {
            if matches!(value, Value::Counter(_) | Value::Histogram(_)) {
                let of_metric = self.waiting.entry(key.name().into()).or_default();
                of_metric.insert(key.labels().clone(), value.clone());
            }
        }
    }

    /// Gives a series that is being made what one of its name, labels, type and resolution counted: once.
    pub(crate) fn give(&mut self, name: &str, labels: &Labels, series: &Series, cells: &Cells) {
        let Some(value) = self.waiting.get_mut(name).and_then(|of_metric| of_metric.remove(labels)) else {
            return;
        };
        match value {
            Value::Counter(count) if series.metric_type == MetricType::Counter => {
                cells.give(series.cell, count);
            }
            Value::Histogram(values)
                if series.metric_type == MetricType::Histogram
                    && values.resolution() == series.resolution.sane() =>
            {
                let (sum, greatest) = (series.cells().end - 2, series.cells().end - 1);
                for (cell, count) in (series.cell..).zip(values.counts()) {
                    cells.give(cell, *count);
                }
                cells.give(sum, values.sum());
                cells.give(greatest, values.beyond());
            }
            _ => {
                self.tally.refused += 1;
                return;
            }
        }
        self.tally.carried += 1;
    }

    /// Series that have it, series that are something else now, series that nobody has made yet.
    pub(crate) fn usage(&self) -> (Tally, u64) {
        (self.tally, self.waiting.values().map(|of_metric| of_metric.len() as u64).sum())
    }
}

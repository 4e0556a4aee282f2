//! What an earlier life of the host counted, and this one goes on from.

use super::buckets::Resolution;
use super::cells::Cells;
use super::registry::MetricType;
use super::series::member::{Common, Series};
use super::series::{Description, Labels, Unit};
use super::snapshot::Snapshot;
use super::values::Value;
use crate::error::{Diagnostic, Retry, Severity};
use crate::status::ErrorSlot;
use ahash::AHashMap;
use thiserror::Error;

/// Why a series did not go on from what it counted in an earlier life: it is something else now. It began at zero.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CarryError {
    /// It has another type.
    #[error(
        "metric `{name}` was a {before} in the life before, and is a {now} now: it begins anew, give one of them another name"
    )]
    Type {
        /// The metric.
        name: String,
        /// What it was.
        before: MetricType,
        /// What it is.
        now: MetricType,
    },
    /// It counts in another unit.
    #[error(
        "metric `{name}` counted {before} in the life before, and counts {now} now: it begins anew, give one of them another name"
    )]
    Unit {
        /// The metric.
        name: String,
        /// What it counted in.
        before: Unit,
        /// What it counts in.
        now: Unit,
    },
    /// A histogram with other buckets.
    #[error(
        "histogram `{name}` had a relative error of {} up to {} in the life before, and has {} up to {} now: it begins anew, ask for the resolution that it had",
        before.relative_error(), before.greatest(), now.relative_error(), now.greatest()
    )]
    Resolution {
        /// The metric.
        name: String,
        /// What it had.
        before: Resolution,
        /// What it has.
        now: Resolution,
    },
}

impl Diagnostic for CarryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Type { .. } => "telemetry.carry.type",
            Self::Unit { .. } => "telemetry.carry.unit",
            Self::Resolution { .. } => "telemetry.carry.resolution",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// What series began with that were made since, and what waits for those that were not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Earlier {
    waiting: AHashMap<Box<str>, Waiting>,
    tally: Tally,
    /// Where it is noted that a series is something else now.
    errors: Option<ErrorSlot>,
}

/// What waits for the series of a metric.
#[derive(Clone, Debug, Default)]
struct Waiting {
    unit: Option<Unit>,
    series: AHashMap<Labels, Value>,
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
    pub(crate) fn noting(self, errors: ErrorSlot) -> Self {
        Self { errors: Some(errors), ..self }
    }

    /// Adds the counters and histograms of a snapshot, in place of what waits for them already.
    pub(crate) fn add(&mut self, snapshot: &Snapshot) {
        for (key, value) in snapshot.iter() {
            if matches!(value, Value::Counter(_) | Value::Histogram(_)) {
                let of_metric = self.waiting.entry(key.name().into()).or_default();
                of_metric.unit = key.unit();
                of_metric.series.insert(key.labels().clone(), value.clone());
            }
        }
    }

    /// Gives a series that is being made what one of its name, labels, type, unit and resolution counted: once.
    pub(crate) fn give(&mut self, common: &Common, labels: &Labels, series: &Series, cells: &Cells) {
        let Some(waiting) = self.waiting.get_mut(&*common.name) else { return };
        let Some(value) = waiting.series.remove(labels) else { return };
        match misfit(common, waiting.unit, &value) {
            None => {
                give(value, series, cells);
                self.tally.carried += 1;
            }
            Some(error) => {
                self.tally.refused += 1;
                self.errors.iter().for_each(|errors| errors.note_error(&error));
            }
        }
    }

    /// Series that have it, series that are something else now, series that nobody has made yet.
    pub(crate) fn usage(&self) -> (Tally, u64) {
        (self.tally, self.waiting.values().map(|of_metric| of_metric.series.len() as u64).sum())
    }
}

/// Why a metric does not go on from a value in that unit, if it does not.
fn misfit(common: &Common, unit: Option<Unit>, value: &Value) -> Option<CarryError> {
    let name = || common.name.to_string();
    if value.metric_type() != common.metric_type {
        return Some(CarryError::Type { name: name(), before: value.metric_type(), now: common.metric_type });
    }
    // Of one that was not described nobody knows.
    let now = common.description.as_ref().and_then(Description::its_unit);
    if let (Some(before), Some(now)) = (unit, now)
        && before != now
    {
        return Some(CarryError::Unit { name: name(), before, now });
    }
    match value {
        Value::Histogram(values) if values.resolution() != common.resolution.sane() => {
            let (before, now) = (values.resolution(), common.resolution.sane());
            Some(CarryError::Resolution { name: name(), before, now })
        }
        _ => None,
    }
}

/// What [fits](misfit).
fn give(value: Value, series: &Series, cells: &Cells) {
    match value {
        Value::Counter(count) => cells.give(series.cell, count),
        Value::Histogram(values) => {
            let (sum, greatest) = (series.cells().end - 2, series.cells().end - 1);
            for (cell, count) in (series.cell..).zip(values.counts()) {
                cells.give(cell, *count);
            }
            cells.give(sum, values.sum());
            cells.give(greatest, values.beyond());
        }
        _ => {}
    }
}

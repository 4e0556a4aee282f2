//! All metrics as they were read.

use super::series::SeriesKey;
use super::series::name::{MOST_VALUE, cut};
use super::values::Value;
use crate::sync::Arc;
use std::time::{Duration, Instant};

/// All metrics of a telemetry at about one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) keys: Arc<[SeriesKey]>,
    pub(crate) values: Vec<Value>,
    pub(crate) began: Instant,
    pub(crate) took: Duration,
}

impl Snapshot {
    /// Series and their values, by name and then by labels; the series without labels is the first of its metric.
    pub fn iter(&self) -> impl Iterator<Item = (&SeriesKey, &Value)> {
        self.keys.iter().zip(&self.values)
    }

    /// Its series, in that order. As long as none comes or goes and none is described, snapshots of a telemetry have the same ones:
    /// [`Arc::ptr_eq`](std::sync::Arc::ptr_eq) tells at once, and what was made of their names can be kept.
    #[must_use]
    pub fn keys(&self) -> &Arc<[SeriesKey]> {
        &self.keys
    }

    /// Their values, in the same order.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of a metric's series without labels.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.get_with(name, &[])
    }

    /// The value of a metric's series of these labels, in any order.
    ///
    /// ```
    /// use flightdeck::telemetry::{Telemetry, Value};
    /// let telemetry = Telemetry::new();
    /// telemetry.counter_with("requests_total", &[("method", "GET"), ("path", "/")]).increment(2);
    /// let snapshot = telemetry.snapshot();
    /// let labels = [("path", "/"), ("method", "GET")];
    /// assert_eq!(snapshot.get_with("requests_total", &labels), Some(&Value::Counter(2)));
    /// ```
    #[must_use]
    pub fn get_with(&self, name: &str, labels: &[(&str, &str)]) -> Option<&Value> {
        // Of values as long as series keep them.
        let mut sorted: Vec<_> = labels.iter().map(|(key, value)| (*key, cut(value, MOST_VALUE))).collect();
        sorted.sort_unstable();
        let order = |key: &SeriesKey| key.name().cmp(name).then_with(|| key.labels().compare(&sorted));
        self.values.get(self.keys.binary_search_by(order).ok()?)
    }

    /// All series of a metric.
    pub fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a SeriesKey, &'a Value)> {
        let first = self.keys.partition_point(|key| key.name() < name);
        self.iter().skip(first).take_while(move |(key, _)| key.name() == name)
    }

    /// When reading began.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// How long reading took: values are apart by no more than that.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }
}

//! How far counters went.

use super::instead::{Mismatch, distance, listed};
use crate::hub::Flightdeck;
use crate::sync::Arc;
use crate::telemetry::{Snapshot, Telemetry, Value};

/// Asserts by how much a counter went up, or how many values a histogram got.
///
/// Either since an earlier reading, `assert_counted!(before, "orders_filled", 3)`, or while something ran,
/// `assert_counted!(deck, "orders_filled", 3, || work())`, which gives what that returned. A deck or
/// [`Telemetry`](crate::telemetry::Telemetry) alone may be asked.
///
/// ```
/// use flightdeck::testing::{self, assert_counted};
///
/// let deck = testing::deck();
/// let (filled, latency) = (deck.telemetry().counter("orders_filled"), deck.telemetry().histogram("latency_ns"));
/// filled.increment(40);
/// let before = testing::counts(&deck);
/// filled.increment(2);
/// latency.record(250);
/// assert_counted!(before, "orders_filled", 2);
/// assert_counted!(before, "latency_ns", 1);
/// let done = assert_counted!(deck, "orders_filled", 1, || {
///     filled.increment(1);
///     "done"
/// });
/// assert_eq!(done, "done");
/// ```
///
/// # Panics
/// If it went up by another amount, with what counted instead; and if it is a gauge.
#[macro_export]
macro_rules! assert_counted {
    ($before:expr, $name:expr, $by:expr $(,)?) => {
        $before.assert($name, $by)
    };
    ($deck:expr, $name:expr, $by:expr, $work:expr $(,)?) => {{
        let before = $crate::testing::counts(&$deck);
        let result = ($work)();
        before.assert($name, $by);
        result
    }};
}

/// What has counted until now: see [`Counts`].
#[must_use]
pub fn counts(deck: &impl HasTelemetry) -> Counts {
    let telemetry = deck.metrics().clone();
    Counts { before: telemetry.snapshot(), telemetry }
}

/// A reading of all metrics, to say later how far they went since.
///
/// ```
/// use flightdeck::telemetry::Telemetry;
/// let telemetry = Telemetry::new();
/// let requests = telemetry.counter("requests_total");
/// let before = flightdeck::testing::counts(&telemetry);
/// requests.increment(3);
/// assert_eq!(before.since("requests_total"), Some(3));
/// assert_eq!(before.since("no_such_metric"), None);
/// ```
#[derive(Clone, Debug)]
pub struct Counts {
    telemetry: Telemetry,
    before: Snapshot,
}

impl Counts {
    /// By how much a counter went up since, or how many values a histogram got; `None` if there is no counter or
    /// histogram of this name.
    #[must_use]
    pub fn since(&self, name: &str) -> Option<u64> {
        let now = self.telemetry.snapshot();
        self.of(&now, name)
    }

    /// Panics unless a metric counted as said: what [`assert_counted!`](crate::assert_counted) calls.
    ///
    /// # Panics
    /// As said.
    #[track_caller]
    pub fn assert(&self, name: &str, by: u64) {
        if let Err(mismatch) = self.check(name, by) {
            panic!("{mismatch}");
        }
    }

    /// Whether a metric counted as said.
    ///
    /// # Errors
    /// If not: with what counted instead.
    pub fn check(&self, name: &str, by: u64) -> Result<(), Mismatch> {
        let now = self.telemetry.snapshot();
        let said = match (self.of(&now, name), now.get(name)) {
            (Some(counted), _) if counted == by => return Ok(()),
            (Some(counted), _) => format!("`{name}` counted {counted}, not {by}"),
            (None, Some(value)) => {
                let what = value.metric_type();
                return Err(Mismatch::new(format!(
                    "`{name}` is a {what}: it has a value and counts nothing"
                )));
            }
            // What nobody asked for yet has counted nothing.
            (None, None) if by == 0 => return Ok(()),
            (None, None) => format!("there is no metric `{name}`, which was to count {by}"),
        };
        let mut moved: Vec<(&str, u64)> = now
            .iter()
            .filter(|(other, _)| other.labels().is_empty())
            .filter_map(|(other, _)| Some((other.name(), self.of(&now, other.name())?)))
            .filter(|(_, by)| *by > 0)
            .collect();
        moved.sort_by_cached_key(|(other, _)| distance(other, name));
        let moved = listed(moved.iter().map(|(other, by)| format!("{other} +{by}")));
        Err(Mismatch::new(format!("{said}; what counted: {moved}")))
    }

    fn of(&self, now: &Snapshot, name: &str) -> Option<u64> {
        let count = |value: &Value| match value {
            Value::Counter(count) => Some(*count),
            Value::Histogram(values) => Some(values.count()),
            _ => None,
        };
        let before = self.before.get(name).and_then(count).unwrap_or(0);
        Some(count(now.get(name)?)?.wrapping_sub(before))
    }
}

/// Where metrics are counted: a deck, or telemetry alone.
pub trait HasTelemetry {
    /// Its telemetry.
    fn metrics(&self) -> &Telemetry;
}

impl HasTelemetry for Telemetry {
    fn metrics(&self) -> &Telemetry {
        self
    }
}

impl<C: Send + Sync + 'static> HasTelemetry for Flightdeck<C> {
    fn metrics(&self) -> &Telemetry {
        self.telemetry()
    }
}

impl<T: HasTelemetry + ?Sized> HasTelemetry for &T {
    fn metrics(&self) -> &Telemetry {
        (**self).metrics()
    }
}

impl<T: HasTelemetry + ?Sized> HasTelemetry for Arc<T> {
    fn metrics(&self) -> &Telemetry {
        (**self).metrics()
    }
}

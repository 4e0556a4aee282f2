//! Snapshots subtract and add up.

use super::error::AddError;
use super::registry::MetricType;
use super::series::SeriesKey;
use super::snapshot::Snapshot;
use super::values::Value;
use std::cmp::Ordering;

impl Snapshot {
    /// What happened since an earlier snapshot: see [`Value::since`]. Any number of readers may each keep an earlier snapshot
    /// of their own, and none disturbs another: nothing is reset.
    ///
    /// A series that was not there then is new with all that it says, also one that was retired and came back since; one
    /// that is no longer there is left out. So what each of two spans counted adds up to what their whole span did. (An
    /// up/down counter is retired at zero, so what it changed by is the difference all the same. Of a
    /// [sum](Self::plus) it is not known what came back: there, all are differences.)
    ///
    /// ```
    /// use flightdeck::telemetry::{Telemetry, Value};
    /// let telemetry = Telemetry::new();
    /// let requests = telemetry.counter("requests_total");
    /// requests.increment(5);
    /// let earlier = telemetry.snapshot();
    /// requests.increment(2);
    /// let since = telemetry.snapshot().since(&earlier);
    /// assert_eq!(since.get("requests_total"), Some(&Value::Counter(2)));
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut then = earlier.iter().peekable();
        let since = |(key, now): (&SeriesKey, &Value)| {
            while then.next_if(|(other, _)| order(other, key).is_lt()).is_some() {}
            match then.peek() {
                Some((other, then)) if order(other, key).is_eq() => {
                    let goes_on = !key.began_anew(other) || key.metric_type() == MetricType::UpDownCounter;
                    if goes_on { now.since(then) } else { now.clone() }
                }
                _ => now.clone(),
            }
        };
        let values = self.iter().map(since).collect();
        Self { keys: self.keys.clone(), values, began: self.began, took: self.took }
    }

    /// This snapshot and another as one, such as those of two telemetries: all series of both. Where both have one of the same
    /// name and labels, their values add up: see [`Value::plus`]. What is said of a metric besides is what this one
    /// says. [`Snapshot::began`] is the earlier beginning, and [`Snapshot::took`] reaches to the later end.
    ///
    /// ```
    /// use flightdeck::telemetry::{Telemetry, Value};
    /// let snapshots = [3, 4].map(|count| {
    ///     let telemetry = Telemetry::new();
    ///     telemetry.counter("requests_total").increment(count);
    ///     telemetry.snapshot()
    /// });
    /// let both = snapshots[0].plus(&snapshots[1])?;
    /// assert_eq!(both.get("requests_total"), Some(&Value::Counter(7)));
    /// # Ok::<(), flightdeck::telemetry::AddError>(())
    /// ```
    ///
    /// # Errors
    /// If a series is of another type there.
    pub fn plus(&self, other: &Self) -> Result<Self, AddError> {
        let (mut ours, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        let mut all: Vec<(SeriesKey, Value)> = Vec::with_capacity(self.keys.len().max(other.keys.len()));
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => order(a, b),
            };
            let ours = ours.next_if(|_| next.is_le());
            let theirs = theirs.next_if(|_| next.is_ge());
            match (ours, theirs) {
                (Some((key, ours)), Some((_, theirs))) => {
                    let sum = ours.plus(theirs).ok_or_else(|| AddError::OtherType {
                        series: key.to_string(),
                        here: ours.metric_type(),
                        there: theirs.metric_type(),
                    })?;
                    all.push((key.of_sum(), sum));
                }
                (one, other) => all.extend(one.or(other).map(|(key, value)| (key.of_sum(), value.clone()))),
            }
        }
        let (keys, values): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let began = self.began.min(other.began);
        let end = (self.began + self.took).max(other.began + other.took);
        Ok(Self { keys: keys.into(), values, began, took: end.duration_since(began) })
    }
}

/// That of all snapshots: by name and then by labels.
fn order(a: &SeriesKey, b: &SeriesKey) -> Ordering {
    a.name().cmp(b.name()).then_with(|| a.labels().cmp(b.labels()))
}

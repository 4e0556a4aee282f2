//! How hosts ask a telemetry for series with labels.

use super::family::Family;
use super::kind::Kind;
use crate::sync::Arc;
use crate::telemetry::buckets::Resolution;
use crate::telemetry::handle::Inner;
use crate::telemetry::metric::Cell;
use crate::telemetry::registry::MetricType;
use crate::telemetry::{Counter, FloatGauge, Gauge, Histogram, RegisterError, Telemetry, UpDownCounter};

impl Inner {
    /// The handle of a series, or one whose uses are counted.
    pub(crate) fn resolved<M: Kind>(self: &Arc<Self>, name: &str, labels: &[(&str, &str)]) -> M {
        self.try_resolved(name, labels).unwrap_or_else(|_| M::of(self.refused()))
    }

    pub(crate) fn try_resolved<M: Kind>(
        self: &Arc<Self>,
        name: &str,
        labels: &[(&str, &str)],
    ) -> Result<M, RegisterError> {
        Ok(M::of(Cell::of(self, self.registry.resolve(name, labels, M::TYPE, None)?)))
    }
}

impl Telemetry {
    /// The histogram of this name and these labels that tells values apart as finely as asked for. All series of a metric
    /// are of one resolution: that which it was first asked for with.
    ///
    /// # Errors
    /// As [`Telemetry::try_histogram_with`]; and if the metric has another resolution, or there is no such precision.
    pub fn try_histogram_of(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        resolution: Resolution,
    ) -> Result<Histogram, RegisterError> {
        let hold = self.inner.registry.resolve(name, labels, MetricType::Histogram, Some(resolution))?;
        Ok(Histogram::of(Cell::of(&self.inner, hold)))
    }

    /// As [`Telemetry::try_histogram_of`]. Where that fails, the handle counts nothing, and each use of it is counted in
    /// [`Stats::refused_updates`](crate::telemetry::Stats::refused_updates).
    #[must_use]
    pub fn histogram_of(&self, name: &str, labels: &[(&str, &str)], resolution: Resolution) -> Histogram {
        self.try_histogram_of(name, labels, resolution)
            .unwrap_or_else(|_| Histogram::of(self.inner.refused()))
    }
}

macro_rules! ask {
    ($($(#[$with:meta])* $kind:ident: $what:literal, $with_labels:ident, $try_with:ident, $by:ident, $try_by:ident;)*) => {
        /// Series with labels. A metric without labels is one series; each further set of labels is another, with
        /// cells of its own. Labels come in any order, keys once each.
        impl Telemetry {$(
            #[doc = concat!("The ", $what, " of this name and these labels, made if it is new. Resolve it once and keep the handle.")]
            ///
            $(#[$with])*
            ///
            /// Beyond the metric's limit on label sets it is the series labelled `overflow="true"`. Where the form that
            /// returns an error fails, the handle counts nothing, and each use of it is counted in
            /// [`Stats::refused_updates`](crate::telemetry::Stats::refused_updates).
            #[must_use]
            pub fn $with_labels(&self, name: &str, labels: &[(&str, &str)]) -> $kind {
                self.inner.resolved(name, labels)
            }

            #[doc = concat!("As [`Telemetry::", stringify!($with_labels), "`].")]
            ///
            /// # Errors
            /// If there is no room, the name belongs to a metric of another type, or name or keys are unfit.
            pub fn $try_with(&self, name: &str, labels: &[(&str, &str)]) -> Result<$kind, RegisterError> {
                self.inner.try_resolved(name, labels)
            }

            #[doc = concat!("The ", $what, "s of this name, one for each set of values of these keys: see [`Family`].")]
            ///
            /// Where the form that returns an error fails, all updates are counted in
            /// [`Stats::refused_updates`](crate::telemetry::Stats::refused_updates), as are those whose series finds no
            /// room.
            #[must_use]
            pub fn $by<const N: usize>(&self, name: &str, keys: [&str; N]) -> Family<$kind, N> {
                self.$try_by(name, keys).unwrap_or_else(|_| Family::refused(&self.inner, name, keys))
            }

            #[doc = concat!("As [`Telemetry::", stringify!($by), "`].")]
            ///
            /// # Errors
            /// If the name belongs to a metric of another type, or name or keys are unfit.
            pub fn $try_by<const N: usize>(
                &self,
                name: &str,
                keys: [&str; N],
            ) -> Result<Family<$kind, N>, RegisterError> {
                Family::new(&self.inner, name, keys)
            }
        )*}
    };
}

ask! {
    /// ```
    /// use flightdeck::telemetry::{Telemetry, Value};
    /// let telemetry = Telemetry::new();
    /// let gets = telemetry.counter_with("requests_total", &[("method", "GET")]);
    /// gets.increment(3);
    /// telemetry.counter_with("requests_total", &[("method", "PUT")]).increment(1);
    /// let snapshot = telemetry.snapshot();
    /// let all: u64 = snapshot.series("requests_total").map(|(_, value)| match value {
    ///     Value::Counter(count) => *count,
    ///     _ => 0,
    /// }).sum();
    /// assert_eq!(all, 4);
    /// ```
    Counter: "counter", counter_with, try_counter_with, counter_by, try_counter_by;
    /// See [`Telemetry::counter_with`].
    UpDownCounter: "up/down counter", up_down_counter_with, try_up_down_counter_with, up_down_counter_by, try_up_down_counter_by;
    /// See [`Telemetry::counter_with`].
    Gauge: "integer gauge", gauge_with, try_gauge_with, gauge_by, try_gauge_by;
    /// See [`Telemetry::counter_with`].
    FloatGauge: "floating-point gauge", float_gauge_with, try_float_gauge_with, float_gauge_by, try_float_gauge_by;
    /// See [`Telemetry::counter_with`].
    Histogram: "histogram", histogram_with, try_histogram_with, histogram_by, try_histogram_by;
}

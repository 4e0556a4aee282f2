//! Our handles behind those of the crate.

use super::scale::nearest;
use crate::sync::{Arc, Mutex, OnceLock};
use crate::telemetry::{Counter, FloatGauge, Histogram, Telemetry};
use metrics::{CounterFn, GaugeFn, HistogramFn};

/// A counter of its own per metric that counts what went wrong there, made when something does.
#[derive(Debug)]
struct Wrongs {
    telemetry: Telemetry,
    metric: Box<str>,
    total: &'static str,
    counter: OnceLock<Counter>,
}

impl Wrongs {
    fn new(telemetry: &Telemetry, metric: &str, total: &'static str) -> Self {
        Self { telemetry: telemetry.clone(), metric: metric.into(), total, counter: OnceLock::new() }
    }

    #[cold]
    #[inline(never)]
    fn count(&self, times: u64) {
        let make = || self.telemetry.counter_with(self.total, &[("metric", &self.metric)]);
        self.counter.get_or_init(make).increment(times);
    }
}

const UNFIT: &str = "flightdeck_metrics_unfit_values_total";
const ROUNDED: &str = "flightdeck_metrics_rounded_values_total";

#[derive(Debug)]
pub(super) struct Sum {
    counter: Counter,
    raising: Arc<Mutex<()>>,
}

impl Sum {
    /// One thread raises at a time: two that read the sum before either adds would raise it twice. The lock is one for all
    /// counters, since there may be several handles of one.
    pub(super) fn new(counter: Counter, raising: Arc<Mutex<()>>) -> Self {
        Self { counter, raising }
    }
}

impl CounterFn for Sum {
    #[inline]
    fn increment(&self, value: u64) {
        self.counter.increment(value);
    }

    fn absolute(&self, value: u64) {
        let _raising = self.raising.lock();
        if let Some(missing) = value.checked_sub(self.counter.value()).filter(|missing| *missing > 0) {
            self.counter.increment(missing);
        }
    }
}

#[derive(Debug)]
pub(super) struct Level {
    gauge: FloatGauge,
    unfit: Wrongs,
}

impl Level {
    pub(super) fn new(gauge: FloatGauge, telemetry: &Telemetry, metric: &str) -> Self {
        Self { gauge, unfit: Wrongs::new(telemetry, metric, UNFIT) }
    }

    /// What is no finite number would stay in the gauge whatever is added to it later.
    fn change(&self, amount: f64) {
        if amount.is_finite() { self.gauge.add(amount) } else { self.unfit.count(1) }
    }
}

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        self.change(value);
    }

    fn decrement(&self, value: f64) {
        self.change(-value);
    }

    #[inline]
    fn set(&self, value: f64) {
        self.gauge.set(value);
    }
}

#[derive(Debug)]
pub(super) struct Distribution {
    histogram: Histogram,
    factor: f64,
    /// A value above it is rounded by no more than the histogram tells apart: by a half at most.
    fine_above: u64,
    unfit: Wrongs,
    rounded: Wrongs,
}

impl Distribution {
    pub(super) fn new(histogram: Histogram, factor: f64, telemetry: &Telemetry, metric: &str) -> Self {
        let fine_above = (0.5 / histogram.resolution().relative_error()) as u64;
        let wrongs = |total| Wrongs::new(telemetry, metric, total);
        Self { histogram, factor, fine_above, unfit: wrongs(UNFIT), rounded: wrongs(ROUNDED) }
    }

    #[inline(always)]
    fn record_times(&self, value: f64, times: u64) {
        let scaled = value * self.factor;
        let Some(integer) = nearest(scaled) else { return self.unfit.count(times) };
        if integer <= self.fine_above && self.is_coarse(integer, scaled) {
            self.rounded.count(times);
        }
        self.histogram.record_many(integer, times);
    }

    fn is_coarse(&self, integer: u64, scaled: f64) -> bool {
        (integer as f64 - scaled).abs() > scaled * self.histogram.resolution().relative_error()
    }
}

impl HistogramFn for Distribution {
    #[inline]
    fn record(&self, value: f64) {
        self.record_times(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        if count > 0 {
            self.record_times(value, count as u64);
        }
    }
}

//! What is installed.

use super::cache::Cache;
use super::handle::{Distribution, Level, Sum};
use super::scale::{Scale, unit};
use crate::sync::{Arc, Mutex};
use crate::telemetry::{Counter, Description, Resolution, Telemetry, Unit};
use ahash::AHashMap;
use metrics::{Key, KeyName, Label, Metadata, SharedString};
use std::num::NonZeroU32;

/// A recorder for the crate `metrics` that counts in a telemetry: see [the module](super). Cheap to clone; clones are the same
/// recorder.
///
/// Installed with `metrics::set_global_recorder` it is there for all, for good, and so is the telemetry; with
/// `metrics::with_local_recorder` for what one thread runs. Several recorders on one telemetry count together.
///
/// It keeps the handles that macros ask for, at most 32,768 of each type, and so their series: see [`Recorder::let_go`].
#[derive(Clone, Debug)]
pub struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    telemetry: Telemetry,
    resolution: Resolution,
    /// Of histograms, by name: as given, described, or taken from the name when one was first asked for.
    scales: Mutex<AHashMap<Box<str>, Planned>>,
    counters: Cache<Sum>,
    /// See [`Sum::new`].
    raising: Arc<Mutex<()>>,
    gauges: Cache<Level>,
    histograms: Cache<Distribution>,
    refused_descriptions: Counter,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    scale: Scale,
    /// Whether it is the host's choice, or there are values already: then it stays.
    is_final: bool,
}

/// How a recorder is to count: see [`Recorder::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct RecorderBuilder {
    telemetry: Telemetry,
    resolution: Resolution,
    scales: AHashMap<Box<str>, Planned>,
}

impl RecorderBuilder {
    /// Values of this histogram are multiplied with `factor` before they are rounded, whatever its unit: for shares, say, a
    /// million. Of several for one name the last counts.
    ///
    /// ```
    /// use flightdeck::bridge::metrics::Recorder;
    /// use flightdeck::telemetry::Telemetry;
    /// let telemetry = Telemetry::new();
    /// let recorder = Recorder::builder(&telemetry).scale("hit_ratio", 1_000_000.try_into()?).build();
    /// metrics::with_local_recorder(&recorder, || metrics::histogram!("hit_ratio").record(0.75));
    /// assert_eq!(telemetry.histogram("hit_ratio").values().sum(), 750_000);
    /// assert_eq!(recorder.scale("hit_ratio"), Some(1e6));
    /// # Ok::<(), std::num::TryFromIntError>(())
    /// ```
    pub fn scale(mut self, histogram: &str, factor: NonZeroU32) -> Self {
        let scale = Scale { factor: f64::from(factor.get()), unit: None };
        self.scales.insert(histogram.into(), Planned { scale, is_final: true });
        self
    }

    /// How finely histograms tell values apart: [`Resolution::default`] unless said. A histogram that the telemetry has in another
    /// one is refused.
    pub fn resolution(mut self, resolution: Resolution) -> Self {
        self.resolution = resolution;
        self
    }

    /// The recorder.
    #[must_use]
    pub fn build(self) -> Recorder {
        let Self { telemetry, resolution, scales } = self;
        Recorder {
            inner: Arc::new(Inner {
                resolution,
                scales: Mutex::new(scales),
                counters: Cache::new(),
                raising: Arc::default(),
                gauges: Cache::new(),
                histograms: Cache::new(),
                refused_descriptions: telemetry.counter("flightdeck_metrics_refused_descriptions_total"),
                telemetry,
            }),
        }
    }
}

impl Recorder {
    /// One that counts in this telemetry.
    #[must_use]
    pub fn new(telemetry: &Telemetry) -> Self {
        Self::builder(telemetry).build()
    }

    /// One that counts in this telemetry as told.
    pub fn builder(telemetry: &Telemetry) -> RecorderBuilder {
        RecorderBuilder {
            telemetry: telemetry.clone(),
            resolution: Resolution::default(),
            scales: AHashMap::new(),
        }
    }

    /// What values of this histogram are multiplied with; none if nobody has asked for it or described it.
    #[must_use]
    pub fn scale(&self, histogram: &str) -> Option<f64> {
        self.inner.scales.lock().get(histogram).map(|planned| planned.scale.factor)
    }

    /// Lets go of the handles that nobody else holds, so that their series may be
    /// [retired](Telemetry::retire_idle) when they are idle; how many those were. To be called now and then where labels come
    /// and go, such as every few minutes; the next use of such a metric looks it up in the telemetry.
    ///
    /// ```
    /// use flightdeck::bridge::metrics::Recorder;
    /// use flightdeck::telemetry::Telemetry;
    /// use std::time::Duration;
    /// let telemetry = Telemetry::new();
    /// let recorder = Recorder::new(&telemetry);
    /// metrics::with_local_recorder(&recorder, || metrics::counter!("sessions_total", "user" => "ann").increment(1));
    /// telemetry.retire_idle(Duration::ZERO);
    /// assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 0);
    /// assert_eq!(recorder.let_go(), 1);
    /// assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 1);
    /// ```
    pub fn let_go(&self) -> usize {
        let Inner { counters, gauges, histograms, .. } = &*self.inner;
        counters.let_go() + gauges.let_go() + histograms.let_go()
    }

    /// Whether it was taken.
    fn describe(&self, name: &str, unit: Option<Unit>, help: &str) -> bool {
        let description = Description::new(help);
        let description = match unit {
            Some(unit) => description.unit(unit),
            None => description,
        };
        let taken = self.inner.telemetry.describe(name, description).is_ok();
        if !taken {
            self.inner.refused_descriptions.increment(1);
        }
        taken
    }

    /// The factor of a histogram that is asked for: from now on it stays.
    fn factor_for_good(&self, name: &str) -> f64 {
        let mut scales = self.inner.scales.lock();
        if let Some(planned) = scales.get_mut(name) {
            planned.is_final = true;
            return planned.scale.factor;
        }
        let scale = Scale::of_name(name);
        remember(&mut scales, name, Planned { scale, is_final: true });
        if scale.unit.is_some() {
            // So that readers learn what the numbers are.
            self.describe(name, scale.unit, "");
        }
        scale.factor
    }

    /// Says what a histogram is for, and decides what its values are multiplied with, if nothing has yet.
    fn plan(&self, name: &str, described: Option<metrics::Unit>, help: &str) {
        let mut scales = self.inner.scales.lock();
        let asked = described.map_or_else(|| Scale::of_name(name), Scale::of_unit);
        let before = scales.get(name).copied();
        if let Some(Planned { scale, is_final: true }) = before {
            let is_taken = self.describe(name, scale.unit, help);
            if is_taken && described.is_some() && scale != asked {
                // Its values are in no such unit.
                self.inner.refused_descriptions.increment(1);
            }
        } else if self.describe(name, asked.unit, help) || before.is_none() {
            remember(&mut scales, name, Planned { scale: asked, is_final: false });
        }
    }
}

/// Notes the scale of a histogram, if it can be one.
fn remember(scales: &mut AHashMap<Box<str>, Planned>, name: &str, planned: Planned) {
    /// As many metrics as a telemetry of the default size has cells.
    const MOST: usize = 1 << 15;
    /// The telemetry refuses longer ones.
    const LONGEST: usize = 255;
    if name.len() <= LONGEST && (scales.len() < MOST || scales.contains_key(name)) {
        scales.insert(name.into(), planned);
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, described: Option<metrics::Unit>, help: SharedString) {
        self.describe(key.as_str(), described.map(unit), &help);
    }

    fn describe_gauge(&self, key: KeyName, described: Option<metrics::Unit>, help: SharedString) {
        self.describe(key.as_str(), described.map(unit), &help);
    }

    fn describe_histogram(&self, key: KeyName, described: Option<metrics::Unit>, help: SharedString) {
        self.plan(key.as_str(), described, &help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        let telemetry = &self.inner.telemetry;
        let make = || {
            let counter = with_labels(key, |labels| telemetry.counter_with(key.name(), labels));
            Sum::new(counter, self.inner.raising.clone())
        };
        metrics::Counter::from_arc(self.inner.counters.get(key, make))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let telemetry = &self.inner.telemetry;
        let make = || {
            let gauge = with_labels(key, |labels| telemetry.float_gauge_with(key.name(), labels));
            Level::new(gauge, telemetry, key.name())
        };
        metrics::Gauge::from_arc(self.inner.gauges.get(key, make))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let Inner { telemetry, resolution, histograms, .. } = &*self.inner;
        let make = || {
            let factor = self.factor_for_good(key.name());
            let histogram =
                with_labels(key, |labels| telemetry.histogram_of(key.name(), labels, *resolution));
            Distribution::new(histogram, factor, telemetry, key.name())
        };
        metrics::Histogram::from_arc(histograms.get(key, make))
    }
}

/// The labels as pairs.
fn with_labels<R>(key: &Key, body: impl FnOnce(&[(&str, &str)]) -> R) -> R {
    let pairs: Vec<_> = key.labels().map(|label: &Label| (label.key(), label.value())).collect();
    body(&pairs)
}

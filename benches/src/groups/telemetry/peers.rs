//! How others are set up: as their own benches do it, with the fastest way that they have to update one metric.

use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::registry::{AtomicStorage, GenerationalAtomicStorage, Registry, Storage};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram, Counter, Meter, MeterProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

pub(super) const PROMETHEUS: &str = "prometheus::IntCounter";
pub(super) const CLIENT: &str = "prometheus-client Counter";
pub(super) const SHARDED: &str = "contatori::Unsigned";
pub(super) const MEASURED: &str = "measured::Counter";
pub(super) const METRICS: &str = "metrics::Counter, kept handle on an AtomicU64";
pub(super) const OTEL: &str = "OpenTelemetry bound counter";

pub(super) fn int_counter() -> prometheus::IntCounter {
    prometheus::IntCounter::new("requests", "Requests.").expect("a valid name")
}

/// What the installed recorder of `metrics` keeps: counters in an `AtomicU64` each, histograms in an `AtomicBucket`.
pub(super) fn registry() -> &'static Registry<Key, AtomicStorage> {
    static REGISTRY: OnceLock<Arc<Registry<Key, AtomicStorage>>> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let registry = Arc::new(Registry::atomic());
        let installed = metrics::set_global_recorder(Recording(registry.clone()));
        assert!(installed.is_ok(), "nobody else installs one");
        registry
    })
}

/// Whether what was counted through the macros of `metrics` is there. If not, its figure is worth nothing.
pub(super) fn assert_metrics_counts() {
    let mut counted = 0;
    registry().visit_counters(|_, counter| counted += counter.load(std::sync::atomic::Ordering::Relaxed));
    assert!(counted > 0, "the peer counts nothing");
}

/// As its exporter for Prometheus records: it also keeps when each metric was last updated.
pub(super) fn exporting() -> Recording<GenerationalAtomicStorage> {
    Recording(Arc::new(Registry::new(GenerationalAtomicStorage::atomic())))
}

/// A recorder for `metrics`.
pub(super) struct Recording<S: Storage<Key>>(Arc<Registry<Key, S>>);

impl<S> Recorder for Recording<S>
where
    S: Storage<
            Key,
            Counter: Into<metrics::Counter>,
            Gauge: Into<metrics::Gauge>,
            Histogram: Into<metrics::Histogram>,
        >,
{
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        self.0.get_or_create_counter(key, |counter| counter.clone().into())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        self.0.get_or_create_gauge(key, |gauge| gauge.clone().into())
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        self.0.get_or_create_histogram(key, |histogram| histogram.clone().into())
    }
}

/// OpenTelemetry's SDK, read by hand: nothing of it runs on the side.
pub(super) struct Otel {
    provider: SdkMeterProvider,
    reader: Reader,
}

impl Otel {
    pub(super) fn new() -> Self {
        let reader = Reader(Arc::new(ManualReader::builder().build()));
        Self { provider: SdkMeterProvider::builder().with_reader(reader.clone()).build(), reader }
    }

    fn meter(&self) -> Meter {
        self.provider.meter("scorecard")
    }

    /// To be told the attributes at each update.
    pub(super) fn counter(&self) -> Counter<u64> {
        self.meter().u64_counter("requests").build()
    }

    /// With its attributes resolved beforehand (`experimental_metrics_bound_instruments`).
    pub(super) fn bound_counter(&self) -> BoundCounter<u64> {
        self.counter().bind(&attributes())
    }

    /// The same, of its default buckets.
    pub(super) fn bound_histogram(&self) -> BoundHistogram<u64> {
        self.meter().u64_histogram("latency").build().bind(&attributes())
    }

    /// Whether what was counted is there. If not, its figure is worth nothing.
    pub(super) fn assert_counts(&self) {
        let mut all = ResourceMetrics::default();
        self.reader.collect(&mut all).expect("it is not shut down");
        let metrics = all.scope_metrics().flat_map(|scope| scope.metrics()).count();
        assert!(metrics > 0, "the peer counts nothing");
    }
}

pub(super) fn attributes() -> [KeyValue; 2] {
    [KeyValue::new("method", "GET"), KeyValue::new("status", "200")]
}

/// A reader of which two hold an end.
#[derive(Clone, Debug)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, into: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(into)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

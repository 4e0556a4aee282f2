//! Histograms through kept handles.

use super::peers::{Otel, registry};
use super::{VALUES, latencies};
use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::telemetry::Telemetry;
use measured::metric::histogram::Thresholds;
use metrics_util::storage::AtomicBucket;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

const ATOMIC: &str = "histogram::AtomicHistogram";
const PROMETHEUS: &str = "prometheus::Histogram, default buckets";
const METRICS: &str = "metrics::Histogram on an AtomicBucket, cleared every 16,384 values";
const OTEL: &str = "OpenTelemetry bound histogram, default buckets";

/// After so many values somebody has to empty the peer's bucket, else its memory grows.
const CLEARED: u32 = 16_384;

pub(super) fn run(session: &mut Session) {
    session.row("histogram record, kept handle", || {
        // The bounds of its guide: an hour in microseconds, three figures.
        let bounded = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3);
        let mut hdr = bounded.expect("valid bounds");
        let (telemetry, sdk) = (Telemetry::new(), Otel::new());
        let (ours, atomic) = (telemetry.histogram("latency"), atomic_histogram());
        let (prometheus, otel) = (prometheus_histogram(), sdk.bound_histogram());
        registry();
        let (metrics, bucket) = (metrics::histogram!("latency"), kept("latency"));
        // The buckets of its benches.
        let thresholds = Thresholds::<8>::exponential_buckets(0.001, 2.0);
        let measured = measured::Histogram::with_metadata(thresholds);
        let until_cleared = Cell::new(CLEARED);
        let latencies = latencies();
        let at = |number: u64| latencies[number as usize % VALUES];
        let seconds = |number: u64| at(number) as f64 * 1e-6;
        let row = Row::measure(
            Side::each("flightdeck Histogram", |number| ours.record(at(number))),
            vec![
                Side::each("the values alone", |number| _ = black_box(at(number))),
                Side::each(ATOMIC, |number| _ = black_box(atomic.increment(at(number)))),
                Side::each("hdrhistogram, 3 figures, one thread's own", |number| {
                    hdr.saturating_record(at(number));
                    black_box(&hdr);
                }),
                Side::each(PROMETHEUS, |number| prometheus.observe(seconds(number))),
                Side::each(METRICS, |number| {
                    metrics.record(seconds(number));
                    until_cleared.set(until_cleared.get() - 1);
                    if until_cleared.get() == 0 {
                        until_cleared.set(CLEARED);
                        bucket.clear();
                    }
                }),
                Side::each(OTEL, |number| otel.record(at(number))),
                Side::each("measured::Histogram, 8 buckets", |number| {
                    measured.get_metric().observe(seconds(number));
                }),
            ],
            &[
                Bar::AtMostTimes(1.2, ATOMIC),
                Bar::TimesFaster(5.0, PROMETHEUS),
                Bar::TimesFaster(5.0, METRICS),
                Bar::TimesFaster(5.0, OTEL),
            ],
        );
        sdk.assert_counts();
        assert!(until_cleared.get() < CLEARED || bucket.is_empty(), "the peer keeps nothing");
        row
    });
    session.row("histogram record, one histogram from two threads", || {
        let (telemetry, sdk) = (Telemetry::new(), Otel::new());
        let (ours, atomic, latencies) = (telemetry.histogram("latency"), atomic_histogram(), latencies());
        let (prometheus, otel) = (prometheus_histogram(), sdk.bound_histogram());
        let (ours, atomic, latencies) = (&ours, &atomic, &latencies);
        let (prometheus, otel) = (&prometheus, &otel);
        let at = move |number: u64| latencies[number as usize % VALUES];
        Row::measure_pairs(
            PairSide::each("flightdeck Histogram", [move |number| ours.record(at(number)); 2]),
            vec![
                PairSide::each(ATOMIC, [move |number| _ = black_box(atomic.increment(at(number))); 2]),
                PairSide::each(PROMETHEUS, [move |number| prometheus.observe(at(number) as f64 * 1e-6); 2]),
                PairSide::each(OTEL, [move |number| otel.record(at(number)); 2]),
            ],
            &[Bar::TimesFaster(2.5, ATOMIC), Bar::TimesFaster(5.0, PROMETHEUS), Bar::TimesFaster(5.0, OTEL)],
        )
    });
}

/// Where the installed recorder keeps the values of a histogram that is there.
fn kept(name: &'static str) -> Arc<AtomicBucket<f64>> {
    registry().get_histogram(&metrics::Key::from_name(name)).expect("it was asked for")
}

fn prometheus_histogram() -> prometheus::Histogram {
    let options = prometheus::HistogramOpts::new("latency", "Latency.");
    prometheus::Histogram::with_opts(options).expect("a valid name")
}

/// As fine as ours, and as far.
fn atomic_histogram() -> histogram::AtomicHistogram {
    histogram::AtomicHistogram::new(5, 36).expect("valid powers")
}

//! What is counted through the crate `metrics`, beside our own handles and its own storage.

use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::bridge::metrics::Recorder;
use flightdeck::telemetry::Telemetry;
use metrics::{Key, Label, with_local_recorder};
use metrics_util::registry::{AtomicStorage, Registry};
use metrics_util::storage::AtomicBucket;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const OURS: &str = "our own handle";
/// A power of two: different values of the histograms' rows.
const VALUES: usize = 4_096;

pub(super) fn run(session: &mut Session) {
    session.row("metrics::Counter through our recorder, kept handle", || {
        let telemetry = Telemetry::new();
        let kept = with_local_recorder(&Recorder::new(&telemetry), || metrics::counter!("through"));
        let ours = telemetry.counter("ours");
        let atomic = metrics::Counter::from_arc(Arc::new(AtomicU64::new(0)));
        let row = Row::measure(
            Side::each("metrics::Counter of flightdeck's recorder", |_| {
                kept.increment(black_box(1));
                black_box(&kept);
            }),
            vec![
                Side::each(OURS, |_| {
                    ours.increment(black_box(1));
                    black_box(&ours);
                }),
                Side::each("metrics::Counter on an AtomicU64", |_| {
                    atomic.increment(black_box(1));
                    black_box(&atomic);
                }),
            ],
            &[Bar::AtMostAbove(3.0, OURS)],
        );
        assert!(
            telemetry.counter("through").value() > 0,
            "it counts nothing, so its figure is worth nothing"
        );
        row
    });
    session.row("metrics::Histogram through our recorder, kept handle, seconds", || {
        let telemetry = Telemetry::new();
        let kept = with_local_recorder(&Recorder::new(&telemetry), || metrics::histogram!("through_seconds"));
        let ours = telemetry.histogram("ours");
        let bucket = Arc::new(AtomicBucket::new());
        let atomic = metrics::Histogram::from_arc(bucket.clone());
        // The same values on all sides, and made by none of them.
        let times: Vec<u64> = (0..VALUES).map(|n| n as u64 * 1_000).collect();
        let seconds: Vec<f64> = times.iter().map(|ns| *ns as f64 * 1e-9).collect();
        let in_bucket = seconds.clone();
        let row = Row::measure(
            Side::each("metrics::Histogram of flightdeck's recorder", |n| {
                kept.record(black_box(seconds[n as usize % VALUES]));
                black_box(&kept);
            }),
            vec![
                Side::each(OURS, |n| {
                    ours.record(black_box(times[n as usize % VALUES]));
                    black_box(&ours);
                }),
                Side::new("metrics::Histogram on an AtomicBucket, drained every batch", move |count| {
                    (0..count).for_each(|n| atomic.record(black_box(in_bucket[n as usize % VALUES])));
                    bucket.clear();
                }),
            ],
            &[Bar::AtMostAbove(3.0, OURS)],
        );
        assert!(telemetry.histogram("through_seconds").values().count() > 0, "it records nothing");
        row
    });
    session.row("metrics' counter!, two labels, through our recorder", || {
        let telemetry = Telemetry::new();
        let recorder = Recorder::new(&telemetry);
        let registry = Registry::<Key, AtomicStorage>::atomic();
        let row = Row::measure(
            Side::new("counter! into flightdeck's recorder", |count| {
                with_local_recorder(&recorder, || {
                    for _ in 0..count {
                        metrics::counter!("through", "method" => "GET", "status" => "200")
                            .increment(black_box(1));
                    }
                });
            }),
            vec![Side::each("metrics-util's registry on an AtomicU64, asked each time", |_| {
                static LABELS: [Label; 2] =
                    [Label::from_static_parts("method", "GET"), Label::from_static_parts("status", "200")];
                static KEY: Key = Key::from_static_parts("through", &LABELS);
                registry.get_or_create_counter(&KEY, |counter| {
                    counter.fetch_add(black_box(1), std::sync::atomic::Ordering::Relaxed)
                });
            })],
            &[],
        );
        let counted = telemetry.counter_with("through", &[("method", "GET"), ("status", "200")]).value();
        assert!(counted > 0, "it counts nothing");
        row
    });
}

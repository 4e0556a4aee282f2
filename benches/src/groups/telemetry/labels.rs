//! Counters by labels: known at the call site, and by their values.

use super::peers::{Otel, assert_metrics_counts, attributes, exporting, registry};
use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::counter;
use flightdeck::telemetry::Telemetry;
use measured::CounterVec;
use measured::lasso::ThreadedRodeo;
use opentelemetry::KeyValue;
use prometheus_client::metrics::counter::Counter as ClientCounter;
use prometheus_client::metrics::family::Family;
use std::hint::black_box;

const METRICS_MACRO: &str = "metrics::counter! with two labels";
const PROMETHEUS_VEC: &str = "prometheus::IntCounterVec";
const CLIENT_FAMILY: &str = "prometheus-client Family";
const MEASURED_VEC: &str = "measured::CounterVec";
const OTEL_BY_VALUES: &str = "OpenTelemetry counter, attributes made for each update";

pub(super) fn run(session: &mut Session) {
    session.row("counter increment, two labels that are known at the call site", || {
        registry();
        let (telemetry, sdk, exporting) = (Telemetry::new(), Otel::new(), exporting());
        let vec = prometheus_vec();
        let fixed = CounterVec::<KnownSet>::new();
        let (unbound, bound, attributes) = (sdk.counter(), sdk.bound_counter(), attributes());
        let row = Row::measure(
            Side::each("flightdeck counter!", |_| {
                counter!(telemetry, "requests", "method" => "GET", "status" => "200").increment(black_box(1));
            }),
            vec![
                Side::each(METRICS_MACRO, |_| {
                    metrics::counter!("requests", "method" => "GET", "status" => "200")
                        .increment(black_box(1));
                }),
                Side::new("the same, kept as its exporter for Prometheus does", |count| {
                    metrics::with_local_recorder(&exporting, || {
                        for _ in 0..count {
                            metrics::counter!("requests", "method" => "GET", "status" => "200")
                                .increment(black_box(1));
                        }
                    });
                }),
                Side::each("measured::CounterVec, labels of fixed cardinality", |_| {
                    fixed.inc_by(Known { method: Method::Get, status: Status::Ok }, black_box(1));
                }),
                Side::each(PROMETHEUS_VEC, |_| vec.with_label_values(&["GET", "200"]).inc_by(black_box(1))),
                Side::each("OpenTelemetry counter, attributes made beforehand", |_| {
                    unbound.add(black_box(1), &attributes);
                }),
                Side::each("OpenTelemetry bound counter, kept", |_| bound.add(black_box(1))),
            ],
            &[Bar::FloorAtMost(3.0), Bar::TimesFaster(15.0, METRICS_MACRO)],
        );
        assert_metrics_counts();
        sdk.assert_counts();
        row
    });
    by_values::<4>(session);
    by_values::<512>(session);
}

/// Status codes, and how many of them.
fn statuses<const N: usize>() -> [String; N] {
    std::array::from_fn(|n| (200 + n).to_string())
}

fn prometheus_vec() -> prometheus::IntCounterVec {
    let options = prometheus::Opts::new("requests", "Requests.");
    prometheus::IntCounterVec::new(options, &["method", "status"]).expect("valid names")
}

fn by_values<const N: usize>(session: &mut Session) {
    session.row(&format!("counter increment, two labels by their values, {N} label sets"), || {
        registry();
        let (telemetry, sdk) = (Telemetry::new(), Otel::new());
        let ours = telemetry.counter_by("requests", ["method", "status"]);
        let vec = prometheus_vec();
        let client = Family::<Vec<(String, String)>, ClientCounter>::default();
        let interned = CounterVec::with_label_set(ByValuesSet::new());
        let otel = sdk.counter();
        let statuses = statuses::<N>();
        let status = |n: u64| &*statuses[n as usize % N];
        let row = Row::measure(
            Side::each("flightdeck Family", |n| ours.with(["GET", status(n)]).increment(1)),
            vec![
                Side::each(PROMETHEUS_VEC, |n| vec.with_label_values(&["GET", status(n)]).inc()),
                Side::each(CLIENT_FAMILY, |n| {
                    let labels = vec![
                        ("method".to_owned(), "GET".to_owned()),
                        ("status".to_owned(), status(n).to_owned()),
                    ];
                    client.get_or_create(&labels).inc();
                }),
                Side::each(MEASURED_VEC, |n| {
                    interned.inc(ByValues { method: Method::Get, status: status(n) });
                }),
                Side::each(METRICS_MACRO, |n| {
                    let status = status(n).to_owned();
                    metrics::counter!("by_values", "method" => "GET", "status" => status).increment(1);
                }),
                Side::each(OTEL_BY_VALUES, |n| {
                    let attributes =
                        [KeyValue::new("method", "GET"), KeyValue::new("status", status(n).to_owned())];
                    otel.add(1, &attributes);
                }),
            ],
            &[
                Bar::FloorAtMost(25.0),
                Bar::FasterThan(PROMETHEUS_VEC),
                Bar::FasterThan(CLIENT_FAMILY),
                Bar::FasterThan(MEASURED_VEC),
                Bar::FasterThan(METRICS_MACRO),
                Bar::FasterThan(OTEL_BY_VALUES),
            ],
        );
        assert_metrics_counts();
        sdk.assert_counts();
        row
    });
}

#[derive(Clone, Copy, measured::FixedCardinalityLabel)]
enum Method {
    Get,
    #[allow(dead_code, reason = "a label that could only be one thing would be no label")]
    Put,
}

#[derive(Clone, Copy, measured::FixedCardinalityLabel)]
enum Status {
    Ok = 200,
    #[allow(dead_code, reason = "a label that could only be one thing would be no label")]
    NotFound = 404,
}

#[derive(Clone, Copy, measured::LabelGroup)]
#[label(set = KnownSet)]
struct Known {
    method: Method,
    status: Status,
}

#[derive(Clone, Copy, measured::LabelGroup)]
#[label(set = ByValuesSet)]
struct ByValues<'a> {
    method: Method,
    #[label(dynamic_with = ThreadedRodeo, default)]
    status: &'a str,
}

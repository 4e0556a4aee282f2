//! A page for Prometheus, beside what its clients write.

use crate::measure::{Plan, Side};
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::bridge::openmetrics::{Format, Own, Renderer};
use flightdeck::telemetry::{Description, Resolution, Telemetry, Unit};
use metrics::with_local_recorder;
use metrics_exporter_prometheus::PrometheusBuilder;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::hint::black_box;

const CLIENT: &str = "prometheus-client";
const EXPORTER: &str = "metrics-exporter-prometheus";

/// Metrics, of which every fifth is a gauge, and series of each.
const METRICS: usize = 100;
const SERIES: usize = 100;
/// Of histograms.
const HISTOGRAMS: usize = 200;

type Pair = [(&'static str, String); 2];

fn pair(series: usize) -> Pair {
    [("route", format!("/api/v1/users/{series}")), ("status", (200 + series % 5).to_string())]
}

fn value(metric: usize, series: usize) -> u64 {
    (metric * 1_000_003 + series * 7_919) as u64
}

fn is_gauge(metric: usize) -> bool {
    metric.is_multiple_of(5)
}

/// Seconds, of which each histogram has as many.
fn samples(series: usize) -> impl Iterator<Item = u64> {
    (0..50).map(move |n| 1_000_u64 << (n % 20) | series as u64)
}

fn client(series: impl FnOnce(&mut Registry)) -> Registry {
    let mut registry = Registry::default();
    series(&mut registry);
    registry
}

fn plan() -> Plan {
    Plan { rounds: 25, ..Plan::default() }
}

pub(super) fn run(session: &mut Session) {
    session.row("OpenMetrics page of 10,000 series: counters and gauges, two labels", || {
        let telemetry = Telemetry::builder().cells(1 << 15).build().expect("as much memory");
        let registry = client(|registry| {
            for metric in 0..METRICS {
                let (name, help) = (format!("metric_{metric}"), "What it counts.");
                let (counters, gauges) =
                    (Family::<Vec<(&str, String)>, Counter>::default(), Family::<_, Gauge>::default());
                telemetry.describe(&name, Description::new(help)).expect("described once");
                for series in 0..SERIES {
                    let (pair, value) = (pair(series), value(metric, series));
                    let labels = pair.each_ref().map(|(key, value)| (*key, &**value));
                    if is_gauge(metric) {
                        telemetry.gauge_with(&name, &labels).set(value as i64);
                        gauges.get_or_create(&pair.to_vec()).set(value as i64);
                    } else {
                        telemetry.counter_with(&name, &labels).increment(value);
                        counters.get_or_create(&pair.to_vec()).inc_by(value);
                    }
                }
                if is_gauge(metric) {
                    registry.register(name, help, gauges);
                } else {
                    registry.register(name, help, counters);
                }
            }
        });
        let exporter = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&exporter, || {
            for metric in 0..METRICS {
                let name = format!("metric_{metric}");
                metrics::describe_counter!(name.clone(), "What it counts.");
                for series in 0..SERIES {
                    let labels = pair(series).map(|(key, value)| metrics::Label::new(key, value)).to_vec();
                    if is_gauge(metric) {
                        metrics::gauge!(name.clone(), labels).set(value(metric, series) as f64);
                    } else {
                        metrics::counter!(name.clone(), labels).increment(value(metric, series));
                    }
                }
            }
        });
        let exporter = exporter.handle();
        let (renderer, mut page, mut text) = (Renderer::new(), String::new(), String::new());
        let rendered = renderer.render(&telemetry.snapshot(), &Own::none(), Format::OPEN_METRICS, &mut page);
        assert_eq!((rendered.series, rendered.left_out.all()), ((METRICS * SERIES) as u64, 0));
        encode(&mut text, &registry).expect("a text takes all");
        let lines = |page: &str| page.lines().filter(|line| line.starts_with("metric_")).count();
        assert_eq!((lines(&page), lines(&text), lines(&exporter.render())), {
            let all = METRICS * SERIES;
            (all, all, all)
        });
        Row::measure_as(
            plan(),
            Side::each("flightdeck: snapshot and page", |_| {
                page.clear();
                let own = Own::telemetry(&telemetry.stats());
                black_box(renderer.render(&telemetry.snapshot(), &own, Format::OPEN_METRICS, &mut page));
            }),
            vec![
                Side::each("prometheus-client: encode, labels as Vec of pairs", |_| {
                    text.clear();
                    encode(&mut text, &registry).expect("a text takes all");
                    black_box(&text);
                }),
                Side::each("metrics-exporter-prometheus: PrometheusHandle::render", |_| {
                    black_box(exporter.render());
                }),
            ],
            &[Bar::TimesFaster(2.0, CLIENT), Bar::TimesFaster(10.0, EXPORTER)],
        )
    });
    session.row("OpenMetrics page of 200 histograms of 18 buckets", || {
        let telemetry = Telemetry::builder().cells(1 << 18).build().expect("as much memory");
        let description = Description::new("Time to answer.").unit(Unit::Nanoseconds);
        telemetry.describe("answer", description).expect("described once");
        let family = Family::<Vec<(&str, String)>, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(3e-9, 4.0, 18))
        });
        for series in 0..HISTOGRAMS {
            let pair = pair(series);
            let labels = pair.each_ref().map(|(key, value)| (*key, &**value));
            let ours = telemetry.try_histogram_of("answer", &labels, Resolution::default()).expect("room");
            let theirs = family.get_or_create_owned(&pair.to_vec());
            for ns in samples(series) {
                ours.record(ns);
                theirs.observe(ns as f64 / 1e9);
            }
        }
        let registry = client(|registry| registry.register("answer_seconds", "Time to answer.", family));
        let (renderer, mut page, mut text) = (Renderer::new(), String::new(), String::new());
        Row::measure_as(
            plan(),
            Side::each("flightdeck: snapshot of 1,025 buckets each, and page", |_| {
                page.clear();
                let own = Own::telemetry(&telemetry.stats());
                black_box(renderer.render(&telemetry.snapshot(), &own, Format::OPEN_METRICS, &mut page));
            }),
            vec![Side::each("prometheus-client: encode, labels as Vec of pairs", |_| {
                text.clear();
                encode(&mut text, &registry).expect("a text takes all");
                black_box(&text);
            })],
            &[],
        )
    });
}

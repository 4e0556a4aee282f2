//! Hosts that count through the crate `metrics`, and what the telemetry says.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::bridge::metrics::Recorder;
use flightdeck::telemetry::{Description, HistogramValues, Resolution, Telemetry, Unit, Value};
use metrics::{counter, describe_counter, describe_histogram, gauge, histogram, with_local_recorder};
use std::thread;
use std::time::Duration;

fn sum(telemetry: &Telemetry, metric: &str) -> u64 {
    let counted = |(_, value): (_, &Value)| match value {
        Value::Counter(count) => *count,
        other => panic!("{metric} is {other:?}"),
    };
    telemetry.snapshot().series(metric).map(counted).sum()
}

fn level(telemetry: &Telemetry, metric: &str) -> f64 {
    match telemetry.snapshot().get(metric) {
        Some(Value::FloatGauge(value)) => *value,
        other => panic!("{metric} is {other:?}"),
    }
}

fn distribution(telemetry: &Telemetry, metric: &str) -> HistogramValues {
    match telemetry.snapshot().get(metric) {
        Some(Value::Histogram(values)) => values.clone(),
        other => panic!("{metric} is {other:?}"),
    }
}

/// A library that knows nothing of Flightdeck.
mod library {
    use super::*;

    pub fn describe() {
        describe_counter!("jobs_total", metrics::Unit::Count, "jobs that were done");
        describe_histogram!("job_seconds", metrics::Unit::Seconds, "how long one took");
    }

    pub fn work(kind: &'static str) {
        gauge!("jobs_running").increment(1);
        counter!("jobs_total", "kind" => kind).increment(1);
        histogram!("job_seconds", "kind" => kind).record(Duration::from_micros(250));
        gauge!("jobs_running").decrement(1);
    }
}

#[test]
fn a_library_is_counted_from_all_threads_once_the_recorder_is_installed() {
    let telemetry = Telemetry::new();
    library::work("before");
    metrics::set_global_recorder(Recorder::new(&telemetry)).unwrap();
    library::describe();
    thread::scope(|threads| {
        for kind in ["read", "write", "read"] {
            threads.spawn(move || (0..1_000).for_each(|_| library::work(kind)));
        }
    });
    let snapshot = telemetry.snapshot();
    let of = |metric: &str, kind: &str| {
        let wanted = |labels: &[(&str, &str)]| labels == [("kind", kind)];
        let found = snapshot.series(metric).find(|(key, _)| wanted(&key.labels().iter().collect::<Vec<_>>()));
        found.map(|(key, value)| (key.unit(), key.help().map(str::to_owned), value.clone()))
    };
    let jobs = Some("jobs that were done".to_owned());
    assert_eq!(of("jobs_total", "read"), Some((Some(Unit::Count), jobs.clone(), Value::Counter(2_000))));
    assert_eq!(of("jobs_total", "write"), Some((Some(Unit::Count), jobs, Value::Counter(1_000))));
    assert_eq!(of("jobs_total", "before"), None);
    let Some((unit, _, Value::Histogram(took))) = of("job_seconds", "write") else { panic!("it is there") };
    assert_eq!((unit, took.count(), took.sum()), (Some(Unit::Nanoseconds), 1_000, 250_000_000));
    assert_eq!(level(&telemetry, "jobs_running"), 0.0);
    // Whoever comes second has no say.
    assert!(metrics::set_global_recorder(Recorder::new(&Telemetry::new())).is_err());
}

#[test]
fn a_local_recorder_counts_what_runs_under_it_and_the_inner_one_counts_first() {
    let (outer, inner) = (Telemetry::new(), Telemetry::new());
    let (to_outer, to_inner) = (Recorder::new(&outer), Recorder::new(&inner));
    with_local_recorder(&to_outer, || {
        let kept = counter!("calls_total");
        with_local_recorder(&to_inner, || {
            counter!("calls_total").increment(5);
            kept.increment(1);
        });
        counter!("calls_total").increment(1);
    });
    assert_eq!((sum(&outer, "calls_total"), sum(&inner, "calls_total")), (2, 5));
}

#[test]
fn absolute_raises_and_never_lowers_whoever_calls_it() {
    let telemetry = Telemetry::new();
    let (one, other) = (Recorder::new(&telemetry), Recorder::new(&Telemetry::new()));
    let counters = with_local_recorder(&one, || [counter!("packets_total"), counter!("packets_total")]);
    counters[0].absolute(10);
    counters[0].absolute(7);
    assert_eq!(sum(&telemetry, "packets_total"), 10);
    counters[0].increment(5);
    counters[1].absolute(15);
    assert_eq!(sum(&telemetry, "packets_total"), 15);
    thread::scope(|threads| {
        for counter in &counters {
            threads.spawn(move || (0..20_000).for_each(|value| counter.absolute(value)));
        }
    });
    assert_eq!(sum(&telemetry, "packets_total"), 19_999);
    counters[1].absolute(u64::MAX);
    assert_eq!(sum(&telemetry, "packets_total"), u64::MAX);
    drop(other);
}

#[test]
fn changes_of_a_gauge_by_several_threads_add_up() {
    let telemetry = Telemetry::new();
    let gauge = with_local_recorder(&Recorder::new(&telemetry), || gauge!("level"));
    gauge.set(0.25);
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..5_000 {
                    gauge.increment(1.5);
                    gauge.decrement(1.0);
                }
            });
        }
    });
    assert_eq!(level(&telemetry, "level"), 10_000.25);
    for unfit in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        gauge.increment(unfit);
        gauge.decrement(unfit);
    }
    assert_eq!(level(&telemetry, "level"), 10_000.25);
    assert_eq!(sum(&telemetry, "flightdeck_metrics_unfit_values_total"), 6);
    gauge.set(f64::INFINITY);
    assert_eq!(level(&telemetry, "level"), f64::INFINITY);
}

#[test]
fn values_are_recorded_in_what_the_unit_or_the_name_says() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::new(&telemetry);
    with_local_recorder(&recorder, || {
        let units = [
            ("a", metrics::Unit::Seconds, 1.5, 1_500_000_000),
            ("b", metrics::Unit::Milliseconds, 0.25, 250_000),
            ("c", metrics::Unit::Microseconds, 0.5, 500),
            ("d", metrics::Unit::Nanoseconds, 3.0, 3),
            ("e", metrics::Unit::Kibibytes, 0.5, 512),
            ("f", metrics::Unit::Gibibytes, 2.0, 2 << 30),
            ("g", metrics::Unit::MegabitsPerSecond, 0.125, 125_000),
            ("h", metrics::Unit::Count, 17.0, 17),
        ];
        for (name, unit, value, expected) in units {
            describe_histogram!(name, unit, "by unit");
            histogram!(name).record(value);
            assert_eq!(distribution(&telemetry, name).sum(), expected, "{name} in {unit:?}");
        }
        for (name, value, expected) in [
            ("wait_seconds", 0.001, 1_000_000),
            ("gap_us", 2.0, 2_000),
            ("sent_bytes", 5.0, 5),
            ("depth", 3.0, 3),
        ] {
            histogram!(name).record(value);
            assert_eq!(distribution(&telemetry, name).sum(), expected, "{name}");
        }
    });
    let snapshot = telemetry.snapshot();
    let unit = |name: &str| snapshot.series(name).next().and_then(|(key, _)| key.unit());
    assert_eq!(unit("a"), Some(Unit::Nanoseconds));
    assert_eq!(unit("e"), Some(Unit::Bytes));
    assert_eq!(unit("g"), Some(Unit::Other("bits_per_second")));
    assert_eq!(
        (unit("wait_seconds"), unit("sent_bytes"), unit("depth")),
        (Some(Unit::Nanoseconds), Some(Unit::Bytes), None)
    );
    assert_eq!(telemetry.snapshot().get("flightdeck_metrics_rounded_values_total"), None);
    assert_eq!(
        (recorder.scale("b"), recorder.scale("depth"), recorder.scale("nobody")),
        (Some(1e6), Some(1.0), None)
    );
}

#[test]
fn a_unit_that_comes_late_changes_no_numbers_and_is_counted() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::builder(&telemetry).scale("share", 1_000.try_into().unwrap()).build();
    let refused = || sum(&telemetry, "flightdeck_metrics_refused_descriptions_total");
    with_local_recorder(&recorder, || {
        histogram!("took").record(2.0);
        describe_histogram!("took", metrics::Unit::Seconds, "help that is taken");
        assert_eq!(refused(), 1);
        histogram!("took").record(2.0);
        // Described twice before it is used, in different ways: the first holds.
        describe_histogram!("other", metrics::Unit::Milliseconds, "first");
        describe_histogram!("other", metrics::Unit::Seconds, "second");
        assert_eq!(refused(), 2);
        histogram!("other").record(1.0);
        // The host's choice stands above the library's.
        describe_histogram!("share", metrics::Unit::Percent, "part of it");
        histogram!("share").record(0.5);
        // The same again is fine.
        describe_counter!("n_total", "said twice");
        describe_counter!("n_total", "said twice");
    });
    assert_eq!(refused(), 3);
    assert_eq!(distribution(&telemetry, "took").sum(), 4);
    assert_eq!(distribution(&telemetry, "other").sum(), 1_000_000);
    assert_eq!(distribution(&telemetry, "share").sum(), 500);
    let snapshot = telemetry.snapshot();
    let of =
        |name: &str| snapshot.series(name).next().map(|(key, _)| (key.unit(), key.help().map(str::to_owned)));
    assert_eq!(of("took"), Some((None, Some("help that is taken".to_owned()))));
    assert_eq!(of("other"), Some((Some(Unit::Nanoseconds), Some("first".to_owned()))));
    assert_eq!(of("share"), Some((None, Some("part of it".to_owned()))));
}

#[test]
fn no_value_is_lost_without_being_counted() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::builder(&telemetry).resolution(Resolution::new(7)).build();
    with_local_recorder(&recorder, || {
        let sizes = histogram!("sizes");
        for unfit in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e20] {
            sizes.record(unfit);
        }
        sizes.record_many(f64::NAN, 10);
        sizes.record_many(4.0, 3);
        sizes.record_many(4.0, 0);
        sizes.record(-0.0);
        sizes.record(0.3);
        sizes.record(63.4);
        sizes.record(64.4);
        // In seconds 1e20 is what 1e11 is in ns.
        histogram!("long_seconds").record(1e11);
    });
    let sizes = distribution(&telemetry, "sizes");
    assert_eq!((sizes.count(), sizes.sum()), (7, 12 + 63 + 64));
    let snapshot = telemetry.snapshot();
    let by_metric = |total: &str| -> Vec<(String, Value)> {
        snapshot.series(total).map(|(key, value)| (key.to_string(), value.clone())).collect()
    };
    let unfit = by_metric("flightdeck_metrics_unfit_values_total");
    assert_eq!(unfit.len(), 2, "{unfit:?}");
    assert!(unfit[0].0.contains("long_seconds") && unfit[0].1 == Value::Counter(1), "{unfit:?}");
    assert!(unfit[1].0.contains("sizes") && unfit[1].1 == Value::Counter(15), "{unfit:?}");
    let rounded = by_metric("flightdeck_metrics_rounded_values_total");
    assert_eq!(rounded.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>(), [Value::Counter(1)]);
}

#[test]
fn what_the_telemetry_refuses_is_refused_here_and_uses_are_counted() {
    let telemetry = Telemetry::new();
    with_local_recorder(&Recorder::new(&telemetry), || {
        counter!("mine").increment(1);
        gauge!("mine").set(1.0);
        gauge!("mine").increment(1.0);
        histogram!("mine").record(1.0);
        counter!("twice", "a" => "1", "a" => "2").increment(1);
        counter!("").increment(1);
        counter!("line\nbreak").increment(1);
        counter!("reserved", "overflow" => "true").increment(1);
        let long = "n".repeat(1 << 20);
        counter!(long).increment(1);
        let text = "v".repeat(1 << 20);
        counter!("long_value", "v" => text).increment(1);
    });
    let stats = telemetry.stats();
    assert_eq!((stats.refused_metrics, stats.refused_updates), (7, 8));
    assert_eq!(stats.label_values_cut, 1);
    assert_eq!((sum(&telemetry, "mine"), sum(&telemetry, "long_value")), (1, 1));
    let last = telemetry.status().last_error.expect("refused above");
    assert_eq!(last.code, Some("telemetry.metric.long_name"));
}

#[test]
fn beyond_the_limit_of_label_sets_totals_stay_exact() {
    let telemetry = Telemetry::new();
    telemetry.describe("hits_total", Description::new("").most_series(10)).unwrap();
    with_local_recorder(&Recorder::new(&telemetry), || {
        for user in 0..100_000_u32 {
            counter!("hits_total", "user" => user.to_string()).increment(1);
        }
    });
    assert_eq!(sum(&telemetry, "hits_total"), 100_000);
    let overflow = telemetry.counter_with("hits_total", &[("user", "100000")]);
    assert_eq!(overflow.value(), 99_990);
}

#[test]
fn kept_handles_allocate_nothing_and_neither_do_macros_that_were_there_before() {
    let telemetry = Telemetry::new();
    let recorder = Recorder::new(&telemetry);
    with_local_recorder(&recorder, || {
        let (counter, gauge, histogram) = (counter!("c", "a" => "b"), gauge!("g"), histogram!("h_seconds"));
        let update = || {
            counter.increment(2);
            counter.absolute(1);
            gauge.set(1.0);
            gauge.increment(0.5);
            histogram.record(0.001);
            counter!("c", "a" => "b").increment(1);
        };
        update();
        assert_eq!(allocations(|| (0..100).for_each(|_| update())), 0);
    });
    assert_eq!(sum(&telemetry, "c"), 303);
}

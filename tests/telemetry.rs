//! Telemetry as its users see it.

use flightdeck::Diagnostic;
use flightdeck::telemetry::{Counter, MetricType, RegisterError, Telemetry, Value};
use proptest::prelude::*;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn counts_are_exact_at_rest_and_never_go_down() {
    const WORKERS: u64 = 8;
    const ROUNDS: u64 = 20;
    const EACH: u64 = 5_000;
    let telemetry = Telemetry::builder().threads(4).build().unwrap();
    let counter = telemetry.counter("events_total");
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let now = counter.value();
                assert!(now >= last && now <= WORKERS * ROUNDS * EACH, "{last}, then {now}");
                last = now;
            }
        });
        // Threads come and go, more of them than slabs.
        for _ in 0..ROUNDS {
            std::thread::scope(|workers| {
                for _ in 0..WORKERS {
                    workers.spawn(|| (0..EACH).for_each(|_| counter.increment(1)));
                }
            });
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(counter.value(), WORKERS * ROUNDS * EACH);
    assert!(telemetry.stats().slabs_reached <= 4);
}

#[test]
fn two_thousand_short_threads_take_no_more_slabs_than_lived_at_once() {
    let telemetry = Telemetry::new();
    let counter = telemetry.counter("births_total");
    for _ in 0..1_000 {
        let born = || {
            let counter = counter.clone();
            std::thread::spawn(move || counter.increment(1))
        };
        let pair = [born(), born()];
        for thread in pair {
            thread.join().unwrap();
        }
    }
    assert_eq!(counter.value(), 2_000);
    let stats = telemetry.stats();
    assert!(stats.slabs_reached <= 8, "{stats:?}");
    assert_eq!((stats.slabs_owned, stats.shared_updates), (0, 0));
}

#[test]
fn what_ending_threads_count_is_kept() {
    struct Last(Counter);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.increment(1);
        }
    }
    thread_local! {
        static BEFORE: RefCell<Option<Last>> = const { RefCell::new(None) };
        static AFTER: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    let telemetry = Telemetry::new();
    let counter = telemetry.counter("ends_total");
    for _ in 0..200 {
        let counter = counter.clone();
        std::thread::spawn(move || {
            BEFORE.with(|last| *last.borrow_mut() = Some(Last(counter.clone())));
            counter.increment(1);
            AFTER.with(|last| *last.borrow_mut() = Some(Last(counter.clone())));
        })
        .join()
        .unwrap();
    }
    assert_eq!(counter.value(), 600);
    assert_eq!(telemetry.stats().slabs_owned, 0);
}

#[test]
fn an_empty_pool_shares_and_loses_nothing() {
    let telemetry = Telemetry::builder().memory(0).build().unwrap();
    let (first, histogram) = (telemetry.counter("first"), telemetry.histogram("spread"));
    for value in 0..1_000 {
        first.increment(1);
        histogram.record(value);
    }
    assert_eq!(
        (first.value(), histogram.values().count(), histogram.values().sum()),
        (1_000, 1_000, 499_500)
    );
    assert!(telemetry.stats().shared_updates > 0);
}

#[test]
fn gauges_keep_what_was_last_set() {
    let telemetry = Telemetry::new();
    let (queue, load) = (telemetry.gauge("queue"), telemetry.float_gauge("load"));
    std::thread::scope(|threads| {
        threads.spawn(|| queue.set(9));
    });
    queue.set(-4);
    load.set(0.75);
    assert_eq!((queue.value(), load.value()), (-4, 0.75));
    let snapshot = telemetry.snapshot();
    assert_eq!(snapshot.get("queue"), Some(&Value::Gauge(-4)));
    assert_eq!(snapshot.get("load"), Some(&Value::FloatGauge(0.75)));
    assert_eq!(snapshot.iter().map(|(key, _)| key.name()).collect::<Vec<_>>(), ["load", "queue"]);
}

#[test]
fn a_refused_metric_is_an_error_or_a_handle_whose_uses_are_counted() {
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    telemetry.counter("one").increment(5);
    assert_eq!(telemetry.counter("one").value(), 5, "one name is one counter");
    let other = telemetry.try_gauge("one").unwrap_err();
    assert!(matches!(&other, RegisterError::OtherType { registered: MetricType::Counter, .. }), "{other}");
    assert_eq!(telemetry.try_counter("").unwrap_err().code(), "telemetry.metric.empty_name");
    let large = telemetry.try_histogram("latency").unwrap_err();
    assert!(matches!(large, RegisterError::NoRoom { left: 62, cells: 64, .. }), "{large}");
    let refused = telemetry.histogram("latency");
    refused.record(3);
    refused.touch();
    telemetry.gauge("one").set(3);
    let (up_down, counter) = (telemetry.up_down_counter("one"), telemetry.counter(""));
    up_down.add(-7);
    counter.increment(1_000);
    let stats = telemetry.stats();
    assert_eq!((stats.refused_metrics, stats.refused_updates), (4, 4));
    assert_eq!((up_down.value(), counter.value()), (0, 0));
    assert_eq!(refused.values().count(), 0);
    assert_eq!(telemetry.counter("one").value(), 5);
}

#[test]
fn a_telemetry_dropped_while_a_thread_counts_is_forgotten() {
    let (first, second) = (Telemetry::new(), Telemetry::new());
    let kept = second.counter("kept");
    let handle = first.counter("dropped");
    std::thread::scope(|threads| {
        threads.spawn(move || {
            for _ in 0..1_000 {
                handle.increment(1);
                kept.increment(1);
            }
            assert_eq!(handle.value(), 1_000, "a handle outlives its telemetry");
        });
        drop(first);
    });
    assert_eq!(second.counter("kept").value(), 1_000);
}

proptest! {
    #[test]
    fn quantiles_are_those_of_the_sorted_values(mut values in prop::collection::vec(0_u64..1 << 36, 1..200)) {
        let histogram = Telemetry::new().histogram("values");
        values.iter().for_each(|value| histogram.record(*value));
        values.sort_unstable();
        let read = histogram.values();
        prop_assert_eq!(read.count(), values.len() as u64);
        prop_assert_eq!(read.sum(), values.iter().sum::<u64>());
        for share in [0.0, 0.1, 0.5, 0.9, 0.99, 1.0] {
            let rank = ((share * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let ours = read.quantile(share).unwrap();
            prop_assert!(ours >= exact && (ours - exact) as f64 <= exact as f64 / 32.0, "{} for {}", ours, exact);
        }
    }
}

#[test]
fn readings_subtract_and_overflow_shows() {
    let histogram = Telemetry::new().histogram("values");
    histogram.record(10);
    let earlier = histogram.values();
    histogram.record(20);
    histogram.record(1 << 40);
    let since = histogram.values().since(&earlier);
    assert_eq!((since.count(), since.overflowed()), (2, 1));
    assert_eq!(since.quantile(0.5), Some(20));
    assert_eq!(earlier.since(&earlier).quantile(0.5), None);
}

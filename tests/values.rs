//! Values of metrics: what each kind says, how readings subtract and add up.

use flightdeck::Clock;
use flightdeck::telemetry::{AddError, HistogramValues, RegisterError, Resolution, Telemetry, Value};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

fn recorded(resolution: Resolution, values: &[u64]) -> HistogramValues {
    let telemetry = Telemetry::builder().cells(1 << 19).build().unwrap();
    let histogram = telemetry.try_histogram_of("values", &[], resolution).unwrap();
    values.iter().for_each(|value| histogram.record(*value));
    histogram.values()
}

#[test]
fn what_threads_add_and_take_away_sums_up() {
    let telemetry = Telemetry::new();
    let open = telemetry.up_down_counter("open");
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..10_000).for_each(|n| open.add(if n % 2 == 0 { 3 } else { -4 })));
        }
    });
    assert_eq!(open.value(), -20_000);
    assert_eq!(telemetry.snapshot().get("open"), Some(&Value::UpDownCounter(-20_000)));
    assert_eq!(telemetry.stats().shared_updates, 0);
}

#[test]
fn a_histogram_has_one_resolution() {
    let telemetry = Telemetry::new();
    let fine = Resolution::new(8).up_to(1_000_000);
    let first = telemetry.try_histogram_of("size", &[("side", "left")], fine).unwrap();
    // Whoever does not ask takes what there is.
    let again = telemetry.try_histogram_with("size", &[("side", "right")]).unwrap();
    assert_eq!((first.resolution(), again.resolution()), (fine, fine));
    let other = telemetry.try_histogram_of("size", &[], Resolution::default()).unwrap_err();
    assert!(matches!(other, RegisterError::OtherResolution { .. }), "{other}");
    for precision in [0, 13, u32::MAX] {
        let resolution = Resolution::new(precision).up_to(u64::MAX);
        let unfit = telemetry.try_histogram_of("unfit", &[], resolution).unwrap_err();
        assert!(matches!(unfit, RegisterError::Precision { .. }), "{unfit}");
        telemetry.histogram_of("unfit", &[], resolution).record(1);
        assert!(resolution.bytes() > 0 && resolution.greatest() == u64::MAX);
    }
    assert_eq!(telemetry.stats().refused_updates, 3);
}

#[test]
fn each_reader_knows_the_extremes_since_it_last_read() {
    let histogram = Telemetry::new().histogram("values");
    let (mine, yours) = (histogram.values(), histogram.values());
    assert_eq!((mine.greatest(), mine.least()), (None, None));
    let near =
        |bound: Option<u64>, exact: u64| bound.is_some_and(|bound| bound.abs_diff(exact) <= exact / 32);
    [1_000, 5_001, 70_003].iter().for_each(|value| histogram.record(*value));
    let now = histogram.values();
    assert!(near(now.greatest(), 70_003) && near(now.least(), 1_000), "{now:?}");
    assert_eq!(now.since(&mine), now);
    // Within what there was already.
    [2_001, 60_001].iter().for_each(|value| histogram.record(*value));
    let since = histogram.values().since(&now);
    assert!(near(since.greatest(), 60_001) && near(since.least(), 2_001), "{since:?}");
    // Beyond the range: exact. Another reader's baseline is its own.
    [7, (1 << 40) + 1].iter().for_each(|value| histogram.record(*value));
    let later = histogram.values();
    let since = later.since(&now);
    assert_eq!((since.greatest(), since.least()), (Some((1 << 40) + 1), Some(7)));
    assert_eq!((later.since(&yours).greatest(), later.since(&yours).count()), (Some((1 << 40) + 1), 7));
    assert_eq!((later.since(&later).greatest(), later.since(&later).least()), (None, None));
    assert_eq!(later.quantile(1.0), Some((1 << 40) + 1));
}

#[test]
fn a_share_that_is_no_float_has_the_rank_that_it_would_have() {
    let resolution = Resolution::new(8);
    let hundred = recorded(resolution, &(1..=100).collect::<Vec<_>>());
    for percent in 1..=100_u64 {
        assert_eq!(hundred.quantile(percent as f64 / 100.0), Some(percent));
    }
    assert_eq!(hundred.quantile(f64::MIN_POSITIVE), Some(1));
    assert_eq!((hundred.quantile(-1.0), hundred.quantile(2.0)), (Some(1), Some(100)));
}

#[test]
fn more_values_than_a_float_tells_apart_still_have_a_greatest() {
    let histogram = Telemetry::new().histogram("values");
    histogram.record_many(1, 1 << 53);
    histogram.record(40);
    let values = histogram.values();
    assert_eq!(
        (values.quantile(1.0), values.greatest(), values.quantile(0.5)),
        (Some(40), Some(40), Some(1))
    );
}

#[test]
fn a_timer_records_what_it_took_unless_it_is_discarded() {
    let clock = Clock::manual();
    let telemetry = Telemetry::builder().clock(clock.clone()).build().unwrap();
    let latency = telemetry.histogram("latency_ns");
    let answer = latency.measure(|| {
        clock.advance(Duration::from_nanos(40));
        7
    });
    let timer = latency.start();
    clock.advance(Duration::from_nanos(30));
    timer.stop();
    latency.start().discard();
    let panics = || -> () {
        latency.measure(|| {
            clock.advance(Duration::from_nanos(20));
            panic!("as meant");
        })
    };
    catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    let values = latency.values();
    assert_eq!((answer, values.count(), values.sum()), (7, 3, 90));
    assert_eq!((values.least(), values.greatest()), (Some(20), Some(40)));
}

#[test]
fn a_sampled_timer_counts_all_and_measures_one_in_so_many() {
    let clock = Clock::manual();
    let telemetry = Telemetry::builder().clock(clock.clone()).build().unwrap();
    let (latency, calls) = (telemetry.histogram("latency_ns"), telemetry.counter("calls_total"));
    let timer = latency.sampled(&calls, 7.try_into().unwrap());
    for n in 0..700_u64 {
        timer.measure(|| clock.advance(Duration::from_nanos(if n % 7 == 0 { 10 } else { 1_000 })));
    }
    assert_eq!((calls.value(), latency.values().count(), latency.values().sum()), (700, 700, 7_000));
    // Each thread has a sequence of its own; cells that are taken over go on in theirs. Joined, since a scope does not wait
    // until a thread has given back its cells.
    for _ in 0..7 {
        let timer = timer.clone();
        std::thread::spawn(move || timer.measure(|| ())).join().unwrap();
    }
    assert_eq!((calls.value(), latency.values().count()), (707, 707));
    let every = latency.sampled(&telemetry.counter("each"), 1.try_into().unwrap());
    (0..10).for_each(|_| every.start().stop());
    assert_eq!(latency.values().count(), 717);
}

#[test]
fn snapshots_subtract_for_each_reader_alike() {
    let telemetry = Telemetry::new();
    let (counter, open) = (telemetry.counter("b_total"), telemetry.up_down_counter("c_open"));
    let (level, latency) = (telemetry.gauge("d_level"), telemetry.histogram("e_ns"));
    counter.increment(10);
    open.add(5);
    level.set(4);
    latency.record(100);
    let first = telemetry.snapshot();
    counter.increment(1);
    let second = telemetry.snapshot();
    open.add(-7);
    level.set(3);
    latency.record(200);
    // Names before, between and after those there were.
    let between = telemetry.counter_with("b_total", &[("side", "left")]);
    [&telemetry.counter("a_total"), &between, &telemetry.counter("f_total")]
        .iter()
        .for_each(|new| new.increment(2));
    let third = telemetry.snapshot();
    let (from_first, from_second) = (third.since(&first), third.since(&second));
    assert_eq!(from_first.get("b_total"), Some(&Value::Counter(1)));
    assert_eq!(from_second.get("b_total"), Some(&Value::Counter(0)));
    for since in [&from_first, &from_second] {
        assert_eq!(since.get("a_total"), Some(&Value::Counter(2)));
        assert_eq!(since.get_with("b_total", &[("side", "left")]), Some(&Value::Counter(2)));
        assert_eq!(since.get("c_open"), Some(&Value::UpDownCounter(-7)));
        assert_eq!(since.get("d_level"), Some(&Value::Gauge(3)));
        assert!(matches!(since.get("e_ns"), Some(Value::Histogram(values)) if values.sum() == 200));
        assert_eq!(since.get("f_total"), Some(&Value::Counter(2)));
    }
    // Of a process that began anew.
    let other = Telemetry::new();
    other.counter("b_total").increment(3);
    other.gauge("c_open").set(1);
    let anew = other.snapshot().since(&third);
    assert_eq!(anew.get("b_total"), Some(&Value::Counter(3)));
    assert_eq!(anew.get("c_open"), Some(&Value::Gauge(1)));
}

#[test]
fn snapshots_of_two_telemetries_add_up() {
    let make = |own: &str, n: u64| {
        let telemetry = Telemetry::new();
        telemetry.counter("all_total").increment(n);
        telemetry.counter_with("all_total", &[("process", own)]).increment(n);
        telemetry.counter(own).increment(n);
        telemetry.up_down_counter("open").add(-(n as i64));
        telemetry.gauge("level").set(n as i64);
        telemetry.float_gauge("load").set(n as f64 / 4.0);
        telemetry.histogram("latency_ns").record(n);
        telemetry
    };
    let (a, b) = (make("a", 3), make("b", 40));
    let sum = a.snapshot().plus(&b.snapshot()).unwrap();
    assert_eq!(sum.get("all_total"), Some(&Value::Counter(43)));
    assert_eq!((sum.get("a"), sum.get("b")), (Some(&Value::Counter(3)), Some(&Value::Counter(40))));
    assert_eq!(sum.get_with("all_total", &[("process", "b")]), Some(&Value::Counter(40)));
    assert_eq!(sum.get("open"), Some(&Value::UpDownCounter(-43)));
    assert_eq!(sum.get("level"), Some(&Value::Gauge(43)));
    assert_eq!(sum.get("load"), Some(&Value::FloatGauge(10.75)));
    let Some(Value::Histogram(latency)) = sum.get("latency_ns") else { panic!("{sum:?}") };
    assert_eq!((latency.least(), latency.greatest(), latency.sum()), (Some(3), Some(40), 43));
    assert!(sum.began() <= b.snapshot().began());
    let names: Vec<_> = sum.iter().map(|(key, _)| key.to_string()).collect();
    assert!(names.is_sorted() && names.len() == 9, "{names:?}");
    let other = Telemetry::new();
    other.gauge("all_total").set(1);
    let error = a.snapshot().plus(&other.snapshot()).unwrap_err();
    assert!(matches!(&error, AddError::OtherType { series, .. } if series == "all_total"), "{error}");
}

/// How many are in which bucket, named by its least value.
fn counts(values: &HistogramValues) -> Vec<(u64, u64)> {
    values.buckets().map(|(low, _, count)| (low, count)).collect()
}

fn some_values() -> impl Strategy<Value = Vec<u64>> {
    let value = (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift);
    prop::collection::vec(value, 0..60)
}

fn some_resolution() -> impl Strategy<Value = Resolution> {
    (1..=12_u32, 0..64_u32).prop_map(|(precision, shift)| Resolution::new(precision).up_to(u64::MAX >> shift))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn quantiles_are_those_of_the_sorted_values(mut values in some_values(), resolution in some_resolution()) {
        let read = recorded(resolution, &values);
        values.sort_unstable();
        prop_assert_eq!(read.count(), values.len() as u64);
        prop_assert_eq!(read.sum(), values.iter().fold(0, |sum: u64, value| sum.wrapping_add(*value)));
                let beyond = values.iter().filter(|value| **value > resolution.greatest()).count() as u64;
        prop_assert_eq!(read.overflowed(), beyond);
        for share in [0.0, 0.1, 0.5, 0.9, 0.99, 1.0] {
            let rank = ((share * values.len() as f64).ceil() as usize).max(1);
            let Some(exact) = values.get(rank - 1).copied() else {
                prop_assert_eq!(read.quantile(share), None);
                continue;
            };
            let ours = read.quantile(share).unwrap();
            prop_assert!(ours >= exact);
            let error = exact as f64 * resolution.relative_error();
            prop_assert!(exact > resolution.greatest() && ours == values[values.len() - 1] || (ours - exact) as f64 <= error, "{} for {}", ours, exact);
        }
    }

    #[test]
    fn what_is_recorded_in_two_histograms_adds_up_to_what_is_recorded_in_one(
        a in some_values(), b in some_values(), fine in some_resolution(), coarse in some_resolution(),
    ) {
        let (of_a, of_b) = (recorded(fine, &a), recorded(coarse, &b));
        let sum = of_a.plus(&of_b);
        prop_assert_eq!(&sum, &of_b.plus(&of_a));
        let all: Vec<u64> = a.iter().chain(&b).copied().collect();
        let of_all = recorded(sum.resolution(), &all);
        prop_assert_eq!((counts(&sum), sum.sum()), (counts(&of_all), of_all.sum()));
        prop_assert!(sum.greatest() >= of_all.greatest());
        prop_assert!(of_a.plus(&HistogramValues::empty(fine)).buckets().eq(of_a.buckets()));
    }

    #[test]
    fn adding_up_does_not_depend_on_the_order(
        values in [some_values(), some_values(), some_values()], resolution in [some_resolution(), some_resolution(), some_resolution()],
    ) {
        let [a, b, c] = [0, 1, 2].map(|n| recorded(resolution[n], &values[n]));
        let (one, other) = (a.plus(&b).plus(&c), a.plus(&b.plus(&c)));
        prop_assert_eq!((one.resolution(), one.sum()), (other.resolution(), other.sum()));
        prop_assert_eq!(counts(&one), counts(&other));
    }

    #[test]
    fn what_is_since_adds_up_to_the_whole(before in some_values(), then in some_values(), resolution in some_resolution()) {
        let earlier = recorded(resolution, &before);
        let all: Vec<u64> = before.iter().chain(&then).copied().collect();
        let now = recorded(resolution, &all);
        let since = now.since(&earlier);
        let fresh = recorded(resolution, &then);
        prop_assert_eq!(counts(&since), counts(&fresh));
        prop_assert_eq!((since.sum(), since.count()), (fresh.sum(), fresh.count()));
        let sum = earlier.plus(&since);
        prop_assert_eq!((counts(&sum), sum.sum()), (counts(&now), now.sum()));
        // As exact as a bucket, at least.
        if let (Some(ours), Some(exact)) = (since.greatest(), then.iter().max().copied()) {
            prop_assert!(ours >= exact && (ours == exact || exact > resolution.greatest() || (ours - exact) as f64 <= exact as f64 * resolution.relative_error()));
        }
        if let (Some(ours), Some(exact)) = (since.least(), then.iter().min().copied()) {
            prop_assert!(ours <= exact && (ours == exact || exact > resolution.greatest() || (exact - ours) as f64 <= exact as f64 * resolution.relative_error()));
        }
    }
}

//! How low and how high a gauge was since somebody last asked: against a model that keeps everything, and from many threads.

use flightdeck::telemetry::{Extremes, ExtremesReader, Gauge, Telemetry};
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

fn seen<N: Copy>(extremes: &Extremes<N>) -> (N, N, N) {
    (extremes.min, extremes.max, extremes.last)
}

#[derive(Clone, Debug)]
enum Step {
    Set(i64),
    SetPast(i64),
    Open,
    Close(usize),
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let value = || prop_oneof![-9..9_i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX)];
    prop_oneof![
        4 => value().prop_map(Step::Set),
        1 => value().prop_map(Step::SetPast),
        1 => Just(Step::Open),
        1 => any::<usize>().prop_map(Step::Close),
        3 => any::<usize>().prop_map(Step::Read),
    ]
}

proptest! {
    /// Each reader has a list of its own of all it should tell.
    #[test]
    fn readers_tell_what_was_set_since_they_last_did(steps in prop::collection::vec(step(), 0..60)) {
        let telemetry = Telemetry::builder().cells(64).threads(1).memory(1 << 10).build().unwrap();
        let plain = telemetry.gauge("depth");
        let depth = plain.track();
        let mut now = 0_i64;
        let mut readers: Vec<(ExtremesReader<Gauge>, Vec<i64>)> = Vec::new();
        for step in steps {
            match step {
                Step::Set(value) => {
                    // Whoever tracks the series tracks the same.
                    telemetry.gauge("depth").track().set(value);
                    now = value;
                    readers.iter_mut().for_each(|(_, values)| values.push(value));
                }
                Step::SetPast(value) => {
                    plain.set(value);
                    now = value;
                }
                Step::Open => readers.push((depth.reader(), vec![now])),
                Step::Close(which) if !readers.is_empty() => drop(readers.swap_remove(which % readers.len())),
                Step::Read(which) if !readers.is_empty() => {
                    let which = which % readers.len();
                    let (reader, values) = &mut readers[which];
                    values.push(now);
                    let (min, max) = (values.iter().min().unwrap(), values.iter().max().unwrap());
                    prop_assert_eq!(seen(&reader.read()), (*min, *max, now));
                    *values = vec![now];
                }
                Step::Close(_) | Step::Read(_) => {}
            }
        }
        prop_assert_eq!(depth.value(), now);
    }
}

#[test]
fn floats_are_in_order_and_what_is_no_number_is_no_extreme() {
    let telemetry = Telemetry::new();
    let load = telemetry.float_gauge("load").track();
    let mut reader = load.reader();
    let rising = [f64::NEG_INFINITY, -1e300, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 2.0, f64::INFINITY];
    for pair in rising.windows(2) {
        load.set(pair[0]);
        reader.read();
        load.set(pair[1]);
        load.set(pair[0]);
        assert_eq!(seen(&reader.read()), (pair[0], pair[1], pair[0]));
    }
    load.set(1.0);
    reader.read();
    load.set(f64::NAN);
    let read = reader.read();
    assert_eq!((read.min, read.max), (1.0, 1.0));
    assert!(read.last.is_nan());
    let nothing = reader.read();
    assert!(nothing.min.is_nan() && nothing.max.is_nan(), "{nothing:?}");
}

#[test]
fn what_was_set_before_a_reading_is_in_it_whoever_else_reads() {
    let telemetry = Telemetry::new();
    let depth = telemetry.gauge("depth").track();
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..2 {
            let (mut reader, done) = (depth.reader(), &done);
            threads.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let read = reader.read();
                    assert!(read.min <= read.last && read.last <= read.max, "{read:?}");
                }
            });
        }
        let (order, orders) = mpsc::channel::<i64>();
        let (report, reports) = mpsc::channel();
        let setter = depth.clone();
        threads.spawn(move || {
            for peak in orders {
                setter.set(peak);
                setter.set(-peak);
                setter.set(0);
                report.send(()).unwrap();
            }
        });
        let mut reader = depth.reader();
        for peak in 1..20_000 {
            order.send(peak).unwrap();
            reports.recv().unwrap();
            assert_eq!(seen(&reader.read()), (-peak, peak, 0));
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn of_all_that_many_threads_set_every_reader_has_the_extremes() {
    let telemetry = Telemetry::new();
    let depth = telemetry.gauge_with("depth", &[("queue", "orders")]).track();
    let done = AtomicBool::new(false);
    let [quick, slow] = thread::scope(|threads| {
        let readers = [Duration::ZERO, Duration::from_millis(1)].map(|pause| {
            let mut reader = depth.reader();
            let done = &done;
            threads.spawn(move || {
                let (mut min, mut max) = (i64::MAX, i64::MIN);
                loop {
                    let is_last = done.load(Ordering::Acquire);
                    let read = reader.read();
                    (min, max) = (min.min(read.min), max.max(read.max));
                    if is_last {
                        return (min, max);
                    }
                    thread::sleep(pause);
                }
            })
        });
        let setters = [3_i64, 5, 7, 11].map(|step| {
            let depth = depth.clone();
            threads.spawn(move || {
                // Far out once, somewhere in the middle of a lot else.
                for n in 0..50_000 {
                    let far = if n == 20_000 + step { 1_000_000 * step } else { 0 };
                    depth.set((n * step) % 1_000 + far);
                    depth.set(-((n * step) % 1_000) - far);
                }
            })
        });
        setters.into_iter().for_each(|setter| setter.join().unwrap());
        done.store(true, Ordering::Release);
        readers.map(|reader| reader.join().unwrap())
    });
    let most = 11_000_000 + (20_011 * 11) % 1_000;
    assert_eq!((quick, slow), ((-most, most), (-most, most)));
}

#[test]
fn a_retired_series_leaves_no_memory_to_who_has_its_cell_next() {
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    let old = telemetry.gauge_with("depth", &[("queue", "a")]).track();
    let mut reader = old.reader();
    old.set(900);
    old.set(0);
    telemetry.retire_idle(Duration::ZERO);
    assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 0, "it is held");
    assert_eq!(reader.read().max, 900);
    drop(old);
    assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 0, "by its reader, too");
    drop(reader);
    assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 1);
    for queue in ["b", "c", "d"] {
        let new = telemetry.gauge_with("depth", &[("queue", queue)]).track();
        let mut reader = new.reader();
        assert_eq!(seen(&reader.read()), (0, 0, 0));
    }
}

#[test]
fn a_refused_gauge_that_is_tracked_counts_its_uses() {
    let telemetry = Telemetry::new();
    let _ = telemetry.counter("depth");
    let depth = telemetry.gauge("depth").track();
    depth.set(7);
    assert_eq!((depth.value(), telemetry.stats().refused_updates), (0, 1));
}

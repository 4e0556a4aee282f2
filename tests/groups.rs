//! Groups as their users see them.

use flightdeck::Diagnostic;
use flightdeck::telemetry::{Description, Group, GroupError, Telemetry, Unit, Value};
use std::cell::RefCell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const NAMES: [&str; 3] = ["ok", "err", "total"];

fn count(telemetry: &Telemetry, name: &str) -> u64 {
    match telemetry.snapshot().get(name) {
        Some(Value::Counter(count)) => *count,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn what_holds_of_every_update_holds_of_every_reading() {
    const WRITERS: u64 = 4;
    const ROUNDS: u64 = 25;
    const EACH: u64 = 4_000;
    // Fewer slabs than writers, so that some share, and others adopt.
    let telemetry = Telemetry::builder().threads(2).build().unwrap();
    let group = telemetry.group("requests", NAMES).unwrap();
    let (done, changing) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        let read = || {
            let (mut last, mut readings) = ([0; 3], 0);
            while !done.load(Ordering::Relaxed) {
                let now = group.read().values();
                assert_eq!(now[0] + now[1], now[2], "torn");
                assert!((0..3).all(|at| last[at] <= now[at]), "{last:?}, then {now:?}");
                assert!(now[2] <= WRITERS * ROUNDS * EACH);
                if now != last {
                    changing.fetch_add(1, Ordering::Relaxed);
                }
                (last, readings) = (now, readings + 1);
            }
            assert!(readings > 0);
        };
        let readers = [threads.spawn(read), threads.spawn(read)];
        let snapshots = threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let snapshot = telemetry.snapshot();
                let count = |name| match snapshot.get(name) {
                    Some(Value::Counter(count)) => *count,
                    other => panic!("{other:?}"),
                };
                assert_eq!(count("requests.ok") + count("requests.err"), count("requests.total"), "torn");
            }
        });
        for _ in 0..ROUNDS {
            // None is through before all have begun: so some find no slab.
            let all_began = Barrier::new(WRITERS as usize);
            std::thread::scope(|writers| {
                for _ in 0..WRITERS {
                    writers.spawn(|| {
                        let add = |n| group.add(if n % 3 == 0 { [0, 1, 1] } else { [1, 0, 1] });
                        add(0);
                        all_began.wait();
                        (1..EACH).for_each(add);
                    });
                }
            });
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        snapshots.join().unwrap();
    });
    let reading = group.read();
    let total = WRITERS * ROUNDS * EACH;
    let err = WRITERS * ROUNDS * EACH.div_ceil(3);
    assert_eq!((reading.values(), reading.outdated()), ([total - err, err, total], 0), "exact at rest");
    assert!(group.shared_updates() > 0 && group.shared_updates() < total, "{}", group.shared_updates());
    assert!(changing.load(Ordering::Relaxed) > 1, "nobody read while it changed");
    assert!(telemetry.stats().slabs_reached <= 2);
}

#[test]
fn snapshots_have_its_numbers_as_counters_in_order() {
    let telemetry = Telemetry::new();
    telemetry.counter("requests.extra").increment(9);
    let group = telemetry.group("requests", NAMES).unwrap();
    group.add([3, 1, 4]);
    // A counter of the same name is one of its own.
    telemetry.counter("requests.ok").increment(10);
    assert_eq!(telemetry.counter("requests.ok").value(), 10);
    assert_eq!(group.read().values(), [3, 1, 4]);
    let snapshot = telemetry.snapshot();
    let names: Vec<_> = snapshot.iter().map(|(key, _)| key.name()).collect();
    assert_eq!(names, ["requests.err", "requests.extra", "requests.ok", "requests.total"]);
    assert_eq!(
        ["err", "extra", "ok", "total"].map(|name| count(&telemetry, &format!("requests.{name}"))),
        [1, 9, 13, 4]
    );
}

#[test]
fn its_numbers_are_never_idle() {
    let telemetry = Telemetry::new();
    telemetry.group("requests", NAMES).unwrap().add([1, 2, 3]);
    telemetry.counter("others").increment(1);
    (0..2).for_each(|_| _ = telemetry.retire_idle(Duration::ZERO));
    assert_eq!(telemetry.stats().retired, 1);
    assert_eq!(count(&telemetry, "requests.total"), 3);
    assert_eq!(telemetry.snapshot().get("others"), None);
}

#[test]
fn one_name_is_one_group_and_what_makes_no_sense_is_refused() {
    let telemetry = Telemetry::builder().cells(128).build().unwrap();
    let group = telemetry.group("requests", NAMES).unwrap();
    group.clone().add([1, 0, 1]);
    telemetry.group("requests", NAMES).unwrap().update(|[ok, _, total]| (*ok, *total) = (1, 1));
    assert_eq!(group.read().values(), [2, 0, 2]);
    let code = |error: GroupError| error.code();
    assert_eq!(
        code(telemetry.group("requests", ["ok", "total", "err"]).unwrap_err()),
        "telemetry.group.other_numbers"
    );
    assert_eq!(code(telemetry.group("requests", ["ok"]).unwrap_err()), "telemetry.group.other_numbers");
    assert_eq!(code(telemetry.group("twice", ["ok", "ok"]).unwrap_err()), "telemetry.group.repeated");
    assert_eq!(code(telemetry.group("", ["ok"]).unwrap_err()), "telemetry.group.empty_name");
    assert_eq!(code(telemetry.group("x", ["ok", ""]).unwrap_err()), "telemetry.group.empty_name");
    assert_eq!(code(telemetry.group("none", []).unwrap_err()), "telemetry.group.size");
    let names: [String; 32] = std::array::from_fn(|n| n.to_string());
    assert_eq!(
        code(telemetry.group("many", names.each_ref().map(|name| &**name)).unwrap_err()),
        "telemetry.group.size"
    );
    let names = std::array::from_fn::<_, 31, _>(|n| &*names[n]);
    let large = telemetry.group("large", names).unwrap();
    large.add([7; 31]);
    assert_eq!(large.read().values(), [7; 31]);
    telemetry.gauge("level.ok").set(1);
    assert_eq!(code(telemetry.group("level", ["ok"]).unwrap_err()), "telemetry.metric.other_type");
    assert_eq!(code(telemetry.group("more", names).unwrap_err()), "telemetry.metric.no_room");
}

#[test]
fn of_a_group_that_is_refused_nothing_stays_registered() {
    let telemetry = Telemetry::builder().cells(64).build().unwrap();
    telemetry.gauge("taken.total").set(1);
    telemetry.counter("taken.err").increment(5);
    telemetry.counter_with("taken.late", &[("way", "post")]).increment(7);
    let described = || Description::new("went well").unit(Unit::Bytes);
    telemetry.describe("taken.ok", described()).unwrap();
    let (stats, metrics) = (telemetry.stats(), telemetry.metrics());
    let refused = telemetry.group("taken", ["ok", "late", "err", "total"]).unwrap_err();
    assert_eq!(refused.code(), "telemetry.metric.other_type");
    assert_eq!((telemetry.stats(), telemetry.metrics()), (stats, metrics), "as it was");
    assert_eq!((count(&telemetry, "taken.err"), telemetry.snapshot().iter().count()), (5, 3));
    assert_eq!(telemetry.status().groups, 0);

    // Of names there is none left over: each is free for whatever it is wanted for, as it was described.
    telemetry.try_histogram("taken.never").unwrap_err();
    telemetry.try_gauge("taken.ok").unwrap().set(3);
    let snapshot = telemetry.snapshot();
    let (key, _) = snapshot.iter().find(|(key, _)| key.name() == "taken.ok").unwrap();
    assert_eq!((key.help(), key.unit()), (Some("went well"), Some(Unit::Bytes)));

    // For want of room, at whichever number that is: 31 of its own and a sequence, and 31 counters.
    let left = telemetry.stats().cells_left;
    let names: [String; 31] = std::array::from_fn(|n| n.to_string());
    let names = names.each_ref().map(|name| &**name);
    for full in 0..63 {
        let telemetry = Telemetry::builder().cells(64).build().unwrap();
        let fill = telemetry.stats().cells_left - full;
        let _filled: Vec<_> = (0..fill).map(|n| telemetry.counter(&format!("filled_{n}"))).collect();
        assert_eq!(telemetry.group("more", names).unwrap_err().code(), "telemetry.metric.no_room");
        assert_eq!((telemetry.stats().cells_left, telemetry.stats().metrics), (full, fill));
        if full == 62 {
            // What had been given out is zero for who has it next.
            let group = telemetry.group("fewer", ["ok", "err"]).unwrap();
            group.add([1, 2]);
            assert_eq!(group.read().values(), [1, 2]);
            assert_eq!(count(&telemetry, "fewer.err"), 2);
        }
    }
    assert!(left < 63);
    Telemetry::builder().cells(64).build().unwrap().group("more", names).unwrap();
}

#[test]
fn a_panic_while_an_update_is_made_leaves_nothing_of_it() {
    let group = Telemetry::new().group("requests", NAMES).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        group.update(|amounts| {
            amounts[0] = 1;
            // Its own is whole, and in the middle of nothing.
            group.add([0, 1, 1]);
            panic!("in the middle");
        });
    }));
    assert!(panicked.is_err());
    group.add([1, 0, 1]);
    let reading = group.read();
    assert_eq!((reading.values(), reading.outdated(), group.shared_updates()), ([1, 1, 2], 0, 0));
    assert_eq!(group.outdated_reads(), 0);
}

#[test]
fn what_ending_threads_add_is_kept() {
    struct Last(Group<3>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.add([1, 0, 1]);
        }
    }
    thread_local! {
        static BEFORE: RefCell<Option<Last>> = const { RefCell::new(None) };
        static AFTER: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    let telemetry = Telemetry::new();
    let group = telemetry.group("ends", NAMES).unwrap();
    for _ in 0..100 {
        let group = group.clone();
        std::thread::spawn(move || {
            BEFORE.with(|last| *last.borrow_mut() = Some(Last(group.clone())));
            group.add([0, 1, 1]);
            AFTER.with(|last| *last.borrow_mut() = Some(Last(group.clone())));
        })
        .join()
        .unwrap();
    }
    assert_eq!(group.read().values(), [200, 100, 300]);
    assert_eq!((telemetry.stats().slabs_owned, telemetry.stats().slabs_reached), (0, 1));
}

#[test]
fn groups_of_two_telemetries_know_nothing_of_each_other() {
    let (first, second) = (Telemetry::new(), Telemetry::new());
    let groups = [first.group("requests", NAMES).unwrap(), second.group("requests", NAMES).unwrap()];
    for (at, group) in groups.iter().enumerate() {
        let amount = at as u64 + 1;
        group.add([amount, 0, amount]);
    }
    drop(first);
    groups[0].add([10, 0, 10]);
    assert_eq!(groups.map(|group| group.read().values()), [[11, 0, 11], [2, 0, 2]]);
}

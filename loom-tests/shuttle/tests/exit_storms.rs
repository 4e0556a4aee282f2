//! Storms on a whole telemetry: threads that count, end, and count while they end; series that come and are retired; snapshots.

mod support;

use flightdeck_shuttle::telemetry::{Counter, Snapshot, Telemetry, Value};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use support::{Seen, Storm};

const THREADS: u64 = 6;
/// What is counted at once by value. By label it is one: whoever takes the one for the other is found out.
const AT_ONCE: u64 = 100;

/// What a thread-local of the host's own counts when its thread ends: before or after ours is gone.
struct Last(Counter);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.increment(1);
    }
}

shuttle::thread_local! {
    static BEFORE: RefCell<Option<Last>> = RefCell::new(None);
    static AFTER: RefCell<Option<Last>> = RefCell::new(None);
}

fn counted(snapshot: &Snapshot, name: &str) -> u64 {
    snapshot.series(name).fold(0, |sum, (_, value)| match value {
        Value::Counter(count) => sum + count,
        other => panic!("`{name}` is {other:?}"),
    })
}

/// What shows that a storm reached what it is for.
#[derive(Clone, Default)]
struct Outcomes {
    shared: Seen,
    retired: Seen,
    cached: Seen,
    between: Seen,
}

fn whole(outcomes: Outcomes) {
    let Outcomes { shared, retired, cached, between } = outcomes;
    let telemetry = Telemetry::builder().cells(16).threads(2).memory(1 << 10).build().unwrap();
    let (started, ended) = (telemetry.counter("started"), telemetry.counter("ended"));
    let by_value = telemetry.counter_by("by_value", ["n"]);
    let begun = Arc::new(AtomicU64::new(0));
    let reader = || {
        let (telemetry, begun, between) = (telemetry.clone(), begun.clone(), between.clone());
        thread::spawn(move || {
            let mut last = telemetry.snapshot();
            for _ in 0..3 {
                let now = telemetry.snapshot();
                let truth = begun.load(Ordering::Relaxed);
                for (name, most) in [("started", truth), ("ended", 2 * truth)] {
                    let (then, said) = (counted(&last, name), counted(&now, name));
                    assert!(then <= said && said <= most, "{name}: {then}, then {said}, of {most}");
                }
                // Its series begin again when they were retired, but no cell has what another series counted.
                for (name, at_once) in [("by_value", AT_ONCE), ("by_label", 1)] {
                    let (said, most) = (counted(&now, name), at_once * truth);
                    assert!(said <= most && said.is_multiple_of(at_once), "{name}: {said} of {most}");
                }
                if (1..THREADS).contains(&counted(&now, "started")) {
                    between.count();
                }
                last = now;
            }
        })
    };
    let readers = [reader(), reader()];
    let retiring = {
        let telemetry = telemetry.clone();
        thread::spawn(move || {
            for _ in 0..4 {
                let found = telemetry.retire_idle(Duration::ZERO);
                if found.series > 0 {
                    retired.count();
                }
                if found.held_by_caches > 0 {
                    cached.count();
                }
                thread::yield_now();
            }
        })
    };
    let worker = |n: u64| {
        let (telemetry, by_value, begun) = (telemetry.clone(), by_value.clone(), begun.clone());
        let (started, ended) = (started.clone(), ended.clone());
        thread::spawn(move || {
            begun.fetch_add(1, Ordering::Relaxed);
            // Thread-locals go in the order in which they came: one before ours, one after.
            BEFORE.with(|last| *last.borrow_mut() = Some(Last(ended.clone())));
            started.increment(1);
            let label = ["a", "b"][n as usize % 2];
            telemetry.counter_with("by_label", &[("n", label)]).increment(1);
            by_value.with([label]).increment(AT_ONCE);
            AFTER.with(|last| *last.borrow_mut() = Some(Last(ended)));
        })
    };
    let workers: Vec<_> = (0..THREADS).map(worker).collect();
    for thread in workers.into_iter().chain(readers).chain([retiring]) {
        thread.join().unwrap();
    }
    assert_eq!((started.value(), ended.value()), (THREADS, 2 * THREADS), "lost count");
    let last = telemetry.snapshot();
    for metric in telemetry.metrics() {
        let at_once = match &*metric.name {
            "by_value" => AT_ONCE,
            "ended" => 2,
            _ => 1,
        };
        let all = counted(&last, &metric.name) + metric.retired_total;
        assert_eq!(all, at_once * THREADS, "{metric:?}");
    }
    let stats = telemetry.stats();
    assert!(stats.slabs_owned == 0 && stats.slabs_reached <= 2, "{stats:?}");
    assert_eq!((stats.refused_metrics, stats.refused_updates, stats.overflowed), (0, 0, 0), "{stats:?}");
    if stats.shared_updates > 0 {
        shared.count();
    }
}

#[test]
fn threads_that_end_while_series_come_and_go_lose_no_count() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    Storm::new("whole telemetry", move || whole(outcomes.clone())).holds(10_000);
    seen.shared.at_least_once("a thread that counts in shared cells");
    seen.retired.at_least_once("a series that was retired");
    seen.cached.at_least_once("a series that a thread's cache holds");
    seen.between.at_least_once("a reader in the middle");
}

//! Threads that come, count and go by the thousand, while others read: what readers see, and what is left at the end.

use flightdeck::telemetry::{Counter, Snapshot, Telemetry, Value};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a thread-local of the host's own counts when its thread ends: before or after ours is gone.
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

fn counted(snapshot: &Snapshot, name: &str) -> u64 {
    match snapshot.get(name) {
        Some(Value::Counter(count)) => *count,
        Some(Value::Histogram(values)) => values.count(),
        other => panic!("`{name}` is {other:?}"),
    }
}

/// `total` threads, of which more live at once than there are slabs, and with too little memory for some.
fn storm(total: u64, slabs: usize, memory: usize) {
    const AT_ONCE: u64 = 8;
    let telemetry = Telemetry::builder().threads(slabs).memory(memory).build().unwrap();
    let (started, ended) = (telemetry.counter("started_total"), telemetry.counter("ended_total"));
    let (spread, open) = (telemetry.histogram("spread"), telemetry.up_down_counter("open"));
    // Raised before something is counted: the truth that no reader may exceed.
    let begun = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let read = || {
            let mut last = telemetry.snapshot();
            let mut since = [0; 3];
            while !done.load(Ordering::Relaxed) {
                let now = telemetry.snapshot();
                let truth = begun.load(Ordering::Relaxed);
                let passed = now.since(&last);
                for (name, (sum, most)) in ["started_total", "ended_total", "spread"]
                    .into_iter()
                    .zip(since.iter_mut().zip([truth, 2 * truth, truth]))
                {
                    let (then, said) = (counted(&last, name), counted(&now, name));
                    assert!(then <= said && said <= most, "{name}: {then}, then {said}, of {most}");
                    *sum += counted(&passed, name);
                }
                last = now;
            }
            (last, since)
        };
        let readers = [threads.spawn(read), threads.spawn(read)];
        for first in (0..total).step_by(AT_ONCE as usize) {
            std::thread::scope(|workers| {
                for n in first..total.min(first + AT_ONCE) {
                    let (started, ended, spread, open, begun) = (&started, &ended, &spread, &open, &begun);
                    let work = move || {
                        begun.fetch_add(1, Ordering::Relaxed);
                        BEFORE.with(|last| *last.borrow_mut() = Some(Last(ended.clone())));
                        started.increment(1);
                        open.add(1);
                        spread.record(n);
                        open.add(-1);
                        AFTER.with(|last| *last.borrow_mut() = Some(Last(ended.clone())));
                    };
                    let small = std::thread::Builder::new().stack_size(64 << 10);
                    small.spawn_scoped(workers, work).unwrap();
                }
            });
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            let (last, since) = reader.join().unwrap();
            for (name, sum) in ["started_total", "ended_total", "spread"].into_iter().zip(since) {
                assert!(sum <= counted(&last, name), "{name}: spans add up to {sum}");
            }
        }
    });
    // A scope's thread may still run its destructors when the scope ends: wait for what they count.
    while ended.value() < 2 * total {
        std::thread::yield_now();
    }
    let values = spread.values();
    assert_eq!((started.value(), ended.value(), open.value()), (total, 2 * total, 0));
    assert_eq!((values.count(), values.sum()), (total, total * (total - 1) / 2));
    assert!(values.least() == Some(0) && values.greatest() >= Some(total - 1), "{values:?}");
    let stats = telemetry.stats();
    assert!(stats.slabs_reached <= slabs as u64, "{stats:?}");
    // As much memory as so many slabs can touch, however many threads there were.
    let of_a_slab = 512 * (4 + spread.resolution().bytes() as u64 / 512);
    assert!(stats.chunk_bytes <= (slabs as u64 * of_a_slab).min(memory as u64), "{stats:?}");
}

#[test]
fn two_thousand_threads_are_counted_exactly_while_others_read() {
    storm(1_000, 16, 16 << 20);
    storm(600, 2, 16 << 20);
    storm(400, 16, 4 << 10);
}

#[test]
#[ignore = "takes a while: `.ci/run stress`"]
fn a_hundred_thousand_threads_are_counted_exactly_while_others_read() {
    storm(60_000, 16, 16 << 20);
    storm(20_000, 2, 16 << 20);
    storm(20_000, 16, 4 << 10);
}

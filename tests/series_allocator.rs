//! A global allocator that counts every allocation, also those that counting itself makes.

use flightdeck::telemetry::{Counter, Family, Telemetry, Value};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct Metrics {
    telemetry: Telemetry,
    all: Counter,
    by_size: Family<Counter, 1>,
}

static METRICS: OnceLock<Metrics> = OnceLock::new();
static SEEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this thread's allocations are counted: from the moment at which a test says so, and to its very end.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// Many, so that threads meet new ones all the time.
const SIZES: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "more"];

fn count(layout: Layout) {
    if let (Some(metrics), true) = (METRICS.get(), COUNTED.get()) {
        SEEN.fetch_add(1, Ordering::Relaxed);
        metrics.all.increment(1);
        let size = (layout.size().max(1).ilog2() as usize).min(SIZES.len() - 1);
        metrics.by_size.with([SIZES[size]]).increment(1);
        flightdeck::counter!(metrics.telemetry, "by_site").increment(1);
    }
}

struct Counting;

// SAFETY: all calls go to the system allocator as they come.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        count(layout);
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_allocator_that_counts_every_call_neither_hangs_nor_loses_count() {
    let telemetry = Telemetry::builder().threads(8).build().unwrap();
    let (all, by_size) = (telemetry.counter("all"), telemetry.counter_by("by_size", ["size"]));
    let metrics = METRICS.get_or_init(|| Metrics { telemetry, all, by_size });
    for round in 0..200_u64 {
        let work = move || {
            COUNTED.set(true);
            // First touches of every sort, also of a second telemetry, of handles and of call sites.
            let other = Telemetry::new();
            match round % 7 {
                0 => metrics.by_size.with(["0"]).touch(),
                1 => assert!(metrics.telemetry.register_thread()),
                2 => flightdeck::counter!(other, "site", "n" => "1").increment(1),
                // What allocates while it holds the very lock that a first update by values would take.
                3 => drop(metrics.telemetry.snapshot()),
                4 => drop(metrics.telemetry.counter_with("made", &[("n", &format!("{round}"))])),
                5 => _ = metrics.telemetry.retire_idle(Duration::ZERO),
                _ => {}
            }
            other.counter_by("text", ["n"]).with([&format!("{round}")]).increment(1);
            drop(vec![format!("{round}").repeat(3); 10]);
        };
        let pair = [std::thread::spawn(work), std::thread::spawn(work)];
        pair.into_iter().for_each(|thread| thread.join().unwrap());
    }
    let seen = SEEN.load(Ordering::Relaxed);
    let snapshot = metrics.telemetry.snapshot();
    let count = |value: &Value| if let Value::Counter(count) = value { *count } else { 0 };
    let sum = |name: &str| -> u64 {
        let status = metrics.telemetry.metrics().into_iter().find(|metric| metric.name == name).unwrap();
        snapshot.series(name).map(|(_, value)| count(value)).sum::<u64>() + status.retired_total
    };
    let (by_size, by_site) = (sum("by_size"), sum("by_site"));
    let stats = metrics.telemetry.stats();
    assert_eq!(snapshot.get("all").map(count), Some(seen));
    assert_eq!(by_size + by_site + stats.refused_updates, 2 * seen, "by values, and at a call site");
    assert!(stats.refused_updates > 0 && by_size > 10_000, "{stats:?}, {by_size}");
    assert_eq!((stats.slabs_owned, stats.slabs_reached <= 4), (0, true), "{stats:?}");
}

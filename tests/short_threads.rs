//! Short threads by the hundred thousand. What the process keeps is measured, so one test at a time, and no others here.

use flightdeck::events::{Events, Stamp};
use flightdeck::telemetry::{self, Telemetry};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

flightdeck::kind! {
    Came("thread.came") { thread: u64, n: u64 }
    Rare("thread.rare", class = Critical) { thread: u64, n: u64 }
}

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets two threads each start and join as many, `at_once` at a time, until there have been `total`.
fn in_batches(total: u64, at_once: u64, body: impl Fn(u64) + Sync) {
    thread::scope(|spawners| {
        for half in 0..2 {
            let body = &body;
            spawners.spawn(move || {
                // Without a list of them: what the process keeps is measured.
                for first in (half * at_once..total).step_by(2 * at_once as usize) {
                    thread::scope(|threads| {
                        let small = || thread::Builder::new().stack_size(64 << 10);
                        let start = |n| small().spawn_scoped(threads, move || body(n)).unwrap();
                        // Joined one by one: only then its thread-locals are gone for sure.
                        let running: Vec<_> = (first..total.min(first + at_once)).map(start).collect();
                        running.into_iter().for_each(|thread| thread.join().unwrap());
                    });
                }
            });
        }
    });
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

/// Counts: a record of each thread, none lost, no shard left claimed, no thread number twice, no memory kept.
fn threads_record_once_each_and_leave_nothing_behind(total: u64) {
    let _alone = alone();
    const AT_ONCE: u64 = 32;
    let events =
        Events::builder().memory(16 << 20).shards(2 * AT_ONCE as usize).prefault(true).build().unwrap();
    let record = |n| events.record(Came { thread: n, n });
    in_batches(70_000, AT_ONCE, record);
    let before = resident_bytes();
    in_batches(total - 70_000, AT_ONCE, record);
    let grown = resident_bytes().saturating_sub(before);
    let stats = events.stats();
    assert_eq!((stats.written, stats.lost(), stats.shards_claimed), (total, 0, 0), "{stats:?}");
    let answer = events.query().run().unwrap();
    let numbers: BTreeSet<u32> = answer.iter().map(|event| event.thread()).collect();
    assert_eq!(numbers.len(), answer.len(), "two threads of one number");
    assert!(numbers.first() > Some(&0) && numbers.last() <= Some(&(total as u32)), "{:?}", numbers.last());
    assert!(grown < 4 << 20, "{grown} bytes more after the threads have ended");
}

#[test]
fn a_hundred_and_fifty_thousand_short_threads_record_once_each_and_leave_nothing_behind() {
    threads_record_once_each_and_leave_nothing_behind(150_000);
}

#[test]
#[ignore = "takes a while: `.ci/run stress`"]
fn a_million_short_threads_record_once_each_and_leave_nothing_behind() {
    threads_record_once_each_and_leave_nothing_behind(1_000_000);
}

/// So many threads, one count and one recorded value each, a few at a time. After the first step memory and slabs stay as they
/// are, and all that was counted is there after each.
fn threads_that_count_are_no_more_memory(steps: &[u64]) {
    let _alone = alone();
    const AT_ONCE: u64 = 4;
    const VALUES: u64 = 1_000;
    let telemetry = Telemetry::builder().threads(16).build().unwrap();
    let (counter, histogram) = (telemetry.counter("threads"), telemetry.histogram("values"));
    // All that so many slabs can touch: chunks of 512 bytes for the histogram, the counter, and what lies astride.
    let most_bytes = 2 * AT_ONCE * (histogram.resolution().bytes() as u64 + 4 * 512);
    println!("|   threads | slabs | chunks KiB | resident KiB | s |");
    let (start, mut total, mut warm) = (Instant::now(), 0, None);
    for step in steps {
        in_batches(step - total, AT_ONCE, |n| {
            counter.increment(1);
            histogram.record(n % VALUES);
        });
        total = *step;
        let (stats, resident) = (telemetry.stats(), resident_bytes());
        let (slabs, chunks, took) = (stats.slabs_reached, stats.chunk_bytes >> 10, start.elapsed());
        println!(
            "| {total:>9} | {slabs:>5} | {chunks:>10} | {:>12} | {:.1} |",
            resident >> 10,
            took.as_secs_f64()
        );
        let values = histogram.values();
        assert_eq!((counter.value(), values.count()), (total, total));
        assert!(values.least() == Some(0) && values.greatest() >= Some(VALUES - 1), "{values:?}");
        assert_eq!((stats.slabs_owned, stats.shared_updates), (0, 0), "{stats:?}");
        assert!(slabs <= 2 * AT_ONCE && stats.chunk_bytes <= most_bytes, "{stats:?}, of {most_bytes}");
        let before = *warm.get_or_insert(resident);
        let grown = resident.saturating_sub(before);
        assert!(grown < 1 << 20, "{grown} bytes more after the threads have ended");
    }
}

#[test]
fn twenty_thousand_short_threads_that_count_take_as_much_memory_as_the_first_thousands() {
    threads_that_count_are_no_more_memory(&[5_000, 10_000, 20_000]);
}

#[test]
#[ignore = "takes a while: `.ci/run stress`"]
fn a_million_short_threads_that_count_take_as_much_memory_as_the_first_thousands() {
    threads_that_count_are_no_more_memory(&[1_000, 10_000, 100_000, 1_000_000]);
}

/// What a thread-local of the host's own does when its thread ends: before or after ours is gone.
struct Last(Events, telemetry::Counter, u64);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.record_with(Stamp::of(1 + self.2), Came { thread: self.2, n: 0 });
        self.1.increment(1);
    }
}

thread_local! {
    static FIRST: RefCell<Option<Last>> = const { RefCell::new(None) };
    static THEN: RefCell<Option<Last>> = const { RefCell::new(None) };
}

#[test]
fn a_hundred_thousand_threads_whose_destructors_record_and_count_own_nothing_afterwards() {
    let _alone = alone();
    const TOTAL: u64 = 100_000;
    let events = Events::builder().memory(32 << 20).shards(32).shared_shards(32).build().unwrap();
    let telemetry = Telemetry::builder().threads(64).build().unwrap();
    let counter = telemetry.counter("ended");
    in_batches(TOTAL, 8, |n| {
        FIRST.with(|cell| *cell.borrow_mut() = Some(Last(events.clone(), counter.clone(), 2 * n)));
        events.record(Rare { thread: n, n });
        counter.increment(1);
        THEN.with(|cell| *cell.borrow_mut() = Some(Last(events.clone(), counter.clone(), 2 * n + 1)));
    });
    let stats = events.stats();
    assert_eq!((stats.written, stats.lost(), stats.shards_claimed), (3 * TOTAL, 0, 0), "{:?}", stats.losses);
    assert_eq!(telemetry.stats().slabs_owned, 0);
    assert_eq!(telemetry.snapshot().get("ended"), Some(&telemetry::Value::Counter(3 * TOTAL)));
}

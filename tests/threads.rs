//! Threads as they come: by the thousand, with small stacks, from C, in a panic.

#![cfg(unix)]

use flightdeck::events::{Events, LossCause, Recorded, Stats, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

flightdeck::kind! {
    Came("thread.came") { thread: u64, n: u64 }
    Rare("thread.rare", class = Critical) { thread: u64, n: u64 }
    Panicked("thread.panicked", severity = Error) { line: u64, text: str }
}

fn number(event: &Recorded<'_>, field: &str) -> u64 {
    match event.field(field) {
        Some(Value::U64(number)) => number,
        other => panic!("{field}: {other:?}"),
    }
}

/// Where threads wait for each other. Not a barrier: those that are through it would take the cores from those that still
/// have to go through its lock.
#[derive(Default)]
struct Gate(AtomicBool);

impl Gate {
    fn pass(&self) {
        while !self.0.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn open(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Held by tests that take both cores as long as they run: two of them at once take minutes.
static CORES: Mutex<()> = Mutex::new(());

fn at_full_speed(events: &Events, threads: u64, each: u64) -> Stats {
    let _alone = CORES.lock().unwrap_or_else(PoisonError::into_inner);
    let gate = Gate::default();
    thread::scope(|running| {
        for thread in 0..threads {
            let gate = &gate;
            let body = move || {
                events.register_thread();
                gate.pass();
                (0..each).for_each(|n| events.record(Came { thread, n }));
            };
            thread::Builder::new().stack_size(64 << 10).spawn_scoped(running, body).unwrap();
        }
        gate.open();
    });
    let stats = events.stats();
    assert_eq!(stats.written + stats.lost(), threads * each, "lost and not counted: {stats:?}");
    stats
}

#[test]
fn a_thousand_threads_at_full_speed_lose_nothing_with_as_many_shards() {
    let own = Events::builder().memory(64 << 20).shards(1_000).build().unwrap();
    assert_eq!(at_full_speed(&own, 1_000, 2_000).lost(), 0);
    // A thread sticks to a shared shard until it fails there, so each finds one that nobody else wants.
    let shared = Events::builder().memory(64 << 20).shards(4).shared_shards(996).build().unwrap();
    let stats = at_full_speed(&shared, 1_000, 2_000);
    println!("loss: {} of 2,000,000 events of 1,000 threads on as many shards", stats.lost());
    assert!(stats.lost() as f64 <= 1e-6 * 2e6, "{:?}", stats.losses);
}

/// Long enough for the system to take most threads off their cores in the middle of a record.
#[test]
fn a_thousand_threads_at_full_speed_on_few_shards_lose_nothing_to_the_overflow() {
    let _alone = CORES.lock().unwrap_or_else(PoisonError::into_inner);
    let few = Events::builder().shards(4).build().unwrap();
    let (gate, stop) = (Gate::default(), AtomicBool::new(false));
    let asked: u64 = thread::scope(|running| {
        let threads: Vec<_> = (0..1_000)
            .map(|thread| {
                let (few, gate, stop) = (&few, &gate, &stop);
                let body = move || {
                    gate.pass();
                    (0..)
                        .take_while(|_| !stop.load(Ordering::Relaxed))
                        .map(|n| few.record(Came { thread, n }))
                        .count() as u64
                };
                thread::Builder::new().stack_size(64 << 10).spawn_scoped(running, body).unwrap()
            })
            .collect();
        gate.open();
        thread::sleep(Duration::from_secs(5));
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let stats = few.stats();
    println!(
        "loss: {} of {asked} events of 1,000 threads on 4 shards, {} overflowed",
        stats.lost(),
        stats.overflowed
    );
    assert_eq!(stats.written + stats.lost(), asked, "lost and not counted: {stats:?}");
    assert!(stats.lost() as f64 <= 1e-6 * asked as f64, "{:?}", stats.losses);
    assert!(stats.overflowed > asked / 100, "not a case for the overflow");
}

#[test]
fn more_threads_than_shards_and_slots_count_what_they_lose() {
    let few = Events::builder().memory(1 << 20).shards(1).shared_shards(0).overflow_slots(1).build().unwrap();
    let stats = at_full_speed(&few, 64, 2_000);
    assert!(stats.losses.iter().all(|loss| loss.cause == LossCause::NoShard), "{:?}", stats.losses);
    println!("loss: {} of 128,000 events of 64 threads on a shard and a slot", stats.lost());
}

#[test]
fn a_query_by_thread_returns_the_order_of_its_calls() {
    const THREADS: u64 = 24;
    const EACH: u64 = 2_000;
    let events = Events::builder().memory(32 << 20).shards(2).shared_shards(7).build().unwrap();
    thread::scope(|running| {
        for thread in 0..THREADS {
            let events = &events;
            running.spawn(move || {
                for n in 0..EACH {
                    match n % 7 {
                        0 => events.record(Rare { thread, n }),
                        _ => events.record(Came { thread, n }),
                    }
                    if n % 64 == 0 {
                        thread::yield_now();
                    }
                }
            });
        }
    });
    let mut owners = BTreeMap::new();
    for event in events.query().run().unwrap().iter() {
        let owner = owners.entry(event.thread()).or_insert_with(|| number(&event, "thread"));
        assert_eq!(*owner, number(&event, "thread"), "two threads of number {}", event.thread());
    }
    assert_eq!(owners.len() as u64, THREADS);
    let mut found = 0;
    for (number_of_thread, owner) in owners {
        let answer = events.query().thread(number_of_thread).run().unwrap();
        let calls: Vec<u64> = answer.iter().map(|event| number(&event, "n")).collect();
        assert!(calls.is_sorted_by(|a, b| a < b), "thread {owner} out of order");
        assert!(answer.iter().all(|event| number(&event, "thread") == owner));
        found += calls.len() as u64;
    }
    let stats = events.stats();
    assert_eq!((found, stats.overwritten), (stats.written, 0));
    assert_eq!(events.query().thread(u32::MAX).count(), 0);
}

#[test]
fn a_stack_of_64_kib_is_enough() {
    let events = Events::builder().memory(1 << 20).build().unwrap();
    let body = {
        let events = events.clone();
        move || {
            assert!(events.register_thread());
            let _in = events.scope(9_u64);
            (0..1_000).for_each(|n| events.record(Came { thread: 0, n }));
            let span = events.start(Came { thread: 0, n: 1_000 });
            events.end(span, Rare { thread: 0, n: 1_001 });
            events.writer().unwrap().record(Came { thread: 0, n: 1_002 });
        }
    };
    thread::Builder::new().stack_size(64 << 10).spawn(body).unwrap().join().unwrap();
    assert_eq!(events.query().correlation(9_u64).count(), 1_003);
}

#[test]
fn a_thread_that_c_created_records_and_gives_its_shard_back() {
    extern "C" fn body(events: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the test keeps it until the thread has been joined.
        let events = unsafe { &*events.cast::<Events>() };
        (0..100).for_each(|n| events.record(Came { thread: 1, n }));
        std::ptr::null_mut()
    }
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    for _ in 0..20 {
        let (mut thread, argument) = (0, (&raw const events).cast_mut().cast());
        // SAFETY: `body` fits, and its argument outlives the thread.
        unsafe {
            assert_eq!(libc::pthread_create(&raw mut thread, std::ptr::null(), body, argument), 0);
            assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
        }
        assert_eq!(events.stats().shards_claimed, 0);
    }
    let answer = events.query().run().unwrap();
    assert_eq!((answer.len(), events.stats().lost()), (2_000, 0));
    assert!(
        answer.iter().all(|event| event.thread() > 0 && event.id().get() >> 56 == 0),
        "one shard for all"
    );
}

#[test]
fn a_panic_hook_records() {
    let events = Events::builder().memory(4 << 20).shards(4).build().unwrap();
    let before = Arc::new(std::panic::take_hook());
    let hook = {
        let (events, before) = (events.clone(), before.clone());
        move |info: &std::panic::PanicHookInfo<'_>| match info.payload().downcast_ref::<&str>() {
            Some(text) if *text == "on purpose" => {
                events.record(Panicked { line: info.location().map_or(0, |at| at.line().into()), text });
            }
            _ => before(info),
        }
    };
    std::panic::set_hook(Box::new(hook));
    let panics = |recorded_before: bool| {
        let events = events.clone();
        let thread = thread::spawn(move || {
            let _in = events.scope(5_u64);
            if recorded_before {
                events.record(Came { thread: 2, n: 0 });
            }
            panic!("on purpose");
        });
        assert!(thread.join().is_err());
    };
    (0..100).for_each(|n| panics(n % 2 == 0));
    let _ = std::panic::take_hook();
    let answer = events.query().kind::<Panicked<'_>>().correlation(5_u64).run().unwrap();
    assert_eq!((answer.len(), events.stats().lost()), (100, 0));
    assert!(answer.iter().all(|event| number(&event, "line") > 0));
}

#[cfg(not(feature = "os"))]
#[test]
fn without_the_feature_what_only_the_system_can_do_is_refused_with_the_reason() {
    use flightdeck::events::{BuildError, HugePages};
    let events = Events::builder().memory(8 << 20).huge_pages(true).build().unwrap();
    let HugePages::Refused { reason } = events.huge_pages() else { panic!("granted by nobody") };
    assert!(reason.contains("feature `os`"), "{reason}");
    match Events::builder().lock_memory(true).build().unwrap_err() {
        BuildError::NotLocked { reason, .. } => assert!(reason.contains("feature `os`"), "{reason}"),
        other => panic!("{other}"),
    }
}

//! A global allocator that records every allocation and release, also those that recording itself makes.

use flightdeck::events::{Events, LossCause, Rate};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

flightdeck::kind! {
    Allocated("heap.allocated", class = Verbose) { bytes: u64 }
    Released("heap.released", class = Verbose) { bytes: u64 }
    Worked("heap.worked") { n: u64 }
}

static EVENTS: OnceLock<Events> = OnceLock::new();
static SEEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this thread's allocations are recorded: from the moment at which a test says so, and to its very end.
    static RECORDED: Cell<bool> = const { Cell::new(false) };
}

struct Recording;

// SAFETY: all calls go to the system allocator as they come.
unsafe impl GlobalAlloc for Recording {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let (Some(events), true) = (EVENTS.get(), RECORDED.get()) {
            SEEN.fetch_add(1, Ordering::Relaxed);
            events.record(Allocated { bytes: layout.size() as u64 });
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if let (Some(events), true) = (EVENTS.get(), RECORDED.get()) {
            SEEN.fetch_add(1, Ordering::Relaxed);
            events.record(Released { bytes: layout.size() as u64 });
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Recording = Recording;

#[test]
fn an_allocator_that_records_every_call_neither_hangs_nor_loses_count() {
    let sampled = "heap.released=1/3";
    let events = Events::builder().memory(16 << 20).shards(3).directives(sampled).build().unwrap();
    let events = EVENTS.get_or_init(|| events);
    const THREADS: u64 = 300;
    let work = |n: u64| {
        let text = format!("{n}").repeat(3);
        events.record(Worked { n: text.len() as u64 });
        drop(vec![text; 10]);
    };
    // First touches of every sort: ahead of time, by hand, by a record; of a second deck; names asked for meanwhile.
    // Nothing is recorded before, so that each is the first of its thread.
    let body = move |thread: u64| {
        RECORDED.set(true);
        match thread % 3 {
            0 => drop(events.register_thread()),
            1 | 2 if thread < 3 => drop((events.writer(), events.writer())),
            1 => drop(events.writer()),
            _ => {}
        }
        (0..10).for_each(work);
        if thread.is_multiple_of(10) {
            let other = Events::builder().memory(1 << 20).build().unwrap();
            other.record(Worked { n: 0 });
            let named = events.query().kind::<Worked>().limit(3).run().unwrap();
            named.iter().for_each(|event| drop(event.thread_name()));
            drop(events.suppressed());
            events.set_directives(sampled.parse().unwrap());
            let quota = events.quota(format!("{thread}"), Rate::per_second(1), 10).unwrap();
            assert!(quota.admits(&format!("{thread}")));
        }
    };
    // One by one, the table of names grows in the hands of the first (ahead of time) and of the third (by hand): these
    // allocate under its lock. Without names of their own, since those are allocated, and recorded, before.
    for thread in 0..3 {
        std::thread::spawn(move || body(thread)).join().unwrap();
    }
    for batch in 0..THREADS / 12 {
        let start =
            |n| std::thread::Builder::new().name(format!("t{n}")).spawn(move || body(3 + batch * 12 + n));
        let running: Vec<_> = (0..12).map(|n| start(n).unwrap()).collect();
        // Joined one by one: then their thread-locals are gone as well, and what that releases is recorded.
        running.into_iter().for_each(|thread| thread.join().unwrap());
    }
    let stats = events.stats();
    let allocations = SEEN.load(Ordering::Relaxed);
    assert!(allocations > 10_000, "{allocations}");
    let suppressed: u64 = events.suppressed().iter().map(|row| row.count).sum();
    assert!(suppressed > allocations / 5, "{suppressed}");
    let told = stats.written + stats.lost() + suppressed;
    assert_eq!(told, allocations + (3 + THREADS) * 10, "{stats:?}");
    assert!(stats.losses.iter().all(|loss| loss.cause == LossCause::NoShard), "{:?}", stats.losses);
    assert_eq!(events.query().kind::<Worked>().count() + worked_lost(&stats.losses), (3 + THREADS) * 10);
}

fn worked_lost(losses: &[flightdeck::events::Loss]) -> u64 {
    use flightdeck::events::Class;
    losses.iter().filter(|loss| loss.class == Class::Normal).map(|loss| loss.count).sum()
}

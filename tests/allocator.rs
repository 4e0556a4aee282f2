//! A global allocator that records every allocation and release, also those that recording itself makes.

use flightdeck::events::{Events, LossCause};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

flightdeck::kind! {
    Allocated("heap.allocated", class = Verbose) { bytes: u64 }
    Released("heap.released", class = Verbose) { bytes: u64 }
    Worked("heap.worked") { n: u64 }
}

static EVENTS: OnceLock<Events> = OnceLock::new();
static SEEN: AtomicU64 = AtomicU64::new(0);

/// Set once all is done, so that what is counted and what was recorded stand still.
static QUIET: AtomicBool = AtomicBool::new(false);

struct Recording;

// SAFETY: all calls go to the system allocator as they come.
unsafe impl GlobalAlloc for Recording {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let (Some(events), false) = (EVENTS.get(), QUIET.load(Ordering::Relaxed)) {
            SEEN.fetch_add(1, Ordering::Relaxed);
            events.record(Allocated { bytes: layout.size() as u64 });
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if let (Some(events), false) = (EVENTS.get(), QUIET.load(Ordering::Relaxed)) {
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
    let events = Events::builder().memory(16 << 20).shards(3).build().unwrap();
    let events = EVENTS.get_or_init(|| events);
    let work = |n: u64| {
        let text = format!("{n}").repeat(3);
        events.record(Worked { n: text.len() as u64 });
        drop(vec![text; 10]);
    };
    // First touches of every sort: by a record, by hand, ahead of time, by an ending thread, of a second deck.
    let body = move |thread: u64| {
        match thread % 3 {
            0 => drop(events.register_thread()),
            1 => drop(events.writer()),
            _ => {}
        }
        (0..200).for_each(work);
        let other = Events::builder().memory(1 << 20).build().unwrap();
        other.record(Worked { n: 0 });
        // Names are asked for while others register.
        let named = events.query().kind::<Worked>().limit(3).run().unwrap();
        named.iter().for_each(|event| drop(event.thread_name()));
    };
    let running: Vec<_> = (0..12).map(|thread| std::thread::spawn(move || body(thread))).collect();
    // Joined one by one: then their thread-locals are gone as well, and what that releases is recorded.
    running.into_iter().for_each(|thread| thread.join().unwrap());
    QUIET.store(true, Ordering::Relaxed);
    let stats = events.stats();
    let allocations = SEEN.load(Ordering::Relaxed);
    assert!(allocations > 10_000, "{allocations}");
    assert_eq!(stats.written + stats.lost(), allocations + 12 * 200, "{stats:?}");
    assert!(stats.losses.iter().all(|loss| loss.cause == LossCause::NoShard), "{:?}", stats.losses);
    assert_eq!(events.query().kind::<Worked>().count() + worked_lost(&stats.losses), 12 * 200);
}

fn worked_lost(losses: &[flightdeck::events::Loss]) -> u64 {
    use flightdeck::events::Class;
    losses.iter().filter(|loss| loss.class == Class::Normal).map(|loss| loss.count).sum()
}

//! Threads that end without a word: the bare system call, which runs no destructor.

#![cfg(target_os = "linux")]

use flightdeck::Flightdeck;
use flightdeck::events::{Events, Stamp, Verdict};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

flightdeck::kind! {
    Left("vanished.left") { n: u64 }
    Came("vanished.came") { n: u64 }
}

/// Records a hundred events and vanishes.
extern "C" fn body(events: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: the test keeps it until the thread has been joined.
    let events = unsafe { &*events.cast::<Events>() };
    (0..100).for_each(|n| events.record_with(Stamp::of(n % 5 + 1).root(), Left { n }));
    // SAFETY: ends this thread and nothing else; the handle above is a borrow.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!()
}

/// The same, and records one of another kind.
extern "C" fn body_and_one(events: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: as in `body`.
    unsafe { &*events.cast::<Events>() }.record(Came { n: 0 });
    body(events)
}

fn vanish(events: &Events) {
    vanish_in(events, body);
}

fn vanish_in(events: &Events, body: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void) {
    let (mut thread, argument) = (0, std::ptr::from_ref(events).cast_mut().cast());
    // SAFETY: `body` fits, and its argument outlives the thread.
    unsafe {
        assert_eq!(libc::pthread_create(&raw mut thread, std::ptr::null(), body, argument), 0);
        assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
    }
}

/// How many shards are taken back, at once or when the system has cleared the thread away: a join may return before that.
fn reclaimed(events: &Events) -> usize {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match events.reclaim_shards() {
            0 if Instant::now() < until => thread::sleep(Duration::from_millis(1)),
            shards => return shards,
        }
    }
}

#[test]
fn the_shard_of_a_thread_that_vanished_is_taken_back_with_its_history() {
    let events = Events::builder().memory(4 << 20).shards(2).build().unwrap();
    vanish(&events);
    assert_eq!(events.stats().shards_claimed, 1);
    let (ask, asked) = mpsc::channel::<()>();
    let (said, say) = mpsc::channel();
    let living = thread::spawn({
        let events = events.clone();
        move || {
            events.record(Came { n: 1 });
            said.send(()).unwrap();
            asked.recv().unwrap();
            events.record(Came { n: 2 });
        }
    });
    say.recv().unwrap();
    assert_eq!((reclaimed(&events), events.reclaim_shards()), (1, 0), "one has vanished, one lives");
    assert_eq!(events.stats().shards_claimed, 1, "the other one is held still");
    let found = |id: u64| events.query().correlation(id).run().unwrap();
    for id in 1..=5 {
        assert_eq!((found(id).len(), found(id).verdict()), (20, Verdict::Complete), "{id}");
    }
    // Somebody else goes on where it stopped.
    let next = events.clone();
    thread::spawn(move || (0..30).for_each(|n| next.record_with(Stamp::of(n % 5 + 1), Came { n })))
        .join()
        .unwrap();
    for id in 1..=5 {
        let shards = found(id).iter().map(|event| event.id().get() >> 56).collect::<Vec<_>>();
        assert_eq!((shards.len(), shards.iter().min()), (26, shards.iter().max()), "{id}: in one shard");
    }
    ask.send(()).unwrap();
    living.join().unwrap();
    let stats = events.stats();
    assert_eq!((stats.written, stats.kept, stats.lost()), (132, 132, 0));
    assert_eq!((stats.shards_reclaimed, stats.shards_claimed), (1, 0));
}

#[test]
fn threads_that_vanish_again_and_again_leave_shards_for_all() {
    let events = Events::builder().memory(4 << 20).shards(1).build().unwrap();
    for round in 1..=20 {
        vanish(&events);
        assert_eq!(reclaimed(&events), 1);
        let stats = events.stats();
        assert_eq!((stats.written, stats.shards_claimed, stats.overflowed), (100 * round, 0, 0));
    }
    assert_eq!(events.query().count(), 2_000);
}

#[test]
fn the_counters_of_threads_that_vanished_are_counted_on() {
    let builder = Events::builder().memory(4 << 20).shards(1);
    let events = builder.directives("vanished.left=1/1000").build().unwrap();
    for round in 1..=10 {
        vanish_in(&events, body_and_one);
        let held_back = &events.suppressed()[0];
        // Those of a new thread would begin with an event that is let through.
        assert_eq!((held_back.passed, held_back.count), (1, 100 * round - 1));
        assert_eq!(reclaimed(&events), 1);
    }
}

#[test]
fn a_deck_takes_them_back_by_itself() {
    let deck = Flightdeck::builder().events(|events| events.memory(4 << 20).shards(1)).start().unwrap();
    vanish(deck.events());
    let until = Instant::now() + Duration::from_secs(60);
    while deck.events().stats().shards_reclaimed == 0 {
        assert!(Instant::now() < until, "not within a minute");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(deck.events().stats().shards_claimed, 0);
}

//! Bulkheads on many threads.

use flightdeck::supervisor::{Bulkhead, EnterError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn wait_until(what: &str, met: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !met() {
        assert!(Instant::now() < end, "in vain: {what}");
        thread::yield_now();
    }
}

#[test]
fn no_more_are_inside_than_may_be_and_nobody_waits_for_ever() {
    let bulkhead = Bulkhead::new(3).unwrap();
    let (inside, most, done) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU64::new(0));
    let barrier = Barrier::new(16);
    thread::scope(|threads| {
        for number in 0..16 {
            let (bulkhead, inside, most, done, barrier) = (&bulkhead, &inside, &most, &done, &barrier);
            threads.spawn(move || {
                barrier.wait();
                for round in 0..500 {
                    let place = if (number + round) % 4 == 0 {
                        let Ok(place) = bulkhead.try_enter() else { continue };
                        place
                    } else {
                        bulkhead.enter(LONG).unwrap()
                    };
                    most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                    if round % 8 == 0 {
                        thread::yield_now();
                    }
                    inside.fetch_sub(1, SeqCst);
                    done.fetch_add(1, SeqCst);
                    drop(place);
                }
            });
        }
    });
    let stats = bulkhead.stats();
    assert!(most.into_inner() <= 3);
    assert_eq!((stats.entered, stats.entered + stats.rejected), (done.into_inner(), 16 * 500));
    assert_eq!((stats.inside, stats.waiting, stats.timed_out), (0, 0, 0));
}

#[test]
fn who_waits_in_vain_is_told_so_and_counted() {
    let bulkhead = Bulkhead::new(1).unwrap();
    let place = bulkhead.try_enter().unwrap();
    let waited = Duration::from_millis(5);
    let start = Instant::now();
    assert_eq!(bulkhead.enter(waited).unwrap_err(), EnterError::TimedOut { limit: 1, waited });
    assert!(start.elapsed() >= waited);
    assert_eq!(bulkhead.try_enter().unwrap_err(), EnterError::Full { limit: 1 });
    let stats = bulkhead.stats();
    assert_eq!((stats.entered, stats.rejected, stats.timed_out, stats.waiting), (1, 1, 1, 0));
    drop(place);
    assert!(bulkhead.try_enter().is_ok());
}

#[test]
fn a_higher_limit_lets_in_who_waits_and_a_lower_one_throws_nobody_out() {
    let bulkhead = Bulkhead::new(1).unwrap();
    let first = bulkhead.try_enter().unwrap();
    thread::scope(|threads| {
        let waiting = threads.spawn(|| bulkhead.enter(LONG).map(drop));
        wait_until("a waiter", || bulkhead.stats().waiting == 1);
        bulkhead.set_limit(2).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
    let second = bulkhead.try_enter().unwrap();
    bulkhead.set_limit(1).unwrap();
    assert_eq!(bulkhead.stats().inside, 2);
    drop(first);
    assert_eq!(bulkhead.try_enter().unwrap_err(), EnterError::Full { limit: 1 });
    drop(second);
    assert!(bulkhead.set_limit(0).is_err());
    assert_eq!(bulkhead.limit(), 1);
}

#[test]
fn a_place_is_free_again_after_a_panic() {
    let bulkhead = Bulkhead::new(1).unwrap();
    let call = || {
        let _place = bulkhead.try_enter().unwrap();
        std::panic::resume_unwind(Box::new("why"));
    };
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(bulkhead.stats().inside, 0);
}

//! Models of the rate limiter. It has no edges: its exactness comes from one exchange.

mod support;

use flightdeck_loom::supervisor::{CheckError, Limiter, Limits};
use flightdeck_loom::{Clock, Ticks};
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;
use support::{Model, Seen};

fn limits(interval: u64, burst: u32) -> Limits {
    Limits::new(1, Duration::from_nanos(interval)).burst(burst)
}

#[test]
fn three_threads_share_a_burst_and_no_more() {
    let (refused, both) = (Seen::default(), Seen::default());
    let (was_refused, had_both) = (refused.clone(), both.clone());
    Model::new("three threads at one limiter", 3, move || {
        let limiter = Limiter::on(&Clock::manual(), limits(10, 2)).unwrap();
        let takers: Vec<_> = [1, 1, 2]
            .into_iter()
            .map(|permits| {
                let limiter = limiter.clone();
                thread::spawn(move || if limiter.check_n(permits).is_ok() { permits } else { 0 })
            })
            .collect();
        let given: Vec<u32> = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
        if given[2] == 2 {
            had_both.count()
        } else {
            was_refused.count()
        }
        // Whoever asks for one may find none, since the other had both; then nobody else has any.
        assert_eq!(given.iter().sum::<u32>(), 2);
        assert_eq!(limiter.stats().allowed, 2);
        assert_eq!(limiter.stats().limited, 2);
    })
    .holds(50);
    refused.at_least_once("two had one each");
    both.at_least_once("one had both");
}

#[test]
fn an_old_reading_takes_what_it_would_have_found_and_no_more() {
    let (seen_late, seen_old) = (Seen::default(), Seen::default());
    let (late, old) = (seen_late.clone(), seen_old.clone());
    Model::new("one reading older than the other", None, move || {
        let clock = Clock::manual();
        let limiter = Limiter::on(&clock, limits(10, 2)).unwrap();
        let takers: Vec<_> = [0, 10]
            .into_iter()
            .map(|now| {
                let limiter = limiter.clone();
                thread::spawn(move || (0..3).filter(|_| limiter.check_at(Ticks(now)).is_ok()).count())
            })
            .collect();
        let given: Vec<usize> = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
        // Two at once, and one that came in ten ticks, which the old reading does not know of.
        assert!(given[0] <= 2 && given[1] >= 1 && given.iter().sum::<usize>() <= 3, "{given:?}");
        if given[0] == 0 { late.count() } else { old.count() }
    })
    .holds(20);
    seen_late.at_least_once("the later one had all");
    seen_old.at_least_once("the older one had some");
}

#[test]
fn limits_that_change_meanwhile_hold_for_whoever_comes_after() {
    let (quick, slow) = (Seen::default(), Seen::default());
    let (saw_quick, saw_slow) = (quick.clone(), slow.clone());
    Model::new("limits that change", 3, move || {
        let limiter = Limiter::on(&Clock::manual(), limits(1_000, 1)).unwrap();
        let taker = thread::spawn({
            let limiter = limiter.clone();
            move || (0..2).filter(|_| limiter.check().is_ok()).count()
        });
        let changer = thread::spawn({
            let limiter = limiter.clone();
            move || {
                limiter.set_limits(limits(10, 3)).unwrap();
                (0..4).filter(|_| limiter.check().is_ok()).count()
            }
        });
        let (before, after) = (taker.join().unwrap(), changer.join().unwrap());
        // A permit at the old pace is all that was saved up: nothing is closed for longer, and none are left over.
        assert!(after <= 3 && before + after <= 3, "{before} and {after}");
        assert!(before + after >= 1);
        if after == 0 {
            saw_slow.count()
        } else {
            saw_quick.count()
        }
        assert!(limiter.check_at(Ticks(10)).is_ok(), "closed no longer than the new pace says");
    })
    .holds(50);
    quick.at_least_once("taken at the new limits");
    slow.at_least_once("all taken at the old ones");
}

/// A burst that becomes smaller between the look at it and the exchange: all of what is asked for is taken, or none.
#[test]
fn whoever_takes_many_while_the_burst_shrinks_pays_for_all_of_them() {
    let (all, none) = (Seen::default(), Seen::default());
    let (had_all, had_none) = (all.clone(), none.clone());
    Model::new("a burst that shrinks", None, move || {
        let limiter = Limiter::on(&Clock::manual(), limits(10, 3)).unwrap();
        let taker = thread::spawn({
            let limiter = limiter.clone();
            move || limiter.check_n(3)
        });
        let changer = thread::spawn({
            let limiter = limiter.clone();
            move || limiter.set_limits(limits(10, 1)).unwrap()
        });
        changer.join().unwrap();
        match taker.join().unwrap() {
            Ok(()) => {
                assert_eq!(
                    (limiter.stats().allowed, limiter.available()),
                    (3, 0),
                    "three for the price of one"
                );
                had_all.count();
            }
            Err(error) => {
                assert_eq!(error, CheckError::TooMany { permits: 3, burst: 1 });
                assert_eq!((limiter.stats().allowed, limiter.available()), (0, 1));
                had_none.count();
            }
        }
    })
    .holds(3);
    all.at_least_once("all three at the old burst");
    none.at_least_once("none at the new one");
}

/// What it would be without the exchange: the models above would find it.
#[test]
fn who_takes_without_an_exchange_gives_a_permit_twice() {
    Model::new("a permit taken by a load and a store", None, || {
        let empty_at = Arc::new(AtomicU64::new(0));
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let empty_at = empty_at.clone();
                thread::spawn(move || {
                    let seen = empty_at.load(Relaxed);
                    let taken = seen + 10 <= 10;
                    if taken {
                        empty_at.store(seen + 10, Relaxed);
                    }
                    u32::from(taken)
                })
            })
            .collect();
        assert_eq!(takers.into_iter().map(|taker| taker.join().unwrap()).sum::<u32>(), 1);
    })
    .fails("the exchange");
}

//! The rate limiter: what it lets through, never more, in virtual time; many threads; limits that change.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::supervisor::{
    AcquireError, CancelToken, CheckError, Limited, Limiter, LimiterStats, Limits, LimitsError,
};
use flightdeck::{Clock, ClockSource, Ticks};
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

fn manual(limits: Limits) -> (Clock, Limiter) {
    let clock = Clock::manual();
    let limiter = Limiter::on(&clock, limits).unwrap();
    (clock, limiter)
}

#[test]
fn a_burst_and_then_one_by_one() {
    let (clock, limiter) = manual(Limits::per_second(10).burst(3));
    assert_eq!(limiter.available(), 3);
    assert_eq!((0..9).filter(|_| limiter.check().is_ok()).count(), 3);
    assert_eq!(limiter.check(), Err(Limited { retry_after: 100 * MS }));
    clock.advance(60 * MS);
    assert_eq!(limiter.check(), Err(Limited { retry_after: 40 * MS }));
    clock.advance(40 * MS);
    assert_eq!(limiter.check(), Ok(()));
    assert_eq!(limiter.check_n(2), Err(CheckError::Limited { permits: 2, retry_after: 200 * MS }));
    clock.advance(Duration::from_secs(3_600));
    assert_eq!((limiter.available(), limiter.check_n(3), limiter.check_n(0)), (3, Ok(()), Ok(())));
    assert_eq!(limiter.check_n(4), Err(CheckError::TooMany { permits: 4, burst: 3 }));
    let stats = limiter.stats();
    assert_eq!((stats.allowed, stats.limited, stats.too_many), (7, 10, 1));
    let text = format!("{limiter:?}");
    assert!(text.contains("permits: 10") && text.contains("allowed: 7"), "{text}");
}

#[test]
fn limits_that_cannot_be_kept_are_refused() {
    let limits = |permits, per| Limiter::new(Limits::new(permits, per)).map(|_| ()).unwrap_err();
    assert!(matches!(limits(0, MS), LimitsError::Rate { permits: 0, .. }));
    assert!(matches!(limits(1, Duration::ZERO), LimitsError::Rate { .. }));
    assert!(matches!(limits(1, Duration::MAX), LimitsError::Rate { .. }));
    assert!(matches!(limits(6, Duration::from_nanos(1)), LimitsError::Rate { .. }));
    let burst = |permits| Limiter::new(Limits::per_hour(1).burst(permits)).map(|_| ());
    assert!(matches!(burst(0), Err(LimitsError::Burst { burst: 0, .. })));
    assert!(matches!(burst(2_401), Err(LimitsError::Refill { burst: 2_401, .. })));
    assert!(burst(2_400).is_ok());
    assert!(matches!(Limiter::new(Limits::per_second(u32::MAX)), Err(LimitsError::Burst { .. })));
    for limits in [
        Limits::per_second(u32::MAX).burst(Limits::MOST_AT_ONCE),
        Limits::new(5, Duration::from_nanos(1)),
        Limits::new(1, Limits::LONGEST),
        Limits::new(u32::MAX, Limits::LONGEST).burst(1),
    ] {
        let limiter = Limiter::new(limits).unwrap();
        assert!(limiter.check().is_ok());
        assert_eq!(
            limiter.set_limits(limits.burst(0)).map_err(|error| error.to_string().is_empty()),
            Err(false)
        );
        assert_eq!(limiter.limits(), limits, "the old ones stay");
    }
}

#[test]
fn an_old_reading_lets_no_more_through() {
    let (clock, limiter) = manual(Limits::per_second(1_000).burst(5));
    let old = clock.now();
    clock.advance(2 * MS);
    assert_eq!((0..9).filter(|_| limiter.check().is_ok()).count(), 5);
    assert_eq!(limiter.check_at(old), Err(Limited { retry_after: 3 * MS }));
    assert_eq!(limiter.check_n_at(1, Ticks(0)).is_ok(), limiter.check_at(old).is_ok());
    clock.advance(MS);
    assert!(limiter.check_at(clock.now()).is_ok() && limiter.check_at(clock.now()).is_err());
}

#[test]
fn what_is_saved_up_is_kept_as_time_when_limits_change() {
    let (clock, limiter) = manual(Limits::per_second(1).burst(10));
    limiter.check_n(8).unwrap();
    // Two seconds are saved up.
    let at = |limits| {
        limiter.set_limits(limits).unwrap();
        limiter.available()
    };
    assert_eq!(at(Limits::per_second(4).burst(100)), 8);
    assert_eq!(at(Limits::per_second(1_000).burst(5)), 5);
    assert_eq!(at(Limits::per_minute(30).burst(5)), 1);
    assert_eq!(at(Limits::per_second(1).burst(10)), 2);
    limiter.check_n(2).unwrap();
    // Empty stays empty, and is closed no longer than the new limits say.
    assert_eq!(at(Limits::per_hour(1).burst(10)), 0);
    assert_eq!(limiter.check(), Err(Limited { retry_after: Duration::from_secs(3_600) }));
    assert_eq!(at(Limits::per_second(1_000).burst(10)), 0);
    clock.advance(MS);
    assert_eq!((limiter.available(), limiter.check().is_ok(), limiter.check().is_ok()), (1, true, false));
}

#[test]
fn a_check_allocates_nothing() {
    let limiter = Limiter::new(Limits::per_second(1_000).burst(500)).unwrap();
    let now = Clock::manual().now();
    let checks = || {
        for _ in 0..2_000 {
            let _ = (limiter.check(), limiter.check_n(2), limiter.check_n(501), limiter.check_at(now));
        }
    };
    assert_eq!(allocations(checks), 0);
    let stats = limiter.stats();
    assert!(stats.allowed >= 500 && stats.limited > 500 && stats.too_many == 2_000, "{stats:?}");
}

#[test]
fn two_limiters_share_nothing_and_two_clones_all() {
    let (one, other) = (manual(Limits::per_hour(1)).1, manual(Limits::per_hour(1)).1);
    assert!(one.clone().check().is_ok() && one.check().is_err() && other.check().is_ok());
}

/// Threads that ask as fast as they can, on the real clock, while somebody changes the limits to the same.
#[test]
fn threads_are_given_no_more_than_a_burst_and_what_comes() {
    for clock in [Clock::precise(), Clock::system(), Clock::coarse()] {
        let limits = Limits::new(1_000, 10 * MS).burst(70);
        let limiter = Limiter::on(&clock, limits).unwrap();
        let (given, asked, end) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let before = Instant::now();
        thread::scope(|threads| {
            for n in 0..4_u32 {
                let (limiter, given, asked, end) = (limiter.clone(), &given, &asked, &end);
                threads.spawn(move || {
                    while !end.load(Relaxed) {
                        let permits = 1 + n % 3;
                        asked.fetch_add(permits.into(), Relaxed);
                        if limiter.check_n(permits).is_ok() {
                            given.fetch_add(permits.into(), Relaxed);
                        }
                    }
                });
            }
            for _ in 0..100 {
                thread::sleep(MS);
                limiter.set_limits(limits).unwrap();
            }
            end.store(true, Relaxed);
        });
        let (took, given) = (before.elapsed(), given.into_inner());
        // The clock's ticks wander, and its coarse form lags behind.
        let comes = took.as_secs_f64() * 100_000.0 * 1.001;
        assert!(given as f64 <= 70.0 + comes, "{given} in {took:?}");
        let is_fine = clock.source() != ClockSource::Coarse;
        assert!(given as f64 >= if is_fine { comes / 4.0 } else { 70.0 }, "{given} in {took:?} are too few");
        let stats = limiter.stats();
        assert_eq!((stats.allowed, stats.allowed + stats.limited), (given, asked.into_inner()));
    }
}

#[test]
fn threads_at_one_instant_are_given_a_burst() {
    let (_clock, limiter) = manual(Limits::per_second(100).burst(333));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let limiter = limiter.clone();
            thread::spawn(move || (0..1_000).filter(|_| limiter.check().is_ok()).count())
        })
        .collect();
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 333);
    assert_eq!(limiter.stats(), {
        let mut stats = LimiterStats::default();
        (stats.allowed, stats.limited) = (333, 16_000 - 333);
        stats
    });
}

#[test]
fn who_waits_is_given_permits_at_the_rate() {
    let limiter = Limiter::new(Limits::per_second(200).burst(1)).unwrap();
    let begun = Instant::now();
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                (0..4).for_each(|_| limiter.acquire(1, Duration::from_secs(20)).unwrap());
            });
        }
    });
    assert!(begun.elapsed() >= 54 * MS, "{:?}", begun.elapsed());
    assert_eq!((limiter.stats().allowed, limiter.stats().limited), (12, 0));
}

#[test]
fn who_would_wait_too_long_is_told_at_once() {
    let limiter = Limiter::new(Limits::per_hour(2)).unwrap();
    limiter.acquire(2, Duration::ZERO).unwrap();
    let begun = Instant::now();
    let timeout = Duration::from_secs(60);
    match limiter.acquire(1, timeout).unwrap_err() {
        AcquireError::TimedOut { timeout: asked, retry_after } => {
            assert!(asked == timeout && retry_after > Duration::from_secs(1_790), "{retry_after:?}");
        }
        other => panic!("{other}"),
    }
    assert!(begun.elapsed() < timeout);
    let too_many = AcquireError::TooMany { permits: 3, burst: 2 };
    assert_eq!(limiter.acquire(3, Duration::MAX), Err(too_many));
    let stats = limiter.stats();
    assert_eq!((stats.timed_out, stats.too_many, stats.limited), (1, 1, 0));
}

#[test]
fn who_waits_is_woken_by_its_token_and_by_other_limits() {
    let limiter = Limiter::new(Limits::per_hour(1)).unwrap();
    limiter.check().unwrap();
    let token = CancelToken::new();
    let wait = |token: CancelToken| {
        let limiter = limiter.clone();
        thread::spawn(move || limiter.acquire_or_cancel(1, Duration::MAX, &token))
    };
    let begun = Instant::now();
    let (first, second) = (wait(token.clone()), wait(token.child()));
    thread::sleep(20 * MS);
    token.cancel();
    for waiter in [first, second, wait(token)] {
        assert_eq!(waiter.join().unwrap(), Err(AcquireError::Cancelled { permits: 1 }));
    }
    assert_eq!(limiter.stats().cancelled, 3);
    let waiter = wait(CancelToken::new());
    thread::sleep(20 * MS);
    limiter.set_limits(Limits::per_second(1_000)).unwrap();
    assert_eq!(waiter.join().unwrap(), Ok(()));
    let waiter = wait(CancelToken::new());
    assert_eq!(waiter.join().unwrap(), Ok(()));
    // A burst that became too small is no reason to wait for ever.
    limiter.set_limits(Limits::new(2, Duration::from_secs(3_600))).unwrap();
    let waiter = {
        let limiter = limiter.clone();
        thread::spawn(move || limiter.acquire(2, Duration::MAX))
    };
    thread::sleep(20 * MS);
    limiter.set_limits(Limits::per_hour(1)).unwrap();
    assert_eq!(waiter.join().unwrap(), Err(AcquireError::TooMany { permits: 2, burst: 1 }));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

/// A bucket as one would write it down: time that has been saved up since it was empty, and is spent.
struct Saved {
    ns: u64,
    interval: u64,
    burst: u32,
}

impl Saved {
    fn full(&self) -> u64 {
        self.interval * u64::from(self.burst)
    }

    fn take(&mut self, permits: u32) -> Result<(), CheckError> {
        if permits > self.burst {
            return Err(CheckError::TooMany { permits, burst: self.burst });
        }
        let (saved, cost) = (self.ns.min(self.full()), self.interval * u64::from(permits));
        match saved.checked_sub(cost) {
            // What ran over is gone with it.
            Some(left) if permits > 0 => self.ns = left,
            Some(_) => {}
            None => {
                let retry_after = Duration::from_nanos(cost - saved);
                return Err(CheckError::Limited { permits, retry_after });
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take(u32),
    Pass(u64),
    Limit { interval: u64, burst: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let interval = prop_oneof![1_u64..50, 1_000_u64..100_000, Just(1_000_000_000)];
    let step = prop_oneof![
        4 => (0_u32..12).prop_map(Step::Take),
        1 => (0_u32..2_000).prop_map(Step::Take),
        4 => prop_oneof![0_u64..100, 0_u64..1_000_000, 0_u64..100_000_000_000].prop_map(Step::Pass),
        1 => (interval, 1_u32..100).prop_map(|(interval, burst)| Step::Limit { interval, burst }),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_as_one_that_saves_up_time(steps in steps(), begin in any::<u32>()) {
        let clock = Clock::manual();
        clock.advance(Duration::from_nanos(begin.into()));
        let limits = |interval, burst| Limits::new(1, Duration::from_nanos(interval)).burst(burst);
        let limiter = Limiter::on(&clock, limits(10, 7)).unwrap();
        let mut model = Saved { ns: 70, interval: 10, burst: 7 };
        let (mut allowed, mut limited, mut too_many) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Take(permits) => {
                    let expected = model.take(permits);
                    prop_assert_eq!(limiter.check_n(permits), expected);
                    match expected {
                        Ok(()) => allowed += u64::from(permits),
                        Err(CheckError::TooMany { .. }) => too_many += 1,
                        Err(_) => limited += u64::from(permits),
                    }
                }
                Step::Pass(ns) => {
                    clock.advance(Duration::from_nanos(ns));
                    model.ns += ns;
                }
                Step::Limit { interval, burst } => {
                    limiter.set_limits(limits(interval, burst)).unwrap();
                    (model.interval, model.burst) = (interval, burst);
                }
            }
            prop_assert_eq!(u64::from(limiter.available()), model.ns.min(model.full()) / model.interval);
        }
        let stats = limiter.stats();
        prop_assert_eq!((stats.allowed, stats.limited, stats.too_many), (allowed, limited, too_many));
    }

    /// At any rate, also where no whole number of ticks lies between two permits.
    #[test]
    fn never_more_than_a_burst_and_what_comes_and_hardly_less(
        permits in 1_u32..2_000_000, per in 1_u64..10_000_000_000, burst in 1_u32..1_000, step in 1_u64..1_000_000,
    ) {
        let per = per.max(u64::from(permits) / 5 + 1);
        let (clock, limiter) = manual(Limits::new(permits, Duration::from_nanos(per)).burst(burst));
        let interval = per as f64 / f64::from(permits);
        let (mut given, mut passed) = (0_u64, 0);
        // One that uses up what there is: after each step, most of it at once and the rest one by one.
        for _ in 0..200 {
            while limiter.check_n(limiter.available()).is_ok() && limiter.available() > 0 {}
            prop_assert!(limiter.check().is_err());
            given = limiter.stats().allowed;
            clock.advance(Duration::from_nanos(step));
            passed += step;
        }
        let most = f64::from(burst) + (passed - step) as f64 / interval;
        prop_assert!(given as f64 <= most + 1e-6, "{} of {}", given, most);
        // A step may overflow the burst; what is rounded is a tick for each take.
        if f64::from(burst) * interval > 2.0 * step as f64 && interval > 100.0 {
            prop_assert!(given as f64 >= most * 0.98 - 2.0, "{} of {}", given, most);
        }
    }
}

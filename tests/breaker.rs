//! Circuit breakers, in virtual time and on many threads.

use flightdeck::Clock;
use flightdeck::supervisor::{
    Breaker, BreakerError, BreakerPermit, BreakerSettings, BreakerState, BreakerTransition, BreakerWhy,
    BreakerWindow, Outcome, Rejected,
};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn settings(change: impl FnOnce(&mut BreakerSettings)) -> BreakerSettings {
    let mut settings = BreakerSettings::new();
    settings.failure_rate_threshold = None;
    settings.wait_duration_in_open = 10 * MS;
    settings.permitted_calls_in_half_open = 2;
    settings.longest_half_open = 100 * MS;
    change(&mut settings);
    settings
}

fn breaker(change: impl FnOnce(&mut BreakerSettings)) -> (Breaker, Clock) {
    let clock = Clock::manual();
    (Breaker::with_clock(settings(change), clock.clone()).unwrap(), clock)
}

fn tripped_by_one() -> (Breaker, Clock) {
    let (breaker, clock) = breaker(|settings| settings.failure_count_threshold = Some(1));
    fail(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open);
    (breaker, clock)
}

fn succeed(breaker: &Breaker) {
    assert_eq!(breaker.call(|| Ok::<_, ()>(7)), Ok(7));
}

fn fail(breaker: &Breaker) {
    assert_eq!(breaker.call(|| Err::<(), _>("why")), Err(BreakerError::Failed("why")));
}

fn panic_in(breaker: &Breaker) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let call = || breaker.call(|| -> Result<(), ()> { panic!("why") });
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    std::panic::set_hook(hook);
}

#[test]
fn errors_and_panics_are_failures_and_what_says_nothing_is_not() {
    let (breaker, _) = breaker(|settings| settings.consecutive_failures = Some(3));
    fail(&breaker);
    panic_in(&breaker);
    for _ in 0..5 {
        let ignored = breaker.call_with(|_| Outcome::Ignored, || Err::<(), _>("not found"));
        assert_eq!(ignored, Err(BreakerError::Failed("not found")));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    panic_in(&breaker);
    let stats = breaker.stats();
    assert_eq!((stats.calls, stats.failures, stats.ignored, stats.trips), (8, 3, 5, 1));
    assert_eq!(stats.last_trip.unwrap().why, BreakerWhy::ConsecutiveFailures);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn a_rejection_says_when_to_try_again_and_makes_no_call() {
    let (breaker, clock) = tripped_by_one();
    clock.advance(4 * MS);
    let rejected = breaker.call(|| -> Result<(), ()> { unreachable!("it was made") }).unwrap_err();
    assert_eq!(rejected, BreakerError::Rejected(Rejected::Open { retry_after: 6 * MS }));
    assert_eq!((rejected.retry_after(), breaker.retry_after()), (Some(6 * MS), Some(6 * MS)));
    clock.advance(6 * MS);
    succeed(&breaker);
    assert_eq!((breaker.state(), breaker.stats().rejected), (BreakerState::HalfOpen, 1));
}

/// Another thread's successes are in no word of this one's.
#[test]
fn successes_of_all_threads_are_in_the_rate() {
    let (breaker, _) = breaker(|settings| {
        settings.failure_rate_threshold = Some(50);
        settings.minimum_calls = 1;
    });
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| (0..10).for_each(|_| succeed(&breaker)));
        }
    });
    (0..29).for_each(|_| fail(&breaker));
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker);
    assert_eq!(breaker.stats().last_trip.unwrap().why, BreakerWhy::FailureRate);
}

#[test]
fn sixty_four_threads_get_exactly_the_trials_that_are_permitted() {
    for permitted in [1, 10, 63] {
        let (breaker, clock) = breaker(|settings| {
            settings.failure_count_threshold = Some(1);
            settings.permitted_calls_in_half_open = permitted;
        });
        fail(&breaker);
        clock.advance(10 * MS);
        let (let_through, barrier) = (AtomicUsize::new(0), Barrier::new(64));
        thread::scope(|threads| {
            for _ in 0..64 {
                threads.spawn(|| {
                    barrier.wait();
                    let permit = breaker.try_acquire();
                    let_through.fetch_add(usize::from(permit.is_ok()), Relaxed);
                    // All have asked before any comes back.
                    barrier.wait();
                    permit.into_iter().for_each(BreakerPermit::success);
                });
            }
        });
        assert_eq!(let_through.load(Relaxed), permitted as usize);
        let stats = breaker.stats();
        assert_eq!((stats.successes, stats.rejected), (permitted.into(), 64 - u64::from(permitted)));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}

#[test]
fn one_trial_that_succeeds_is_not_enough_and_one_that_fails_is() {
    let (breaker, clock) = tripped_by_one();
    clock.advance(10 * MS);
    succeed(&breaker);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    fail(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(breaker.stats().last_trip.unwrap().why, BreakerWhy::TrialFailed);
    assert_eq!(breaker.try_acquire().unwrap_err(), Rejected::Open { retry_after: 10 * MS });
    clock.advance(10 * MS);
    succeed(&breaker);
    succeed(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn trials_are_judged_by_their_rate_where_one_failure_is_not_to_decide() {
    let (breaker, clock) = breaker(|settings| {
        settings.failure_count_threshold = Some(1);
        settings.failure_rate_threshold = Some(50);
        settings.permitted_calls_in_half_open = 4;
        settings.any_failure_reopens = false;
    });
    fail(&breaker);
    for (failing, state) in [(2, BreakerState::Open), (1, BreakerState::Closed)] {
        clock.advance(10 * MS);
        (0..failing).for_each(|_| fail(&breaker));
        (failing..4).for_each(|_| {
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            succeed(&breaker);
        });
        assert_eq!(breaker.state(), state);
    }
}

#[test]
fn results_of_an_earlier_generation_change_nothing() {
    let (breaker, clock) = breaker(|settings| settings.failure_count_threshold = Some(2));
    let before: Vec<_> = (0..4).map(|_| breaker.try_acquire().unwrap()).collect();
    let mut before = before.into_iter();
    let mut next = || before.next().unwrap();
    fail(&breaker);
    fail(&breaker);
    next().success();
    assert_eq!(breaker.state(), BreakerState::Open, "a late success closes nothing");
    clock.advance(10 * MS);
    let (trial, other) = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    next().failure();
    next().success();
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "nor decides over trials");
    trial.failure();
    clock.advance(10 * MS);
    let trials = [breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
    other.failure();
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "nor does a trial of before");
    trials.into_iter().for_each(BreakerPermit::success);
    drop(next());
    assert_eq!((breaker.state(), breaker.stats().stale), (BreakerState::Closed, 5));
}

#[test]
fn permits_that_are_dropped_are_given_back_and_those_that_panic_fail() {
    let (breaker, clock) = tripped_by_one();
    clock.advance(10 * MS);
    for _ in 0..10 {
        drop(breaker.try_acquire().unwrap());
        breaker.try_acquire().unwrap().ignore();
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert_eq!((breaker.stats().abandoned, breaker.stats().ignored), (10, 10));
    let permit = breaker.try_acquire().unwrap();
    thread::scope(|threads| {
        let panicking = threads.spawn(|| {
            let _permit = permit;
            std::panic::resume_unwind(Box::new("why"));
        });
        assert!(panicking.join().is_err());
    });
    assert_eq!((breaker.state(), breaker.stats().failures), (BreakerState::Open, 2));
}

#[test]
fn permits_that_never_come_back_hold_it_half_open_for_a_while_only() {
    let (breaker, clock) = tripped_by_one();
    clock.advance(10 * MS);
    let lost = [breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
    clock.advance(99 * MS);
    assert_eq!(breaker.try_acquire().unwrap_err(), Rejected::HalfOpen { permitted: 2 });
    clock.advance(MS);
    assert_eq!(breaker.try_acquire().unwrap_err(), Rejected::Open { retry_after: 10 * MS });
    assert_eq!(breaker.stats().last_trip.unwrap().why, BreakerWhy::TrialsOverdue);
    clock.advance(10 * MS);
    let trial = breaker.try_acquire().unwrap();
    lost.into_iter().for_each(BreakerPermit::failure);
    assert_eq!((breaker.state(), breaker.stats().stale), (BreakerState::HalfOpen, 2));
    trial.success();
}

#[test]
fn waits_grow_while_trials_fail_and_begin_anew_once_it_was_closed() {
    let (breaker, clock) = breaker(|settings| {
        settings.failure_count_threshold = Some(1);
        settings.longest_wait_in_open = Some(50 * MS);
    });
    let wait = |expected: u32| {
        fail(&breaker);
        assert_eq!(breaker.retry_after(), Some(expected * MS));
        clock.advance(expected * MS);
    };
    [10, 20, 40, 50, 50].into_iter().for_each(wait);
    succeed(&breaker);
    succeed(&breaker);
    wait(10);
}

#[test]
fn slow_calls_open_it_and_fail_as_trials() {
    let (breaker, clock) = breaker(|settings| {
        settings.slow_call_duration = Some(5 * MS);
        settings.slow_call_rate_threshold = Some(50);
        settings.minimum_calls = 4;
    });
    let take = |ms: u32| {
        breaker.call(|| {
            clock.advance(ms * MS);
            Ok::<_, ()>(())
        })
    };
    [0, 4, 5].into_iter().for_each(|ms| take(ms).unwrap());
    assert_eq!(breaker.state(), BreakerState::Closed);
    take(9).unwrap();
    assert_eq!(breaker.stats().last_trip.unwrap().why, BreakerWhy::SlowCallRate);
    assert_eq!((breaker.stats().slow, breaker.stats().successes), (2, 4));
    clock.advance(10 * MS);
    take(5).unwrap();
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn the_host_has_the_last_word() {
    let (breaker, clock) = breaker(|settings| settings.failure_count_threshold = Some(2));
    breaker.force_open();
    clock.advance(1_000 * MS);
    assert_eq!(breaker.try_acquire().unwrap_err(), Rejected::ForcedOpen);
    breaker.disable();
    (0..10).for_each(|_| fail(&breaker));
    succeed(&breaker);
    let stats = breaker.stats();
    assert_eq!((breaker.state(), stats.failures, stats.successes), (BreakerState::Disabled, 10, 1));
    breaker.force_closed();
    fail(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed, "what was counted before is forgotten");
    breaker.force_closed();
    fail(&breaker);
    assert_eq!((breaker.state(), breaker.stats().trips), (BreakerState::Closed, 0));
    fail(&breaker);
    assert_eq!((breaker.state(), breaker.stats().trips), (BreakerState::Open, 1));
}

#[test]
fn settings_change_while_calls_run_and_wrong_ones_change_nothing() {
    let (breaker, _) = breaker(|settings| settings.failure_count_threshold = Some(100));
    (0..10).for_each(|_| fail(&breaker));
    let wrong = settings(|settings| settings.permitted_calls_in_half_open = 1_001);
    let before = breaker.settings();
    let error = breaker.reconfigure(wrong).unwrap_err();
    assert!(error.to_string().contains("`permitted_calls_in_half_open` is 1001"), "{error}");
    assert_eq!(breaker.settings(), before);
    breaker.reconfigure(settings(|settings| settings.failure_count_threshold = Some(11))).unwrap();
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open, "it still knew of the first ten");
}

#[test]
fn a_call_that_began_before_calls_were_timed_counts_in_time() {
    let (breaker, clock) = breaker(|_| ());
    let permit = breaker.try_acquire().unwrap();
    let timed = settings(|settings| settings.slow_call_duration = Some(MS));
    breaker.reconfigure(timed.clone()).unwrap();
    clock.advance(5 * MS);
    permit.success();
    let timed = breaker.try_acquire().unwrap();
    clock.advance(5 * MS);
    breaker.reconfigure(settings(|_| ())).unwrap();
    timed.success();
    let stats = breaker.stats();
    assert_eq!((stats.successes, stats.slow, stats.stale), (2, 0, 0));
}

#[test]
fn each_change_is_told_once_outside_of_any_lock() {
    let (breaker, clock) = breaker(|settings| settings.failure_count_threshold = Some(1));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (list, same) = (told.clone(), breaker.clone());
    breaker.observe(move |change: &BreakerTransition| {
        list.lock().unwrap().push((change.from, change.to, change.why, change.generation));
        // It has happened, and the observer may do with the breaker what it likes.
        assert_eq!(same.state(), change.to);
        let settings = same.settings();
        same.reconfigure(settings).unwrap();
        same.observe(|_| ());
        same.tick();
    });
    breaker.observe(|_| std::panic::resume_unwind(Box::new("why")));
    breaker.force_open();
    breaker.force_closed();
    fail(&breaker);
    clock.advance(10 * MS);
    succeed(&breaker);
    succeed(&breaker);
    use BreakerState::{Closed, ForcedOpen, HalfOpen, Open};
    let expected = [
        (Closed, ForcedOpen, BreakerWhy::Forced, 1),
        (ForcedOpen, Closed, BreakerWhy::Forced, 2),
        (Closed, Open, BreakerWhy::FailureCount, 3),
        (Open, HalfOpen, BreakerWhy::WaitIsOver, 4),
        (HalfOpen, Closed, BreakerWhy::TrialsSucceeded, 5),
    ];
    assert_eq!(*told.lock().unwrap(), expected);
    assert_eq!(breaker.stats().observer_panics, 5);
}

/// More threads than have words of their own, while it opens and closes all the time.
#[test]
fn nothing_is_lost_of_what_many_threads_count() {
    let (breaker, clock) = breaker(|settings| {
        settings.consecutive_failures = Some(2);
        settings.wait_duration_in_open = MS;
    });
    let changes = Arc::new(AtomicUsize::new(0));
    let counter = changes.clone();
    breaker.observe(move |_| {
        counter.fetch_add(1, Relaxed);
    });
    let (threads, calls) = (80_u64, 2_000_u64);
    let barrier = Barrier::new(threads as usize);
    let [let_through, rejected] = [0, 0].map(AtomicUsize::new);
    thread::scope(|scope| {
        for number in 0..threads {
            let (breaker, clock, barrier) = (&breaker, &clock, &barrier);
            let (let_through, rejected) = (&let_through, &rejected);
            scope.spawn(move || {
                barrier.wait();
                for call in 0..calls {
                    let result = if (call + number) % 3 == 0 { Err(()) } else { Ok(()) };
                    let counter = match breaker.call(|| result) {
                        Err(BreakerError::Rejected(_)) => rejected,
                        _ => let_through,
                    };
                    counter.fetch_add(1, Relaxed);
                    clock.advance(MS / 50);
                }
            });
        }
    });
    let stats = breaker.stats();
    assert_eq!(stats.calls, let_through.into_inner() as u64);
    assert_eq!(stats.rejected, rejected.into_inner() as u64);
    assert_eq!(stats.calls + stats.rejected, threads * calls);
    assert!(stats.trips > 0 && changes.load(Relaxed) as u64 >= 2 * stats.trips - 1, "{stats:?}");
    assert_eq!(stats.abandoned + stats.ignored, 0);
}

#[test]
fn threads_that_come_and_go_count_on_where_others_stopped() {
    let (breaker, _) = breaker(|settings| {
        settings.window = BreakerWindow::Calls(1_000);
        settings.failure_count_threshold = Some(50);
    });
    for _ in 0..49 {
        let breaker = breaker.clone();
        let call = move || {
            (0..10).for_each(|_| succeed(&breaker));
            fail(&breaker);
        };
        thread::spawn(call).join().unwrap();
    }
    assert_eq!((breaker.stats().successes, breaker.state()), (490, BreakerState::Closed));
    fail(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open);
}

/// Looking at what all threads count takes longer than such a call.
#[test]
fn no_call_is_kept_by_the_failures_of_others() {
    let (breaker, _) = breaker(|_| ());
    let barrier = Barrier::new(4);
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                barrier.wait();
                (0..50_000).for_each(|_| fail(&breaker));
            });
        }
    });
    assert_eq!((breaker.stats().failures, breaker.state()), (200_000, BreakerState::Closed));
}

/// Nobody ticks, so its window of time learns of successes by their number.
#[test]
fn a_window_of_time_learns_of_successes_before_something_fails() {
    let (breaker, clock) = breaker(|settings| {
        settings.window = BreakerWindow::Time(1_000 * MS);
        settings.failure_rate_threshold = Some(50);
        settings.minimum_calls = 1;
    });
    // One each millisecond, for ten windows.
    for _ in 0..10_000 {
        succeed(&breaker);
        clock.advance(MS);
    }
    let mut failures = 0;
    while breaker.state() == BreakerState::Closed {
        fail(&breaker);
        failures += 1;
    }
    // As many as there were in the window, give or take a tenth and what was not noticed yet.
    assert!((800..=1_260).contains(&failures), "{failures}");
}

/// A breaker as one would write it down for one thread: everything that happened, looked at from the beginning each time.
struct Plain {
    settings: BreakerSettings,
    state: BreakerState,
    generation: u32,
    now: u64,
    until: u64,
    since: u64,
    last_trial: u64,
    opened: u32,
    out: u32,
    trials: Vec<bool>,
    /// Of this generation: when, failed, slow.
    calls: Vec<(u64, bool, bool)>,
    counts: [u64; 6],
}

#[derive(Clone, Copy)]
struct Given {
    generation: u32,
    at: u64,
    timed: bool,
}

impl Plain {
    fn new(settings: BreakerSettings) -> Self {
        let state = BreakerState::Closed;
        Self {
            settings,
            state,
            generation: 0,
            now: 0,
            until: 0,
            since: 0,
            last_trial: 0,
            opened: 0,
            out: 0,
            trials: Vec::new(),
            calls: Vec::new(),
            counts: [0; 6],
        }
    }

    fn become_(&mut self, state: BreakerState) {
        self.generation += 1;
        self.state = state;
        self.since = self.now;
        self.out = 0;
        self.trials.clear();
        self.calls.clear();
        match state {
            BreakerState::Open => {
                let first = self.settings.wait_duration_in_open.as_millis() as u64;
                let longest =
                    self.settings.longest_wait_in_open.map_or(first, |most| most.as_millis() as u64);
                self.until = self.now + (first << self.opened.min(20)).min(longest);
                self.opened += 1;
            }
            BreakerState::Closed => self.opened = 0,
            _ => {}
        }
    }

    fn acquire(&mut self) -> Option<Given> {
        if self.state == BreakerState::Open && self.now >= self.until {
            self.become_(BreakerState::HalfOpen);
        }
        let permitted = self.settings.permitted_calls_in_half_open;
        let overdue =
            self.now - self.since.max(self.last_trial) >= self.settings.longest_half_open.as_millis() as u64;
        if self.state == BreakerState::HalfOpen && self.out >= permitted && overdue {
            self.become_(BreakerState::Open);
        }
        let passes = match self.state {
            BreakerState::Closed | BreakerState::Disabled => true,
            BreakerState::HalfOpen => self.out < permitted,
            _ => false,
        };
        if !passes {
            self.counts[5] += 1;
            return None;
        }
        self.out += 1;
        self.last_trial = if self.state == BreakerState::HalfOpen { self.now } else { self.last_trial };
        let timed = self.settings.slow_call_duration.is_some();
        Some(Given { generation: self.generation, at: self.now, timed })
    }

    /// `None`: it says nothing.
    fn settle(&mut self, given: Given, failed: Option<bool>) {
        if given.generation != self.generation {
            self.counts[4] += 1;
            return;
        }
        let Some(failed) = failed else {
            self.counts[3] += 1;
            self.out -= 1;
            return;
        };
        let most = self.settings.slow_call_duration.unwrap_or(Duration::MAX);
        let slow = given.timed && Duration::from_millis(self.now - given.at) >= most;
        self.counts[usize::from(failed)] += 1;
        self.counts[2] += u64::from(slow);
        if self.state == BreakerState::HalfOpen {
            self.trials.push(failed || slow && self.settings.slow_call_rate_threshold.is_some());
            let failures = self.trials.iter().filter(|failed| **failed).count();
            let all = self.trials.len() >= self.settings.permitted_calls_in_half_open as usize;
            let rate = self.settings.failure_rate_threshold.unwrap_or(50) as usize;
            if self.settings.any_failure_reopens && failures > 0 {
                self.become_(BreakerState::Open);
            } else if all {
                let opens = failures > 0 && failures * 100 >= rate * self.trials.len();
                self.become_(if opens { BreakerState::Open } else { BreakerState::Closed });
            }
            return;
        }
        self.calls.push((self.now, failed, slow));
        if failed || slow {
            self.judge();
        }
    }

    fn judge(&mut self) {
        if self.state != BreakerState::Closed {
            return;
        }
        let within: Vec<_> = match self.settings.window {
            BreakerWindow::Calls(most) => self.calls.iter().rev().take(most as usize).copied().collect(),
            BreakerWindow::Time(length) => {
                let width = length.as_millis() as u64 / 10;
                let part = self.now / width;
                self.calls.iter().filter(|(at, ..)| at / width + 10 > part).copied().collect()
            }
            _ => unreachable!("no other window"),
        };
        let failed = within.iter().filter(|(_, failed, _)| *failed).count();
        let slow = within.iter().filter(|(.., slow)| *slow).count();
        let in_a_row = self.calls.iter().rev().take_while(|(_, failed, _)| *failed).count();
        let reaches = |count: usize, most: Option<u32>| most.is_some_and(|most| count >= most as usize);
        let rate = |count: usize, percent: Option<u8>| {
            let enough = within.len() >= self.settings.minimum_calls as usize;
            enough && count > 0 && percent.is_some_and(|most| count * 100 >= within.len() * most as usize)
        };
        if reaches(in_a_row, self.settings.consecutive_failures)
            || reaches(failed, self.settings.failure_count_threshold)
            || rate(failed, self.settings.failure_rate_threshold)
            || rate(slow, self.settings.slow_call_rate_threshold)
        {
            self.become_(BreakerState::Open);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Succeeds, fails, says nothing, is dropped; after so many milliseconds.
    Call(Option<bool>, bool, u64),
    Hold,
    Back(usize, Option<bool>),
    Pass(u64),
    Force(u8),
    Settings(BreakerSettings),
}

fn any_settings(window: BreakerWindow, most: u32) -> impl Strategy<Value = BreakerSettings> {
    let thresholds = (
        prop::option::of(1_u8..=100),
        prop::option::of(1_u8..=100),
        prop::option::of(1_u64..8),
        prop::option::of(1_u32..6),
        prop::option::of(1_u32..=most),
    );
    let waits = (1_u64..40, prop::option::of(0_u64..100), 1_u32..5, 1_u64..80, any::<bool>());
    (thresholds, waits, 1..=most).prop_map(move |((failed, slow, long, row, count), waits, minimum)| {
        let (wait, longest, permitted, half_open, any) = waits;
        let ms = Duration::from_millis;
        settings(|settings| {
            settings.window = window;
            settings.minimum_calls = minimum;
            settings.failure_rate_threshold = failed;
            settings.slow_call_rate_threshold = slow;
            settings.slow_call_duration = long.map(ms);
            settings.consecutive_failures = row;
            settings.failure_count_threshold = count;
            settings.wait_duration_in_open = ms(wait);
            settings.longest_wait_in_open = longest.map(|more| ms(wait + more));
            settings.permitted_calls_in_half_open = permitted;
            settings.longest_half_open = ms(half_open);
            settings.any_failure_reopens = any;
        })
    })
}

fn any_run() -> impl Strategy<Value = (BreakerSettings, Vec<Step>)> {
    let window = prop_oneof![
        (1_u32..12).prop_map(|calls| (BreakerWindow::Calls(calls), calls)),
        (10_u64..30).prop_map(|tens| (BreakerWindow::Time(Duration::from_millis(10 * tens)), 12)),
    ];
    window.prop_flat_map(|(window, most)| {
        let outcome = prop_oneof![4 => Just(Some(false)), 4 => Just(Some(true)), 1 => Just(None)];
        let step = prop_oneof![
            12 => (outcome.clone(), any::<bool>(), prop_oneof![3 => Just(0_u64), 1 => 0_u64..10])
                .prop_map(|(failed, drop, ms)| Step::Call(failed, drop, ms)),
            3 => Just(Step::Hold),
            3 => (0_usize..8, outcome).prop_map(|(at, failed)| Step::Back(at, failed)),
            4 => (0_u64..60).prop_map(Step::Pass),
            1 => (0_u8..3).prop_map(Step::Force),
            1 => any_settings(window, most).prop_map(Step::Settings),
        ];
        (any_settings(window, most), prop::collection::vec(step, 1..120))
    })
}

fn settle(permit: BreakerPermit<'_>, failed: Option<bool>, drops: bool) {
    match failed {
        Some(false) => permit.success(),
        Some(true) => permit.failure(),
        None if drops => drop(permit),
        None => permit.ignore(),
    }
}

fn runs_like_a_plain_one(settings: BreakerSettings, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let clock = Clock::manual();
    let breaker = Breaker::with_clock(settings.clone(), clock.clone()).unwrap();
    // Successes are noticed at once by whoever is told to look: what follows from their being noticed late is no part of this.
    let ticks = matches!(settings.window, BreakerWindow::Time(_));
    let mut plain = Plain::new(settings);
    let mut held = Vec::new();
    let pass = |plain: &mut Plain, ms: u64| {
        clock.advance(Duration::from_millis(ms));
        plain.now += ms;
    };
    for step in steps {
        match step.clone() {
            Step::Call(failed, drops, ms) => {
                let (ours, given) = (breaker.try_acquire(), plain.acquire());
                prop_assert_eq!(ours.is_ok(), given.is_some(), "{:?}", ours);
                pass(&mut plain, ms);
                if let (Ok(permit), Some(given)) = (ours, given) {
                    settle(permit, failed, drops);
                    plain.settle(given, failed);
                }
            }
            Step::Hold => {
                let (ours, given) = (breaker.try_acquire(), plain.acquire());
                prop_assert_eq!(ours.is_ok(), given.is_some(), "{:?}", ours);
                if let Err(rejected) = &ours {
                    let left = Duration::from_millis(plain.until.saturating_sub(plain.now));
                    let open = plain.state == BreakerState::Open;
                    prop_assert_eq!(rejected.retry_after(), open.then_some(left));
                }
                held.extend(ours.ok().zip(given));
            }
            Step::Back(at, failed) => {
                if at < held.len() {
                    let (permit, given) = held.swap_remove(at);
                    settle(permit, failed, true);
                    plain.settle(given, failed);
                }
            }
            Step::Pass(ms) => pass(&mut plain, ms),
            Step::Force(which) => {
                let states = [BreakerState::Closed, BreakerState::ForcedOpen, BreakerState::Disabled];
                plain.become_(states[which as usize]);
                [Breaker::force_closed, Breaker::force_open, Breaker::disable][which as usize](&breaker);
            }
            Step::Settings(settings) => {
                // Trials that were given out under other rules are judged when the next one comes: not part of this.
                if plain.state == BreakerState::HalfOpen {
                    continue;
                }
                breaker.reconfigure(settings.clone()).unwrap();
                plain.settings = settings;
                plain.judge();
            }
        }
        if ticks {
            breaker.tick();
            plain.judge();
        }
        prop_assert_eq!(breaker.state(), plain.state, "after {:?}", step);
        let stats = breaker.stats();
        let said_nothing = stats.ignored + stats.abandoned;
        let counts = [stats.successes, stats.failures, stats.slow, said_nothing, stats.stale, stats.rejected];
        prop_assert_eq!(counts, plain.counts);
    }
    // Given back to nobody: they would count.
    held.into_iter().for_each(|(permit, _)| std::mem::forget(permit));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn on_one_thread_it_does_what_a_plain_one_does((settings, steps) in any_run()) {
        runs_like_a_plain_one(settings, steps)?;
    }
}

#[test]
fn trials_that_go_well_close_it_however_seldom_there_is_one() {
    let (breaker, clock) = tripped_by_one();
    clock.advance(10 * MS);
    breaker.try_acquire().unwrap().success();
    clock.advance(90 * MS);
    let last = breaker.try_acquire().unwrap();
    clock.advance(20 * MS);
    // It has been half-open for longer than it may be for want of answers; the last trial has been out for less.
    assert!(breaker.try_acquire().is_err());
    last.success();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn slow_trials_close_it_where_nobody_minds_slow_calls() {
    let (breaker, clock) = breaker(|settings| {
        settings.failure_count_threshold = Some(1);
        settings.slow_call_duration = Some(MS);
        settings.slow_call_rate_threshold = None;
    });
    fail(&breaker);
    clock.advance(10 * MS);
    for _ in 0..2 {
        let trial = breaker.try_acquire().unwrap();
        clock.advance(5 * MS);
        trial.success();
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

//! Trying again: in virtual time against a model, and on the real clock where somebody has to be woken.

use flightdeck::supervisor::{
    Backoff, BudgetError, CancelToken, GaveUp, Jitter, Limiter, Limits, Retrier, RetryBudget, RetryError,
    RetryPolicy, RetryPolicyError,
};
use flightdeck::{Clock, Diagnostic, Retry, Ticks};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const DOUBLING: Backoff =
    Backoff::between(Duration::from_millis(10), Duration::from_millis(50)).jitter(Jitter::None);

fn policy(clock: &Clock) -> RetryPolicy {
    RetryPolicy::new().backoff(DOUBLING).virtual_time(clock)
}

/// A call that fails with these, one after the other, and then succeeds.
fn failing<'a>(
    advice: &'a [Retry],
    made: &'a Cell<usize>,
) -> impl FnMut(flightdeck::supervisor::Attempt) -> Result<u32, Retry> {
    move |attempt| {
        let n = made.replace(made.get() + 1);
        assert_eq!(attempt.number() as usize, n + 1);
        advice.get(n).map_or(Ok(attempt.number()), |advice| Err(*advice))
    }
}

#[test]
fn what_passes_later_is_tried_again_and_what_does_not_is_not() {
    let clock = Clock::manual();
    let retrier = Retrier::new(policy(&clock)).unwrap();
    let run = |advice: &[Retry]| {
        let (made, told) = (Cell::new(0), RefCell::new(Vec::new()));
        let outcome = retrier
            .when(|error: &Retry| *error)
            .notify(|failure| told.borrow_mut().push((failure.attempt, failure.delay)))
            .run(failing(advice, &made));
        (outcome.map_err(|error| (error.why, error.attempts, error.elapsed, error.last)), told.into_inner())
    };
    assert_eq!(run(&[]), (Ok(1), vec![]));
    assert_eq!(run(&[Retry::Later, Retry::Later]), (Ok(3), vec![(1, 10 * MS), (2, 20 * MS)]));
    assert_eq!(
        run(&[Retry::Later; 4]),
        (
            Err((GaveUp::Attempts, 4, 70 * MS, Some(Retry::Later))),
            vec![(1, 10 * MS), (2, 20 * MS), (3, 40 * MS)]
        )
    );
    let never = [Retry::Later, Retry::Never];
    assert_eq!(run(&never), (Err((GaveUp::Permanent, 2, 10 * MS, Some(Retry::Never))), vec![(1, 10 * MS)]));
    // A time that the failure knows, and the delay on top.
    let after = Retry::After(300 * MS);
    assert_eq!(run(&[after, Retry::Later]), (Ok(3), vec![(1, 310 * MS), (2, 20 * MS)]));
    let stats = retrier.stats();
    assert_eq!((stats.calls, stats.retries, stats.recovered), (5, 8, 2));
    assert_eq!(
        (stats.permanent, stats.attempts, stats.deadline, stats.budget, stats.cancelled),
        (1, 1, 0, 0, 0)
    );
}

#[test]
fn what_would_begin_after_the_deadline_is_not_waited_for() {
    let clock = Clock::manual();
    let retrier = Retrier::new(policy(&clock).max_attempts(u32::MAX).deadline(100 * MS)).unwrap();
    let lefts = RefCell::new(Vec::new());
    let failed = retrier.when(|_: &()| Retry::Later).run(|attempt| {
        lefts.borrow_mut().push(attempt.left().unwrap());
        clock.advance(5 * MS);
        Err::<(), _>(())
    });
    // 5, 10, 5, 20, 5, 40, 5: the next would begin at 140.
    let failed = failed.unwrap_err();
    assert_eq!((failed.why, failed.attempts, failed.elapsed), (GaveUp::Deadline, 4, 90 * MS));
    assert_eq!(lefts.into_inner(), [100 * MS, 85 * MS, 60 * MS, 15 * MS]);
    let failed = retrier.when(|_: &()| Retry::After(Duration::MAX)).run(|_| Err::<(), _>(())).unwrap_err();
    assert_eq!((failed.why, failed.elapsed), (GaveUp::Deadline, Duration::ZERO));
    // An attempt that takes too long by itself is the last one.
    let failed = retrier.when(|_: &()| Retry::Later).run(|_| {
        clock.advance(101 * MS);
        Err::<(), _>(())
    });
    assert_eq!(failed.unwrap_err().attempts, 1);
    assert_eq!(retrier.stats().deadline, 3);
}

#[test]
fn a_token_ends_a_call_between_attempts() {
    let clock = Clock::manual();
    let retrier = Retrier::new(policy(&clock).max_attempts(100)).unwrap();
    let token = CancelToken::new();
    let failed = retrier.when(|_: &&str| Retry::Later).cancelled_by(&token).run(|attempt| {
        if attempt.number() == 3 {
            token.cancel();
        }
        Err::<(), _>("down")
    });
    let failed = failed.unwrap_err();
    assert_eq!((failed.why, failed.attempts, failed.last), (GaveUp::Cancelled, 3, Some("down")));
    assert_eq!(retrier.stats().retries, 2, "the third was prevented");
    // Nothing is begun with a token that is cancelled already.
    let failed = retrier
        .when(|_: &&str| Retry::Later)
        .cancelled_by(&token)
        .run(|_| -> Result<(), _> { panic!("tried") });
    assert_eq!(failed.map_err(|failed| (failed.attempts, failed.last)), Err((0, None)));
    assert_eq!(retrier.stats().cancelled, 2);
}

#[test]
fn a_retry_that_is_cancelled_is_given_back_to_the_budget() {
    let budget = RetryBudget::new(0.001, 3).unwrap();
    let retrier = Retrier::new(policy(&Clock::manual()).budget(&budget)).unwrap();
    for _ in 0..10 {
        let token = CancelToken::new();
        let failed = retrier.when(|_: &()| Retry::Later).cancelled_by(&token).run(|_| {
            token.cancel();
            Err::<(), _>(())
        });
        assert_eq!(failed.unwrap_err().why, GaveUp::Cancelled);
    }
    assert_eq!((budget.left(), budget.refused()), (3, 0));
    let stats = retrier.stats();
    assert_eq!((stats.calls, stats.retries, stats.cancelled), (10, 0, 10));
}

#[test]
fn who_sleeps_is_woken_by_the_token() {
    let hour = Duration::from_secs(3_600);
    let retrier = Retrier::new(RetryPolicy::new().backoff(Backoff::between(hour, hour))).unwrap();
    let (token, begun) = (CancelToken::new(), Instant::now());
    let failures = &AtomicU64::new(0);
    thread::scope(|threads| {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let (retrier, token) = (&retrier, token.child());
                threads.spawn(move || {
                    let call = retrier.when(|_: &()| Retry::Later).cancelled_by(&token);
                    call.notify(|_| _ = failures.fetch_add(1, Relaxed)).run(|_| Err::<(), _>(()))
                })
            })
            .collect();
        while failures.load(Relaxed) < 4 {
            thread::yield_now();
        }
        token.cancel();
        for call in calls {
            let failed = call.join().unwrap().unwrap_err();
            assert_eq!((failed.why, failed.attempts), (GaveUp::Cancelled, 1));
        }
    });
    assert!(begun.elapsed() < hour);
}

#[test]
fn delays_pass_on_the_real_clock() {
    let policy =
        RetryPolicy::new().max_attempts(3).backoff(Backoff::between(10 * MS, 10 * MS).jitter(Jitter::None));
    let retrier = Retrier::new(policy).unwrap();
    let begun = Instant::now();
    let failed = retrier.when(|_: &()| Retry::Later).run(|_| Err::<(), _>(())).unwrap_err();
    assert!(failed.elapsed >= 20 * MS && failed.elapsed <= begun.elapsed(), "{:?}", failed.elapsed);
}

#[test]
fn errors_of_this_crate_say_when_to_come_again() {
    let clock = Clock::manual();
    let limiter = Limiter::on(&clock, Limits::per_second(2).burst(1)).unwrap();
    let retrier = Retrier::new(policy(&clock)).unwrap();
    limiter.check().unwrap();
    assert_eq!(retrier.run(|attempt| limiter.check().map(|()| attempt.number())).unwrap(), 2);
    assert_eq!(clock.now(), Ticks(510_000_000));
    let failed = retrier.run(|_| limiter.check_n(2)).unwrap_err();
    assert_eq!((failed.why, failed.code()), (GaveUp::Permanent, "supervisor.retry.permanent"));
    assert!(failed.source().unwrap().to_string().contains("never more than 1"));
    let text = failed.to_string();
    assert!(text.starts_with("gave up after 1 attempt in 0ns") && text.contains("2 permits"), "{text}");
}

#[test]
fn one_seed_gives_one_sequence_and_another_another() {
    let delays = |seed| {
        let policy = RetryPolicy::new().max_attempts(20).seed(seed).virtual_time(&Clock::manual());
        Retrier::new(policy).unwrap().delays().collect::<Vec<_>>()
    };
    assert_eq!(delays(1), delays(1));
    assert_ne!(delays(1), delays(2));
    assert_eq!(delays(1).len(), 19);
    let unseeded = || Retrier::new(RetryPolicy::new()).unwrap().delays().collect::<Vec<_>>();
    assert_ne!(unseeded(), unseeded());
}

#[test]
fn chance_takes_all_of_its_part() {
    let half = Backoff::between(100 * MS, 100 * MS).jitter(Jitter::Full);
    let policy = RetryPolicy::new().max_attempts(10_001).backoff(half).seed(7).virtual_time(&Clock::manual());
    let mut delays: Vec<_> = Retrier::new(policy).unwrap().delays().collect();
    delays.sort();
    for (n, delay) in delays.iter().enumerate() {
        let expected = n as f64 / 100_000.0;
        assert!((delay.as_secs_f64() - expected).abs() < 0.003, "{delay:?} at {n}");
    }
}

#[test]
fn an_iterator_of_delays_ends_as_a_call_does() {
    let clock = Clock::manual();
    let retrier = Retrier::new(policy(&clock)).unwrap();
    let mut delays = retrier.delays();
    assert_eq!(delays.by_ref().collect::<Vec<_>>(), [10 * MS, 20 * MS, 40 * MS]);
    assert_eq!((delays.next(), delays.after(Retry::Later)), (None, Err(GaveUp::Attempts)));
    assert_eq!(delays.failures(), 4);
    let mut delays = retrier.delays();
    assert_eq!(delays.after(Retry::After(MS)), Ok(11 * MS));
    clock.advance(11 * MS);
    delays.succeeded();
    assert_eq!((delays.elapsed(), delays.left()), (11 * MS, None));
    let stats = retrier.stats();
    assert_eq!((stats.calls, stats.retries, stats.recovered, stats.attempts), (2, 4, 1, 1));
}

#[test]
fn policies_change_for_calls_that_begin_later() {
    let retrier = Retrier::new(policy(&Clock::manual())).unwrap();
    let before = retrier.delays();
    retrier.set_policy(policy(&Clock::manual()).max_attempts(2)).unwrap();
    assert_eq!((before.count(), retrier.delays().count()), (3, 1));
    assert_eq!(retrier.set_policy(RetryPolicy::new().max_attempts(0)), Err(RetryPolicyError::NoAttempt));
    let running = RetryPolicy::new().virtual_time(&Clock::system());
    assert!(matches!(Retrier::new(running), Err(RetryPolicyError::NotManual { .. })));
    assert_eq!(retrier.delays().count(), 1, "the old one stays");
}

#[test]
fn a_budget_is_shared_and_bounds_the_load() {
    for ratio in [0.0, -1.0, 10.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(RetryBudget::new(ratio, 10), Err(BudgetError::Ratio { .. })), "{ratio}");
    }
    for most in [0, 1_000_001] {
        assert!(matches!(RetryBudget::new(0.2, most), Err(BudgetError::Most { .. })), "{most}");
    }
    let budget = RetryBudget::new(0.2, 50).unwrap();
    let policy = || policy(&Clock::manual()).budget(&budget);
    // Two things that are called, by two threads each, and all of them fail.
    let retriers = [Retrier::new(policy()).unwrap(), Retrier::new(policy()).unwrap()];
    let sent: usize = thread::scope(|threads| {
        let callers: Vec<_> = (0..4)
            .map(|n| {
                let retrier = &retriers[n % 2];
                threads.spawn(move || {
                    let mut sent = 0;
                    for _ in 0..1_000 {
                        let failed = retrier.when(|_: &()| Retry::Later).run(|_| {
                            sent += 1;
                            Err::<(), _>(())
                        });
                        assert!(matches!(failed.unwrap_err().why, GaveUp::Budget | GaveUp::Attempts));
                    }
                    sent
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    // What was saved up at the begin, and a fifth of a retry for each call; while it is full, none is added.
    assert!((4_000 + 50 + 795..=4_000 + 50 + 800).contains(&sent), "{sent}");
    let stats = retriers.each_ref().map(Retrier::stats);
    assert_eq!(stats.iter().map(|stats| stats.retries as usize + stats.calls as usize).sum::<usize>(), sent);
    assert_eq!(stats.iter().map(|stats| stats.budget).sum::<u64>(), budget.refused());
    assert!(budget.left() <= 1);
    // Calls that succeed fill it up again.
    for _ in 0..500 {
        retriers[0].when(|_: &()| Retry::Later).run(|_| Ok(())).unwrap();
    }
    assert_eq!(budget.left(), 50);
}

/// What a call does, written as one goes through it by hand.
#[derive(Debug, PartialEq)]
struct Expected {
    attempts: u32,
    why: Option<GaveUp>,
    elapsed: Duration,
}

#[derive(Clone, Debug)]
struct Case {
    most: u32,
    deadline: Option<u64>,
    budget: Option<u32>,
    least: u64,
    longest: u64,
    /// What each attempt says, and how long it takes.
    attempts: Vec<(Option<Retry>, u64)>,
    cancel_at: Option<u32>,
}

fn cases() -> impl Strategy<Value = Case> {
    let said = prop_oneof![
        6 => Just(Some(Retry::Later)),
        2 => (0_u64..2_000).prop_map(|us| Some(Retry::After(Duration::from_micros(us)))),
        1 => Just(Some(Retry::Never)),
        1 => Just(None),
    ];
    (
        1_u32..8,
        prop::option::of(0_u64..20_000),
        prop::option::of(1_u32..4),
        0_u64..1_000,
        0_u64..5_000,
        prop::collection::vec((said, 0_u64..3_000), 10),
        prop::option::weighted(0.2, 1_u32..6),
    )
        .prop_map(|(most, deadline, budget, least, longest, attempts, cancel_at)| Case {
            most,
            deadline,
            budget,
            least,
            longest,
            attempts,
            cancel_at,
        })
}

fn by_hand(case: &Case) -> Expected {
    let us = Duration::from_micros;
    let (mut now, mut retries_left) = (Duration::ZERO, case.budget.unwrap_or(u32::MAX));
    let mut step = case.least;
    for attempt in 1.. {
        let (said, took) = case.attempts[attempt as usize - 1];
        now += us(took);
        let ends = |why| Expected { attempts: attempt, why, elapsed: now };
        let hint = match said {
            None => return ends(None),
            Some(Retry::Never) => return ends(Some(GaveUp::Permanent)),
            Some(Retry::After(hint)) => hint,
            Some(_) => Duration::ZERO,
        };
        if attempt == case.most {
            return ends(Some(GaveUp::Attempts));
        }
        let delay = hint + us(step.min(case.longest));
        step *= 2;
        if case.deadline.is_some_and(|deadline| delay > us(deadline).saturating_sub(now)) {
            return ends(Some(GaveUp::Deadline));
        }
        if retries_left == 0 {
            return ends(Some(GaveUp::Budget));
        }
        retries_left -= 1;
        now += delay;
        if case.cancel_at == Some(attempt) {
            return Expected { attempts: attempt, why: Some(GaveUp::Cancelled), elapsed: now };
        }
    }
    unreachable!("ten attempts are more than any case allows")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_does_as_one_would_by_hand(case in cases()) {
        let us = Duration::from_micros;
        let clock = Clock::manual();
        let backoff = Backoff::between(us(case.least), us(case.longest)).jitter(Jitter::None);
        let mut policy = RetryPolicy::new().max_attempts(case.most).backoff(backoff).virtual_time(&clock);
        if let Some(deadline) = case.deadline {
            policy = policy.deadline(us(deadline));
        }
        if let Some(most) = case.budget {
            policy = policy.budget(&RetryBudget::new(0.001, most).unwrap());
        }
        let (retrier, token) = (Retrier::new(policy).unwrap(), CancelToken::new());
        let outcome = retrier.when(|said: &Retry| *said).cancelled_by(&token).run(|attempt| {
            let (said, took) = case.attempts[attempt.number() as usize - 1];
            clock.advance(us(took));
            if case.cancel_at == Some(attempt.number()) {
                token.cancel();
            }
            said.map_or(Ok(attempt.number()), Err)
        });
        let found = match outcome {
            Ok(attempts) => Expected { attempts, why: None, elapsed: Duration::from_nanos(clock.now().0) },
            Err(RetryError { why, attempts, elapsed, .. }) => Expected { attempts, why: Some(why), elapsed },
        };
        prop_assert_eq!(found, by_hand(&case));
    }

    #[test]
    fn delays_keep_within_the_backoff(
        seed in any::<u64>(), least in 1_u64..1_000, longest in 1_u64..100_000, which in 0_usize..3,
    ) {
        let jitter = [Jitter::Equal, Jitter::Full, Jitter::Decorrelated][which];
        let us = Duration::from_micros;
        let backoff = Backoff::between(us(least), us(longest)).jitter(jitter);
        let policy = RetryPolicy::new().max_attempts(30).seed(seed).backoff(backoff).virtual_time(&Clock::manual());
        let delays: Vec<_> = Retrier::new(policy).unwrap().delays().collect();
        prop_assert_eq!(delays.len(), 29);
        let mut before = us(least);
        for (n, delay) in delays.into_iter().enumerate() {
            let full = us(least.saturating_mul(1_u64.checked_shl(n as u32).unwrap_or(u64::MAX)).min(longest));
            let (low, high) = match jitter {
                Jitter::Equal => (full / 2, full),
                Jitter::Full => (Duration::ZERO, full),
                _ => (us(least.min(longest)), (before * 3).min(us(longest))),
            };
            prop_assert!(delay + Duration::from_nanos(1) >= low && delay <= high, "{n}: {delay:?}");
            before = delay;
        }
    }
}

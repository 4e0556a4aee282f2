//! Breakers, bulkheads, limiters and retriers of a deck: by name, written down, counted, told by its settings.

use flightdeck::config::{Change, Validate, Violations};
use flightdeck::events::{Events, Value as Field};
use flightdeck::supervisor::{
    Backoff, Breaker, BreakerError, BreakerSettings, BreakerState, EnterError, GaveUp, Jitter, Limits,
    Retrier, RetryBudget, RetryPolicy, RetrySettings,
};
use flightdeck::telemetry::Value;
use flightdeck::{Clock, Concern, Diagnostic, Flightdeck, GuardError, Retry, Settings};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

fn wait_until(what: &str, met: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !met() {
        assert!(Instant::now() < end, "in vain: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn after(failures: u32) -> BreakerSettings {
    let mut settings = BreakerSettings::new();
    settings.failure_rate_threshold = None;
    settings.consecutive_failures = Some(failures);
    settings.wait_duration_in_open = Duration::from_secs(10);
    settings.permitted_calls_in_half_open = 1;
    settings
}

fn fail(breaker: &Breaker) {
    let _ = breaker.call(|| Err::<(), _>("why"));
}

/// From, to and why of each change, in order.
fn changes(events: &Events) -> Vec<[String; 3]> {
    let answer = events.query().kind_named("flightdeck.breaker.changed").run().unwrap();
    let text = |field: Option<Field<'_>>| match field {
        Some(Field::Str(text)) => text.to_owned(),
        other => panic!("{other:?}"),
    };
    answer.iter().map(|event| ["from", "to", "why"].map(|name| text(event.field(name)))).collect()
}

#[test]
fn one_name_is_one_guard_and_other_settings_are_refused() {
    let deck = Flightdeck::builder().start().unwrap();
    let first = deck.breaker("upstream", after(1)).unwrap();
    fail(&deck.breaker("upstream", after(1)).unwrap());
    assert_eq!(first.state(), BreakerState::Open, "it is the same");
    let error = deck.breaker("upstream", after(2)).unwrap_err();
    assert_eq!(error, GuardError::Exists { what: "breaker", name: "upstream".into() });
    assert_eq!(error.code(), "hub.guard.exists");
    assert!(deck.breaker("other", after(2)).is_ok());
    let mut wrong = after(1);
    wrong.minimum_calls = 0;
    assert_eq!(deck.breaker("wrong", wrong).unwrap_err().code(), "supervisor.breaker.number");
    assert!(deck.breaker("wrong", after(1)).is_ok(), "what was refused has no name");

    let bulkhead = deck.bulkhead("upstream", 1).unwrap();
    let _inside = bulkhead.try_enter().unwrap();
    assert!(deck.bulkhead("upstream", 1).unwrap().try_enter().is_err());
    assert!(deck.bulkhead("upstream", 2).is_err());
    let limits = Limits::per_hour(1).burst(1);
    assert!(deck.limiter("upstream", limits).unwrap().check().is_ok());
    assert!(deck.limiter("upstream", limits).unwrap().check().is_err());
    assert!(deck.limiter("upstream", limits.burst(2)).is_err());

    let (budget, clock) = (RetryBudget::new(0.1, 5).unwrap(), Clock::manual());
    let policy = || RetryPolicy::new().budget(&budget).virtual_time(&clock);
    let first = deck.retrier("upstream", policy()).unwrap();
    attempts(&first);
    assert_eq!(deck.retrier("upstream", policy()).unwrap().stats().calls, 1, "it is the same");
    let others = [
        policy().max_attempts(2),
        policy().deadline(Duration::MAX),
        policy().backoff(Backoff::default()),
        policy().seed(1),
        policy().budget(&RetryBudget::new(0.1, 5).unwrap()),
        policy().virtual_time(&Clock::manual()),
        RetryPolicy::new(),
    ];
    for other in others {
        assert_eq!(deck.retrier("upstream", other).unwrap_err().code(), "hub.guard.exists");
    }
    let none = deck.retrier("none", RetryPolicy::new().max_attempts(0)).unwrap_err();
    assert_eq!(none.code(), "supervisor.retry_policy.no_attempt");
}

/// Of a call that always fails.
fn attempts(retrier: &Retrier) -> (GaveUp, u32, Duration) {
    let failed = retrier.when(|_: &()| Retry::Later).run(|_| Err::<(), _>(())).unwrap_err();
    (failed.why, failed.attempts, failed.elapsed)
}

#[test]
fn settings_say_what_retriers_do_otherwise_and_the_rest_stays() {
    let (deck, clock) = (Flightdeck::builder().start().unwrap(), Clock::manual());
    let (ms, steady) = (Duration::from_millis, |ms| Backoff::between(ms, ms).jitter(Jitter::None));
    let budget = RetryBudget::new(0.001, 4).unwrap();
    let policy = || RetryPolicy::new().backoff(steady(ms(10))).budget(&budget).virtual_time(&clock);
    let told_of = |settings: RetrySettings| {
        told(&deck, |now| now.retriers = [("fetch".to_owned(), settings.clone())].into());
    };
    told_of(RetrySettings::new().max_attempts(2));
    let retrier = deck.retrier("fetch", policy()).unwrap();
    assert_eq!(attempts(&retrier), (GaveUp::Attempts, 2, ms(10)), "told before anybody asked for it");
    told_of(RetrySettings::new().backoff(steady(ms(100))).deadline(ms(250)));
    assert_eq!(attempts(&retrier), (GaveUp::Deadline, 3, ms(200)));
    told_of(RetrySettings::new().deadline(Duration::MAX));
    assert_eq!(attempts(&retrier), (GaveUp::Budget, 2, ms(10)), "four in all, whatever was told");
    told(&deck, |now| now.retriers.clear());
    assert_eq!(attempts(&retrier), (GaveUp::Budget, 1, ms(0)));
    for (name, value) in [("calls", 4), ("retries", 4), ("attempts", 1), ("deadline", 1), ("budget", 2)] {
        let name = format!("retrier.fetch.{name}");
        wait_until(&name, || deck.telemetry().snapshot().get(&name) == Some(&Value::Counter(value)));
    }
}

#[test]
fn changes_are_events_of_what_their_thread_works_for_and_concerns_while_they_last() {
    let clock = Clock::manual();
    let deck = Flightdeck::builder().events(|events| events.clock(clock.clone())).start().unwrap();
    let breaker = deck.breaker("upstream", after(2)).unwrap();
    assert!(!deck.health().concerns.iter().any(|concern| matches!(concern, Concern::BreakerOpen { .. })));
    {
        let _in = deck.scope(7_u64);
        fail(&breaker);
        fail(&breaker);
    }
    let state = |state| Concern::BreakerOpen { breaker: "upstream".into(), state };
    assert!(deck.health().concerns.contains(&state(BreakerState::Open)), "{}", deck.health());
    assert!(deck.health().to_string().contains("breaker `upstream` is open"));
    assert_eq!(deck.events().query().correlation(7_u64).kind_named("flightdeck.breaker.changed").count(), 1);
    clock.advance(Duration::from_secs(10));
    let trial = breaker.try_acquire().unwrap();
    assert!(deck.health().to_string().contains("breaker `upstream` is half-open"));
    trial.success();
    assert!(!deck.health().to_string().contains("breaker"));
    let expected = [
        ["closed", "open", "consecutive_failures"],
        ["open", "half_open", "wait_is_over"],
        ["half_open", "closed", "trials_succeeded"],
    ];
    assert_eq!(changes(deck.events()), expected);
}

#[test]
fn telemetry_has_what_guards_count() {
    let deck = Flightdeck::builder().start().unwrap();
    let breaker = deck.breaker("upstream", after(2)).unwrap();
    (0..5).for_each(|_| assert_eq!(breaker.call(|| Ok::<_, ()>(())), Ok(())));
    (0..3).for_each(|_| fail(&breaker));
    let bulkhead = deck.bulkhead("reports", 1).unwrap();
    let _inside = bulkhead.try_enter().unwrap();
    assert_eq!(bulkhead.try_enter().unwrap_err(), EnterError::Full { limit: 1 });
    let limiter = deck.limiter("logins", Limits::per_hour(1).burst(1)).unwrap();
    assert!(limiter.check().is_ok() && limiter.check().is_err());
    let expected = [
        ("breaker.upstream.successes", Value::Counter(5)),
        ("breaker.upstream.failures", Value::Counter(2)),
        ("breaker.upstream.rejected", Value::Counter(1)),
        ("breaker.upstream.trips", Value::Counter(1)),
        ("breaker.upstream.state", Value::Gauge(2)),
        ("bulkhead.reports.entered", Value::Counter(1)),
        ("bulkhead.reports.rejected", Value::Counter(1)),
        ("bulkhead.reports.inside", Value::Gauge(1)),
        ("bulkhead.reports.limit", Value::Gauge(1)),
        ("limiter.logins.allowed", Value::Counter(1)),
        ("limiter.logins.limited", Value::Counter(1)),
    ];
    for (name, value) in expected {
        wait_until(name, || deck.telemetry().snapshot().get(name) == Some(&value));
    }
}

fn told(deck: &Flightdeck, change: impl Fn(&mut Settings)) {
    let update = deck.settings().update(|now| {
        let mut settings = now.clone();
        change(&mut settings);
        settings
    });
    update.unwrap();
}

#[test]
fn settings_change_guards_while_calls_run() {
    let deck = Flightdeck::builder().start().unwrap();
    let breaker = deck.breaker("upstream", after(u32::MAX)).unwrap();
    let (ended, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                while !ended.load(Relaxed) {
                    if breaker.call(|| Err::<(), _>(())) == Err(BreakerError::Failed(())) {
                        calls.fetch_add(1, Relaxed);
                    }
                }
            });
        }
        wait_until("calls", || calls.load(Relaxed) > 1_000);
        assert_eq!(breaker.state(), BreakerState::Closed);
        told(&deck, |settings| settings.breakers.extend([("upstream".into(), after(1))]));
        wait_until("a trip", || breaker.state() == BreakerState::Open);
        ended.store(true, Relaxed);
    });
    let stats = breaker.stats();
    assert_eq!(stats.failures + stats.stale, calls.into_inner(), "one that was late for the trip is stale");
    assert_eq!(breaker.settings(), after(1));
    told(&deck, |settings| settings.breakers.clear());
    assert_eq!(breaker.settings(), after(u32::MAX), "as it was asked for");

    let bulkhead = deck.bulkhead("reports", 1).unwrap();
    let first = bulkhead.try_enter().unwrap();
    thread::scope(|threads| {
        let waiting = threads.spawn(|| bulkhead.enter(Duration::from_secs(60)).map(drop));
        wait_until("a waiter", || bulkhead.stats().waiting == 1);
        told(&deck, |settings| settings.bulkheads.extend([("reports".into(), 2)]));
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
    drop(first);

    told(&deck, |settings| settings.limiters.extend([("logins".into(), Limits::per_hour(7))]));
    let limiter = deck.limiter("logins", Limits::per_hour(1)).unwrap();
    assert_eq!(limiter.limits(), Limits::per_hour(7), "told before anybody asked for it");
    assert_eq!(deck.limiter("logins", Limits::per_hour(1)).unwrap().limits(), Limits::per_hour(7));
}

#[test]
fn settings_that_make_no_sense_are_refused_all_at_once() {
    let deck = Flightdeck::builder().start().unwrap();
    let breaker = deck.breaker("upstream", after(3)).unwrap();
    let refused = deck.settings().update(|now| {
        let (mut settings, mut wrong) = (now.clone(), after(1));
        wrong.permitted_calls_in_half_open = 0;
        settings.breakers.insert("upstream".into(), wrong);
        settings.bulkheads.insert("reports".into(), 0);
        settings.limiters.insert("logins".into(), Limits::per_hour(0));
        settings.retriers.insert("fetch".into(), RetrySettings::new().max_attempts(0));
        settings
    });
    let message = refused.unwrap_err().to_string();
    for part in [
        "breakers.upstream.permitted_calls_in_half_open = 0: must be from 1 to 1000",
        "bulkheads.reports = 0: must be from 1 to 2^30",
        "limiters.logins = ",
        "retriers.fetch.max_attempts = 0: must be at least 1",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(breaker.settings(), after(3));
}

/// The host's own config has the last word, where the host joins them.
#[test]
fn a_config_of_the_host_may_tune_a_breaker() {
    let deck = Flightdeck::builder().config(Patience { failures: 9 }).start().unwrap();
    let breaker = deck.breaker("upstream", after(9)).unwrap();
    let tuned = breaker.clone();
    let follow = move |change: &Change<Patience>| {
        tuned.reconfigure(after(change.new.failures)).unwrap();
    };
    deck.config().subscribe(follow).forever();
    deck.config().update(|_| Patience { failures: 1 }).unwrap();
    fail(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open);
}

struct Patience {
    failures: u32,
}

impl Validate for Patience {
    fn validate(&self, _: &mut Violations) {}
}

/// The deck tells of a change inside the call that brings it about; that call may ask the deck for anything.
#[test]
fn what_is_told_of_a_change_may_ask_the_deck_for_guards() {
    let deck = Flightdeck::builder().start().unwrap();
    let breaker = deck.breaker("upstream", after(1)).unwrap();
    let (same, told) = (deck.clone(), std::sync::Arc::new(AtomicU64::new(0)));
    let counted = told.clone();
    breaker.observe(move |_| {
        assert!(same.breaker("upstream", after(1)).is_ok() && same.breaker("further", after(1)).is_ok());
        assert!(!same.health().is_healthy());
        counted.fetch_add(1, Relaxed);
    });
    // By the settings, from within their update.
    told_to_open(&deck, &breaker);
    assert_eq!((told.load(Relaxed), breaker.stats().observer_panics), (1, 0));
    assert!(deck.shutdown(Duration::from_secs(20)).is_clean());
}

fn told_to_open(deck: &Flightdeck, breaker: &Breaker) {
    told(deck, |settings| settings.breakers.extend([("upstream".into(), after(2))]));
    fail(breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
    told(deck, |settings| settings.breakers.clear());
    assert_eq!(breaker.state(), BreakerState::Open);
}

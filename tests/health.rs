//! How a deck is: which probes fail, since when, who is told of it, and when it is well again.

mod support;

use flightdeck::config::{Validate, Violations};
use flightdeck::supervisor::{
    Backoff, Check, CheckState, ChildSpec, HealthCheckError, Probe, Restart, WorkerContext,
};
use flightdeck::{
    Builder, Concern, Diagnostic, Flightdeck, HealthLevel, Part, PartState, Settings, StartError,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Dumped("health.dumped") { image: bytes }
    Polled("health.polled") {}
}

const MOMENT: Duration = Duration::from_millis(5);

/// A deck that looks often and forgives soon.
fn quick(settle: Duration) -> Builder<()> {
    let mut settings = Settings::default();
    (settings.health, settings.settle) = (MOMENT, settle);
    // Of which a value larger than a store is lost, not cut.
    Flightdeck::builder().settings(settings).events(|events| events.longest_value(usize::MAX))
}

fn codes(deck: &Flightdeck) -> Vec<&'static str> {
    deck.health().concerns.iter().map(Concern::code).collect()
}

fn level(deck: &Flightdeck) -> HealthLevel {
    deck.health().level()
}

/// The levels between which it changed, as recorded.
fn changes(deck: &Flightdeck) -> Vec<String> {
    let answer = deck.events().query().kind_named("flightdeck.health.changed").run();
    let Ok(answer) = answer else { return Vec::new() };
    let text = |event: &flightdeck::events::Recorded<'_>, field| {
        event.field(field).map_or(String::new(), |value| value.to_string().trim_matches('"').to_owned())
    };
    answer.iter().map(|event| format!("{} > {}", text(&event, "from"), text(&event, "to"))).collect()
}

fn lose_one(deck: &Flightdeck) {
    deck.record(Dumped { image: &vec![0; 2 << 20] });
}

#[test]
fn a_deck_without_anything_is_healthy_live_ready_and_says_nothing() {
    let deck = Flightdeck::builder().start().unwrap();
    let health = deck.health();
    assert!(health.is_healthy() && health.is_live() && health.is_ready() && health.has_started(), "{health}");
    assert!(deck.wait_until_ready(Duration::ZERO).is_ok());
    assert_eq!(Probe::ALL.map(|probe| health.passes(probe)), [true; 3]);
    assert!(health.parts.iter().all(|part| part.level() == HealthLevel::Healthy));
    assert_eq!(health.parts.len(), Part::ALL.len());
    assert_eq!(changes(&deck), Vec::<String>::new());
}

#[test]
fn a_start_waits_for_workers_and_checks_and_whoever_waits_is_woken() {
    let (schema, verdicts) = Check::told("schema");
    let schema = schema.counts_for([Probe::Startup]).failure_threshold(2).period(PATIENCE);
    let (feed, ticks) = Check::told("feed");
    let feed = feed.counts_for([Probe::Live]).failure_threshold(1).period(PATIENCE);
    let deck = quick(PATIENCE)
        .check(schema)
        .check(feed)
        .worker("book", Restart::Permanent, until_stopped)
        .start()
        .unwrap();
    ticks.fail("no tick");
    verdicts.fail("migrating");
    let health = deck.health();
    assert!(!health.has_started() && !health.is_ready() && health.is_live(), "{health}");
    assert!(!health.is_healthy(), "{health}");
    let refused = deck.wait_until_ready(Duration::from_millis(20)).unwrap_err();
    assert_eq!((refused.code(), refused.waited >= Duration::from_millis(20)), ("hub.health.not_ready", true));
    assert!(refused.missing.contains(&"check `schema` is unknown: migrating".to_owned()), "{refused}");
    assert!(refused.missing.contains(&"check `schema` has not passed".to_owned()), "{refused}");
    verdicts.fail("migrating");
    assert!(!deck.is_live(), "the start has failed");
    ticks.pass();

    let handle = deck.health_handle();
    let waits = thread::spawn(move || {
        let began = Instant::now();
        (handle.wait_until_ready(PATIENCE * 10), began.elapsed())
    });
    thread::sleep(Duration::from_millis(50));
    assert!(!waits.is_finished());
    verdicts.pass();
    let (ready, waited) = waits.join().unwrap();
    assert!(ready.is_ok() && waited < PATIENCE, "{waited:?}");
    assert!(deck.is_live() && deck.health().has_started());
    verdicts.fail("later");
    verdicts.fail("later");
    assert!(deck.health().has_started() && deck.is_ready(), "a start is over once");
    ticks.fail("no tick");
    assert!(!deck.is_live() && deck.is_ready(), "now it counts");
    assert!(deck.shutdown(PATIENCE).is_clean());
}

#[test]
fn a_check_is_asked_and_fails_after_so_many_failures_and_passes_again() {
    let down = Arc::new(AtomicBool::new(false));
    let asked = down.clone();
    let ask = move || if asked.load(Ordering::Relaxed) { Err("connection refused") } else { Ok(()) };
    let check = Check::new("db", ask).period(MOMENT).counts_for([Probe::Ready]);
    let deck = quick(PATIENCE).check(check).start().unwrap();
    deck.wait_until_ready(PATIENCE).unwrap();
    assert!(deck.health().is_healthy(), "{}", deck.health());
    down.store(true, Ordering::Relaxed);
    until("the failure", || !deck.is_ready());
    let health = deck.health();
    assert_eq!(health.level(), HealthLevel::NotReady, "{health}");
    assert_eq!(health.part(Part::Host).unwrap().level(), HealthLevel::NotReady);
    assert_eq!(health.part(Part::Events).unwrap().level(), HealthLevel::Healthy);
    let check = &health.checks[0];
    assert!(check.streak >= 3 && check.failures >= 3, "{check:?}");
    assert_eq!((check.state, check.reason.as_deref()), (CheckState::Failing, Some("connection refused")));
    assert_eq!(deck.status().state, PartState::Degraded);
    down.store(false, Ordering::Relaxed);
    deck.wait_until_ready(PATIENCE).unwrap();
    until("all to be well", || deck.health().is_healthy());
    let past = &deck.health_history().concerns[0];
    assert_eq!((past.concern.code(), past.times), ("check_failing", 1));
    assert!(past.first <= past.ended);
}

#[test]
fn a_check_that_panics_or_takes_too_long_has_failed_and_nothing_else_has() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let panics = Check::new("panics", move || -> Result<(), String> {
        panic!("call {}", counted.fetch_add(1, Ordering::Relaxed))
    });
    let slow = Check::new("slow", || {
        thread::sleep(Duration::from_millis(30));
        Ok::<_, String>(())
    });
    let deck = quick(PATIENCE)
        .check(panics.period(MOMENT))
        .check(slow.period(MOMENT).timeout(Duration::from_millis(10)).counts_for([]))
        .worker("book", Restart::Permanent, until_stopped)
        .start()
        .unwrap();
    until("both", || {
        codes(&deck).contains(&"check_slow")
            && codes(&deck).iter().filter(|code| **code == "check_failing").count() == 2
    });
    let health = deck.health();
    assert!(health.is_live() && !health.is_ready());
    let reason = |at: usize| health.checks[at].reason.clone().unwrap();
    assert!(reason(0).starts_with("panicked: call "), "{health}");
    assert!(reason(1).ends_with("ms, may take 10.0ms"), "{health}");
    let more = calls.load(Ordering::Relaxed) + 2;
    until("it to be asked on", || calls.load(Ordering::Relaxed) >= more);
    assert_eq!(deck.supervisor().status().chore_panics, 0, "none of the deck's own");
    assert!(deck.remove_check("panics") && !deck.remove_check("panics"));
    assert!(deck.is_ready(), "the other counts for nothing");
    assert_eq!(level(&deck), HealthLevel::Degraded);
}

#[test]
fn silence_is_not_health() {
    let (feed, verdicts) = Check::told("feed");
    let period = Duration::from_millis(500);
    let deck =
        quick(PATIENCE).check(feed.period(period).counts_for([Probe::Live, Probe::Ready])).start().unwrap();
    verdicts.pass();
    assert!(deck.health().is_healthy(), "{}", deck.health());
    until("the verdict to be too old", || !deck.is_live());
    let health = deck.health();
    assert_eq!(health.checks[0].state, CheckState::Unknown);
    assert!(
        health.to_string().contains("check `feed` is unknown: no verdict for more than 500.0ms"),
        "{health}"
    );
    assert!(!health.is_ready());
    verdicts.pass();
    assert!(deck.is_live() && deck.is_ready());
}

#[test]
fn checks_that_make_no_sense_are_refused() {
    let (one, two) = (|| Check::told("feed").0, || Check::told("feed").0);
    let refused = Flightdeck::builder().check(one()).check(two()).start().unwrap_err();
    assert!(matches!(refused, StartError::Check(HealthCheckError::DuplicateName { .. })), "{refused}");
    assert_eq!(refused.code(), "supervisor.check.duplicate_name");
    let deck = Flightdeck::builder().check(one()).start().unwrap();
    assert!(matches!(deck.add_check(two()), Err(HealthCheckError::DuplicateName { .. })));
    let named = || Check::told("other").0;
    for (check, code) in [
        (named().failure_threshold(0), "supervisor.check.no_threshold"),
        (named().success_threshold(0), "supervisor.check.no_threshold"),
        (named().period(Duration::ZERO), "supervisor.check.period"),
        (named().period(Duration::MAX), "supervisor.check.period"),
    ] {
        assert_eq!(deck.add_check(check).unwrap_err().code(), code);
    }
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    let late = Check::new("late", move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok::<_, String>(())
    });
    deck.add_check(late).unwrap();
    until("the first time at once", || asked.load(Ordering::Relaxed) == 1);
}

#[test]
fn a_worker_that_is_needed_makes_it_not_ready_while_it_is_not_there_and_another_does_not() {
    let long = Backoff::between(PATIENCE, PATIENCE);
    let fails = |_: &WorkerContext| Err::<(), _>("no connection");
    let deck = quick(PATIENCE)
        .supervisor(|supervisor| {
            let export = ChildSpec::new("export", Restart::Permanent, fails).backoff(long);
            supervisor.worker(export.unlimited_restarts())
        })
        .start()
        .unwrap();
    until("it to fail", || codes(&deck) == ["worker_backing_off"]);
    assert_eq!((level(&deck), deck.is_ready()), (HealthLevel::Degraded, true));
    deck.supervisor().add(ChildSpec::new("book", Restart::Permanent, fails).backoff(long)).unwrap();
    until("the other to fail", || codes(&deck).len() == 2);
    assert_eq!((deck.is_ready(), deck.is_live()), (false, true));
    assert!(!deck.acknowledge(&deck.health().concerns[1]), "it holds");
    deck.supervisor().remove("book", PATIENCE).unwrap();
    assert!(deck.is_ready());
}

#[test]
fn a_melt_down_is_for_good() {
    let deck = quick(PATIENCE)
        .supervisor(|supervisor| supervisor.max_restarts(0))
        .worker("book", Restart::Permanent, |_: &WorkerContext| -> () { panic!("a bug") })
        .start()
        .unwrap();
    until("the meltdown", || codes(&deck).contains(&"melted_down"));
    assert_eq!(level(&deck), HealthLevel::NotLive);
    let began = Instant::now();
    let refused = deck.wait_until_ready(Duration::from_millis(30)).unwrap_err();
    assert!(began.elapsed() < PATIENCE && refused.missing[0].contains("too many restarts"), "{refused}");
    for concern in deck.health().concerns.iter().filter(|concern| !concern.fails().is_empty()) {
        assert!(!deck.acknowledge(concern), "{concern}");
    }
    assert!(!deck.is_live() && !deck.is_ready());
}

#[test]
fn a_supervisor_that_is_held_up_is_seen_from_outside_and_no_more_once_it_goes_on() {
    let (lets_go, go_on) = mpsc::channel::<()>();
    let mut settings = Settings::default();
    (settings.health, settings.stuck_after) = (MOMENT, Duration::from_millis(50));
    let mut go_on = Some(go_on);
    let held_up = move || {
        if let Some(go_on) = go_on.take() {
            let _ = go_on.recv();
        }
    };
    let deck = Flightdeck::builder()
        .settings(settings)
        .supervisor(|supervisor| supervisor.every(MOMENT, "greedy", held_up))
        .start()
        .unwrap();
    until("it to be stuck", || codes(&deck) == ["supervisor_stuck"]);
    let health = deck.health();
    assert!(!health.is_live() && !health.is_ready());
    assert!(health.to_string().ends_with("by chore `greedy`"), "{health}");
    assert_eq!(changes(&deck), ["healthy > not_live"], "written down by whoever saw it");
    drop(lets_go);
    until("it to go on", || deck.health().is_healthy());
    assert_eq!(changes(&deck), ["healthy > not_live", "not_live > healthy"]);
}

#[test]
fn what_is_counted_ends_when_it_has_settled_and_counts_go_on() {
    // Long enough for a look at what has not settled yet.
    let settle = Duration::from_millis(500);
    let deck = quick(settle).start().unwrap();
    lose_one(&deck);
    assert_eq!(codes(&deck), ["events_lost"]);
    assert_eq!((level(&deck), deck.is_ready()), (HealthLevel::Degraded, true));
    until("it to settle", || deck.health().is_healthy());
    assert_eq!(deck.events().losses()[0].count, 1, "for ever");
    let began = Instant::now();
    lose_one(&deck);
    let health = deck.health();
    let reason = health.reasons().next().unwrap();
    assert_eq!((reason.times, reason.concern.code()), (2, "events_lost"), "it came again");
    assert!(reason.lasting < PATIENCE && format!("{health:#}").contains(", 2 times so far"), "{health:#}");
    assert!(matches!(&reason.concern, Concern::EventsLost(loss) if loss.count == 2));
    until("it to settle again", || deck.health().is_healthy());
    assert!(began.elapsed() >= settle);
    let history = deck.health_history();
    assert_eq!((history.concerns.len(), history.concerns[0].times, history.forgotten), (1, 2, 0));
    until("the events", || {
        changes(&deck)
            == ["healthy > degraded", "degraded > healthy", "healthy > degraded", "degraded > healthy"]
    });
    let telemetry = deck.telemetry();
    assert_eq!(telemetry.counter("flightdeck_health_changes_total").value(), 4);
    assert_eq!(telemetry.gauge("flightdeck_health_level").value(), 0);
    assert_eq!(telemetry.gauge("flightdeck_health_concerns").value(), 0);
}

#[test]
fn what_is_acknowledged_ends_as_it_was_seen() {
    let deck = quick(PATIENCE).start().unwrap();
    lose_one(&deck);
    let seen = deck.health().concerns.remove(0);
    lose_one(&deck);
    assert!(!deck.acknowledge(&seen), "one more since");
    let seen = deck.health().concerns.remove(0);
    assert!(deck.acknowledge(&seen) && !deck.acknowledge(&seen));
    assert!(deck.health().is_healthy());
    assert_eq!(deck.telemetry().gauge("flightdeck_health_concerns").value(), 0);
    lose_one(&deck);
    assert_eq!(codes(&deck), ["events_lost"]);
}

#[derive(Clone)]
struct Limits;

impl Validate for Limits {
    fn validate(&self, _: &mut Violations) {}
}

#[test]
fn who_was_detached_is_a_concern_until_somebody_is_there_instead() {
    let deck = Flightdeck::builder().config(Limits).start().unwrap();
    let has = |code| deck.health().concerns.iter().any(|concern| concern.code() == code);
    let subscriber = deck.config().subscribe(|_| panic!("no more"));
    deck.config().replace(Limits).unwrap();
    assert!(has("subscribers_detached"));
    drop(subscriber);
    assert!(has("subscribers_detached"), "it is missed");
    let _instead = deck.config().subscribe(|_| ());
    assert!(!has("subscribers_detached"));
    deck.config().replace(Limits).unwrap();
    assert_eq!(deck.config().stats().detached, 1);

    let telemetry = deck.telemetry();
    telemetry.attach("log", "http", |_| panic!("no disk")).unwrap();
    telemetry.execute("http.stop", &[], &[]);
    assert!(has("handlers_detached"));
    telemetry.attach("other", "http", |_| ()).unwrap();
    assert!(has("handlers_detached"), "not that one");
    telemetry.attach("log", "http", |_| ()).unwrap();
    assert!(deck.health().is_healthy(), "{}", deck.health());
    assert_eq!(telemetry.handler_stats().panics, 1);
}

#[test]
fn changes_are_told_in_order_until_the_subscription_ends_and_a_panic_of_one_ends_none() {
    let (feed, verdicts) = Check::told("feed");
    let deck = quick(PATIENCE).check(feed.failure_threshold(1).period(PATIENCE)).start().unwrap();
    verdicts.pass();
    deck.wait_until_ready(PATIENCE).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let thread_of = Arc::new(OnceLock::new());
    let on = thread_of.clone();
    deck.on_health_change(|_| panic!("a listener")).forever();
    let subscription = deck.on_health_change(move |change| {
        let _ = on.set(thread::current().name().map(str::to_owned));
        let codes = |list: &[Concern]| list.iter().map(Concern::code).collect::<Vec<_>>();
        tell.lock().unwrap().push((change.before, codes(&change.entered), codes(&change.left)));
    });
    verdicts.fail("no tick");
    let failing = |told: &[(HealthLevel, Vec<&str>, Vec<&str>)]| {
        told.iter().any(|(_, entered, _)| entered.contains(&"check_failing"))
    };
    until("the failure to be told", || failing(&told.lock().unwrap()));
    assert_eq!(thread_of.get(), Some(&Some("fd-supervisor".to_owned())));
    until("the panic to be a concern", || codes(&deck).contains(&"chores_panicked"));
    verdicts.pass();
    until("the recovery to be told", || {
        told.lock().unwrap().iter().any(|(_, _, left)| left.contains(&"check_failing"))
    });
    drop(subscription);
    let so_far = told.lock().unwrap().len();
    let panics = deck.supervisor().status().chore_panics;
    verdicts.fail("again");
    until("the other to be told", || deck.supervisor().status().chore_panics > panics);
    assert_eq!(told.lock().unwrap().len(), so_far);
}

#[test]
fn a_handle_outlives_its_deck_and_says_that_it_is_not_ready() {
    let deck = Flightdeck::builder()
        .config(Limits)
        .worker("book", Restart::Permanent, until_stopped)
        .start()
        .unwrap();
    let handle = deck.health_handle();
    handle.wait_until_ready(PATIENCE).unwrap();
    deck.config().replace(Limits).unwrap();
    assert_eq!(handle.health().revision.get(), 2);
    let waits = handle.clone();
    drop(deck);
    let health = waits.health();
    assert!(!waits.is_ready() && waits.is_live(), "{health}");
    assert_eq!(health.revision.get(), 2);
    let began = Instant::now();
    assert!(waits.wait_until_ready(PATIENCE).unwrap_err().missing.contains(&"shutting down".to_owned()));
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn a_shutdown_is_written_down_and_wakes_who_waits() {
    let (feed, _verdicts) = Check::told("feed");
    let deck = quick(PATIENCE).check(feed).start().unwrap();
    let handle = deck.health_handle();
    let waits = thread::spawn(move || handle.wait_until_ready(PATIENCE * 10));
    until("it to be asked", || deck.supervisor().status().chores > 5);
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert!(waits.join().unwrap().is_err());
    assert_eq!(deck.events().losses(), [], "none of its own events was lost");
    let answer = deck.events().query().kind_named("flightdeck.health.changed").newest_first().run().unwrap();
    let last = answer.iter().next().unwrap();
    assert_eq!(last.field("entered").unwrap().to_string().trim_matches('"'), "shutting down");
}

#[test]
fn asking_from_inside_of_what_it_asks_does_not_deadlock() {
    let slot: Arc<OnceLock<Flightdeck>> = Arc::new(OnceLock::new());
    let (in_check, in_listener) = (slot.clone(), slot.clone());
    let answers = Arc::new(AtomicU64::new(0));
    let (of_check, of_listener) = (answers.clone(), answers.clone());
    let check = Check::new("nested", move || {
        if let Some(deck) = in_check.get() {
            let waited = deck.wait_until_ready(PATIENCE);
            of_check.fetch_add(1 + u64::from(waited.is_ok()), Ordering::Relaxed);
            return Err("asked");
        }
        Ok(())
    });
    let deck = quick(PATIENCE).check(check.period(MOMENT).failure_threshold(1)).start().unwrap();
    deck.on_health_change(move |_| {
        if let Some(deck) = in_listener.get() {
            of_listener.fetch_add(u64::from(!deck.health().concerns.is_empty()), Ordering::Relaxed);
        }
    })
    .forever();
    slot.set(deck.clone()).unwrap();
    until("both to have asked", || answers.load(Ordering::Relaxed) >= 3);
    assert!(deck.shutdown(PATIENCE).is_clean());
}

#[cfg(feature = "json")]
#[test]
fn a_report_is_one_object() {
    let (feed, verdicts) = Check::told("feed");
    let deck = quick(PATIENCE)
        .check(feed.failure_threshold(1).counts_for([Probe::Live]))
        .worker("book", Restart::Permanent, until_stopped)
        .start()
        .unwrap();
    until("the start", || deck.health().has_started());
    verdicts.fail("no \"tick\"");
    lose_one(&deck);
    let text = deck.health().to_json();
    assert!(!text.contains('\n'));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&report["level"], &report["live"], &report["ready"]),
        (&"not_live".into(), &false.into(), &true.into())
    );
    let host = &report["parts"]["host"];
    assert_eq!((&host["level"], &host["concerns"][0]["code"]), (&"not_live".into(), &"check_failing".into()));
    assert_eq!(host["concerns"][0]["text"], "check `feed` fails: no \"tick\"");
    assert_eq!(host["concerns"][0]["fails"], serde_json::json!(["live"]));
    assert_eq!(report["parts"]["events"]["concerns"][0]["code"], "events_lost");
    assert_eq!(report["checks"][0]["state"], "failing");
    assert_eq!(
        (&report["workers"][0]["name"], &report["workers"][0]["needed"]),
        (&"book".into(), &true.into())
    );
}

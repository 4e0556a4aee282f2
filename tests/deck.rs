//! A whole deck: what the hub joins.

mod support;

use flightdeck::config::{Validate, Violations};
use flightdeck::supervisor::{Backoff, ChildSpec, Restart, WorkerContext, WorkerState};
use flightdeck::testing::{self, Recording, assert_counted, assert_recorded};
use flightdeck::{Clock, Concern, Diagnostic, Flightdeck};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Worked("work.done") { unit: u64 }
}

struct Limits {
    rate: u32,
}

impl Validate for Limits {
    fn validate(&self, report: &mut Violations) {
        report.require(self.rate <= 1_000, "rate", &self.rate, "must be at most 1000");
    }
}

#[test]
fn a_config_change_is_an_event_and_a_count() {
    let deck = testing::builder().config(Limits { rate: 10 }).start().unwrap();
    let before = testing::counts(&deck);
    let seen = Arc::new(AtomicU64::new(0));
    let told = seen.clone();
    let _subscription =
        deck.config().subscribe(move |change| told.store(change.new.rate.into(), Ordering::Relaxed));
    let mut reader = deck.config().reader();
    for rate in [20, 30, 40] {
        deck.config().update(|_| Limits { rate }).unwrap();
        assert_eq!(reader.get().rate, rate);
    }
    assert_eq!(seen.load(Ordering::Relaxed), 40);
    let refused = deck.config().replace(Limits { rate: 5_000 }).unwrap_err();
    assert_eq!(refused.code(), "config.value.rejected");
    assert_eq!(reader.get().rate, 40, "a rejected update changes nothing");
    assert_recorded!(deck, "flightdeck.config.published", revision >= 2, revision <= 4, times 3);
    let why = "rate = 5000: must be at most 1000";
    assert_recorded!(deck, "flightdeck.config.rejected", current == 4, violations == 1, first == why, times 1);
    assert_counted!(before, "flightdeck_config_published_total", 3);
    assert_counted!(before, "flightdeck_config_rejected_total", 1);
    assert!(deck.health().is_healthy(), "{}", deck.health());
    assert_eq!(deck.health().revision.get(), 4);

    deck.config().subscribe(|_| panic!("a subscriber")).forever();
    deck.config().update(|_| Limits { rate: 1 }).unwrap();
    assert_recorded!(deck, "flightdeck.config.subscriber_detached", revision == 5, message == "a subscriber", times 1);
    let detached = Concern::SubscribersDetached { config: deck.config().name().into(), subscribers: 1 };
    assert!(deck.health().concerns.contains(&detached));
}

#[test]
fn a_workers_restart_is_an_event_and_a_count_and_loses_nothing() {
    let slot: Arc<OnceLock<Flightdeck>> = Arc::new(OnceLock::new());
    let in_worker = slot.clone();
    let body = move |context: &WorkerContext| {
        until("the deck", || in_worker.get().is_some());
        let deck = in_worker.get().unwrap();
        deck.record(Worked { unit: context.generation() });
        deck.telemetry().counter("units_total").increment(1);
        assert!(context.generation() > 2, "not yet");
        until_stopped(context);
    };
    let quick = Backoff::between(Duration::ZERO, Duration::ZERO);
    let deck = testing::builder()
        .supervisor(|supervisor| {
            supervisor.worker(ChildSpec::new("book", Restart::Permanent, body).backoff(quick))
        })
        .start()
        .unwrap();
    let before = testing::counts(&deck);
    slot.set(deck.clone()).unwrap();
    let status = || deck.health().workers.remove(0);
    until("the third run", || status().generation == 3 && status().state == WorkerState::Running);
    let is_recorded = |kind| Recording::of_kind(kind).times(3).check(&deck).is_ok();
    until("its event", || is_recorded("work.done"));
    until("the event of its start", || is_recorded("flightdeck.worker.started"));
    assert_recorded!(deck, "flightdeck.worker.failed", worker == "book", panicked == true, why == "not yet", times 2);
    assert_counted!(before, "flightdeck_worker_restarts_total", 2);
    assert_counted!(before, "flightdeck_worker_failures_total", 2);
    until("its count", || before.since("units_total") == Some(3));
    assert_eq!(status().last_failure.as_deref(), Some("not yet"));
    assert!(deck.shutdown(PATIENCE).is_clean());
}

#[test]
fn a_queued_handler_is_served_until_it_is_detached_and_its_panic_is_an_event_and_a_count() {
    let deck = testing::builder().start().unwrap();
    let (before, telemetry) = (testing::counts(&deck), deck.telemetry());
    let attach = || {
        let handler = telemetry.attach_queued("log", &["a"], 8, |execution| assert_eq!(execution.name, "a"));
        let handler = handler.unwrap();
        deck.serve_handler(&handler).unwrap();
        handler
    };
    // The worker of the one before may not have returned yet.
    for _ in 0..20 {
        let handler = attach();
        telemetry.execute("a", &[], &[]);
        until("the call", || handler.status().calls == 1);
        assert!(handler.detach());
    }
    until("no worker to be left", || deck.health().workers.is_empty());
    assert!(deck.health().is_healthy(), "{}", deck.health());
    attach();
    telemetry.execute("a.b", &[], &[]);
    until("the panic", || telemetry.handler_stats().panics == 1);
    until("its event", || {
        Recording::of_kind("flightdeck.telemetry.handler_detached").times(1).check(&deck).is_ok()
    });
    assert_recorded!(deck, "flightdeck.telemetry.handler_detached", handler == "log", times 1);
    assert_counted!(before, "flightdeck_telemetry_handlers_detached_total", 1);
    assert!(deck.health().concerns.contains(&Concern::HandlersDetached { panics: 1 }));
    let last = attach();
    (0..5).for_each(|_| telemetry.execute("a", &[], &[]));
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert_eq!(last.status().calls, 5, "what was there is delivered");
    assert_eq!(telemetry.handler_stats().dropped, 0);
}

#[test]
fn what_workers_execute_while_they_stop_reaches_queued_handlers() {
    let deck = testing::builder().start().unwrap();
    let telemetry = deck.telemetry().clone();
    let handler = telemetry.attach_queued("log", &["a"], 8, |_| {}).unwrap();
    let last_words = move |context: &WorkerContext| {
        until_stopped(context);
        std::thread::sleep(Duration::from_millis(100));
        telemetry.execute("a", &[], &[]);
    };
    let spec = ChildSpec::new("speaker", Restart::Permanent, last_words);
    deck.supervisor().add(spec).unwrap();
    // Started last, so it would be stopped first.
    deck.serve_handler(&handler).unwrap();
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert_eq!((handler.status().calls, handler.status().queue.unwrap().waiting), (1, 0));
}

#[test]
fn after_a_shutdown_writes_are_counted_losses_and_reads_work() {
    let deck = Flightdeck::builder().worker("idle", Restart::Permanent, until_stopped).start().unwrap();
    deck.record(Worked { unit: 1 });
    let counter = deck.telemetry().counter("units_total");
    assert!(deck.shutdown(PATIENCE).is_clean());
    assert!(deck.shutdown(PATIENCE).is_clean(), "twice");
    deck.record(Worked { unit: 2 });
    counter.increment(1);
    assert_recorded!(deck, "work.done", unit == 1);
    assert_eq!(deck.events().query().kind::<Worked>().count(), 1);
    let health = deck.health();
    assert!(
        matches!(&health.concerns[..], [Concern::EventsLost(loss), Concern::Stopping] if loss.count == 1),
        "{health}"
    );
    let events = deck.events().clone();
    drop(deck);
    assert_eq!(events.query().kind::<Worked>().run().unwrap().len(), 1, "a kept handle reads on");
    assert_eq!(counter.value(), 1);
}

#[test]
fn a_shutdown_by_a_worker_or_a_subscriber_does_not_deadlock() {
    let slot: Arc<OnceLock<Flightdeck>> = Arc::new(OnceLock::new());
    let in_worker = slot.clone();
    let (sender, report) = mpsc::channel();
    let deck = Flightdeck::builder()
        .worker("last", Restart::Temporary, move |_: &WorkerContext| {
            until("the deck", || in_worker.get().is_some());
            let deck = in_worker.get().unwrap();
            let nested = deck.clone();
            deck.config().subscribe(move |_| drop(nested.shutdown(PATIENCE))).forever();
            deck.config().update(|()| ()).unwrap();
            sender.send(deck.shutdown(PATIENCE)).unwrap();
        })
        .start()
        .unwrap();
    slot.set(deck.clone()).unwrap();
    assert!(report.recv_timeout(PATIENCE).unwrap().pending, "it cannot wait for itself");
    assert!(deck.shutdown(PATIENCE).is_clean());
}

#[test]
fn dropping_the_last_handle_ends_the_workers() {
    let ended = Arc::new(AtomicU64::new(0));
    let counted = ended.clone();
    let deck = Flightdeck::builder()
        .worker("idle", Restart::Permanent, move |context: &WorkerContext| {
            until_stopped(context);
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .start()
        .unwrap();
    until("the start", || deck.health().workers[0].state == WorkerState::Running);
    let began = Instant::now();
    drop(deck);
    assert_eq!(ended.load(Ordering::Relaxed), 1);
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// How many threads refresh a clock in this process.
#[cfg(target_os = "linux")]
fn clock_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "fd-clock").count()
}

#[test]
#[cfg(target_os = "linux")]
fn a_deck_refreshes_its_coarse_clock_until_it_is_shut_down() {
    let coarse = || Flightdeck::builder().events(|events| events.clock(Clock::coarse()));
    let plain = coarse().start().unwrap();
    assert_eq!(clock_threads(), 0, "nobody asked for one");
    drop(plain);
    let deck = coarse().coarse_ticks(Duration::from_millis(1)).start().unwrap();
    until("a thread", || clock_threads() == 1);
    let clock = deck.events().clock().clone();
    let before = clock.now();
    until("a tick", || clock.now() > before);
    assert!(deck.health().is_healthy(), "{}", deck.health());
    assert!(deck.shutdown(PATIENCE).is_clean());
    // The system may show a thread for a moment after it was joined.
    until("its end with the shutdown", || clock_threads() == 0);
    let dropped = coarse().coarse_ticks(Duration::from_millis(1)).start().unwrap();
    drop(dropped);
    until("its end with the last handle", || clock_threads() == 0);
    let refused = Flightdeck::builder().coarse_ticks(Duration::from_millis(1)).start().unwrap_err();
    assert_eq!(refused.code(), "clock.tick.not_coarse");
}

#[test]
fn a_deck_that_cannot_start_says_why_and_leaves_nothing() {
    let refused = Flightdeck::builder().config(Limits { rate: 2_000 }).start().unwrap_err();
    assert_eq!(refused.code(), "config.value.rejected");
    assert_eq!(refused.to_string(), "config rejected for 1 reason: rate = 2000: must be at most 1000");
    let small = Flightdeck::builder().events(|events| events.memory(0)).start().unwrap_err();
    assert_eq!(small.code(), "events.memory.too_small");
    let twice = Flightdeck::builder()
        .worker("one", Restart::Permanent, until_stopped)
        .worker("one", Restart::Permanent, until_stopped)
        .start();
    assert_eq!(twice.unwrap_err().code(), "supervisor.worker.duplicate_name");
}

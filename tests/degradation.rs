//! Each state of degradation, by name: reached, seen in health, in events and in counters, and left again.

mod support;

use flightdeck::events::{LossCause, SinkError};
use flightdeck::supervisor::{
    Backoff, BreakerSettings, BreakerState, ChildSpec, Restart, Rules, WorkerContext,
};
use flightdeck::{Builder, Concern, Flightdeck, Health, HealthLevel, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Came("degradation.came") { n: u64 }
    Dumped("degradation.dumped") { image: bytes }
}

const SETTLE: Duration = Duration::from_millis(100);

fn quick() -> Builder<()> {
    let mut settings = Settings::default();
    (settings.health, settings.settle) = (Duration::from_millis(5), SETTLE);
    (settings.flush, settings.clock_check) = (Duration::from_millis(5), Duration::from_millis(5));
    Flightdeck::builder().settings(settings)
}

fn has(deck: &Flightdeck, code: &str) -> bool {
    deck.health().concerns.iter().any(|concern| concern.code() == code)
}

/// Health as it is when a concern is there that goes by itself.
fn comes(deck: &Flightdeck, code: &str) -> Health {
    let mut health = deck.health();
    until(code, || {
        health = deck.health();
        health.concerns.iter().any(|concern| concern.code() == code)
    });
    health
}

fn concern(deck: &Flightdeck, code: &str) -> Concern {
    let found = deck.health().concerns.into_iter().find(|concern| concern.code() == code);
    found.unwrap_or_else(|| panic!("no {code}: {}", deck.health()))
}

/// What was written down of a concern: that it came, and that it went.
fn written(deck: &Flightdeck, field: &str, text: &str) -> bool {
    let answer = deck.events().query().kind_named("flightdeck.health.changed").run();
    answer.is_ok_and(|answer| {
        answer.iter().any(|event| event.field(field).is_some_and(|value| value.to_string().contains(text)))
    })
}

fn counted(deck: &Flightdeck, name: &str) -> u64 {
    deck.telemetry().counter(name).value()
}

/// Left by itself: health, the event of it and the history say so.
fn left(deck: &Flightdeck, code: &str, text: &str) {
    until(code, || !has(deck, code));
    until("the event of its end", || written(deck, "left", text));
    let past = deck.health_history().concerns;
    assert!(past.iter().any(|past| past.concern.code() == code), "{past:?}");
}

#[test]
fn threads_without_a_shard_share_then_take_the_emergency_shard_then_lose_and_are_counted_each_time() {
    let small = |shared| {
        move |events: flightdeck::events::Builder| {
            events.memory(4 << 20).shards(1).shared_shards(shared).longest_value(usize::MAX)
        }
    };
    let of_others = |deck: &Flightdeck, n: u64| {
        let deck = deck.clone();
        thread::spawn(move || (0..n).for_each(|n| deck.record(Came { n }))).join().unwrap();
    };
    // Shared.
    let deck = quick().events(small(2)).start().unwrap();
    let _only = deck.events().writer().unwrap();
    of_others(&deck, 100);
    let shared = |deck: &Flightdeck| match concern(deck, "shards_short") {
        // Whoever meets another in the emergency shard goes to the overflow.
        Concern::ShardsShort { shared, emergency, overflowed } => (shared, emergency + overflowed),
        other => panic!("{other}"),
    };
    assert!(shared(&deck).0 > 90);
    assert_eq!((deck.health().level(), deck.is_ready()), (HealthLevel::Degraded, true));
    assert_eq!(deck.events().losses(), []);
    // Its own events go the same way here, until it has said all it has to say.
    left(&deck, "shards_short", "too few shards");

    // Emergency: there are none to share.
    let deck = quick().events(small(0)).start().unwrap();
    let _only = deck.events().writer().unwrap();
    of_others(&deck, 100);
    assert!(matches!(shared(&deck), (0, elsewhere) if elsewhere > 90));
    // Lost: the emergency shard is busy, and the event too long for a slot of the overflow.
    let stop = AtomicBool::new(false);
    let image = vec![7; 16 << 10];
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    deck.record(Dumped { image: &image });
                }
            });
        }
        until("a loss", || {
            deck.events().losses().iter().any(|loss| loss.cause == LossCause::NoShard)
                && has(&deck, "events_lost")
        });
        stop.store(true, Ordering::Relaxed);
    });
    let lost: u64 = deck.events().losses().iter().map(|loss| loss.count).sum();
    left(&deck, "events_lost", "events lost (no_shard)");
    left(&deck, "shards_short", "too few shards");
    assert!(deck.events().losses().iter().map(|loss| loss.count).sum::<u64>() >= lost, "counted for ever");
}

#[test]
fn an_export_that_is_down_fails_and_misses_what_is_overwritten_until_it_delivers_again() {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = down.clone();
    let deck = quick()
        .events(|events| events.memory(1 << 20).shards(1))
        .pipeline(move |events| {
            events.cursor().pipeline("export").batch(10, Duration::from_millis(1)).sink(move |_| {
                if is_down.load(Ordering::Relaxed) {
                    Err(SinkError::later("connection refused"))
                } else {
                    Ok(())
                }
            })
        })
        .start()
        .unwrap();
    deck.record(Came { n: 0 });
    until("the failure", || has(&deck, "pipeline_failing"));
    assert!(concern(&deck, "pipeline_failing").to_string().ends_with("times: connection refused"));
    let behind = deck.telemetry().gauge("pipeline.export.cursor.behind");
    // More than the store holds: the ring is the buffer.
    (0..100_000).for_each(|n| deck.record(Came { n }));
    until("the gauge of what waits", || behind.value() > 0);
    down.store(false, Ordering::Relaxed);
    until("it to find what is missing", || has(&deck, "pipeline_missed"));
    assert!(deck.is_ready() && deck.is_live(), "the host can do without it");
    until("its counter", || counted(&deck, "pipeline.export.cursor.overwritten") > 0);
    until("all to be delivered", || behind.value() == 0);
    left(&deck, "pipeline_failing", "pipeline `export` failed");
    left(&deck, "pipeline_missed", "pipeline `export` missed");
    let retries = counted(&deck, "pipeline.export.sink.retries");
    assert!(retries > 0, "counted for ever");
}

#[cfg(feature = "sources")]
#[test]
fn a_bad_config_leaves_the_last_good_one_and_all_violations_are_told() {
    use flightdeck::config::{Sources, Validate, Violations};
    use serde::{Deserialize, Serialize};

    #[derive(Default, Serialize, Deserialize)]
    struct Limits {
        orders: u32,
        sessions: u32,
    }
    impl Validate for Limits {
        fn validate(&self, report: &mut Violations) {
            report.require(self.orders <= 100, "orders", &self.orders, "must be at most 100");
            report.require(self.sessions <= 10, "sessions", &self.sessions, "must be at most 10");
        }
    }
    let folder = std::env::temp_dir().join(format!("fd-degradation-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("limits.toml");
    let says = |text: &str| {
        let next = folder.join("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &file).unwrap();
    };
    says("orders = 7\nsessions = 3\n");
    let limits = Sources::new("FD_DEGRADATION").file(&file).build::<Limits>().unwrap();
    let deck = quick().start().unwrap();
    deck.watch_sources(limits.watcher().unwrap()).unwrap();
    says("orders = 700\nsessions = 30\n");
    until("the refusal", || has(&deck, "sources_refused"));
    let text = concern(&deck, "sources_refused").to_string();
    assert!(text.contains("2 reasons") && text.contains("orders") && text.contains("sessions"), "{text}");
    assert_eq!((limits.config().load().orders, deck.is_ready()), (7, true), "the last good one stays");
    until("its counter", || counted(&deck, "flightdeck_config_refusals_total") > 0);
    // Counted first, and then written down, by another thread.
    let told = || deck.events().query().kind_named("flightdeck.config.sources_refused").count();
    until("its event", || told() > 0);
    says("orders = 8\nsessions = 4\n");
    until("the new one", || limits.config().load().orders == 8);
    left(&deck, "sources_refused", "sources of config");
    assert!(deck.shutdown(PATIENCE).is_clean());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_worker_that_panics_is_not_there_until_it_runs_again() {
    let body = |context: &WorkerContext| {
        assert!(context.generation() > 1, "no connection");
        until_stopped(context);
    };
    let pause = Duration::from_millis(300);
    let worker = ChildSpec::new("feed", Restart::Permanent, body).backoff(Backoff::between(pause, pause));
    let deck = quick().supervisor(|supervisor| supervisor.worker(worker)).start().unwrap();
    let health = comes(&deck, "worker_backing_off");
    assert_eq!((health.level(), health.is_live()), (HealthLevel::NotReady, true));
    deck.wait_until_ready(PATIENCE).unwrap();
    left(&deck, "worker_backing_off", "worker `feed` backing off");
    assert!(deck.health().is_healthy(), "{}", deck.health());
    assert_eq!(counted(&deck, "flightdeck_worker_failures_total"), 1);
    assert_eq!(deck.events().query().kind_named("flightdeck.worker.failed").count(), 1);
}

#[test]
fn a_worker_that_is_hung_takes_no_work_until_it_beats_again() {
    let is_to_beat = Arc::new(AtomicBool::new(false));
    let beats = is_to_beat.clone();
    let body = move |context: &WorkerContext| {
        while !context.should_stop() {
            if beats.load(Ordering::Relaxed) {
                context.beat();
            }
            let _ = context.wait(Duration::from_millis(1));
        }
    };
    let worker = ChildSpec::new("feed", Restart::Permanent, body).heartbeat(Duration::from_millis(60));
    let deck = quick().supervisor(|supervisor| supervisor.worker(worker)).start().unwrap();
    let health = comes(&deck, "worker_hung");
    // Nobody inside does anything about it: that is for whoever asks whether the host is live.
    assert_eq!((health.level(), health.is_live()), (HealthLevel::NotLive, false));
    let told = |kind: &str| deck.events().query().kind_named(kind).count();
    until("the event", || told("flightdeck.worker.hung") == 1 && deck.status().supervisor.hung == 1);
    is_to_beat.store(true, Ordering::Relaxed);
    left(&deck, "worker_hung", "worker `feed` hung");
    until("the event of its beats", || told("flightdeck.worker.recovered") >= 1);
    assert!(deck.is_live() && deck.is_ready(), "{}", deck.health());
    assert!(counted(&deck, "flightdeck_worker_hangs_total") >= 1);
    assert_eq!(counted(&deck, "flightdeck_worker_failures_total"), 0, "it was left alone");
}

#[test]
fn a_supervisor_below_that_gave_up_is_not_there_until_its_children_run_again() {
    let fails = |context: &WorkerContext| {
        if context.generation() == 1 {
            return Err("no connection");
        }
        until_stopped(context);
        Ok(())
    };
    let rules = Rules::new().max_restarts(0).child(ChildSpec::new("feed", Restart::Permanent, fails));
    let pause = Duration::from_millis(300);
    let net = ChildSpec::supervisor("net", Restart::Permanent, rules).backoff(Backoff::between(pause, pause));
    let deck = quick().supervisor(|supervisor| supervisor.worker(net)).start().unwrap();
    let health = comes(&deck, "worker_backing_off");
    assert_eq!((health.level(), health.is_live()), (HealthLevel::NotReady, true));
    assert_eq!(deck.events().query().kind_named("flightdeck.supervisor.escalated").count(), 1);
    deck.wait_until_ready(PATIENCE).unwrap();
    left(&deck, "worker_backing_off", "worker `net` backing off");
    until("its child to run", || deck.health().is_healthy());
    assert!(!has(&deck, "melted_down") && deck.status().supervisor.escalations == 1);
    assert_eq!(counted(&deck, "flightdeck_supervisor_meltdowns_total"), 1);
}

#[test]
fn an_export_behind_a_breaker_is_left_alone_until_it_answers() {
    let mut settings = BreakerSettings::new();
    settings.consecutive_failures = Some(3);
    settings.wait_duration_in_open = Duration::from_millis(50);
    settings.permitted_calls_in_half_open = 1;
    let deck = quick().start().unwrap();
    let breaker = deck.breaker("export", settings).unwrap();
    let export = |works: bool| breaker.call(|| if works { Ok(()) } else { Err("connection refused") });
    (0..3).for_each(|_| assert!(export(false).is_err()));
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(has(&deck, "breaker_open") && deck.is_ready(), "{}", deck.health());
    assert!(export(true).is_err(), "not asked");
    until("it to be asked again", || export(true).is_ok());
    assert_eq!(breaker.state(), BreakerState::Closed);
    left(&deck, "breaker_open", "breaker `export`");
    assert!(breaker.stats().rejected >= 1);
    let changes = deck.events().query().kind_named("flightdeck.breaker.changed").count();
    assert!(changes >= 3, "open, half-open, closed: {changes}");
}

#[test]
fn a_melt_down_is_escalated_and_no_worker_comes_back() {
    let fails = |_: &WorkerContext| Err::<(), _>("no connection");
    let deck = quick()
        .supervisor(|supervisor| supervisor.max_restarts(1))
        .worker("feed", Restart::Permanent, fails)
        .worker("book", Restart::Permanent, until_stopped)
        .start()
        .unwrap();
    until("the meltdown", || has(&deck, "melted_down"));
    assert_eq!(deck.health().level(), HealthLevel::NotLive);
    until("the event of the concern", || written(&deck, "entered", "too many restarts"));
    // Whoever asks how the deck is may write that one, before the supervisor's thread comes to this one.
    let told = || deck.events().query().kind_named("flightdeck.worker.melted_down").count();
    until("the event of the meltdown", || told() == 1);
    assert_eq!(counted(&deck, "flightdeck_worker_failures_total"), 2);
    assert_eq!(counted(&deck, "flightdeck_supervisor_meltdowns_total"), 1);
    thread::sleep(SETTLE * 2);
    assert!(has(&deck, "melted_down"), "only a restart of the program helps");
}

/// Huge pages, until there is a mapped store.
#[cfg(all(feature = "os", target_os = "linux"))]
#[test]
fn memory_that_cannot_be_had_as_asked_is_had_otherwise_and_marked_until_somebody_knows() {
    let deck = quick().events(|events| events.memory(512 << 10).shards(1).huge_pages(true)).start().unwrap();
    let refused = concern(&deck, "no_huge_pages");
    assert_eq!((deck.health().level(), deck.is_ready()), (HealthLevel::Degraded, true));
    assert!(written(&deck, "entered", "no huge pages"), "at the start");
    assert_eq!(counted(&deck, "flightdeck_health_changes_total"), 1);
    thread::sleep(SETTLE * 2);
    assert!(has(&deck, "no_huge_pages"), "time does not mend it");
    assert!(deck.acknowledge(&refused));
    left(&deck, "no_huge_pages", "no huge pages");
    assert!(deck.health().is_healthy());
}

#[cfg(all(feature = "mapped", target_os = "linux"))]
#[test]
fn a_deck_that_has_no_file_goes_on_in_memory_and_says_so_until_somebody_knows() {
    use flightdeck::mapped::Options;
    let options = || Options::at("/nowhere/deck");
    let mapped =
        |options: Options| quick().events(|events| events.memory(512 << 10).shards(1).mapped(options));
    assert!(mapped(options()).start().is_err(), "an error, unless memory will do");
    let deck = mapped(options().or_memory(true)).start().unwrap();
    let refused = concern(&deck, "not_in_file");
    assert!(refused.to_string().contains("/nowhere"), "{refused}");
    assert_eq!((deck.health().level(), deck.is_ready()), (HealthLevel::Degraded, true));
    assert!(written(&deck, "entered", "events in no file"));
    deck.record(Came { n: 1 });
    assert_eq!(deck.events().query().kind::<Came>().count(), 1);
    assert!(deck.acknowledge(&refused));
    left(&deck, "not_in_file", "events in no file");
}

#[test]
fn a_deck_that_is_switched_off_says_so() {
    // By directives that leave it its own events.
    let deck = quick().start().unwrap();
    deck.events().set_directives("off,flightdeck=info".parse().unwrap());
    deck.record(Came { n: 1 });
    assert_eq!(concern(&deck, "recording_off").to_string(), "recording switched off");
    assert_eq!((deck.health().level(), deck.is_ready()), (HealthLevel::Degraded, true));
    assert!(written(&deck, "entered", "recording switched off"));
    assert_eq!(deck.telemetry().gauge("flightdeck_health_level").value(), 1);
    deck.events().set_directives("".parse().unwrap());
    deck.record(Came { n: 2 });
    left(&deck, "recording_off", "recording switched off");
    assert_eq!(deck.events().query().kind::<Came>().count(), 1);

    // Altogether: then its own events are off as well, and its counter is not.
    let changes = counted(&deck, "flightdeck_health_changes_total");
    deck.events().switch(false);
    assert!(has(&deck, "recording_off"));
    assert_eq!(counted(&deck, "flightdeck_health_changes_total"), changes + 1);
    deck.events().switch(true);
    left(&deck, "recording_off", "recording switched off");
}

//! What each part says of itself, and what the deck makes of it: states, bytes, queues and last errors, each from a cause of its
//! own.

mod support;

use flightdeck::config::{Config, Snapshot, Validate, Violations};
use flightdeck::events::{Class, Events};
use flightdeck::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext};
use flightdeck::telemetry::{Description, Telemetry};
use flightdeck::{Clock, Flightdeck, LastError, PartState, Revision};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Filled("status.filled") { n: u64 }
    Dumped("status.dumped") { image: bytes }
}

/// A value of 512 bytes that may not be zero.
struct Limit(u64, #[allow(dead_code)] [u64; 63]);

impl Validate for Limit {
    fn validate(&self, report: &mut Violations) {
        report.require(self.0 > 0, "limit", &self.0, "must be positive");
    }
}

fn limit(n: u64) -> Limit {
    Limit(n, [n; 63])
}

fn said(last: &Option<LastError>) -> (&str, Option<&'static str>, u64) {
    let last = last.as_ref().expect("an error");
    assert!(last.ago < PATIENCE && last.at <= SystemTime::now(), "{last}");
    (&last.text, last.code, last.count)
}

#[test]
fn a_config_says_what_waits_for_slow_subscribers_and_what_is_yet_to_be_freed() {
    let config = Config::builder(limit(1)).history(0).build().unwrap();
    let new = config.status();
    assert_eq!((new.state, &new.last_error), (PartState::Running, &None));
    let (entered, hears) = mpsc::channel();
    let (lets_go, go_on) = mpsc::channel::<()>();
    let go_on = Mutex::new(go_on);
    let _slow = config.subscribe(move |_| {
        entered.send(()).unwrap();
        go_on.lock().unwrap().recv().unwrap();
    });
    let _queued = config.subscribe_queued(|_| ());
    thread::scope(|threads| {
        threads.spawn(|| config.replace(limit(2)).unwrap());
        hears.recv().unwrap();
        for n in 3..6 {
            config.replace(limit(n)).unwrap();
        }
        let status = config.status();
        assert_eq!((status.stats.waiting, status.inboxes), (3, 0), "held up by the slow one");
        (0..4).for_each(|_| lets_go.send(()).unwrap());
    });
    let status = config.status();
    assert_eq!((status.stats.waiting, status.inboxes), (0, 1), "until the next tick");
    config.tick();
    assert_eq!(config.status().inboxes, 0);

    let held: Vec<_> = (10..14)
        .map(|n| {
            let held = config.snapshot();
            lets_go.send(()).unwrap();
            config.replace(limit(n)).unwrap();
            held
        })
        .collect();
    config.tick();
    let status = config.status();
    assert_eq!(status.stats.retained, held.len());
    assert_eq!(status.bytes.used, new.bytes.used * 5, "four more than the current one");
    assert!(new.bytes.used >= size_of::<Snapshot<Limit>>() as u64);
    drop(held);
    config.tick();
    assert_eq!(config.status().bytes, new.bytes);

    let config = Config::builder(limit(1)).history(2).build().unwrap();
    (2..9).for_each(|n| drop(config.replace(limit(n)).unwrap()));
    config.tick();
    assert_eq!((config.status().stats.history, config.status().bytes.used), (2, new.bytes.used * 3));
}

#[test]
fn a_config_keeps_its_last_error_and_counts_them_all() {
    let config = Config::new(limit(1)).unwrap();
    assert!(config.replace(limit(0)).is_err());
    let status = config.status();
    let text = "config rejected for 1 reason: limit = 0: must be positive";
    assert_eq!(said(&status.last_error), (text, Some("config.value.rejected"), 1));
    assert_eq!(status.state, PartState::Running, "a refused update leaves all as it is");

    let nested = config.clone();
    config
        .update(|_| {
            assert!(nested.replace(limit(3)).is_err());
            limit(4)
        })
        .unwrap();
    let (_, code, count) = said(&config.status().last_error);
    assert_eq!((code, count), (Some("config.update.nested"), 2));

    // Two that saw the same revision: an answer, and no error.
    assert!(config.compare_and_update(Revision::FIRST, |_| limit(5)).is_err());
    assert_eq!((config.status().stats.conflicts, said(&config.status().last_error).2), (1, 2));

    config.subscribe(|_| panic!("no more")).forever();
    config.replace(limit(6)).unwrap();
    let status = config.status();
    let (text, code, count) = said(&status.last_error);
    assert!(text.contains("panicked") && text.ends_with(": no more"), "{text}");
    assert_eq!((code, count, status.state), (None, 3, PartState::Degraded));
}

#[test]
fn events_say_what_of_their_memory_holds_something() {
    let events = Events::builder().memory(4 << 20).shards(2).incidents(64 << 10, 4).build().unwrap();
    let reserved = (events.plan().total + (64 << 10)) as u64;
    assert_eq!((events.status().bytes.reserved, events.status().bytes.used), (reserved, 0));
    // Six words of a header, and one of a number.
    (0..100).for_each(|n| events.record(Filled { n }));
    let status = events.status();
    assert_eq!((status.bytes.used, status.stats.written), (100 * 7 * 8, 100));
    events.pin("all of it", &events.query().run().unwrap()).unwrap();
    let pinned = events.status();
    assert_eq!(pinned.incidents.held, 1);
    assert_eq!(pinned.bytes.used, status.bytes.used + pinned.incidents.bytes as u64);
    events.clear();
    assert_eq!(events.status().bytes.used, pinned.incidents.bytes as u64, "only what was pinned");
}

#[test]
fn events_keep_their_last_error_whether_something_was_lost_or_refused() {
    let builder = Events::builder().memory(4 << 20).shards(1).longest_value(usize::MAX);
    let events = builder.clock(Clock::precise()).build().unwrap();
    events.record(Filled { n: 1 });
    assert_eq!((events.status().state, events.status().last_error), (PartState::Running, None));
    assert!(events.writer().is_err(), "this thread has the only shard");
    let status = events.status();
    let (text, code, count) = said(&status.last_error);
    assert!(text.contains("shard"), "{text}");
    assert_eq!((code, count, status.state), (Some("events.writer.no_shard"), 1, PartState::Running));

    let image = vec![0; 2 << 20];
    (0..3).for_each(|_| events.record(Dumped { image: &image }));
    let status = events.status();
    let (text, code, count) = said(&status.last_error);
    assert_eq!(text, "event of class normal lost, meant for shard 0: too_large");
    assert_eq!((code, count, status.state), (None, 4, PartState::Degraded));
    assert!(events.writer().is_err());
    assert_eq!(said(&events.status().last_error).1, Some("events.writer.no_shard"), "that was later");

    events.stop();
    events.record(Filled { n: 2 });
    let status = events.status();
    assert!(said(&status.last_error).0.ends_with("stopped"), "{status}");
    assert_eq!((said(&status.last_error).2, status.state), (6, PartState::Stopped));
}

#[test]
fn what_a_sample_left_out_is_no_error() {
    let events = Events::builder().memory(4 << 20).directives("status=1/4").build().unwrap();
    (0..400).for_each(|n| events.record(Filled { n }));
    let status = events.status();
    assert_eq!((status.stats.written, status.suppressed, status.last_error), (100, 300, None));
    assert_eq!(status.state, PartState::Running);
}

#[test]
fn telemetry_says_what_of_its_memory_is_used_and_by_what() {
    let telemetry = Telemetry::builder().cells(4_096).threads(4).memory(1 << 20).build().unwrap();
    let empty = telemetry.status();
    // Shared cells, a table of a word for each chunk of 64 cells for each thread, and the pool; four words of names for each
    // cell, twice, and seven lines that say where all that lies.
    assert_eq!(
        empty.bytes.reserved,
        4_096 * 8 + 4 * (4_096 / 64) * 8 + (1 << 20) + 2 * 4 * 4_096 * 8 + 7 * 128
    );
    assert_eq!((empty.bytes.used, empty.cells_used), (0, 0));

    let counter = telemetry.counter("orders");
    let one = telemetry.status();
    assert_eq!((one.bytes.used, one.cells_used, one.stats.metrics), (8, 1, 1));
    thread::spawn(move || counter.increment(1)).join().unwrap();
    assert_eq!(telemetry.status().bytes.used, 8 + 64 * 8, "a chunk of the thread's own");

    // A cell for each number as a counter, one as a number of the group, and one for what keeps those together.
    let before = telemetry.status();
    let _group = telemetry.group("requests", ["ok", "err"]).unwrap();
    let after = telemetry.status();
    assert_eq!((after.groups, after.bytes.reserved - before.bytes.reserved), (1, 0));
    assert_eq!((after.cells_used - before.cells_used, after.bytes.used - before.bytes.used), (5, 5 * 8));

    let window = telemetry.window(&telemetry.counter("orders"), 60, Duration::from_secs(1)).unwrap();
    let status = telemetry.status();
    assert_eq!((status.windows, status.window_bytes), (1, window.bytes() as u64));
    assert_eq!(status.bytes.reserved, after.bytes.reserved + window.bytes() as u64);
    drop(window);
    assert_eq!((telemetry.status().windows, telemetry.status().window_bytes), (0, 0));
}

#[test]
fn telemetry_says_what_waits_in_queues_of_handlers_and_who_is_in_one() {
    let telemetry = Telemetry::new();
    let log = telemetry.attach_queued("log", &["http"], 3, |_| ()).unwrap();
    let (entered, hears) = mpsc::channel();
    let (lets_go, go_on) = mpsc::channel::<()>();
    let (entered, go_on) = (Mutex::new(entered), Mutex::new(go_on));
    let stays = move |_: &flightdeck::telemetry::Execution<'_>| {
        entered.lock().unwrap().send(()).unwrap();
        go_on.lock().unwrap().recv().unwrap();
    };
    telemetry.attach("stays", "db", stays).unwrap();
    (0..5).for_each(|_| telemetry.execute("http.stop", &[], &[]));
    let status = telemetry.status();
    assert_eq!((status.queued, status.queue_capacity, status.handlers.dropped), (3, 3, 2));
    assert_eq!((status.handlers.attached, status.handler_calls_running), (2, 0));
    thread::scope(|threads| {
        threads.spawn(|| telemetry.execute("db.stop", &[], &[]));
        hears.recv().unwrap();
        assert_eq!(telemetry.status().handler_calls_running, 1);
        lets_go.send(()).unwrap();
    });
    log.deliver();
    assert_eq!((telemetry.status().queued, telemetry.status().handler_calls_running), (0, 0));
    assert_eq!(
        telemetry.status().state,
        PartState::Running,
        "a full queue is the host's affair, and counted"
    );
}

#[test]
fn whatever_telemetry_refuses_is_its_last_error() {
    let telemetry = Telemetry::builder().cells(1_024).build().unwrap();
    let orders = telemetry.counter("orders");
    telemetry.attach("log", "", |_| ()).unwrap();
    telemetry.describe("orders", Description::new("filled")).unwrap();
    let described = || telemetry.describe("orders", Description::new("sent")).is_err();
    let refused: [(&str, &dyn Fn() -> bool); 8] = [
        ("telemetry.metric.no_room", &|| telemetry.try_histogram("latency").is_err()),
        ("telemetry.metric.other_type", &|| telemetry.try_gauge("orders").is_err()),
        ("telemetry.description.otherwise", &described),
        ("telemetry.group.size", &|| telemetry.group("none", []).is_err()),
        ("telemetry.metric.other_type", &|| {
            let _ = telemetry.gauge("a.b");
            telemetry.group("a", ["b"]).is_err()
        }),
        ("telemetry.window.slots", &|| telemetry.window(&orders, 0, Duration::from_secs(1)).is_err()),
        ("telemetry.handler.duplicate", &|| telemetry.attach("log", "", |_| ()).is_err()),
        ("telemetry.metric.other_type", &|| telemetry.gauge("orders").value() == 0),
    ];
    for (number, (expected, refuse)) in (1..).zip(refused) {
        assert!(refuse(), "{expected}");
        let status = telemetry.status();
        let (text, code, count) = said(&status.last_error);
        assert_eq!((code, count), (Some(expected), number), "{text}");
    }
    assert_eq!(telemetry.status().state, PartState::Degraded, "somebody uses a gauge that counts nothing");
    telemetry.attach("fails", "http", |_| panic!("no disk")).unwrap();
    telemetry.execute("http.stop", &[], &[]);
    let status = telemetry.status();
    let (text, code, count) = said(&status.last_error);
    assert_eq!((text, code, count), ("handler `fails` panicked and was detached: no disk", None, 9));
}

#[test]
fn a_supervisor_says_what_it_started_and_what_waits_for_it() {
    let (lets_go, go_on) = mpsc::channel::<()>();
    let (entered, hears) = mpsc::channel();
    let held_up = move || {
        entered.send(()).unwrap();
        let _ = go_on.recv();
    };
    let supervisor = Supervisor::builder().every(Duration::from_millis(1), "slow", held_up).start().unwrap();
    hears.recv().unwrap();
    assert_eq!(supervisor.status().inbox, 0);
    for name in ["one", "two"] {
        supervisor.add(ChildSpec::new(name, Restart::Permanent, until_stopped)).unwrap();
    }
    let status = supervisor.status();
    assert_eq!((status.inbox, status.starts, status.workers.len()), (2, 0, 2), "its thread is held up");
    drop(lets_go);
    until("both starts", || supervisor.status().starts == 2);
    assert_eq!(supervisor.status().inbox, 0);
    until("chores", || supervisor.status().chores > 0);
    assert_eq!(supervisor.status().state, PartState::Running);
}

#[test]
fn a_supervisor_keeps_its_last_error_and_shows_where_it_is_in_its_life() {
    let panics = AtomicBool::new(true);
    let chore = move || assert!(!panics.swap(false, Ordering::Relaxed), "no time");
    let supervisor = Supervisor::builder().every(Duration::from_millis(1), "look", chore).start().unwrap();
    until("the panic", || supervisor.status().chore_panics == 1);
    let status = supervisor.status();
    let (text, code, count) = said(&status.last_error);
    assert_eq!((text, code, count), ("chore `look` panicked: no time", None, 1));

    let first_fails = |context: &WorkerContext| {
        if context.generation() == 1 {
            return Err("no connection");
        }
        until_stopped(context);
        Ok(())
    };
    supervisor.add(ChildSpec::new("feed", Restart::Permanent, first_fails)).unwrap();
    until("the failure", || supervisor.status().failures == 1);
    assert!(said(&supervisor.status().last_error).0.starts_with("worker `feed` failed after"));
    assert!(said(&supervisor.status().last_error).0.ends_with("run 1: no connection"));
    until("the second run", || supervisor.status().restarts == 1);
    assert_eq!((supervisor.status().state, supervisor.status().starts), (PartState::Running, 2));

    let leave = Arc::new(AtomicBool::new(false));
    let left = leave.clone();
    let stays = move |_: &WorkerContext| {
        while !left.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
    };
    supervisor.add(ChildSpec::new("stays", Restart::Temporary, stays).shutdown(PATIENCE)).unwrap();
    until("the third start", || supervisor.status().starts == 3);
    thread::scope(|threads| {
        threads.spawn(|| supervisor.shutdown(PATIENCE));
        until("the order to stop", || supervisor.status().state == PartState::Stopping);
        leave.store(true, Ordering::Relaxed);
    });
    assert_eq!(supervisor.status().state, PartState::Stopped);

    let supervisor = Supervisor::builder().max_restarts(0).start().unwrap();
    let fails = |_: &WorkerContext| Err::<(), _>("never works");
    supervisor.add(ChildSpec::new("feed", Restart::Permanent, fails)).unwrap();
    until("the meltdown", || supervisor.status().melted_down);
    until("its note", || said(&supervisor.status().last_error).2 == 2);
    assert!(said(&supervisor.status().last_error).0.contains("once too often"));
    assert_eq!(supervisor.status().state, PartState::Degraded);
}

#[test]
fn a_deck_joins_its_parts_and_shows_what_its_pipelines_hold() {
    let (lets_go, go_on) = mpsc::channel::<()>();
    let (entered, hears) = mpsc::channel();
    let held_up = move |_: &[_]| {
        entered.send(()).unwrap();
        let _ = go_on.recv();
        Ok(())
    };
    let builder = Flightdeck::builder().config(limit(1)).events(|events| events.memory(4 << 20));
    let deck = builder
        .pipeline(|events| events.cursor().pipeline("export").batch(2, Duration::ZERO).sink(held_up))
        .start()
        .unwrap();
    hears.recv().unwrap();
    (0..20).for_each(|n| deck.record(Filled { n }));
    until("what is yet to be delivered", || deck.status().pipelines[0].left() >= 20);
    let status = deck.status();
    assert_eq!(status.pipelines[0].delivered(), 0);
    assert_eq!(status.state, PartState::Running, "{status}");
    assert_eq!(status.bytes().reserved, {
        let parts = [status.config.bytes, status.events.bytes, status.telemetry.bytes];
        parts.iter().map(|bytes| bytes.reserved).sum::<u64>()
    });
    assert_eq!(status.last_error(), None);

    assert!(deck.config().replace(limit(0)).is_err());
    assert_eq!(deck.status().last_error().map(|(part, _)| part), Some("config"));
    assert!(deck.telemetry().try_gauge("flightdeck_worker_starts_total").is_err());
    let status = deck.status();
    assert_eq!(status.last_error().map(|(part, _)| part), Some("telemetry"), "the later one");
    assert_eq!(status.last_error().and_then(|(_, last)| last.code), Some("telemetry.metric.other_type"));

    let fails = |_: &WorkerContext| Err::<(), _>("no connection");
    deck.supervisor().add(ChildSpec::new("feed", Restart::Temporary, fails)).unwrap();
    until("the failure", || deck.status().last_error().unwrap().0 == "supervisor");
    until("degradation", || deck.status().state == PartState::Degraded);
    drop(lets_go);
    deck.shutdown(PATIENCE);
    let status = deck.status();
    assert_eq!((status.state, status.pipelines.len()), (PartState::Stopped, 0));
    assert_eq!(status.events.state, PartState::Stopped);
}

#[test]
fn what_a_person_reads_is_aligned_and_says_which_part_it_is_of() {
    let deck = Flightdeck::builder().config(limit(1)).start().unwrap();
    assert!(deck.config().replace(limit(0)).is_err());
    let text = deck.status().to_string();
    for part in ["deck", "config", "events", "telemetry", "supervisor"] {
        assert_eq!(text.lines().filter(|line| line.starts_with(&format!("{part} "))).count(), 1, "{text}");
    }
    for line in text.lines() {
        let (label, says) = line.split_at(14);
        assert!(label.ends_with(' ') && !says.starts_with(' '), "{line:?}");
    }
    let of_config: Vec<_> = text.lines().filter(|line| line.contains("config rejected for")).collect();
    assert_eq!(of_config.len(), 2, "of the deck and of its part: {text}");
}

#[test]
fn asking_while_others_work_loses_nothing_and_is_never_ahead_of_them() {
    let deck =
        Flightdeck::builder().config(limit(1)).events(|events| events.memory(16 << 20)).start().unwrap();
    let counter = deck.telemetry().counter("orders");
    let before = deck.status().events.stats.written;
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let asks = threads.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let status = deck.status();
                assert!(status.events.stats.written >= last, "{status}");
                last = status.events.stats.written;
            }
        });
        let writers = [0, 1].map(|_| {
            threads.spawn(|| {
                for n in 0..20_000 {
                    deck.record(Filled { n });
                    counter.increment(1);
                }
            })
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        asks.join().unwrap();
    });
    let status = deck.status();
    assert_eq!(counter.value(), 40_000);
    assert!(status.events.stats.written >= before + 40_000 && status.events.stats.lost() == 0);
    assert_eq!(status.events.stats.classes[Class::Normal].lost, 0);
}

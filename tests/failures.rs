//! Runs that failed, as a deck tells of them. In a binary of its own, in which a deck has the process's panic hook.

mod support;

use flightdeck::supervisor::{Backoff, ChildSpec, Exit, Restart, WorkerContext, WorkerResult};
use flightdeck::{CorrelationId, FailureReport, Flightdeck};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use support::{PATIENCE, until, until_stopped};

flightdeck::kind! {
    Read("failures.read") { n: u64 }
    LoggedIn("failures.logged_in") { user: personal str, token: secret str }
}

/// The deck that has the hook. Nothing is printed.
static HOOKED: LazyLock<Flightdeck> = LazyLock::new(|| {
    // Of workers; what a test asserts is printed.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !thread::current().name().is_some_and(|name| name.starts_with("fd-")) {
            before(info);
        }
    }));
    Flightdeck::builder().panic_hook(true).start().unwrap()
});

/// The report of this run, once its events are there.
fn report_of(deck: &Flightdeck, worker: &str, generation: u64) -> FailureReport {
    let mut found = None;
    until("the report", || {
        found = deck.failure(worker, generation).filter(|report| report.trail.is_some());
        found.is_some()
    });
    found.unwrap()
}

fn kinds(report: &FailureReport) -> Vec<String> {
    report.trail.as_ref().unwrap().iter().map(|event| event.kind().to_owned()).collect()
}

#[test]
fn a_panic_is_one_report_with_all_that_led_to_it() {
    let deck = HOOKED.clone();
    let (of_worker, noise) = (deck.clone(), deck.clone());
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        /// Also if an assertion fails.
        struct Done<'a>(&'a AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _done = Done(&done);
        // What another thread records is not the worker's.
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                noise.record(Read { n: 1_000 });
            }
        });
        let body = move |context: &WorkerContext| {
            if context.generation() == 2 {
                let _in = of_worker.scope(7_u64);
                (0..100).for_each(|n| of_worker.record(Read { n }));
                panic!("no such order: {}", 5);
            }
            assert!(context.generation() > 1, "the first run");
            until_stopped(context);
        };
        let none = Backoff::between(Duration::ZERO, Duration::ZERO);
        deck.supervisor().add(ChildSpec::new("book", Restart::Permanent, body).backoff(none)).unwrap();
        let report = report_of(&deck, "book", 2);
        assert_eq!((report.generation(), report.times(), report.restarts()), (2, 1, 1));
        assert_eq!(report.correlation, CorrelationId::from(7_u64));
        let panic = report.panic().unwrap();
        assert_eq!((panic.message(), panic.thread()), ("no such order: 5", "fd-book"));
        let location = panic.location().unwrap();
        assert!(location.file.ends_with("failures.rs"));
        let trail = report.trail.as_ref().unwrap();
        let mut expected = vec!["failures.read"; 15];
        expected.push("flightdeck.thread.panicked");
        assert_eq!(kinds(&report), expected);
        let read: Vec<_> = trail.iter().filter_map(|event| event.field("n")).map(|n| n.to_string()).collect();
        assert_eq!(read, (85..100).map(|n| n.to_string()).collect::<Vec<_>>(), "the last, in order");
        let text = report.to_string();
        let first = text.lines().next().unwrap();
        assert_eq!(first, "worker `book` panicked: no such order: 5");
        for part in [&*format!("where     {location}"), "run 2, after", "restarted once before", "16 events"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("all_that_led_to_it") && format!("{report:#}").contains("all_that_led_to_it"));
        println!("{text}");
    });
    let first = deck.failure("book", 1).unwrap();
    assert_eq!((first.generation(), first.exit.failure()), (1, Some("the first run")));
    assert!(deck.supervisor().remove("book", PATIENCE).unwrap().is_clean());
}

#[test]
fn what_a_report_holds_stays_whatever_is_recorded_later() {
    let deck = Flightdeck::builder().events(|events| events.memory(1 << 20)).start().unwrap();
    let of_worker = deck.clone();
    let body = move |_: &WorkerContext| -> WorkerResult {
        let _in = of_worker.scope(9_u64);
        of_worker.record(Read { n: 1 });
        Err("out of orders\nand of ideas".into())
    };
    deck.supervisor().add(ChildSpec::new("book", Restart::Temporary, body)).unwrap();
    let report = report_of(&deck, "book", 1);
    for n in 0..200_000 {
        deck.record(Read { n });
    }
    assert!(deck.events().query().kind::<Read>().correlation(9_u64).count() <= 1);
    let kept = deck.failure("book", 1).unwrap();
    assert_eq!((kinds(&kept), kept.to_string()), (vec!["failures.read".to_owned()], report.to_string()));
    assert!(matches!(&kept.exit, Exit::Failed(_)) && kept.panic().is_none());
    assert_eq!(kept.correlation, CorrelationId::from(9_u64), "nobody told, so that of its last event");
    assert!(kept.to_string().starts_with("worker `book` failed: out of orders\n            and of ideas\n"));
}

#[test]
fn a_storm_is_bounded_and_every_failure_counted() {
    const RUNS: u64 = 300;
    let deck = Flightdeck::builder().start().unwrap();
    let runs = |name: &'static str, text: fn(u64) -> String| {
        let of_worker = deck.clone();
        let body = move |context: &WorkerContext| -> WorkerResult {
            if context.generation() > RUNS {
                until_stopped(context);
                return Ok(());
            }
            of_worker.record(Read { n: context.generation() });
            Err(text(context.generation()).into())
        };
        let none = Backoff::between(Duration::ZERO, Duration::ZERO);
        let spec = ChildSpec::new(name, Restart::Permanent, body).backoff(none).unlimited_restarts();
        deck.supervisor().add(spec).unwrap();
    };
    runs("alike", |_| "no such order".to_owned());
    let all = || deck.failures();
    until("all failures", || all().runs == RUNS);
    let failures = all();
    let [report] = &failures.reports[..] else { panic!("{failures:?}") };
    assert_eq!((report.times(), report.generation(), failures.forgotten), (RUNS, RUNS, 0));
    assert!(report.to_string().contains("300 runs in a row, since run 1"), "{report}");
    assert_eq!(deck.failure("alike", 17).unwrap().generation(), RUNS, "told with the others");
    assert!(deck.failure("alike", RUNS + 1).is_none() && deck.failure("other", 1).is_none());

    runs("diverse", |run| format!("order {run}: {}", "x".repeat(1 << 20)));
    until("all of the other one", || all().runs == 2 * RUNS);
    let failures = all();
    assert_eq!(failures.reports.len(), 64);
    let told: u64 = failures.reports.iter().map(FailureReport::times).sum();
    assert_eq!((told + failures.forgotten, failures.forgotten), (2 * RUNS, 2 * RUNS - 64));
    assert!(failures.reports.iter().all(|report| report.exit.failure().unwrap().len() < 5_000), "cut");
    let newest = failures.reports.last().unwrap();
    assert_eq!((&*newest.worker, newest.generation()), ("diverse", RUNS));
    assert!(newest.exit.failure().unwrap().ends_with("x... (1048587 bytes)"));
    // Each run either asked for its events or is counted.
    let with_trail = failures.reports.iter().filter(|report| report.trail.is_some()).count() as u64;
    assert!(failures.without_trail >= 64 - with_trail && failures.without_trail <= 2 * RUNS, "{failures:?}");
    assert!(failures.without_trail > RUNS, "so many ask in a second: {}", failures.without_trail);
    // A failure is told before its worker's next run begins.
    until("the run after the last failure", || {
        deck.supervisor().workers().iter().all(|worker| worker.generation == RUNS + 1)
    });
}

#[test]
fn no_secret_is_told() {
    let deck = Flightdeck::builder().start().unwrap();
    let of_worker = deck.clone();
    let body = move |_: &WorkerContext| -> () {
        of_worker.record(LoggedIn { user: "ann of the pseudonyms", token: "t0p secret" });
        panic!("no such order");
    };
    deck.supervisor().add(ChildSpec::new("book", Restart::Temporary, body)).unwrap();
    let report = report_of(&deck, "book", 1);
    assert_eq!(kinds(&report), ["failures.logged_in"]);
    let told = [report.to_string(), format!("{report:#}"), format!("{report:?}")];
    #[cfg(feature = "json")]
    let told = told.into_iter().chain([report.to_json()]);
    for text in told {
        assert!(!text.contains("t0p") && !text.contains("ann of"), "{text}");
    }
}

#[cfg(feature = "json")]
#[test]
fn a_report_is_json_for_programs() {
    let deck = HOOKED.clone();
    let of_worker = deck.clone();
    let body = move |_: &WorkerContext| -> () {
        let _in = of_worker.scope(11_u64);
        of_worker.record(Read { n: 3 });
        panic!("for \"programs\"");
    };
    deck.supervisor().add(ChildSpec::new("export", Restart::Temporary, body)).unwrap();
    let report = report_of(&deck, "export", 1);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!((&json["worker"], &json["how"]), (&"export".into(), &"panicked".into()));
    assert_eq!((&json["why"], &json["thread"]), (&"for \"programs\"".into(), &"fd-export".into()));
    assert_eq!(json["location"]["line"], u64::from(report.panic().unwrap().location().unwrap().line));
    assert_eq!((&json["generation"], &json["restarts"]), (&1.into(), &0.into()));
    assert!(json["backtrace"].as_str().unwrap().contains("failures.rs"));
    assert_eq!(json["correlation"], CorrelationId::from(11_u64).to_string());
    assert_eq!(json["trail"]["events"][0]["kind"], "failures.read");
}

#[test]
fn a_worker_that_records_nothing_has_an_empty_trail() {
    let deck = Flightdeck::builder().start().unwrap();
    let runs = std::sync::Arc::new(AtomicU64::new(0));
    let body = move |_: &WorkerContext| -> WorkerResult {
        runs.fetch_add(1, Ordering::Relaxed);
        Err("silent".into())
    };
    deck.supervisor().add(ChildSpec::new("silent", Restart::Temporary, body)).unwrap();
    let report = report_of(&deck, "silent", 1);
    assert!(report.trail.as_ref().unwrap().is_empty() && report.correlation == CorrelationId::NONE);
    assert!(report.to_string().ends_with("before    0 events"), "{report}");
}

#[test]
fn a_run_that_got_no_thread_is_told_as_any_other() {
    let deck = Flightdeck::builder().start().unwrap();
    let spec = ChildSpec::new("huge", Restart::Temporary, until_stopped).stack_size(1 << 50);
    deck.supervisor().add(spec).unwrap();
    let report = report_of(&deck, "huge", 1);
    assert!(matches!(report.exit, Exit::NotSpawned(_)), "{report}");
    assert!(report.to_string().starts_with("worker `huge` got no thread: "), "{report}");
    let event = || deck.events().query().kind_named("flightdeck.worker.failed").count() == 1;
    until("the event of it", event);
    assert_eq!(deck.supervisor().status().failures, 1);
    assert!(!deck.health().concerns.is_empty(), "{:?}", deck.health());
}

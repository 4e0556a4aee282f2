//! The supervisor as its users see it. Conditions are awaited, never slept for.

mod support;

use flightdeck::supervisor::{
    Backoff, ChildSpec, Exit, Incident, Restart, Supervisor, WorkerContext, WorkerState, WorkerStatus,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

const NO_DELAY: Backoff = Backoff::between(Duration::ZERO, Duration::ZERO);

/// An observer that keeps what it is told.
fn kept() -> (Arc<Mutex<Vec<Incident>>>, impl Fn(&Incident) + Send + Sync + 'static) {
    let incidents = Arc::new(Mutex::new(Vec::new()));
    let keep = incidents.clone();
    (incidents, move |incident: &Incident| keep.lock().unwrap().push(incident.clone()))
}

#[test]
fn a_worker_that_panics_runs_again() {
    let (incidents, observer) = kept();
    let panicked_at = Arc::new(OnceLock::new());
    let (sender, restarted) = mpsc::channel();
    let panicked = panicked_at.clone();
    let spec = ChildSpec::new("book", Restart::Permanent, move |context: &WorkerContext| {
        if context.generation() == 1 {
            panicked.set(Instant::now()).unwrap();
            panic!("order {} is lost", 7);
        }
        sender.send(Instant::now()).unwrap();
        until_stopped(context);
    })
    .backoff(NO_DELAY);
    let supervisor = Supervisor::builder().worker(spec).observer(observer).start().unwrap();
    let latency = restarted.recv_timeout(PATIENCE).unwrap() - *panicked_at.get().unwrap();
    println!("from panic to running again: {latency:?}");
    until("the status of the second run", || supervisor.workers()[0].state == WorkerState::Running);
    let status = supervisor.workers().remove(0);
    assert_eq!((status.generation, status.restarts), (2, 1));
    assert_eq!(status.last_failure.as_deref(), Some("order 7 is lost"));
    assert!(supervisor.is_healthy());
    assert!(supervisor.shutdown(PATIENCE).is_clean());
    let incidents = incidents.lock().unwrap();
    assert!(
        matches!(&incidents[1], Incident::Ended { exit: Exit::Panicked(panic), generation: 1, .. } if panic.message() == "order 7 is lost")
    );
    let Incident::Ended { exit: Exit::Panicked(panic), .. } = &incidents[1] else { unreachable!() };
    assert!(!panic.is_noted() && panic.location().is_none(), "nobody has the panic hook: {panic}");
    assert!(matches!(&incidents[2], Incident::RestartScheduled { delay: Duration::ZERO, .. }));
    assert!(matches!(&incidents[3], Incident::Started { generation: 2, .. }));
}

#[test]
fn a_worker_that_panics_at_once_melts_down_and_the_host_goes_on() {
    let (incidents, observer) = kept();
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let fast = Backoff::between(Duration::from_micros(10), Duration::from_millis(1));
    let bad = ChildSpec::new("bad", Restart::Permanent, move |_: &WorkerContext| -> () {
        counted.fetch_add(1, Ordering::Relaxed);
        panic!("again");
    })
    .backoff(fast);
    let supervisor = Supervisor::builder()
        .max_restarts(5)
        .worker(ChildSpec::new("good", Restart::Permanent, until_stopped))
        .worker(bad)
        .observer(observer)
        .start()
        .unwrap();
    until("the meltdown", || supervisor.has_melted_down());
    until("the others' end", || {
        supervisor.workers().iter().all(|status| status.state == WorkerState::Finished)
    });
    assert_eq!(runs.load(Ordering::Relaxed), 6, "five restarts, and no more");
    assert!(!supervisor.is_healthy());
    assert!(supervisor.shutdown(PATIENCE).is_clean());
    let melted = |incident: &&Incident| matches!(incident, Incident::MeltedDown { .. });
    assert_eq!(incidents.lock().unwrap().iter().filter(melted).count(), 1);
}

#[test]
fn transient_and_temporary_workers_end_as_they_should() {
    let errors = Arc::new(AtomicU64::new(0));
    let counted = errors.clone();
    let supervisor = Supervisor::builder()
        .worker(
            ChildSpec::new("transient", Restart::Transient, move |_: &WorkerContext| {
                match counted.fetch_add(1, Ordering::Relaxed) {
                    0 => Err("first attempt"),
                    _ => Ok(()),
                }
            })
            .backoff(NO_DELAY),
        )
        .worker(ChildSpec::new("temporary", Restart::Temporary, |_: &WorkerContext| -> () { panic!("once") }))
        .start()
        .unwrap();
    until("both ends", || supervisor.workers().iter().all(|status| status.state == WorkerState::Finished));
    let status = supervisor.workers();
    assert_eq!((status[0].generation, status[0].last_failure.as_deref()), (2, Some("first attempt")));
    assert_eq!((status[1].generation, status[1].last_failure.as_deref()), (1, Some("once")));
}

#[test]
fn workers_start_in_order_and_stop_in_reverse() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (incidents, observer) = kept();
    let mut builder = Supervisor::builder().observer(observer);
    for name in ["first", "second", "third"] {
        let log = log.clone();
        builder = builder.worker(ChildSpec::new(name, Restart::Permanent, move |context: &WorkerContext| {
            until_stopped(context);
            log.lock().unwrap().push(name);
        }));
    }
    let supervisor = builder.start().unwrap();
    until("three starts", || incidents.lock().unwrap().len() == 3);
    let report = supervisor.shutdown(PATIENCE);
    let names: Vec<&str> = report.stopped.iter().map(|name| &**name).collect();
    assert_eq!(names, ["third", "second", "first"]);
    assert_eq!(*log.lock().unwrap(), ["third", "second", "first"]);
    let started = |incident: &Incident| match incident {
        Incident::Started { worker, .. } => worker.to_string(),
        other => format!("{other:?}"),
    };
    let starts: Vec<String> = incidents.lock().unwrap().iter().map(started).collect();
    assert_eq!(starts, ["first", "second", "third"]);
}

#[test]
fn a_worker_that_stops_last_outlives_those_that_were_started_before_it() {
    let wait = |name: &str| ChildSpec::new(name, Restart::Permanent, until_stopped);
    let builder = Supervisor::builder().worker(wait("book")).worker(wait("export").stops_last());
    let supervisor = builder.worker(wait("feed")).worker(wait("audit").stops_last()).start().unwrap();
    let report = supervisor.shutdown(PATIENCE);
    let names: Vec<&str> = report.stopped.iter().map(|name| &**name).collect();
    assert_eq!(names, ["feed", "book", "audit", "export"]);
}

#[test]
fn a_worker_that_does_not_look_is_abandoned_by_the_deadline() {
    static RELEASED: AtomicBool = AtomicBool::new(false);
    let deaf = |_: &WorkerContext| {
        while !RELEASED.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    };
    let supervisor = Supervisor::builder()
        .worker(ChildSpec::new("deaf", Restart::Permanent, deaf).shutdown(Duration::from_millis(20)))
        .worker(ChildSpec::new("well", Restart::Permanent, until_stopped))
        .start()
        .unwrap();
    until("both starts", || supervisor.workers().iter().all(|status| status.state == WorkerState::Running));
    let began = Instant::now();
    let report = supervisor.shutdown(Duration::from_secs(10));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(report.abandoned.iter().map(|name| &**name).collect::<Vec<_>>(), ["deaf"]);
    assert!(!report.is_clean());
    assert_eq!(supervisor.shutdown(PATIENCE), report, "a second stop tells the same");
    RELEASED.store(true, Ordering::Relaxed);
}

#[test]
fn a_stop_from_within_does_not_wait_for_itself() {
    let slot: Arc<OnceLock<Supervisor>> = Arc::new(OnceLock::new());
    let (from_worker, from_observer) = (slot.clone(), slot.clone());
    let (sender, reports) = mpsc::channel();
    let observed = sender.clone();
    let ready = Arc::new(AtomicBool::new(false));
    let go = ready.clone();
    let supervisor = Supervisor::builder()
        .worker(ChildSpec::new("suicidal", Restart::Transient, move |context: &WorkerContext| {
            until("the handle", || from_worker.get().is_some());
            sender.send(from_worker.get().unwrap().shutdown(PATIENCE)).unwrap();
            until_stopped(context);
        }))
        .every(Duration::from_micros(50), "chore", move || {
            if go.swap(false, Ordering::Relaxed) {
                panic!("so that the observer is called");
            }
        })
        .observer(move |_| {
            if let Some(supervisor) = from_observer.get() {
                let _ = observed.send(supervisor.shutdown(PATIENCE));
            }
        })
        .start()
        .unwrap();
    ready.store(true, Ordering::Relaxed);
    slot.set(supervisor.clone()).unwrap();
    assert!(reports.recv_timeout(PATIENCE).unwrap().pending);
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}

#[test]
fn dropping_the_last_handle_stops_the_workers() {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = stopped.clone();
    let supervisor = Supervisor::builder()
        .worker(ChildSpec::new("worker", Restart::Permanent, move |context: &WorkerContext| {
            until_stopped(context);
            flag.store(true, Ordering::Relaxed);
        }))
        .start()
        .unwrap();
    until("the start", || supervisor.workers()[0].state == WorkerState::Running);
    let other = supervisor.clone();
    drop(supervisor);
    assert!(!stopped.load(Ordering::Relaxed));
    drop(other);
    assert!(stopped.load(Ordering::Relaxed));
}

#[test]
fn two_hundred_workers_come_and_go() {
    let supervisor = Supervisor::builder().start().unwrap();
    for n in 0..200 {
        supervisor.add(ChildSpec::new(format!("worker {n}"), Restart::Permanent, until_stopped)).unwrap();
    }
    let running =
        || supervisor.workers().iter().filter(|status| status.state == WorkerState::Running).count();
    until("all to run", || running() == 200);
    assert!(supervisor.add(ChildSpec::new("worker 7", Restart::Permanent, until_stopped)).is_err());
    let report = supervisor.shutdown(PATIENCE);
    assert_eq!((report.stopped.len(), report.abandoned.len()), (200, 0));
}

#[test]
fn a_removed_worker_is_gone_and_its_name_free() {
    let (incidents, observer) = kept();
    let supervisor = Supervisor::builder().observer(observer).start().unwrap();
    for _ in 0..3 {
        supervisor.add(ChildSpec::new("export", Restart::Permanent, until_stopped)).unwrap();
        let report = supervisor.remove("export", PATIENCE).unwrap();
        assert_eq!((report.stopped.len(), report.is_clean()), (1, true));
        assert!(supervisor.workers().is_empty());
    }
    assert_eq!(supervisor.remove("export", PATIENCE).unwrap_err().name, "export");
    // Nothing restarted one that was asked to go.
    let incidents = incidents.lock().unwrap();
    assert!(!incidents.iter().any(|incident| matches!(incident, Incident::RestartScheduled { .. })));
}

#[test]
fn a_worker_that_waits_for_its_restart_can_be_removed() {
    let backoff = Backoff::between(Duration::from_secs(3600), Duration::from_secs(3600));
    let supervisor = Supervisor::builder().start().unwrap();
    supervisor.add(ChildSpec::new("export", Restart::Permanent, |_| ()).backoff(backoff)).unwrap();
    let waits = |status: &WorkerStatus| matches!(status.state, WorkerState::BackingOff { .. });
    until("its end", || waits(&supervisor.workers()[0]));
    assert!(supervisor.remove("export", PATIENCE).unwrap().is_clean());
    assert!(supervisor.workers().is_empty());
}

#[test]
fn a_worker_that_will_not_go_is_abandoned_and_said_to_be() {
    let gate = Arc::new(AtomicBool::new(false));
    let shut = gate.clone();
    let deaf = move |_: &WorkerContext| until("the gate to open", || shut.load(Ordering::Relaxed));
    let supervisor = Supervisor::builder().start().unwrap();
    supervisor.add(ChildSpec::new("deaf", Restart::Permanent, deaf)).unwrap();
    let report = supervisor.remove("deaf", Duration::from_millis(20)).unwrap();
    assert_eq!((report.abandoned.len(), report.pending), (1, false));
    assert_eq!(supervisor.workers()[0].state, WorkerState::Abandoned);
    gate.store(true, Ordering::Relaxed);
}

#[test]
fn a_worker_may_ask_for_its_own_removal() {
    let supervisor = Supervisor::builder().start().unwrap();
    let own = supervisor.clone();
    let once = move |context: &WorkerContext| {
        assert!(own.remove(context.name(), PATIENCE).unwrap().pending);
    };
    supervisor.add(ChildSpec::new("once", Restart::Permanent, once)).unwrap();
    until("its end", || supervisor.workers().is_empty());
}

#[test]
fn restarts_without_limit_melt_nothing_down() {
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let fails = move |_: &WorkerContext| -> Result<(), &str> {
        counted.fetch_add(1, Ordering::Relaxed);
        Err("again")
    };
    let backoff = Backoff::between(Duration::from_micros(10), Duration::from_millis(1));
    let spec = ChildSpec::new("export", Restart::Permanent, fails).backoff(backoff).unlimited_restarts();
    let supervisor = Supervisor::builder().max_restarts(1).worker(spec).start().unwrap();
    until("ten runs", || runs.load(Ordering::Relaxed) >= 10);
    assert!(!supervisor.has_melted_down());
}

#[test]
fn a_chore_that_panics_is_reported_and_done_again() {
    let (incidents, observer) = kept();
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let supervisor = Supervisor::builder()
        .every(Duration::from_millis(1), "sweep", move || {
            assert!(counted.fetch_add(1, Ordering::Relaxed) != 0, "the first time");
        })
        .observer(observer)
        .start()
        .unwrap();
    until("a second time", || runs.load(Ordering::Relaxed) >= 2);
    drop(supervisor);
    let incidents = incidents.lock().unwrap();
    assert!(
        matches!(&incidents[..], [Incident::ChorePanicked { message, .. }] if message == "the first time")
    );
}

/// What panics once more when it is shown or dropped.
#[derive(Debug)]
struct Spiteful;

impl std::fmt::Display for Spiteful {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("nothing to show")
    }
}

impl std::error::Error for Spiteful {}

impl Drop for Spiteful {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("and another thing");
        }
    }
}

#[test]
fn what_a_panic_carries_may_panic_when_it_is_dropped() {
    let (incidents, observer) = kept();
    let runs = Arc::new(AtomicU64::new(0));
    let of_chore = runs.clone();
    let spec =
        ChildSpec::new("book", Restart::Permanent, |context: &WorkerContext| match context.generation() {
            1 => std::panic::panic_any(Spiteful),
            2 => Err(Box::new(Spiteful).into()),
            _ => {
                until_stopped(context);
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            }
        });
    let chore = move || {
        if of_chore.fetch_add(1, Ordering::Relaxed) == 0 {
            std::panic::panic_any(Spiteful);
        }
    };
    let supervisor = Supervisor::builder()
        .worker(spec.backoff(NO_DELAY))
        .every(Duration::from_millis(1), "chore", chore)
        .observer(observer)
        .start()
        .unwrap();
    until("the third run", || supervisor.workers()[0].generation == 3);
    until("the next turn of the chore", || runs.load(Ordering::Relaxed) > 1);
    let incidents = incidents.lock().unwrap();
    let failed =
        |incident: &&Incident| matches!(incident, Incident::Ended { exit, .. } if exit.failure().is_some());
    assert_eq!(incidents.iter().filter(failed).count(), 2, "{incidents:?}");
    let of_chore = |incident: &&Incident| matches!(incident, Incident::ChorePanicked { .. });
    assert_eq!(incidents.iter().filter(of_chore).count(), 1, "{incidents:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_supervisor_uses_no_processor() {
    let supervisor = Supervisor::builder()
        .name("idle-fd")
        .worker(ChildSpec::new("idle", Restart::Permanent, until_stopped))
        .start()
        .unwrap();
    until("the start", || supervisor.workers()[0].state == WorkerState::Running);
    let ours = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let named = |path: &std::path::Path| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "idle-fd")
        };
        let task = tasks.map(|task| task.unwrap().path()).find(|path| named(path)).expect("its thread");
        let times = std::fs::read_to_string(task.join("schedstat")).unwrap();
        times.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let before = ours();
    // The one place that lets time pass: that nothing happens in it is the point.
    std::thread::park_timeout(Duration::from_millis(200));
    let used = ours() - before;
    assert!(used < 2_000_000, "{used} ns of processor time in 200 ms of idling");
}

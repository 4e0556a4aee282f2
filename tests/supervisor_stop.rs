//! Stops that take their time, with real threads: deadlines, what comes late, and who must not wait.

mod support;

use flightdeck::supervisor::{
    AutoShutdown, ChildSpec, Incident, Restart, Shutdown, StartError, Supervisor, WorkerContext,
    WorkerResult, WorkerState,
};
use flightdeck::{Flightdeck, PartState, Severity};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

/// One that does not stop before this is true.
fn deaf(gate: &Arc<AtomicBool>) -> ChildSpec {
    let gate = gate.clone();
    let body = move |_: &WorkerContext| until("the gate", || gate.load(Ordering::Relaxed));
    ChildSpec::new("deaf", Restart::Permanent, body).shutdown(Shutdown::Infinite)
}

fn state(supervisor: &Supervisor, name: &str) -> WorkerState {
    supervisor.workers().into_iter().find(|worker| &*worker.name == name).expect(name).state
}

fn all_run(supervisor: &Supervisor) -> bool {
    supervisor.workers().iter().all(|worker| worker.state == WorkerState::Running)
}

#[test]
fn one_that_does_not_stop_takes_no_time_from_those_that_do() {
    let gate = Arc::default();
    let supervisor = Supervisor::builder()
        .worker(ChildSpec::new("first", Restart::Permanent, until_stopped))
        .worker(deaf(&gate))
        .start()
        .unwrap();
    until("all to run", || all_run(&supervisor));
    let began = Instant::now();
    let report = supervisor.shutdown(Duration::from_secs(2));
    assert!(began.elapsed() >= Duration::from_secs(2), "the one that is deaf has all of it");
    assert_eq!((&*report.stopped, &*report.abandoned), (&["first".into()][..], &["deaf".into()][..]));
    gate.store(true, Ordering::Relaxed);
}

#[test]
fn what_is_dropped_with_a_workers_thread_may_ask_for_the_end() {
    struct Last(Arc<OnceLock<Supervisor>>, mpsc::Sender<(bool, Duration)>);
    impl Drop for Last {
        fn drop(&mut self) {
            let began = Instant::now();
            let report = self.0.wait().shutdown(PATIENCE);
            let _ = self.1.send((report.pending, began.elapsed()));
        }
    }
    thread_local!(static LAST: RefCell<Option<Last>> = const { RefCell::new(None) });
    let (sender, told) = mpsc::channel();
    let handle = Arc::<OnceLock<Supervisor>>::default();
    let own = handle.clone();
    let body = move |context: &WorkerContext| {
        LAST.with(|last| *last.borrow_mut() = Some(Last(own.clone(), sender.clone())));
        until_stopped(context);
    };
    let spec = ChildSpec::new("asks", Restart::Permanent, body).shutdown(Shutdown::Infinite);
    let supervisor = Supervisor::builder().worker(spec).start().unwrap();
    until("it to run", || all_run(&supervisor));
    handle.set(supervisor.clone()).unwrap();
    assert!(supervisor.shutdown(PATIENCE).is_clean());
    let (is_pending, took) = told.recv_timeout(PATIENCE).unwrap();
    assert!(is_pending && took < PATIENCE / 2, "it waited {took:?} for its own end");
}

#[test]
fn nothing_is_kept_for_a_supervisor_that_has_stopped() {
    let supervisor = Supervisor::builder()
        .worker(ChildSpec::new("book", Restart::Permanent, until_stopped))
        .every(PATIENCE, "look", || ())
        .start()
        .unwrap();
    supervisor.shutdown(PATIENCE);
    for _ in 0..10 {
        supervisor.restart("book").unwrap();
        supervisor.terminate("book", PATIENCE).unwrap();
        supervisor.set_every("look", PATIENCE);
        supervisor.shutdown(PATIENCE);
    }
    assert_eq!(supervisor.status().inbox, 0);
}

#[test]
fn whoever_stops_by_itself_is_seen_to_stop() {
    let (gate, ends) = (Arc::default(), Arc::new(AtomicBool::new(false)));
    let own = ends.clone();
    let last = move |_: &WorkerContext| until("its end", || own.load(Ordering::Relaxed));
    let supervisor = Supervisor::builder()
        .auto_shutdown(AutoShutdown::AnySignificant)
        .worker(deaf(&gate))
        .worker(ChildSpec::new("last", Restart::Transient, last).significant())
        .start()
        .unwrap();
    until("all to run", || all_run(&supervisor));
    assert_eq!(supervisor.status().state, PartState::Running);
    ends.store(true, Ordering::Relaxed);
    until("the stop", || state(&supervisor, "deaf") == WorkerState::Stopping);
    assert_eq!(supervisor.status().state, PartState::Stopping);
    let late = ChildSpec::new("late", Restart::Permanent, until_stopped);
    assert!(matches!(supervisor.add(late), Err(StartError::Stopped { .. })));
    gate.store(true, Ordering::Relaxed);
    until("the end", || supervisor.status().state == PartState::Stopped);
}

/// One that fails when this is true, asked to stop or not.
fn failing(gate: &Arc<AtomicBool>) -> ChildSpec {
    let gate = gate.clone();
    let body = move |_: &WorkerContext| -> WorkerResult {
        until("the gate", || gate.load(Ordering::Relaxed));
        Err("at last".into())
    };
    ChildSpec::new("late", Restart::Permanent, body).shutdown(Duration::from_millis(5))
}

#[test]
fn what_an_abandoned_run_fails_with_is_told_and_counted() {
    let gate = Arc::default();
    let (sender, told) = mpsc::channel();
    let supervisor = Supervisor::builder()
        .worker(failing(&gate))
        .observer(move |incident| drop(sender.send(incident.clone())))
        .start()
        .unwrap();
    until("it to run", || all_run(&supervisor));
    assert_eq!(supervisor.terminate("late", PATIENCE).unwrap().abandoned.len(), 1);
    gate.store(true, Ordering::Relaxed);
    until("its end", || state(&supervisor, "late") == WorkerState::Terminated);
    let incident = told.iter().find(|incident| matches!(incident, Incident::AbandonedEnded { .. })).unwrap();
    assert_eq!(incident.severity(), Severity::Error);
    let status = supervisor.status();
    assert_eq!((status.abandoned_ended, status.abandoned_failed, status.failures), (1, 1, 0));
    assert!(status.last_error.unwrap().text.contains("at last"));
}

#[test]
fn what_fails_after_everything_was_stopped_is_counted() {
    let gate = Arc::default();
    let supervisor = Supervisor::builder().worker(failing(&gate)).start().unwrap();
    until("it to run", || all_run(&supervisor));
    assert_eq!(supervisor.shutdown(PATIENCE).abandoned.len(), 1);
    gate.store(true, Ordering::Relaxed);
    until("its end", || supervisor.status().abandoned_ended == 1);
    let status = supervisor.status();
    assert_eq!(status.abandoned_failed, 1);
    assert!(status.last_error.unwrap().text.contains("at last"));
}

#[test]
fn what_an_abandoned_run_fails_with_is_a_failure_of_the_deck_and_an_event() {
    let gate = Arc::default();
    let deck = Flightdeck::builder().start().unwrap();
    deck.supervisor().add(failing(&gate)).unwrap();
    until("it to run", || all_run(deck.supervisor()));
    deck.supervisor().terminate("late", PATIENCE).unwrap();
    gate.store(true, Ordering::Relaxed);
    until("its report", || deck.failure("late", 1).is_some_and(|report| report.trail.is_some()));
    let report = deck.failure("late", 1).unwrap();
    assert!(report.was_abandoned && report.exit.failure() == Some("at last"), "{report}");
    let events = || deck.events().query().kind_named("flightdeck.worker.abandoned_failed").run().unwrap();
    until("its event", || events().len() == 1);
    assert_eq!(events().iter().next().unwrap().field("why").unwrap().to_string(), "at last");
}

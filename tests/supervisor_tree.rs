//! Trees of supervisors with real threads. Conditions are awaited, never slept for.

mod support;

use flightdeck::supervisor::{
    AutoShutdown, Backoff, ChildSpec, Exit, Incident, Restart, Rules, StartError, Strategy, Supervisor,
    WorkerContext, WorkerState,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

const NO_DELAY: Backoff = Backoff::between(Duration::ZERO, Duration::ZERO);

/// What bodies and observers write down.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn has(&self, what: &str) -> bool {
        self.0.lock().unwrap().iter().any(|line| line == what)
    }
}

/// Workers that run until they are told to stop, or to fail.
#[derive(Clone, Default)]
struct Stage {
    log: Log,
    fails: Arc<Mutex<HashMap<String, Exits>>>,
}

#[derive(Clone, Copy)]
enum Exits {
    Panics,
    Returns,
}

impl Stage {
    fn spec(&self, name: &str, restart: Restart) -> ChildSpec {
        let stage = self.clone();
        let body = move |context: &WorkerContext| {
            stage.log.note(format!("+{}", context.name()));
            loop {
                let told = stage.fails.lock().unwrap().remove(context.name());
                match told {
                    Some(Exits::Panics) => panic!("as told"),
                    Some(Exits::Returns) => return,
                    None if context.should_stop() => break,
                    None => {
                        let _ = context.wait(Duration::from_micros(200));
                    }
                }
            }
            stage.log.note(format!("-{}", context.name()));
        };
        ChildSpec::new(name, restart, body).backoff(NO_DELAY)
    }

    fn permanent(&self, name: &str) -> ChildSpec {
        self.spec(name, Restart::Permanent)
    }

    fn tell(&self, path: &str, exits: Exits) {
        self.fails.lock().unwrap().insert(path.to_owned(), exits);
    }

    /// Waits for so many lines, and takes them.
    fn lines(&self, count: usize) -> Vec<String> {
        until("what is written down", || self.log.0.lock().unwrap().len() >= count);
        self.log.take()
    }
}

fn all_run(supervisor: &Supervisor) -> bool {
    supervisor.workers().iter().all(|worker| worker.state == WorkerState::Running)
}

fn state(supervisor: &Supervisor, path: &str) -> WorkerState {
    let found = supervisor.workers().into_iter().find(|worker| &*worker.name == path);
    found.unwrap_or_else(|| panic!("no {path}")).state
}

/// Three workers below `net`, and two beside it.
fn tree(stage: &Stage, strategy: Strategy) -> Supervisor {
    let mut net = Rules::new().strategy(strategy).max_restarts(2);
    for name in ["feed", "book", "risk"] {
        net = net.child(stage.permanent(name));
    }
    let supervisor = Supervisor::builder()
        .worker(stage.permanent("first"))
        .worker(ChildSpec::supervisor("net", Restart::Permanent, net).backoff(NO_DELAY))
        .worker(stage.permanent("last"))
        .start()
        .unwrap();
    until("all to run", || all_run(&supervisor));
    let mut started = stage.lines(5);
    started.sort();
    assert_eq!(started, ["+first", "+last", "+net/book", "+net/feed", "+net/risk"]);
    supervisor
}

#[test]
fn one_for_one_restarts_nobody_else() {
    let stage = Stage::default();
    let supervisor = tree(&stage, Strategy::OneForOne);
    stage.tell("net/book", Exits::Panics);
    assert_eq!(stage.lines(1), ["+net/book"]);
    until("the count", || supervisor.status().restarts == 1);
    assert!(supervisor.shutdown(PATIENCE).is_clean());
    assert_eq!(stage.log.take(), ["-last", "-net/risk", "-net/book", "-net/feed", "-first"]);
}

#[test]
fn rest_for_one_stops_later_siblings_in_reverse_and_starts_them_in_order() {
    let stage = Stage::default();
    let supervisor = tree(&stage, Strategy::RestForOne);
    stage.tell("net/book", Exits::Panics);
    let mut lines = stage.lines(3);
    assert_eq!(lines.remove(0), "-net/risk");
    // Threads of two workers may write in any order.
    lines.sort();
    assert_eq!(lines, ["+net/book", "+net/risk"]);
    until("all to run", || all_run(&supervisor));
    let starts: Vec<u64> = supervisor.workers().iter().map(|worker| worker.generation).collect();
    assert_eq!(starts, [1, 1, 1, 2, 2, 1], "first, net, feed, book, risk, last");
}

#[test]
fn one_for_all_stops_all_siblings_in_reverse_and_nobody_elsewhere() {
    let stage = Stage::default();
    let supervisor = tree(&stage, Strategy::OneForAll);
    stage.tell("net/book", Exits::Panics);
    let mut lines = stage.lines(5);
    assert_eq!(lines.drain(..2).collect::<Vec<_>>(), ["-net/risk", "-net/feed"]);
    lines.sort();
    assert_eq!(lines, ["+net/book", "+net/feed", "+net/risk"]);
    until("all to run", || all_run(&supervisor));
    assert_eq!(state(&supervisor, "first"), WorkerState::Running);
    until("the counts", || supervisor.status().restarts == 3);
}

#[test]
fn a_supervisor_that_gives_up_is_restarted_as_a_child_and_then_takes_its_own_along() {
    let stage = Stage::default();
    let log = stage.log.clone();
    let melted = Log::default();
    let told = melted.clone();
    let net = Rules::new().max_restarts(1).child(stage.permanent("feed")).child(stage.permanent("book"));
    let supervisor = Supervisor::builder()
        .max_restarts(1)
        .worker(stage.permanent("first"))
        .worker(ChildSpec::supervisor("net", Restart::Permanent, net).backoff(NO_DELAY))
        .on_meltdown(move |worker| told.note(&*worker.name))
        .observer(move |incident| match incident {
            Incident::Escalated { supervisor, worker, .. } => log.note(format!("{supervisor} over {worker}")),
            Incident::MeltedDown { worker } => log.note(format!("melted over {worker}")),
            _ => {}
        })
        .start()
        .unwrap();
    stage.lines(3);
    for round in 1..=4 {
        until("all to run", || all_run(&supervisor));
        stage.tell("net/feed", Exits::Panics);
        let counts = match round {
            // It is restarted.
            1 | 3 => 1,
            // It gives up: what it says, the stop of the other, and two starts.
            2 => 4,
            // And again, which is one too many for the topmost.
            _ => 4,
        };
        let lines = stage.lines(counts);
        match round {
            1 | 3 => assert_eq!(lines, ["+net/feed"]),
            2 => assert_eq!(&lines[..2], ["net over net/feed", "-net/book"]),
            _ => assert_eq!(lines, ["net over net/feed", "-net/book", "melted over net", "-first"]),
        }
    }
    assert!(supervisor.has_melted_down() && !supervisor.is_healthy());
    assert_eq!(melted.take(), ["net"]);
    let status = supervisor.status();
    assert_eq!((status.escalations, status.melted_down), (2, true));
    // The host may go on, once all have stopped.
    until("its end", || state(&supervisor, "first") == WorkerState::Finished);
    supervisor.restart("first").unwrap();
    assert_eq!(stage.lines(1), ["+first"]);
}

#[test]
fn a_slow_stop_delays_no_restart_elsewhere_and_no_chore() {
    let stage = Stage::default();
    let gate = Arc::new(AtomicBool::new(false));
    let opened = gate.clone();
    let slow = move |context: &WorkerContext| match context.generation() {
        1 => until("the gate", || opened.load(Ordering::Relaxed)),
        _ => until_stopped(context),
    };
    let chores = Arc::new(AtomicU64::new(0));
    let counted = chores.clone();
    let slow = Rules::new()
        .strategy(Strategy::OneForAll)
        .child(stage.permanent("quick"))
        .child(ChildSpec::new("slow", Restart::Permanent, slow).shutdown(PATIENCE));
    let supervisor = Supervisor::builder()
        .worker(ChildSpec::supervisor("slow", Restart::Permanent, slow))
        .worker(stage.permanent("other"))
        .every(Duration::from_millis(1), "count", move || {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .start()
        .unwrap();
    stage.lines(2);
    until("all to run", || all_run(&supervisor));
    stage.tell("slow/quick", Exits::Panics);
    until("the stop to begin", || state(&supervisor, "slow/slow") == WorkerState::Stopping);
    let before = chores.load(Ordering::Relaxed);
    stage.tell("other", Exits::Panics);
    assert_eq!(stage.lines(1), ["+other"]);
    until("chores", || chores.load(Ordering::Relaxed) > before + 3);
    assert_eq!(state(&supervisor, "slow/slow"), WorkerState::Stopping);
    gate.store(true, Ordering::Relaxed);
    assert_eq!(stage.lines(1), ["+slow/quick"]);
}

#[test]
fn the_next_starts_once_one_is_ready_and_other_supervisors_go_on() {
    let stage = Stage::default();
    let (go, gate) = (Arc::new(AtomicBool::new(false)), Log::default());
    let (ready, log) = (go.clone(), gate.clone());
    let warm = move |context: &WorkerContext| {
        log.note("warm begins");
        until("the gate", || ready.load(Ordering::Relaxed));
        log.note("warm is ready");
        context.ready();
        context.ready();
        until_stopped(context);
    };
    let log = gate.clone();
    let after = move |context: &WorkerContext| {
        log.note("after begins");
        until_stopped(context);
    };
    let net = Rules::new()
        .child(ChildSpec::new("warm", Restart::Permanent, warm).reports_ready(PATIENCE))
        .child(ChildSpec::new("after", Restart::Permanent, after));
    let supervisor = Supervisor::builder().start().unwrap();
    supervisor.add(ChildSpec::supervisor("net", Restart::Permanent, net)).unwrap();
    until("its begin", || gate.has("warm begins"));
    assert_eq!(state(&supervisor, "net/warm"), WorkerState::Starting);
    assert_eq!(state(&supervisor, "net"), WorkerState::Starting);
    let other = Rules::new().child(stage.permanent("feed"));
    // In order, the topmost would wait for `net`; what runs already does not.
    supervisor.child("net").unwrap().add(stage.permanent("third")).unwrap();
    supervisor.add(ChildSpec::supervisor("other", Restart::Permanent, other)).unwrap();
    go.store(true, Ordering::Relaxed);
    until("all to run", || all_run(&supervisor));
    until("what comes after", || gate.has("after begins"));
    assert_eq!(gate.take(), ["warm begins", "warm is ready", "after begins"]);
    let mut started = stage.lines(2);
    started.sort();
    assert_eq!(started, ["+net/third", "+other/feed"]);
}

#[test]
fn one_that_is_never_ready_has_failed_to_start_and_counts() {
    let (sender, ends) = mpsc::channel();
    let never = |context: &WorkerContext| until_stopped(context);
    let spec = ChildSpec::new("never", Restart::Permanent, never)
        .reports_ready(Duration::from_millis(5))
        .backoff(NO_DELAY);
    let supervisor = Supervisor::builder()
        .max_restarts(2)
        .worker(spec)
        .worker(ChildSpec::new("after", Restart::Permanent, until_stopped))
        .observer(move |incident| {
            if let Incident::Ended { exit, .. } = incident {
                let _ = sender.send(exit.clone());
            }
        })
        .start()
        .unwrap();
    for _ in 0..3 {
        let exit = ends.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(&exit, Exit::NotReady(why) if why.contains("5ms")), "{exit:?}");
    }
    until("the meltdown", || supervisor.has_melted_down());
    until("the others' end", || state(&supervisor, "after") == WorkerState::Finished);
    assert_eq!(supervisor.workers().pop().unwrap().generation, 0, "it waited in vain");
    assert_eq!(supervisor.status().failures, 3);
}

/// One that hangs until its gate opens, and counts how many of it run.
fn deaf(gate: &Arc<AtomicBool>, running: &Arc<AtomicU64>) -> ChildSpec {
    let (gate, running) = (gate.clone(), running.clone());
    let body = move |context: &WorkerContext| {
        running.fetch_add(1, Ordering::Relaxed);
        if context.generation() == 1 {
            until("the gate", || gate.load(Ordering::Relaxed));
        } else {
            until_stopped(context);
        }
        running.fetch_sub(1, Ordering::Relaxed);
    };
    ChildSpec::new("deaf", Restart::Permanent, body).shutdown(Duration::from_millis(5)).backoff(NO_DELAY)
}

#[test]
fn an_abandoned_worker_starts_again_once_it_is_gone_and_holds_nobody_up() {
    let stage = Stage::default();
    let (gate, running, log) = (Arc::default(), Arc::default(), Log::default());
    let told = log.clone();
    let supervisor = Supervisor::builder()
        .strategy(Strategy::OneForAll)
        .worker(stage.permanent("feed"))
        .worker(deaf(&gate, &running))
        .observer(move |incident| match incident {
            Incident::Abandoned { generation, .. } => told.note(format!("abandoned {generation}")),
            Incident::AbandonedEnded { generation, .. } => told.note(format!("ended {generation}")),
            _ => {}
        })
        .start()
        .unwrap();
    stage.lines(1);
    until("both to run", || running.load(Ordering::Relaxed) == 1);
    stage.tell("feed", Exits::Panics);
    assert_eq!(stage.lines(1), ["+feed"], "without the other");
    assert_eq!(state(&supervisor, "deaf"), WorkerState::Abandoned);
    assert!(!supervisor.is_healthy());
    assert_eq!(running.load(Ordering::Relaxed), 1);
    gate.store(true, Ordering::Relaxed);
    until("its next run", || state(&supervisor, "deaf") == WorkerState::Running);
    assert_eq!(log.take(), ["abandoned 1", "ended 1"]);
    let status = supervisor.status();
    assert_eq!((status.abandoned, status.abandoned_ended), (1, 1));
    assert_eq!(status.workers[1].generation, 2);
}

#[test]
fn an_abandoned_worker_may_be_replaced_and_its_late_end_says_nothing_of_the_new_run() {
    let stage = Stage::default();
    let (gate, running) = (Arc::default(), Arc::default());
    let supervisor = Supervisor::builder()
        .strategy(Strategy::OneForAll)
        .worker(stage.permanent("feed"))
        .worker(deaf(&gate, &running).replace_abandoned())
        .start()
        .unwrap();
    stage.lines(1);
    until("both to run", || running.load(Ordering::Relaxed) == 1);
    stage.tell("feed", Exits::Panics);
    until("two of it", || running.load(Ordering::Relaxed) == 2);
    until("all to run", || all_run(&supervisor));
    gate.store(true, Ordering::Relaxed);
    until("the news", || supervisor.status().abandoned_ended == 1);
    let status = supervisor.status();
    assert_eq!((status.workers[1].generation, status.workers[1].state.clone()), (2, WorkerState::Running));
}

#[test]
fn a_late_end_after_everything_was_stopped_shows() {
    let (gate, running) = (Arc::default(), Arc::default());
    let supervisor = Supervisor::builder().worker(deaf(&gate, &running)).start().unwrap();
    until("it to run", || running.load(Ordering::Relaxed) == 1);
    assert_eq!(supervisor.shutdown(PATIENCE).abandoned.len(), 1);
    assert_eq!(state(&supervisor, "deaf"), WorkerState::Abandoned);
    gate.store(true, Ordering::Relaxed);
    until("its end", || state(&supervisor, "deaf") == WorkerState::Finished);
}

#[test]
fn a_worker_stopped_for_good_has_stopped_when_its_destructors_have_run() {
    struct Last(Arc<AtomicBool>);
    impl Drop for Last {
        fn drop(&mut self) {
            until("the gate", || self.0.load(Ordering::Relaxed));
        }
    }
    thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
    let gate = Arc::new(AtomicBool::new(false));
    let own = gate.clone();
    let body = move |context: &WorkerContext| {
        LAST.with(|last| *last.borrow_mut() = Some(Last(own.clone())));
        until_stopped(context);
    };
    let supervisor = Supervisor::builder().start().unwrap();
    supervisor.add(ChildSpec::new("slow", Restart::Permanent, body.clone())).unwrap();
    until("it to run", || all_run(&supervisor) && supervisor.status().starts == 1);
    let report = supervisor.remove("slow", Duration::from_millis(20)).unwrap();
    assert_eq!((report.abandoned.len(), report.stopped.len()), (1, 0));
    gate.store(true, Ordering::Relaxed);
    until("its end to be noticed", || supervisor.workers().is_empty());
    assert_eq!(supervisor.status().abandoned_ended, 1);
    supervisor.add(ChildSpec::new("slow", Restart::Permanent, body)).unwrap();
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}

#[test]
fn significant_children_shut_their_supervisor_down() {
    let stage = Stage::default();
    let job = |name: &str| stage.spec(name, Restart::Temporary).significant();
    let all = Rules::new()
        .auto_shutdown(AutoShutdown::AllSignificant)
        .child(stage.permanent("helper"))
        .child(job("one"))
        .child(job("two"));
    let supervisor = Supervisor::builder()
        .auto_shutdown(AutoShutdown::AnySignificant)
        .worker(stage.permanent("first"))
        .worker(ChildSpec::supervisor("batch", Restart::Transient, all).significant())
        .start()
        .unwrap();
    stage.lines(4);
    until("all to run", || all_run(&supervisor));
    stage.tell("batch/one", Exits::Panics);
    until("its end", || state(&supervisor, "batch/one") == WorkerState::Finished);
    assert_eq!(state(&supervisor, "batch/helper"), WorkerState::Running, "the other is left");
    stage.tell("batch/two", Exits::Returns);
    // The batch ends, and being significant takes the topmost along.
    assert_eq!(stage.lines(2), ["-batch/helper", "-first"]);
    let report = supervisor.shutdown(PATIENCE);
    let names: Vec<&str> = report.stopped.iter().map(|name| &**name).collect();
    assert_eq!(names, ["batch/two", "batch/one", "batch/helper", "first"]);
}

#[test]
fn what_cannot_be_significant_is_refused_and_leaves_nothing_behind() {
    let spec = |restart| ChildSpec::new("job", restart, until_stopped).significant();
    let supervisor = Supervisor::builder().start().unwrap();
    let refused = supervisor.add(spec(Restart::Temporary)).unwrap_err();
    assert!(matches!(refused, StartError::NeverSignificant { name } if name == "job"));
    let rules = Rules::new().auto_shutdown(AutoShutdown::AnySignificant);
    let rules = rules.child(ChildSpec::new("good", Restart::Permanent, until_stopped));
    let net = ChildSpec::supervisor("net", Restart::Permanent, rules.clone().child(spec(Restart::Permanent)));
    let refused = supervisor.add(net).unwrap_err();
    assert!(matches!(refused, StartError::PermanentSignificant { name } if name == "net/job"));
    let twice = ChildSpec::new("good", Restart::Permanent, until_stopped);
    let refused = supervisor.add(ChildSpec::supervisor("net", Restart::Permanent, rules.child(twice)));
    assert!(matches!(refused, Err(StartError::DuplicateName { name }) if name == "net/good"));
    assert!(supervisor.workers().is_empty(), "nothing of it stays");
    supervisor.add(ChildSpec::supervisor("net", Restart::Permanent, Rules::new())).unwrap();
    let net = supervisor.child("net").unwrap();
    assert!(supervisor.remove("net", PATIENCE).unwrap().is_clean());
    let gone = net.add(ChildSpec::new("feed", Restart::Permanent, until_stopped)).unwrap_err();
    assert!(matches!(gone, StartError::NoSupervisor { child } if child == "feed"));
    assert!(supervisor.child("net").is_none());
}

#[test]
fn what_is_added_to_a_stopped_supervisor_is_refused_and_leaves_nothing_behind() {
    let supervisor = Supervisor::builder().start().unwrap();
    let adding = {
        let supervisor = supervisor.clone();
        std::thread::spawn(move || {
            let spec = |n: u64| ChildSpec::new(n.to_string(), Restart::Permanent, until_stopped);
            (0..).find_map(|n| supervisor.add(spec(n)).err())
        })
    };
    until("one of them", || supervisor.status().starts > 0);
    let report = supervisor.shutdown(PATIENCE);
    let refused = adding.join().unwrap().unwrap();
    assert!(matches!(refused, StartError::Stopped { .. }), "{refused}");
    let workers = supervisor.workers();
    assert!(workers.iter().all(|worker| worker.state == WorkerState::Finished));
    assert_eq!(report.stopped.len(), workers.len());
}

#[test]
fn children_come_and_go_in_any_supervisor() {
    let stage = Stage::default();
    let supervisor = tree(&stage, Strategy::OneForAll);
    let net = supervisor.child("net").unwrap();
    net.add(stage.permanent("risk2")).unwrap();
    assert_eq!(stage.lines(1), ["+net/risk2"]);
    assert!(net.terminate("book", PATIENCE).unwrap().is_clean());
    assert_eq!(state(&supervisor, "net/book"), WorkerState::Terminated);
    assert!(supervisor.is_healthy(), "as the host wished");
    stage.log.take();
    stage.tell("net/feed", Exits::Panics);
    stage.lines(5);
    until("the others", || state(&supervisor, "net/risk2") == WorkerState::Running);
    assert_eq!(state(&supervisor, "net/book"), WorkerState::Terminated, "not along with a sibling");
    net.restart("book").unwrap();
    assert_eq!(stage.lines(1), ["+net/book"]);
    net.restart("book").unwrap();
    assert_eq!(stage.lines(2), ["-net/book", "+net/book"]);
    until("it to run", || state(&supervisor, "net/book") == WorkerState::Running);
    let report = supervisor.remove("net", PATIENCE).unwrap();
    let names: Vec<&str> = report.stopped.iter().map(|name| &**name).collect();
    assert_eq!(names, ["net/risk2", "net/risk", "net/book", "net/feed"]);
    assert_eq!(supervisor.workers().len(), 2);
    assert_eq!(supervisor.terminate("net", PATIENCE).unwrap_err().name, "net");
}

#[test]
fn a_hung_worker_is_seen_and_seen_to_recover() {
    let silent = Arc::new(AtomicBool::new(false));
    let quiet = silent.clone();
    let log = Log::default();
    let told = log.clone();
    let body = move |context: &WorkerContext| {
        while !context.should_stop() {
            if !quiet.load(Ordering::Relaxed) {
                context.beat();
            }
            let _ = context.wait(Duration::from_millis(1));
        }
    };
    let spec = ChildSpec::new("feed", Restart::Permanent, body).heartbeat(Duration::from_millis(150));
    let supervisor = Supervisor::builder()
        .worker(spec)
        .observer(move |incident| match incident {
            Incident::Hung { generation: 1, .. } => told.note("hung"),
            Incident::Recovered { generation: 1, .. } => told.note("recovered"),
            _ => {}
        })
        .start()
        .unwrap();
    until("it to run", || all_run(&supervisor));
    silent.store(true, Ordering::Relaxed);
    until("it to hang", || state(&supervisor, "feed") == WorkerState::Hung);
    assert!(!supervisor.is_healthy());
    silent.store(false, Ordering::Relaxed);
    until("it to recover", || state(&supervisor, "feed") == WorkerState::Running);
    until("the news", || log.has("recovered"));
    assert!(supervisor.status().hung >= 1);
    assert_eq!(supervisor.workers()[0].generation, 1, "nothing else happened to it");
}

#[test]
fn a_hung_worker_may_be_stopped_and_replaced() {
    let gate = Arc::new(AtomicBool::new(false));
    let opened = gate.clone();
    let body = move |context: &WorkerContext| match context.generation() {
        1 => until("the gate", || opened.load(Ordering::Relaxed)),
        _ => {
            while !context.should_stop() {
                context.beat();
                let _ = context.wait(Duration::from_millis(1));
            }
        }
    };
    let spec = ChildSpec::new("feed", Restart::Permanent, body)
        // The next run beats every ms: one that is seen to hang as well is what this is long enough for.
        .heartbeat(Duration::from_millis(500))
        .restart_hung()
        .replace_abandoned()
        .shutdown(Duration::from_millis(5))
        .backoff(NO_DELAY);
    let supervisor = Supervisor::builder().worker(spec).start().unwrap();
    until("the next run", || supervisor.workers()[0].generation == 2 && all_run(&supervisor));
    let status = supervisor.status();
    assert_eq!((status.hung >= 1, status.abandoned), (true, 1));
    gate.store(true, Ordering::Relaxed);
    until("the late end", || supervisor.status().abandoned_ended == 1);
}

#[test]
fn a_panic_is_followed_by_a_run_without_any_sleep() {
    // No timer is involved: many restarts in a row, each caused by the last, in the time of a few.
    let (sender, done) = mpsc::channel();
    let body = move |context: &WorkerContext| {
        if context.generation() > 200 {
            let _ = sender.send(Instant::now());
            return until_stopped(context);
        }
        std::panic::resume_unwind(Box::new("again"));
    };
    let spec = ChildSpec::new("again", Restart::Permanent, body).backoff(NO_DELAY).unlimited_restarts();
    let began = Instant::now();
    let supervisor = Supervisor::builder().worker(spec).start().unwrap();
    let took = done.recv_timeout(PATIENCE).unwrap() - began;
    println!("{:?} for each of 200 restarts", took / 200);
    until("the count", || supervisor.status().restarts == 200);
}

/// What the supervisor's thread has used, in ns.
#[cfg(target_os = "linux")]
fn processor_time(thread: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let named = |path: &std::path::Path| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == thread)
    };
    let task = tasks.map(|task| task.unwrap().path()).find(|path| named(path)).expect("its thread");
    let times = std::fs::read_to_string(task.join("schedstat")).unwrap();
    times.split(' ').next().unwrap().parse().unwrap()
}

/// A thousand children in ten supervisors that do nothing for this long: what their supervisor uses meanwhile.
#[cfg(target_os = "linux")]
fn idling(thread: &str, time: Duration) -> Duration {
    let mut builder = Supervisor::builder().name(thread);
    for group in 0..10 {
        let mut rules = Rules::new();
        for n in 0..100 {
            let spec = ChildSpec::new(n.to_string(), Restart::Permanent, until_stopped);
            rules = rules.child(spec.stack_size(64 << 10));
        }
        builder = builder.worker(ChildSpec::supervisor(group.to_string(), Restart::Permanent, rules));
    }
    let supervisor = builder.start().unwrap();
    until("all to run", || all_run(&supervisor));
    let before = processor_time(thread);
    assert!(before > 0, "a thousand starts took something");
    // The one place that lets time pass: that nothing happens in it is the point.
    std::thread::sleep(time);
    let used = Duration::from_nanos(processor_time(thread) - before);
    println!("{used:?} of processor time in {time:?} of idling");
    used
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_idle_children_cost_their_supervisor_nothing() {
    let used = idling("fd-idle", Duration::from_secs(2));
    assert!(used < Duration::from_millis(1), "{used:?}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "ten seconds of nothing"]
fn stress_a_thousand_idle_children_for_ten_seconds() {
    let used = idling("fd-idler", Duration::from_secs(10));
    assert!(used < Duration::from_millis(5), "{used:?}");
}

#[test]
fn a_thousand_children_start_and_stop_in_order() {
    let supervisor = Supervisor::builder().start().unwrap();
    let began = Instant::now();
    for group in 0..10 {
        let mut rules = Rules::new();
        for n in 0..100 {
            let spec = ChildSpec::new(n.to_string(), Restart::Permanent, until_stopped);
            rules = rules.child(spec.stack_size(64 << 10));
        }
        supervisor.add(ChildSpec::supervisor(format!("group {group}"), Restart::Permanent, rules)).unwrap();
    }
    until("all to run", || supervisor.status().starts == 1_000);
    let started = began.elapsed();
    let report = supervisor.shutdown(PATIENCE);
    println!("started in {started:?}, stopped in {:?}", began.elapsed() - started);
    assert_eq!((report.stopped.len(), report.abandoned.len()), (1_000, 0));
    let expected = (0..1_000).rev().map(|n| format!("group {}/{}", n / 100, n % 100));
    assert!(report.stopped.iter().map(|name| name.to_string()).eq(expected));
}

/// Panics when it is dropped.
struct Sore;

impl Drop for Sore {
    fn drop(&mut self) {
        panic!("a destructor of the host's");
    }
}

#[test]
fn bodies_that_panic_when_they_are_dropped_take_nobody_along() {
    let sore = |name: &'static str| {
        let owned = Sore;
        ChildSpec::new(name, Restart::Permanent, move |context: &WorkerContext| {
            let _owned = &owned;
            until_stopped(context);
        })
    };
    let stage = Stage::default();
    let supervisor = Supervisor::builder()
        .worker(sore("removed"))
        .worker(sore("left"))
        .worker(sore("left too"))
        .worker(stage.spec("feed", Restart::Permanent).backoff(NO_DELAY))
        .start()
        .unwrap();
    until("all to run", || all_run(&supervisor));
    assert!(supervisor.remove("removed", PATIENCE).unwrap().is_clean());
    stage.fails.lock().unwrap().insert("feed".into(), Exits::Panics);
    until("a restart", || supervisor.workers().iter().any(|worker| worker.generation == 2));
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}

#[test]
fn an_observer_that_parks_costs_no_restart() {
    let (begun, is_to_fail) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (seen, told) = (begun.clone(), is_to_fail.clone());
    let body = move |context: &WorkerContext| {
        if context.generation() > 2 {
            until_stopped(context);
            return Ok(());
        }
        if context.generation() == 2 {
            seen.store(true, Ordering::Relaxed);
            until("the word", || told.load(Ordering::Relaxed));
        }
        Err("as told")
    };
    let observer = move |incident: &Incident| {
        // Of this start no news told, but the time.
        if let Incident::Started { generation: 2, .. } = incident {
            until("it to run", || begun.load(Ordering::Relaxed));
            is_to_fail.store(true, Ordering::Relaxed);
            // Takes the wake-up that comes with the news of its end.
            std::thread::park_timeout(PATIENCE);
            std::thread::park_timeout(Duration::from_millis(50));
        }
    };
    let pause = Duration::from_millis(20);
    let feed = ChildSpec::new("feed", Restart::Permanent, body).backoff(Backoff::between(pause, pause));
    let supervisor = Supervisor::builder().observer(observer).start().unwrap();
    supervisor.add(feed).unwrap();
    until("the next run", || supervisor.workers()[0].generation == 3);
}

#[test]
fn a_child_that_is_refused_may_ask_for_the_others_when_it_is_dropped() {
    struct Asks(Supervisor);
    impl Drop for Asks {
        fn drop(&mut self) {
            assert_eq!(self.0.workers().len(), 1);
        }
    }
    let supervisor = Supervisor::builder().start().unwrap();
    supervisor.add(ChildSpec::new("feed", Restart::Permanent, until_stopped)).unwrap();
    let asks = Asks(supervisor.clone());
    let again = ChildSpec::new("feed", Restart::Permanent, move |context: &WorkerContext| {
        let _asks = &asks;
        until_stopped(context);
    });
    assert!(matches!(supervisor.add(again), Err(StartError::DuplicateName { .. })));
}

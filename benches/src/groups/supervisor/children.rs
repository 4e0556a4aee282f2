//! A thousand children: started and stopped, and idle.

use crate::measure::Samples;
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext, WorkerState};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const CHILDREN: usize = 1_000;
const ROUNDS: usize = 9;
/// For starting and stopping all of them, in milliseconds.
const START_AND_STOP: f64 = 1_000.0;
/// How long an idle supervisor is looked at, and what it may take of a processor meanwhile, in milliseconds.
const IDLE: Duration = Duration::from_secs(10);
const IDLE_TIME: f64 = 5.0;
const NAME: &str = "fd-idle";

fn wait(context: &WorkerContext) {
    let _stopping = context.wait(Duration::MAX);
}

fn started(children: usize) -> Supervisor {
    let builder = Supervisor::builder().name(NAME);
    let spec = |n| ChildSpec::new(format!("child-{n}"), Restart::Permanent, wait);
    let supervisor = (0..children).fold(builder, |builder, n| builder.worker(spec(n))).start();
    let supervisor = supervisor.expect("threads");
    while supervisor.workers().iter().any(|worker| worker.state != WorkerState::Running) {
        thread::sleep(Duration::from_micros(500));
    }
    supervisor
}

fn supervised() -> f64 {
    let start = Instant::now();
    let report = started(CHILDREN).shutdown(Duration::from_secs(60));
    let took = start.elapsed();
    assert_eq!(report.stopped.len(), CHILDREN, "{report:?}");
    took.as_secs_f64() * 1e3
}

/// Threads that nobody looks after, stopped all at once.
fn bare() -> f64 {
    let start = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let body = |stop: Arc<AtomicBool>| {
        while !stop.load(Ordering::Relaxed) {
            thread::park();
        }
    };
    let threads: Vec<_> = (0..CHILDREN)
        .map(|n| {
            let stop = stop.clone();
            thread::Builder::new().name(format!("child-{n}")).spawn(move || body(stop)).expect("a thread")
        })
        .collect();
    stop.store(true, Ordering::Relaxed);
    threads.iter().for_each(|thread| thread.thread().unpark());
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    start.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds on a processor, so far, of this process's threads whose names begin so.
fn on_a_processor(name: &str) -> Option<f64> {
    let of_task = |task: fs::DirEntry| {
        let named = fs::read_to_string(task.path().join("comm")).ok()?.starts_with(name);
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let ns: f64 = text.split_whitespace().next()?.parse().ok()?;
        named.then_some(ns / 1e6)
    };
    let times: Vec<_> = fs::read_dir("/proc/self/task").ok()?.flatten().filter_map(of_task).collect();
    (!times.is_empty()).then(|| times.iter().sum())
}

/// Of the supervisor's thread, while nothing happens.
fn idle(children: usize) -> Result<f64, String> {
    let supervisor = started(children);
    let time = || on_a_processor(NAME).ok_or("the system does not say what threads take");
    // What the start left to do.
    thread::sleep(Duration::from_millis(100));
    let before = time()?;
    assert!(before > 0.0, "it has started {children} children");
    thread::sleep(IDLE);
    let took = time()? - before;
    supervisor.shutdown(Duration::from_secs(60));
    // A microsecond at least, so that there is a ratio.
    Ok(took.max(0.001))
}

pub(super) fn run(session: &mut Session) {
    session.row(&format!("{CHILDREN} children, started and stopped"), || {
        let rounds: Vec<_> = (0..ROUNDS).map(|_| [supervised(), bare()]).collect();
        let samples = |at: usize| Samples(rounds.iter().map(|round| round[at]).collect());
        let sides = [
            ("flightdeck Supervisor, in order and in reverse".to_owned(), samples(0)),
            ("thread::spawn, all stopped at once".to_owned(), samples(1)),
        ];
        Row::of(sides.map(Measured::from), &[Bar::MedianAtMost(START_AND_STOP)]).in_unit("ms")
    });
    session.row_if_possible(
        &format!("supervisor of {CHILDREN} idle children, processor time in 10 s"),
        || {
            let sides = [
                ("flightdeck Supervisor".to_owned(), Samples(vec![idle(CHILDREN)?])),
                ("with one child".to_owned(), Samples(vec![idle(1)?])),
            ];
            Ok(Row::of(sides.map(Measured::from), &[Bar::MedianAtMost(IDLE_TIME)]).in_unit("ms"))
        },
    );
}

//! From a panic to running again, with no delay asked for.

use crate::measure::{Samples, median};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::supervisor::{Backoff, ChildSpec, Restart, Supervisor, WorkerContext};
use std::panic;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Panics in a round, and rounds.
const PANICS: usize = 200;
const ROUNDS: usize = 25;
/// For the slowest of a hundred, in nanoseconds.
const P99: f64 = 500_000.0;
const BARE: &str = "thread::spawn, panic, join, thread::spawn";

type Hook = Box<dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync>;

/// Says nothing of panics until it is dropped, so that none of the sides prints any.
struct Silent(Option<Hook>);

impl Silent {
    fn begin() -> Self {
        let before = panic::take_hook();
        panic::set_hook(Box::new(|_| ()));
        Self(Some(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if let Some(before) = self.0.take().filter(|_| !thread::panicking()) {
            panic::set_hook(before);
        }
    }
}

/// What a worker has to say: when it began to run, and when it is about to panic.
enum News {
    Runs(Instant),
    Panics(Instant),
}

/// How long each of so many panics of a worker took until it ran again.
fn supervised(noted: bool) -> Vec<f64> {
    let ((told, news), (order, orders)) = (mpsc::channel(), mpsc::channel::<()>());
    let orders = Mutex::new(orders);
    let body = move |_: &WorkerContext| {
        told.send(News::Runs(Instant::now())).expect("somebody measures");
        let order = orders.lock().unwrap_or_else(|broken| broken.into_inner()).recv();
        if order.is_ok() {
            told.send(News::Panics(Instant::now())).expect("somebody measures");
            panic!("on order");
        }
    };
    let at_once = Backoff::between(Duration::ZERO, Duration::ZERO);
    let spec = ChildSpec::new("panics", Restart::Transient, body).backoff(at_once).unlimited_restarts();
    let _supervisor = Supervisor::builder().panic_hook(noted).worker(spec).start().expect("a thread");
    let runs = || match news.recv().expect("it is started again") {
        News::Runs(at) => at,
        News::Panics(_) => panic!("nobody ordered it"),
    };
    runs();
    (0..PANICS)
        .map(|_| {
            order.send(()).expect("it runs");
            let News::Panics(at) = news.recv().expect("it panics") else { panic!("it runs twice") };
            runs().duration_since(at).as_nanos() as f64
        })
        .collect()
}

/// The same with nobody but the caller to look after it.
fn bare() -> Vec<f64> {
    let run = || {
        let (told, runs) = mpsc::sync_channel(1);
        let (order, orders) = mpsc::channel::<()>();
        let spawned = thread::Builder::new().name("fd-panics".to_owned()).spawn(move || {
            told.send(Instant::now()).expect("somebody measures");
            orders.recv().expect("it is ordered");
            let at = Instant::now();
            told.send(at).expect("somebody measures");
            panic!("on order");
        });
        (spawned.expect("a thread"), runs, order)
    };
    let mut running = run();
    running.1.recv().expect("it runs");
    let took = (0..PANICS).map(|_| {
        let (thread, news, order) = std::mem::replace(&mut running, {
            // Not yet: the next one is started when this one is gone.
            let (_, runs) = mpsc::sync_channel(1);
            (thread::spawn(|| ()), runs, mpsc::channel().0)
        });
        order.send(()).expect("it runs");
        let panicked = news.recv().expect("it panics");
        let _ = thread.join();
        running = run();
        running.1.recv().expect("it runs").duration_since(panicked).as_nanos() as f64
    });
    let took = took.collect();
    drop(running.2);
    let _ = running.0.join();
    took
}

fn quantiles(mut took: Vec<f64>) -> [f64; 2] {
    took.sort_unstable_by(f64::total_cmp);
    [median(&took), took[took.len() * 99 / 100]]
}

pub(super) fn run(session: &mut Session) {
    let rounds = std::cell::OnceCell::new();
    let measure = || {
        let _silent = Silent::begin();
        let round = |_| [supervised(false), bare(), supervised(true)].map(quantiles);
        (0..ROUNDS).map(round).collect::<Vec<_>>()
    };
    let bars = [Bar::MedianAtMost(P99), Bar::AtMostTimes(3.0, BARE)];
    for (at, quantile, bars) in [(0, "p50", &bars[1..]), (1, "p99", &bars[..])] {
        session.row(&format!("panic to running again, {quantile} of {PANICS}"), || {
            let rounds = rounds.get_or_init(measure);
            let samples = |side: usize| Samples(rounds.iter().map(|round| round[side][at]).collect());
            let sides = [
                ("flightdeck Supervisor, backoff 0".to_owned(), samples(0)),
                (BARE.to_owned(), samples(1)),
                ("flightdeck with the panic hook: place and backtrace".to_owned(), samples(2)),
            ];
            Row::of(sides.map(Measured::from), bars)
        });
    }
}

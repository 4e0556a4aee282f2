//! Telemetry: metrics through kept handles.

use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use contatori::counters::unsigned::Unsigned as Sharded;
use flightdeck::counter;
use flightdeck::telemetry::Telemetry;
use prometheus_client::metrics::counter::Counter as ClientCounter;
use prometheus_client::metrics::family::Family;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Barrier};
use std::thread;

const PLAIN: &str = "thread-local add";
const PROMETHEUS: &str = "prometheus::IntCounter";
const CLIENT: &str = "prometheus-client Counter";
const SHARDED: &str = "contatori::Unsigned";
const ATOMIC: &str = "histogram::AtomicHistogram";
const METRICS: &str = "metrics::Counter, kept handle on an AtomicU64";

thread_local! {
    static PLAIN_CELL: Cell<u64> = const { Cell::new(0) };
}

/// What a counter costs at least. The cell is shown to the optimiser, else it would add up once a batch.
fn plain_add(amount: u64) {
    PLAIN_CELL.with(|cell| {
        cell.set(cell.get().wrapping_add(amount));
        black_box(cell);
    });
}

fn int_counter() -> prometheus::IntCounter {
    prometheus::IntCounter::new("requests", "Requests.").expect("a valid name")
}

pub(super) fn run(session: &mut Session) {
    counters(session);
    labels(session);
    histograms(session);
    timers(session);
    session.row("snapshot of 1,000 counters over 64 slabs", snapshot);
    together(session);
}

fn counters(session: &mut Session) {
    session.row("counter increment, kept handle", || {
        let telemetry = Telemetry::new();
        let (ours, prometheus) = (telemetry.counter("requests"), int_counter());
        let metrics = metrics::Counter::from_arc(Arc::new(AtomicU64::new(0)));
        let (client, sharded) = (client_counter(), Sharded::new());
        Row::measure(
            Side::each("flightdeck Counter", |_| {
                ours.increment(black_box(1));
                black_box(&ours);
            }),
            vec![
                Side::each(PLAIN, |_| plain_add(black_box(1))),
                Side::each(PROMETHEUS, |_| {
                    prometheus.inc_by(black_box(1));
                    black_box(&prometheus);
                }),
                Side::each(METRICS, |_| {
                    metrics.increment(black_box(1));
                    black_box(&metrics);
                }),
                Side::each(CLIENT, |_| {
                    client.inc_by(black_box(1));
                }),
                Side::each(SHARDED, |_| sharded.add(black_box(1))),
            ],
            &[
                Bar::AtMostTimes(1.5, PLAIN),
                Bar::TimesFaster(2.0, PROMETHEUS),
                Bar::TimesFaster(2.0, METRICS),
                Bar::TimesFaster(2.0, CLIENT),
                Bar::TimesFaster(2.0, SHARDED),
            ],
        )
    });
    session.row("counter increment, one counter from two threads", || {
        let telemetry = Telemetry::new();
        let (ours, prometheus) = (telemetry.counter("requests"), int_counter());
        let metrics = metrics::Counter::from_arc(Arc::new(AtomicU64::new(0)));
        let (client, sharded) = (client_counter(), Sharded::new());
        let (ours, prometheus, metrics) = (&ours, &prometheus, &metrics);
        let (client, sharded) = (&client, &sharded);
        Row::measure_pairs(
            PairSide::each("flightdeck Counter", [move |_| ours.increment(black_box(1)); 2]),
            vec![
                PairSide::each(PLAIN, [|_| plain_add(black_box(1)); 2]),
                PairSide::each(PROMETHEUS, [move |_| prometheus.inc_by(black_box(1)); 2]),
                PairSide::each(METRICS, [move |_| metrics.increment(black_box(1)); 2]),
                PairSide::each(CLIENT, [move |_| _ = client.inc_by(black_box(1)); 2]),
                PairSide::each(SHARDED, [move |_| sharded.add(black_box(1)); 2]),
            ],
            &[
                Bar::TimesFaster(6.0, PROMETHEUS),
                Bar::TimesFaster(6.0, METRICS),
                Bar::TimesFaster(6.0, CLIENT),
                Bar::TimesFaster(3.5, SHARDED),
            ],
        )
    });
}

/// Status codes, and how many of them.
fn statuses<const N: usize>() -> [String; N] {
    std::array::from_fn(|n| (200 + n).to_string())
}

fn labels(session: &mut Session) {
    session.row("counter increment, two labels that are known at the call site", || {
        let telemetry = Telemetry::new();
        Row::measure(
            Side::each("flightdeck counter!", |_| {
                counter!(telemetry, "requests", "method" => "GET", "status" => "200").increment(black_box(1));
            }),
            Vec::new(),
            &[Bar::FloorAtMost(3.0)],
        )
    });
    by_values::<4>(session);
    by_values::<512>(session);
}

fn by_values<const N: usize>(session: &mut Session) {
    session.row(&format!("counter increment, two labels by their values, {N} label sets"), || {
        let telemetry = Telemetry::new();
        let ours = telemetry.counter_by("requests", ["method", "status"]);
        let options = prometheus::Opts::new("requests", "Requests.");
        let vec = prometheus::IntCounterVec::new(options, &["method", "status"]).expect("valid names");
        let client = Family::<Vec<(String, String)>, ClientCounter>::default();
        let statuses = statuses::<N>();
        let status = |n: u64| &*statuses[n as usize % N];
        Row::measure(
            Side::each("flightdeck Family", |n| ours.with(["GET", status(n)]).increment(1)),
            vec![
                Side::each("prometheus::IntCounterVec", |n| vec.with_label_values(&["GET", status(n)]).inc()),
                Side::each("prometheus-client Family", |n| {
                    let labels = vec![
                        ("method".to_owned(), "GET".to_owned()),
                        ("status".to_owned(), status(n).to_owned()),
                    ];
                    client.get_or_create(&labels).inc();
                }),
            ],
            &[
                Bar::FloorAtMost(25.0),
                Bar::FasterThan("prometheus::IntCounterVec"),
                Bar::FasterThan("prometheus-client Family"),
            ],
        )
    });
}

fn histograms(session: &mut Session) {
    session.row("histogram record, kept handle", || {
        // The bounds of its guide: an hour in microseconds, three figures.
        let bounded = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3);
        let mut hdr = bounded.expect("valid bounds");
        let options = prometheus::HistogramOpts::new("latency", "Latency.");
        let prometheus = prometheus::Histogram::with_opts(options).expect("a valid name");
        let telemetry = Telemetry::new();
        let (ours, atomic) = (telemetry.histogram("latency"), atomic_histogram());
        let latencies = latencies();
        let at = |number: u64| latencies[number as usize % VALUES];
        Row::measure(
            Side::each("flightdeck Histogram", |number| ours.record(at(number))),
            vec![
                Side::each("the values alone", |number| _ = black_box(at(number))),
                Side::each(ATOMIC, |number| _ = black_box(atomic.increment(at(number)))),
                Side::each("hdrhistogram, 3 figures, one thread's own", |number| {
                    hdr.saturating_record(at(number));
                    black_box(&hdr);
                }),
                Side::each("prometheus::Histogram, default buckets", |number| {
                    prometheus.observe(at(number) as f64 * 1e-6);
                }),
            ],
            &[Bar::AtMostTimes(1.2, ATOMIC)],
        )
    });
    session.row("histogram record, one histogram from two threads", || {
        let telemetry = Telemetry::new();
        let (ours, atomic, latencies) = (telemetry.histogram("latency"), atomic_histogram(), latencies());
        let (ours, atomic, latencies) = (&ours, &atomic, &latencies);
        let at = move |number: u64| latencies[number as usize % VALUES];
        Row::measure_pairs(
            PairSide::each("flightdeck Histogram", [move |number| ours.record(at(number)); 2]),
            vec![PairSide::each(ATOMIC, [move |number| _ = black_box(atomic.increment(at(number))); 2])],
            &[Bar::TimesFaster(2.5, ATOMIC)],
        )
    });
}

fn timers(session: &mut Session) {
    session.row("timer, one call in 64 is measured", || {
        let telemetry = Telemetry::new();
        let latency = telemetry.histogram("latency");
        let sampled = latency.sampled(&telemetry.counter("calls"), 64.try_into().expect("not zero"));
        Row::measure(
            Side::each("flightdeck SampledTimer", |_| sampled.start().stop()),
            vec![Side::each("every call is measured", |_| latency.start().stop())],
            &[Bar::FloorAtMost(3.0)],
        )
    });
}

/// Of each thread's own cells.
fn snapshot() -> Row {
    const THREADS: usize = 64;
    let telemetry = Telemetry::builder().threads(THREADS).build().expect("the machine has this much memory");
    let counters: Vec<_> = (0..1_000).map(|n| telemetry.counter(&format!("counter_{n}"))).collect();
    let counted = Barrier::new(THREADS);
    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                counters.iter().for_each(|counter| counter.increment(1));
                // All at once, so that none adopts what another had.
                counted.wait();
            });
        }
    });
    assert_eq!(telemetry.stats().slabs_reached, THREADS as u64);
    Row::measure(
        Side::each("flightdeck Telemetry::snapshot", |_| _ = black_box(telemetry.snapshot())),
        Vec::new(),
        &[Bar::FloorAtMost(60_000.0)],
    )
}

fn together(session: &mut Session) {
    session.row("three counters that are read together", || {
        let telemetry = Telemetry::new();
        let group =
            telemetry.group("requests", ["ok", "err", "total"]).expect("it asks for nothing impossible");
        let apart = ["ok", "err", "total"].map(|name| telemetry.counter(name));
        Row::measure(
            Side::each("flightdeck Group::add", |n| group.add([n & 1, !n & 1, 1])),
            vec![Side::each("three counters", |n| {
                apart.iter().zip([n & 1, !n & 1, 1]).for_each(|(counter, more)| counter.increment(more));
            })],
            &[],
        )
    });
    session.row("execute with a measurement and a label", || {
        let (heard, unheard) = (Telemetry::new(), Telemetry::new());
        let calls = heard.counter("calls");
        heard.attach("count", "http", move |_| calls.increment(1)).expect("the id is new");
        let execute = |telemetry: &Telemetry, n: u64| {
            telemetry.execute("http.request.stop", &[("bytes", n.into())], &[("route", "/buy".into())]);
        };
        Row::measure(
            Side::each("flightdeck, nobody is attached", |n| execute(&unheard, n)),
            vec![Side::each("one handler, which counts", |n| execute(&heard, n))],
            &[],
        )
    });
}

fn client_counter() -> ClientCounter {
    ClientCounter::default()
}

/// As fine as ours, and as far.
fn atomic_histogram() -> histogram::AtomicHistogram {
    histogram::AtomicHistogram::new(5, 36).expect("valid powers")
}

/// A power of two, so that it costs no division to go round.
const VALUES: usize = 1 << 12;

/// Latencies in microseconds over four decades, in no order a branch predictor could learn.
fn latencies() -> Box<[u64; VALUES]> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        10_u64.pow((state >> 60) as u32 % 4) * (1 + (state >> 32) % 1_000)
    };
    Box::new([(); VALUES].map(|()| next()))
}

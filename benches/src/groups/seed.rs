//! Against the original system that this one re-imagines, as it was measured on a virtual machine with two cores that had
//! other work too.
//!
//! Its figures are medians, in the better of its revisions for each, with a small map of four in an event, a hundred
//! events an id, one client that asks; they are no figures of this run. What a counter has still queued is that of the
//! revision that takes in the most, when two send.

use super::events::{Lossless, sizes};
use super::queries::{collect, random, visit};
use crate::measure::{Samples, Side, median};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::Ticks;
use flightdeck::config::Config;
use flightdeck::events::{Events, Stamp};
use flightdeck::telemetry::Telemetry;
use std::cell::OnceCell;
use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

flightdeck::kind! {
    /// A small map of four.
    Called("function.called") { arity: u64, took_us: f64, ok: bool, function: str }
}

const ORIGINAL: &str = "the original";
const TIMES: f64 = 100.0;
/// Of updates of a counter.
const TIMES_COUNTED: f64 = 300.0;
const STORED: u64 = 100_000;
const OF_AN_ID: u64 = 100;
const IDS: u64 = STORED / OF_AN_ID;
/// For some tens of scans.
const LONG_ENOUGH: Duration = Duration::from_millis(300);
/// Stores whose quantiles make one sample.
const STORES: usize = 1_000;

/// Nanoseconds, and of what.
const BY_CORRELATION: (f64, &str) = (154_000.0, "by correlation, through its index");
const TIME_RANGE: (f64, &str) = (9_900_000.0, "1 % time range, a scan");
const STORE_DURING_SCAN: (f64, &str) = (7_700_000.0, "a store while another client scans");
const COUNTED: (f64, &str) = (400.0, "a counter, at its caller");
const CONFIG_GET: (f64, &str) = (1_600.0, "a config value by its path, from the server");
const CONFIG_UPDATE: (f64, &str) = (8_400.0, "a config update, with its event and counter");
const ABSORBED: (f64, &str) = (1e9 / 450_000.0, "a counter, absorbed by the server");
/// Of what two senders sent at full speed for three seconds.
const QUEUED_PERCENT: f64 = 97.0;

pub(super) fn run(session: &mut Session) {
    by_correlation(session);
    time_range(session);
    store_during_scan(session);
    counted(session);
    configured(session);
}

/// A read as a host does it, and an update that one subscriber is told of.
fn configured(session: &mut Session) {
    let config = || Config::new(()).expect("nothing speaks against it");
    session.row("config, a read", || {
        let config = config();
        let mut reader = config.reader();
        let ours = Side::each("flightdeck Reader::get", |_| {
            black_box(black_box(&mut reader).get());
        });
        beside(Row::measure(ours, Vec::new(), &[]), CONFIG_GET, 500.0)
    });
    session.row("config, an update", || {
        let deck = flightdeck::Flightdeck::builder().start().expect("nothing speaks against it");
        let config = deck.config().clone();
        let told = |change: &flightdeck::config::Change<()>| {
            black_box(change.revision());
        };
        config.subscribe(told).forever();
        let ours = Side::each("flightdeck Config::replace in a deck, with its event and counter", |_| {
            assert!(config.replace(()).is_ok());
        });
        beside(Row::measure(ours, Vec::new(), &[]), CONFIG_UPDATE, 4.0)
    });
}

/// Which id event `n` has.
type Ids = fn(u64) -> u64;
/// Asks; how many events it got.
type Ask<T> = fn(&Events, T) -> u64;

fn by_correlation(session: &mut Session) {
    let orders: [(&str, Ids); 2] =
        [("one id after the other", |n| n / OF_AN_ID + 1), ("all ids at once", |n| n % IDS + 1)];
    let ways: [(&str, Ask<u64>); 2] = [
        ("visiting", |events, id| visit(events.query().correlation(id))),
        ("collected in order", |events, id| collect(events.query().correlation(id))),
    ];
    for (order, id) in orders {
        for (way, ask) in ways {
            session.row(&format!("100 of 100,000 events by correlation, {way}, written {order}"), || {
                let events = stored(id).0;
                let ours = Side::each("flightdeck, ids at random", |n| {
                    assert_eq!(ask(&events, random(n) % IDS + 1), OF_AN_ID);
                });
                beside(Row::measure(ours, Vec::new(), &[]), BY_CORRELATION, TIMES)
            });
        }
    }
}

fn time_range(session: &mut Session) {
    let ways: [(&str, Ask<Range<Ticks>>); 2] = [
        ("visiting", |events, range| visit(events.query().between(range))),
        ("collected in order", |events, range| collect(events.query().between(range))),
    ];
    for (way, ask) in ways {
        session.row(&format!("1 % time range of 100,000 events, {way}"), || {
            let (events, start) = stored(|n| n / OF_AN_ID + 1);
            let ours = Side::each("flightdeck, ranges at random", |n| {
                let from = start + random(n) % (STORED - STORED / 100);
                assert_eq!(ask(&events, Ticks(from)..Ticks(from + STORED / 100)), STORED / 100);
            });
            beside(Row::measure(ours, Vec::new(), &[]), TIME_RANGE, TIMES)
        });
    }
}

fn store_during_scan(session: &mut Session) {
    session.row("a store while another thread scans 100,000 events", || {
        let events = stored(|n| n / OF_AN_ID + 1).0;
        let (done, scans) = (AtomicBool::new(false), AtomicU64::new(0));
        let quiet = rounds(&events);
        let loud = thread::scope(|threads| {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(
                        collect(events.query()) >= STORED / 2,
                        "the writer overwrites no more than it writes"
                    );
                    scans.fetch_add(1, Ordering::Relaxed);
                }
            });
            while scans.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            let loud = rounds(&events);
            done.store(true, Ordering::Relaxed);
            loud
        });
        let scans = scans.into_inner();
        let samples =
            |rounds: &[[f64; 3]], at: usize| Samples(rounds.iter().map(|round| round[at]).collect());
        let sides = [
            (format!("flightdeck record, median of {STORES}, {scans} scans meanwhile"), samples(&loud, 0)),
            (format!("p99 of {STORES}"), samples(&loud, 1)),
            (format!("the slowest of {STORES}"), samples(&loud, 2)),
            ("the median while nobody scans".to_owned(), samples(&quiet, 0)),
        ];
        beside(Row::of(sides.map(Measured::from), &[]), STORE_DURING_SCAN, TIMES)
    });
}

/// Median, p99 and slowest of each round's stores.
fn rounds(events: &Events) -> Vec<[f64; 3]> {
    let start = Instant::now();
    let round = |round: usize| {
        let store = |n: usize| {
            let n = black_box((round * STORES + n) as u64);
            let start = Instant::now();
            events.record_with(Stamp::of(n / OF_AN_ID + 1), called(n));
            start.elapsed().as_nanos() as f64
        };
        let mut took: Vec<_> = (0..STORES).map(store).collect();
        took.sort_unstable_by(f64::total_cmp);
        [median(&took), took[STORES * 99 / 100], took[STORES - 1]]
    };
    (0..).take_while(|_| start.elapsed() < LONG_ENOUGH).map(round).collect()
}

/// Updates of a counter: what they cost the caller, how many are taken in, and how many are not yet when asked.
fn counted(session: &mut Session) {
    session.row("counter, at its caller", || {
        let telemetry = Telemetry::new();
        let counter = telemetry.counter("requests");
        let ours = Side::each("flightdeck Counter, kept handle", |_| {
            counter.increment(black_box(1));
            black_box(&counter);
        });
        beside(Row::measure(ours, Vec::new(), &[]), COUNTED, TIMES_COUNTED)
    });
    let measured = OnceCell::new();
    session.row(
        "counter, two threads at full speed for three seconds: an update that is in its value",
        || {
            let rounds: &Vec<Overload> = measured.get_or_init(overload);
            let took =
                rounds.iter().map(|round| round.took.as_nanos() as f64 / round.absorbed as f64).collect();
            let ours = Measured::from(("flightdeck Counter, one for both".to_owned(), Samples(took)));
            beside(Row::of([ours], &[]), ABSORBED, TIMES_COUNTED)
        },
    );
    session.row(
        "counter, two threads at full speed for three seconds: updates not in its value at the end",
        || {
            let rounds: &Vec<Overload> = measured.get_or_init(overload);
            let left = |round: &Overload| (round.sent - round.absorbed) as f64 / round.sent as f64 * 100.0;
            let sides = [
                ("flightdeck Counter, one for both".to_owned(), Samples(rounds.iter().map(left).collect())),
                (
                    format!("{ORIGINAL}, still queued, measured elsewhere"),
                    Samples(vec![QUEUED_PERCENT; rounds.len()]),
                ),
            ];
            let row = Row::of(sides.map(Measured::from), &[Bar::AtMostTimes(0.0, ORIGINAL)]);
            row.in_unit("%")
        },
    );
}

/// What became of the updates of a round.
struct Overload {
    sent: u64,
    /// In the value that was read as soon as the threads had stopped.
    absorbed: u64,
    took: Duration,
}

fn overload() -> Vec<Overload> {
    const ROUNDS: usize = 30;
    const ROUND: Duration = Duration::from_millis(100);
    /// Updates between two looks at the clock.
    const STRIDE: u64 = 1_024;
    let telemetry = Telemetry::new();
    let counter = &telemetry.counter("requests");
    let round = |_| {
        let (before, start) = (counter.value(), Instant::now());
        let send = || {
            let mut sent = 0;
            while start.elapsed() < ROUND {
                (0..STRIDE).for_each(|_| counter.increment(black_box(1)));
                sent += STRIDE;
            }
            sent
        };
        let sent = thread::scope(|threads| {
            [threads.spawn(send), threads.spawn(send)].map(|thread| thread.join().expect("it only counts"))
        });
        let absorbed = counter.value() - before;
        Overload { sent: sent.iter().sum(), absorbed, took: start.elapsed() }
    };
    (0..ROUNDS).map(round).collect()
}

/// The row beside what the original took, which it must beat by so much.
fn beside(mut row: Row, (took, what): (f64, &str), times: f64) -> Row {
    let samples = Samples(vec![took; row.ours.samples.0.len()]);
    row.against.push(Measured { name: format!("{ORIGINAL}, {what}, measured elsewhere"), samples });
    row.bars.push(Bar::TimesFaster(times, ORIGINAL));
    row
}

/// As many events as the original had, a tick apart by their supplied times, and the first of these.
fn stored(id: Ids) -> (Lossless, u64) {
    let events = sizes(16 << 20, 1).build().expect("the machine has this much memory");
    let start = events.clock().now().0;
    // On a thread that ends, and so gives the shard back.
    thread::scope(|threads| {
        threads.spawn(|| {
            (0..STORED).for_each(|n| events.record_with(Stamp::of(id(n)).at(Ticks(start + n)), called(n)));
        });
    });
    assert_eq!(events.query().count(), STORED, "the ring is large enough");
    (Lossless(events), start)
}

fn called(n: u64) -> Called<'static> {
    Called { arity: n % 4, took_us: n as f64, ok: !n.is_multiple_of(7), function: "handle_call" }
}

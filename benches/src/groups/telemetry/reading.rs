//! Reading, and what writers have to bear from it.

use super::{VALUES, latencies};
use crate::measure::{Plan, Samples, Side};
use crate::pair::{PairSide, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::telemetry::Telemetry;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ALONE: &str = "nobody reads";
/// Label sets of one metric.
const SERIES: usize = 10_000;

pub(super) fn run(session: &mut Session) {
    session.row("snapshot of 1,000 counters over 64 slabs", snapshot);
    while_snapshots_are_taken(session);
    windows(session);
    retirement(session);
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

/// One measurement of the writer's processor time, with and without a reader on the other core.
fn while_snapshots_are_taken(session: &mut Session) {
    session.row(
        "counter increment, while another thread takes snapshots of 1,000 counters: its processor time",
        || {
            let telemetry = Telemetry::new();
            let counters: Vec<_> = (0..1_000).map(|n| telemetry.counter(&format!("counter_{n}"))).collect();
            // All are in the writer's own cells, and it goes through all: it meets the reader everywhere.
            let (counters, telemetry) = (&counters, &telemetry);
            let count = move |operations: u64| {
                let mut at = 0;
                for _ in 0..operations {
                    counters[at].increment(black_box(1));
                    at = if at + 1 == counters.len() { 0 } else { at + 1 };
                }
            };
            let read = move |pause: Duration, taken: &AtomicU64| {
                black_box(telemetry.snapshot());
                taken.fetch_add(1, Ordering::Relaxed);
                thread::sleep(pause);
            };
            let (now_and_then, without_pause) = (&AtomicU64::new(0), &AtomicU64::new(0));
            let paired = in_pairs(vec![
                PairSide::of(
                    "one a millisecond",
                    count,
                    Some(Box::new(move |_| read(Duration::from_millis(1), now_and_then))),
                ),
                PairSide::of(ALONE, count, None),
                PairSide::of(
                    "back to back",
                    count,
                    Some(Box::new(move |_| read(Duration::ZERO, without_pause))),
                ),
            ]);
            let taken = [now_and_then, without_pause].map(|taken| taken.load(Ordering::Relaxed));
            assert!(taken.iter().all(|taken| *taken > 0), "nobody read: {taken:?}");
            let [some, alone, all] = &paired.sides[..] else { unreachable!("three sides") };
            let sides = [
                (format!("with one a millisecond, {} in all", taken[0]), some),
                (ALONE.to_owned(), alone),
                // It takes each line from the writer's cache once a round: a limit, not a use.
                (format!("with one after the other, {} in all", taken[1]), all),
            ];
            let sides = sides.map(|(name, times)| Measured { name, samples: times.first_cpu.clone() });
            Row { gain: Some(paired.gain()), ..Row::of(sides, &[Bar::AtMostTimes(1.05, ALONE)]) }
        },
    );
}

/// What a tick costs that ends a slot of every window.
fn windows(session: &mut Session) {
    session.row("tick of a window of 60 slots, which ends one", || {
        let telemetry = Telemetry::new();
        let (counter, histogram) = (telemetry.counter("requests"), telemetry.histogram("latency"));
        let slot = Duration::from_millis(1);
        let of_counter = telemetry.window(&counter, 60, slot).expect("it asks for nothing impossible");
        let of_histogram = telemetry.window(&histogram, 60, slot).expect("it asks for nothing impossible");
        let latencies = latencies();
        let start = Instant::now();
        let later = |n: u64| start + slot * u32::try_from(n).expect("a tick takes longer than that");
        Row::measure(
            Side::each("flightdeck Window::tick, of a counter", |n| {
                counter.increment(1);
                of_counter.tick(later(n));
            }),
            vec![Side::each("of a histogram, one value each", |n| {
                histogram.record(latencies[n as usize % VALUES]);
                of_histogram.tick(later(n));
            })],
            &[],
        )
    });
}

fn retirement(session: &mut Session) {
    session.row(&format!("retire_idle over {SERIES} series"), || {
        let telemetry = Telemetry::new();
        let description = flightdeck::telemetry::Description::new("calls by user").most_series(SERIES);
        telemetry.describe("calls", description).expect("it was not described before");
        let make = |telemetry: &Telemetry| {
            for n in 0..SERIES {
                telemetry.counter_with("calls", &[("user", &n.to_string())]).increment(1);
            }
        };
        make(&telemetry);
        assert_eq!(telemetry.stats().series, SERIES as u64);
        let day = Duration::from_secs(86_400);
        let plan = Plan { rounds: 31, batch: Duration::from_millis(20) };
        let ours = Side::each("flightdeck, none is idle", |_| {
            assert_eq!(telemetry.retire_idle(day).series, 0);
        });
        let mut row = Row::measure_as(plan, ours, Vec::new(), &[]);
        // Each series goes once: so these are timed one by one, and made anew before.
        telemetry.retire_idle(Duration::ZERO);
        let all_go = |_| {
            make(&telemetry);
            assert_eq!(telemetry.retire_idle(Duration::ZERO).series, 0, "what each is has to be seen once");
            let start = Instant::now();
            let retired = telemetry.retire_idle(Duration::ZERO).series;
            let took = start.elapsed().as_nanos() as f64;
            assert_eq!(retired, SERIES as u64);
            took
        };
        let samples = Samples((0..plan.rounds).map(all_go).collect());
        row.against.push(Measured { name: "flightdeck, all are idle and go".to_owned(), samples });
        row
    });
}

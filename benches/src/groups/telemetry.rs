//! Telemetry: metrics through kept handles.

use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::telemetry::Telemetry;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const PLAIN: &str = "thread-local add";
const PROMETHEUS: &str = "prometheus::IntCounter";
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
    session.row("counter increment, kept handle", || {
        let telemetry = Telemetry::new();
        let (ours, prometheus) = (telemetry.counter("requests"), int_counter());
        let metrics = metrics::Counter::from_arc(Arc::new(AtomicU64::new(0)));
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
            ],
            &[Bar::AtMostTimes(2.0, PLAIN), Bar::FasterThan(PROMETHEUS)],
        )
    });
    session.row("counter increment, one counter from two threads", || {
        let telemetry = Telemetry::new();
        let (ours, prometheus) = (telemetry.counter("requests"), int_counter());
        let metrics = metrics::Counter::from_arc(Arc::new(AtomicU64::new(0)));
        let (ours, prometheus, metrics) = (&ours, &prometheus, &metrics);
        Row::measure_pairs(
            PairSide::each("flightdeck Counter", [move |_| ours.increment(black_box(1)); 2]),
            vec![
                PairSide::each(PLAIN, [|_| plain_add(black_box(1)); 2]),
                PairSide::each(PROMETHEUS, [move |_| prometheus.inc_by(black_box(1)); 2]),
                PairSide::each(METRICS, [move |_| metrics.increment(black_box(1)); 2]),
            ],
            &[Bar::FasterThan(PROMETHEUS)],
        )
    });
    session.row("histogram record, kept handle", || {
        // The bounds of its guide: an hour in microseconds, three figures.
        let bounded = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3);
        let mut hdr = bounded.expect("valid bounds");
        let options = prometheus::HistogramOpts::new("latency", "Latency.");
        let prometheus = prometheus::Histogram::with_opts(options).expect("a valid name");
        let telemetry = Telemetry::new();
        let ours = telemetry.histogram("latency");
        let latencies = latencies();
        let at = |number: u64| latencies[number as usize % latencies.len()];
        Row::measure(
            Side::each("flightdeck Histogram", |number| ours.record(at(number))),
            vec![
                Side::each("hdrhistogram, 3 figures, one thread's own", |number| {
                    hdr.saturating_record(at(number));
                    black_box(&hdr);
                }),
                Side::each("prometheus::Histogram, default buckets", |number| {
                    prometheus.observe(at(number) as f64 * 1e-6);
                }),
            ],
            &[],
        )
    });
}

/// Latencies in microseconds over four decades, in no order a branch predictor could learn.
fn latencies() -> Vec<u64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        10_u64.pow((state >> 60) as u32 % 4) * (1 + (state >> 32) % 1_000)
    };
    std::iter::repeat_with(next).take(1 << 12).collect()
}

//! Counters through kept handles.

use super::peers::{CLIENT, MEASURED, METRICS, OTEL, Otel, PROMETHEUS, SHARDED, int_counter};
use crate::measure::{Samples, Side};
use crate::pair::{PairSide, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use contatori::counters::unsigned::Unsigned as Sharded;
use flightdeck::telemetry::Telemetry;
use prometheus_client::metrics::counter::Counter as ClientCounter;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

const PLAIN: &str = "thread-local add";
const LOOPS: &str = "two plain loops over one";

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

/// Each peer's counter.
struct Peers {
    prometheus: prometheus::IntCounter,
    metrics: metrics::Counter,
    client: ClientCounter,
    sharded: Sharded,
    measured: measured::Counter,
    otel: opentelemetry::metrics::BoundCounter<u64>,
    sdk: Otel,
}

impl Peers {
    fn new() -> Self {
        let sdk = Otel::new();
        Self {
            prometheus: int_counter(),
            metrics: metrics::Counter::from_arc(Arc::new(AtomicU64::new(0))),
            client: ClientCounter::default(),
            sharded: Sharded::new(),
            measured: measured::Counter::new(),
            otel: sdk.bound_counter(),
            sdk,
        }
    }
}

pub(super) fn run(session: &mut Session) {
    session.row("counter increment, kept handle", || {
        let telemetry = Telemetry::new();
        let ours = telemetry.counter("requests");
        let peers = Peers::new();
        let Peers { prometheus, metrics, client, sharded, measured, otel, sdk } = &peers;
        let row = Row::measure(
            Side::each("flightdeck Counter", |_| {
                ours.increment(black_box(1));
                black_box(&ours);
            }),
            vec![
                Side::each(PLAIN, |_| plain_add(black_box(1))),
                Side::each(PROMETHEUS, |_| {
                    prometheus.inc_by(black_box(1));
                    black_box(prometheus);
                }),
                Side::each(METRICS, |_| {
                    metrics.increment(black_box(1));
                    black_box(metrics);
                }),
                Side::each(CLIENT, |_| _ = client.inc_by(black_box(1))),
                Side::each(SHARDED, |_| sharded.add(black_box(1))),
                Side::each(MEASURED, |_| measured.get_metric().inc_by(black_box(1))),
                Side::each(OTEL, |_| otel.add(black_box(1))),
            ],
            &[
                Bar::AtMostTimes(1.5, PLAIN),
                Bar::TimesFaster(2.0, PROMETHEUS),
                Bar::TimesFaster(2.0, METRICS),
                Bar::TimesFaster(2.0, CLIENT),
                Bar::TimesFaster(2.0, SHARDED),
                Bar::TimesFaster(2.0, MEASURED),
                Bar::TimesFaster(2.0, OTEL),
            ],
        );
        sdk.assert_counts();
        row
    });
    session.row("counter increment, one counter from two threads", || {
        let telemetry = Telemetry::new();
        let ours = &telemetry.counter("requests");
        let peers = Peers::new();
        let Peers { prometheus, metrics, client, sharded, measured, otel, .. } = &peers;
        Row::measure_pairs(
            PairSide::each("flightdeck Counter", [move |_| ours.increment(black_box(1)); 2]),
            vec![
                PairSide::each(PLAIN, [|_| plain_add(black_box(1)); 2]),
                PairSide::each(PROMETHEUS, [move |_| prometheus.inc_by(black_box(1)); 2]),
                PairSide::each(METRICS, [move |_| metrics.increment(black_box(1)); 2]),
                PairSide::each(CLIENT, [move |_| _ = client.inc_by(black_box(1)); 2]),
                PairSide::each(SHARDED, [move |_| sharded.add(black_box(1)); 2]),
                PairSide::each(MEASURED, [move |_| measured.get_metric().inc_by(black_box(1)); 2]),
                PairSide::each(OTEL, [move |_| otel.add(black_box(1)); 2]),
            ],
            &[
                Bar::TimesFaster(6.0, PROMETHEUS),
                Bar::TimesFaster(6.0, METRICS),
                Bar::TimesFaster(6.0, CLIENT),
                Bar::TimesFaster(6.0, MEASURED),
                Bar::TimesFaster(6.0, OTEL),
                Bar::TimesFaster(3.5, SHARDED),
            ],
        )
    });
    session.row("counter increment, one counter from two threads, what the second brings", || {
        let telemetry = Telemetry::new();
        let ours = &telemetry.counter("requests");
        let count = move |_| ours.increment(black_box(1));
        let paired = in_pairs(vec![PairSide::alone("one", count), PairSide::each("two", [count; 2])]);
        let [one, two] = &paired.sides[..] else { unreachable!("two sides") };
        let gains = one.each.0.iter().zip(&two.each.0).map(|(one, two)| 2.0 * one / two).collect();
        let sides = [("two threads over one", Samples(gains)), (LOOPS, paired.gains.clone())];
        let sides = sides.map(|(name, samples)| Measured { name: name.to_owned(), samples });
        let row = Row { gain: Some(paired.gain()), ..Row::of(sides, &[Bar::AtLeastTimes(0.95, LOOPS)]) };
        row.in_unit("x")
    });
}

//! What a thread takes for a metric that it counts in, by the telemetry's own account and by the system's.

use crate::measure::Samples;
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::telemetry::{Histogram, Telemetry};
use std::sync::Barrier;
use std::thread;

const THREADS: usize = 64;
/// With the cell that a telemetry keeps for itself they fill their chunks.
const COUNTERS: usize = 31_999;

pub(super) fn run(session: &mut Session) {
    session.row("memory of a counter, for each thread that counts in it", || {
        let telemetry = Telemetry::builder().threads(THREADS).memory(64 << 20).build();
        let telemetry = telemetry.expect("the machine has this much memory");
        let counters: Vec<_> = (0..COUNTERS).map(|n| telemetry.counter(&format!("counter_{n}"))).collect();
        // Once before, so that what threads themselves take is there.
        on_all_threads(|| ());
        let before = resident_bytes();
        on_all_threads(|| counters.iter().for_each(|counter| counter.increment(1)));
        let resident = resident_bytes().saturating_sub(before);
        let stats = telemetry.stats();
        assert_eq!((stats.slabs_reached, stats.shared_updates), (THREADS as u64, 0), "{stats:?}");
        let each = |bytes: u64| bytes as f64 / (COUNTERS * THREADS) as f64;
        let row = bytes(
            ("flightdeck, its cells", each(stats.chunk_bytes)),
            &[("what the system gave, with the slabs' tables", each(resident))],
            &[Bar::FloorAtMost(8.01)],
        );
        drop(counters);
        row
    });
    session.row("memory of a histogram, for each thread that records", || {
        let telemetry = Telemetry::new();
        let latencies = super::latencies();
        let decades = touched(&telemetry, "decades", |histogram| {
            latencies.iter().for_each(|latency| histogram.record(*latency));
        });
        let one = touched(&telemetry, "one", |histogram| histogram.record(250));
        let mut formula = 0.0;
        let all = touched(&telemetry, "all", |histogram| {
            formula = histogram.resolution().bytes() as f64;
            let greatest = histogram.resolution().greatest();
            (0..64).map(|bits| 1_u64 << bits).take_while(|value| *value <= greatest).for_each(|octave| {
                (0..64).for_each(|part| histogram.record(octave + octave / 64 * part));
            });
            histogram.record(u64::MAX);
        });
        // At most a piece of 512 bytes at each end belongs to its neighbours.
        bytes(
            ("flightdeck, values of all sizes", all),
            &[("values over four decades", decades), ("one value", one), ("as its formula says", formula)],
            &[Bar::FloorAtMost(formula + 1_024.0)],
        )
    });
}

/// Bytes that this thread took for a histogram in which it records.
fn touched(telemetry: &Telemetry, name: &str, record: impl FnOnce(&Histogram)) -> f64 {
    let histogram = telemetry.histogram(name);
    let before = telemetry.stats().chunk_bytes;
    record(&histogram);
    (telemetry.stats().chunk_bytes - before) as f64
}

fn bytes(ours: (&str, f64), others: &[(&str, f64)], bars: &[Bar]) -> Row {
    let side = |(name, bytes): &(&str, f64)| Measured::from(((*name).to_owned(), Samples(vec![*bytes])));
    let sides: Vec<_> = std::iter::once(&ours).chain(others).map(side).collect();
    Row::of(sides, bars).in_unit("B")
}

/// All at once, so that none adopts what another had.
fn on_all_threads(body: impl Fn() + Sync) {
    let done = Barrier::new(THREADS);
    let start = || {
        body();
        done.wait();
    };
    thread::scope(|threads| {
        let running: Vec<_> = (0..THREADS).map(|_| threads.spawn(start)).collect();
        // Joined one by one: only then their thread-locals are gone for sure.
        running.into_iter().for_each(|thread| thread.join().expect("it only counts"));
    });
}

/// What the system has given this process; 0 where it does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}

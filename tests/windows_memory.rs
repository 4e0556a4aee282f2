//! What windows take of the heap: no more than they say, and nothing at ticks but where histograms counted something.

#[path = "support/held.rs"]
mod held;

use flightdeck::telemetry::{Telemetry, Window};
use held::HELD;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const SLOTS: usize = 60;

#[test]
fn windows_over_counters_and_gauges_take_what_they_say_and_allocate_nothing_when_ticked() {
    let telemetry = Telemetry::new();
    let (counter, gauge) = (telemetry.counter("counter"), telemetry.gauge("gauge"));
    counter.touch();
    // The list of windows has room for some from the first on.
    let _first = telemetry.window(&counter, 1, SECOND).unwrap();
    let before = HELD.get().0;
    let of_counter: Window<_> = telemetry.window(&counter, SLOTS, SECOND).unwrap();
    let between = HELD.get().0;
    let of_gauge = telemetry.window(&gauge, SLOTS, SECOND).unwrap();
    let after = HELD.get().0;
    assert_eq!((between - before, after - between), (of_counter.bytes(), of_gauge.bytes()));
    assert_eq!((of_counter.bytes(), of_gauge.bytes()), (of_counter.most_bytes(), of_gauge.most_bytes()));
    assert!(of_counter.most_bytes() <= SLOTS * 24 + 500, "{}", of_counter.most_bytes());
    assert!(of_gauge.most_bytes() <= SLOTS * 40 + 500, "{}", of_gauge.most_bytes());
    let (_, _, asked) = HELD.get();
    let start = Instant::now();
    for tick in 0..1_000 {
        counter.increment(1);
        gauge.set(tick);
        telemetry.tick(start + SECOND * tick as u32);
        let _ = (of_counter.rate(60 * SECOND), of_gauge.max(60 * SECOND));
    }
    assert_eq!(HELD.get().2, asked);
    assert_eq!(of_counter.stats().slots, SLOTS);
}

#[test]
fn windows_over_histograms_take_what_they_say_and_no_more_than_at_worst() {
    let telemetry = Telemetry::new();
    let histogram = telemetry.histogram("latency_ns");
    histogram.touch();
    // One value for each bucket.
    (0..36).for_each(|octave| {
        (0..64).for_each(|step| histogram.record((1_u64 << octave) | (step << octave >> 6)))
    });
    histogram.record(u64::MAX);
    let all: Vec<u64> = histogram.values().buckets().map(|(low, _, _)| low).collect();
    assert!(all.len() > 1_000);
    // The list of windows has room for some from the first on, and forgets this one.
    drop(telemetry.window(&histogram, 1, SECOND).unwrap());
    let mut now = Instant::now();
    telemetry.tick(now);
    let before = HELD.get().0;
    let window = telemetry.window(&histogram, SLOTS, SECOND).unwrap();
    telemetry.tick(now);
    let mut fill = |values: &[u64]| {
        for _ in 0..2 * SLOTS {
            values.iter().for_each(|value| histogram.record(*value));
            now += SECOND;
            telemetry.tick(now);
        }
        let held = HELD.get().0 - before;
        assert_eq!(held, window.bytes());
        assert!(held <= window.most_bytes(), "{held} of {}", window.most_bytes());
        held
    };
    let none = fill(&[]);
    assert!(none <= SLOTS * 48 + 8 * 1_100 + 500, "{none}");
    assert_eq!(fill(&all[..10]), none + SLOTS * 10 * 16);
    let dense = fill(&all);
    assert!(dense > SLOTS * all.len() * 8, "{dense}: the worst case is met");
    assert!(dense <= SLOTS * (48 + 8 * 1_100) + 8 * 1_100 + 500, "{dense}");
    // Half of the buckets, where the two forms change over, and back.
    for filled in [all.len() / 2 - 1, all.len() / 2, all.len() / 2 + 1, all.len() / 2 + 2] {
        fill(&all[..filled]);
    }
    assert_eq!(fill(&[]), none);
}

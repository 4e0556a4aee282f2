//! Telemetry without a deck: four threads count and time, one reads.

use flightdeck::telemetry::{Telemetry, Value};
use std::time::Instant;

fn main() {
    let telemetry = Telemetry::new();
    let (requests, latency) = (telemetry.counter("requests_total"), telemetry.histogram("latency_ns"));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..10_000 {
                    let began = Instant::now();
                    requests.increment(1);
                    latency.record(began.elapsed().as_nanos() as u64);
                }
            });
        }
    });
    for (name, value) in telemetry.snapshot().iter() {
        match value {
            Value::Histogram(values) => {
                let [p50, p99] = [0.5, 0.99].map(|share| values.quantile(share).unwrap_or(0));
                println!("{name}: {} values, p50 {p50} ns, p99 {p99} ns", values.count());
            }
            other => println!("{name}: {other:?}"),
        }
    }
}

//! The hot paths under criterion, for following one of them while working on it. Comparisons: the scorecard.

use criterion::{Criterion, criterion_group, criterion_main};
use flightdeck::config::{Config, Validate, Violations};
use flightdeck::events::{Events, Stamp};
use flightdeck::telemetry::Telemetry;
use std::hint::black_box;

flightdeck::kind! {
    Filled("order.filled") { qty: u64, price: f64 }
}

fn events(criterion: &mut Criterion) {
    let events = Events::builder().memory(16 << 20).build().expect("16 MiB are there");
    let mut writer = events.writer().expect("a shard is free");
    let filled = || Filled { qty: black_box(5), price: black_box(1.25) };
    criterion.bench_function("event record", |bench| {
        let _in = events.scope(42_u64);
        bench.iter(|| events.record(filled()));
    });
    criterion.bench_function("event through a writer", |bench| {
        let mut id = 1_u64;
        bench.iter(|| {
            id += 1;
            writer.record_with(Stamp::of(id), filled());
        });
    });
    events.switch(false);
    criterion.bench_function("event switched off", |bench| bench.iter(|| events.record(filled())));
}

fn telemetry(criterion: &mut Criterion) {
    let telemetry = Telemetry::new();
    let (counter, histogram) = (telemetry.counter("requests"), telemetry.histogram("latency"));
    criterion.bench_function("counter increment", |bench| bench.iter(|| counter.increment(black_box(1))));
    let mut value = 1_u64;
    criterion.bench_function("histogram record", |bench| {
        bench.iter(|| {
            value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
            histogram.record(value >> 40);
        });
    });
}

struct Limits(u64);

impl Validate for Limits {
    fn validate(&self, _: &mut Violations) {}
}

fn config(criterion: &mut Criterion) {
    let config = Config::new(Limits(7)).expect("nothing speaks against it");
    let mut reader = config.reader();
    criterion.bench_function("config read", |bench| bench.iter(|| reader.get().0));
}

criterion_group!(hot_paths, events, telemetry, config);
criterion_main!(hot_paths);

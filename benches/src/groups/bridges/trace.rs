//! Events as a trace: how long one takes, and what whoever records meanwhile has to bear.

use crate::measure::Samples;
use crate::pair::{PairSide, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::bridge::trace::{Format, Trace};
use flightdeck::events::{Class, Events, Shares, Stamp};
use std::io;
use std::sync::Mutex;
use std::time::Instant;

flightdeck::kind! {
    Handle("order.handle") { order: u64, venue: str }
    Priced("order.priced") { price: f64, quantity: u64, venue: str }
}

/// What is exported.
const EVENTS: u64 = 1_000_000;
const ROUNDS: usize = 11;
const ALONE: &str = "without an export";

pub(super) fn run(session: &mut Session) {
    session.row("trace of 1,000,000 events, half of them of spans, to nowhere: an event", whole);
    session.row(
        "event of 64 B, precise clock, Writer, while a cursor's events become a trace: its processor time",
        beside,
    );
}

fn store(bytes: usize) -> Events {
    let builder = Events::builder().memory(bytes).shards(1).shares(Shares::only(Class::Normal));
    builder.build().expect("as much memory")
}

/// Requests of four events each: a span, and two events in it.
fn whole() -> Row {
    let events = store(512 << 20);
    for order in 0..EVENTS / 4 {
        let _in = events.scope(order + 1);
        let _handle = events.span(Handle { order, venue: "XETRA" });
        events.record(Priced { price: 1.25, quantity: order, venue: "XETRA" });
        events.record(Priced { price: 1.5, quantity: order, venue: "LSE" });
    }
    let mut sides = [("Perfetto", Format::Perfetto), ("Chrome", Format::Chrome)]
        .map(|(name, format)| (name, format, 0, Samples::default()));
    for _ in 0..ROUNDS {
        for (_, format, bytes, samples) in &mut sides {
            let start = Instant::now();
            *bytes = export(&events, *format);
            samples.0.push(start.elapsed().as_nanos() as f64 / EVENTS as f64);
        }
    }
    let sides = sides.map(|(name, _, bytes, samples)| Measured {
        name: format!("{name}, {} bytes an event", bytes / EVENTS),
        samples,
    });
    Row::of(sides, &[Bar::MedianAtMost(1_000.0)])
}

/// How many bytes that makes.
fn export(events: &Events, format: Format) -> u64 {
    let mut trace = Trace::builder(format).start(io::sink(), events.clock().converter());
    let mut written = Ok(());
    let read = events.query().each_in_order(|event| {
        if written.is_ok() {
            written = trace.write(event);
        }
    });
    read.expect("nothing contradicts itself");
    written.expect("a sink takes all");
    let (_, stats) = trace.finish().expect("a sink takes all");
    assert_eq!((stats.events, stats.spans), (EVENTS, EVENTS / 4), "nothing was overwritten");
    stats.bytes
}

/// On lines of its own: what the two threads share is the store alone.
#[repr(align(128))]
struct Apart<T>(Mutex<T>);

/// At full speed.
fn beside() -> Row {
    let events = store(64 << 20);
    let writer = Apart(Mutex::new(events.writer().expect("a shard is free")));
    let write = |count: u64| {
        let mut writer = writer.0.lock().expect("nothing panics with it");
        (0..count).for_each(|n| {
            writer.record_with(Stamp::of(n / 8 + 1), Priced { price: 1.25, quantity: n, venue: "XETRA" });
        });
    };
    write(1_000_000);
    let trace = Trace::builder(Format::Perfetto).start(io::sink(), events.clock().converter());
    let followed = Apart(Mutex::new((events.cursor(), trace)));
    let follow = |polls: u64| {
        let (cursor, trace) = &mut *followed.0.lock().expect("nothing panics with it");
        (0..polls).for_each(|_| {
            cursor.poll(1, |delivery| trace.delivery(delivery).expect("a sink takes all"));
        });
    };
    let with = PairSide::of("with an export", write, Some(Box::new(follow)));
    let paired = in_pairs(vec![PairSide::of(ALONE, write, None), with]);
    let stats = followed.0.lock().expect("nothing panics with it").1.stats();
    let sides = [
        (
            format!("with an export: {} written, {} overwritten before", stats.events, stats.missing),
            &paired.sides[1],
        ),
        (ALONE.to_owned(), &paired.sides[0]),
    ];
    let sides = sides.map(|(name, times)| Measured { name, samples: times.first_cpu.clone() });
    Row { gain: Some(paired.gain()), ..Row::of(sides, &[Bar::AtMostTimes(1.10, ALONE)]) }
}

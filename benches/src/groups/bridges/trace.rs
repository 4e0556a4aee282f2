//! Events as a trace: how long one takes, and what whoever records meanwhile has to bear.

use crate::measure::Samples;
use crate::pair::{PairSide, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::Clock;
use flightdeck::bridge::trace::{Format, Trace};
use flightdeck::events::{Class, Cursor, CursorState, Delivery, Events, Shares, Stamp, Start, Writer};
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

/// A cursor and the trace that its events go to.
fn followed(cursor: Cursor, clock: &Clock) -> Apart<(Cursor, Trace<io::Sink>)> {
    Apart(Mutex::new((cursor, Trace::builder(Format::Perfetto).start(io::sink(), clock.converter()))))
}

/// At full speed. What the export reads is told from what it does: beside the same writer one thread exports the events of
/// another store, and one reads this store's and makes nothing of them.
fn beside() -> Row {
    let (events, other) = (store(64 << 20), store(64 << 20));
    let [writer, of_other] =
        [&events, &other].map(|store| Apart(Mutex::new(store.writer().expect("a shard is free"))));
    let write_to = |writer: &Apart<Writer>, count: u64| {
        let mut writer = writer.0.lock().expect("nothing panics with it");
        (0..count).for_each(|n| {
            writer.record_with(Stamp::of(n / 8 + 1), Priced { price: 1.25, quantity: n, venue: "XETRA" });
        });
    };
    let write = |count| write_to(&writer, count);
    write(1_000_000);
    write_to(&of_other, 1_000_000);
    let oldest = || other.query().follow_from(Start::Oldest).expect("all of it");
    let (own, unrelated) = (followed(events.cursor(), events.clock()), followed(oldest(), other.clock()));
    let read = Apart(Mutex::new((events.cursor(), 0_u64)));
    let export = |polls: u64| {
        let (cursor, trace) = &mut *own.0.lock().expect("nothing panics with it");
        (0..polls).for_each(|_| {
            cursor.poll(1, |delivery| trace.delivery(delivery).expect("a sink takes all"));
        });
    };
    let export_other = |polls: u64| {
        let (cursor, trace) = &mut *unrelated.0.lock().expect("nothing panics with it");
        (0..polls).for_each(|_| {
            let polled = cursor.poll(1, |delivery| trace.delivery(delivery).expect("a sink takes all"));
            if polled.state != CursorState::More {
                *cursor = oldest();
            }
        });
    };
    let only_read = |polls: u64| {
        let (cursor, seen) = &mut *read.0.lock().expect("nothing panics with it");
        (0..polls).for_each(|_| {
            cursor.poll(1, |delivery| *seen += u64::from(matches!(delivery, Delivery::Event(_))));
        });
    };
    let paired = in_pairs(vec![
        PairSide::of(ALONE, write, None),
        PairSide::of("export", write, Some(Box::new(export))),
        PairSide::of("other", write, Some(Box::new(export_other))),
        PairSide::of("read", write, Some(Box::new(only_read))),
    ]);
    let stats =
        |of: &Apart<(Cursor, Trace<io::Sink>)>| of.0.lock().expect("nothing panics with it").1.stats();
    let (of_own, of_other) = (stats(&own), stats(&unrelated));
    let seen = read.0.lock().expect("nothing panics with it").1;
    let sides = [
        (format!("with an export: {} written, {} overwritten before", of_own.events, of_own.missing), 1),
        (ALONE.to_owned(), 0),
        (format!("beside an export of another store: {} written", of_other.events), 2),
        (format!("beside a cursor whose events become nothing: {seen} read"), 3),
    ];
    let sides = sides.map(|(name, at)| Measured { name, samples: paired.sides[at].first_cpu.clone() });
    Row { gain: Some(paired.gain()), ..Row::of(sides, &[Bar::AtMostTimes(1.10, ALONE)]) }
}

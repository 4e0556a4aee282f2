//! What those cost that wait for events: kinds that wake a cursor, triggers, pipelines.

use super::{Filled, LARGE, lap, precise, sizes, store};
use crate::measure::{Samples, Side};
use crate::pair::{PairSide, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::events::{Class, Events, OwnedEvent, Pipeline, Shares, Stages, Stamp, Start, Writer};
use flightdeck::{Flightdeck, Severity};
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

flightdeck::kind! {
    Prompt("order.urgent", prompt) { a: u64, b: u64 }
    Plain("order.plain") { a: u64, b: u64 }
}

const PLAIN: &str = "the same, not prompt";
const NO_TRIGGER: &str = "without a trigger";
const CURSOR: &str = "a cursor alone";
/// Events that go through a pipeline, and how often.
const THROUGH: u64 = 300_000;
const ROUNDS: usize = 5;

pub(super) fn run(session: &mut Session) {
    session.row("event of 16 B of a prompt kind, nobody waits", || {
        let (bytes, _) = super::CACHED;
        let (prompt, plain) = (store(bytes, 1), store(bytes, 1));
        let mut writers = [&prompt, &plain].map(|events| events.writer().expect("a shard is free"));
        let [of_prompt, of_plain] = &mut writers;
        Row::measure(
            Side::each("prompt", |n| {
                of_prompt.record_with(Stamp::of(super::in_runs(n)), Prompt { a: n, b: n })
            }),
            vec![Side::each(PLAIN, |n| {
                of_plain.record_with(Stamp::of(super::in_runs(n)), Plain { a: n, b: n })
            })],
            &[Bar::AtMostTimes(1.10, PLAIN)],
        )
    });
    session.row(
        "event of 64 B, precise clock, Writer, 64 MiB ring, beside a trigger that nothing sets off",
        trigger,
    );
    session.row("event of 64 B from a cursor through a pipeline to an empty sink", pipeline);
}

fn trigger() -> Row {
    let deck = || {
        let (bytes, _) = LARGE;
        let started =
            Flightdeck::builder().events(|_| sizes(bytes, 1).shares(Shares::only(Class::Normal))).start();
        started.expect("the machine has this much memory")
    };
    let (with, without) = (deck(), deck());
    let failed = with.events().query().severity_at_least(Severity::Error).trigger("failed");
    with.triggers().add(failed).expect("it asks for nothing impossible");
    let writer = |deck: &Flightdeck| {
        let mut writer = deck.events().writer().expect("a shard is free");
        write(&mut writer, lap(LARGE.0));
        writer
    };
    let (mut beside, mut alone) = (writer(&with), writer(&without));
    let paired = in_pairs(vec![
        PairSide::of(NO_TRIGGER, |count| write(&mut alone, count), None),
        PairSide::of("with one", |count| write(&mut beside, count), None),
    ]);
    let status = with.triggers().status("failed").expect("it is there");
    assert_eq!(status.fired, 0, "{status:?}");
    let sides = [("with one", &paired.sides[1]), (NO_TRIGGER, &paired.sides[0])];
    let sides =
        sides.map(|(name, times)| Measured { name: name.to_owned(), samples: times.first_cpu.clone() });
    Row { gain: Some(paired.gain()), ..Row::of(sides, &[Bar::AtMostTimes(1.10, NO_TRIGGER)]) }
}

fn write(writer: &mut Writer, count: u64) {
    (0..count).for_each(|n| precise(writer, n / 8 + 1, n));
}

/// What is there goes through, time and again.
fn pipeline() -> Row {
    let events = store(LARGE.0, 1);
    let mut writer = events.writer().expect("a shard is free");
    (0..THROUGH).for_each(|n| writer.record_with(Stamp::of(n / 8 + 1), Filled::of(n)));
    drop(writer);
    // So that each of them ends.
    events.stop();
    let empty = |stages: Stages<OwnedEvent>| {
        stages.batch(100, Duration::from_millis(50)).sink(|batch| {
            black_box(batch);
            Ok(())
        })
    };
    let through = |queue: bool| {
        let stages = from_oldest(&events).pipeline("through");
        run_through(&empty(if queue { stages.queue(1_000) } else { stages }))
    };
    let cursor = || {
        let mut cursor = from_oldest(&events);
        timed(|| {
            cursor.drain(|delivery| {
                black_box(delivery.event());
            });
        })
    };
    let mut sides = [
        Measured { name: "in batches of 100, on one thread".to_owned(), samples: Samples(Vec::new()) },
        Measured { name: "with a queue between two threads".to_owned(), samples: Samples(Vec::new()) },
        Measured { name: CURSOR.to_owned(), samples: Samples(Vec::new()) },
    ];
    for _ in 0..ROUNDS {
        for (side, took) in sides.iter_mut().zip([through(false), through(true), cursor()]) {
            side.samples.0.push(took);
        }
    }
    Row::of(sides, &[])
}

fn from_oldest(events: &Events) -> flightdeck::events::Cursor {
    events.query().follow_from(Start::Oldest).expect("it asks for nothing impossible")
}

/// Nanoseconds for each event.
fn run_through(pipeline: &Pipeline) -> f64 {
    let took = timed(|| {
        thread::scope(|threads| {
            for worker in pipeline.workers() {
                threads.spawn(|| worker.run(|| false));
            }
        });
    });
    assert_eq!(pipeline.status().delivered(), THROUGH);
    took
}

fn timed(body: impl FnOnce()) -> f64 {
    let start = Instant::now();
    body();
    start.elapsed().as_nanos() as f64 / THROUGH as f64
}

//! A cursor that delivers everything from the other core: what its writer has to bear, and up to which rate nothing is
//! overwritten before it is delivered.

use super::{Filled, LARGE, lap, precise, set_up, store};
use crate::measure::Samples;
use crate::pair::{PairSide, in_pairs};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::events::{Cursor, Events, Stamp};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const ALONE: &str = "without a cursor";
/// Events a second, and whether none of them may be overwritten.
const RATES: [(u64, bool); 4] =
    [(1_000_000, true), (5_000_000, true), (10_000_000, false), (20_000_000, false)];
/// How long each rate is kept up.
const KEPT_UP: Duration = Duration::from_secs(3);
/// A cursor that was not asked for so long was not meant to follow.
const AWAY: Duration = Duration::from_millis(1);

pub(super) fn run(session: &mut Session) {
    let (_, ring) = LARGE;
    let name = format!(
        "event of 64 B, precise clock, Writer, {ring} ring, a cursor that delivers all: its processor time"
    );
    session.row(&name, cost);
    for (rate, must_keep_up) in RATES {
        let name = format!(
            "cursor over a {ring} ring, {} million events of 64 B a second: overwritten",
            rate / 1_000_000
        );
        session.row(&name, || kept_up(rate, must_keep_up));
    }
}

/// At full speed.
fn cost() -> Row {
    let (bytes, _) = LARGE;
    let events = store(bytes, 1);
    // All sides write to one ring, one after the other: with rings of their own, they would differ by where those lie.
    let writer = Apart(Mutex::new(events.writer().expect("a shard is free")));
    let write = |count: u64| {
        let mut writer = writer.0.lock().expect("nothing panics with it");
        (0..count).for_each(|n| precise(&mut writer, n / 8 + 1, n));
    };
    write(lap(bytes));
    let followed = Apart(Mutex::new(Followed::from_now(&events)));
    let follow = |polls: u64| {
        let mut followed = followed.0.lock().expect("nothing panics with it");
        (0..polls).for_each(|_| followed.poll(&events));
    };
    let with = PairSide::of("with a cursor", write, Some(Box::new(follow)));
    let paired = in_pairs(vec![PairSide::of(ALONE, write, None), with]);
    let (delivered, overwritten) = followed.0.lock().expect("nothing panics with it").accounts();
    let sides = [
        (format!("with a cursor: {delivered} delivered, {overwritten} overwritten before"), &paired.sides[1]),
        (format!("{ALONE}, {}", set_up(&events)), &paired.sides[0]),
    ];
    let sides = sides.map(|(name, times)| Measured { name, samples: times.first_cpu.clone() });
    Row { gain: Some(paired.gain()), ..Row::of(sides, &[Bar::AtMostTimes(1.10, ALONE)]) }
}

/// On lines of its own: what the two threads share is the store alone.
#[repr(align(128))]
struct Apart<T>(T);

/// A cursor with turns.
struct Followed {
    cursor: Cursor,
    last: Instant,
    /// Of its earlier turns: events delivered, and overwritten.
    before: (u64, u64),
}

impl Followed {
    fn from_now(events: &Events) -> Self {
        Self { cursor: events.cursor(), last: Instant::now(), before: (0, 0) }
    }

    fn poll(&mut self, events: &Events) {
        if self.last.elapsed() > AWAY {
            // What the other side wrote meanwhile was not for it.
            self.before = self.accounts();
            self.cursor = events.cursor();
        }
        self.cursor.poll(usize::MAX, |delivery| {
            black_box(delivery.event());
        });
        self.last = Instant::now();
    }

    fn accounts(&self) -> (u64, u64) {
        let stats = self.cursor.stats();
        (self.before.0 + stats.delivered, self.before.1 + stats.overwritten)
    }
}

/// At a pace.
fn kept_up(rate: u64, must_keep_up: bool) -> Row {
    let (bytes, _) = LARGE;
    let events = store(bytes, 1);
    let mut writer = events.writer().expect("a shard is free");
    let mut cursor = events.cursor();
    let (barrier, is_over) = (Barrier::new(2), AtomicBool::new(false));
    let written = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            barrier.wait();
            let (start, mut written) = (Instant::now(), 0);
            loop {
                let took = start.elapsed();
                if took >= KEPT_UP {
                    break;
                }
                let due = (took.as_nanos() * u128::from(rate) / 1_000_000_000) as u64;
                // A host that was held up catches up, as a burst.
                while written < due {
                    writer.record_with(Stamp::of(written / 8 + 1), Filled::of(written));
                    written += 1;
                }
            }
            is_over.store(true, Ordering::Release);
            written
        });
        barrier.wait();
        while !is_over.load(Ordering::Acquire) {
            cursor.poll(usize::MAX, |delivery| {
                black_box(delivery.event());
            });
        }
        cursor.drain(|delivery| {
            black_box(delivery.event());
        });
        writing.join().expect("it does not panic")
    });
    let stats = cursor.stats();
    assert_eq!(stats.delivered + stats.overwritten, written, "an event is delivered or counted");
    let name = format!("{} delivered of {written} in {KEPT_UP:?}", stats.delivered);
    let ours = Measured { name, samples: Samples(vec![stats.overwritten as f64]) };
    // Half an event: none.
    let bars = must_keep_up.then_some(Bar::MedianAtMost(0.5));
    Row::of([ours], &bars.into_iter().collect::<Vec<_>>()).in_unit("events")
}

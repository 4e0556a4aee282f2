//! Several events at once.

use super::{CACHED, Filled, in_runs, lap, set_up, store, supplied, time};
use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::events::{Batch, Stamp, Writer};
use std::hint::black_box;

flightdeck::kind! {
    /// Of a length that varies.
    Noted("order.noted") { n: u64, text: str }
}

const SINGLY: &str = "the same events one by one";
const CHECKED_SINGLY: &str = "a check of each event";
const EVENTS: u64 = 16;

pub(super) fn run(session: &mut Session) {
    let (bytes, ring) = CACHED;
    session.row(&format!("event of 64 B in a slice of {EVENTS}, supplied time, Writer, {ring} ring"), || {
        let (events, single) = (store(bytes, 1), store(bytes, 1));
        let (mut writer, mut singly) =
            (events.writer().expect("a shard is free"), single.writer().expect("a shard is free"));
        let slice: [Filled; EVENTS as usize] = std::array::from_fn(|n| Filled::of(n as u64));
        let mut done = 0;
        // Per event, as below.
        let ours = Side::new(format!("flightdeck record_all, {}", set_up(&events)), move |count| {
            let end = done + count;
            while done < end {
                let stamp = Stamp::of(in_runs(black_box(done + 1))).at(time(done));
                writer.record_all_with(stamp, black_box(&slice)).expect("it fits");
                done += EVENTS;
            }
        });
        let theirs = Side::each(SINGLY, move |n| supplied(&mut singly, n));
        let bars = &[Bar::FloorAtMost(4.0), Bar::FasterThan(SINGLY)];
        Row::measure(ours.warmed(lap(bytes)), vec![theirs.warmed(lap(bytes))], bars)
    });
    session.row("check of an event with a text, in a slice of 100", || {
        let events = store(bytes, 1);
        let texts: Vec<String> = (0..100).map(|n| "x".repeat(n % 40)).collect();
        let slice: Vec<_> = (0..).zip(&texts).map(|(n, text)| Noted { n, text }).collect();
        // Of whole slices, rounded up.
        let ours = |count: u64| {
            for _ in 0..count.div_ceil(100) {
                black_box(events.check_all(black_box(&slice)).is_ok());
            }
        };
        let single = |count: u64| {
            for _ in 0..count.div_ceil(100) {
                black_box(&slice).iter().for_each(|event| {
                    black_box(events.check(event).is_ok());
                });
            }
        };
        let bars = &[Bar::FasterThan(CHECKED_SINGLY)];
        Row::measure(Side::new("flightdeck check_all", ours), vec![Side::new(CHECKED_SINGLY, single)], bars)
    });
    session.row(&format!("event of 64 B in a batch of {EVENTS}, supplied time, Writer, {ring} ring"), || {
        let (events, single) = (store(bytes, 1), store(bytes, 1));
        let (mut writer, mut singly) =
            (events.writer().expect("a shard is free"), single.writer().expect("a shard is free"));
        let (mut batch, mut done) = (Batch::new(), 0);
        // Per event, so the last batch may be a few events longer than asked for.
        let ours =
            Side::new(format!("flightdeck Batch, filled and recorded, {}", set_up(&events)), move |count| {
                let end = done + count;
                while done < end {
                    record(&mut writer, &mut batch, black_box(done + 1));
                    done += EVENTS;
                }
            });
        let theirs = Side::each(SINGLY, move |n| supplied(&mut singly, n));
        Row::measure(ours.warmed(lap(bytes)), vec![theirs.warmed(lap(bytes))], &[])
    });
}

/// Records one batch.
#[inline(always)]
fn record(writer: &mut Writer, batch: &mut Batch, first: u64) {
    for n in first..first + EVENTS {
        batch.push_with(Stamp::of(in_runs(n)).at(time(n)), Filled::of(n));
    }
    writer.record_batch(batch).expect("it fits");
}

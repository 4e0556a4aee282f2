//! Several events at once.

use super::{CACHED, Filled, in_runs, lap, set_up, store, supplied};
use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::Ticks;
use flightdeck::events::{Batch, Stamp, Writer};
use std::hint::black_box;

const SINGLY: &str = "the same events one by one";
const EVENTS: u64 = 16;

pub(super) fn run(session: &mut Session) {
    let (bytes, ring) = CACHED;
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
        Row::measure(ours.warmed(lap(bytes)), vec![theirs.warmed(lap(bytes))], &[Bar::FloorAtMost(4.0)])
    });
}

/// Records one batch.
#[inline(always)]
fn record(writer: &mut Writer, batch: &mut Batch, first: u64) {
    for n in first..first + EVENTS {
        batch.push_with(Stamp::of(in_runs(n)).at(Ticks(n)), Filled::of(n));
    }
    writer.record_batch(batch).expect("it fits");
}

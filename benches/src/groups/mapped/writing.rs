//! An event, in a file and on the heap, with pages of one size.

use super::super::events::{self, CACHED, LARGE, in_runs, lap, precise};
use super::scratch::Folder;
use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;

const HEAP: &str = "on the heap, pages of the same size";

pub(super) fn run(session: &mut Session) {
    for (bytes, ring) in [CACHED, LARGE] {
        session.row(&format!("event of 64 B, precise clock, Writer, {ring} ring, mapped"), || {
            let folder = Folder::in_memory();
            let (mapped, heap) = (events::store_in(bytes, 1, folder.file()), events::store(bytes, 1));
            let side = |name: &str, events: &events::Lossless| {
                let mut writer = events.writer().expect("a shard is free");
                Side::each(format!("{name}, {}", events::set_up(events)), move |n| {
                    precise(&mut writer, in_runs(n), n);
                })
                .warmed(lap(bytes))
            };
            let ours = side("in a file in memory", &mapped);
            Row::measure(ours, vec![side(HEAP, &heap)], &[Bar::AtMostTimes(1.1, HEAP)])
        });
    }
}

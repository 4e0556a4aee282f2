//! An event and a counter, in a file and on the heap, with pages of one size; and what larger pages save.

use super::super::events::{self, CACHED, HUGE, LARGE, in_runs, lap, precise, unique};
use super::scratch::Folder;
use crate::machine;
use crate::measure::{Plan, Samples, Side, in_turn};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use flightdeck::events::HugePages;
use flightdeck::telemetry::{Counter, Telemetry};
use std::hint::black_box;
use std::thread;

const HEAP: &str = "on the heap, pages of the same size";
const SMALL_PAGES: &str = "on pages of 4 KiB";

pub(super) fn run(session: &mut Session) {
    events_of(session);
    counters(session);
    huge_pages(session);
}

fn events_of(session: &mut Session) {
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

/// In threads of their own, one after the other: what a thread holds of a second deck it finds less fast.
fn counters(session: &mut Session) {
    session.row("counter increment, kept handle, mapped", || {
        let folder = Folder::in_memory();
        let mapped = Telemetry::builder().mapped(folder.file()).build().expect("there is room for a file");
        let in_file = ("in a file in memory", mapped.counter("requests"), Samples::default());
        let on_heap = (HEAP, Telemetry::new().counter("requests"), Samples::default());
        let mut sides = [in_file, on_heap];
        for _ in 0..20 {
            for (name, counter, samples) in &mut sides {
                samples.0.append(&mut in_a_thread(name, counter).0);
            }
        }
        let sides = sides.map(|(name, _, samples)| Measured { name: name.to_owned(), samples });
        Row::of(sides, &[Bar::AtMostTimes(1.1, HEAP)])
    });
}

fn in_a_thread(name: &str, counter: &Counter) -> Samples {
    let plan = Plan { rounds: 5, ..Plan::default() };
    let measure = || {
        let side = Side::each(name, |_| {
            counter.increment(black_box(1));
            black_box(counter);
        });
        in_turn(&mut [side], plan).remove(0)
    };
    thread::scope(|scope| scope.spawn(measure).join().expect("a count does not panic"))
}

/// Of a ring that is too large for what a processor remembers of small pages.
fn huge_pages(session: &mut Session) {
    let (bytes, ring) = HUGE;
    let name =
        format!("event of 64 B, precise clock, Writer, {ring} ring, ids all unique, mapped: huge pages");
    session.row_if_possible(&name, || {
        machine::enough_memory(bytes * 3)?;
        let folders = [Folder::in_memory(), Folder::in_memory()];
        let huge = events::store_in(bytes, 1, folders[0].file());
        if let HugePages::Refused { reason } = huge.huge_pages() {
            return Err(reason);
        }
        let small = events::store_on_small_pages_in(bytes, 1, folders[1].file());
        let side = |name: &str, events: &events::Lossless| {
            let mut writer = events.writer().expect("a shard is free");
            Side::each(format!("{name}, {}", events::set_up(events)), move |n| {
                precise(&mut writer, unique(n), n);
            })
            .warmed(lap(bytes))
        };
        Ok(Row::measure(side("on huge pages", &huge), vec![side(SMALL_PAGES, &small)], &[]))
    });
}

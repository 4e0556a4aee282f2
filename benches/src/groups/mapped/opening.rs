//! From a path to an answer, with the file in the page cache.

use super::super::events::{self, HUGE, Lossless, in_runs, lap, precise};
use super::super::queries::random;
use super::scratch::Folder;
use crate::machine;
use crate::measure::{Plan, Side};
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::events::Recording;
use std::hint::black_box;
use std::path::Path;

pub(super) fn run(session: &mut Session) {
    session.row_if_possible("open a file of 1 GiB and ask for one id, page cache warm", || {
        let (folder, _events, last) = filled()?;
        let file = folder.file();
        // The newest lap is whole.
        let id = |n: u64| in_runs(last - random(n) % (last / 2));
        assert_eq!(found(&file, id(1)), 8, "all events of an id are there");
        Ok(Row::measure_as(
            Plan::default(),
            Side::each("Recording::open, query by correlation", |n| _ = black_box(found(&file, id(n)))),
            vec![Side::each("Recording::open alone", |_| _ = black_box(Recording::open(&file).is_ok()))],
            &[Bar::MedianAtMost(1e6)],
        ))
    });
}

fn found(file: &Path, id: u64) -> usize {
    let recording = Recording::open(file).expect("the file of a deck");
    recording.query().correlation(id).run().expect("the query contradicts nothing").len()
}

/// A file whose ring has been written all over, its deck, and the number of the last event.
fn filled() -> Result<(Folder, Lossless, u64), String> {
    machine::enough_memory(HUGE.0 * 3)?;
    let folder = Folder::in_memory();
    let events = events::store_in(HUGE.0, 1, folder.file());
    let mut writer = events.writer().expect("a shard is free");
    let last = lap(HUGE.0);
    (1..=last).for_each(|n| precise(&mut writer, in_runs(n), n));
    drop(writer);
    Ok((folder, events, last))
}

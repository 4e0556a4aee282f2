//! A child stores nothing in the file of its parent's deck but the losses that it counts, whatever it does with what it
//! inherited. A binary of its own, with one test: a child has no thread but the one that forked.

#![cfg(target_os = "linux")]

#[path = "support/child.rs"]
mod child;

use child::ended_well;
use flightdeck::events::{DefineError, Events, FieldType, Recording, Schema, Stamp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

flightdeck::kind! { Noted("mapped_fork_stores.noted") { n: u64 } }

#[test]
fn a_child_stores_nothing_in_its_parents_file() {
    let folder = std::env::temp_dir().join(format!("flightdeck-mapped-fork-stores-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("deck");
    let events = Events::builder().memory(1 << 20).shards(2).mapped(&*path).build().unwrap();
    let mut writer = events.writer().unwrap();
    // More than are linked at once, so some wait for it: in memory that the child has a copy of.
    (0..50).for_each(|n| writer.record_with(Stamp::of(7_u64), Noted { n }));
    let tenth = events.query().run().unwrap().iter().nth(10).unwrap().ticks();
    assert_eq!(events.prune_before(tenth), 10);
    let words = || std::fs::read(&path).unwrap();
    let before = words();

    // SAFETY: the child runs on a heap that the C library keeps in order across forks, and leaves by `_exit`.
    let child = match unsafe { libc::fork() } {
        -1 => panic!("no child: {}", std::io::Error::last_os_error()),
        0 => {
            let said = catch_unwind(AssertUnwindSafe(move || {
                let report = events.scrub();
                assert!(report.wiped_bytes == 0 && report.pending_bytes > 0, "{report:?}");
                let schema = Schema::new("mapped_fork_stores.late").field("n", FieldType::U64);
                let refused = events.define(schema.clone()).unwrap_err();
                assert_eq!(refused, DefineError::Forked { schema: Box::new(schema) });
                // Long enough for a comparison to make the rate of a counter more exact.
                std::thread::sleep(Duration::from_millis(300));
                let _ = (events.clock().recheck(), events.clock().converter());
                drop(writer);
                drop(events);
            }));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(said.is_err())) }
        }
        child => child,
    };
    assert!(ended_well(child));
    let differ: Vec<_> = before.iter().zip(words()).enumerate().filter(|(_, (a, b))| **a != *b).collect();
    assert!(differ.is_empty(), "{differ:?}");

    // The parent goes on where it was.
    (50..200).for_each(|n| writer.record_with(Stamp::of(7_u64), Noted { n }));
    drop(writer);
    let recording = Recording::open(&path).unwrap();
    for answer in
        [&events.query(), &recording.query()].map(|query| query.clone().correlation(7_u64).run().unwrap())
    {
        let numbers: Vec<_> =
            answer.iter().map(|event| event.field("n").unwrap().as_u64().unwrap()).collect();
        assert_eq!(numbers, (10..200).collect::<Vec<_>>());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

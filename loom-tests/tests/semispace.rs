//! Models of a log that is rewritten: what a reader relies on while it is.
//!
//! | edge | watched by |
//! |---|---|
//! | `space-whole` | `what_was_copied_is_there` |
//! | `space-begun` | `whoever_reads_what_is_overwritten_finds_out` |
//! | `log-strike` | `what_was_struck_after_it_moved_is_known_where_it_was` |

mod support;

use flightdeck_loom::internals::{Region, Semispace, Side};
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// Halves of four words, with a record of one word.
fn space() -> Arc<Semispace> {
    // A line for the turn, and for each half a line and its words.
    let region = Region::heap(16 + 2 * 32).unwrap();
    let space = Arc::new(Semispace::at(&region, 0, 4));
    append(&space, 1);
    space
}

fn append(space: &Semispace, tag: u32) {
    let mut draft = space.draft(tag);
    draft.word(100 + u64::from(tag));
    assert!(draft.commit());
}

/// Whoever finds that the other half counts finds in it what was copied.
#[test]
fn what_was_copied_is_there() {
    let seen: [Seen; 2] = Default::default();
    let [before, after] = seen.clone();
    Model::new("semispace", None, move || {
        let space = space();
        let writing = space.clone();
        let writer = thread::spawn(move || {
            writing.rewrite(|from, to| assert_eq!((from, to), (0, 0)));
            append(&writing, 2);
        });
        let (before, after) = (before.clone(), after.clone());
        let reader = thread::spawn(move || {
            let reading = space.read();
            let records: Vec<_> = reading.records().map(|mut record| (record.tag, record.word())).collect();
            assert!(reading.holds(), "it was rewritten once");
            match records[..] {
                [(1, Some(101))] => before.count(),
                [(1, Some(101)), (2, Some(102))] => after.count(),
                _ => panic!("{records:?}"),
            }
        });
        writer.join().unwrap();
        reader.join().unwrap();
    })
    .holds(10)
    .fails_without("space-whole", Side::Publish)
    .fails_without("space-whole", Side::Observe);
    seen[0].at_least_once("a reader that finds what was there");
    seen[1].at_least_once("a reader that finds what came after");
}

/// Once it has been rewritten, and is rewritten again, who began before reads something else, and knows.
#[test]
fn whoever_reads_what_is_overwritten_finds_out() {
    let seen: [Seen; 2] = Default::default();
    let [held, begun] = seen.clone();
    Model::new("semispace_overwritten", None, move || {
        let space = space();
        let writing = space.clone();
        let (held, begun) = (held.clone(), begun.clone());
        // Whoever reads has begun before anything of this happens.
        let mut moved = 0;
        let turn = space.read().since();
        space.strike(0, None);
        space.rewrite(|_, _| moved += 1);
        assert_eq!(moved, 0, "it was struck");
        append(&space, 2);
        let writer = thread::spawn(move || writing.rewrite(|_, _| ()));
        let reader = thread::spawn(move || {
            let reading = space.read_since(turn);
            let records: Vec<_> = reading.records().map(|mut record| (record.tag, record.word())).collect();
            if reading.holds() {
                held.count();
                assert_eq!(records, [(0, Some(101))], "taken for what had been there");
            } else {
                begun.count();
            }
        });
        writer.join().unwrap();
        reader.join().unwrap();
    })
    .holds(3)
    .fails_without("space-begun", Side::Publish)
    .fails_without("space-begun", Side::Observe);
    seen[0].at_least_once("a reader that was in time");
    seen[1].at_least_once("a reader that came too late");
}

/// A cell is counted in under one name, which has moved; the name is struck, and then the cell is something else's. Who reads the cell
/// under the name, found where it was before it moved, finds it standing only if what was read was counted under it.
#[test]
fn what_was_struck_after_it_moved_is_known_where_it_was() {
    let seen: [Seen; 2] = Default::default();
    let [stood, struck] = seen.clone();
    Model::new("semispace_strike", None, move || {
        let space = space();
        let cell = Arc::new(AtomicU64::new(1));
        let turn = space.read().since();
        let (writing, its_cell) = (space.clone(), cell.clone());
        let writer = thread::spawn(move || {
            let mut moved = None;
            writing.rewrite(|from, to| moved = Some((from, to)));
            let (from, to) = moved.unwrap();
            writing.strike(to, Some(from));
            its_cell.store(2, Relaxed);
        });
        let (stood, struck) = (stood.clone(), struck.clone());
        let reader = thread::spawn(move || {
            let reading = space.read_since(turn);
            let Some((at, head)) = reading.records().next().map(|record| (record.begin, record.head)) else {
                panic!("nothing is there")
            };
            let read = cell.load(Relaxed);
            if reading.stands(at, head) {
                stood.count();
                assert!(read == 1 || head >> 32 == 0, "counted under another name");
            } else {
                struck.count();
            }
            assert!(reading.holds());
        });
        writer.join().unwrap();
        reader.join().unwrap();
    })
    .holds(3)
    .fails_without("log-strike", Side::Publish)
    .fails_without("log-strike", Side::Observe);
    seen[0].at_least_once("a reader under whose eyes the name stood");
    seen[1].at_least_once("a reader that found the name struck");
}

//! Models of the log in a region: what a reader relies on while somebody appends.
//!
//! | edge | watched by |
//! |---|---|
//! | `log-commit` | `a_record_that_counts_is_there` |
//! | `log-strike` | `what_a_record_spoke_of_is_not_taken_for_what_comes_after_it` |

mod support;

use flightdeck_loom::internals::{Log, Region, Side};
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// Record `number`, whose words follow from its number.
fn append(log: &Log, number: u64) {
    let mut draft = log.draft(number as u32);
    (0..number).for_each(|at| draft.word(100 * number + at));
    assert!(draft.commit());
}

/// Whatever a reader finds is whole, and in order; how many that were, and where the walk ended.
fn read(log: &Log) -> u64 {
    let mut expected = 1;
    for mut record in log.records(0) {
        assert_eq!(u64::from(record.tag), expected, "the tag");
        for at in 0..expected {
            assert_eq!(record.word(), Some(100 * expected + at), "record {expected}");
        }
        assert_eq!(record.word(), None);
        expected += 1;
    }
    expected - 1
}

/// A record that the length covers is there, with all its words, and so are those before.
#[test]
fn a_record_that_counts_is_there() {
    let seen: [Seen; 3] = Default::default();
    let told = seen.clone();
    Model::new("log", None, move || {
        let region = Region::heap(32).unwrap();
        let log = Arc::new(Log::at(&region, 0, 8));
        let (writing, reading, told) = (log.clone(), log, told.clone());
        let writer = thread::spawn(move || {
            append(&writing, 1);
            append(&writing, 2);
        });
        let reader = thread::spawn(move || {
            let first = read(&reading);
            assert!(read(&reading) >= first, "a length that went back");
            told[first as usize].count();
        });
        writer.join().unwrap();
        reader.join().unwrap();
    })
    .holds(30)
    .fails_without("log-commit", Side::Publish)
    .fails_without("log-commit", Side::Observe);
    for (records, seen) in seen.iter().enumerate() {
        seen.at_least_once(&format!("a reader that found {records} records"));
    }
}

/// A cell is counted in under one name; the name is struck, and then the cell is something else's. Who reads the cell under the
/// name, and finds the name standing afterwards, has read what was counted under it.
#[test]
fn what_a_record_spoke_of_is_not_taken_for_what_comes_after_it() {
    let (stood, struck) = (Seen::default(), Seen::default());
    let told = (stood.clone(), struck.clone());
    Model::new("log_strike", None, move || {
        let region = Region::heap(32).unwrap();
        let (log, cell) = (Arc::new(Log::at(&region, 0, 8)), Arc::new(AtomicU64::new(1)));
        append(&log, 1);
        let (writing, its_cell) = (log.clone(), cell.clone());
        let writer = thread::spawn(move || {
            writing.strike(0);
            its_cell.store(2, Relaxed);
        });
        let (at, head) = log.records(0).next().map(|record| (record.begin, record.head)).unwrap();
        let read = cell.load(Relaxed);
        if log.stands(at, head) {
            told.0.count();
            assert!(read == 1 || head >> 32 == 0, "counted under another name");
        } else {
            told.1.count();
        }
        writer.join().unwrap();
    })
    .holds(3)
    .fails_without("log-strike", Side::Publish)
    .fails_without("log-strike", Side::Observe);
    stood.at_least_once("a reader under whose eyes the name stood");
    struck.at_least_once("a reader that found the name struck");
}

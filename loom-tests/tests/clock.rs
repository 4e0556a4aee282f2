//! Models of the clock: what conversions rely on while a comparison adds to the table of segments.
//!
//! | edge | watched by |
//! |---|---|
//! | `clock-segment` | `a_segment_that_counts_is_there` |
//! | `clock-reuse` | `a_place_that_is_used_again_is_passed_over` |

mod support;

use flightdeck_loom::internals::{Segment, Segments, Side};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// Segment `number`: its words follow from its number, so that a mixture shows.
fn segment(number: u64) -> Segment {
    Segment { ticks: 10 + number, ns: 100 + number, rate: (1_000 + number) as f64 }
}

/// Whatever a reader finds is whole, in order, and under its own number.
fn read(segments: &Segments) -> Vec<u64> {
    let found = segments.read();
    for (number, found) in &found {
        let expected = segment(*number);
        assert_eq!((found.ticks, found.ns), (expected.ticks, expected.ns), "segment {number}");
        // The last one may have been refined.
        assert!([expected.rate, -1.0].contains(&found.rate), "segment {number}: rate {}", found.rate);
    }
    found.into_iter().map(|(number, _)| number).collect()
}

/// A segment that a reader counts is there with all its words, and the one before has its last rate.
#[test]
fn a_segment_that_counts_is_there() {
    let (one, two) = (Seen::default(), Seen::default());
    let (one_seen, two_seen) = (one.clone(), two.clone());
    Model::new("segments", None, move || {
        let segments = Arc::new(Segments::new(4));
        segments.append(segment(0));
        let (writing, reading) = (segments.clone(), segments);
        let (one, two) = (one.clone(), two.clone());
        let writer = thread::spawn(move || {
            writing.refine(-1.0);
            writing.append(segment(1));
        });
        let reader = thread::spawn(move || match *read(&reading) {
            [0] => one.count(),
            [0, 1] => {
                assert_eq!(reading.read()[0].1.rate, -1.0, "a rate of before the segment ended");
                two.count();
            }
            ref found => panic!("{found:?}"),
        });
        writer.join().unwrap();
        reader.join().unwrap();
    })
    .holds(10)
    .fails_without("clock-segment", Side::Publish)
    .fails_without("clock-segment", Side::Observe);
    one_seen.at_least_once("a reader that came before the second segment");
    two_seen.at_least_once("a reader that saw it");
}

/// Where a full table uses a place again, a reader of before has the old segment or none, and never a mixture.
#[test]
fn a_place_that_is_used_again_is_passed_over() {
    let (whole, passed) = (Seen::default(), Seen::default());
    let (whole_seen, passed_seen) = (whole.clone(), passed.clone());
    Model::new("segments used again", 3, move || {
        let segments = Arc::new(Segments::new(2));
        segments.append(segment(0));
        segments.append(segment(1));
        let (writing, reading) = (segments.clone(), segments);
        let (whole, passed) = (whole.clone(), passed.clone());
        let writer = thread::spawn(move || {
            writing.append(segment(2));
            writing.append(segment(3));
        });
        let reader = thread::spawn(move || match *read(&reading) {
            [0, 1] | [1, 2] | [2, 3] => whole.count(),
            // Some of what was counted was given up meanwhile.
            [] | [1] | [2] => passed.count(),
            ref found => panic!("{found:?}"),
        });
        writer.join().unwrap();
        reader.join().unwrap();
    })
    .holds(1_000)
    .fails_without("clock-reuse", Side::Publish)
    .fails_without("clock-reuse", Side::Observe);
    whole_seen.at_least_once("a reader that found a whole table");
    passed_seen.at_least_once("a reader that passed over what was given up");
}

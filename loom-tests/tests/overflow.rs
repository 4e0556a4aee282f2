//! Models of the overflow. Edges watched: `slot-commit`, `slot-claim`, `slot-since`, `slot-count`.
//!
//! There is one slot, in which each writer stores the position it got: a mix of two contents shows, and so does a count of
//! records that is not that of the content.

mod support;

use flightdeck_loom::internals::{Entry, Overflow, Region, Side, Slots};
use loom::sync::atomic::Ordering;
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

const SLOTS: Slots = Slots { count: 1, words: 4 };

fn write(overflow: &Overflow) -> bool {
    let Some((slot, reserved)) = overflow.reserve(1) else { return false };
    reserved.words.iter().for_each(|word| word.store(reserved.position, Ordering::Relaxed));
    slot.commit(std::iter::once(Entry { ticks: reserved.position, kind: 1, bucket: None }));
    true
}

/// The position of what the slot holds, if it holds something, and how many records were committed to it so far. A mix of
/// two contents fails the model.
fn read(overflow: &Overflow) -> Option<(u64, u64)> {
    let mut words = Vec::new();
    let content = overflow.append(0, &mut words)?;
    if words.is_empty() {
        // Wiped.
        return None;
    }
    assert_eq!(words, [content.position], "torn: ticket {}", content.ticket);
    Some((content.position, content.total))
}

#[derive(Clone, Default)]
struct Outcomes {
    read: Seen,
    gone: Seen,
    refused: Seen,
}

/// Two writers and a reader meet in the slot, which holds something from the start.
fn met() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let region = Region::heap(SLOTS.footprint()).unwrap();
        let overflow = Arc::new(Overflow::new(&region, 0, SLOTS));
        assert!(write(&overflow));
        let (first, _) = read(&overflow).unwrap();
        let reader = {
            let (overflow, seen) = (overflow.clone(), seen.clone());
            thread::spawn(move || match read(&overflow) {
                Some((position, total)) if position == first => {
                    assert_eq!(total, 1, "records counted that are not there yet");
                    seen.read.count();
                }
                _ => {
                    seen.gone.count();
                    let since = overflow.since();
                    assert!(since > first, "{first} is gone, and nothing is said to be since {since}");
                }
            })
        };
        let writers = [(); 2].map(|()| {
            let (overflow, seen) = (overflow.clone(), seen.clone());
            thread::spawn(move || {
                let is_written = write(&overflow);
                if !is_written {
                    seen.refused.count();
                }
                u64::from(is_written)
            })
        });
        let written: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        reader.join().unwrap();
        let (_, total) = read(&overflow).expect("the slot holds what was written last");
        assert_eq!(total, 1 + written, "each is counted");
    };
    (model, outcomes)
}

#[test]
fn a_slot_is_read_whole_or_said_to_be_gone() {
    let (model, outcomes) = met();
    let mut model = Model::new("overflow, two writers and a reader", 2, model).holds(10_000);
    outcomes.read.at_least_once("a record read");
    outcomes.gone.at_least_once("a record found gone");
    outcomes.refused.at_least_once("a slot found busy");
    for edge in ["slot-commit", "slot-claim", "slot-since"] {
        for side in [Side::Publish, Side::Observe] {
            model = model.fails_without(edge, side);
        }
    }
}

/// What the slot holds is pruned and wiped while a reader is there and a writer comes.
fn wiped() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let region = Region::heap(SLOTS.footprint()).unwrap();
        let overflow = Arc::new(Overflow::new(&region, 0, SLOTS));
        assert!(write(&overflow));
        let (first, _) = read(&overflow).unwrap();
        let reader = {
            let (overflow, seen) = (overflow.clone(), seen.clone());
            thread::spawn(move || match read(&overflow) {
                Some((position, _)) if position == first => seen.read.count(),
                _ => {
                    seen.gone.count();
                    let since = overflow.since();
                    assert!(since > first, "{first} is gone, and nothing is said to be since {since}");
                }
            })
        };
        let wiper = {
            let overflow = overflow.clone();
            thread::spawn(move || {
                let _ = overflow.raise_watermark(first + SLOTS.words as u64, first + 1);
                overflow.wipe().words
            })
        };
        let writer = {
            let overflow = overflow.clone();
            thread::spawn(move || write(&overflow))
        };
        let wiped = wiper.join().unwrap();
        let written = writer.join().unwrap();
        reader.join().unwrap();
        if wiped > 0 {
            seen.refused.count();
        }
        assert_eq!(read(&overflow).is_some(), written, "{wiped} words wiped");
        let total = overflow.append(0, &mut Vec::new()).map(|content| content.total);
        assert_eq!(total, Some(1 + u64::from(written)), "each is counted, wiped or not");
    };
    (model, outcomes)
}

#[test]
fn a_slot_that_is_wiped_is_read_whole_or_said_to_be_gone() {
    let (model, outcomes) = wiped();
    let mut model = Model::new("overflow, wiped", 2, model).holds(1_000);
    outcomes.read.at_least_once("a record read");
    outcomes.gone.at_least_once("a record found gone");
    outcomes.refused.at_least_once("a slot wiped");
    for edge in ["slot-commit", "slot-claim", "slot-since"] {
        for side in [Side::Publish, Side::Observe] {
            model = model.fails_without(edge, side);
        }
    }
}

/// Somebody looks at the slot if there is more in all than it knows of, as cursors do: not again, if nothing is new in the slot.
fn counted() -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let region = Region::heap(SLOTS.footprint()).unwrap();
        let overflow = Arc::new(Overflow::new(&region, 0, SLOTS));
        assert!(write(&overflow));
        let reader = {
            let (overflow, seen) = (overflow.clone(), seen.clone());
            thread::spawn(move || {
                let counted = overflow.counted();
                let there = overflow.records_of(0);
                assert!(there >= counted, "{counted} counted, and {there} in the slot");
                match overflow.committed(0) {
                    Some(committed) => {
                        assert!(
                            committed >= counted,
                            "{counted} counted, {committed} found, and nobody there"
                        );
                        if counted == 2 { seen.read.count() } else { seen.gone.count() }
                    }
                    None => seen.refused.count(),
                }
            })
        };
        assert!(write(&overflow));
        reader.join().unwrap();
        assert_eq!((overflow.counted(), overflow.committed(0)), (2, Some(2)));
    };
    (model, outcomes)
}

#[test]
fn what_is_counted_in_all_is_counted_in_its_slot() {
    let (model, outcomes) = counted();
    let mut model = Model::new("overflow, counted", 2, model).holds(10);
    outcomes.read.at_least_once("all counted and found");
    outcomes.gone.at_least_once("not counted yet");
    outcomes.refused.at_least_once("somebody in the slot");
    for side in [Side::Publish, Side::Observe] {
        model = model.fails_without("slot-count", side);
    }
}

//! Models of a group: numbers that are changed together and read together. Edges watched: `group-begun`, `group-done`, and
//! `slab-owner` where a slot changes hands.

mod support;

use flightdeck_loom::internals::{Cells, Sheet, Side, Sizes};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// Two numbers, in cells of so many slabs.
fn sheet(slabs: usize) -> (Arc<Cells>, Arc<Sheet>) {
    let cells = Cells::new(Sizes { cells: 4, slabs, chunks: slabs }).unwrap();
    let sheet = Arc::new(Sheet::new(&cells, 0, 2));
    (cells, sheet)
}

/// Looks twice: whatever is whole must belong together, and must not go back.
fn look_twice(seen: &Seen, torn: &Seen, look: impl Fn(&mut [u64]) -> bool) {
    let mut last = 0;
    for _ in 0..2 {
        let mut numbers = [0; 2];
        if look(&mut numbers) {
            let [one, other] = numbers;
            assert_eq!(one, other, "torn");
            assert!(one >= last, "{last}, then {one}");
            last = one;
            if one > 0 {
                seen.count();
            }
        } else {
            torn.count();
        }
    }
}

/// A writer adds twice to two numbers, a reader looks.
fn own_slot() -> (impl Fn() + Send + Sync + Clone + 'static, [Seen; 2]) {
    let outcomes = [Seen::default(), Seen::default()];
    let [seen, torn] = outcomes.clone();
    let model = move || {
        let (cells, sheet) = sheet(1);
        let (read, seen, torn) = (sheet.clone(), seen.clone(), torn.clone());
        let claim = cells.claim().expect("there is one");
        let reader = thread::spawn(move || look_twice(&seen, &torn, |numbers| read.look(0, numbers)));
        let written = sheet.clone();
        let writer = thread::spawn(move || {
            written.add(&claim, &[1, 1]).unwrap();
            written.add(&claim, &[1, 1]).unwrap();
        });
        writer.join().unwrap();
        reader.join().unwrap();
        let mut numbers = [0; 2];
        assert!(sheet.look(0, &mut numbers), "nobody is at it any more");
        assert_eq!(numbers, [2, 2]);
    };
    (model, outcomes)
}

#[test]
fn a_reading_has_all_of_an_update_or_nothing() {
    let (model, [seen, torn]) = own_slot();
    let model = Model::new("group, own slot", 3, model).holds(100);
    seen.at_least_once("a reader that sees an update");
    torn.at_least_once("a reader that meets one in the middle");
    model
        .fails_without("group-begun", Side::Publish)
        .fails_without("group-begun", Side::Observe)
        .fails_without("group-done", Side::Publish)
        .fails_without("group-done", Side::Observe);
}

#[test]
fn threads_without_a_slab_take_turns() {
    let outcomes = [Seen::default(), Seen::default()];
    let [seen, torn] = outcomes.clone();
    let model = move || {
        let (_, sheet) = sheet(1);
        let (read, seen, torn) = (sheet.clone(), seen.clone(), torn.clone());
        let reader = thread::spawn(move || look_twice(&seen, &torn, |numbers| read.look_at_shared(numbers)));
        let writer = || {
            let sheet = sheet.clone();
            thread::spawn(move || sheet.add_shared(&[1, 1]))
        };
        let writers = [writer(), writer()];
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        reader.join().unwrap();
        let mut numbers = [0; 2];
        assert!(sheet.look_at_shared(&mut numbers));
        assert_eq!(numbers, [2, 2], "lost");
    };
    Model::new("group, shared slot", 2, model).holds(100);
    let [seen, torn] = outcomes;
    seen.at_least_once("a reader that sees an update");
    torn.at_least_once("a reader that meets one in the middle");
}

/// Two threads, one slab: whoever comes second counts on in the slot of the first.
#[test]
fn a_slot_that_changes_hands_loses_nothing() {
    let adopted = Seen::default();
    let seen = adopted.clone();
    let model = move || {
        let (cells, sheet) = sheet(1);
        let worker = || {
            let (sheet, cells) = (sheet.clone(), cells.clone());
            thread::spawn(move || match cells.claim() {
                Some(claim) => {
                    sheet.add(&claim, &[1, 1]).unwrap();
                    claim.release();
                }
                None => sheet.add_shared(&[1, 1]),
            })
        };
        let workers = [worker(), worker()];
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let (mut own, mut shared) = ([0; 2], [0; 2]);
        assert!(sheet.look(0, &mut own) && sheet.look_at_shared(&mut shared));
        if own == [2, 2] {
            seen.count();
        }
        assert_eq!([own[0] + shared[0], own[1] + shared[1]], [2, 2], "lost");
    };
    let model = Model::new("group, slot adopted", 3, model).holds(10);
    adopted.at_least_once("a thread that counts on from another's numbers");
    model.fails_without("slab-owner", Side::Publish).fails_without("slab-owner", Side::Observe);
}

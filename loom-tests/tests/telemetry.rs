//! Models of the telemetry cells. Edges watched: `slab-owner`, `series-claim`.

mod support;

use flightdeck_loom::internals::{Cells, Claims, Side, Sizes};
use loom::sync::Mutex;
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

const SIZES: Sizes = Sizes { cells: 4, slabs: 2, chunks: 4 };

/// Two threads count twice each, one after the other in one slab or side by side in two; a reader sums up.
fn counted(slabs: usize) -> (impl Fn() + Send + Sync + Clone + 'static, Seen) {
    let adopted = Seen::default();
    let seen = adopted.clone();
    let model = move || {
        let cells = Cells::new(Sizes { slabs, ..SIZES }).unwrap();
        let reader = {
            let cells = cells.clone();
            thread::spawn(move || {
                let (first, second) = (cells.sum(1), cells.sum(1));
                assert!(first <= second && second <= 4, "a reader saw {first}, then {second}");
            })
        };
        let worker = || {
            let (cells, seen) = (cells.clone(), seen.clone());
            thread::spawn(move || match cells.claim() {
                Some(claim) => {
                    if claim.touch(1) && cells.sum(1) == 2 {
                        seen.count();
                    }
                    claim.add(1, 1);
                    claim.add(1, 1);
                    claim.release();
                }
                None => {
                    cells.add_shared(1, 2);
                }
            })
        };
        let workers = [worker(), worker()];
        for worker in workers {
            worker.join().unwrap();
        }
        reader.join().unwrap();
        assert_eq!(cells.sum(1), 4, "lost count");
    };
    (model, adopted)
}

#[test]
fn a_slab_that_changes_hands_loses_no_count() {
    let (model, adopted) = counted(1);
    let model = Model::new("slab adopted", 3, model).holds(1_000);
    adopted.at_least_once("a thread that counts on from another's values");
    model.fails_without("slab-owner", Side::Publish).fails_without("slab-owner", Side::Observe);
}

#[test]
fn two_slabs_add_up() {
    Model::new("two slabs", 2, counted(2).0).holds(1_000);
}

/// Two handles of a series count in two slabs and go. Whoever retires it finds no claim, zeroes its cell and passes
/// it on: to a thread that counts in it for another series.
fn reused() -> (impl Fn() + Send + Sync + Clone + 'static, Seen) {
    let used_again = Seen::default();
    let seen = used_again.clone();
    let model = move || {
        let cells = Cells::new(SIZES).unwrap();
        let claims = Arc::new(Claims::new());
        claims.add();
        claims.add();
        // What the registry's lock guards: whether the cell is that of the second series.
        let registry = Arc::new(Mutex::new(false));
        let holder = || {
            let (cells, claims, registry, seen) =
                (cells.clone(), claims.clone(), registry.clone(), seen.clone());
            thread::spawn(move || {
                let slab = cells.claim().expect("there is one for each");
                slab.add(1, 1);
                claims.remove();
                // The same slab counts for the second series, if there is one by now.
                let again = *registry.lock().unwrap();
                if again {
                    seen.count();
                    slab.add(1, 10);
                }
                slab.release();
                again
            })
        };
        let holders = [holder(), holder()];
        let retiring = {
            let (cells, claims, registry) = (cells.clone(), claims, registry.clone());
            thread::spawn(move || {
                let mut second = registry.lock().unwrap();
                if claims.are_gone() {
                    assert_eq!(cells.sum(1), 2, "a count of the first series came after its end");
                    cells.zero(1);
                    *second = true;
                }
                *second
            })
        };
        let again = holders.map(|holder| u64::from(holder.join().unwrap())).iter().sum::<u64>();
        let first = if retiring.join().unwrap() { 0 } else { 2 };
        assert_eq!(cells.sum(1), first + 10 * again, "two series share a cell");
    };
    (model, used_again)
}

#[test]
fn a_cell_is_another_series_only_when_nobody_counts_in_it() {
    let (model, used_again) = reused();
    let model = Model::new("cell of a retired series", 2, model).holds(500);
    used_again.at_least_once("a thread that counts in a cell that was zeroed behind its back");
    model.fails_without("series-claim", Side::Publish).fails_without("series-claim", Side::Observe);
}

//! Models of the telemetry cells. Edge watched: `slab-owner`.

mod support;

use flightdeck_loom::internals::{Cells, Side, Sizes};
use loom::thread;
use support::{Model, Seen};

const SIZES: Sizes = Sizes { cells: 2, slabs: 2, chunks: 4 };

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
                None => cells.add_shared(1, 2),
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

//! Models of how slabs grow, are merged, and change hands. Edge watched: `slab-owner`.

mod support;

use flightdeck_loom::internals::{Cells, Side, Sizes};
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// Two chunks of four cells for each slab.
const SIZES: Sizes = Sizes { cells: 8, slabs: 1, chunks: 2 };
/// A cell of the second one.
const SECOND: usize = 4;

/// A thread counts in cells of two chunks, which it takes while a reader sums up, once cell by cell and once all at once. What
/// the reader sees never goes down, is never above what has been counted, and is all of it once the thread says it is done.
fn growing(chunks: usize) -> (impl Fn() + Send + Sync + Clone + 'static, [Seen; 3]) {
    let seen: [Seen; 3] = Default::default();
    let [nothing, half, all] = seen.clone();
    let model = move || {
        let cells = Cells::new(Sizes { chunks, ..SIZES }).unwrap();
        let done = Arc::new(AtomicU64::new(0));
        let reader = {
            let (cells, done) = (cells.clone(), done.clone());
            let (nothing, half, all) = (nothing.clone(), half.clone(), all.clone());
            thread::spawn(move || {
                let first = [cells.sum(1), cells.sum(SECOND)];
                let said = done.load(Ordering::Acquire);
                let then = cells.sums(1..SECOND + 1);
                let [one, none @ .., other] = &then[..] else { panic!("{then:?}") };
                assert!(first[0] <= *one && first[1] <= *other, "{first:?}, then {then:?}");
                assert!(*one <= 3 && *other <= 5 && none == [0, 0], "never counted: {then:?}");
                assert!(said == 0 || [*one, *other] == [3, 5], "{then:?} is not all that had been counted");
                match [*one, *other] {
                    [0, 0] => nothing.count(),
                    [3, 5] => all.count(),
                    _ => half.count(),
                }
            })
        };
        let writer = {
            let cells = cells.clone();
            thread::spawn(move || {
                let slab = cells.claim().expect("there is one");
                slab.add(1, 1);
                slab.add(SECOND, 5);
                slab.add(1, 2);
                done.store(1, Ordering::Release);
                slab.release();
            })
        };
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!((cells.sum(1), cells.sum(SECOND), cells.sums(3..5)), (3, 5, vec![0, 5]), "lost count");
    };
    (model, seen)
}

#[test]
fn chunks_that_appear_while_a_reader_sums_up_are_whole() {
    let (model, [nothing, half, all]) = growing(2);
    Model::new("growth against merge", None, model).holds(500);
    nothing.at_least_once("a reader before the first chunk");
    half.at_least_once("a reader between two chunks");
    all.at_least_once("a reader after the last count");
}

#[test]
fn what_finds_the_pool_empty_is_counted_all_the_same() {
    for chunks in [0, 1] {
        let (model, [_, half, all]) = growing(chunks);
        Model::new("pool empty", None, model).holds(200);
        half.at_least_once("a reader between own and shared cells");
        all.at_least_once("a reader after the last count");
    }
}

/// Three threads, two slabs, a pool that is too small: each counts in both chunks, in cells of its own, of one that ended,
/// or in shared ones.
fn contended() -> (impl Fn() + Send + Sync + Clone + 'static, [Seen; 2]) {
    let seen: [Seen; 2] = Default::default();
    let [adopted, shared] = seen.clone();
    let model = move || {
        let cells = Cells::new(Sizes { slabs: 2, chunks: 2, ..SIZES }).unwrap();
        let worker = || {
            let (cells, adopted, shared) = (cells.clone(), adopted.clone(), shared.clone());
            thread::spawn(move || match cells.claim() {
                Some(slab) => {
                    if slab.add(1, 1) > 0 {
                        adopted.count();
                    }
                    if !slab.touch(SECOND) {
                        shared.count();
                    }
                    slab.add(SECOND, 1);
                    slab.release();
                }
                None => {
                    cells.add_shared(1, 1);
                    cells.add_shared(SECOND, 1);
                }
            })
        };
        let workers = [worker(), worker(), worker()];
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(cells.sums(0..6), [0, 3, 0, 0, 3, 0], "lost count");
    };
    (model, seen)
}

#[test]
fn three_threads_on_two_slabs_and_a_small_pool_lose_no_count() {
    let (model, [adopted, shared]) = contended();
    let model = Model::new("slabs and pool contended", 2, model).holds(500);
    adopted.at_least_once("a thread that counts on from another's values");
    shared.at_least_once("a thread that finds the pool empty");
    model.fails_without("slab-owner", Side::Publish).fails_without("slab-owner", Side::Observe);
}

/// One chunk is taken by the first owner of a slab. The next must find it, or it would take another in its place, and with it
/// lose what was counted.
#[test]
fn whoever_adopts_a_slab_finds_its_chunks() {
    let found = Seen::default();
    let seen = found.clone();
    let model = move || {
        let cells = Cells::new(SIZES).unwrap();
        let worker = || {
            let (cells, seen) = (cells.clone(), seen.clone());
            thread::spawn(move || {
                let Some(slab) = cells.claim() else { return 0 };
                if slab.add(SECOND, 1) > 0 {
                    seen.count();
                }
                slab.release();
                1
            })
        };
        let workers = [worker(), worker()];
        let counted: u64 = workers.map(|worker| worker.join().unwrap()).iter().sum();
        assert_eq!(cells.sum(SECOND), counted, "a chunk was lost");
    };
    let model = Model::new("chunk adopted", None, model).holds(20);
    found.at_least_once("an owner that counts on in a chunk that was there");
    model.fails_without("slab-owner", Side::Publish).fails_without("slab-owner", Side::Observe);
}

//! Storms on the telemetry's cells: more threads than slabs, which come, count and end while others read.

mod support;

use flightdeck_shuttle::internals::{Cells, Claims, Sizes};
use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;
use std::sync::Arc;
use support::{Seen, Storm};

const THREADS: u64 = 8;
const SCHEDULES: usize = 10_000;
/// Too small a pool for two slabs with two chunks each.
const SIZES: Sizes = Sizes { cells: 4, slabs: 2, chunks: 3 };

/// How a thread gives its slab back.
#[derive(Clone, Copy, PartialEq)]
enum Leaves {
    /// As the library does: after its last count, with all that was counted in it.
    AsItIs,
    BeforeItsLastCount,
    /// Its counts are moved to the shared cell.
    Folded,
}

/// Eight threads count twice each in two cells; two readers look on.
fn exits(leaves: Leaves) -> (impl Fn() + Send + Sync + Clone + 'static, [Seen; 3]) {
    let seen: [Seen; 3] = Default::default();
    let [adopted, shared, between] = seen.clone();
    let storm = move || {
        let cells = Cells::new(SIZES).unwrap();
        // Raised before something is counted: the truth that no reader may exceed.
        let begun = Arc::new(AtomicU64::new(0));
        let readers = [(); 2].map(|()| {
            let (cells, begun, between) = (cells.clone(), begun.clone(), between.clone());
            thread::spawn(move || {
                let mut last = vec![0; 4];
                for _ in 0..4 {
                    let now = cells.sums(0..4);
                    let most = begun.load(Ordering::Relaxed);
                    for (then, now) in last.iter().zip(&now) {
                        assert!(then <= now && *now <= most, "{then}, then {now}, of {most}");
                    }
                    if now[1] > 0 && now[1] < 2 * THREADS {
                        between.count();
                    }
                    last = now;
                }
            })
        });
        let worker = |_| {
            let (cells, begun) = (cells.clone(), begun.clone());
            let (adopted, shared) = (adopted.clone(), shared.clone());
            thread::spawn(move || {
                begun.fetch_add(2, Ordering::Relaxed);
                let Some(slab) = cells.claim() else {
                    shared.count();
                    cells.add_shared(1, 2);
                    cells.add_shared(2, 2);
                    return;
                };
                if slab.add(1, 1) > 0 {
                    adopted.count();
                }
                slab.add(2, 2);
                if leaves == Leaves::BeforeItsLastCount {
                    slab.release();
                    slab.add(1, 1);
                    return;
                }
                slab.add(1, 1);
                if leaves == Leaves::Folded {
                    let all = slab.add(1, 0);
                    cells.add_shared(1, all);
                    slab.add(1, all.wrapping_neg());
                }
                slab.release();
            })
        };
        for thread in (0..THREADS).map(worker).collect::<Vec<_>>().into_iter().chain(readers) {
            thread.join().unwrap();
        }
        assert_eq!(cells.sums(0..4), [0, 2 * THREADS, 2 * THREADS, 0], "lost count");
    };
    (storm, seen)
}

#[test]
fn eight_threads_that_leave_two_slabs_to_each_other_lose_no_count() {
    let (storm, [adopted, shared, between]) = exits(Leaves::AsItIs);
    Storm::new("slabs that change hands", storm).holds(SCHEDULES);
    adopted.at_least_once("a thread that counts on from another's values");
    shared.at_least_once("a thread without a slab");
    between.at_least_once("a reader in the middle");
    let wrong = [
        (Leaves::BeforeItsLastCount, "a slab that is given back before the last count"),
        (Leaves::Folded, "counts that are folded when a thread ends"),
    ];
    for (leaves, wrong) in wrong {
        Storm::new("slabs that change hands", exits(leaves).0).fails(SCHEDULES, wrong);
    }
}

/// When a handle's claim goes.
#[derive(Clone, Copy, PartialEq)]
enum Goes {
    AfterItsLastUse,
    BeforeIt,
}

/// Six handles of one series count in slabs and go. Whoever retires it finds no claim, zeroes the cell and passes it on, twice:
/// to threads that then count for another series.
fn handles(goes: Goes) -> (impl Fn() + Send + Sync + Clone + 'static, [Seen; 2]) {
    const HANDLES: u64 = 6;
    let seen: [Seen; 2] = Default::default();
    let [retired, again] = seen.clone();
    let storm = move || {
        let cells = Cells::new(Sizes { slabs: 8, chunks: 16, ..SIZES }).unwrap();
        let claims = Arc::new(Claims::new());
        (0..HANDLES).for_each(|_| claims.add());
        // What the registry's lock guards: whether the cell is that of the second series.
        let registry = Arc::new(Mutex::new(false));
        let handle = |_| {
            let (cells, claims, registry, again) =
                (cells.clone(), claims.clone(), registry.clone(), again.clone());
            thread::spawn(move || {
                let slab = cells.claim().expect("there is one for each");
                slab.add(1, 1);
                if goes == Goes::BeforeIt {
                    claims.remove();
                    slab.add(1, 1);
                } else {
                    slab.add(1, 1);
                    claims.remove();
                }
                let second = *registry.lock().unwrap();
                if second {
                    again.count();
                    slab.add(1, 100);
                }
                slab.release();
                second
            })
        };
        let handles: Vec<_> = (0..HANDLES).map(handle).collect();
        let retiring = {
            let (cells, claims, registry, retired) =
                (cells.clone(), claims.clone(), registry.clone(), retired.clone());
            thread::spawn(move || {
                for _ in 0..8 {
                    let mut second = registry.lock().unwrap();
                    if claims.are_gone() {
                        assert_eq!(
                            cells.sum(1),
                            2 * HANDLES,
                            "a count of the first series came after its end"
                        );
                        cells.zero(1);
                        *second = true;
                        retired.count();
                        return true;
                    }
                    drop(second);
                    thread::yield_now();
                }
                false
            })
        };
        let again: u64 = handles.into_iter().map(|handle| u64::from(handle.join().unwrap())).sum();
        let first = if retiring.join().unwrap() { 0 } else { 2 * HANDLES };
        assert_eq!(cells.sum(1), first + 100 * again, "two series share a cell");
    };
    (storm, seen)
}

#[test]
fn six_handles_of_a_series_are_all_gone_before_its_cell_is_anothers() {
    let (storm, [retired, again]) = handles(Goes::AfterItsLastUse);
    Storm::new("handles of a series", storm).holds(SCHEDULES);
    retired.at_least_once("a series that was retired");
    again.at_least_once("a thread that counts in a cell that was zeroed behind its back");
    let storm = handles(Goes::BeforeIt).0;
    Storm::new("handles of a series", storm).fails(SCHEDULES, "a claim that goes before the last count");
}

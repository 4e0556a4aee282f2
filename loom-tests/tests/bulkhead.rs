//! Models of a bulkhead. Edge watched: `bulkhead-place`.

mod support;

use flightdeck_loom::internals::{Room, Side};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// What only one at a time may touch.
struct Shared(UnsafeCell<u32>);

// SAFETY: of one thread at a time, which is what the model watches: loom's cell finds two at once.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }

    fn add(&self) {
        // SAFETY: the only one inside.
        self.0.with_mut(|count| unsafe { *count += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: all are over.
        self.0.with(|count| unsafe { *count })
    }
}

/// One place, three who wait for it for ever: each gets in, alone, and sees what the others did.
#[test]
fn a_room_for_one_has_one_at_a_time_and_loses_no_wake_up() {
    let model = || {
        let (room, shared) = (Arc::new(Room::new(1)), Shared::new());
        let enter = || {
            let (room, shared) = (room.clone(), shared.clone());
            thread::spawn(move || {
                // A lost wake-up is a deadlock, which loom reports.
                assert!(room.try_enter() || room.enter_by(None));
                shared.add();
                room.leave();
            })
        };
        [enter(), enter(), enter()].into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((shared.get(), room.inside(), room.waiting()), (3, 0, 0));
    };
    Model::new("bulkhead of one", 2, model)
        .holds(50)
        .fails_without("bulkhead-place", Side::Publish)
        .fails_without("bulkhead-place", Side::Observe);
}

/// Three come at once, for two places.
#[test]
fn a_room_for_two_never_has_three() {
    let (turned_away, all) = (Seen::default(), Seen::default());
    let seen = [turned_away.clone(), all.clone()];
    let model = move || {
        let (room, inside) = (Arc::new(Room::new(2)), Arc::new(AtomicU32::new(0)));
        let come = || {
            let (room, inside) = (room.clone(), inside.clone());
            thread::spawn(move || {
                let entered = room.try_enter();
                if entered {
                    assert!(inside.fetch_add(1, Relaxed) < 2, "a third one is inside");
                    inside.fetch_sub(1, Relaxed);
                    room.leave();
                }
                u32::from(entered)
            })
        };
        let entered: u32 = [come(), come(), come()].into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(room.inside(), 0);
        seen[usize::from(entered == 3)].count();
    };
    Model::new("bulkhead of two", 2, model).holds(50);
    turned_away.at_least_once("one turned away");
    all.at_least_once("three, one after another");
}

/// One waits while another raises the limit, and a third leaves.
#[test]
fn who_waits_is_let_in_when_more_may_be_inside() {
    let model = || {
        let room = Arc::new(Room::new(1));
        assert!(room.try_enter());
        let waiting = {
            let room = room.clone();
            thread::spawn(move || assert!(room.enter_by(None)))
        };
        let raising = {
            let room = room.clone();
            thread::spawn(move || room.set_limit(2))
        };
        waiting.join().unwrap();
        raising.join().unwrap();
        assert_eq!((room.inside(), room.waiting()), (2, 0));
    };
    Model::new("bulkhead limit raised", 3, model).holds(5);
}

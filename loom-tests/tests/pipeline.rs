//! Models of what one worker of a pipeline hands to the next. Edges watched: `bell`, `latch`.
//!
//! Nothing times out here, so a lost wake-up is a deadlock.

mod support;

use flightdeck_loom::internals::{Class, Handover, Latch, Side, WorkerBell as Bell};
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;
use support::{Model, Seen};

const CLASS: Class = Class::Normal;

#[derive(Clone, Default)]
struct Outcomes {
    giver_waited: Seen,
    taker_waited: Seen,
    neither: Seen,
}

/// How a worker waits: as it does, or without looking once more after it has announced that.
#[derive(Clone, Copy, PartialEq)]
enum Waits {
    Rechecking,
    AtOnce,
}

impl Waits {
    fn at(self, bell: &Bell, met: impl Fn() -> bool) {
        let mut looks = 0;
        bell.wait(Duration::MAX / 4, || {
            looks += 1;
            if self == Self::AtOnce && looks == 1 { false } else { met() }
        });
    }
}

/// So many items through a queue with so much room.
fn through(
    room: usize,
    items: u64,
    giver_waits: Waits,
    taker_waits: Waits,
) -> (impl Fn() + Send + Sync + Clone + 'static, Outcomes) {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = move || {
        let (giver, taker) = (Arc::new(Bell::new()), Arc::new(Bell::new()));
        let handover = Arc::new(Handover::new(room, giver.clone(), taker.clone()));
        let giving = {
            let handover = handover.clone();
            thread::spawn(move || {
                let mut waited = false;
                for item in 0..items {
                    while !handover.has_room(CLASS) {
                        waited = true;
                        giver_waits.at(&giver, || handover.has_room(CLASS));
                    }
                    handover.put(CLASS, item);
                }
                handover.close();
                waited
            })
        };
        let taking = thread::spawn(move || {
            let (mut taken, mut waited) = (0, false);
            loop {
                match handover.take(CLASS) {
                    Some(item) => {
                        assert_eq!(item, taken, "in order");
                        taken += 1;
                    }
                    None if handover.is_at_end() => break,
                    None => {
                        waited = true;
                        taker_waits.at(&taker, || handover.has(CLASS) || handover.is_at_end());
                    }
                }
            }
            assert_eq!(taken, items, "all of them, before the end");
            waited
        });
        let (giver_waited, taker_waited) = (giving.join().unwrap(), taking.join().unwrap());
        if giver_waited {
            seen.giver_waited.count();
        }
        if taker_waited {
            seen.taker_waited.count();
        }
        if !giver_waited && !taker_waited {
            seen.neither.count();
        }
    };
    (model, outcomes)
}

#[test]
fn each_item_comes_through_and_nobody_sleeps_on() {
    let (model, outcomes) = through(1, 2, Waits::Rechecking, Waits::Rechecking);
    let model = Model::new("hand-over of one", 3, model).holds(1_000);
    outcomes.giver_waited.at_least_once("a full queue");
    outcomes.taker_waited.at_least_once("an empty queue");
    model.fails_without("bell", Side::Publish).fails_without("bell", Side::Observe);
}

/// In a hand-over the fence of the bell hides what the latch itself does; here is what a drain relies on.
#[test]
fn who_sees_the_latch_sees_what_came_before_it() {
    let (early, late) = (Seen::default(), Seen::default());
    let (saw_nothing, saw_it) = (early.clone(), late.clone());
    let model = Model::new("latch", None, move || {
        let (latch, recorded) = (Arc::new(Latch::new()), Arc::new(AtomicU64::new(0)));
        let stopping = {
            let (latch, recorded) = (latch.clone(), recorded.clone());
            thread::spawn(move || {
                recorded.store(1, Ordering::Relaxed);
                latch.set();
            })
        };
        let draining = thread::spawn(move || {
            let drains = latch.is_set();
            let found = recorded.load(Ordering::Relaxed);
            assert!(!drains || found == 1, "the last look missed it");
            drains
        });
        stopping.join().unwrap();
        if draining.join().unwrap() { saw_it.count() } else { saw_nothing.count() }
    });
    let model = model.holds(3);
    early.at_least_once("looked before");
    late.at_least_once("looked after");
    model.fails_without("latch", Side::Publish).fails_without("latch", Side::Observe);
}

#[test]
fn a_giver_is_woken_at_half_and_forgotten_never() {
    let (model, outcomes) = through(2, 4, Waits::Rechecking, Waits::Rechecking);
    Model::new("hand-over of two", 2, model).holds(1_000);
    outcomes.giver_waited.at_least_once("a full queue");
    outcomes.neither.at_least_once("never full, never empty before its end");
}

#[test]
fn who_does_not_look_again_after_announcing_that_it_waits_sleeps_on() {
    let (model, _) = through(1, 2, Waits::Rechecking, Waits::AtOnce);
    Model::new("hasty taker", 3, model).fails("the second look of the taker");
    let (model, _) = through(1, 2, Waits::AtOnce, Waits::Rechecking);
    Model::new("hasty giver", 3, model).fails("the second look of the giver");
}

//! Models of the config. Edges watched: `config-generation`, `config-list`, `config-call`, `config-delivered`,
//! `config-subscribe`.

mod support;

use flightdeck_loom::internals::{Audience, Cell, Chain, Door, ListLink, Queue, Side};
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::{Arc, Mutex};
use support::{Model, Seen};

/// What a protocol protects; loom fails the model where two threads are in it unordered.
#[derive(Default)]
struct Witness(UnsafeCell<u64>);

// SAFETY: only models use it, and their purpose is to show that accesses are ordered.
unsafe impl Send for Witness {}
// SAFETY: as above.
unsafe impl Sync for Witness {}

impl Witness {
    fn set(&self, value: u64) {
        // SAFETY: loom checks that nobody else is inside.
        self.0.with_mut(|inside| unsafe { *inside = value });
    }

    fn get(&self) -> u64 {
        // SAFETY: loom checks that nobody writes.
        self.0.with(|inside| unsafe { *inside })
    }
}

/// Who learns of a generation finds a snapshot at least as new.
#[test]
fn a_generation_never_runs_ahead_of_its_snapshot() {
    let changed = Seen::default();
    let seen = changed.clone();
    let model = Model::new("generation and snapshot", 3, move || {
        let cell = Arc::new(Cell::new(0));
        let asker = {
            let (cell, seen) = (cell.clone(), seen.clone());
            thread::spawn(move || {
                let generation = cell.generation();
                if generation > 1 {
                    seen.count();
                }
                assert!(cell.revision() >= generation, "generation {generation} before its snapshot");
            })
        };
        let reader = {
            let mut reader = cell.reader();
            thread::spawn(move || {
                let first = reader.get().revision();
                assert!(reader.get().revision() >= first, "a reader went back");
            })
        };
        let publisher = thread::spawn(move || {
            cell.publish(2, 20);
            cell.publish(3, 30);
        });
        for actor in [asker, reader, publisher] {
            actor.join().unwrap();
        }
    });
    let model = model.holds(500);
    changed.at_least_once("a reader that sees a later generation");
    model.fails_without("config-generation", Side::Publish).fails_without("config-generation", Side::Observe);
}

/// A walk finds what was linked before it, nothing twice, and never touches what has been reclaimed.
#[test]
fn a_walk_among_insertions_and_removals_is_safe_and_whole() {
    let unlinked = Seen::default();
    let seen = unlinked.clone();
    let model = Model::new("subscriber list", 2, move || {
        let (chain, dying) = (Arc::new(Chain::new()), Arc::new(Door::new()));
        let open = || Arc::new(Door::new());
        chain.insert(ListLink(1, dying.clone()));
        chain.insert(ListLink(2, open()));
        let inserter = {
            let (chain, door) = (chain.clone(), open());
            thread::spawn(move || chain.insert(ListLink(3, door)))
        };
        let walker = |closes: bool| {
            let (chain, dying, seen) = (chain.clone(), dying.clone(), seen.clone());
            thread::spawn(move || {
                if closes {
                    dying.close();
                }
                let (found, unlinked) = chain.walk();
                assert!(found.contains(&2) && found.is_sorted(), "{found:?}");
                assert!(!closes || !found.contains(&1), "found after its door was closed");
                (0..unlinked).for_each(|_| seen.count());
            })
        };
        for actor in [inserter, walker(true), walker(false)] {
            actor.join().unwrap();
        }
        assert_eq!(chain.walk().0, [2, 3]);
    });
    let model = model.holds(500);
    unlinked.at_least_once("an entry unlinked");
    model.fails_without("config-list", Side::Publish).fails_without("config-list", Side::Observe);
}

/// After a close nothing starts, and when nothing runs any more, what the calls did is visible.
#[test]
fn no_call_starts_after_a_close_and_what_a_call_did_is_visible_after_it() {
    let (called, refused) = (Seen::default(), Seen::default());
    let (ran, shut) = (called.clone(), refused.clone());
    let model = Model::new("gate", None, move || {
        let shared = Arc::new((Door::new(), Witness::default()));
        let caller = {
            let (shared, ran, shut) = (shared.clone(), ran.clone(), shut.clone());
            thread::spawn(move || {
                let passed = shared.0.pass(|| shared.1.set(1));
                if passed.is_some() { ran.count() } else { shut.count() }
            })
        };
        let closer = thread::spawn(move || {
            shared.0.close();
            if shared.0.is_idle() {
                // Closed and idle, so no call runs or will.
                assert!(shared.1.get() <= 1);
            }
        });
        caller.join().unwrap();
        closer.join().unwrap();
    });
    let model = model.holds(5);
    called.at_least_once("a call");
    refused.at_least_once("a call refused");
    model.fails_without("config-call", Side::Publish).fails_without("config-call", Side::Observe);
}

/// Whoever publishes tries to become the one who delivers: nothing stays behind, nothing comes twice or out of order.
#[test]
fn every_change_is_delivered_once_and_in_order() {
    let others = Seen::default();
    let seen = others.clone();
    Model::new("one deliverer", 3, move || {
        let queue = Arc::new(Queue::new());
        let told = Arc::new(Mutex::new(Vec::new()));
        // The revisions are appended in order, as the config's own lock has it.
        queue.append(2);
        let publisher = |number: Option<u64>| {
            let (queue, told, seen) = (queue.clone(), told.clone(), seen.clone());
            thread::spawn(move || {
                if let Some(number) = number {
                    queue.append(number);
                }
                let mut mine = 0;
                queue.drain(|revision| {
                    told.lock().unwrap().push(revision);
                    mine += 1;
                });
                if mine == 2 {
                    seen.count();
                }
            })
        };
        let publishers = [publisher(Some(3)), publisher(None)];
        for publisher in publishers {
            publisher.join().unwrap();
        }
        assert_eq!(*told.lock().unwrap(), [2, 3]);
        assert!(queue.is_delivered(3));
    })
    .holds(50);
    others.at_least_once("a deliverer that took another's change along");
}

/// Who sees that a revision has been delivered sees what its subscribers did.
#[test]
fn what_subscribers_did_is_visible_to_who_waited_for_them() {
    let waited = Seen::default();
    let seen = waited.clone();
    let model = Model::new("delivered", None, move || {
        let shared = Arc::new((Queue::new(), Witness::default()));
        let asker = {
            let (shared, seen) = (shared.clone(), seen.clone());
            thread::spawn(move || {
                if shared.0.is_delivered(2) {
                    seen.count();
                    assert_eq!(shared.1.get(), 7, "delivered, and the callback is not over");
                }
            })
        };
        let publisher = thread::spawn(move || {
            shared.0.append(2);
            shared.0.drain(|_| shared.1.set(7));
        });
        asker.join().unwrap();
        publisher.join().unwrap();
    });
    let model = model.holds(2);
    waited.at_least_once("a delivery seen");
    model.fails_without("config-delivered", Side::Publish).fails_without("config-delivered", Side::Observe);
}

/// Subscribe, then read: either the reading is new, or the publisher sees the subscriber.
#[test]
fn who_subscribes_and_then_reads_misses_nothing() {
    let (told, read) = (Seen::default(), Seen::default());
    let (by_call, by_read) = (told.clone(), read.clone());
    let model = Model::new("subscribe, then read", 3, move || {
        let audience = Arc::new(Audience::new());
        let subscriber = {
            let audience = audience.clone();
            thread::spawn(move || audience.subscribe_and_read())
        };
        let publisher = {
            // The last handle goes in this thread: loom takes no order from std's `Arc`.
            let audience = audience.clone();
            thread::spawn(move || audience.publish(2))
        };
        let (found, told) = (subscriber.join().unwrap(), publisher.join().unwrap());
        assert!(found == 2 || told == 1, "a change missed: neither read nor told");
        if found == 2 { by_read.count() } else { by_call.count() }
    });
    let model = model.holds(20);
    told.at_least_once("a subscriber told");
    read.at_least_once("a subscriber who read it");
    model.fails_without("config-subscribe", Side::Publish).fails_without("config-subscribe", Side::Observe);
}

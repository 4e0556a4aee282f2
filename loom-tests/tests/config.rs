//! Models of config: what readers, subscribers and publishers rely on.
//!
//! | edge | watched by |
//! |---|---|
//! | `config-generation` | `a_generation_means_that_its_snapshot_is_in_place` |
//! | `config-list` | `an_entry_comes_with_all_before_it`, `a_walk_finds_what_was_inserted_and_frees_what_died` |
//! | `config-subscribe` | `who_subscribes_and_then_reads_misses_nothing` |
//! | `config-call` | `a_closed_gate_that_is_idle_stays_so` |
//! | `config-wake` | `who_awaits_a_number_is_woken` |
//! | `config-delivered` | `delivered_means_that_the_callbacks_effects_are_visible` |
//!
//! `.ci/real-epoch-models` runs them a second time, with crossbeam-epoch itself under the list instead of the stand-in.

mod support;

use flightdeck_loom::internals::{Audience, Cell, Chain, Door, ListLink as Link, Queue, Side, Sleepers};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::{Wake, Waker};
use support::{Model, REAL_EPOCH, Seen};

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
}

/// loom's threads all run on one system thread: what is only counted needs no order.
type Tally = std::sync::Mutex<Vec<u64>>;

#[test]
fn a_generation_means_that_its_snapshot_is_in_place() {
    let (old, new) = (Seen::default(), Seen::default());
    let (old_seen, new_seen) = (old.clone(), new.clone());
    Model::new("generation", None, move || {
        let cell = Arc::new(Cell::new(10));
        let (reading, publishing) = (cell.clone(), cell.clone());
        let mut reader = cell.reader();
        let (old, new) = (old.clone(), new.clone());
        let reader = thread::spawn(move || {
            let mut last = 1;
            for _ in 0..2 {
                let least = reading.generation();
                let snapshot = reader.get();
                let revision = snapshot.revision().get();
                assert!(revision >= least, "generation {least}, but revision {revision}");
                assert!(revision >= last, "back from {last} to {revision}");
                assert_eq!(*snapshot.value(), revision * 10);
                last = revision;
            }
            if last == 1 { old.count() } else { new.count() }
        });
        let publisher = thread::spawn(move || {
            publishing.publish(2, 20);
            publishing.publish(3, 30);
        });
        reader.join().unwrap();
        publisher.join().unwrap();
    })
    .holds(100)
    .fails_without("config-generation", Side::Publish)
    .fails_without("config-generation", Side::Observe);
    old_seen.at_least_once("a reader that kept the first revision");
    new_seen.at_least_once("a reader that saw a newer one");
}

/// Whoever learns of a revision from one that found its snapshot in place early is shown no older one.
fn early(
    find: fn(&Cell) -> u64,
    told_of_it: &Seen,
    not_told: &Seen,
) -> Model<impl Fn() + Send + Sync + Clone + 'static> {
    let (told_of_it, not_told) = (told_of_it.clone(), not_told.clone());
    Model::new("early", None, move || {
        let cell = Arc::new(Cell::new(10));
        let told = Arc::new(AtomicUsize::new(1));
        let (finding, publishing, telling) = (cell.clone(), cell.clone(), told.clone());
        let mut reader = cell.reader();
        let (told_of_it, not_told) = (told_of_it.clone(), not_told.clone());
        let finder = thread::spawn(move || telling.store(find(&finding) as usize, Release));
        let publisher = thread::spawn(move || publishing.publish(2, 20));
        let reader = thread::spawn(move || {
            let least = told.load(Acquire) as u64;
            let revision = reader.get().revision().get();
            assert!(revision >= least, "told of {least}, and shown {revision}");
            if least == 2 { told_of_it.count() } else { not_told.count() }
        });
        finder.join().unwrap();
        publisher.join().unwrap();
        reader.join().unwrap();
    })
}

#[test]
fn what_one_reader_found_no_other_falls_behind() {
    let (told_of_it, not_told) = (Seen::default(), Seen::default());
    early(Cell::revision, &told_of_it, &not_told).holds(50);
    told_of_it.at_least_once("a reader that was told of the second revision");
    not_told.at_least_once("a reader that was not");
    early(Cell::peek, &told_of_it, &not_told).fails("the generation raised by whoever finds a snapshot");
}

/// Whoever finds an entry finds all that were inserted before it.
#[test]
fn an_entry_comes_with_all_before_it() {
    let (none, one, both) = (Seen::default(), Seen::default(), Seen::default());
    let (none_seen, one_seen, both_seen) = (none.clone(), one.clone(), both.clone());
    Model::new("insertion", REAL_EPOCH.then_some(2), move || {
        let chain = Arc::new(Chain::new());
        let (inserting, walking) = (chain.clone(), chain.clone());
        let (none, one, both) = (none.clone(), one.clone(), both.clone());
        let insert = thread::spawn(move || {
            inserting.insert(Link(1, Arc::new(Door::new())));
            inserting.insert(Link(2, Arc::new(Door::new())));
        });
        let walk = thread::spawn(move || match *walking.walk().0 {
            [] => none.count(),
            [1] => one.count(),
            [1, 2] => both.count(),
            ref found => panic!("{found:?}"),
        });
        insert.join().unwrap();
        walk.join().unwrap();
    })
    .holds(50)
    .fails_without("config-list", Side::Publish)
    .fails_without("config-list", Side::Observe);
    none_seen.at_least_once("a walk before both insertions");
    one_seen.at_least_once("a walk between them");
    both_seen.at_least_once("a walk after both");
}

/// One thread inserts, one closes an entry, one walks: every walk finds what lives, nothing is used
/// after it was freed.
// On the real epochs each of the three threads takes so many steps that this did not end in seven minutes.
#[test]
#[cfg_attr(crossbeam_loom, ignore = "takes more than minutes on real epochs, even with one preemption")]
fn a_walk_finds_what_was_inserted_and_frees_what_died() {
    let (there, gone) = (Seen::default(), Seen::default());
    let (there_seen, gone_seen) = (there.clone(), gone.clone());
    Model::new("list", 2, move || {
        let chain = Arc::new(Chain::new());
        let dying = Arc::new(Door::new());
        let (inserting, walking, clearing) = (chain.clone(), chain.clone(), chain.clone());
        let closing = dying.clone();
        let (there, gone) = (there.clone(), gone.clone());
        let insert = thread::spawn(move || {
            inserting.insert(Link(1, dying));
            inserting.insert(Link(2, Arc::new(Door::new())));
        });
        let clear = thread::spawn(move || {
            closing.close();
            clearing.walk().1
        });
        let walk = thread::spawn(move || {
            let (found, unlinked) = walking.walk();
            assert!(found.is_sorted(), "{found:?}");
            if found.contains(&2) {
                there.count()
            }
            if found == [2] {
                gone.count()
            }
            unlinked
        });
        insert.join().unwrap();
        let unlinked = clear.join().unwrap() + walk.join().unwrap();
        let (found, last) = chain.walk();
        assert_eq!((found, unlinked + last), (vec![2], 1));
    })
    .holds(1_000)
    .fails_without("config-list", Side::Publish)
    .fails_without("config-list", Side::Observe);
    there_seen.at_least_once("a walk that found the living entry");
    gone_seen.at_least_once("a walk that found the dead one gone");
}

/// Neighbours that die at once, unlinked by two walkers: neither comes back, each is freed once.
#[test]
fn two_walkers_unlink_neighbours() {
    let (one, both) = (Seen::default(), Seen::default());
    let (one_seen, both_seen) = (one.clone(), both.clone());
    Model::new("neighbours", if REAL_EPOCH { 1 } else { 3 }, move || {
        let chain = Arc::new(Chain::new());
        let doors: Vec<_> = (0..3).map(|_| Arc::new(Door::new())).collect();
        for (number, door) in (0..).zip(&doors) {
            chain.insert(Link(number, door.clone()));
        }
        let walkers: Vec<_> = [1, 2]
            .map(|dying: usize| {
                let (chain, door) = (chain.clone(), doors[dying].clone());
                thread::spawn(move || {
                    door.close();
                    let (found, unlinked) = chain.walk();
                    assert!(found.contains(&0) && !found.contains(&(dying as u64)), "{found:?}");
                    unlinked
                })
            })
            .into();
        let unlinked: Vec<usize> = walkers.into_iter().map(|walker| walker.join().unwrap()).collect();
        if unlinked.contains(&2) {
            both.count()
        } else {
            one.count()
        }
        let (found, last) = chain.walk();
        assert_eq!((found, unlinked.iter().sum::<usize>() + last), (vec![0], 2));
        drop(chain);
        assert!(doors.iter().all(|door| Arc::strong_count(door) == 1), "an entry that was not freed");
    })
    .holds(500);
    one_seen.at_least_once("a walker that unlinked one");
    both_seen.at_least_once("a walker that unlinked both");
}

#[test]
fn who_subscribes_and_then_reads_misses_nothing() {
    let (told, read) = (Seen::default(), Seen::default());
    let (told_seen, read_seen) = (told.clone(), read.clone());
    let model = Model::new("subscribe", REAL_EPOCH.then_some(2), move || {
        let audience = Arc::new(Audience::new());
        // Kept to the end: loom does not see through the standard library's `Arc`.
        let (subscribing, publishing) = (audience.clone(), audience.clone());
        let subscriber = thread::spawn(move || subscribing.subscribe_and_read());
        let publisher = thread::spawn(move || publishing.publish(2));
        let revision = subscriber.join().unwrap();
        let listeners = publisher.join().unwrap();
        assert!(listeners == 1 || revision == 2, "read revision {revision}, and is not told of 2");
        if listeners == 1 {
            told.count()
        }
        if revision == 2 {
            read.count()
        }
    })
    .holds(20);
    // Pinning a real epoch is such a fence on either side, so there nothing is lost without ours. It is no
    // promise of crossbeam-epoch's, and the stand-in does not give it.
    if !REAL_EPOCH {
        model
            .fails_without("config-subscribe", Side::Publish)
            .fails_without("config-subscribe", Side::Observe);
    }
    told_seen.at_least_once("a subscriber that is told");
    read_seen.at_least_once("a subscriber that reads the new revision");
}

/// What a call touches may be torn down by whoever closed the gate and saw it idle.
#[test]
fn a_closed_gate_that_is_idle_stays_so() {
    let (called, refused, left_running) = (Seen::default(), Seen::default(), Seen::default());
    let (called_seen, refused_seen, running_seen) = (called.clone(), refused.clone(), left_running.clone());
    Model::new("gate", None, move || {
        let door = Arc::new(Door::new());
        let touched = Arc::new(Witness::default());
        let (closing, owned) = (door.clone(), touched.clone());
        let (called, refused, left_running) = (called.clone(), refused.clone(), left_running.clone());
        let caller = thread::spawn(move || {
            for _ in 0..2 {
                match door.pass(|| touched.set(1)) {
                    Some(_) => called.count(),
                    None => refused.count(),
                }
            }
        });
        let closer = thread::spawn(move || {
            closing.close();
            if closing.is_idle() {
                owned.set(100);
            } else {
                left_running.count();
            }
        });
        caller.join().unwrap();
        closer.join().unwrap();
    })
    .holds(20)
    .fails_without("config-call", Side::Publish)
    .fails_without("config-call", Side::Observe);
    called_seen.at_least_once("a call that was let in");
    refused_seen.at_least_once("a call that was refused");
    running_seen.at_least_once("a gate closed during a call");
}

/// Two publishers: whoever finds the other delivering returns at once, and both revisions are
/// delivered once, in order, before anybody who waits for them is released.
#[test]
fn no_revision_is_left_undelivered() {
    let (own, handed_over) = (Seen::default(), Seen::default());
    let (own_seen, handed_seen) = (own.clone(), handed_over.clone());
    Model::new("delivery", 3, move || {
        let queue = Arc::new(Queue::new());
        let effects = Arc::new(Witness::default());
        let told = Arc::new(Tally::default());
        let newest = Arc::new(loom::sync::Mutex::new(1));
        let publishers: Vec<_> = (0..2)
            .map(|_| {
                let (queue, told, newest) = (queue.clone(), told.clone(), newest.clone());
                let (effects, own, handed_over) = (effects.clone(), own.clone(), handed_over.clone());
                thread::spawn(move || {
                    {
                        let mut newest = newest.lock().unwrap();
                        *newest += 1;
                        queue.append(*newest);
                    }
                    let mut delivered = 0;
                    queue.drain(|revision| {
                        effects.set(revision);
                        told.lock().unwrap().push(revision);
                        delivered += 1;
                    });
                    if delivered == 0 { handed_over.count() } else { own.count() }
                })
            })
            .collect();
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        assert_eq!(*told.lock().unwrap(), [2, 3]);
        assert!(queue.is_delivered(3));
    })
    .holds(20);
    own_seen.at_least_once("a publisher that delivered");
    handed_seen.at_least_once("a publisher that left it to the other");
}

/// A callback publishes, while another thread does: what it publishes waits until it has returned, and is then delivered by
/// whoever delivers, once and in order.
#[test]
fn what_a_callback_publishes_comes_after_it() {
    let (by_itself, by_the_other) = (Seen::default(), Seen::default());
    let (itself_seen, other_seen) = (by_itself.clone(), by_the_other.clone());
    Model::new("re-entry", 3, move || {
        let queue = Arc::new(Queue::new());
        let (told, inside) = (Arc::new(Tally::default()), Arc::new(Witness::default()));
        let newest = Arc::new(loom::sync::Mutex::new(1));
        let publish = {
            let (queue, newest) = (queue.clone(), newest.clone());
            move || {
                let mut newest = newest.lock().unwrap();
                *newest += 1;
                queue.append(*newest);
            }
        };
        let deliver = {
            let (queue, told, publish) = (queue.clone(), told.clone(), publish.clone());
            move || {
                let mut delivered = 0;
                queue.drain(|revision| {
                    inside.set(revision);
                    if revision == 2 {
                        publish();
                        // From inside: somebody delivers, further up the stack.
                        queue.drain(|_| panic!("a call within a call"));
                    }
                    told.lock().unwrap().push(revision);
                    delivered += 1;
                });
                delivered
            }
        };
        let other = {
            let (publish, deliver) = (publish.clone(), deliver.clone());
            thread::spawn(move || {
                publish();
                deliver()
            })
        };
        publish();
        let own = deliver();
        let others = other.join().unwrap();
        assert_eq!(*told.lock().unwrap(), [2, 3, 4]);
        assert!(queue.is_delivered(4));
        assert_eq!(own + others, 3);
        if own == 3 || others == 3 { by_itself.count() } else { by_the_other.count() }
    })
    .holds(20);
    itself_seen.at_least_once("one who delivered all three");
    other_seen.at_least_once("two who shared them");
}

/// Whoever finds a revision delivered sees what the callbacks did.
#[test]
fn delivered_means_that_the_callbacks_effects_are_visible() {
    let (early, late) = (Seen::default(), Seen::default());
    let (early_seen, late_seen) = (early.clone(), late.clone());
    Model::new("delivered", None, move || {
        let queue = Arc::new(Queue::new());
        let effect = Arc::new(AtomicUsize::new(0));
        let (polling, effects) = (queue.clone(), effect.clone());
        let (early, late) = (early.clone(), late.clone());
        let poller = thread::spawn(move || {
            if polling.is_delivered(2) {
                assert_eq!(effect.load(Relaxed), 1, "delivered, but not done");
                late.count();
            } else {
                early.count();
            }
        });
        let publisher = thread::spawn(move || {
            queue.append(2);
            queue.drain(|_| effects.store(1, Relaxed));
        });
        poller.join().unwrap();
        publisher.join().unwrap();
    })
    .holds(5)
    .fails_without("config-delivered", Side::Publish)
    .fails_without("config-delivered", Side::Observe);
    early_seen.at_least_once("a look before the delivery");
    late_seen.at_least_once("a look after it");
}

/// A lost wake-up would be a deadlock, which loom reports.
#[test]
fn who_waits_for_a_delivery_is_woken() {
    let released = Seen::default();
    let seen = released.clone();
    Model::new("wake-up", None, move || {
        let queue = Arc::new(Queue::new());
        let waiting = queue.clone();
        let released = released.clone();
        let waiter = thread::spawn(move || {
            waiting.wait(2);
            released.count();
        });
        let publisher = thread::spawn(move || {
            queue.append(2);
            queue.drain(|_| ());
        });
        waiter.join().unwrap();
        publisher.join().unwrap();
    })
    .holds(5);
    seen.at_least_once("a waiter that was released");
}

/// A waker that lets a thread of the model go on.
struct Notified(loom::sync::Notify);

impl Wake for Notified {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Who finds the number too small and then sleeps is woken when it is raised; a lost wake-up would be a deadlock, which
/// loom reports.
#[test]
fn who_awaits_a_number_is_woken() {
    let (at_once, woken) = (Seen::default(), Seen::default());
    let (at_once_seen, woken_seen) = (at_once.clone(), woken.clone());
    Model::new("wakers", None, move || {
        let sleepers = Arc::new(Sleepers::new());
        let (sleeping, raising) = (sleepers.clone(), sleepers.clone());
        let (at_once, woken) = (at_once.clone(), woken.clone());
        let sleeper = thread::spawn(move || {
            let notified = Arc::new(Notified(loom::sync::Notify::new()));
            let waker = Waker::from(notified.clone());
            if sleeping.poll(1, 2, &waker) {
                at_once.count();
            } else {
                // Also woken for nothing now and then, as loom's threads are.
                notified.0.wait();
                while !sleeping.poll(1, 2, &waker) {
                    notified.0.wait();
                }
                woken.count();
            }
            sleeping.forget(1);
        });
        let raiser = thread::spawn(move || raising.raise(2));
        sleeper.join().unwrap();
        raiser.join().unwrap();
    })
    .holds(10)
    .fails_without("config-wake", Side::Publish)
    .fails_without("config-wake", Side::Observe);
    at_once_seen.at_least_once("a task that found the number there");
    woken_seen.at_least_once("a task that was woken");
}

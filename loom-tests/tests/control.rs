//! Models of what holds events back. Edges watched: `tally-owner`, `bucket-pace`. The hashes of a quota's keys stand for
//! themselves: their model watches that no key has two places; that of a bucket, that no token is given twice.

mod support;

use flightdeck_loom::internals::{Bucket, Gates, Key, Keys, Owner, Pace, Setting, Side, Slab, Slot, Tallied};
use loom::sync::atomic::AtomicU64;
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// Later than any burst is long.
const NOW: u64 = 1_000;

/// So many tokens at once, and no further one within the model.
fn pace(burst: u64) -> Pace {
    Pace { interval: 100, ahead: 100 * (burst - 1) }
}

/// Threads take from a bucket that holds one token fewer than there are threads.
fn taken(threads: usize) -> (impl Fn() + Send + Sync + Clone + 'static, [Seen; 2]) {
    let outcomes = [Seen::default(), Seen::default()];
    let seen = outcomes.clone();
    let model = move || {
        let bucket = Arc::new(AtomicU64::new(0));
        let takers: Vec<_> = (0..threads)
            .map(|_| {
                let (bucket, seen) = (bucket.clone(), seen.clone());
                thread::spawn(move || {
                    let took = Bucket(&bucket).take(pace(threads as u64 - 1), NOW).is_some();
                    seen[usize::from(took)].count();
                    took
                })
            })
            .collect();
        let took = takers.into_iter().map(|taker| taker.join().unwrap()).filter(|took| *took);
        assert_eq!(took.count(), threads - 1, "as many as it held");
    };
    (model, outcomes)
}

#[test]
fn a_bucket_gives_each_token_once() {
    for (threads, floor) in [(2, 15), (3, 5_000)] {
        let (model, [refused, passed]) = taken(threads);
        Model::new("bucket with one token too few", None, model).holds(floor);
        refused.at_least_once("a thread refused");
        passed.at_least_once("a token taken");
    }
}

/// A rate is changed from a slow to a quick one while somebody takes.
fn changed() -> impl Fn() + Send + Sync + Clone + 'static {
    || {
        let (gates, slot) = (Arc::new(Gates::<1>::new().unwrap()), Slot::of(0));
        let rate =
            |interval| Setting { every: 1, pace: Some(Pace { interval, ahead: 0 }), is_another_rate: true };
        gates.set(slot, rate(1_000_000), || NOW);
        let taker = {
            let gates = gates.clone();
            thread::spawn(move || gates.at(slot).take(|| NOW))
        };
        let changer = {
            let gates = gates.clone();
            thread::spawn(move || gates.set(slot, rate(10), || NOW))
        };
        assert_eq!(taker.join().unwrap(), Some(true), "it was full before and after");
        changer.join().unwrap();
        // At the new pace there is a token by then, whatever was taken at the old one.
        let again = gates.at(slot).take(|| NOW + 10);
        assert_eq!(again, Some(true), "closed at a pace that is no longer");
    }
}

#[test]
fn no_bucket_stays_closed_at_a_pace_that_is_no_longer() {
    let model = Model::new("rate changed", None, changed()).holds(200);
    model.fails_without("bucket-pace", Side::Publish).fails_without("bucket-pace", Side::Observe);
}

/// A rate of two at once changes while two take, each of whom may see one half of a pace and not the other, and the two not
/// the same half. Either to other rates, twice, or to other paces of the same rate.
fn changed_for_two(is_another_rate: bool) -> impl Fn() + Send + Sync + Clone + 'static {
    move || {
        let (gates, slot) = (Arc::new(Gates::<1>::new().unwrap()), Slot::of(0));
        let at = move |interval| Setting {
            every: 1,
            pace: Some(Pace { interval, ahead: interval }),
            is_another_rate,
        };
        gates.set(slot, at(900), || NOW);
        let takers = [(); 2].map(|()| {
            let gates = gates.clone();
            thread::spawn(move || gates.at(slot).take(|| NOW))
        });
        let changer = {
            let gates = gates.clone();
            thread::spawn(move || {
                if is_another_rate {
                    gates.set(slot, at(100), || NOW);
                }
                gates.set(slot, at(10), || NOW);
            })
        };
        let taken = takers.map(|taker| taker.join().unwrap() == Some(true));
        changer.join().unwrap();
        assert!(taken.contains(&true), "it was full before and after");
        if !is_another_rate {
            // Carried on, not filled: off by no more than what was taken at that moment.
            let more = [(); 2].map(|()| gates.at(slot).take(|| NOW) == Some(true));
            let count = [taken, more].as_flattened().iter().filter(|took| **took).count();
            assert!(count <= 3, "a bucket that holds two gave {count}");
        }
        let again = gates.at(slot).take(|| NOW + 10);
        assert_eq!(again, Some(true), "closed at a pace that is no longer");
    }
}

#[test]
fn half_a_pace_closes_no_bucket() {
    for (name, is_another_rate, floor) in
        [("rate changed twice, two takers", true, 50_000), ("pace changed, two takers", false, 2_000)]
    {
        let model = Model::new(name, 1, changed_for_two(is_another_rate)).holds(floor);
        model.fails_without("bucket-pace", Side::Publish).fails_without("bucket-pace", Side::Observe);
        if is_another_rate {
            // A taker that knows of one change would hide the next one, if it put its token right by a store. That takes one
            // preemption more, with which there are too many executions to explore all.
            Model::new(name, 2, changed_for_two(true)).fails_without("bucket-pace", Side::Carry);
        }
    }
}

/// A slab goes from owner to owner; each counts on.
fn handed_on() -> (impl Fn() + Send + Sync + Clone + 'static, Seen) {
    let seen = Seen::default();
    let both = seen.clone();
    let model = move || {
        let (slab, slot) = (Arc::new(Slab::<1>::new().unwrap()), Slot::of(0));
        let owners = [(); 2].map(|()| {
            let slab = slab.clone();
            thread::spawn(move || {
                let claimed = slab.try_claim(Owner::UNKNOWN);
                if claimed {
                    slab.counts(slot).count(Tallied::Granted);
                    slab.counts(slot).count(Tallied::Granted);
                    slab.release();
                }
                u64::from(claimed)
            })
        });
        let owned: u64 = owners.into_iter().map(|owner| owner.join().unwrap()).sum();
        if owned == 2 {
            both.count();
        }
        let counted = slab.counts(slot).get(Tallied::Granted);
        assert_eq!(counted, 2 * owned, "a count was lost between two owners");
    };
    (model, seen)
}

#[test]
fn a_slab_counts_on_from_owner_to_owner() {
    let (model, both) = handed_on();
    let model = Model::new("slab handed on", None, model).holds(40);
    both.at_least_once("one owner after the other");
    model.fails_without("tally-owner", Side::Publish).fails_without("tally-owner", Side::Observe);
}

/// Three keys come in at once, two of them the same; all begin their search at one place.
fn entered() -> (impl Fn() + Send + Sync + Clone + 'static, Seen) {
    let seen = Seen::default();
    let shared = seen.clone();
    let model = move || {
        let keys = Arc::new(Keys::new(4).unwrap());
        // Of eight places.
        let askers = [(7, 16), (7, 16), (9, 8)].map(|(number, hash)| {
            let keys = keys.clone();
            thread::spawn(move || {
                let place = keys.place(Key::Number(number), hash);
                (std::ptr::from_ref(place) as usize, place.take(|| pace(1), |_| NOW))
            })
        });
        let [(first, one), (again, two), (other, alone)] = askers.map(|asker| asker.join().unwrap());
        assert!(first == again && first != other, "a place for each key");
        assert!(one != two && alone, "a token for each key");
        if !one {
            shared.count();
        }
        // And there they are found again.
        for (number, hash, place) in [(7, 16, first), (9, 8, other)] {
            assert_eq!(std::ptr::from_ref(keys.place(Key::Number(number), hash)) as usize, place);
        }
    };
    (model, seen)
}

#[test]
fn a_key_has_one_place() {
    let (model, shared) = entered();
    Model::new("keys of a quota", 2, model).holds(3_000);
    shared.at_least_once("the second of two who ask for a key comes first");
}

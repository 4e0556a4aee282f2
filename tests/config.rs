//! Config as a host uses it: whole versions, refused updates, subscribers that do everything.

use flightdeck::config::{
    Change, Config, Guard, Notice, Published, Reader, Rejected, Snapshot, Stats, Subscription, UpdateError,
    Validate, Violations, WeakConfig,
};
use flightdeck::{Diagnostic, Retry, Revision};
use proptest::prelude::*;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::thread::{self, ThreadId};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
/// Refused, and out of reach of any test that counts up.
const UNLUCKY: u64 = 1_313_131_313;

/// Sound while both halves are equal.
#[derive(Clone, Debug, PartialEq)]
struct Pair(u64, u64);

impl Validate for Pair {
    fn validate(&self, report: &mut Violations) {
        report.require(self.0 == self.1, "halves", &(self.0, self.1), "must be equal");
        report.require(self.0 != UNLUCKY, "first", &self.0, "brings bad luck");
    }
}

/// Without a history, so that what is replaced is freed as soon as nobody reads it.
fn pair(value: u64) -> Config<Pair> {
    Config::builder(Pair(value, value)).history(0).build().expect("equal halves")
}

fn next(now: &Pair) -> Pair {
    Pair(now.0 + 1, now.1 + 1)
}

fn revision(number: u64) -> Revision {
    let config = pair(0);
    (1..number).for_each(|_| drop(config.update(next).unwrap()));
    config.revision()
}

#[test]
fn a_bad_value_comes_back_with_everything_that_speaks_against_it() {
    let refused = Config::new(Pair(UNLUCKY, 1)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "config rejected for 2 reasons: halves = (1313131313, 1): must be equal; first = 1313131313: brings bad luck"
    );
    assert_eq!((refused.code(), refused.retry()), ("config.value.rejected", Retry::Never));
    assert_eq!(refused.into_value(), Pair(UNLUCKY, 1));

    let config = pair(1);
    let error = config.replace(Pair(1, 2)).unwrap_err();
    assert_eq!(error.violations().map(Violations::len), Some(1));
    assert_eq!(error.into_value(), Some(Pair(1, 2)));
    assert_eq!((config.revision(), config.stats().rejections), (Revision::FIRST, 1));
}

#[test]
fn readers_see_whole_versions_and_never_go_back() {
    const SWAPS: u64 = 100_000;
    let config = pair(1);
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        for kind in 0..3 {
            let (config, done) = (&config, &done);
            threads.spawn(move || {
                let mut reader = config.reader();
                let mut last = Revision::FIRST;
                let mut check = |snapshot: &Snapshot<Pair>| {
                    assert_eq!((snapshot.0, snapshot.1), (snapshot.revision().get(), snapshot.0));
                    assert!(snapshot.revision() >= last, "{} after {last}", snapshot.revision());
                    last = snapshot.revision();
                };
                while !done.load(SeqCst) {
                    match kind {
                        0 => check(reader.get()),
                        1 => check(&config.load()),
                        _ => check(&config.snapshot()),
                    }
                }
                check(reader.get());
                assert_eq!(last.get(), SWAPS + 1);
            });
        }
        for _ in 0..SWAPS {
            config.update(next).unwrap();
        }
        done.store(true, SeqCst);
    });
    config.tick();
    let stats = config.stats();
    assert_eq!((stats.updates, stats.retained, stats.freed), (SWAPS, 0, SWAPS));
}

/// Notes the threads on which it is dropped.
#[derive(Clone)]
struct Tracked {
    dropped_on: Arc<Mutex<HashSet<ThreadId>>>,
}

impl Validate for Tracked {
    fn validate(&self, _: &mut Violations) {}
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.dropped_on.lock().unwrap().insert(thread::current().id());
    }
}

#[test]
fn no_reader_ever_drops_a_value() {
    let dropped_on = Arc::new(Mutex::new(HashSet::new()));
    let config = Config::builder(Tracked { dropped_on: dropped_on.clone() }).history(0).build().unwrap();
    let done = AtomicBool::new(false);
    let readers: HashSet<ThreadId> = thread::scope(|threads| {
        let reading: Vec<_> = (0..4)
            .map(|kind| {
                let (config, done) = (&config, &done);
                threads.spawn(move || {
                    let mut reader = config.reader();
                    while !done.load(SeqCst) {
                        match kind {
                            0 => drop(config.load()),
                            1 => drop(config.snapshot()),
                            2 => drop(config.reader()),
                            _ => drop(reader.get()),
                        }
                    }
                    thread::current().id()
                })
            })
            .collect();
        for _ in 0..50_000 {
            config.update(Tracked::clone).unwrap();
        }
        done.store(true, SeqCst);
        reading.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    config.tick();
    assert_eq!((config.stats().retained, config.stats().freed), (0, 50_000));
    let dropped_on = dropped_on.lock().unwrap();
    assert!(dropped_on.contains(&thread::current().id()));
    assert!(dropped_on.is_disjoint(&readers), "a reader ran a destructor");
}

#[test]
fn what_others_hold_is_retained_and_nothing_else_for_long() {
    let config = pair(1);
    let held: Vec<_> = (0..10)
        .map(|_| {
            let held = config.snapshot();
            config.update(next).unwrap();
            held
        })
        .collect();
    // Nobody ticks: updates free by themselves.
    for _ in 0..10_000 {
        config.update(next).unwrap();
        assert!(config.stats().retained <= 32, "{}", config.stats());
    }
    config.tick();
    let retained: Vec<_> = config.retained_revisions().into_iter().map(Revision::get).collect();
    assert_eq!(retained, (1..=10).collect::<Vec<_>>());
    drop(held);
    assert_eq!(config.tick().freed, 10);
    assert!(config.retained_revisions().is_empty());
}

#[test]
fn of_two_that_saw_the_same_revision_one_wins() {
    let config = pair(0);
    for _ in 0..200 {
        let seen = config.revision();
        let start = Barrier::new(2);
        let results: Vec<_> = thread::scope(|threads| {
            let both: Vec<_> = (0..2)
                .map(|_| {
                    threads.spawn(|| {
                        start.wait();
                        config.compare_and_update(seen, next)
                    })
                })
                .collect();
            both.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winner = results.iter().find_map(|result| result.as_ref().ok()).expect("one wins").revision();
        let loser = results.iter().find_map(|result| result.as_ref().err()).expect("one loses");
        assert_eq!(loser.code(), "config.update.conflict");
        assert!(matches!(loser, UpdateError::Conflict { expected, current, .. }
            if *expected == seen && *current == winner));
    }
    assert_eq!((config.revision().get(), config.stats().conflicts), (201, 200));
}

#[test]
fn a_panic_in_an_update_changes_nothing_and_wedges_nothing() {
    struct Touchy(bool);
    impl Validate for Touchy {
        fn validate(&self, _: &mut Violations) {
            assert!(!self.0, "validation panics");
        }
    }
    let config = Config::new(Touchy(false)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| config.update(|_| panic!("closure panics")))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| config.replace(Touchy(true)))).is_err());
    assert_eq!(config.revision(), Revision::FIRST);
    assert_eq!(config.replace(Touchy(false)).unwrap().revision().get(), 2);
}

#[test]
fn an_update_inside_an_update_is_refused_rather_than_waiting_for_itself() {
    let config = pair(1);
    let inner = config.clone();
    let published = config.update(move |now| {
        let error = inner.replace(Pair(7, 7)).unwrap_err();
        assert_eq!(error.code(), "config.update.nested");
        assert_eq!(error.into_value(), Some(Pair(7, 7)));
        assert_eq!(inner.update(next).unwrap_err().code(), "config.update.nested");
        next(now)
    });
    assert_eq!(published.unwrap().revision().get(), 2);
}

#[test]
fn a_callback_may_publish_and_what_it_publishes_comes_after() {
    let config = pair(1);
    let told = Arc::new(Mutex::new(Vec::new()));
    let (weak, notes) = (config.downgrade(), told.clone());
    let depth = AtomicUsize::new(0);
    let _first = config.subscribe(move |change| {
        assert_eq!(depth.fetch_add(1, SeqCst), 0, "called inside its own call");
        notes.lock().unwrap().push((change.old.revision().get(), change.new.revision().get()));
        if change.new.0 < 5 {
            let config = weak.upgrade().unwrap();
            let published = config.update(next).unwrap();
            assert!(!published.is_delivered());
            assert!(!published.delivered(LONG), "waits for itself");
            assert_eq!(config.load().0, change.new.0 + 1);
        }
        depth.fetch_sub(1, SeqCst);
    });
    assert!(config.update(next).unwrap().is_delivered());
    assert_eq!(*told.lock().unwrap(), [(1, 2), (2, 3), (3, 4), (4, 5)]);
}

#[test]
fn a_callback_may_subscribe_and_unsubscribe() {
    let config = pair(1);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let own: Arc<OnceLock<Mutex<Option<Subscription>>>> = Arc::default();
    let other: Arc<Mutex<Option<Subscription>>> = Arc::default();
    let added: Arc<Mutex<Vec<Subscription>>> = Arc::default();

    let (weak, slot, victim, new, log) =
        (config.downgrade(), own.clone(), other.clone(), added.clone(), calls.clone());
    let first = config.subscribe(move |_| {
        log.lock().unwrap().push("first");
        let own = slot.get().unwrap().lock().unwrap().take().unwrap();
        assert!(!own.unsubscribe_and_wait(LONG), "its own call is running");
        victim.lock().unwrap().take().unwrap().unsubscribe();
        let log = log.clone();
        let subscription = weak.upgrade().unwrap().subscribe(move |_| log.lock().unwrap().push("new"));
        new.lock().unwrap().push(subscription);
    });
    own.set(Mutex::new(Some(first))).unwrap();
    let log = calls.clone();
    *other.lock().unwrap() = Some(config.subscribe(move |_| log.lock().unwrap().push("victim")));

    config.update(next).unwrap();
    assert_eq!(*calls.lock().unwrap(), ["first"], "the second was unsubscribed before its call");
    config.update(next).unwrap();
    assert_eq!(*calls.lock().unwrap(), ["first", "new"]);
    assert_eq!(config.stats().subscribers, 1);
}

#[test]
fn a_panicking_subscriber_is_detached_alone_and_told_of() {
    let config = pair(1);
    let (calls, notices) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let notes = notices.clone();
    config.observe(move |notice| {
        notes.lock().unwrap().push(match notice {
            Notice::Published(change) => format!("published {}", change.revision()),
            Notice::Rejected { current, cause, violations } => {
                format!("rejected at {current} of {}: {violations}", cause.why().unwrap_or_default())
            }
            Notice::Detached { revision, message, .. } => format!("detached at {revision}: {message}"),
            _ => "other".to_owned(),
        });
    });
    let (before, after) = (calls.clone(), calls.clone());
    let _before = config.subscribe(move |_| {
        before.fetch_add(1, SeqCst);
    });
    let failing = config.subscribe(|change| panic!("cannot take {}", change.new.0));
    let _after = config.subscribe(move |_| {
        after.fetch_add(1, SeqCst);
    });
    for _ in 0..2 {
        config.update(next).unwrap();
    }
    config.because("a try").replace(Pair(1, 2)).unwrap_err();
    assert_eq!(calls.load(SeqCst), 4);
    assert!(!failing.is_active());
    let stats = config.stats();
    assert_eq!((stats.detached, stats.deliveries, stats.subscribers), (1, 4, 2));
    assert_eq!(
        *notices.lock().unwrap(),
        [
            "published 2",
            "detached at 2: cannot take 2",
            "published 3",
            "rejected at 3 of a try: 1 reason: halves = (1, 2): must be equal"
        ]
    );
}

#[test]
fn a_panicking_observer_or_destructor_is_contained_and_counted() {
    #[derive(Clone)]
    struct Sore;
    impl Validate for Sore {
        fn validate(&self, _: &mut Violations) {}
    }
    impl Drop for Sore {
        fn drop(&mut self) {
            if !thread::panicking() {
                panic!("destructor");
            }
        }
    }
    let config = Config::builder(Sore).history(0).build().unwrap();
    config.observe(|_| panic!("observer"));
    for _ in 0..3 {
        config.update(|_| Sore).unwrap();
    }
    assert_eq!(config.tick().freed, 3);
    assert_eq!(config.stats().panics, 4);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(config))).is_err());
}

#[test]
fn a_slow_subscriber_delays_delivery_and_bounds_the_queue() {
    let config = pair(1);
    let (entered, entering) = channel();
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = told.clone();
    let _slow = config.subscribe(move |change| {
        if change.old.revision() == Revision::FIRST {
            entered.send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
        }
        notes.lock().unwrap().push((change.old.revision().get(), change.new.revision().get()));
    });
    thread::scope(|threads| {
        threads.spawn(|| assert!(config.update(next).unwrap().is_delivered()));
        entering.recv().unwrap();
        let published: Vec<Published> = (0..5_000).map(|_| config.update(next).unwrap()).collect();
        let last = published.last().unwrap();
        assert!(!last.is_delivered() && !last.delivered(Duration::from_millis(1)));
        let stats = config.stats();
        assert_eq!((stats.waiting, stats.coalesced), (256, 5_000 - 256));
        assert_eq!(config.load().0, 5_002, "readers wait for nobody");
        open.send(()).unwrap();
        assert!(last.delivered(LONG));
    });
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 257);
    assert!(told.windows(2).all(|pair| pair[0].1 == pair[1].0), "a gap between two changes");
    assert_eq!(told.last(), Some(&(257, 5_002)));
    config.tick();
    assert_eq!(config.stats().retained, 0);
}

#[test]
fn a_queued_subscriber_is_told_of_all_changes_at_once_by_a_tick() {
    let config = pair(1);
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = told.clone();
    let queued = config.subscribe_queued(move |change| {
        notes.lock().unwrap().push((change.old.revision().get(), change.new.revision().get()));
    });
    for _ in 0..10 {
        config.update(next).unwrap();
    }
    assert!(told.lock().unwrap().is_empty());
    assert_eq!(config.tick().delivered, 1);
    assert_eq!(config.tick().delivered, 0);
    config.update(next).unwrap();
    config.tick();
    assert_eq!(*told.lock().unwrap(), [(1, 11), (11, 12)]);
    assert_eq!(config.stats().coalesced, 9);
    config.update(next).unwrap();
    queued.unsubscribe();
    assert_eq!((config.tick().delivered, config.stats().subscribers), (0, 0));
}

#[test]
fn no_call_starts_after_unsubscribe_and_none_runs_after_waiting() {
    let config = pair(1);
    let (entered, entering) = channel();
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let finished = Arc::new(AtomicBool::new(false));
    let flag = finished.clone();
    let slow = config.subscribe(move |_| {
        entered.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        flag.store(true, SeqCst);
    });
    thread::scope(|threads| {
        threads.spawn(|| config.update(next).unwrap());
        entering.recv().unwrap();
        let waiter = threads.spawn(|| (slow.unsubscribe_and_wait(LONG), finished.load(SeqCst)));
        open.send(()).unwrap();
        assert_eq!(waiter.join().unwrap(), (true, true));
    });
    // Would panic: nobody listens any more.
    drop(entering);
    config.update(next).unwrap();
    assert_eq!(config.stats().detached, 0);
}

#[test]
fn ten_thousand_subscribers_come_hear_and_go() {
    let config = pair(1);
    let (calls, freed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    struct Freed(Arc<AtomicUsize>);
    impl Drop for Freed {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let mut subscriptions: Vec<_> = (0..10_000)
        .map(|_| {
            let (calls, owned) = (calls.clone(), Freed(freed.clone()));
            config.subscribe(move |_| {
                let _ = &owned;
                calls.fetch_add(1, SeqCst);
            })
        })
        .collect();
    config.update(next).unwrap();
    assert_eq!(calls.load(SeqCst), 10_000);
    subscriptions.truncate(100);
    config.update(next).unwrap();
    assert_eq!((calls.load(SeqCst), config.stats().subscribers), (10_100, 100));
    drop(subscriptions);
    config.tick();
    assert_eq!(freed.load(SeqCst), 10_000, "closures of ended subscriptions are freed");
}

#[test]
fn subscribers_come_and_go_while_others_publish() {
    let config = pair(1);
    let done = AtomicBool::new(false);
    let kept = Arc::new(AtomicU64::new(1));
    let count = kept.clone();
    let _kept = config.subscribe(move |change| {
        assert!(change.old.revision() < change.new.revision());
        let before = count.swap(change.new.revision().get(), SeqCst);
        assert_eq!(before, change.old.revision().get(), "a gap or a step back");
    });
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(SeqCst) {
                    let least = Arc::new(AtomicU64::new(0));
                    let told = least.clone();
                    let one = config.subscribe(move |change| told.store(change.revision().get(), SeqCst));
                    let two = config.subscribe(|_| ());
                    let published = config.update(next).unwrap();
                    assert!(published.delivered(LONG));
                    assert!(least.load(SeqCst) >= published.revision().get());
                    two.unsubscribe();
                    assert!(one.unsubscribe_and_wait(LONG));
                }
            });
        }
        let published: Vec<_> = (0..3_000).map(|_| config.update(next).unwrap()).collect();
        done.store(true, SeqCst);
        assert!(published.iter().all(|published| published.delivered(LONG)));
    });
    let last = config.revision().get();
    assert!(config.update(next).unwrap().delivered(LONG));
    assert_eq!(kept.load(SeqCst), last + 1);
    assert_eq!((config.stats().subscribers, config.stats().detached), (1, 0));
}

#[test]
fn a_reader_outlives_its_config() {
    let config = pair(1);
    let (mut stale, mut fresh) = (config.reader(), config.reader());
    config.update(next).unwrap();
    assert_eq!(fresh.get().0, 2);
    let subscription = config.subscribe(|_| ());
    let weak = config.downgrade();
    drop(config);
    assert!(weak.upgrade().is_none() && !subscription.is_active());
    assert!(subscription.unsubscribe_and_wait(LONG));
    assert_eq!((stale.seen().0, stale.get().0, fresh.get().0), (1, 2, 2));
}

#[test]
fn a_callback_may_drop_the_last_handle() {
    let config = pair(1);
    let slot = Arc::new(Mutex::new(None));
    let kept = slot.clone();
    config.subscribe(move |_| drop(kept.lock().unwrap().take())).forever();
    let weak = config.downgrade();
    *slot.lock().unwrap() = Some(config);
    let borrowed = weak.upgrade().unwrap();
    borrowed.update(next).unwrap();
    assert!(slot.lock().unwrap().is_none());
    drop(borrowed);
    assert!(weak.upgrade().is_none());
}

#[test]
fn waiting_for_a_revision_ends_when_it_comes() {
    let config = pair(1);
    assert!(config.wait_for(revision(2), Duration::from_millis(1)).is_none());
    thread::scope(|threads| {
        let waiter = threads.spawn(|| config.wait_for(revision(3), LONG).map(|snapshot| snapshot.0));
        config.update(next).unwrap();
        config.update(next).unwrap();
        assert_eq!(waiter.join().unwrap(), Some(3));
    });
    assert!(config.wait_for(Revision::FIRST, Duration::ZERO).is_some());
    assert!(config.wait_for(revision(3), Duration::MAX).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_bad_update_is_never_visible(steps in prop::collection::vec((0_u64..20, 0_u64..20, 0_u8..3), 1..40)) {
        let config = pair(1);
        let told = Arc::new(Mutex::new(vec![Pair(1, 1)]));
        let notes = told.clone();
        let _all = config.subscribe(move |change| notes.lock().unwrap().push(change.new.value().clone()));
        let mut reader = config.reader();
        let mut expected = vec![Pair(1, 1)];
        for (first, second, how) in steps {
            let value = Pair(first, second);
            let before = config.revision();
            let sound = first == second && first != UNLUCKY;
            let result = match how {
                0 => config.replace(value.clone()),
                1 => config.update(|_| value.clone()),
                _ => config.compare_and_update(before, |_| value.clone()),
            };
            match result {
                Ok(published) => {
                    prop_assert!(sound && published.revision() > before && published.is_delivered());
                    expected.push(value);
                }
                Err(error) => {
                    prop_assert!(!sound && config.revision() == before);
                    prop_assert_eq!(error.into_value(), Some(value));
                }
            }
            prop_assert_eq!(reader.get().value(), expected.last().unwrap());
            let snapshot = config.snapshot();
            prop_assert_eq!(snapshot.value(), expected.last().unwrap());
        }
        prop_assert_eq!(&*told.lock().unwrap(), &expected);
    }
}

#[test]
fn what_crosses_threads_may() {
    fn both<X: Send + Sync + 'static>() {}
    both::<Config<Pair>>();
    both::<WeakConfig<Pair>>();
    both::<Reader<Pair>>();
    both::<Guard<Pair>>();
    both::<Snapshot<Pair>>();
    both::<Change<Pair>>();
    both::<Published>();
    both::<Subscription>();
    both::<Rejected<Pair>>();
    both::<UpdateError<Pair>>();
    both::<Stats>();
}

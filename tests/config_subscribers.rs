//! Subscribers on terms: what they are told of, from where on, and what they may do from inside.

use flightdeck::config::{Change, Config, Subscription, Validate, Violations};
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
struct Rate(u64);

impl Validate for Rate {
    fn validate(&self, _: &mut Violations) {}
}

fn rate(value: u64) -> Config<Rate> {
    Config::builder(Rate(value)).history(0).build().unwrap()
}

fn next(now: &Rate) -> Rate {
    Rate(now.0 + 1)
}

type Told = (u64, u64, bool);

fn tell(sender: &Sender<Told>) -> impl Fn(&Change<Rate>) + Send + Sync + 'static + use<> {
    let sender = sender.clone();
    move |change| {
        let (old, new) = (change.old.revision().get(), change.revision().get());
        sender.send((old, new, change.is_start())).unwrap();
    }
}

#[test]
fn who_starts_now_is_told_of_what_is_current_and_of_all_after_it() {
    let config = rate(1);
    config.update(next).unwrap();
    let (sender, told) = channel();
    let _inline = config.subscriber().starting_now().call(tell(&sender));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(2, 2, true)], "told when it returns");
    config.update(next).unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(2, 3, false)]);
    let (sender, told) = channel();
    let never = config.subscriber().queued().starting_now().when(|_| false);
    let _queued = never.call(tell(&sender));
    config.update(next).unwrap();
    assert_eq!(config.tick().delivered, 1, "no filter holds back the start");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(3, 4, false)]);
    config.update(next).unwrap();
    assert_eq!((config.tick().delivered, told.try_iter().count()), (0, 0));
}

#[test]
fn who_starts_inside_a_callback_or_while_another_thread_delivers_misses_nothing() {
    let config = rate(1);
    let (sender, told) = channel();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (keep, weak) = (kept.clone(), config.downgrade());
    let _first = config.subscribe(move |_| {
        let Some(config) = weak.upgrade() else { return };
        if keep.lock().unwrap().is_empty() {
            // Published from inside: delivered after this, and not to who starts with it.
            config.update(next).unwrap();
            let subscription = config.subscriber().starting_now().call(tell(&sender));
            keep.lock().unwrap().push(subscription);
            config.update(next).unwrap();
        }
    });
    config.update(next).unwrap();
    // Started with the newest there was when its turn came, which all that waited lay before or at.
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(4, 4, true)]);
    config.update(next).unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(4, 5, false)]);
}

#[test]
fn who_starts_while_others_publish_sees_revisions_grow_to_the_last() {
    let config = rate(1);
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        for queued in [false, true] {
            let (config, done) = (&config, &done);
            threads.spawn(move || {
                while !done.load(SeqCst) {
                    let newest = Arc::new(AtomicU64::new(0));
                    let seen = newest.clone();
                    let terms = config.subscriber().starting_now();
                    let terms = if queued { terms.queued() } else { terms };
                    let subscription = terms.call(move |change| {
                        let before = seen.swap(change.revision().get(), SeqCst);
                        assert!(before < change.revision().get(), "{before}, then {change:?}");
                        assert!(before == 0 || change.old.revision().get() == before, "a gap");
                    });
                    let published = config.update(next).unwrap();
                    assert!(published.delivered(LONG));
                    if queued {
                        while newest.load(SeqCst) < published.revision().get() {
                            config.tick();
                        }
                    }
                    assert!(newest.load(SeqCst) >= published.revision().get());
                    assert!(subscription.is_active() && subscription.unsubscribe_and_wait(LONG));
                }
            });
        }
        let updates = if cfg!(debug_assertions) { 2_000 } else { 50_000 };
        (0..updates).for_each(|_| drop(config.update(next).unwrap()));
        done.store(true, SeqCst);
    });
    assert_eq!(config.stats().detached, 0);
}

#[test]
fn filters_are_asked_one_after_the_other_and_a_panic_in_one_detaches() {
    let config = rate(1);
    let (sender, told) = channel();
    let even = config.subscriber().when(|change| change.new.0 % 2 == 0);
    let _both = even.when(|change| change.new.0 > 4).call(tell(&sender));
    let failing = config.subscriber().when(|change| change.new.0 < 5 || panic!("a filter")).call(|_| ());
    (0..7).for_each(|_| drop(config.update(next).unwrap()));
    let revisions: Vec<_> = told.try_iter().map(|told| told.1).collect();
    assert_eq!(revisions, [6, 8]);
    let stats = config.stats();
    assert_eq!((stats.detached, stats.filtered, stats.deliveries), (1, 5, 2 + 3));
    assert!(!failing.is_active());
}

#[test]
fn a_queued_filter_is_asked_about_all_changes_as_one() {
    let config = rate(1);
    let (sender, told) = channel();
    let _queued =
        config.subscriber().queued().when(|change| change.old.0 != change.new.0).call(tell(&sender));
    config.update(next).unwrap();
    config.replace(Rate(1)).unwrap();
    assert_eq!(config.tick().delivered, 0, "there and back again");
    config.update(next).unwrap();
    assert_eq!(config.tick().delivered, 1);
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(3, 4, false)]);
}

#[test]
fn a_callback_may_end_itself_and_others() {
    let config = rate(1);
    let slots: Arc<[OnceLock<Mutex<Option<Subscription>>>; 3]> = Arc::default();
    let calls: Arc<[AtomicUsize; 3]> = Arc::default();
    for number in 0..3 {
        let (all, count) = (slots.clone(), calls.clone());
        let subscription = config.subscribe(move |_| {
            count[number].fetch_add(1, SeqCst);
            // The first ends the second before it is called; the last ends itself.
            let ends = [1, 1, 2][number];
            if let Some(slot) = all[ends].get()
                && let Some(subscription) = slot.lock().unwrap().take()
            {
                assert_eq!(subscription.unsubscribe_and_wait(LONG), number != ends);
            }
        });
        assert!(slots[number].set(Mutex::new(Some(subscription))).is_ok());
    }
    (0..3).for_each(|_| drop(config.update(next).unwrap()));
    let calls: Vec<_> = calls.iter().map(|count| count.load(SeqCst)).collect();
    assert_eq!((calls, config.stats().subscribers), (vec![3, 0, 1], 1));
}

#[test]
fn what_a_subscriber_owned_is_freed_by_the_tick_whoever_unlinked_it() {
    struct Owned(Arc<AtomicUsize>);
    impl Drop for Owned {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let config = rate(1);
    let freed = Arc::new(AtomicUsize::new(0));
    for round in 1..=50 {
        let subscriptions: Vec<_> = (0..4)
            .map(|_| {
                let owned = Owned(freed.clone());
                config.subscribe(move |_| assert!(owned.0.load(SeqCst) < usize::MAX))
            })
            .collect();
        // Four walks at once: some leave to others what those unlinked.
        thread::scope(|threads| {
            for subscription in subscriptions {
                let config = &config;
                threads.spawn(move || {
                    subscription.unsubscribe();
                    config.update(next).unwrap();
                });
            }
        });
        (0..3).for_each(|_| assert_eq!(config.tick().delivered, 0));
        assert_eq!(freed.load(SeqCst), round * 4);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Update,
    Subscribe { starts: bool, queued: bool, odd: bool },
    Unsubscribe(usize),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let terms = (any::<bool>(), any::<bool>(), any::<bool>());
    prop_oneof![
        3 => Just(Step::Update),
        2 => terms.prop_map(|(starts, queued, odd)| Step::Subscribe { starts, queued, odd }),
        1 => (0_usize..8).prop_map(Step::Unsubscribe),
        1 => Just(Step::Tick),
    ]
}

/// What a subscriber is to be told of, by the plainest rules.
struct Expected {
    subscription: Option<Subscription>,
    heard: Arc<Mutex<Vec<(u64, u64)>>>,
    expected: Vec<(u64, u64)>,
    odd: bool,
    queued: bool,
    /// Where the next change that waits for a tick began, and whether it starts with that.
    waiting: Option<(u64, bool)>,
}

impl Expected {
    fn hear(&mut self, old: u64, new: u64, starts: bool) {
        if starts || !self.odd || new % 2 == 1 {
            self.expected.push((old, new));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_subscriber_is_told_of_what_it_asked_for_once_and_in_order(steps in prop::collection::vec(step(), 1..60)) {
        let config = rate(1);
        let mut now = 1;
        let mut all: Vec<Expected> = Vec::new();
        for step in steps {
            match step {
                Step::Update => {
                    config.update(next).unwrap();
                    now += 1;
                    for one in all.iter_mut().filter(|one| one.subscription.is_some()) {
                        if one.queued {
                            one.waiting.get_or_insert((now - 1, false));
                        } else {
                            one.hear(now - 1, now, false);
                        }
                    }
                }
                Step::Subscribe { starts, queued, odd } => {
                    let heard = Arc::new(Mutex::new(Vec::new()));
                    let notes = heard.clone();
                    let mut terms = config.subscriber();
                    terms = if starts { terms.starting_now() } else { terms };
                    terms = if queued { terms.queued() } else { terms };
                    terms = if odd { terms.when(|change| change.revision().get() % 2 == 1) } else { terms };
                    let subscription = terms.call(move |change| {
                        notes.lock().unwrap().push((change.old.revision().get(), change.revision().get()));
                    });
                    let mut one = Expected {
                        subscription: Some(subscription), heard, expected: Vec::new(), odd, queued, waiting: None,
                    };
                    match (starts, queued) {
                        (true, true) => one.waiting = Some((now, true)),
                        (true, false) => one.hear(now, now, true),
                        (false, _) => {}
                    }
                    all.push(one);
                }
                Step::Unsubscribe(number) => {
                    if let Some(one) = all.get_mut(number) {
                        drop(one.subscription.take());
                        one.waiting = None;
                    }
                }
                Step::Tick => {
                    config.tick();
                    for one in &mut all {
                        if let Some((old, starts)) = one.waiting.take() {
                            one.hear(old, now, starts);
                        }
                    }
                }
            }
        }
        prop_assert_eq!(config.revision().get(), now);
        for one in &all {
            prop_assert_eq!(&*one.heard.lock().unwrap(), &one.expected);
        }
    }
}

#[test]
fn who_starts_amid_merged_changes_is_told_of_no_change_from_before_its_start() {
    let config = rate(1);
    let (sender, told) = channel();
    let subscriptions = Arc::new(Mutex::new(Vec::<Subscription>::new()));
    let (weak, kept) = (config.downgrade(), subscriptions.clone());
    let _slow = config.subscribe(move |change| {
        let Some(config) = weak.upgrade().filter(|_| change.revision().get() == 2) else { return };
        let (weak, tell) = (weak.clone(), tell(&sender));
        let starting = config.subscriber().starting_now().call(move |change| {
            tell(change);
            if let Some(config) = weak.upgrade().filter(|_| change.is_start()) {
                (0..10).for_each(|_| drop(config.update(next).unwrap()));
            }
        });
        kept.lock().unwrap().push(starting);
        (0..300).for_each(|_| drop(config.update(next).unwrap()));
    });
    config.update(next).unwrap();
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(told, [(302, 302, true), (302, 312, false)]);
}

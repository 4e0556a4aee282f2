//! Ways to read a config: what a thread has at hand, parts, derived values, counted reads, and waiting without blocking.

use flightdeck::Revision;
use flightdeck::config::{Config, DeriveError, Snapshot, Validate, Violations, release_thread};
use std::collections::HashSet;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq)]
struct App {
    rate: u64,
    pattern: String,
}

impl Validate for App {
    fn validate(&self, report: &mut Violations) {
        report.range("rate", &self.rate, ..1_000_000);
    }
}

fn app(rate: u64) -> App {
    App { rate, pattern: "a".to_owned() }
}

fn config() -> Config<App> {
    Config::builder(app(1)).history(0).build().unwrap()
}

fn next(now: &App) -> App {
    App { rate: now.rate + 1, ..now.clone() }
}

/// Shows on which threads values were dropped, and that nobody looks at one that was.
#[derive(Clone)]
struct Tracked {
    number: u64,
    alive: Arc<AtomicBool>,
    dropped_on: Arc<Mutex<HashSet<ThreadId>>>,
}

impl Tracked {
    fn next(&self) -> Self {
        Self { number: self.number + 1, alive: Arc::new(true.into()), dropped_on: self.dropped_on.clone() }
    }

    fn check(&self) {
        assert!(self.alive.load(SeqCst), "{} is dropped, and somebody reads it", self.number);
    }
}

impl Validate for Tracked {
    fn validate(&self, _: &mut Violations) {}
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.alive.store(false, SeqCst);
        self.dropped_on.lock().unwrap().insert(thread::current().id());
    }
}

fn tracked() -> Config<Tracked> {
    let value = Tracked { number: 1, alive: Arc::new(true.into()), dropped_on: Arc::default() };
    Config::builder(value).history(0).build().unwrap()
}

#[test]
fn a_read_within_a_read_sees_the_newest_and_leaves_the_outer_one_as_it_is() {
    let config = tracked();
    let numbers = config.with(|outer| {
        let mut seen = vec![outer.number];
        for _ in 0..100 {
            config.update(Tracked::next).unwrap();
            config.tick();
            config.with(|inner| {
                inner.check();
                config.with(|innermost| assert_eq!(innermost.revision(), inner.revision()));
                seen.push(inner.number);
            });
            outer.check();
        }
        release_thread();
        outer.check();
        seen.push(outer.number);
        seen
    });
    let expected: Vec<u64> = (1..=101).chain([1]).collect();
    assert_eq!(numbers, expected);
    assert_eq!(config.with(|snapshot| snapshot.number), 101);
    config.tick();
    assert_eq!(config.stats().retained, 0);
}

#[test]
fn a_read_within_a_read_of_another_config_takes_nothing_from_under_it() {
    let configs: Vec<_> = (0..20).map(|_| tracked()).collect();
    fn descend(configs: &[Config<Tracked>]) {
        let Some((first, others)) = configs.split_first() else { return };
        first.with(|snapshot| {
            first.update(Tracked::next).unwrap();
            first.tick();
            descend(others);
            first.with(|newer| assert_eq!(newer.number, snapshot.number + 1));
            snapshot.check();
        });
    }
    (0..3).for_each(|_| descend(&configs));
    configs.iter().for_each(|config| assert_eq!(config.with(|snapshot| snapshot.number), 4));
}

#[test]
fn a_panic_within_a_read_leaves_all_as_it_was() {
    let config = tracked();
    assert!(catch_unwind(AssertUnwindSafe(|| config.with(|_| panic!("within")))).is_err());
    config.update(Tracked::next).unwrap();
    assert_eq!(config.with(|snapshot| snapshot.number), 2);
    config.tick();
    assert_eq!((config.stats().retained, config.stats().readers), (0, 1), "the thread moved on");
}

#[test]
fn a_thread_keeps_few_snapshots_and_lets_go_of_configs_that_are_gone() {
    thread::spawn(|| {
        let configs: Vec<_> = (0..20).map(|_| tracked()).collect();
        configs.iter().for_each(|config| config.with(|snapshot| snapshot.check()));
        let readers: usize = configs.iter().map(|config| config.stats().readers).sum();
        assert_eq!(readers, 8);
        let last = configs.last().unwrap().with(|snapshot| snapshot.alive.clone());
        drop(configs);
        assert!(last.load(SeqCst), "kept by this thread");
        tracked().with(|snapshot| snapshot.check());
        assert!(!last.load(SeqCst), "let go by a read of one that it did not keep");
        let other = tracked();
        let kept = other.with(|snapshot| snapshot.alive.clone());
        drop(other);
        release_thread();
        assert!(!kept.load(SeqCst));
        let config = tracked();
        let until_the_end = config.with(|snapshot| snapshot.alive.clone());
        drop(config);
        until_the_end
    })
    .join()
    .map(|kept| assert!(!kept.load(SeqCst), "let go at the end of the thread"))
    .unwrap();
}

#[test]
fn a_destructor_that_reads_a_config_finds_it() {
    struct Reads(Config<App>, Arc<AtomicU64>);
    impl Validate for Reads {
        fn validate(&self, _: &mut Violations) {}
    }
    impl Drop for Reads {
        fn drop(&mut self) {
            self.1.fetch_add(self.0.with(|app| app.rate), SeqCst);
        }
    }
    let sum = Arc::new(AtomicU64::new(0));
    let (app, count) = (config(), sum.clone());
    thread::spawn(move || {
        let new = || Config::new(Reads(app.clone(), count.clone())).unwrap();
        // Let go of when others come, when asked, and by the end of the thread.
        (0..20).for_each(|_| new().with(|_| ()));
        release_thread();
        new().with(|_| ());
    })
    .join()
    .unwrap();
    assert_eq!(sum.load(SeqCst), 21);
}

/// Two that are always equal.
struct Both(u64, u64);

impl Validate for Both {
    fn validate(&self, report: &mut Violations) {
        report.require(self.0 == self.1, "both", &(self.0, self.1), "must be equal");
    }
}

#[test]
fn reads_at_hand_and_through_sections_are_whole_and_never_go_back() {
    let config = Config::builder(Both(1, 1)).history(0).build().unwrap();
    let done = AtomicBool::new(false);
    let updates = if cfg!(debug_assertions) { 5_000 } else { 200_000 };
    let second = config.section(|pair: &Both| &pair.1);
    let double = config.derive("double", |pair| Ok::<_, String>(pair.0 * 2)).unwrap();
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let (mut last, mut part, mut derived) = (0, second.reader(), double.reader());
                while !done.load(SeqCst) {
                    let now = config.with(|pair| {
                        assert_eq!((pair.0, pair.1), (pair.revision().get(), pair.0));
                        pair.0
                    });
                    let later = *part.get();
                    assert!(last <= now && now <= later, "{last} {now} {later}");
                    last = *derived.get() / 2;
                    assert!(last >= later && derived.revision().get() == last);
                }
            });
        }
        (0..updates).for_each(|_| drop(config.update(|pair| Both(pair.0 + 1, pair.1 + 1)).unwrap()));
        done.store(true, SeqCst);
    });
}

#[test]
fn a_section_is_told_only_of_what_changed_in_it() {
    let config = config();
    let (sender, told) = channel();
    let pattern = config.section(|app: &App| &app.pattern);
    let _subscription = pattern.subscribe(move |old, new, change| {
        sender.send((old.clone(), new.clone(), change.revision().get())).unwrap();
    });
    config.update(next).unwrap();
    config.update(|now| App { pattern: "b".into(), ..now.clone() }).unwrap();
    config.update(next).unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [("a".to_owned(), "b".to_owned(), 3)]);
    assert_eq!((config.stats().deliveries, config.stats().filtered), (1, 2));
    let mut reader = pattern.reader();
    assert_eq!(reader.get().as_str(), "b");
    assert_eq!(reader.revision().get(), 4);
    assert_eq!(pattern.with(String::len), 1);
}

#[test]
fn a_value_is_derived_once_for_each_revision_before_it_is_published() {
    let config = config();
    let (computed, publisher) = (Arc::new(AtomicUsize::new(0)), thread::current().id());
    let count = computed.clone();
    let rate = config
        .derive("square", move |app| {
            assert_eq!(thread::current().id(), publisher, "a reader computes");
            count.fetch_add(1, SeqCst);
            app.rate.checked_mul(app.rate).ok_or("too large")
        })
        .unwrap();
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let mut reader = rate.reader();
                while *reader.get() < 100 {}
                assert_eq!(rate.of(&config.load()), Some(&100));
            });
        }
        (0..9).for_each(|_| drop(config.update(next).unwrap()));
    });
    assert_eq!(computed.load(SeqCst), 10);
    let mut reader = rate.reader();
    drop(rate);
    config.update(next).unwrap();
    assert_eq!((*reader.get(), reader.revision().get()), (121, 11));
    drop(reader);
    config.update(next).unwrap();
    assert_eq!(computed.load(SeqCst), 11, "nobody has an interest in it any more");
}

#[test]
fn what_is_derived_from_a_section_is_kept_while_that_stays() {
    let config = config();
    let computed = Arc::new(AtomicUsize::new(0));
    let count = computed.clone();
    let upper = config
        .section(|app: &App| &app.pattern)
        .derive("upper", move |pattern| {
            count.fetch_add(1, SeqCst);
            Ok::<_, String>(pattern.to_uppercase())
        })
        .unwrap();
    let mut reader = upper.reader();
    (0..5).for_each(|_| drop(config.update(next).unwrap()));
    assert_eq!((reader.get().as_str(), computed.load(SeqCst)), ("A", 1));
    config.update(|now| App { pattern: "b".into(), ..now.clone() }).unwrap();
    assert_eq!((reader.get().as_str(), computed.load(SeqCst)), ("B", 2));
}

#[test]
fn what_cannot_be_derived_refuses_the_update() {
    let config = config();
    let length = config.derive("length", |app| match app.pattern.as_str() {
        "bad" => Err("a bad pattern"),
        "worse" => panic!("worse than bad"),
        pattern => Ok(pattern.len()),
    });
    let length = length.unwrap();
    let set = |pattern: &str| config.update(|now| App { pattern: pattern.into(), ..now.clone() });
    let refused = set("bad").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "config rejected for 1 reason: length (not shown): cannot be derived: a bad pattern"
    );
    assert_eq!(refused.violations().unwrap().iter().next().unwrap().rule, "derived");
    assert_eq!(refused.into_value().unwrap().pattern, "bad");
    assert!(set("worse").unwrap_err().to_string().ends_with("since that panicked: worse than bad"));
    assert_eq!((config.revision(), *length.reader().get()), (Revision::FIRST, 1));
    set("good").unwrap();
    assert_eq!(*length.reader().get(), 4);
    let failed = config.derive("number", |app| app.pattern.parse::<u64>()).unwrap_err();
    assert!(matches!(failed, DeriveError::Failed { name, .. } if name == "number"));
    let panicked = config.derive("panics", |_| -> Result<(), String> { panic!("no") }).unwrap_err();
    assert_eq!(panicked, DeriveError::Panicked { name: "panics".into(), message: "no".into() });
    let mut nested = None;
    config
        .update(|now| {
            nested = config.derive("nested", |_| Ok::<_, String>(())).err();
            now.clone()
        })
        .unwrap();
    assert!(matches!(nested, Some(DeriveError::Busy { .. })), "{nested:?}");
}

#[test]
fn no_reader_of_any_kind_runs_a_destructor() {
    let config = tracked();
    let dropped_on = config.with(|snapshot| snapshot.dropped_on.clone());
    let done = AtomicBool::new(false);
    let derived = config.derive("copy", |value| Ok::<_, String>(value.next())).unwrap();
    let whole = config.section(|value: &Tracked| value);
    let updates = if cfg!(debug_assertions) { 5_000 } else { 200_000 };
    let readers: HashSet<ThreadId> = thread::scope(|threads| {
        let reading: Vec<_> = (0..8)
            .map(|kind| {
                let (config, done, derived, whole) = (&config, &done, &derived, &whole);
                threads.spawn(move || {
                    let (mut reader, mut copy, mut part) =
                        (config.reader(), derived.reader(), whole.reader());
                    while !done.load(SeqCst) {
                        match kind % 6 {
                            0 => reader.get().check(),
                            1 => config.load().check(),
                            2 => config.snapshot().check(),
                            3 => config.with(|value| value.check()),
                            4 => copy.get().check(),
                            _ => part.get().check(),
                        }
                    }
                    // Before the last of what it holds is the last there is.
                    release_thread();
                    thread::current().id()
                })
            })
            .collect();
        (0..updates).for_each(|_| drop(config.update(Tracked::next).unwrap()));
        done.store(true, SeqCst);
        reading.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let dropped_on = dropped_on.lock().unwrap();
    assert!(dropped_on.contains(&thread::current().id()));
    assert!(dropped_on.is_disjoint(&readers), "a reader ran a destructor");
    drop(dropped_on);
    config.tick();
    let stats = config.stats();
    assert!(stats.freed >= updates - 1 && stats.retained <= 1, "{stats}");
}

#[test]
fn readers_count_what_they_do_and_leave_it_behind() {
    let config = config();
    let mut metered = config.reader().metered();
    (0..10).for_each(|_| assert!(metered.get().rate > 0));
    config.update(next).unwrap();
    assert!(metered.has_changed());
    (0..5).for_each(|_| assert!(metered.get().rate > 0));
    let mut plain = config.reader();
    config.update(next).unwrap();
    (0..5).for_each(|_| assert!(plain.get().rate > 0));
    let stats = config.stats();
    assert_eq!((stats.readers, stats.reads, stats.refreshes), (2, 15, 2));
    drop((metered, plain));
    let stats = config.stats();
    assert_eq!((stats.readers, stats.reads, stats.refreshes), (0, 15, 2));
}

#[test]
fn one_read_in_so_many_is_timed() {
    let config = config();
    let (sender, took) = channel();
    let every = NonZeroU32::new(4).unwrap();
    let mut reader = config.reader().metered().timed(every, move |read| sender.send(read).unwrap());
    (0..21).for_each(|_| assert_eq!(reader.get().rate, 1));
    let took: Vec<Duration> = took.try_iter().collect();
    assert!(took.len() == 5 && took.iter().all(|took| *took < LONG), "{took:?}");
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let mut reader = config.reader().metered().timed(NonZeroU32::MIN, move |_| {
        count.fetch_add(1, SeqCst);
        panic!("no");
    });
    (0..3).for_each(|_| assert_eq!(reader.get().rate, 1));
    assert_eq!((calls.load(SeqCst), config.stats().reads), (1, 24));
}

/// Wakes a thread that waits in [`block_on`].
struct Unpark(thread::Thread, AtomicUsize);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, SeqCst);
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current(), AtomicUsize::new(0))));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[test]
fn who_awaits_a_change_is_woken_by_it_and_by_nothing_else() {
    let config = config();
    let wakes = Arc::new(Unpark(thread::current(), AtomicUsize::new(0)));
    let waker = Waker::from(wakes.clone());
    let context = &mut Context::from_waker(&waker);
    let mut changed = pin!(config.changed(Revision::FIRST));
    for _ in 0..3 {
        assert!(changed.as_mut().poll(context).is_pending());
    }
    config.replace(App { rate: u64::MAX, ..app(1) }).unwrap_err();
    assert_eq!(wakes.1.load(SeqCst), 0);
    config.update(next).unwrap();
    assert_eq!(wakes.1.load(SeqCst), 1);
    let Poll::Ready(Some(snapshot)) = changed.as_mut().poll(context) else { panic!("not ready") };
    assert_eq!(snapshot.revision().get(), 2);
    config.update(next).unwrap();
    assert_eq!(wakes.1.load(SeqCst), 1);
    {
        let mut dropped = pin!(config.changed(config.revision()));
        assert!(dropped.as_mut().poll(context).is_pending());
    }
    config.update(next).unwrap();
    assert_eq!(wakes.1.load(SeqCst), 1, "one that was dropped is woken no more");
    assert!(config.has_changed(snapshot.revision()) && !config.has_changed(config.revision()));
}

#[test]
fn tasks_of_many_threads_miss_no_last_revision() {
    let config = config();
    let last = if cfg!(debug_assertions) { 2_000 } else { 50_000 };
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let mut seen = Revision::FIRST;
                while seen.get() < last {
                    let snapshot = block_on(config.changed(seen)).unwrap();
                    assert!(snapshot.revision() > seen);
                    seen = snapshot.revision();
                }
            });
        }
        (1..last).for_each(|_| drop(config.update(next).unwrap()));
    });
}

#[test]
fn who_awaits_a_change_of_a_config_that_ends_is_told() {
    let config = config();
    let reader = config.reader();
    thread::scope(|threads| {
        let changed = config.changed(Revision::FIRST);
        let (waiting, of_reader) =
            (threads.spawn(|| block_on(changed)), threads.spawn(|| block_on(reader.changed())));
        thread::sleep(Duration::from_millis(20));
        drop(config);
        assert!(waiting.join().unwrap().is_none() && of_reader.join().unwrap().is_none());
    });
    assert!(reader.is_orphaned());
}

/// Whatever kind of reader: a thousand of each while a hundred threads update.
#[test]
fn a_thousand_threads_read_while_a_hundred_update() {
    let config = Config::new(app(0)).unwrap();
    let (start, done) = (Barrier::new(101), AtomicBool::new(false));
    thread::scope(|threads| {
        for _ in 0..1_000 {
            let read = || {
                let (mut reader, mut last) = (config.reader(), 0);
                let mut check = |snapshot: &Snapshot<App>| {
                    assert_eq!(snapshot.rate + 1, snapshot.revision().get());
                    assert!(snapshot.rate >= last);
                    last = snapshot.rate;
                };
                while !done.load(SeqCst) {
                    check(reader.get());
                    config.with(&mut check);
                    thread::yield_now();
                }
                check(reader.get());
                assert_eq!(last, 100);
            };
            thread::Builder::new().stack_size(64 << 10).spawn_scoped(threads, read).unwrap();
        }
        let updating: Vec<_> = (0..100)
            .map(|_| {
                let update = || {
                    start.wait();
                    config.edit().within(LONG).update(next).unwrap();
                };
                thread::Builder::new().stack_size(256 << 10).spawn_scoped(threads, update).unwrap()
            })
            .collect();
        start.wait();
        updating.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, SeqCst);
    });
    assert_eq!((config.revision().get(), config.load().rate, config.stats().updates), (101, 100, 100));
}

#[test]
fn a_thousand_tasks_read_while_a_hundred_threads_update() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let config = Config::new(app(0)).unwrap();
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let config = config.clone();
            runtime.spawn(async move {
                let mut seen = Revision::FIRST;
                while seen.get() < 101 {
                    let snapshot = config.changed(seen).await.unwrap();
                    assert!(snapshot.revision() > seen && snapshot.rate + 1 == snapshot.revision().get());
                    seen = snapshot.revision();
                    assert!(config.with(|now| now.revision()) >= seen);
                }
            })
        })
        .collect();
    thread::scope(|threads| {
        for _ in 0..100 {
            threads.spawn(|| config.edit().within(LONG).update(next).unwrap());
        }
    });
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    assert_eq!((config.revision().get(), config.load().rate), (101, 100));
}

//! Updates on terms: whose they are and why, how long they wait, and the way back to earlier revisions.

use flightdeck::config::{
    Cause, Config, HistoryError, RollbackError, TryUpdateError, UpdateError, Validate, Violations,
};
use flightdeck::{Diagnostic, Revision};
use proptest::prelude::*;
use std::num::ParseIntError;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const LONG: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq)]
struct Rate(u64);

impl Validate for Rate {
    fn validate(&self, report: &mut Violations) {
        report.require(self.0 < 1_000, "rate", &self.0, "must be below 1000");
    }
}

fn rate(value: u64) -> Config<Rate> {
    Config::new(Rate(value)).expect("below 1000")
}

fn next(now: &Rate) -> Rate {
    Rate(now.0 + 1)
}

#[test]
fn a_revision_knows_who_made_it_when_and_why() {
    let before = SystemTime::now();
    let config = Config::builder(Rate(1)).named("rates").caused(Cause::by("file")).build().unwrap();
    assert_eq!((config.name(), rate(1).name()), ("rates", "config"));
    assert_eq!(config.load().cause(), &Cause::by("file"));
    let named = thread::Builder::new().name("tuner".into());
    thread::scope(|threads| {
        named.spawn_scoped(threads, || config.update(next).unwrap()).unwrap().join().unwrap();
        threads.spawn(|| config.update(next).unwrap()).join().unwrap();
    });
    config.by("ops").because("more\nload").replace(Rate(7)).unwrap();
    config.because("less").by("ops").compare_and_update_to(Rate(8));
    let told = config.history();
    let causes: Vec<_> = told.iter().map(|snapshot| snapshot.cause().to_string()).collect();
    assert_eq!(causes, ["file", "tuner", "unnamed thread", r"ops: more\nload", "ops: less"]);
    let times: Vec<_> = told.iter().map(|snapshot| snapshot.since()).collect();
    assert!(times.is_sorted() && times[0] >= before && times[4] <= SystemTime::now());
}

trait CompareAndUpdateTo {
    fn compare_and_update_to(self, value: Rate);
}

impl CompareAndUpdateTo for flightdeck::config::Edit<'_, Rate> {
    /// With all other terms at once.
    fn compare_and_update_to(self, value: Rate) {
        let current = self.config().revision();
        self.expecting(current).within(LONG).replace(value).unwrap();
    }
}

#[test]
fn a_change_and_a_rejection_know_their_cause() {
    let config = rate(1);
    let (sender, told) = channel();
    let rejected = sender.clone();
    config.observe(move |notice| {
        if let flightdeck::config::Notice::Rejected { cause, .. } = notice {
            rejected.send(cause.to_string()).unwrap();
        }
    });
    let _subscription = config.subscribe(move |change| sender.send(change.cause().to_string()).unwrap());
    config.by("ops").replace(Rate(2)).unwrap();
    config.by("eve").because("mischief").replace(Rate(5_000)).unwrap_err();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["ops", "eve: mischief"]);
}

#[test]
fn a_closure_that_fails_changes_nothing_and_its_error_comes_back() {
    let config = rate(1);
    let set = |text: &str| config.try_update(|_| text.parse().map(Rate));
    let failed: TryUpdateError<Rate, ParseIntError> = set("many").unwrap_err();
    assert!(matches!(&failed, TryUpdateError::Failed(error) if error == &"many".parse::<u64>().unwrap_err()));
    assert_eq!((failed.code(), config.revision()), ("config.update.failed", Revision::FIRST));
    assert_eq!(set("2").unwrap().revision().get(), 2);
    let refused = set("5000").unwrap_err();
    assert!(matches!(refused, TryUpdateError::Update(UpdateError::Rejected(_))));
    assert_eq!(refused.code(), "config.value.rejected");
    assert_eq!((config.load().0, config.stats().rejections), (2, 1));
}

#[test]
fn who_waits_in_vain_learns_who_holds_and_why() {
    let config = rate(1);
    let (entered, entering) = channel();
    let (leave, leaving) = channel::<()>();
    thread::scope(|threads| {
        let config = &config;
        let holding = move || {
            config.by("ops").because("slow disk").update(|now| {
                entered.send(()).unwrap();
                leaving.recv().unwrap();
                next(now)
            })
        };
        let slow = thread::Builder::new().name("slow".into()).spawn_scoped(threads, holding).unwrap();
        entering.recv().unwrap();
        let error = config.edit().within(Duration::from_millis(20)).replace(Rate(9)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "config update waited 20ms for the update of thread `slow` (ops: slow disk): \
             give it more time, or see what its closure or validation waits for"
        );
        let UpdateError::Busy { holder: Some(holder), waited, .. } = &error else { panic!("{error}") };
        assert_eq!((holder.thread(), holder.cause().why()), ("slow", Some("slow disk")));
        assert_eq!(*waited, Duration::from_millis(20));
        assert_eq!(error.into_value(), Some(Rate(9)));
        assert_eq!(config.stats().busy, 1);
        // Readers do not wait for it.
        assert_eq!((config.load().0, config.reader().get().0), (1, 1));
        let waiting = threads.spawn(|| config.update_within(LONG, next).unwrap().revision().get());
        leave.send(()).unwrap();
        assert_eq!(waiting.join().unwrap(), 3);
        assert_eq!(slow.join().unwrap().unwrap().revision().get(), 2);
    });
}

#[test]
fn a_plain_update_waits_for_five_seconds() {
    let config = rate(1);
    let (entered, entering) = channel();
    let (leave, leaving) = channel::<()>();
    thread::scope(|threads| {
        let config = &config;
        threads.spawn(move || {
            config.update(|now| {
                entered.send(()).unwrap();
                leaving.recv().unwrap();
                next(now)
            })
        });
        entering.recv().unwrap();
        let start = Instant::now();
        let error = config.update(next).unwrap_err();
        assert!(matches!(error, UpdateError::Busy { .. }), "{error}");
        assert!((Duration::from_secs(5)..LONG).contains(&start.elapsed()));
        leave.send(()).unwrap();
    });
    assert!(config.update(next).is_ok());
}

#[test]
fn a_conflict_hands_the_value_back() {
    let config = rate(1);
    config.update(next).unwrap();
    let error = config.edit().expecting(Revision::FIRST).replace(Rate(3)).unwrap_err();
    assert_eq!((error.code(), error.into_value()), ("config.update.conflict", Some(Rate(3))));
}

#[test]
fn history_keeps_so_many_and_no_more() {
    let config = Config::builder(Rate(1)).history(3).build().unwrap();
    let revisions: Vec<_> = (0..9).map(|_| config.update(next).unwrap().revision()).collect();
    let kept: Vec<_> = config.history().iter().map(|snapshot| snapshot.revision().get()).collect();
    assert_eq!((kept, config.stats().history), (vec![7, 8, 9, 10], 3));
    assert_eq!(config.at(revisions[5]).unwrap().0, 7);
    assert_eq!(config.at(revisions[8]).unwrap().0, 10);
    let gone = config.at(revisions[4]).unwrap_err();
    assert_eq!(gone, HistoryError::Forgotten { revision: revisions[4], oldest: revisions[5] });
    let other = rate(1);
    let early = HistoryError::NotYet { revision: revisions[8], newest: Revision::FIRST };
    assert_eq!(other.at(revisions[8]).unwrap_err(), early);
    config.tick();
    assert_eq!((config.stats().freed, config.stats().retained), (6, 0));
    let without = Config::builder(Rate(1)).history(0).build().unwrap();
    without.update(next).unwrap();
    let gone = HistoryError::Forgotten { revision: Revision::FIRST, oldest: without.revision() };
    assert_eq!(without.at(Revision::FIRST).unwrap_err(), gone);
}

#[test]
fn what_was_current_at_a_time_is_found() {
    let config = rate(1);
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(2));
        config.update(next).unwrap();
    }
    let history = config.history();
    for pair in history.windows(2) {
        let (from, until) = (pair[0].since(), pair[1].since());
        let between = from + until.duration_since(from).unwrap() / 2;
        for time in [from, between, until - Duration::from_nanos(1)] {
            assert_eq!(config.as_of(time).unwrap().revision(), pair[0].revision());
        }
    }
    assert_eq!(config.as_of(SystemTime::now() + LONG).unwrap().revision(), config.revision());
    let early = history[0].since() - LONG;
    let error = config.as_of(early).unwrap_err();
    assert_eq!(
        error,
        HistoryError::TooEarly { time: early, oldest: Revision::FIRST, since: history[0].since() }
    );
}

#[test]
fn a_rollback_is_a_new_revision_that_says_so() {
    let config = rate(1);
    config.update(next).unwrap();
    let published = config.rollback(Revision::FIRST).unwrap();
    assert_eq!((published.revision().get(), config.load().0), (3, 1));
    assert_eq!(config.load().cause().why(), Some("rollback to revision 1"));
    let error = config.edit().expecting(Revision::FIRST).rollback(Revision::FIRST).unwrap_err();
    assert_eq!(error.code(), "config.update.conflict");
    let short = Config::builder(Rate(1)).history(1).build().unwrap();
    (0..3).for_each(|_| drop(short.update(next).unwrap()));
    let error = short.rollback(Revision::FIRST).unwrap_err();
    assert!(
        matches!(&error, RollbackError::History(HistoryError::Forgotten { oldest, .. }) if oldest.get() == 3)
    );
    assert_eq!(short.revision().get(), 4);
}

#[derive(Clone, Debug)]
enum Step {
    Replace(u64),
    Compare(u64),
    Fail,
    Rollback(u64),
    Subscribe,
    Unsubscribe,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // One in three is refused.
        (0_u64..1_500).prop_map(Step::Replace),
        (0_u64..1_500).prop_map(Step::Compare),
        Just(Step::Fail),
        (1_u64..40).prop_map(Step::Rollback),
        Just(Step::Subscribe),
        Just(Step::Unsubscribe),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Against a plain list of all values that were accepted.
    #[test]
    fn any_sequence_keeps_the_config_valid_and_tells_once_per_success(steps in prop::collection::vec(step(), 1..60)) {
        const KEPT: usize = 4;
        let config = Config::builder(Rate(0)).history(KEPT).build().unwrap();
        let mut model = vec![0];
        let (sender, told) = channel();
        // Of each subscriber from which revision on it is told, and until which one.
        let mut subscribed: Vec<(Option<flightdeck::config::Subscription>, usize, usize)> = Vec::new();
        let revision = |number: u64| {
            let config = Config::builder(Rate(0)).history(0).build().unwrap();
            (1..number).for_each(|_| drop(config.replace(Rate(0)).unwrap()));
            config.revision()
        };
        for step in steps {
            let newest = model.len();
            match step {
                Step::Replace(value) => {
                    let result = config.replace(Rate(value));
                    prop_assert_eq!(result.is_ok(), value < 1_000);
                    model.extend(result.is_ok().then_some(value));
                }
                Step::Compare(value) => {
                    let result = config.compare_and_update(config.revision(), |_| Rate(value));
                    prop_assert_eq!(result.is_ok(), value < 1_000);
                    model.extend(result.is_ok().then_some(value));
                }
                Step::Fail => prop_assert!(config.try_update(|_| Err(())).is_err()),
                Step::Rollback(number) => {
                    let result = config.rollback(revision(number));
                    let at = number as usize;
                    let kept = at <= newest && at + KEPT >= newest;
                    prop_assert_eq!(result.is_ok(), kept);
                    model.extend(kept.then(|| model[at - 1]));
                }
                Step::Subscribe => {
                    let (sender, number) = (sender.clone(), subscribed.len());
                    let subscription = config.subscribe(move |change| {
                        sender.send((number, change.revision().get() as usize, change.new.0)).unwrap();
                    });
                    subscribed.push((Some(subscription), newest, usize::MAX));
                }
                Step::Unsubscribe => {
                    if let Some(last) = subscribed.iter_mut().rev().find(|last| last.0.is_some()) {
                        drop(last.0.take());
                        last.2 = newest;
                    }
                }
            }
            prop_assert_eq!(config.load().0, *model.last().unwrap());
            prop_assert_eq!(config.revision().get() as usize, model.len());
            let mut violations = Violations::default();
            config.load().validate(&mut violations);
            prop_assert!(violations.is_empty());
        }
        let told: Vec<_> = told.try_iter().collect();
        for (number, (_, from, until)) in subscribed.iter().enumerate() {
            let heard: Vec<_> = told.iter().filter(|told| told.0 == number).map(|told| (told.1, told.2)).collect();
            let expected: Vec<_> =
                (from + 1..=model.len().min(*until)).map(|revision| (revision, model[revision - 1])).collect();
            prop_assert_eq!(heard, expected);
        }
    }
}

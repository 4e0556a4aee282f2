//! Models of a circuit breaker. Edges watched: `breaker-turn`, `breaker-cell`, `thread-number`.

mod support;

use flightdeck_loom::internals::{BreakerCells, Count, Judge, Moved, Numbers, Side, Turn, Verdict, Word};
use flightdeck_loom::supervisor::{BreakerSettings, BreakerState};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use support::{Model, Seen};

const MS: u64 = 1_000_000;

fn settings() -> BreakerSettings {
    let mut settings = BreakerSettings::new();
    settings.failure_rate_threshold = None;
    settings.wait_duration_in_open = Duration::from_millis(10);
    settings
}

/// What a call came to, at that millisecond.
fn enter(judge: &Judge<2>, at: usize, ms: u64) -> (Verdict, Vec<Moved>) {
    let mut moves = Vec::new();
    (judge.enter(at, || ms * MS, &mut moves), moves)
}

fn settle(judge: &Judge<2>, at: usize, permit: Word, count: Count, ms: u64) -> Vec<Moved> {
    let mut moves = Vec::new();
    judge.settle(at, permit, count, || ms * MS, &mut moves);
    moves
}

/// As `handle` does it: at hand, or else the long way.
fn succeed(judge: &Judge<2>, at: usize, permit: Word, ms: u64) -> Vec<Moved> {
    match judge.succeed_at_hand(at, permit) {
        Some(_) => Vec::new(),
        None => settle(judge, at, permit, Count::Success, ms),
    }
}

/// Two fail at once, and two are one too many: whoever judges sees both, or the other does.
#[test]
fn two_failures_at_once_are_judged_together() {
    let outcomes = [Seen::default(), Seen::default()];
    let [first, second] = outcomes.clone();
    let model = move || {
        let mut settings = settings();
        settings.failure_count_threshold = Some(2);
        let judge = Arc::new(Judge::<2>::new(settings, 0));
        let permit = judge.word();
        let fail = |at| {
            let judge = judge.clone();
            thread::spawn(move || settle(&judge, at, permit, Count::Failure, 1).len())
        };
        let [one, other] = [fail(0), fail(1)].map(|thread| thread.join().unwrap());
        assert_eq!(judge.word().state(), BreakerState::Open, "a failure was overlooked");
        assert_eq!((one + other, judge.word().generation()), (1, 1), "it opened once, and one was told so");
        if one == 1 { first.count() } else { second.count() }
    };
    let model = Model::new("breaker trip", 3, model).holds(30);
    let [first, second] = outcomes;
    first.at_least_once("the first thread's trip");
    second.at_least_once("the second thread's trip");
    model.fails_without("breaker-turn", Side::Publish).fails_without("breaker-turn", Side::Observe);
}

/// A turn ends while another asks, since it has looked often enough: what was left is judged in the next one.
#[test]
fn what_a_turn_left_is_judged_in_the_next_one() {
    let outcomes = [Seen::default(), Seen::default()];
    let [left, in_time] = outcomes.clone();
    let model = move || {
        let turn = Arc::new(Turn::new());
        let counted = Arc::new(AtomicUsize::new(0));
        // What the model does not see orders nothing.
        let has_looked = Arc::new(AtomicBool::new(false));
        let one = {
            let (turn, counted, has_looked) = (turn.clone(), counted.clone(), has_looked.clone());
            thread::spawn(move || {
                counted.store(1, Relaxed);
                turn.take_up_to(1, || has_looked.store(true, Relaxed));
            })
        };
        let (left, in_time) = (left.clone(), in_time.clone());
        let other = thread::spawn(move || {
            let ask = || {
                let mut looked = false;
                turn.take_up_to(1, || {
                    looked = true;
                    let is_later = has_looked.load(Relaxed);
                    let counted = counted.load(Relaxed);
                    assert!(!is_later || counted == 1, "who had the turn before was overlooked");
                });
                looked
            };
            // Asked after the only look of the other's turn had begun, that one cannot end as it should.
            let is_too_late = has_looked.load(Relaxed);
            match [ask(), ask()] {
                [false, true] if is_too_late => left.count(),
                _ => in_time.count(),
            }
        });
        one.join().unwrap();
        other.join().unwrap();
    };
    let model = Model::new("breaker turn that ran out", None, model).holds(20);
    let [left, in_time] = outcomes;
    left.at_least_once("a turn that left something");
    in_time.at_least_once("one that did not");
    model.fails_without("breaker-turn", Side::Publish).fails_without("breaker-turn", Side::Observe);
}

/// Two threads without a cell of their own, one of them with a result of an earlier generation: that is counted, and not in
/// the later one.
#[test]
fn a_late_result_of_those_who_share_a_cell_is_not_of_the_new_generation() {
    let outcomes = [Seen::default(), Seen::default()];
    let [in_time, late] = outcomes.clone();
    let model = move || {
        let cells = Arc::new(BreakerCells::<1>::new());
        let judge = Judge::<1>::new(settings(), 0);
        let first = judge.word();
        judge.force(BreakerState::Closed, 0, &mut Vec::new());
        let second = judge.word();
        cells.add_judged(1, first, Count::Failure);
        let count = |word| {
            let cells = cells.clone();
            thread::spawn(move || cells.add_judged(1, word, Count::Failure))
        };
        [count(first), count(second)].into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(cells.sums(second).failure, 1, "the late one counts as one of now");
        match [Count::Failure, Count::Stale].map(|count| cells.total(count)) {
            [3, 0] => in_time.count(),
            [2, 1] => late.count(),
            other => panic!("{other:?}"),
        }
    };
    Model::new("breaker late result", None, model).holds(4);
    let [in_time, late] = outcomes;
    in_time.at_least_once("a result before the new generation");
    late.at_least_once("one after it");
}

/// A trial closes it while another thread's failure opens it again: that is the first time in a row, and the next the second,
/// however long whoever closed it is held up.
#[test]
fn who_opens_it_right_after_it_was_closed_waits_as_for_the_first_time() {
    let outcomes = [Seen::default(), Seen::default()];
    let [again, before] = outcomes.clone();
    let model = move || {
        let mut settings = settings();
        settings.failure_count_threshold = Some(1);
        settings.permitted_calls_in_half_open = 1;
        settings.longest_wait_in_open = Some(Duration::from_millis(80));
        let judge = Arc::new(Judge::<2>::new(settings, 0));
        let trial = |ms| match enter(&judge, 0, ms).0 {
            Verdict::Passed(permit) => permit,
            other => panic!("{other:?}"),
        };
        settle(&judge, 0, judge.word(), Count::Failure, 0);
        settle(&judge, 0, trial(10), Count::Failure, 10);
        assert_eq!(enter(&judge, 0, 29).0, Verdict::Open(1), "for twice as long");
        let permit = trial(30);
        let closing = {
            let judge = judge.clone();
            thread::spawn(move || settle(&judge, 0, permit, Count::Success, 30).len())
        };
        let opening = {
            let judge = judge.clone();
            thread::spawn(move || {
                let permit = judge.word();
                let is_closed = permit.state() == BreakerState::Closed;
                if is_closed { settle(&judge, 1, permit, Count::Failure, 30).len() } else { 0 }
            })
        };
        assert_eq!(closing.join().unwrap(), 1);
        if opening.join().unwrap() == 0 {
            return before.count();
        }
        again.count();
        assert_eq!(enter(&judge, 0, 30).0, Verdict::Open(10), "the first time since it was closed");
        settle(&judge, 0, trial(40), Count::Failure, 40);
        assert_eq!(enter(&judge, 0, 40).0, Verdict::Open(20), "the second");
    };
    Model::new("breaker opened right after it was closed", 3, model).holds(5);
    let [again, before] = outcomes;
    again.at_least_once("it was opened again");
    before.at_least_once("it was not");
}

/// A thread that has counted before begins a new generation, while another adds up: what was counted before is left out.
#[test]
fn what_a_thread_counted_in_an_earlier_generation_is_left_out() {
    let outcomes = [Seen::default(), Seen::default()];
    let [without, with] = outcomes.clone();
    let model = move || {
        let cells = Arc::new(BreakerCells::<1>::new());
        let judge = Judge::<1>::new(settings(), 0);
        let first = judge.word();
        judge.force(BreakerState::Closed, 0, &mut Vec::new());
        let second = judge.word();
        let counting = {
            let cells = cells.clone();
            thread::spawn(move || {
                cells.add_judged(0, first, Count::Failure);
                cells.add_judged(0, first, Count::Failure);
                cells.add_judged(0, second, Count::Failure);
            })
        };
        let adding = {
            let cells = cells.clone();
            thread::spawn(move || cells.sums(second).failure)
        };
        counting.join().unwrap();
        match adding.join().unwrap() {
            0 => without.count(),
            1 => with.count(),
            more => panic!("{more} failures in a generation that had one"),
        }
        assert_eq!((cells.sums(second).failure, cells.total(Count::Failure)), (1, 3));
    };
    let model = Model::new("breaker cell", 3, model).holds(20);
    let [without, with] = outcomes;
    without.at_least_once("a sum of before");
    with.at_least_once("a sum of after");
    model.fails_without("breaker-cell", Side::Publish).fails_without("breaker-cell", Side::Observe);
}

/// One succeeds while another's failure opens the breaker: the success counts in its generation or as a late one, and never
/// closes anything.
#[test]
fn a_success_beside_a_trip_neither_undoes_it_nor_is_lost() {
    let outcomes = [Seen::default(), Seen::default()];
    let [in_time, late] = outcomes.clone();
    let model = move || {
        let mut settings = settings();
        settings.failure_count_threshold = Some(1);
        let judge = Arc::new(Judge::<2>::new(settings, 0));
        let permit = judge.word();
        let failing = {
            let judge = judge.clone();
            thread::spawn(move || settle(&judge, 0, permit, Count::Failure, 1).len())
        };
        let succeeding = {
            let judge = judge.clone();
            thread::spawn(move || {
                let moves = [succeed(&judge, 1, permit, 1), succeed(&judge, 1, permit, 1)];
                assert!(moves.iter().all(Vec::is_empty), "a success changed the state: {moves:?}");
            })
        };
        assert_eq!(failing.join().unwrap(), 1);
        succeeding.join().unwrap();
        let counted = [Count::Success, Count::Stale].map(|count| judge.cells().total(count));
        assert_eq!(counted[0] + counted[1], 2);
        assert_eq!((judge.word().state(), judge.word().generation()), (BreakerState::Open, 1));
        if counted[1] == 0 { in_time.count() } else { late.count() }
    };
    Model::new("breaker success beside a trip", 3, model).holds(30);
    let [in_time, late] = outcomes;
    in_time.at_least_once("successes in time");
    late.at_least_once("a late success");
}

/// Three come to a breaker whose wait is over, and two trials are permitted, while a success of before the trip comes in.
#[test]
fn no_more_trials_are_out_than_permitted_and_what_is_late_decides_nothing() {
    let half_open = Seen::default();
    let seen = half_open.clone();
    let model = move || {
        let mut settings = settings();
        settings.failure_count_threshold = Some(1);
        settings.permitted_calls_in_half_open = 2;
        let judge = Arc::new(Judge::<2>::new(settings, 0));
        let before = judge.word();
        assert_eq!(settle(&judge, 0, before, Count::Failure, 0).len(), 1);
        let out = Arc::new(AtomicUsize::new(0));
        let come = |at: usize| {
            let (judge, out) = (judge.clone(), out.clone());
            thread::spawn(move || match enter(&judge, at, 10) {
                (Verdict::Passed(permit), moves) => {
                    out.fetch_add(1, Relaxed);
                    // The first settles; the second's is out for good.
                    let more = if at == 0 { succeed(&judge, at, permit, 10).len() } else { 0 };
                    moves.len() + more
                }
                (_, moves) => moves.len(),
            })
        };
        let late = {
            let judge = judge.clone();
            thread::spawn(move || assert!(succeed(&judge, 7, before, 10).is_empty()))
        };
        let others = [come(0), come(1)];
        let moves: usize = others.into_iter().map(|other| other.join().unwrap()).sum();
        late.join().unwrap();
        assert_eq!((out.load(Relaxed), judge.cells().total(Count::Stale)), (2, 1));
        assert_eq!(moves, 1, "it became half-open once");
        let third = enter(&judge, 1, 10);
        assert_eq!(third, (Verdict::HalfOpen(2), Vec::new()));
        if judge.cells().total(Count::Success) == 1 {
            seen.count();
        }
    };
    Model::new("breaker trials", 2, model).holds(50);
    half_open.at_least_once("a trial that succeeded, and one that is out");
}

/// Two trials come back at once, one way or another: they decide once, and together.
fn trials(outcome: Count, expected: BreakerState) {
    let model = move || {
        let mut settings = settings();
        settings.failure_count_threshold = Some(1);
        settings.permitted_calls_in_half_open = 2;
        let judge = Arc::new(Judge::<2>::new(settings, 0));
        assert_eq!(settle(&judge, 0, judge.word(), Count::Failure, 0).len(), 1);
        let permit = |at| match enter(&judge, at, 10).0 {
            Verdict::Passed(permit) => permit,
            other => panic!("{other:?}"),
        };
        let permits = [permit(0), permit(1)];
        let back = |at: usize, count| {
            let (judge, permit) = (judge.clone(), permits[at]);
            thread::spawn(move || settle(&judge, at, permit, count, 10).len())
        };
        let moves = [back(0, Count::Success), back(1, outcome)].map(|thread| thread.join().unwrap());
        assert_eq!((moves[0] + moves[1], judge.word().state(), judge.word().generation()), (1, expected, 3));
    };
    Model::new(
        if expected == BreakerState::Open { "breaker trials fail" } else { "breaker trials succeed" },
        3,
        model,
    )
    .holds(6);
}

#[test]
fn two_trials_that_succeed_at_once_close_it_once() {
    trials(Count::Success, BreakerState::Closed);
}

#[test]
fn a_failed_trial_opens_it_whatever_another_does_at_once() {
    trials(Count::Failure, BreakerState::Open);
}

/// A thread ends and gives its number back; another that takes it goes on with what the first left.
#[test]
fn who_takes_a_number_goes_on_with_what_the_last_thread_left() {
    struct Left(UnsafeCell<u64>);
    // SAFETY: of one thread at a time, which is what the model watches: loom's cell finds two at once.
    unsafe impl Sync for Left {}

    let outcomes = [Seen::default(), Seen::default()];
    let [same, apart] = outcomes.clone();
    let model = move || {
        let numbers = Arc::new(Numbers::new());
        let left = Arc::new([0, 0].map(|zero| Left(UnsafeCell::new(zero))));
        let count = || {
            let (numbers, left) = (numbers.clone(), left.clone());
            thread::spawn(move || {
                let number = numbers.take().unwrap();
                // SAFETY: this thread alone has the number.
                left[number].0.with_mut(|count| unsafe { *count += 1 });
                numbers.give_back(number);
            })
        };
        [count(), count()].into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(numbers.take(), Some(0));
        // SAFETY: both are over.
        match left.each_ref().map(|left| left.0.with(|count| unsafe { *count })) {
            [2, 0] => same.count(),
            [1, 1] => apart.count(),
            other => panic!("{other:?}"),
        }
    };
    let model = Model::new("thread number", 3, model).holds(5);
    let [same, apart] = outcomes;
    same.at_least_once("one after the other");
    apart.at_least_once("both at once");
    model.fails_without("thread-number", Side::Publish).fails_without("thread-number", Side::Observe);
}

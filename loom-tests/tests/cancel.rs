//! Models of tokens that ask to stop. Edge watched: `cancel-seen`. A wait of a model has no time-out, so a lost wake-up is
//! a deadlock, which loom reports.

mod support;

use flightdeck_loom::internals::{Side, Signal};
use flightdeck_loom::supervisor::CancelToken;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;
use support::{Model, Seen};

#[derive(Clone, Default)]
struct Outcomes {
    cancelled: Seen,
    not_yet: Seen,
}

impl Outcomes {
    fn both(&self) {
        self.cancelled.at_least_once("found it cancelled");
        self.not_yet.at_least_once("looked before it was cancelled");
    }

    fn count(&self, cancelled: bool) {
        if cancelled { self.cancelled.count() } else { self.not_yet.count() }
    }
}

#[test]
fn whoever_finds_it_cancelled_finds_what_was_written_before() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    let model = Model::new("a cancelled token", None, move || {
        let (token, reason) = (CancelToken::new(), Arc::new(AtomicU64::new(0)));
        let canceller = thread::spawn({
            let (token, reason) = (token.clone(), reason.clone());
            move || {
                reason.store(7, Relaxed);
                assert!(token.cancel());
            }
        });
        let seen = seen.clone();
        let looker = thread::spawn(move || {
            let cancelled = token.is_cancelled();
            seen.count(cancelled);
            if cancelled {
                assert_eq!(reason.load(Relaxed), 7);
            }
        });
        canceller.join().unwrap();
        looker.join().unwrap();
    });
    let model = model.holds(4);
    outcomes.both();
    model.fails_without("cancel-seen", Side::Publish).fails_without("cancel-seen", Side::Observe);
}

#[test]
fn all_who_wait_are_woken_whoever_cancels() {
    let (firsts, outcomes) = (Seen::default(), Outcomes::default());
    let (first, seen) = (firsts.clone(), outcomes.clone());
    Model::new("two waiters, two cancellers", 2, move || {
        let token = CancelToken::new();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (token, seen) = (token.clone(), seen.clone());
                thread::spawn(move || {
                    seen.count(token.is_cancelled());
                    assert!(token.wait(Duration::MAX));
                    assert!(token.is_cancelled());
                })
            })
            .collect();
        let other = thread::spawn({
            let token = token.clone();
            move || token.cancel()
        });
        let ours = token.cancel();
        assert!(other.join().unwrap() != ours, "one of them was first");
        if ours {
            first.count();
        }
        waiting.into_iter().for_each(|waiter| waiter.join().unwrap());
    })
    .holds(1_000);
    outcomes.both();
    firsts.at_least_once("the one was first");
}

#[test]
fn a_child_born_while_its_parent_is_cancelled_is_cancelled() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    Model::new("a child of a token that is cancelled", None, move || {
        let token = CancelToken::new();
        let canceller = thread::spawn({
            let token = token.clone();
            move || token.cancel()
        });
        let seen = seen.clone();
        let waiter = thread::spawn(move || {
            // The parent's own handle is gone: its child keeps it.
            let child = token.child().child();
            drop(token);
            seen.count(child.is_cancelled());
            assert!(child.wait(Duration::MAX));
        });
        canceller.join().unwrap();
        waiter.join().unwrap();
    })
    .holds(10);
    outcomes.both();
}

#[test]
fn a_child_may_go_while_its_parent_is_cancelled() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    Model::new("a child that goes", None, move || {
        let token = CancelToken::new();
        let child = token.child();
        let canceller = thread::spawn(move || token.cancel());
        let seen = seen.clone();
        let leaver = thread::spawn(move || {
            let cancelled = child.is_cancelled();
            drop(child);
            seen.count(cancelled);
        });
        assert!(canceller.join().unwrap());
        leaver.join().unwrap();
    })
    .holds(4);
    outcomes.both();
}

/// What it would be to wake before the flag is set: the models above would find it.
#[test]
fn who_wakes_before_it_cancels_leaves_a_waiter_asleep() {
    Model::new("woken before it is cancelled", None, || {
        let shared = Arc::new((AtomicU64::new(0), Signal::new()));
        let waiter = thread::spawn({
            let shared = shared.clone();
            move || shared.1.wait(None, || shared.0.load(Relaxed) == 1)
        });
        let canceller = thread::spawn(move || {
            shared.1.notify();
            shared.0.store(1, Relaxed);
        });
        canceller.join().unwrap();
        waiter.join().unwrap();
    })
    .fails("the flag before the wake-up");
}

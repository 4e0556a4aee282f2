//! Models of the gate of a handler. Edges watched: `handler-call`, `executions-over`.

mod support;

use flightdeck_loom::internals::{Ended, Ending, Gate, Side, Signal, Stripe};
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

/// Two threads call, by one word or by two; one closes. Once it finds nobody inside, nothing happens inside any more, and it sees
/// what did.
fn closed(stripes: [usize; 2]) -> (impl Fn() + Send + Sync + Clone + 'static, [Seen; 3]) {
    let outcomes = [Seen::default(), Seen::default(), Seen::default()];
    let [called, refused, idle] = outcomes.clone();
    let model = move || {
        let gate = Arc::new(Gate::new());
        let done: Arc<[AtomicU64; 2]> = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let over = Arc::new(AtomicBool::new(false));
        let caller = |at: usize| {
            let (gate, done, over) = (gate.clone(), done.clone(), over.clone());
            let (called, refused, stripe) = (called.clone(), refused.clone(), Stripe::of(stripes[at]));
            thread::spawn(move || {
                if gate.begin(stripe).is_ok() {
                    assert!(!over.load(Relaxed), "a call began after the gate was closed and nobody inside");
                    done[at].store(1, Relaxed);
                    let _ = gate.end(stripe);
                    called.count();
                } else {
                    refused.count();
                }
            })
        };
        let callers = [caller(0), caller(1)];
        let closer = {
            let (gate, done, over, idle) = (gate.clone(), done.clone(), over.clone(), idle.clone());
            thread::spawn(move || {
                let _ = gate.close();
                if gate.is_idle() {
                    over.store(true, Relaxed);
                    let seen = done[0].load(Relaxed) + done[1].load(Relaxed);
                    assert_eq!(seen, gate.over(), "a call is over, and what it did is not seen");
                    if seen == 1 {
                        idle.count();
                    }
                }
            })
        };
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        closer.join().unwrap();
        assert!(gate.is_idle());
    };
    (model, outcomes)
}

#[test]
fn no_call_starts_once_it_is_closed_and_what_calls_did_is_seen() {
    let (model, [called, refused, idle]) = closed([0, 0]);
    let model = Model::new("handler closed", 3, model).holds(100);
    called.at_least_once("a call");
    refused.at_least_once("a call that came too late");
    idle.at_least_once("a closer that finds one call over and the other never begun");
    model.fails_without("handler-call", Side::Publish).fails_without("handler-call", Side::Observe);
}

#[test]
fn callers_by_different_words_are_closed_out_all_the_same() {
    let (model, [called, refused, _]) = closed([0, 1]);
    Model::new("handler closed, two words", 2, model).holds(100);
    called.at_least_once("a call");
    refused.at_least_once("a call that came too late");
}

/// One puts something into a queue, as a call; one closes, and then empties the queue. Neither leaves it there.
#[test]
fn what_is_put_into_a_queue_that_is_closed_is_found_by_one_of_both() {
    let found = [Seen::default(), Seen::default()];
    let [by_poster, by_closer] = found.clone();
    let model = move || {
        let gate = Arc::new(Gate::new());
        let (queue, posted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let poster = {
            let (gate, queue, posted) = (gate.clone(), queue.clone(), posted.clone());
            let by_poster = by_poster.clone();
            thread::spawn(move || {
                let stripe = Stripe::of(0);
                if gate.begin(stripe).is_err() {
                    return false;
                }
                posted.store(true, Relaxed);
                queue.store(1, Relaxed);
                let finds = gate.end(stripe) == Ended::Closed;
                if finds {
                    by_poster.count();
                }
                finds
            })
        };
        let closer = {
            let (gate, queue, by_closer) = (gate.clone(), queue.clone(), by_closer.clone());
            thread::spawn(move || {
                let _ = gate.close();
                let finds = queue.load(Relaxed) == 1;
                if finds {
                    by_closer.count();
                }
                finds
            })
        };
        let (by_poster, by_closer) = (poster.join().unwrap(), closer.join().unwrap());
        assert!(!posted.load(Relaxed) || by_poster || by_closer, "it lies there for good");
    };
    let model = Model::new("handler's queue closed", 3, model).holds(5);
    let [by_poster, by_closer] = found;
    by_poster.at_least_once("found by who put it in");
    by_closer.at_least_once("found by who closed");
    model.fails_without("handler-call", Side::Publish).fails_without("handler-call", Side::Observe);
}

/// Who finds that all executions are over, and then looks into the queue once more, finds what they left there.
#[test]
fn the_last_turn_through_a_queue_leaves_nothing_there() {
    let found = Seen::default();
    let seen = found.clone();
    let model = move || {
        let (ending, queue) = (Arc::new(Ending::new()), Arc::new(AtomicU64::new(0)));
        let (ended, posted) = (ending.clone(), queue.clone());
        let executor = thread::spawn(move || {
            posted.store(1, Relaxed);
            ended.end();
        });
        if ending.is_over() {
            assert_eq!(queue.load(Relaxed), 1, "it lies there for good");
            seen.count();
        }
        executor.join().unwrap();
    };
    let model = Model::new("handler's queue, last turn", 3, model).holds(2);
    found.at_least_once("a last turn");
    model.fails_without("executions-over", Side::Publish).fails_without("executions-over", Side::Observe);
}

/// Two call, by different words; one detaches and waits, as `Handler::detach_and_wait` does. A wait in models has no time-out: one
/// that is not woken stands still for good, which fails. Calls wake the waiter as these say: those that end at a closed gate, and
/// those that find it closed, which seem to run for a moment.
fn detached(wakes: [bool; 2]) -> (impl Fn() + Send + Sync + Clone + 'static, [Seen; 3]) {
    let outcomes = [Seen::default(), Seen::default(), Seen::default()];
    let [waited, at_once, too_late] = outcomes.clone();
    let model = move || {
        let (gate, signal) = (Arc::new(Gate::new()), Arc::new(Signal::new()));
        let done: Arc<[AtomicU64; 2]> = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let caller = |at: usize| {
            let (gate, signal, done, too_late) =
                (gate.clone(), signal.clone(), done.clone(), too_late.clone());
            thread::spawn(move || {
                let stripe = Stripe::of(at);
                let wakes = if gate.begin(stripe).is_err() {
                    too_late.count();
                    wakes[1]
                } else {
                    done[at].store(1, Relaxed);
                    gate.end(stripe) == Ended::Closed && wakes[0]
                };
                if wakes {
                    signal.notify();
                }
            })
        };
        let callers = [caller(0), caller(1)];
        let waiter = {
            let (gate, done) = (gate.clone(), done.clone());
            let (waited, at_once) = (waited.clone(), at_once.clone());
            thread::spawn(move || {
                let _ = gate.close();
                if gate.is_idle() {
                    at_once.count();
                } else {
                    signal.wait(None, || gate.is_idle());
                    waited.count();
                }
                let seen = done[0].load(Relaxed) + done[1].load(Relaxed);
                assert_eq!(seen, gate.over(), "a call is over, and what it did is not seen");
            })
        };
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        waiter.join().unwrap();
    };
    (model, outcomes)
}

#[test]
fn who_detaches_and_waits_is_woken_and_sees_what_calls_did() {
    let (model, [waited, at_once, too_late]) = detached([true, true]);
    let model = Model::new("handler detached and waited for", 3, model).holds(100);
    waited.at_least_once("a wait for a call");
    at_once.at_least_once("no call to wait for");
    too_late.at_least_once("a call that came too late");
    model.fails_without("handler-call", Side::Publish).fails_without("handler-call", Side::Observe);
    let (model, _) = detached([false, true]);
    Model::new("handler detached", 3, model).fails("waking by calls that end");
    let (model, _) = detached([true, false]);
    Model::new("handler detached", 3, model).fails("waking by calls that come too late");
}

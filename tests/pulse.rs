//! Heartbeats of workers: which run they are of, and what many threads make of one.

mod support;

use flightdeck::supervisor::{
    Backoff, ChildSpec, Heartbeat, Liveness, Pulse, Restart, Supervisor, Turn, WorkerContext,
};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use support::{PATIENCE, until, until_stopped};

#[test]
fn what_is_left_of_an_old_run_does_not_beat_for_the_new_one() {
    let (sender, contexts) = mpsc::channel();
    let body = move |context: &WorkerContext| {
        context.beat();
        sender.send(context.clone()).unwrap();
        assert!(context.generation() > 1, "for the next run");
        until_stopped(context);
    };
    let no_delay = Backoff::between(Duration::ZERO, Duration::ZERO);
    let spec = ChildSpec::new("book", Restart::Permanent, body).backoff(no_delay);
    let supervisor = Supervisor::builder().worker(spec).start().unwrap();
    let (first, second) =
        (contexts.recv_timeout(PATIENCE).unwrap(), contexts.recv_timeout(PATIENCE).unwrap());
    assert_eq!((first.generation(), second.generation()), (1, 2));
    // A thread that the first run left behind.
    thread::spawn(move || (0..1_000).for_each(|_| first.beat())).join().unwrap();
    assert_eq!(second.pulse().beats(), 1);
    assert!(supervisor.shutdown(PATIENCE).is_clean());
}

#[test]
fn any_of_many_threads_is_enough() {
    const BEATS: u64 = 200_000;
    let pulse = Pulse::new();
    let beating: Vec<_> = (0..4)
        .map(|_| {
            let pulse = pulse.clone();
            thread::spawn(move || (0..BEATS).for_each(|_| pulse.beat()))
        })
        .collect();
    beating.into_iter().for_each(|thread| thread.join().unwrap());
    // Beats may be lost to others, and are never made up.
    assert!((1..=4 * BEATS).contains(&pulse.beats()), "{}", pulse.beats());
}

#[test]
fn a_thread_that_hangs_is_found_out_and_one_that_goes_on_recovers() {
    let (pulse, began) = (Pulse::new(), Instant::now());
    let mut liveness = Liveness::new(Heartbeat::within(Duration::from_millis(60)), Duration::ZERO);
    let mut until_a_turn = || {
        let mut turn = None;
        until("a turn", || {
            turn = liveness.check(pulse.beats(), began.elapsed());
            turn.is_some()
        });
        turn.unwrap()
    };
    let (go_on, told) = mpsc::channel();
    let beating = thread::spawn({
        let pulse = pulse.clone();
        move || {
            pulse.beat();
            told.recv().unwrap();
            while told.try_recv().is_err() {
                pulse.beat();
            }
        }
    });
    assert!(matches!(until_a_turn(), Turn::Hung { silent } if silent >= Duration::from_millis(60)));
    go_on.send(()).unwrap();
    assert!(matches!(until_a_turn(), Turn::Recovered { .. }));
    go_on.send(()).unwrap();
    beating.join().unwrap();
}

//! Models of the line of a mapped file that says how far its life has come. Edge watched: `mapped-stage`.

mod support;

use flightdeck_loom::internals::{Region, Side, Stage, State};
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;
use support::{Model, Seen};

#[test]
fn whoever_sees_a_state_sees_what_was_laid_out_before() {
    let (running, closed, early) = (Seen::default(), Seen::default(), Seen::default());
    let seen = (running.clone(), closed.clone(), early.clone());
    let model = Model::new("states of a mapped file", None, move || {
        let stage = Stage::new(&Region::heap(16).unwrap(), 0);
        let (laid_out, last) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let writer = thread::spawn({
            let (stage, laid_out, last) = (stage.clone(), laid_out.clone(), last.clone());
            move || {
                laid_out.store(7, Relaxed);
                stage.enter(State::Running);
                last.store(9, Relaxed);
                stage.close(11);
            }
        });
        let seen = seen.clone();
        let reader = thread::spawn(move || {
            let found = stage.read();
            match found.state {
                Some(State::Running) => {
                    seen.0.count();
                    assert_eq!(laid_out.load(Relaxed), 7);
                }
                Some(State::Closed) => {
                    seen.1.count();
                    assert_eq!((laid_out.load(Relaxed), last.load(Relaxed), found.ended), (7, 9, 11));
                }
                _ => seen.2.count(),
            }
        });
        writer.join().unwrap();
        reader.join().unwrap();
    });
    let model = model.holds(10);
    running.at_least_once("found it running");
    closed.at_least_once("found it closed");
    early.at_least_once("looked before it ran");
    model.fails_without("mapped-stage", Side::Publish).fails_without("mapped-stage", Side::Observe);
}

//! Waiting for what other threads do, without sleeping.
#![allow(dead_code, reason = "each test file uses what it needs")]

use flightdeck::supervisor::WorkerContext;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Returns once the condition holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// A worker that does nothing until it is told to stop.
pub fn until_stopped(context: &WorkerContext) {
    while !context.should_stop() {
        let _ = context.wait(PATIENCE);
    }
}

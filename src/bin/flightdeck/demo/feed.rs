//! The worker: takes price updates and moves the books. A line that is no update makes it panic, as code that
//! trusts its input does; the supervisor starts it again.

use super::book;
use super::host::Shared;
use super::kinds::BookMoved;
use flightdeck::supervisor::WorkerContext;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The worker's name, and its thread's.
pub const NAME: &str = "price-feed";

/// A line that no feed should send.
pub const MALFORMED: &str = "FD007;not-a-price";

/// Where updates come from. It outlives the worker: what was queued when it panicked is still there.
pub type Lines = Arc<Mutex<Receiver<String>>>;

/// Runs until it is told to stop.
///
/// # Panics
/// At a malformed line.
pub fn run(context: &WorkerContext, shared: &Shared, lines: &Lines) {
    // Poisoned by the panic of an earlier run, and whole: only receiving happens under it.
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    while !context.should_stop() {
        match lines.recv_timeout(Duration::from_millis(20)) {
            Ok(line) => apply(&line, shared),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let _ = context.wait(Duration::from_millis(20));
            }
        }
    }
}

fn apply(line: &str, shared: &Shared) {
    let (symbol, middle) = line.split_once(';').expect("a feed line is SYMBOL;PRICE");
    let middle: f64 = middle.parse().unwrap_or_else(|_| panic!("no price in feed line `{line}`"));
    if let Some(number) = book::number(symbol) {
        shared.move_book(number, middle);
        shared.flight.record(BookMoved { symbol, middle });
    }
}

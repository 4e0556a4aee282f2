//! Words that nobody wrote who was meant to, for tests of those who read them.

use super::Span;
use crate::sync::{Relaxed, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Longer than any reader takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// An xorshift generator (Marsaglia 2003).
pub(crate) fn next(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// What a word may be made into.
pub(crate) fn made(random: &mut u64, was: u64) -> u64 {
    match next(random, 9) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => was.wrapping_add(1),
        4 => was.wrapping_sub(1),
        5 => was ^ 1 << next(random, 64),
        6 => was.wrapping_mul(2),
        7 => 1 << next(random, 64),
        _ => next(random, u64::MAX),
    }
}

pub(crate) fn word(span: &Span, at: usize) -> u64 {
    span.run(at, 1).unwrap()[0].load(Relaxed)
}

pub(crate) fn set(span: &Span, at: usize, value: u64) {
    span.run(at, 1).unwrap()[0].store(value, Relaxed);
}

/// The same words in memory of their own.
pub(crate) fn copy_of(span: &Span) -> Span {
    let copy = Span::heap(span.len).unwrap();
    (0..span.len).for_each(|at| set(&copy, at, word(span, at)));
    copy
}

/// Whether somebody who reads comes back, and without a panic.
pub(crate) fn comes_back(read: impl FnOnce() + Send + 'static) -> bool {
    let running = thread::spawn(move || catch_unwind(AssertUnwindSafe(read)).is_ok());
    let start = Instant::now();
    while !running.is_finished() && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_micros(100));
    }
    running.is_finished() && running.join().unwrap_or(false)
}

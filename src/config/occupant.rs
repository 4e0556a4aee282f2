//! Which thread is inside a section that one thread at a time enters, so that a thread can recognise
//! itself there instead of waiting for itself.

use crate::sync::{AtomicU64, Relaxed, plain_thread_local, unique_number};
use std::cell::Cell;

plain_thread_local! {
    static NUMBER: Cell<u64> = Cell::new(0);
}

fn this_thread() -> u64 {
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(unique_number());
        }
        number.get()
    })
}

/// Zero, or the number of the thread inside. Relaxed throughout: a thread only ever looks for its own
/// number, which no other thread stores, and its own last store is the oldest value it can read.
#[derive(Debug)]
pub(super) struct Occupant(AtomicU64);

impl Occupant {
    pub(super) fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Marks this thread as inside until the mark is dropped, also by unwinding.
    pub(super) fn enter(&self) -> Inside<'_> {
        self.0.store(this_thread(), Relaxed);
        Inside(self)
    }

    pub(super) fn is_this_thread(&self) -> bool {
        self.0.load(Relaxed) == this_thread()
    }
}

/// This thread is inside.
pub(super) struct Inside<'a>(&'a Occupant);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Relaxed);
    }
}

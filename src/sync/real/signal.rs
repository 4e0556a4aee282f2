//! Waiting for a condition that other threads bring about.

use parking_lot::{Condvar, Mutex};
use std::time::Instant;

/// What waiters of a condition share with those who bring it about. The condition itself lives in
/// atomics elsewhere: whoever changes them calls [`Signal::notify`] afterwards.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    gate: Mutex<()>,
    moved: Condvar,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Wakes every waiter to look at its condition again.
    pub(crate) fn notify(&self) {
        // Through the gate: a waiter between its look and its sleep holds it, so it is not missed.
        drop(self.gate.lock());
        self.moved.notify_all();
    }

    /// Waits until `met` or the deadline (none: for ever); the last answer of `met`.
    pub(crate) fn wait(&self, deadline: Option<Instant>, mut met: impl FnMut() -> bool) -> bool {
        let mut gate = self.gate.lock();
        loop {
            if met() {
                return true;
            }
            match deadline {
                None => self.moved.wait(&mut gate),
                Some(deadline) => {
                    if self.moved.wait_until(&mut gate, deadline).timed_out() {
                        return met();
                    }
                }
            }
        }
    }
}

//! The signal inside models: the same gate and queue, and a wait that never times out, so that a
//! lost wake-up is a deadlock, which loom reports.

use loom::sync::{Condvar, Mutex};
use std::sync::PoisonError;
use std::time::Instant;

/// What waiters of a condition share with those who bring it about.
#[derive(Debug)]
pub struct Signal {
    gate: Mutex<()>,
    moved: Condvar,
}

impl Signal {
    /// Nobody waits.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "as outside")]
    pub fn new() -> Self {
        Self { gate: Mutex::new(()), moved: Condvar::new() }
    }

    /// Wakes whoever waits.
    pub fn notify(&self) {
        drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }

    /// Waits until it is met.
    pub fn wait(&self, _deadline: Option<Instant>, mut met: impl FnMut() -> bool) -> bool {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        while !met() {
            gate = self.moved.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

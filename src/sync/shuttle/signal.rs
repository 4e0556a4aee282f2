//! The signal inside storms: the same gate and queue, and a wait that never times out, so that a
//! lost wake-up is a deadlock, which shuttle reports.

use shuttle::sync::{Condvar, Mutex};
use std::sync::PoisonError;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Signal {
    gate: Mutex<()>,
    moved: Condvar,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self { gate: Mutex::new(()), moved: Condvar::new() }
    }

    pub(crate) fn notify(&self) {
        drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }

    pub(crate) fn wait(&self, _deadline: Option<Instant>, mut met: impl FnMut() -> bool) -> bool {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        while !met() {
            gate = self.moved.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

//! What the workers of a pipeline have in common: whether it comes to its end, and by when.

use super::bell::Bell;
use super::latch::Latch;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed, Signal};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct End {
    draining: Latch,
    /// Nanoseconds after `began` at which whoever still works gives up.
    gives_up_at: AtomicU64,
    began: Instant,
    bells: Mutex<Vec<Arc<Bell>>>,
    /// A worker came to its end.
    pub(super) ended: Signal,
}

impl End {
    pub(super) fn new() -> Self {
        Self {
            draining: Latch::new(),
            gives_up_at: AtomicU64::new(u64::MAX),
            began: Instant::now(),
            bells: Mutex::new(Vec::new()),
            ended: Signal::new(),
        }
    }

    /// A bell for one more worker.
    pub(super) fn bell(&self) -> Arc<Bell> {
        let bell = Arc::new(Bell::new());
        self.bells.lock().push(bell.clone());
        bell
    }

    /// From now on nothing new is taken from the store: what is there is delivered, and that is the end.
    pub(super) fn drain(&self) {
        if !self.draining.is_set() {
            self.draining.set();
            self.ring_all();
        }
    }

    pub(super) fn drains(&self) -> bool {
        self.draining.is_set()
    }

    /// Whoever still works then gives up. The earliest time counts.
    pub(super) fn give_up_at(&self, at: Instant) {
        let at = at.saturating_duration_since(self.began);
        self.gives_up_at.fetch_min(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.ring_all();
    }

    /// The time at which workers give up, if that is fixed.
    pub(super) fn gives_up(&self) -> Option<Instant> {
        match self.gives_up_at.load(Relaxed) {
            u64::MAX => None,
            at => self.began.checked_add(Duration::from_nanos(at)),
        }
    }

    pub(super) fn has_given_up(&self) -> bool {
        self.gives_up().is_some_and(|at| Instant::now() >= at)
    }

    pub(super) fn ring_all(&self) {
        self.bells.lock().iter().for_each(|bell| bell.ring());
    }
}

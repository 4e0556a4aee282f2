//! What a worker waits at when it finds nothing to do, and what its neighbours ring when they change that.
//!
//! The worker announces that it waits and looks once more; a neighbour changes something and looks whether anybody waits. So
//! one of the two sees the other (edge `bell`), and no ring is lost. A neighbour that finds nobody waiting pays a fence and a
//! load.

use crate::sync::{AtomicBool, Relaxed, Signal, sequence_observe, sequence_publish};
use std::time::{Duration, Instant};

/// The bell of one worker: one thread at a time waits at it.
#[derive(Debug)]
pub struct Bell {
    is_awaited: AtomicBool,
    signal: Signal,
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

impl Bell {
    /// One at which nobody waits.
    #[must_use]
    pub fn new() -> Self {
        Self { is_awaited: AtomicBool::new(false), signal: Signal::new() }
    }

    /// Waits until `met`, or until the time is over. `met` is asked again at each ring, and once before waiting.
    pub fn wait(&self, time: Duration, met: impl FnMut() -> bool) {
        // Relaxed: the fence orders it.
        self.is_awaited.store(true, Relaxed);
        // Edge `bell`, publishing half (partner: `ring`): what `met` looks at is read after it.
        sequence_publish("bell");
        self.signal.wait(Some(Instant::now() + time), met);
        // Relaxed: a ring too many is a look too many.
        self.is_awaited.store(false, Relaxed);
    }

    /// To be called after something was changed that a worker may wait for.
    pub fn ring(&self) {
        // Edge `bell`, observing half (partner: `wait`): what was changed is written before it.
        sequence_observe("bell");
        if self.is_awaited.load(Relaxed) {
            self.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        self.signal.notify();
    }
}

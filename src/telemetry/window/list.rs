//! The windows that a telemetry ticks.

use crate::sync::{Arc, Mutex, Weak};
use std::fmt::Debug;
use std::time::Instant;

/// A window of whatever kind.
pub(super) trait Ticked: Debug + Send + Sync {
    fn tick(&self, now: Instant);
    /// Bytes that it takes now.
    fn bytes(&self) -> usize;
}

/// The windows of a telemetry. Their holders own them.
#[derive(Debug, Default)]
pub(in crate::telemetry) struct Windows(Mutex<Vec<Weak<dyn Ticked>>>);

/// What windows take.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::telemetry) struct Usage {
    pub(in crate::telemetry) windows: usize,
    pub(in crate::telemetry) bytes: u64,
}

impl Windows {
    /// Of those that somebody holds.
    pub(in crate::telemetry) fn usage(&self) -> Usage {
        // Cloned out: a window may be ticked just now, and that takes its time.
        let all: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        let bytes = all.iter().map(|window| window.bytes() as u64).sum();
        Usage { windows: all.len(), bytes }
    }

    pub(super) fn add(&self, window: Arc<dyn Ticked>) {
        let mut all = self.0.lock();
        // Also here: hosts that never tick might make many.
        all.retain(|window| window.strong_count() > 0);
        all.push(Arc::downgrade(&window));
    }

    /// Ticks those that somebody holds, and forgets the others.
    pub(in crate::telemetry) fn tick(&self, now: Instant) {
        self.0.lock().retain(|window| {
            window.upgrade().is_some_and(|window| {
                window.tick(now);
                true
            })
        });
    }
}

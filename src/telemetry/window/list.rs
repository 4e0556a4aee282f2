//! The windows that a telemetry ticks.

use crate::sync::{Arc, Mutex, Weak};
use std::fmt::Debug;
use std::time::Instant;

/// A window of whatever kind.
pub(super) trait Ticked: Debug + Send + Sync {
    fn tick(&self, now: Instant);
}

/// The windows of a telemetry. Their holders own them.
#[derive(Debug, Default)]
pub(in crate::telemetry) struct Windows(Mutex<Vec<Weak<dyn Ticked>>>);

impl Windows {
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

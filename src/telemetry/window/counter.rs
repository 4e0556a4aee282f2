//! Windows over counters: each slot has what was counted in it.

use super::answer::WindowAnswer;
use super::{Window, Windowed};
use crate::telemetry::Counter;
use std::mem::replace;
use std::time::Duration;

impl Windowed for Counter {
    /// The sum when the slot began.
    type Open = u64;
    type Slot = u64;

    fn open(&self) -> u64 {
        self.value()
    }

    fn read(&self, open: &mut u64, ends: bool) -> Option<u64> {
        ends.then(|| {
            let now = self.value();
            // A sum wraps, and so does the difference.
            now.wrapping_sub(replace(open, now))
        })
    }
}

impl Window<Counter> {
    /// How much was counted lately; `None` before the first slot has ended.
    #[must_use]
    pub fn increase(&self, over: Duration) -> Option<WindowAnswer<u64>> {
        self.shared.state.lock().ring.fold(over, 0, |sum: u64, slot| sum.wrapping_add(*slot))
    }

    /// How much was counted lately per second; `None` before the first slot has ended.
    #[must_use]
    pub fn rate(&self, over: Duration) -> Option<WindowAnswer<f64>> {
        self.increase(over).map(|increase| increase.per_second(|amount| amount))
    }
}

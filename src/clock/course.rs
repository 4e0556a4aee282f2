//! How a clock runs: what spans that somebody keeps in ticks stand on.

use super::check::TOLERANCE;

/// How a clock runs. Whoever keeps spans in ticks tells them anew when it is another one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Course {
    /// As of the last comparison; zero: not known yet.
    pub(super) ns_per_tick: f64,
    pub(super) backward_jumps: u64,
}

impl Course {
    /// Nanoseconds per tick; zero: not known yet.
    pub(crate) fn ns_per_tick(self) -> f64 {
        self.ns_per_tick
    }

    /// Whether spans in ticks still last as long, and ticks went on since: within what a clock is left to wander.
    pub(crate) fn is_that_of(&self, other: &Self) -> bool {
        // Of two unknown ones neither is larger than the other.
        let apart = (self.ns_per_tick - other.ns_per_tick).abs();
        apart <= other.ns_per_tick * TOLERANCE && self.backward_jumps == other.backward_jumps
    }
}

//! What a window says, and of what time.

use std::time::{Duration, Instant};

/// What a window says, and of what time. The time is that of whole slots, so it may differ from what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowAnswer<T> {
    /// What was asked for.
    pub value: T,
    /// How long the slots were of which it is.
    pub lasted: Duration,
    /// When the newest of them ended. It is long ago if nobody ticks.
    pub until: Instant,
}

impl<T> WindowAnswer<T> {
    /// Something else of the same time.
    pub(super) fn map<U>(self, to: impl FnOnce(T) -> U) -> WindowAnswer<U> {
        WindowAnswer { value: to(self.value), lasted: self.lasted, until: self.until }
    }

    /// The rate at which so much came about.
    pub(super) fn per_second(self, amount: impl FnOnce(T) -> u64) -> WindowAnswer<f64> {
        let seconds = self.lasted.as_secs_f64();
        // A slot is never empty: it lasts for most of `every`.
        self.map(|value| amount(value) as f64 / seconds)
    }
}

/// What has become of a window's ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowStats {
    /// Slots there are now.
    pub slots: usize,
    /// Slots that have ended, also those that later ones have replaced.
    pub ended: u64,
    /// Slots that lasted one and a half times `every` or longer.
    pub late: u64,
    /// Slots that did not come about, since a late one lasted for their time as well.
    pub missed: u64,
}

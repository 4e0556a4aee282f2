//! A counter and system clocks that a test moves: what the machine's clocks do in a suspension, a migration, a change of
//! rate. All behind them is the real thing.

use super::sight::Sight;
use crate::sync::{AtomicU64, Relaxed};
use std::time::Duration;

/// A counter and system clocks that a test moves.
#[derive(Debug)]
pub(crate) struct Script {
    raw: AtomicU64,
    awake: AtomicU64,
    total: AtomicU64,
    unix: AtomicU64,
    is_nanoseconds: bool,
}

impl Script {
    /// As of a machine that has run for a while.
    pub(crate) fn counter() -> Self {
        Self {
            raw: AtomicU64::new(7_000_000_000_000),
            awake: AtomicU64::new(1_000_000_000_000),
            total: AtomicU64::new(1_500_000_000_000),
            unix: AtomicU64::new(1_700_000_000_000_000_000),
            is_nanoseconds: false,
        }
    }

    /// The same with a clock whose ticks are nanoseconds.
    pub(crate) fn system() -> Self {
        Self { is_nanoseconds: true, ..Self::counter() }
    }

    /// Time passes, and the counter runs at so many ticks a nanosecond.
    pub(crate) fn pass(&self, time: Duration, ticks_per_ns: f64) {
        self.raw.fetch_add((time.as_nanos() as f64 * ticks_per_ns).round() as u64, Relaxed);
        self.suspend(time);
        self.awake.fetch_add(time.as_nanos() as u64, Relaxed);
    }

    /// Time passes while the system is suspended and the counter stands still.
    pub(crate) fn suspend(&self, time: Duration) {
        let ns = time.as_nanos() as u64;
        self.total.fetch_add(ns, Relaxed);
        self.unix.fetch_add(ns, Relaxed);
    }

    /// The counter jumps, as when a guest moves to another machine.
    pub(crate) fn jump(&self, ticks: i64) {
        self.raw.fetch_add(ticks as u64, Relaxed);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_wall(&self, unix_ns: u64) {
        self.unix.store(unix_ns, Relaxed);
    }

    pub(super) fn raw(&self) -> u64 {
        self.raw.load(Relaxed)
    }

    pub(super) fn is_nanoseconds(&self) -> bool {
        self.is_nanoseconds
    }

    pub(super) fn sight(&self) -> Sight {
        let [ticks, awake_ns, total_ns, unix_ns] =
            [&self.raw, &self.awake, &self.total, &self.unix].map(|word| word.load(Relaxed));
        // As wide as a reading of the system's clocks on a common machine.
        Sight { ticks, awake_ns, total_ns, unix_ns, width: 200 }
    }
}

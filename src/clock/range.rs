//! Which times a host may supply: what the clock has seen, and a moment more.

use super::handle::Clock;
use super::reading::Reading;
use super::sight::Sight;
use super::{ClockSource, Ticks};
use crate::sync::{AtomicU64, Relaxed};

/// How far ahead of now a supplied time may lie, in nanoseconds.
pub(super) const AHEAD: u64 = 1_000_000_000;

/// Which times a host may supply.
#[derive(Debug)]
pub(super) struct Range {
    earliest: u64,
    /// Of some time ago: what lies above needs a closer look. Relaxed: it stands for itself, and only grows.
    latest: AtomicU64,
}

impl Range {
    pub(super) fn new(reading: &Reading, origin: &Sight) -> Self {
        match reading {
            // Nanoseconds since 1970, up to the year 2262; whatever a test says.
            Reading::Hand => Self { earliest: 0, latest: AtomicU64::new(i64::MAX as u64) },
            _ => Self { earliest: origin.ticks, latest: AtomicU64::new(0) },
        }
    }
}

impl Clock {
    /// Whether a host may supply this time: not before the clock's first instant, nor more than a second ahead; of a
    /// supplied or manual clock, up to 2^63. Two compares, and once a second a reading of the clock.
    #[inline(always)]
    pub(crate) fn accepts(&self, ticks: Ticks) -> bool {
        let range = &self.inner().range;
        ticks.0 >= range.earliest && (ticks.0 <= range.latest.load(Relaxed) || self.accepts_late(ticks))
    }

    #[cold]
    #[inline(never)]
    fn accepts_late(&self, ticks: Ticks) -> bool {
        ticks.0 <= self.accepted().1.0
    }

    /// From when until when, as of now.
    #[cold]
    pub(crate) fn accepted(&self) -> (Ticks, Ticks) {
        let range = &self.inner().range;
        if !matches!(self.source(), ClockSource::Supplied | ClockSource::Manual) {
            let ahead = AHEAD as f64 / self.rate_now().max(f64::MIN_POSITIVE);
            let now = self.latest().unwrap_or_default();
            range.latest.fetch_max(now.0.saturating_add(ahead as u64), Relaxed);
        }
        (Ticks(range.earliest), Ticks(range.latest.load(Relaxed)))
    }
}

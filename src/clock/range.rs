//! Which times a host may supply: what the clock has seen, and a moment more.

use super::handle::Clock;
use super::reading::Reading;
use super::sight::Sight;
use super::{ClockSource, Ticks};
use crate::sync::{AtomicU64, Relaxed};

/// How far ahead of now a supplied time may lie, in nanoseconds.
pub(super) const AHEAD: u64 = 1_000_000_000;

/// No counter has more ticks in a nanosecond: what stands in for a rate that is not known yet.
const MOST_TICKS: u64 = 10;

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
            Reading::Hand | Reading::Recorded => {
                Self { earliest: 0, latest: AtomicU64::new(i64::MAX as u64) }
            }
            // Behind the sight by as much as it is coarse.
            Reading::Coarse(coarse) => {
                Self { earliest: origin.ticks.min(coarse.now()), latest: AtomicU64::new(0) }
            }
            _ => Self { earliest: origin.ticks, latest: AtomicU64::new(0) },
        }
    }
}

impl Clock {
    /// Whether a host may supply this time: not before the clock's first instant, nor more than a second ahead (some
    /// seconds, before the rate of a counter is known); of a supplied or manual clock, up to 2^63. Two compares, and once a second a reading of the clock.
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

    /// From when until when, as of now. Part of the write path: no lock, and nothing that compares clocks.
    #[cold]
    pub(crate) fn accepted(&self) -> (Ticks, Ticks) {
        let range = &self.inner().range;
        if !matches!(self.source(), ClockSource::Supplied | ClockSource::Manual) {
            let ahead = match self.known_rate() {
                Some(rate) => (AHEAD as f64 / rate) as u64,
                None => AHEAD.saturating_mul(MOST_TICKS),
            };
            range.latest.fetch_max(self.now().0.saturating_add(ahead), Relaxed);
        }
        (Ticks(range.earliest), Ticks(range.latest.load(Relaxed)))
    }
}

//! How a clock is, and what became of each comparison.

use super::Ticks;
use std::fmt;
use std::time::Duration;

/// How a clock reads time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockSource {
    /// The processor's time-stamp counter, where it runs at one rate on all cores and never stops.
    Tsc,
    /// The system's monotonic clock, in nanoseconds.
    System,
    /// The system's clock as it stood some milliseconds ago at most, in nanoseconds.
    Coarse,
    /// Times that the host supplies, in nanoseconds since the Unix epoch.
    Supplied,
    /// A clock that a test moves by hand, in nanoseconds.
    Manual,
}

impl ClockSource {
    /// As it stands in a region: part of the format.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Tsc => 0,
            Self::System => 1,
            Self::Coarse => 2,
            Self::Supplied => 3,
            Self::Manual => 4,
        }
    }

    pub(super) fn of_number(number: u64) -> Option<Self> {
        let all = [Self::Tsc, Self::System, Self::Coarse, Self::Supplied, Self::Manual];
        all.into_iter().find(|known| known.number() == number)
    }
}

/// Why a clock reads time the way it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceReason {
    /// The host asked for it.
    Asked,
    /// The time-stamp counter is invariant, and was found to advance.
    InvariantTsc,
    /// The processor has no invariant time-stamp counter.
    NotInvariant,
    /// The time-stamp counter went back or stood still when it was looked at.
    NotSteady,
    /// The kernel uses a timer of the board, as it does where it found the counter to be unsound.
    Distrusted,
    /// This build cannot ask for the system's coarse clock (feature `os`, Linux): the fine one is read where no thread
    /// refreshes.
    NoCoarseClock,
}

impl fmt::Display for SourceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked for",
            Self::InvariantTsc => "invariant time-stamp counter",
            Self::NotInvariant => "no invariant time-stamp counter",
            Self::NotSteady => "time-stamp counter does not advance",
            Self::Distrusted => "time-stamp counter distrusted by the kernel",
            Self::NoCoarseClock => "no coarse clock in this build",
        })
    }
}

/// What a comparison of a clock with the system's found: see [`Clock::recheck`](super::Clock::recheck).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClockCheck {
    /// Nothing was compared: the last time was a moment ago, somebody else is at it, or there is nothing to compare.
    Skipped,
    /// The rate is what it was, within 500 ppm.
    Steady {
        /// How long the system was suspended meanwhile: the ticks ran on.
        slept: Duration,
    },
    /// The system was suspended, and the ticks stood still. A new segment begins.
    StoodStill {
        /// For how long.
        slept: Duration,
    },
    /// The ticks come faster or slower. A new segment begins at the comparison before this one.
    RateChanged {
        /// By how many millionths; above zero: faster.
        ppm: f64,
    },
    /// The counter went back, or began anew. A new segment begins, and its ticks go on where the old ones would be.
    WentBack {
        /// How long the system was suspended meanwhile.
        slept: Duration,
    },
}

impl ClockCheck {
    /// Whether stamps of the time since the comparison before may be wrong by as much as that is ago.
    #[must_use]
    pub const fn is_disturbed(&self) -> bool {
        matches!(self, Self::RateChanged { .. } | Self::WentBack { .. })
    }
}

/// How a clock is: see [`Clock::status`](super::Clock::status).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClockStatus {
    /// How it reads time.
    pub source: ClockSource,
    /// Why that way.
    pub reason: SourceReason,
    /// Nanoseconds per tick now, as of the last comparison; `None` in the first moments of a counter.
    pub ns_per_tick: Option<f64>,
    /// How far a reading may lag behind the time: zero but for coarse clocks.
    pub resolution: Duration,
    /// Stretches of time with one rate each that conversions tell apart.
    pub segments: u64,
    /// How many of the oldest ones are taken together, for want of room: stamps of that time convert at its mean rate.
    pub merged: u64,
    /// How often it was compared with the system's clock.
    pub checks: u64,
    /// When it was last.
    pub last_check: Option<Ticks>,
    /// How often its rate changed by more than 500 ppm.
    pub rate_changes: u64,
    /// How often the counter went back or began anew.
    pub backward_jumps: u64,
    /// How often the system was suspended (feature `os`, Linux).
    pub suspends: u64,
    /// How long it was, all in all.
    pub suspended: Duration,
    /// How far the system's wall clock was ahead of this clock's at the last comparison, in nanoseconds: somebody has set
    /// it since the start, or steers it. Never used for order or length.
    pub wall_ahead_ns: i64,
}

impl fmt::Display for ClockStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, reason, segments, merged, rate_changes, backward_jumps, suspends, .. } = self;
        write!(f, "{source:?} ({reason}), {} ns per tick", self.ns_per_tick.unwrap_or(f64::NAN))?;
        write!(f, ", {segments} segments ({merged} more merged), {rate_changes} rate changes")?;
        write!(f, ", {backward_jumps} backward jumps, {suspends} suspends of {:?} in all", self.suspended)
    }
}

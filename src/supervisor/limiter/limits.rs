//! How much, and how much at once.

use super::pace::{MOST_BURST, Pace};
use crate::error::{Diagnostic, Retry, Severity};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// So many permits in so much time, and how many of them at once.
///
/// ```
/// use flightdeck::supervisor::Limits;
/// let limits = Limits::per_second(100).burst(20);
/// assert_eq!(limits.to_string(), "100 in 1s, 20 at once");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Limits {
    permits: u32,
    per: Duration,
    burst: u32,
}

impl Limits {
    /// The longest that an empty limiter may take to fill up, and the longest period.
    pub const LONGEST: Duration = Duration::from_secs(100 * 24 * 3_600);
    /// The largest burst.
    pub const MOST_AT_ONCE: u32 = MOST_BURST;
    /// The most permits in a nanosecond.
    const QUICKEST: u128 = 5;

    /// So many in so much time; all of them at once if they have not been used for as long.
    pub const fn new(permits: u32, per: Duration) -> Self {
        Self { permits, per, burst: permits }
    }

    /// So many a second.
    pub const fn per_second(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(1))
    }

    /// So many a minute.
    pub const fn per_minute(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(60))
    }

    /// So many an hour.
    pub const fn per_hour(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(3_600))
    }

    /// So many at once, where they have not been used for long enough. One at the least: then they come evenly.
    pub const fn burst(mut self, permits: u32) -> Self {
        self.burst = permits;
        self
    }

    /// How many permits come in [`Limits::period`].
    #[must_use]
    pub const fn permits(self) -> u32 {
        self.permits
    }

    /// In how much time.
    #[must_use]
    pub const fn period(self) -> Duration {
        self.per
    }

    /// How many there are at once.
    #[must_use]
    pub const fn at_once(self) -> u32 {
        self.burst
    }

    /// The same, if it can be kept.
    pub(crate) fn checked(self) -> Result<Self, LimitsError> {
        let Self { permits, per, burst } = self;
        let (longest, ns) = (Self::LONGEST, per.as_nanos());
        if permits == 0 || ns == 0 || per > longest || u128::from(permits) > ns * Self::QUICKEST {
            return Err(LimitsError::Rate { permits, per, longest });
        }
        if !(1..=Self::MOST_AT_ONCE).contains(&burst) {
            return Err(LimitsError::Burst { burst, most: Self::MOST_AT_ONCE });
        }
        if ns * u128::from(burst) > longest.as_nanos() * u128::from(permits) {
            return Err(LimitsError::Refill { burst, permits, per, longest });
        }
        Ok(self)
    }

    /// In ticks of so many nanoseconds.
    pub(super) fn in_ticks(self, ns_per_tick: f64) -> Pace {
        let ns = self.per.as_nanos();
        let ticks = if ns_per_tick == 1.0 { ns } else { (ns as f64 / ns_per_tick).ceil() as u128 };
        Pace::new(ticks, self.permits, self.burst)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}, {} at once", self.permits, self.per, self.burst)
    }
}

/// Why limits cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// Nothing, for ever, or too much to be told apart.
    #[error(
        "limit of {permits} permits in {per:?} lies outside 1 in {longest:?} to 5 in 1ns: choose a rate in that range, or leave the limiter out"
    )]
    Rate {
        /// How many.
        permits: u32,
        /// In how much time.
        per: Duration,
        /// The longest period.
        longest: Duration,
    },
    /// Nothing at once would be nothing at all, and there is an end to what is counted.
    #[error("burst of {burst} permits lies outside 1 to {most}: choose one in that range")]
    Burst {
        /// How many at once.
        burst: u32,
        /// The most.
        most: u32,
    },
    /// A burst that takes too long to come.
    #[error(
        "burst of {burst} permits at {permits} in {per:?} takes longer than {longest:?} to fill: choose a smaller burst or a higher rate"
    )]
    Refill {
        /// How many at once.
        burst: u32,
        /// How many.
        permits: u32,
        /// In how much time.
        per: Duration,
        /// The longest.
        longest: Duration,
    },
}

impl Diagnostic for LimitsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "supervisor.limiter.rate",
            Self::Burst { .. } => "supervisor.limiter.burst",
            Self::Refill { .. } => "supervisor.limiter.refill",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

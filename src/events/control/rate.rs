//! So many events in so much time.

use crate::clock::Converter;
use std::fmt;
use std::time::Duration;

/// So many events in so much time, as directives write it: `100/s`, `5/m`, `1/h`.
///
/// A host that has been quiet for as long may record that many at once; after that they come one by one, evenly. In any
/// stretch of time as long as the unit there are so at most twice as many. A rate that replaces another one begins anew, so
/// in the stretch in which that happens there may be one burst more. One that is told anew, since the clock runs otherwise
/// than it did, is off by no more than the events of that moment, and those until it was found out.
///
/// ```
/// use flightdeck::events::Rate;
/// assert_eq!(Rate::per_second(100).to_string(), "100/s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    events: u32,
    unit: Unit,
}

/// In how much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    pub(super) const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    pub(super) const fn letter(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
        }
    }

    const fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
        })
    }
}

impl Rate {
    /// The most events that a rate may name: an interval between two of them is a whole number of ticks.
    pub const MOST: u32 = 1_000_000;

    /// So many a second.
    #[must_use]
    pub const fn per_second(events: u32) -> Self {
        Self::of(events, Unit::Second)
    }

    /// So many a minute.
    #[must_use]
    pub const fn per_minute(events: u32) -> Self {
        Self::of(events, Unit::Minute)
    }

    /// So many an hour.
    #[must_use]
    pub const fn per_hour(events: u32) -> Self {
        Self::of(events, Unit::Hour)
    }

    pub(super) const fn of(events: u32, unit: Unit) -> Self {
        Self { events, unit }
    }

    /// How many events.
    #[must_use]
    pub const fn events(self) -> u32 {
        self.events
    }

    /// Whether it is one that can be kept.
    pub(super) fn is_in_range(self) -> bool {
        (1..=Self::MOST).contains(&self.events)
    }

    /// The same in ticks of a clock.
    pub(in crate::events) fn in_ticks(self, clock: &Converter) -> Pace {
        let interval = (clock.ticks_in(self.unit.length()) / u64::from(self.events.max(1))).max(1);
        Pace { interval, ahead: interval * u64::from(self.events.saturating_sub(1)) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.events, self.unit.letter())
    }
}

/// A rate in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one event to the next.
    pub interval: u64,
    /// How much of it may be used up ahead of time.
    pub ahead: u64,
}

impl Pace {
    /// The word of a bucket from which a token was taken at `now`: it holds no more than a burst.
    #[inline(always)]
    pub(super) fn after(self, word: u64, now: u64) -> u64 {
        word.max(now.saturating_sub(self.ahead)).saturating_add(self.interval)
    }

    /// As many ticks of another pace as are the same part of its interval.
    pub(super) fn scaled(self, ticks: u64, other: Self) -> u64 {
        let scaled = u128::from(ticks) * u128::from(other.interval) / u128::from(self.interval.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

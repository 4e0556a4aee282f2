//! So many events in so much time.

use crate::clock::Converter;
use std::fmt;
use std::time::Duration;

/// So many events in so much time, as directives write it: `100/s`, `5/m`, `1/h`.
///
/// A host that has been quiet for as long may record that many at once; after that they come one by one, evenly. In any
/// stretch of time as long as the unit there are so at most twice as many.
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

//! Which level holds: bands that are entered higher than they are left, and a dwell before going down.

use super::error::WatchError;
use std::fmt;
use std::time::{Duration, Instant};

/// How short memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// There is enough.
    #[default]
    Calm,
    /// Do not grow: no larger caches, no new optional work.
    Elevated,
    /// Give back: shrink caches, refuse optional work.
    High,
    /// About to be killed or to stand still: refuse what can be refused.
    Critical,
}

impl Level {
    const ALL: [Self; 4] = [Self::Calm, Self::Elevated, Self::High, Self::Critical];

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Elevated => "elevated",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    pub(super) fn number(self) -> u32 {
        self as u32
    }

    #[inline(always)]
    pub(super) fn of(number: u32) -> Self {
        match number {
            0 => Self::Calm,
            1 => Self::Elevated,
            2 => Self::High,
            _ => Self::Critical,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where the three levels above calm are entered and left, as shares of 0 to 1, `Elevated` first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bands {
    pub(super) enter: [f64; 3],
    pub(super) leave: [f64; 3],
}

impl Bands {
    pub(super) fn checked(self, measure: &'static str) -> Result<Self, WatchError> {
        let rises = |at: [f64; 3]| at[0] <= at[1] && at[1] <= at[2];
        let within = self.leave[0] >= 0.0 && self.enter[2] <= 1.0;
        let apart = self.enter.iter().zip(&self.leave).all(|(enter, leave)| leave < enter);
        if rises(self.enter) && rises(self.leave) && within && apart {
            return Ok(self);
        }
        Err(WatchError::Bands { measure, enter: self.enter, leave: self.leave })
    }

    /// The level for `value`, coming from `current`.
    fn level(&self, value: f64, current: Level) -> Level {
        let entered = self.enter.iter().filter(|enter| value >= **enter).count();
        // Those above the current one are not held: they were not entered.
        let held = self.leave.iter().take(current as usize).filter(|leave| value >= **leave).count();
        Level::ALL[entered.max(held)]
    }
}

/// What a level is made of, and the level.
#[derive(Debug)]
pub(super) struct Ladder {
    pub(super) memory: Bands,
    /// `None` if stalls do not count.
    pub(super) stalled: Option<Bands>,
    pub(super) dwell: Duration,
    current: Level,
    lower: Option<Lower>,
}

/// Readings on end that ask for a lower level.
#[derive(Debug)]
struct Lower {
    since: Instant,
    /// The highest of those that were asked for.
    level: Level,
}

impl Ladder {
    pub(super) fn new(memory: Bands, stalled: Option<Bands>, dwell: Duration) -> Self {
        Self { memory, stalled, dwell, current: Level::Calm, lower: None }
    }

    pub(super) fn step(&mut self, memory: f64, stalled: Option<f64>, now: Instant) -> Level {
        let mut asked = self.memory.level(memory, self.current);
        if let (Some(bands), Some(stalled)) = (&self.stalled, stalled) {
            asked = asked.max(bands.level(stalled, self.current));
        }
        if asked >= self.current {
            self.lower = None;
            self.current = asked;
            return asked;
        }
        let lower = self.lower.get_or_insert(Lower { since: now, level: asked });
        lower.level = lower.level.max(asked);
        if now.saturating_duration_since(lower.since) >= self.dwell {
            self.current = lower.level;
            // The next step down has a dwell of its own.
            self.lower = None;
        }
        self.current
    }

    /// A reading failed: what came before it does not count as lower on end.
    pub(super) fn interrupt(&mut self) {
        self.lower = None;
    }
}

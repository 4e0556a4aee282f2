//! All that is to be said of a deck at one moment, part by part.

use super::concern::Concern;
use crate::id::Revision;
use crate::status::line;
use crate::supervisor::{CheckStatus, Probe, Probes, WorkerStatus};
#[cfg(feature = "process")]
use crate::telemetry::Level;
use std::fmt;
use std::time::{Duration, SystemTime};

/// How a deck is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// What is not as it should be; nothing, if all is well.
    pub concerns: Vec<Concern>,
    /// The same part by part, with since when and how often.
    pub parts: Vec<PartHealth>,
    /// What the start waits for; nothing, once the deck [has started](Health::has_started).
    pub starting: Vec<String>,
    /// Each check of the host's.
    pub checks: Vec<CheckStatus>,
    /// Each worker, in the order in which they started.
    pub workers: Vec<WorkerStatus>,
    /// The config in force.
    pub revision: Revision,
    /// Since the deck started.
    pub uptime: Duration,
    /// How short memory is, where it is [watched](crate::Builder::pressure).
    #[cfg(feature = "process")]
    pub pressure: Option<Level>,
    pub(super) fails: Probes,
}

/// A part of a deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// Configs and their sources.
    Config,
    /// Events, their clock, and what follows them.
    Events,
    /// Metrics, handlers, and what the system says.
    Telemetry,
    /// Workers, chores, and the thread that looks after them.
    Supervisor,
    /// What the host has checked.
    Host,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Config, Self::Events, Self::Telemetry, Self::Supervisor, Self::Host];

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Events => "events",
            Self::Telemetry => "telemetry",
            Self::Supervisor => "supervisor",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a part is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartHealth {
    /// Which part.
    pub part: Part,
    /// What of it is not as it should be.
    pub reasons: Vec<Reason>,
}

impl PartHealth {
    /// How bad it is.
    #[must_use]
    pub fn level(&self) -> HealthLevel {
        let fails = self.reasons.iter().fold(Probes::NONE, |sum, reason| sum.and(reason.concern.fails()));
        HealthLevel::of(self.reasons.is_empty(), fails)
    }
}

/// A concern, since when, and how often.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reason {
    /// What it is.
    pub concern: Concern,
    /// When it came, by the system's clock.
    pub since: SystemTime,
    /// How long it has been there.
    pub lasting: Duration,
    /// How often it has come, this time included; as far as the [history](crate::HealthHistory) goes back.
    pub times: u64,
}

/// How bad it is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum HealthLevel {
    /// All is well.
    Healthy = 0,
    /// It works, and something is not as it should be.
    Degraded = 1,
    /// It is not to be given work now.
    NotReady = 2,
    /// It does not get well again without a restart.
    NotLive = 3,
}

impl HealthLevel {
    pub(super) fn of(is_well: bool, fails: Probes) -> Self {
        match () {
            () if fails.contains(Probe::Live) => Self::NotLive,
            () if !fails.is_empty() => Self::NotReady,
            () if !is_well => Self::Degraded,
            () => Self::Healthy,
        }
    }

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::NotReady => "not_ready",
            Self::NotLive => "not_live",
        }
    }
}

impl fmt::Display for HealthLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which probes fail. Until the start is over, what the host has checked fails liveness only where the start itself has
/// failed.
pub(super) fn failing<'a>(concerns: impl Iterator<Item = &'a Concern>, has_started: bool) -> Probes {
    let mut fails = Probes::NONE;
    for concern in concerns {
        let of_it = concern.fails();
        let is_starting = of_it.contains(Probe::Startup);
        fails = fails.and(match concern.is_of_a_check() {
            true if !has_started && !is_starting => Probe::Ready.into(),
            // Added to a deck that had started.
            true if has_started && is_starting => {
                of_it.iter().filter(|probe| *probe == Probe::Ready).collect()
            }
            _ => of_it,
        });
    }
    if has_started { fails } else { fails.and(Probes::of(&[Probe::Startup, Probe::Ready])) }
}

impl Concern {
    fn is_of_a_check(&self) -> bool {
        matches!(self, Self::CheckFailing { .. } | Self::CheckUnknown { .. })
    }
}

impl Health {
    /// Whether all is well.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.concerns.is_empty()
    }

    /// Whether it goes on as it is: if not, only a restart helps. Degraded, starting and stopping are alive.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.fails.contains(Probe::Live)
    }

    /// Whether it is to be given work now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.fails.contains(Probe::Ready)
    }

    /// Whether the start is over: each worker that was there has begun to run, and each check that counts for startup
    /// has passed. It stays so.
    #[must_use]
    pub fn has_started(&self) -> bool {
        !self.fails.contains(Probe::Startup)
    }

    /// Whether a probe passes.
    #[must_use]
    pub fn passes(&self, probe: Probe) -> bool {
        !self.fails.contains(probe)
    }

    /// How bad it is.
    #[must_use]
    pub fn level(&self) -> HealthLevel {
        HealthLevel::of(self.is_healthy(), self.fails)
    }

    /// How a part is.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&PartHealth> {
        self.parts.iter().find(|health| health.part == part)
    }

    /// What of it is not as it should be, with since when and how often.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        self.parts.iter().flat_map(|part| &part.reasons)
    }

    /// What keeps a probe from passing, in words.
    pub(super) fn missing(&self, probe: Probe) -> Vec<String> {
        let counts = |concern: &&Concern| {
            let fails = concern.fails();
            fails.contains(probe) || probe == Probe::Ready && fails.contains(Probe::Startup)
        };
        let concerns = self.concerns.iter().filter(counts);
        let mut missing: Vec<_> = concerns.map(Concern::to_string).collect();
        missing.extend(self.starting.iter().filter(|_| probe != Probe::Live).cloned());
        missing
    }
}

impl Health {
    fn tell_by_part(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for waits in &self.starting {
            line(f, "start", format_args!("{waits}"))?;
        }
        for part in &self.parts {
            if part.reasons.is_empty() {
                line(f, part.part.name(), format_args!("{}", part.level()))?;
            }
            for (at, reason) in part.reasons.iter().enumerate() {
                let label = if at == 0 { part.part.name() } else { "" };
                line(f, label, format_args!("{reason}"))?;
            }
        }
        Ok(())
    }
}

/// One line: what, for how long, how often, and what fails.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; for {:.1?}", self.concern, self.lasting)?;
        if self.times > 1 {
            write!(f, ", {} times so far", self.times)?;
        }
        let fails = self.concern.fails();
        if fails.is_empty() { Ok(()) } else { write!(f, "; fails {fails}") }
    }
}

/// One line: how bad it is, and all concerns. With `{:#}` a line for each, under its part, with since when and how
/// often; the last has no end.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level() {
            HealthLevel::NotReady if !self.has_started() && self.is_healthy() => "starting",
            HealthLevel::NotReady => "not ready",
            HealthLevel::NotLive => "not live",
            level => level.name(),
        };
        let (workers, s) = (self.workers.len(), if self.workers.len() == 1 { "" } else { "s" });
        write!(f, "{level}, revision {}, {workers} worker{s}", self.revision)?;
        if f.alternate() {
            return self.tell_by_part(f);
        }
        self.starting.iter().try_for_each(|waits| write!(f, "; {waits}"))?;
        self.concerns.iter().try_for_each(|concern| write!(f, "; {concern}"))
    }
}

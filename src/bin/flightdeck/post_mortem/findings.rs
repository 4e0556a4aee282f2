//! What is asked of a file.

use super::config::Configs;
use super::moments::Moments;
use super::stood::Stood;
use super::workers::{self, Worker};
use crate::recording::Fate;
use crate::shown::unix_ns;
use flightdeck::events::{Answer, InFlight, Nameless, QueryError, Recording, Stats};
use flightdeck::mapped::Header;
use flightdeck::{self as deck, Converter, Severity, Ticks};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How many of the newest errors are told.
const ERRORS: usize = 10;

/// All of it.
pub struct Findings {
    pub path: PathBuf,
    pub header: Header,
    pub fate: Fate,
    /// When this was asked, and how long that took.
    pub asked: SystemTime,
    pub took: Duration,
    pub converter: Converter,
    /// When the oldest event that is kept was recorded, and the newest.
    pub oldest: Option<Ticks>,
    pub newest: Option<Ticks>,
    /// The newest event, alone.
    pub last: Answer,
    /// The newest that are errors or worse.
    pub errors: Answer,
    pub moments: Moments,
    pub in_flight: Vec<InFlight>,
    pub configs: Configs,
    pub workers: Vec<Worker>,
    pub stood: Stood,
    /// The last change of health, and of pressure, if there were any.
    pub health: Option<Answer>,
    pub pressure: Option<Answer>,
    pub stats: Stats,
    /// Kinds and threads without a name.
    pub nameless: Nameless,
}

impl Findings {
    /// Asks.
    pub fn gather(whole: &deck::Recording) -> Result<Self, QueryError> {
        let (file, recording) = (whole.file(), whole.events());
        let (asked, start) = (SystemTime::now(), Instant::now());
        let fate = Fate::of(file);
        let stood = Stood::gather(whole);
        let stats = recording.stats();
        let ends = |of: fn(&flightdeck::events::RingStats) -> Option<Ticks>| {
            stats.classes.iter().filter_map(move |(_, class)| of(&class.all))
        };
        let (oldest, newest) = (ends(|all| all.oldest).min(), ends(|all| all.newest).max());
        let errors = recording.query().severity_at_least(Severity::Error);
        Ok(Self {
            path: file.path().to_owned(),
            header: file.header().clone(),
            fate,
            asked,
            converter: recording.converter(),
            last: recording.query().newest_first().limit(1).run()?,
            errors: errors.newest_first().limit(ERRORS).run()?,
            moments: Moments::look(recording, oldest, newest)?,
            in_flight: recording.in_flight(),
            configs: Configs::gather(recording, &stood)?,
            workers: workers::gather(recording, &stood)?,
            stood,
            health: newest_of(recording, &["flightdeck.health.changed"], 1)?,
            pressure: newest_of(recording, &["flightdeck.pressure.changed"], 1)?,
            nameless: recording.nameless(),
            oldest,
            newest,
            stats,
            took: start.elapsed(),
        })
    }

    /// How long before the last event something was.
    pub fn before_end(&self, at: Ticks) -> u64 {
        self.newest.map_or(0, |end| self.converter.ns_between(at, end))
    }

    /// The same of a time by the wall.
    pub fn before_end_at(&self, at: SystemTime) -> u64 {
        self.before_end(self.converter.ticks_at_unix_ns(unix_ns(at)))
    }

    /// When something was, by the wall.
    pub fn time(&self, at: Ticks) -> SystemTime {
        self.converter.system_time(at)
    }

    /// From when the file was made to the last event, or to its end if the file says so.
    pub fn lived(&self) -> Option<Duration> {
        let end = match self.fate {
            Fate::Running => Some(self.asked),
            Fate::Closed | Fate::Copied if self.header.ended.is_some() => self.header.ended,
            _ => self.newest.map(|newest| self.time(newest)),
        };
        end?.duration_since(self.header.life.created).ok()
    }
}

/// The newest events of these kinds, newest first; `None` where the deck knew none of them.
pub fn newest_of(recording: &Recording, kinds: &[&str], limit: usize) -> Result<Option<Answer>, QueryError> {
    let known: Vec<_> =
        recording.kinds().map(|kind| kind.name()).filter(|name| kinds.contains(name)).collect();
    if known.is_empty() {
        return Ok(None);
    }
    let query = known.iter().fold(recording.query(), |query, kind| query.kind_named(kind));
    query.newest_first().limit(limit).run().map(Some)
}

//! How a deck is, part by part: the statuses of the parts, and what the deck runs besides.

use super::{Flightdeck, Inner};
use crate::events::{PipelineStatus, TailStats, TriggerStatus};
#[cfg(feature = "process")]
use crate::status::Size;
use crate::status::{LastError, PartBytes, PartState, heading, line};
#[cfg(feature = "process")]
use crate::telemetry::{PressureStatus, ProcessError, ProcessStats};
use crate::{config, events, supervisor, telemetry};
use std::fmt;
use std::time::Duration;

/// How a deck is, part by part. The parts are read one after the other.
///
/// [`Health`](super::Health) says what is not as it should be; this says how much there is of everything.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeckStatus {
    /// Degraded while [`Health`](super::Health) has concerns. Stopping since [`Flightdeck::shutdown`], stopped when its workers
    /// have stopped and recording has ended.
    pub state: PartState,
    /// Since it was started.
    pub uptime: Duration,
    /// How the config is.
    pub config: config::Status,
    /// How the events are.
    pub events: events::Status,
    /// How the telemetry is.
    pub telemetry: telemetry::Status,
    /// How the supervisor and its workers are.
    pub supervisor: supervisor::Status,
    /// Each pipeline, its queues and what its stages hold.
    pub pipelines: Vec<PipelineStatus>,
    /// Each trigger.
    pub triggers: Vec<TriggerStatus>,
    /// Each tail.
    pub tails: Vec<TailStats>,
    /// How short memory is, where it is [watched](crate::Builder::pressure).
    #[cfg(feature = "process")]
    pub pressure: Option<PressureStatus>,
    /// What the system last said about this process, or why it did not, where it is [asked](crate::Builder::process_metrics).
    #[cfg(feature = "process")]
    pub process: Option<Result<ProcessStats, ProcessError>>,
}

impl DeckStatus {
    /// The bytes of all parts, as far as they know them.
    #[must_use]
    pub fn bytes(&self) -> PartBytes {
        let parts = [self.config.bytes, self.events.bytes, self.telemetry.bytes];
        let sum = |of: fn(&PartBytes) -> u64| parts.iter().map(of).sum();
        PartBytes { reserved: sum(|bytes| bytes.reserved), used: sum(|bytes| bytes.used) }
    }

    /// The last of the parts' last errors, and the name of the part. A pipeline has its own: [`PipelineStatus::last_error`].
    #[must_use]
    pub fn last_error(&self) -> Option<(&'static str, &LastError)> {
        let of_parts = [
            ("config", &self.config.last_error),
            ("events", &self.events.last_error),
            ("telemetry", &self.telemetry.last_error),
            ("supervisor", &self.supervisor.last_error),
        ];
        let errors = of_parts.into_iter().filter_map(|(part, last)| Some((part, last.as_ref()?)));
        errors.max_by_key(|(_, last)| last.at)
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// How it is, part by part: state, uptime, bytes, what was done, what waits, and what last went wrong. Costs what
    /// [`Events::stats`](crate::events::Events::stats) does, and writers nothing.
    ///
    /// ```
    /// use flightdeck::{Flightdeck, PartState};
    /// use std::time::Duration;
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let status = deck.status();
    /// println!("{status}");
    /// assert_ne!(status.state, PartState::Stopped);
    /// assert!(status.bytes().reserved >= deck.events().plan().total as u64);
    /// deck.shutdown(Duration::from_secs(5));
    /// assert_eq!(deck.status().state, PartState::Stopped);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> DeckStatus {
        of(&self.inner)
    }
}

fn of<C: Send + Sync + 'static>(deck: &Inner<C>) -> DeckStatus {
    let (events, supervisor) = (deck.events.status(), deck.supervisor.status());
    let state = match (supervisor.state, events.state) {
        (PartState::Stopped, PartState::Stopped) => PartState::Stopped,
        (PartState::Stopped | PartState::Stopping, _) | (_, PartState::Stopped) => PartState::Stopping,
        _ => PartState::working(deck.monitor.health().is_healthy()),
    };
    DeckStatus {
        state,
        uptime: deck.started.elapsed(),
        config: deck.config.status(),
        events,
        telemetry: deck.telemetry.status(),
        supervisor,
        pipelines: deck.pipelines.status(),
        triggers: deck.triggers.list(),
        tails: deck.tails.stats(),
        #[cfg(feature = "process")]
        pressure: deck.asked.pressure(),
        #[cfg(feature = "process")]
        process: deck.asked.process(),
    }
}

/// A heading, and a paragraph for each part; a line for each pipeline, trigger and tail. The last line has no end.
impl fmt::Display for DeckStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        heading(f, "deck", self.state, self.uptime)?;
        line(f, "memory", format_args!("{}", self.bytes()))?;
        if let Some((part, last)) = self.last_error() {
            line(f, "last error", format_args!("of {part}, {last}"))?;
        }
        let Self { config, events, telemetry, supervisor, .. } = self;
        write!(f, "\n{config}\n{events}\n{telemetry}\n{supervisor}")?;
        for pipeline in &self.pipelines {
            write!(f, "\npipeline `{}`", pipeline.name)?;
            let (waiting, held) = (pipeline.waiting(), pipeline.held());
            let ended = if pipeline.has_ended { "; it has ended" } else { "" };
            line(f, "delivered", format_args!("{}{ended}", pipeline.delivered()))?;
            line(
                f,
                "waiting",
                format_args!(
                    "{} in the store, {waiting} in queues, {held} in hands of stages",
                    pipeline.cursor.behind
                ),
            )?;
            let cursor = &pipeline.cursor;
            let dropped = pipeline.dropped().total();
            let gone = cursor.overwritten + cursor.pruned;
            line(f, "missing", format_args!("{dropped} dropped, {gone} overwritten or pruned"))?;
            if let Some(error) = &pipeline.last_error {
                line(f, "last error", format_args!("{error}"))?;
            }
        }
        for trigger in &self.triggers {
            write!(f, "\ntrigger `{}`", trigger.name)?;
            let (captured, failed, open) = (trigger.captured, trigger.failed, trigger.open);
            line(f, "captured", format_args!("{captured}, {failed} failed, {open} under way"))?;
        }
        for tail in &self.tails {
            write!(f, "\ntail")?;
            let (written, missing, unwritten) = (tail.written, tail.missing, tail.unwritten);
            line(f, "printed", format_args!("{written}, {missing} missing, {unwritten} not written"))?;
        }
        #[cfg(feature = "process")]
        self.tell_of_process(f)?;
        Ok(())
    }
}

#[cfg(feature = "process")]
impl DeckStatus {
    fn tell_of_process(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            None => {}
            Some(Ok(stats)) => {
                write!(f, "\nprocess")?;
                line(f, "memory", format_args!("{} resident", Size(stats.resident_bytes)))?;
                let (threads, descriptors) = (stats.threads, stats.open_descriptors);
                line(f, "has", format_args!("{threads} threads, {descriptors} descriptors"))?;
                line(f, "processor", format_args!("{:.1?} of {:.1?}", stats.cpu(), stats.uptime))?;
            }
            Some(Err(error)) => {
                write!(f, "\nprocess")?;
                line(f, "last error", format_args!("{error}"))?;
            }
        }
        let Some(pressure) = &self.pressure else { return Ok(()) };
        write!(f, "\npressure")?;
        let stale = if pressure.stale { ", stale" } else { "" };
        line(f, "level", format_args!("{}{stale}; load {:.2}", pressure.level, pressure.load))?;
        if let Some(reading) = &pressure.last_reading {
            let (used, limit) = (Size(reading.used_bytes), Size(reading.limit_bytes));
            line(f, "memory", format_args!("{used} of {limit} ({})", reading.limit))?;
        }
        let (readings, failures) = (pressure.readings, pressure.failures);
        line(f, "readings", format_args!("{readings}, {failures} failed"))?;
        pressure.last_error.as_ref().map_or(Ok(()), |error| line(f, "last error", format_args!("{error}")))
    }
}

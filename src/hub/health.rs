//! How a deck is: everything that is not as it should be, by name.

use super::Inner;
#[cfg(feature = "process")]
use super::process::Asked;
use crate::clock::{ClockSource, ClockStatus};
use crate::events::{HugePages, Loss};
use crate::id::Revision;
use crate::supervisor::{WorkerState, WorkerStatus};
use crate::sync::Arc;
#[cfg(feature = "process")]
use crate::telemetry::Level;
use std::fmt;
use std::time::Duration;

/// How a deck is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// What is not as it should be; nothing, if all is well.
    pub concerns: Vec<Concern>,
    /// Each worker, in the order in which they started.
    pub workers: Vec<WorkerStatus>,
    /// The config in force.
    pub revision: Revision,
    /// Since the deck started.
    pub uptime: Duration,
    /// How short memory is, where it is [watched](crate::Builder::pressure).
    #[cfg(feature = "process")]
    pub pressure: Option<Level>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concern {
    /// Events were lost.
    EventsLost(Loss),
    /// Threads count in shared cells, for want of slabs or memory: exact, and slower.
    TelemetryShared {
        /// How many updates did.
        updates: u64,
    },
    /// Metrics could not be registered.
    MetricsRefused {
        /// How many.
        metrics: u64,
        /// How often their handles were used.
        updates: u64,
    },
    /// What the sources of a config say was refused, and what was in force before still is.
    #[cfg(feature = "sources")]
    SourcesRefused {
        /// The config's name.
        config: Arc<str>,
        /// Why.
        error: String,
    },
    /// What a file says has been in force for longer than it may be without having been found there.
    #[cfg(feature = "sources")]
    SourceStale {
        /// The config's name.
        config: Arc<str>,
        /// The file.
        file: Arc<str>,
    },
    /// Subscribers of the config panicked and are called no more.
    SubscribersDetached {
        /// How many.
        subscribers: u64,
    },
    /// Handlers of telemetry panicked and are called no more.
    HandlersDetached {
        /// How many panics.
        panics: u64,
    },
    /// Triggers were set off, and nothing was captured: their receipts say why.
    CapturesFailed {
        /// How many captures.
        captures: u64,
    },
    /// A worker waits to be started again.
    WorkerBackingOff {
        /// Its name.
        worker: Arc<str>,
    },
    /// A worker ended in failure, for good.
    WorkerFailed {
        /// Its name.
        worker: Arc<str>,
    },
    /// A worker did not stop in time; its thread may still run.
    WorkerAbandoned {
        /// Its name.
        worker: Arc<str>,
    },
    /// There were too many restarts, and all workers have been stopped.
    MeltedDown,
    /// The processor's time-stamp counter cannot be used: the system's clock is, which costs more.
    SlowClock,
    /// The clock's counter changed its rate or went back, as when a guest moves to another machine: stamps of about that
    /// time may be wrong by up to a second, see [`Converter`](crate::Converter).
    ClockDisturbed {
        /// How often its rate changed by more than 500 ppm.
        rate_changes: u64,
        /// How often it went back.
        backward_jumps: u64,
    },
    /// The event store was to have huge pages, and has none.
    NoHugePages {
        /// What the system says.
        reason: String,
    },
    /// Memory is short: the level is high or critical.
    #[cfg(feature = "process")]
    MemoryShort {
        /// The level.
        level: Level,
    },
    /// How short memory is cannot be read; what is known is older.
    #[cfg(feature = "process")]
    PressureUnreadable {
        /// Why.
        reason: String,
    },
    /// What the system says about this process cannot be read; metrics of it are older.
    #[cfg(feature = "process")]
    ProcessUnreadable {
        /// Why.
        reason: String,
    },
    /// This program aborts when something panics: nothing can be restarted.
    RestartsImpossible,
}

impl Health {
    /// Whether all is well.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.concerns.is_empty()
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = if self.is_healthy() { "healthy" } else { "degraded" };
        let (workers, s) = (self.workers.len(), if self.workers.len() == 1 { "" } else { "s" });
        write!(f, "{status}, revision {}, {workers} worker{s}", self.revision)?;
        self.concerns.iter().try_for_each(|concern| write!(f, "; {concern}"))
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventsLost(loss) => write!(f, "{} events lost ({})", loss.count, loss.cause.name()),
            Self::TelemetryShared { updates } => write!(f, "{updates} metric updates in shared cells"),
            Self::MetricsRefused { metrics, updates } => {
                write!(f, "{metrics} metrics refused, used {updates} times")
            }
            #[cfg(feature = "sources")]
            Self::SourcesRefused { config, error } => {
                write!(f, "sources of config `{config}` refused: {error}")
            }
            #[cfg(feature = "sources")]
            Self::SourceStale { config, file } => write!(f, "file `{file}` of config `{config}` is stale"),
            Self::SubscribersDetached { subscribers } => {
                write!(f, "{subscribers} config subscribers detached")
            }
            Self::HandlersDetached { panics } => write!(f, "telemetry handlers detached by {panics} panics"),
            Self::CapturesFailed { captures } => write!(f, "{captures} captures of triggers failed"),
            Self::WorkerBackingOff { worker } => write!(f, "worker `{worker}` backing off"),
            Self::WorkerFailed { worker } => write!(f, "worker `{worker}` failed"),
            Self::WorkerAbandoned { worker } => write!(f, "worker `{worker}` abandoned"),
            Self::MeltedDown => f.write_str("too many restarts: workers stopped"),
            Self::SlowClock => f.write_str("no usable time-stamp counter: system clock"),
            Self::ClockDisturbed { rate_changes, backward_jumps } => {
                write!(f, "clock changed its rate {rate_changes} times and went back {backward_jumps} times")
            }
            Self::NoHugePages { reason } => write!(f, "no huge pages: {reason}"),
            #[cfg(feature = "process")]
            Self::MemoryShort { level } => write!(f, "memory is short: {level}"),
            #[cfg(feature = "process")]
            Self::PressureUnreadable { reason } => write!(f, "memory pressure is not known: {reason}"),
            #[cfg(feature = "process")]
            Self::ProcessUnreadable { reason } => write!(f, "process metrics are old: {reason}"),
            Self::RestartsImpossible => f.write_str("panics abort this program: no restarts"),
        }
    }
}

pub(super) fn of<C: Send + Sync + 'static>(deck: &Inner<C>) -> Health {
    let mut concerns: Vec<Concern> = deck.events.losses().into_iter().map(Concern::EventsLost).collect();
    let telemetry = deck.telemetry.stats();
    if telemetry.shared_updates > 0 {
        concerns.push(Concern::TelemetryShared { updates: telemetry.shared_updates });
    }
    if telemetry.refused_metrics > 0 {
        let (metrics, updates) = (telemetry.refused_metrics, telemetry.refused_updates);
        concerns.push(Concern::MetricsRefused { metrics, updates });
    }
    let subscribers = deck.config.stats().detached + deck.configs.detached();
    if subscribers > 0 {
        concerns.push(Concern::SubscribersDetached { subscribers });
    }
    #[cfg(feature = "sources")]
    concerns.extend(deck.sources.concerns());
    let panics = deck.telemetry.handler_stats().panics;
    if panics > 0 {
        concerns.push(Concern::HandlersDetached { panics });
    }
    let captures = deck.triggers.list().iter().map(|trigger| trigger.failed).sum();
    if captures > 0 {
        concerns.push(Concern::CapturesFailed { captures });
    }
    let workers = deck.supervisor.workers();
    for status in &workers {
        let worker = || status.name.clone();
        match status.state {
            WorkerState::BackingOff { .. } => concerns.push(Concern::WorkerBackingOff { worker: worker() }),
            WorkerState::Abandoned => concerns.push(Concern::WorkerAbandoned { worker: worker() }),
            WorkerState::Finished if status.last_failure.is_some() => {
                concerns.push(Concern::WorkerFailed { worker: worker() });
            }
            _ => {}
        }
    }
    if deck.supervisor.has_melted_down() {
        concerns.push(Concern::MeltedDown);
    }
    if deck.events.clock().source() == ClockSource::System {
        concerns.push(Concern::SlowClock);
    }
    let ClockStatus { rate_changes, backward_jumps, .. } = deck.events.clock().status();
    if rate_changes + backward_jumps > 0 {
        concerns.push(Concern::ClockDisturbed { rate_changes, backward_jumps });
    }
    if let HugePages::Refused { reason } = deck.events.huge_pages() {
        concerns.push(Concern::NoHugePages { reason });
    }
    #[cfg(feature = "process")]
    concerns.extend(of_process(&deck.asked));
    if cfg!(panic = "abort") {
        concerns.push(Concern::RestartsImpossible);
    }
    Health {
        concerns,
        workers,
        revision: deck.config.revision(),
        uptime: deck.started.elapsed(),
        #[cfg(feature = "process")]
        pressure: deck.asked.level(),
    }
}

#[cfg(feature = "process")]
fn of_process(asked: &Asked) -> impl Iterator<Item = Concern> {
    let level = asked.level().filter(|level| *level >= Level::High);
    let short = level.map(|level| Concern::MemoryShort { level });
    let unread = asked.pressure().filter(|pressure| pressure.stale).and_then(|pressure| pressure.last_error);
    let unread = unread.map(|error| Concern::PressureUnreadable { reason: error.to_string() });
    let process = asked.process().and_then(Result::err);
    let process = process.map(|error| Concern::ProcessUnreadable { reason: error.to_string() });
    short.into_iter().chain(unread).chain(process)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::clock::script::Script;
    use crate::events::Value;
    use crate::hub::Flightdeck;
    use std::time::Instant;

    fn wait_until(what: &str, met: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !met() {
            assert!(Instant::now() < end, "in vain: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The deck compares its clock by itself.
    #[test]
    fn a_clock_that_goes_back_shows_in_health_and_as_an_event() {
        let script = Arc::new(Script::counter());
        let clock = Clock::scripted(&script);
        let deck = Flightdeck::builder().events(|events| events.clock(clock.clone())).start().unwrap();
        script.pass(Duration::from_secs(1), 2.0);
        wait_until("a comparison", || clock.status().checks == 1);
        assert!(deck.health().is_healthy(), "{}", deck.health());
        script.at_once(|machine| {
            machine.suspend(Duration::from_secs(60));
            machine.pass(Duration::from_secs(1), 2.0);
        });
        wait_until("another", || clock.status().checks == 2);
        assert!(deck.health().is_healthy(), "a machine may sleep: {}", deck.health());
        script.at_once(|machine| {
            machine.jump(-1 << 40);
            machine.pass(Duration::from_secs(1), 2.0);
        });
        wait_until("a third", || clock.status().checks == 3);
        let concern = Concern::ClockDisturbed { rate_changes: 0, backward_jumps: 1 };
        assert_eq!(deck.health().concerns, [concern]);
        wait_until("the event", || deck.events().stats().written == 2);
        let answer = deck.events().query().run().unwrap();
        let told: Vec<_> =
            answer.iter().map(|event| (event.kind(), event.fields().next().unwrap().1)).collect();
        let slept = ("flightdeck.clock.slept", Value::U64(60_000_000_000));
        assert_eq!(told, [slept, ("flightdeck.clock.disturbed", Value::Bool(true))]);
    }
}

//! What a deck is made of, and starting it.

use super::journal::Journal;
use super::{Flightdeck, Inner};
use crate::clock::TickError;
use crate::config::{Config, Rejected, Validate};
use crate::error::{Diagnostic, Retry, Severity};
use crate::events::{self, Events};
use crate::id::DeckId;
use crate::supervisor::{self, ChildSpec, IntoWorkerResult, Restart, Supervisor, WorkerContext};
use crate::sync::{Arc, Mutex};
use crate::telemetry::{self, Telemetry};
use std::fmt;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How often replaced configs are freed and queued subscribers called.
const TICK: Duration = Duration::from_millis(250);
/// How often the clock of the events is compared with the system's.
const CLOCK_CHECK: Duration = Duration::from_secs(1);

/// What a deck is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `start`"]
pub struct Builder<C> {
    config: C,
    events: events::Builder,
    telemetry: telemetry::Builder,
    supervisor: supervisor::Builder,
    coarse_ticks: Option<Duration>,
}

/// Why a deck was not started. Nothing was left running.
#[derive(Error)]
#[non_exhaustive]
pub enum StartError<C> {
    /// The config speaks against itself; it is handed back.
    #[error(transparent)]
    Config(Rejected<C>),
    /// There is no event store of these sizes.
    #[error(transparent)]
    Events(events::BuildError),
    /// There is no telemetry of these sizes.
    #[error(transparent)]
    Telemetry(telemetry::BuildError),
    /// The clock of the events is not refreshed.
    #[error(transparent)]
    Clock(TickError),
    /// The supervisor did not start.
    #[error(transparent)]
    Supervisor(supervisor::StartError),
}

impl<C> fmt::Debug for StartError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Events(error) => error.fmt(f),
            Self::Telemetry(error) => error.fmt(f),
            Self::Clock(error) => error.fmt(f),
            Self::Supervisor(error) => error.fmt(f),
        }
    }
}

impl<C: Send + Sync + 'static> StartError<C> {
    fn cause(&self) -> &dyn Diagnostic {
        match self {
            Self::Config(error) => error,
            Self::Events(error) => error,
            Self::Telemetry(error) => error,
            Self::Clock(error) => error,
            Self::Supervisor(error) => error,
        }
    }
}

impl<C: Send + Sync + 'static> Diagnostic for StartError<C> {
    fn code(&self) -> &'static str {
        self.cause().code()
    }

    fn severity(&self) -> Severity {
        self.cause().severity()
    }

    fn retry(&self) -> Retry {
        self.cause().retry()
    }
}

impl Builder<()> {
    pub(crate) fn new() -> Self {
        Self {
            config: (),
            events: Events::builder(),
            telemetry: Telemetry::builder(),
            supervisor: Supervisor::builder(),
            coarse_ticks: None,
        }
    }
}

impl<C> Builder<C> {
    /// The host's config: its first revision.
    pub fn config<D>(self, config: D) -> Builder<D> {
        let Self { events, telemetry, supervisor, coarse_ticks, .. } = self;
        Builder { config, events, telemetry, supervisor, coarse_ticks }
    }

    /// Sizes and clock of the event store.
    pub fn events(mut self, set: impl FnOnce(events::Builder) -> events::Builder) -> Self {
        self.events = set(self.events);
        self
    }

    /// Refreshes the coarse clock of the events this often, from a thread of its own, until the deck is shut down; a
    /// millisecond is a good choice. For decks whose events have a [`Clock::coarse`](crate::Clock::coarse); what it
    /// costs is told at [`Clock::tick_every`](crate::Clock::tick_every). Without, the system's coarse clock is read.
    pub fn coarse_ticks(mut self, every: Duration) -> Self {
        self.coarse_ticks = Some(every);
        self
    }

    /// Sizes of the telemetry.
    pub fn telemetry(mut self, set: impl FnOnce(telemetry::Builder) -> telemetry::Builder) -> Self {
        self.telemetry = set(self.telemetry);
        self
    }

    /// Rules, workers and chores of the supervisor. Its observer is the deck's own.
    pub fn supervisor(mut self, set: impl FnOnce(supervisor::Builder) -> supervisor::Builder) -> Self {
        self.supervisor = set(self.supervisor);
        self
    }

    /// One more worker; they start in this order. See [`ChildSpec`] for what else can be said of one.
    pub fn worker<F, R>(self, name: &str, restart: Restart, body: F) -> Self
    where
        F: Fn(&WorkerContext) -> R + Send + Sync + 'static,
        R: IntoWorkerResult,
    {
        self.supervisor(|supervisor| supervisor.worker(ChildSpec::new(name, restart, body)))
    }
}

impl<C: Validate + Send + Sync + 'static> Builder<C> {
    /// Validates, reserves all memory, and starts the supervisor and with it the workers.
    ///
    /// # Errors
    /// If the config is refused, memory does not suffice, the clock has nothing to be refreshed, or a worker cannot be
    /// started. Nothing is left running.
    pub fn start(self) -> Result<Flightdeck<C>, StartError<C>> {
        let deck = DeckId::unique();
        let config = Config::new(self.config).map_err(StartError::Config)?;
        let events = self.events.deck(deck).build().map_err(StartError::Events)?;
        let telemetry = self.telemetry.deck(deck).build().map_err(StartError::Telemetry)?;
        let ticker = self.coarse_ticks.map(|every| events.clock().tick_every(every)).transpose();
        let ticker = Mutex::new(ticker.map_err(StartError::Clock)?);
        let journal = Arc::new(Journal::new(&events, &telemetry));
        let of_clock = journal.clone();
        let of_config = journal.clone();
        config.observe(move |notice| of_config.config(notice));
        let ticked = config.downgrade();
        let tick = move || {
            if let Some(config) = ticked.upgrade() {
                config.tick();
            }
        };
        let supervisor = self
            .supervisor
            .every(TICK, "config", tick)
            .every(CLOCK_CHECK, "clock", move || of_clock.check_clock())
            .observer(move |incident| journal.worker(incident))
            .start()
            .map_err(StartError::Supervisor)?;
        let started = Instant::now();
        Ok(Flightdeck { inner: Arc::new(Inner { config, events, telemetry, supervisor, started, ticker }) })
    }
}

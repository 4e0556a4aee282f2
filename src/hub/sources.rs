//! Sources of configs: watched by a supervised worker, written down, and part of the deck's health.

use super::health::Concern;
use super::{Flightdeck, Inner};
use crate::config::{SourceNotice, SourcedConfig, SourcesStatus, Validate, Watcher};
use crate::events::Events;
use crate::supervisor::{ChildSpec, Restart, StartError, WorkerContext};
use crate::sync::{Arc, Mutex};
use crate::telemetry::{Counter, Telemetry};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use std::fmt;

crate::kind! {
    pub(super) SourcesReloaded("flightdeck.config.reloaded", class = Critical) {
        config: str, revision: u64, changed: u64, needs_restart: u64, unknown: u64, recovered: bool,
    }
    pub(super) SourcesRefused("flightdeck.config.sources_refused", class = Critical, severity = Error) {
        config: str, problems: u64, first: str,
    }
    pub(super) SourceStale("flightdeck.config.source_stale", class = Critical, severity = Warn) {
        config: str, file: str, age_ns: u64,
    }
}

/// How the sources of a config are.
type Ask = Arc<dyn Fn() -> SourcesStatus + Send + Sync>;

/// The configs whose sources a deck watches, by name.
#[derive(Default)]
pub(super) struct Hosted(Mutex<Vec<(Arc<str>, Ask)>>);

impl fmt::Debug for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.lock().iter().map(|(name, _)| name)).finish()
    }
}

impl Hosted {
    /// What of them is not as it should be.
    pub(super) fn concerns(&self) -> Vec<Concern> {
        let hosted = self.0.lock().clone();
        let mut concerns = Vec::new();
        for (config, ask) in hosted {
            let status = ask();
            if let Some(error) = status.last_error {
                concerns.push(Concern::SourcesRefused { config: config.clone(), error: error.to_string() });
            }
            for file in status.files.iter().filter(|file| file.is_stale()) {
                let file = file.file.to_string_lossy().into();
                concerns.push(Concern::SourceStale { config: config.clone(), file });
            }
        }
        concerns
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// Runs a watcher of a config's files: as a supervised worker, `sources.NAME` after the config, started again when something in it
    /// panics, and never melting the deck down. The deck becomes the [observer](SourcedConfig::observe) of the sources: what they say is written
    /// down as `flightdeck.config.reloaded`, `.sources_refused` and `.source_stale`, and counted; what is refused or stale is a
    /// [`Concern`] until it is well again. The config is [ticked](crate::config::Config::tick) by it.
    ///
    /// The config may be the deck's own, given to the builder by [`config_built`](crate::Builder::config_built), or any other.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::config::Sources;
    /// # use flightdeck::config::{Validate, Violations};
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct App { listen: String }
    /// # impl Validate for App { fn validate(&self, _: &mut Violations) {} }
    ///
    /// let app = Sources::new("APP").optional_file("app.toml").environment().build::<App>()?;
    /// let deck = Flightdeck::builder().config_built(app.config().clone()).start()?;
    /// deck.watch_sources(app.watcher()?)?;
    /// assert!(deck.health().is_healthy());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the deck watches the sources of a config of this name already.
    pub fn watch_sources<T>(&self, watcher: Watcher<T>) -> Result<(), StartError>
    where
        T: Serialize + DeserializeOwned + Validate + Send + Sync + 'static,
    {
        let sources = watcher.sources();
        let name: Arc<str> = sources.config().name().into();
        let watched = sources.clone();
        let body = move |context: &WorkerContext| {
            watcher.run(|| {
                watched.config().tick();
                context.should_stop()
            });
        };
        let worker = ChildSpec::new(format!("sources.{name}"), Restart::Permanent, body).unlimited_restarts();
        self.inner.supervisor.add(worker)?;
        host(&self.inner, &name, &sources);
        Ok(())
    }
}

fn host<C, T>(deck: &Inner<C>, name: &Arc<str>, sources: &SourcedConfig<T>)
where
    T: Serialize + DeserializeOwned + Validate + Send + Sync + 'static,
{
    let journal = Journal::new(name.clone(), &deck.events, &deck.telemetry);
    sources.observe(move |notice| journal.write(notice));
    let asked = sources.clone();
    deck.sources.0.lock().push((name.clone(), Arc::new(move || asked.status())));
}

struct Journal {
    config: Arc<str>,
    events: Events,
    reloads: Counter,
    refusals: Counter,
}

impl Journal {
    fn new(config: Arc<str>, events: &Events, telemetry: &Telemetry) -> Self {
        let reloads = telemetry.counter("flightdeck_config_reloads_total");
        let refusals = telemetry.counter("flightdeck_config_refusals_total");
        Self { config, events: events.clone(), reloads, refusals }
    }

    fn write(&self, notice: &SourceNotice<'_>) {
        let (config, events) = (&*self.config, &self.events);
        match notice {
            SourceNotice::Reloaded(reloaded) => {
                self.reloads.increment(1);
                events.record(SourcesReloaded {
                    config,
                    revision: reloaded.revision.get(),
                    changed: reloaded.changed.len() as u64,
                    needs_restart: reloaded.needs_restart.len() as u64,
                    unknown: reloaded.unknown.len() as u64,
                    recovered: reloaded.recovered,
                });
            }
            SourceNotice::Refused(error) => {
                self.refusals.increment(1);
                let first = error.problems().first().map(ToString::to_string).unwrap_or_default();
                let problems = error.problems().len() as u64;
                events.record(SourcesRefused { config, problems, first: &first });
            }
            SourceNotice::Stale(file) => {
                let age_ns = u64::try_from(file.age.as_nanos()).unwrap_or(u64::MAX);
                events.record(SourceStale { config, file: &file.file.to_string_lossy(), age_ns });
            }
        }
    }
}

//! What a deck offers: itself, and through a handle without its type.

use super::change::{HealthChange, HealthSubscription};
use super::concern::Concern;
use super::monitor::{HealthHistory, Monitor};
use super::ready::NotReady;
use super::report::Health;
use crate::hub::Flightdeck;
use crate::hub::settings::chore;
use crate::supervisor::{Check, HealthCheckError};
use crate::sync::Arc;
use std::time::Duration;

/// Asks how a deck is, without its type and without keeping it: for a server of probes. Once the deck is gone it is not
/// ready.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct HealthHandle {
    monitor: Arc<Monitor>,
}

impl HealthHandle {
    /// As [`Flightdeck::health`].
    #[must_use]
    pub fn health(&self) -> Health {
        self.monitor.health()
    }

    /// As [`Flightdeck::is_live`].
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.health().is_live()
    }

    /// As [`Flightdeck::is_ready`].
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.health().is_ready()
    }

    /// As [`Flightdeck::wait_until_ready`].
    ///
    /// # Errors
    /// If it is not ready in time, or no more.
    pub fn wait_until_ready(&self, timeout: Duration) -> Result<(), NotReady> {
        self.monitor.wait_until_ready(timeout)
    }

    /// As [`Flightdeck::health_history`].
    #[must_use]
    pub fn history(&self) -> HealthHistory {
        self.monitor.history()
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// How the deck is: each concern, part by part, which probes fail with it, since when and how often.
    ///
    /// Costs writers nothing. Reads counters and takes locks for a moment, one look after the other: 0.4 us for a deck without
    /// workers, 2 us with a hundred, 0.9 us with 256 shards. It never waits for the supervisor's thread, so it also tells of
    /// one that is stuck.
    ///
    /// The supervisor's thread looks as well, every [`Settings::health`](crate::Settings::health) and soon after
    /// something happened to a worker, a check, a handler or a subscriber. Each change is an event,
    /// `flightdeck.health.changed`, and is counted in `flightdeck_health_changes_total`; two gauges follow:
    /// `flightdeck_health_level` (0 healthy, 1 degraded, 2 not ready, 3 not live) and `flightdeck_health_concerns`.
    ///
    /// ```
    /// use flightdeck::{Flightdeck, HealthLevel};
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let health = deck.health();
    /// assert_eq!(health.level(), HealthLevel::Healthy, "{health}");
    /// assert!(health.is_live() && health.is_ready() && health.has_started());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.monitor.health()
    }

    /// Asks the same without the deck's type, and without keeping the deck.
    #[must_use]
    pub fn health_handle(&self) -> HealthHandle {
        HealthHandle { monitor: self.inner.monitor.clone() }
    }

    /// Whether it goes on as it is; if not, only a restart helps. Costs what [`Flightdeck::health`] does.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.health().is_live()
    }

    /// Whether it is to be given work now. Costs what [`Flightdeck::health`] does.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.health().is_ready()
    }

    /// Waits until it is ready, for so long at most: parked, and woken when something changes. Called by the
    /// supervisor's thread (a chore, a check, an observer), or once the deck was told to stop, it returns at once.
    ///
    /// ```
    /// use flightdeck::{Diagnostic, Flightdeck};
    /// use flightdeck::supervisor::Check;
    /// use std::time::Duration;
    ///
    /// let (feed, verdicts) = Check::told("feed");
    /// let deck = Flightdeck::builder().check(feed).start()?;
    /// let refused = deck.wait_until_ready(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(refused.code(), "hub.health.not_ready");
    /// assert_eq!(refused.missing, ["check `feed` is unknown: no verdict yet"]);
    /// verdicts.pass();
    /// deck.wait_until_ready(Duration::from_secs(20))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If it is not ready in time, or no more; with what is missing.
    pub fn wait_until_ready(&self, timeout: Duration) -> Result<(), NotReady> {
        self.inner.monitor.wait_until_ready(timeout)
    }

    /// Has somebody told of each change of its health, on the supervisor's thread: be quick. A panic of theirs is that
    /// of a chore, `health`, and ends nothing.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::supervisor::Check;
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let (feed, verdicts) = Check::told("feed");
    /// let deck = Flightdeck::builder().check(feed.failure_threshold(1)).start()?;
    /// let (sender, changes) = mpsc::channel();
    /// let _told = deck.on_health_change(move |change| {
    ///     let _ = sender.send(change.health.is_ready());
    /// });
    /// verdicts.pass();
    /// deck.wait_until_ready(Duration::from_secs(20))?;
    /// verdicts.fail("no tick");
    /// while changes.recv_timeout(Duration::from_secs(20))? {}
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_health_change(
        &self,
        told: impl Fn(&HealthChange) + Send + Sync + 'static,
    ) -> HealthSubscription {
        self.inner.monitor.listeners.add(told)
    }

    /// Ends a concern that somebody has taken note of, as they have seen it: if it has happened again since, it stays.
    /// Those that hold as long as their cause does cannot be ended so: see [`Concern`]. Whether it was ended by this.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// deck.telemetry().attach("log", "", |_| panic!("no disk"))?;
    /// deck.telemetry().execute("http.stop", &[], &[]);
    /// for concern in &deck.health().concerns {
    ///     assert!(deck.acknowledge(concern));
    /// }
    /// assert!(deck.health().is_healthy());
    /// assert_eq!(deck.health_history().concerns[0].concern.code(), "handlers_detached");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acknowledge(&self, concern: &Concern) -> bool {
        self.inner.monitor.acknowledge(concern)
    }

    /// The concerns that there were and that have ended: when each came first, when it ended last, and how often it
    /// came.
    #[must_use]
    pub fn health_history(&self) -> HealthHistory {
        self.inner.monitor.history()
    }

    /// One more [check](crate::Builder::check), while the deck runs. A deck that has started stays so, whatever the
    /// check counts for.
    ///
    /// # Errors
    /// If there is one of its name, or its thresholds or period make no sense.
    pub fn add_check(&self, check: Check) -> Result<(), HealthCheckError> {
        let poke = self.inner.monitor.sights.supervisor.clone();
        self.inner.monitor.sights.checks.add(check, move || poke.poke())?;
        if let Some(view) = self.inner.monitor.sights.supervisor.view() {
            view.run_soon(&chore::CHECKS.into());
        }
        Ok(())
    }

    /// Forgets a check; whether there was one of that name.
    pub fn remove_check(&self, name: &str) -> bool {
        let found = self.inner.monitor.sights.checks.remove(name);
        self.inner.monitor.sights.supervisor.poke();
        found
    }
}

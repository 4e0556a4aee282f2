//! What protects calls of the host, by name: written down, counted, told by the settings.
//!
//! | file | idea |
//! |---|---|
//! | `registry` | those of one kind, each by its name |
//! | `breaker`, `bulkhead`, `limiter`, `retrier` | what a deck does with each kind |
//! | `error` | why it gives none |

mod breaker;
mod bulkhead;
mod error;
mod limiter;
mod registry;
mod retrier;

pub use error::GuardError;

use super::health::Poke;
use super::{Flightdeck, Settings};
use crate::events::Events;
use crate::supervisor::{
    Breaker, BreakerSettings, BreakerState, Bulkhead, Limiter, Limits, Retrier, RetryPolicy,
};
use crate::sync::Arc;
use crate::telemetry::Telemetry;
use breaker::changed;
use registry::Registry;

/// All that protects calls of a deck's host.
pub(in crate::hub) struct Guards {
    events: Events,
    telemetry: Telemetry,
    health: Poke,
    breakers: Registry<Breaker>,
    bulkheads: Registry<Bulkhead>,
    limiters: Registry<Limiter>,
    retriers: Registry<Retrier>,
}

impl std::fmt::Debug for Guards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let breakers = self.breakers.all();
        f.debug_set().entries(breakers.iter().map(|made| &made.name)).finish()
    }
}

impl Guards {
    pub(in crate::hub) fn new(events: &Events, telemetry: &Telemetry, health: Poke) -> Self {
        Self {
            events: events.clone(),
            telemetry: telemetry.clone(),
            health,
            breakers: Registry::default(),
            bulkheads: Registry::default(),
            limiters: Registry::default(),
            retriers: Registry::default(),
        }
    }

    /// Tells all what the settings now say, if that is something new.
    pub(in crate::hub) fn tell(&self, settings: &Settings) {
        self.breakers.tell(&settings.breakers);
        self.bulkheads.tell(&settings.bulkheads);
        self.limiters.tell(&settings.limiters);
        self.retriers.tell(&settings.retriers);
    }

    /// Brings telemetry up to date.
    pub(in crate::hub) fn follow(&self) {
        self.breakers.follow();
        self.bulkheads.follow();
        self.limiters.follow();
        self.retriers.follow();
    }

    /// The breakers that do not let all calls through.
    pub(in crate::hub) fn not_closed(&self) -> Vec<(Arc<str>, BreakerState)> {
        let open = [BreakerState::Open, BreakerState::HalfOpen, BreakerState::ForcedOpen];
        let states = self.breakers.all().into_iter().map(|made| (made.name.clone(), made.guard.state()));
        states.filter(|(_, state)| open.contains(state)).collect()
    }

    fn breaker(&self, name: &str, settings: BreakerSettings) -> Result<Breaker, GuardError> {
        self.breakers.get(&self.telemetry, name, settings, |name, settings| {
            let breaker = Breaker::with_clock(settings, self.events.clock().clone())?;
            let (name, events, health) = (name.clone(), self.events.clone(), self.health.clone());
            breaker.observe(move |change| {
                events.record(changed(&name, change));
                health.poke();
            });
            Ok(breaker)
        })
    }

    fn bulkhead(&self, name: &str, limit: u32) -> Result<Bulkhead, GuardError> {
        self.bulkheads.get(&self.telemetry, name, limit, |_, limit| Ok(Bulkhead::new(limit)?))
    }

    fn limiter(&self, name: &str, limits: Limits) -> Result<Limiter, GuardError> {
        let make = |_: &_, limits| Ok(Limiter::on(self.events.clock(), limits)?);
        self.limiters.get(&self.telemetry, name, limits, make)
    }

    fn retrier(&self, name: &str, policy: RetryPolicy) -> Result<Retrier, GuardError> {
        self.retriers.get(&self.telemetry, name, policy, |_, policy| Ok(Retrier::new(policy)?))
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// The circuit breaker of this name, on the deck's clock; closed, if nobody asked for it before. For start-up: keep what it
    /// returns.
    ///
    /// Each change of its state is an event, `flightdeck.breaker.changed`, of what the thread works for that brings it about.
    /// Telemetry has its numbers, at most 250 ms old, under `breaker.NAME`: `successes`, `failures`, `ignored`, `abandoned`,
    /// `stale`, `slow`, `rejected`, `trips`, and `state` (0 closed, 1 half-open, 2 open, 3 forced open, 4 disabled). While it is
    /// open, half-open or forced open it is a concern of the [health](Flightdeck::health); disabled, it is none. What the [settings](crate::Settings::breakers) say of its
    /// name is in force in place of `settings`, from the update on that says so.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::supervisor::{BreakerSettings, BreakerState};
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let upstream = deck.breaker("upstream", BreakerSettings::new())?;
    /// deck.settings().update(|now| {
    ///     let (mut settings, mut strict) = (now.clone(), BreakerSettings::new());
    ///     strict.consecutive_failures = Some(1);
    ///     settings.breakers.insert("upstream".into(), strict);
    ///     settings
    /// })?;
    /// let _ = upstream.call(|| Err::<(), _>("refused"));
    /// assert_eq!(upstream.state(), BreakerState::Open);
    /// assert_eq!(deck.events().query().kind_named("flightdeck.breaker.changed").count(), 1);
    /// assert!(deck.health().to_string().contains("breaker `upstream` is open"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the settings make no sense, or there is one of that name which was asked for with others.
    pub fn breaker(&self, name: &str, settings: BreakerSettings) -> Result<Breaker, GuardError> {
        self.inner.guards.breaker(name, settings)
    }

    /// The bulkhead of this name, with room for so many calls at once; empty, if nobody asked for it before. For start-up: keep
    /// what it returns.
    ///
    /// Telemetry has its numbers, at most 250 ms old, under `bulkhead.NAME`: `entered`, `rejected`, `timed_out`, `inside`,
    /// `waiting` and `limit`. What the [settings](crate::Settings::bulkheads) say of its name is in force in place of `limit`.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// let deck = Flightdeck::builder().start()?;
    /// let reports = deck.bulkhead("reports", 4)?;
    /// let _inside = reports.try_enter()?;
    /// assert_eq!(deck.bulkhead("reports", 4)?.stats().inside, 1);
    /// assert!(deck.bulkhead("reports", 5).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the limit is out of range, or there is one of that name which was asked for with another.
    pub fn bulkhead(&self, name: &str, limit: u32) -> Result<Bulkhead, GuardError> {
        self.inner.guards.bulkhead(name, limit)
    }

    /// The rate limiter of this name, on the deck's clock; full, if nobody asked for it before. For start-up: keep what it
    /// returns.
    ///
    /// Telemetry has its numbers, at most 250 ms old, under `limiter.NAME`: `allowed`, `limited`, `too_many`, `timed_out` and
    /// `cancelled`. What the [settings](crate::Settings::limiters) say of its name is in force in place of `limits`.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::supervisor::Limits;
    /// let deck = Flightdeck::builder().start()?;
    /// let logins = deck.limiter("logins", Limits::per_hour(60).burst(1))?;
    /// assert!(logins.check().is_ok());
    /// assert!(deck.limiter("logins", Limits::per_hour(60).burst(1))?.check().is_err(), "it is the same");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there are no such limits, or there is one of that name which was asked for with others.
    pub fn limiter(&self, name: &str, limits: Limits) -> Result<Limiter, GuardError> {
        self.inner.guards.limiter(name, limits)
    }

    /// The retrier of this name; a new one, if nobody asked for it before. For start-up: keep what it returns.
    ///
    /// Telemetry has its numbers, at most 250 ms old, under `retrier.NAME`: `calls`, `retries`, `recovered`, and how many calls
    /// were given up for each reason: `permanent`, `attempts`, `deadline`, `budget` and `cancelled`. What the
    /// [settings](crate::Settings::retriers) say of its name is in force in place of those parts of `policy`, for calls that
    /// begin after the update that says so.
    ///
    /// ```
    /// use flightdeck::{Flightdeck, Retry};
    /// use flightdeck::supervisor::{GaveUp, RetryPolicy, RetrySettings};
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let fetch = deck.retrier("fetch", RetryPolicy::new())?;
    /// deck.settings().update(|now| {
    ///     let mut settings = now.clone();
    ///     settings.retriers.insert("fetch".into(), RetrySettings::new().max_attempts(1));
    ///     settings
    /// })?;
    /// let failed = fetch.when(|_: &&str| Retry::Later).run(|_| Err::<(), _>("down")).unwrap_err();
    /// assert_eq!((failed.why, failed.attempts), (GaveUp::Attempts, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the policy makes no sense, or there is one of that name which was asked for with another; policies with budgets or
    /// virtual time are the same only if those are.
    pub fn retrier(&self, name: &str, policy: RetryPolicy) -> Result<Retrier, GuardError> {
        self.inner.guards.retrier(name, policy)
    }
}

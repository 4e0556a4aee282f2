//! What can be said.

use crate::config::{Validate, Violations};
use crate::events::{Class, Directives};
use crate::supervisor::{BreakerSettings, BreakerSettingsError, Bulkhead, Limits, RetrySettings};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a deck can be told while it runs, without the host's config: see [`Flightdeck::settings`](crate::Flightdeck::settings).
///
/// A revision is in force when the update that made it returns, but for what is done now and then, which follows at its next
/// time. What the host has set by hand meanwhile, as with [`Events::set_max_age`](crate::events::Events::set_max_age), stays
/// until the settings say something else than they did.
///
/// ```
/// use flightdeck::Flightdeck;
/// use std::time::Duration;
/// flightdeck::kind! { Polled("db.polled") {} }
///
/// let deck = Flightdeck::builder().start()?;
/// deck.settings().because("too chatty").update(|now| {
///     let mut settings = now.clone();
///     settings.directives = "db=off".parse().unwrap_or_default();
///     settings.max_age.insert(flightdeck::events::Class::Verbose, Duration::from_secs(60));
///     settings
/// })?;
/// deck.record(Polled {});
/// assert_eq!(deck.events().query().kind_named("db.polled").count(), 0);
///
/// let refused = deck.settings().update(|now| {
///     let mut settings = now.clone();
///     settings.flush = Duration::ZERO;
///     settings
/// });
/// assert!(refused.unwrap_err().to_string().contains("flush = 0ns"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Which events are recorded: levels, samples and rates. They count after those that the events were
    /// [built with](crate::events::Builder::directives), and before those of the
    /// [host's config](crate::Builder::directives).
    pub directives: Directives,
    /// How old events of a class may become. Classes that are not in it: as the events were
    /// [built](crate::events::Builder::max_age_of).
    pub max_age: BTreeMap<Class, Duration>,
    /// How long series of metrics stay that nobody holds and that do not change. None: as the telemetry was
    /// [built](crate::telemetry::Builder::retire_after).
    pub idle_series: Option<Duration>,
    /// How often queued subscribers are told, replaced values freed, and the numbers of pipelines brought up to date; 250 ms.
    pub flush: Duration,
    /// How often it is looked whether events have become too old, and series idle; windows are ticked with it. 1 s.
    pub prune: Duration,
    /// How often shards and cells are taken back from threads that ended without a word; 5 s.
    pub reclaim: Duration,
    /// How often the clock is compared with the system's; 1 s.
    pub clock_check: Duration,
    /// How often the supervisor's thread looks at the deck's [health](crate::Flightdeck::health); 1 s. Soon after something happened to a
    /// worker, a check, a handler or a subscriber it looks anyway.
    pub health: Duration,
    /// How long nothing more of a [concern](crate::Concern) that is counted must have happened for it to end; 60 s.
    pub settle: Duration,
    /// How long the supervisor's thread may be at one thing, such as a chore of the host's, before that is a concern; 5 s.
    pub stuck_after: Duration,
    /// Batches and queues of pipelines, by name. Of those that are not running yet, too.
    pub pipelines: BTreeMap<String, PipelineSettings>,
    /// How many executions may wait for a queued handler, by id; of those that are attached at the time.
    pub handler_queues: BTreeMap<String, usize>,
    /// Settings of [breakers](crate::Flightdeck::breaker), by name, in place of those that they were asked for with. Of those
    /// that nobody has asked for yet, too.
    pub breakers: BTreeMap<String, BreakerSettings>,
    /// Limits of [bulkheads](crate::Flightdeck::bulkhead), in the same way.
    pub bulkheads: BTreeMap<String, u32>,
    /// Limits of [rate limiters](crate::Flightdeck::limiter), in the same way.
    pub limiters: BTreeMap<String, Limits>,
    /// What [retriers](crate::Flightdeck::retrier) do otherwise than they were asked for, in the same way; for calls that begin
    /// from then on.
    pub retriers: BTreeMap<String, RetrySettings>,
}

/// What a pipeline is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineSettings {
    /// How many items a batch holds at most, and how long it waits for them. None: as it was built.
    pub batch: Option<(usize, Duration)>,
    /// How many items of each class may wait in each of its queues, as far as those were built for it. None: as many as that.
    pub room: Option<usize>,
}

impl PipelineSettings {
    /// Nothing said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Batches of at most so many items, which wait for no longer than this.
    #[must_use]
    pub fn batch(mut self, most: usize, timeout: Duration) -> Self {
        self.batch = Some((most, timeout));
        self
    }

    /// So many items of each class in each queue.
    #[must_use]
    pub fn room(mut self, room: usize) -> Self {
        self.room = Some(room);
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            directives: Directives::default(),
            max_age: BTreeMap::new(),
            idle_series: None,
            flush: Duration::from_millis(250),
            prune: Duration::from_secs(1),
            reclaim: Duration::from_secs(5),
            clock_check: Duration::from_secs(1),
            health: Duration::from_secs(1),
            settle: Duration::from_secs(60),
            stuck_after: Duration::from_secs(5),
            pipelines: BTreeMap::new(),
            handler_queues: BTreeMap::new(),
            breakers: BTreeMap::new(),
            bulkheads: BTreeMap::new(),
            limiters: BTreeMap::new(),
            retriers: BTreeMap::new(),
        }
    }
}

/// Chores run on one small thread that also restarts workers: not more often than this.
const SHORTEST: Duration = Duration::from_millis(1);
/// And not so rarely that what they bound grows without measure.
const LONGEST: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Validate for Settings {
    fn validate(&self, report: &mut Violations) {
        let Self { flush, prune, reclaim, clock_check, health, settle, stuck_after, .. } = self;
        let paces = [
            ("flush", flush),
            ("prune", prune),
            ("reclaim", reclaim),
            ("clock_check", clock_check),
            ("health", health),
            ("stuck_after", stuck_after),
        ];
        for (field, every) in paces {
            let fits = (SHORTEST..=LONGEST).contains(every);
            report.require(fits, field, every, "must be from 1 ms to 10 min");
        }
        let fits = (SHORTEST..=DAY).contains(settle);
        report.require(fits, "settle", settle, "must be from 1 ms to 24 h");
        for (name, pipeline) in &self.pipelines {
            report.within(&format!("pipelines.{name}"), |report| pipeline.validate(report));
        }
        for (id, most) in &self.handler_queues {
            report.require(*most > 0, &format!("handler_queues.{id}"), most, "must be at least 1");
        }
        for (name, breaker) in &self.breakers {
            report.within(&format!("breakers.{name}"), |report| breaker.validate(report));
        }
        for (name, limit) in &self.bulkheads {
            let fits = Bulkhead::check(*limit).is_ok();
            report.require(fits, &format!("bulkheads.{name}"), limit, "must be from 1 to 2^30");
        }
        for (name, limits) in &self.limiters {
            if let Err(error) = limits.checked() {
                report.reject(&format!("limiters.{name}"), limits, error.to_string());
            }
        }
        for (name, retrier) in &self.retriers {
            let attempts = retrier.max_attempts.unwrap_or(1);
            let field = format!("retriers.{name}.max_attempts");
            report.require(retrier.check().is_ok(), &field, &attempts, "must be at least 1, the call itself");
        }
    }
}

impl Validate for BreakerSettings {
    fn validate(&self, report: &mut Violations) {
        match self.check() {
            Ok(()) => {}
            Err(BreakerSettingsError::Number { field, value, least, most }) => {
                report.reject(field, &value, format!("must be from {least} to {most}"));
            }
            Err(BreakerSettingsError::Time { field, value, least, most }) => {
                report.reject(field, &value, format!("must be from {least:?} to {most:?}"));
            }
        }
    }
}

impl Validate for PipelineSettings {
    fn validate(&self, report: &mut Violations) {
        if let Some((most, _)) = self.batch {
            report.require(most > 0, "batch", &most, "must hold at least 1 item");
        }
        if let Some(room) = self.room {
            report.require(room > 0, "room", &room, "must be at least 1");
        }
    }
}

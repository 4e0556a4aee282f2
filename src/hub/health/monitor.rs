//! What there was and is: looked at by whoever asks and by the supervisor's thread, one after the other; written down,
//! and told to whoever wants to know.

use super::change::{HealthChange, Listeners};
use super::concern::Concern;
use super::report::{Health, HealthLevel, Part, PartHealth, Reason, failing};
use super::sight::{Seen, Sights, pace};
use crate::config::{Config, WeakConfig};
use crate::events::Events;
use crate::hub::Settings;
use crate::hub::settings::chore;
use crate::id::Revision;
use crate::supervisor::{Entry, Ledger, Look, Past, Probe, Probes, Sighting, Waiting};
use crate::sync::Mutex;
use crate::telemetry::{Counter, Gauge, Telemetry};
use std::fmt;
use std::time::{Duration, SystemTime};

crate::kind! {
    pub(super) HealthChanged("flightdeck.health.changed", class = Critical, severity = Warn) {
        from: str, to: str, live: bool, ready: bool, concerns: u64, entered: str, left: str,
    }
}

/// How many concerns are remembered that have ended.
const REMEMBERED: usize = 64;

/// How long checks are left alone where there are none.
const RARELY: Duration = Duration::from_secs(1 << 30);
const SOON: Duration = Duration::from_millis(1);

/// A concern by name and by what it is about.
type Key = (&'static str, String);

/// Looks at a deck.
pub(in crate::hub) struct Monitor {
    pub(super) sights: Sights,
    settings: WeakConfig<Settings>,
    state: Mutex<State>,
    pub(super) listeners: Listeners,
    /// Who waits for a change.
    pub(super) waiting: Waiting,
    log: Log,
}

struct State {
    ledger: Ledger<Key, Concern>,
    has_started: bool,
    revision: Revision,
    /// What was written down last.
    written: Summary,
    /// What listeners were told last.
    told: (Summary, Vec<(Key, Concern)>),
}

/// What of a report makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summary {
    level: HealthLevel,
    fails: Probes,
}

/// Where changes are written down.
struct Log {
    events: Events,
    level: Gauge,
    concerns: Gauge,
    changes: Counter,
}

/// What ended of what was not as it should be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthHistory {
    /// Concerns that there were and are not now: the one that ended last first. 64 at most.
    pub concerns: Vec<PastConcern>,
    /// How many more there were, that ended earlier.
    pub forgotten: u64,
}

/// A concern that there was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastConcern {
    /// As it was last.
    pub concern: Concern,
    /// When it came for the first time.
    pub first: SystemTime,
    /// When it ended for the last time.
    pub ended: SystemTime,
    /// How often it came.
    pub times: u64,
}

fn key(concern: &Concern) -> Key {
    (concern.code(), concern.subject())
}

fn sighting(concern: Concern) -> Sighting<Key, Concern> {
    let (key, count, ends) = (key(&concern), concern.count(), concern.ends());
    Sighting { key, what: concern, count, ends }
}

fn listed(concerns: &[Concern]) -> String {
    concerns.iter().map(Concern::to_string).collect::<Vec<_>>().join("; ")
}

impl Log {
    fn write(&self, before: Summary, now: Summary, concerns: usize, look: &Look<Concern>) {
        self.level.set(now.level as i64);
        self.concerns.set(i64::try_from(concerns).unwrap_or(i64::MAX));
        self.changes.increment(1);
        // What nobody takes would be one more loss, and that one more concern.
        if self.events.has_stopped() {
            return;
        }
        self.events.record(HealthChanged {
            from: before.level.name(),
            to: now.level.name(),
            live: !now.fails.contains(Probe::Live),
            ready: !now.fails.contains(Probe::Ready),
            concerns: concerns as u64,
            entered: &listed(&look.entered),
            left: &listed(&look.left),
        });
    }
}

impl Monitor {
    pub(in crate::hub) fn new(
        sights: Sights,
        settings: WeakConfig<Settings>,
        events: &Events,
        telemetry: &Telemetry,
    ) -> Self {
        let well = Summary { level: HealthLevel::Healthy, fails: Probes::NONE };
        let state = State {
            ledger: Ledger::new(REMEMBERED),
            has_started: false,
            revision: Revision::FIRST,
            written: well,
            told: (well, Vec::new()),
        };
        let log = Log {
            events: events.clone(),
            level: telemetry.gauge("flightdeck_health_level"),
            concerns: telemetry.gauge("flightdeck_health_concerns"),
            changes: telemetry.counter("flightdeck_health_changes_total"),
        };
        let (listeners, waiting) = (Listeners::default(), Waiting::default());
        Self { sights, settings, state: Mutex::new(state), listeners, waiting, log }
    }

    /// How the deck is now. What changed since the last look is written down, and told soon.
    pub(in crate::hub) fn health(&self) -> Health {
        self.look(false).0
    }

    /// Tells of each change, for as long as it lives.
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    pub(in crate::hub) fn on_change(&self, told: impl Fn(&HealthChange) + Send + Sync + 'static) {
        self.listeners.add(told).forever();
    }

    /// As often as the supervisor's thread comes by, and soon after something happened there. Nothing before the deck has
    /// started: that it does not serve yet is no change.
    pub(in crate::hub) fn tick(&self) -> Option<Health> {
        self.sights.supervisor.view()?;
        let (health, change) = self.look(true);
        if let Some(change) = change {
            self.listeners.tell(&change);
        }
        Some(health)
    }

    /// Asks the checks that are due, and comes back when the next one is.
    pub(in crate::hub) fn ask_checks(&self) {
        // Before the look, which may panic: a listener of the host's.
        let changed = self.sights.checks.ask_due();
        let next = self.sights.checks.next().unwrap_or(RARELY).max(SOON);
        if let Some(view) = self.sights.supervisor.view() {
            view.set_every(&chore::CHECKS.into(), next);
        }
        if changed {
            drop(self.tick());
        }
    }

    fn look(&self, tells: bool) -> (Health, Option<HealthChange>) {
        let settings = self.settings.upgrade();
        let settings = settings.as_ref().map(Config::load);
        let (settle, stuck_after) = pace(settings.as_ref().map(|settings| &***settings));
        let mut state = self.state.lock();
        let seen = self.sights.look(stuck_after);
        let now = self.sights.checks.now();
        // Without the supervisor nobody knows of its workers.
        state.has_started |= seen.starting.is_empty() && self.sights.supervisor.view().is_some();
        state.revision = seen.revision.unwrap_or(state.revision);
        let look = state.ledger.look(now, settle, seen.concerns.iter().cloned().map(sighting).collect());
        let health = state.report(seen, now);
        let changed = self.note(&mut state, &health, &look);
        let change = if tells { state.change(&health) } else { None };
        drop(state);
        if changed {
            self.waiting.wake();
            if !tells {
                self.sights.supervisor.poke();
            }
        }
        (health, change)
    }

    /// Writes down what is new.
    fn note(&self, state: &mut State, health: &Health, look: &Look<Concern>) -> bool {
        let now = health.summary();
        let is_new = now != state.written || !look.entered.is_empty() || !look.left.is_empty();
        if is_new {
            self.write(state.written, now, health.concerns.len(), look);
            state.written = now;
        }
        is_new
    }

    /// What this costs of shards that are short is no news of them: else each end of that concern would be its next
    /// beginning.
    fn write(&self, before: Summary, now: Summary, concerns: usize, look: &Look<Concern>) {
        let aside = self.sights.aside();
        self.log.write(before, now, concerns, look);
        self.sights.leave_out(u64::from(self.sights.aside() > aside));
    }

    /// Ends a concern, as it was seen.
    pub(in crate::hub) fn acknowledge(&self, concern: &Concern) -> bool {
        let now = self.sights.checks.now();
        // As it is now: what is in the ledger may be older.
        drop(self.health());
        let mut state = self.state.lock();
        let Some(ended) = state.ledger.acknowledge(now, &key(concern), concern.count()) else { return false };
        let concerns: Vec<_> = state.ledger.open().iter().map(|entry| &entry.sighting.what).collect();
        let fails = failing(concerns.iter().copied(), state.has_started);
        let summary = Summary { level: HealthLevel::of(concerns.is_empty(), fails), fails };
        let look = Look { entered: Vec::new(), left: vec![ended] };
        self.write(state.written, summary, concerns.len(), &look);
        state.written = summary;
        drop(state);
        self.waiting.wake();
        self.sights.supervisor.poke();
        true
    }

    pub(in crate::hub) fn history(&self) -> HealthHistory {
        let state = self.state.lock();
        let (now, wall) = (self.sights.checks.now(), SystemTime::now());
        let at = |then: Duration| wall.checked_sub(now.saturating_sub(then)).unwrap_or(wall);
        let told = |Past { what: concern, first, ended, times }| PastConcern {
            concern,
            first: at(first),
            ended: at(ended),
            times,
        };
        let concerns = state.ledger.past().into_iter().map(told).collect();
        HealthHistory { concerns, forgotten: state.ledger.forgotten() }
    }
}

impl State {
    fn report(&self, seen: Seen, now: Duration) -> Health {
        let Seen { starting, checks, workers, .. } = seen;
        let wall = SystemTime::now();
        let open = self.ledger.open();
        let reason = |entry: &Entry<Key, Concern>| {
            let lasting = now.saturating_sub(entry.since);
            let since = wall.checked_sub(lasting).unwrap_or(wall);
            Reason { concern: entry.sighting.what.clone(), since, lasting, times: entry.times }
        };
        let parts = Part::ALL.map(|part| {
            let of_it = open.iter().filter(|entry| entry.sighting.what.part() == part);
            PartHealth { part, reasons: of_it.map(reason).collect() }
        });
        let concerns: Vec<_> = open.iter().map(|entry| entry.sighting.what.clone()).collect();
        Health {
            fails: failing(concerns.iter(), self.has_started),
            concerns,
            parts: parts.into(),
            starting: if self.has_started { Vec::new() } else { starting },
            checks,
            workers,
            revision: self.revision,
            uptime: now,
            #[cfg(feature = "process")]
            pressure: seen.pressure,
        }
    }

    /// What listeners have not been told yet.
    fn change(&mut self, health: &Health) -> Option<HealthChange> {
        let open = self.ledger.open().iter();
        let now: Vec<_> =
            open.map(|entry| (entry.sighting.key.clone(), entry.sighting.what.clone())).collect();
        let (before, known) = &self.told;
        let missing = |from: &[(Key, Concern)], of: &[(Key, Concern)]| {
            let is_in = |key: &Key| of.iter().any(|(other, _)| other == key);
            let fresh = from.iter().filter(|(key, _)| !is_in(key));
            fresh.map(|(_, concern)| concern.clone()).collect::<Vec<_>>()
        };
        let (entered, left) = (missing(&now, known), missing(known, &now));
        let summary = health.summary();
        if *before == summary && entered.is_empty() && left.is_empty() {
            return None;
        }
        let before = before.level;
        self.told = (summary, now);
        Some(HealthChange { before, entered, left, health: health.clone() })
    }
}

impl Health {
    fn summary(&self) -> Summary {
        Summary { level: self.level(), fails: self.fails }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}

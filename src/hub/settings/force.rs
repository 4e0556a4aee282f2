//! How settings come into force.

use super::Settings;
use crate::config::Change;
use crate::events::{Class, Events, PerClass};
use crate::hub::Inner;
use crate::sync::Arc;
use crate::telemetry::Telemetry;
use std::collections::BTreeSet;
use std::time::Duration;

/// What the supervisor of a deck does now and then.
pub(in crate::hub) mod chore {
    pub(in crate::hub) const CONFIG: &str = "config";
    pub(in crate::hub) const HANDLERS: &str = "handlers";
    pub(in crate::hub) const PIPELINES: &str = "pipelines";
    pub(in crate::hub) const GUARDS: &str = "guards";
    pub(in crate::hub) const CLOCK: &str = "clock";
    pub(in crate::hub) const SHARDS: &str = "shards";
    pub(in crate::hub) const SERIES: &str = "series";
    pub(in crate::hub) const AGE: &str = "age";
    pub(in crate::hub) const HEALTH: &str = "health";
    pub(in crate::hub) const CHECKS: &str = "checks";
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(in crate::hub) const SYNC: &str = "sync";
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    pub(in crate::hub) const SYSTEMD: &str = "systemd";
}

/// How often it does what.
fn intervals(settings: &Settings) -> [(&'static str, Duration); 9] {
    let Settings { flush, prune, reclaim, clock_check, health, .. } = settings;
    [
        (chore::CONFIG, *flush),
        (chore::HANDLERS, *flush),
        (chore::PIPELINES, *flush),
        (chore::GUARDS, *flush),
        (chore::CLOCK, *clock_check),
        (chore::SHARDS, *reclaim),
        (chore::SERIES, *prune),
        (chore::AGE, *prune),
        (chore::HEALTH, *health),
    ]
}

/// How the parts were built: in force where the settings say nothing.
#[derive(Debug)]
pub(in crate::hub) struct Built {
    max_age: PerClass<Option<Duration>>,
    idle_series: Option<Duration>,
}

impl Built {
    pub(in crate::hub) fn of(events: &Events, telemetry: &Telemetry) -> Self {
        Self { max_age: PerClass::of(|class| events.max_age(class)), idle_series: telemetry.retire_after() }
    }
}

/// From now on a deck follows its settings and its config, neither of which anybody else has yet.
pub(in crate::hub) fn follow<C: Send + Sync + 'static>(deck: &Arc<Inner<C>>) {
    // Weak: a host that keeps the settings keeps no deck.
    let weak = Arc::downgrade(deck);
    let follow = move |change: &Change<Settings>| {
        if let Some(deck) = weak.upgrade() {
            deck.recording.follow(&deck.settings, &deck.config);
            deck.follow(&change.old, &change.new);
        }
    };
    deck.settings.subscribe(follow).forever();
    let weak = Arc::downgrade(deck);
    let follow = move |_: &Change<C>| {
        if let Some(deck) = weak.upgrade() {
            deck.recording.follow(&deck.settings, &deck.config);
        }
    };
    deck.config.subscribe(follow).forever();
    deck.follow(&Settings::default(), &deck.settings.load());
}

impl<C> Inner<C> {
    /// Only where the settings say something new: what the host set by hand stays otherwise.
    fn follow(&self, old: &Settings, new: &Settings) {
        let Self { events, telemetry, built, .. } = self;
        for class in Class::ALL {
            if old.max_age.get(&class) != new.max_age.get(&class) {
                events.set_max_age(class, new.max_age.get(&class).copied().or(built.max_age[class]));
            }
        }
        if old.idle_series != new.idle_series {
            telemetry.set_retire_after(new.idle_series.or(built.idle_series));
        }
        if old.pipelines != new.pipelines {
            self.pipelines.tell(&new.pipelines);
        }
        self.guards.tell(new);
        let ids: BTreeSet<_> = old.handler_queues.keys().chain(new.handler_queues.keys()).collect();
        for id in ids {
            let (before, now) = (old.handler_queues.get(id), new.handler_queues.get(id));
            if before != now {
                // Of one that is not there, nothing is kept.
                telemetry.set_handler_queue(id, now.copied().unwrap_or(usize::MAX));
            }
        }
        for ((chore, before), (_, every)) in intervals(old).into_iter().zip(intervals(new)) {
            if before != every {
                self.supervisor.set_every(chore, every);
            }
        }
    }
}

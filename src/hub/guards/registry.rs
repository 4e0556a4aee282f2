//! Guards of one kind, each by its name.

use super::error::GuardError;
use crate::hub::pipeline::Rising;
use crate::sync::{Arc, Mutex};
use crate::telemetry::{Gauge, Telemetry};
use std::collections::BTreeMap;

/// By its name: a number that only rises, of what a guard has done so far.
pub(super) type Counts<S> = &'static [(&'static str, fn(&S) -> u64)];
/// By its name: how a guard is now.
pub(super) type Levels<G> = &'static [(&'static str, fn(&G) -> i64)];

/// What the deck needs of one of a kind.
pub(super) trait Guard: Clone + 'static {
    /// What it is, in messages and in front of its name in telemetry.
    const WHAT: &'static str;
    /// What it is asked for with.
    type Given: Clone + PartialEq;
    /// What the settings say in place of that.
    type Told: Clone + PartialEq;
    /// What it has done so far.
    type Stats;
    /// What of it telemetry counts.
    const COUNTS: Counts<Self::Stats>;
    /// What of it telemetry shows as it is.
    const LEVELS: Levels<Self> = &[];

    /// Says how it is to be from now on, which has been found to make sense; `None`: as it was asked for.
    fn tell(&self, given: &Self::Given, told: Option<&Self::Told>);
    /// What it has done so far.
    fn done(&self) -> Self::Stats;
}

/// A guard's numbers, as telemetry has them.
struct Mirror {
    counts: Vec<Rising>,
    levels: Vec<Gauge>,
}

impl Mirror {
    fn new<G: Guard>(telemetry: &Telemetry, name: &str) -> Self {
        let named = |what: &str| format!("{}.{name}.{what}", G::WHAT);
        Self {
            counts: G::COUNTS.iter().map(|(what, _)| Rising::new(telemetry, &named(what))).collect(),
            levels: G::LEVELS.iter().map(|(what, _)| telemetry.gauge(&named(what))).collect(),
        }
    }

    fn follow<G: Guard>(&self, guard: &G) {
        let done = guard.done();
        for (rising, (_, count)) in self.counts.iter().zip(G::COUNTS) {
            rising.follow(count(&done));
        }
        for (gauge, (_, level)) in self.levels.iter().zip(G::LEVELS) {
            gauge.set(level(guard));
        }
    }
}

/// One of a kind, as the host asked for it.
pub(super) struct Made<G: Guard> {
    pub(super) name: Arc<str>,
    pub(super) guard: G,
    given: G::Given,
    mirror: Mirror,
}

/// All of a kind.
struct Kind<G: Guard> {
    made: BTreeMap<Arc<str>, Arc<Made<G>>>,
    /// What the settings say, by name; also of those that are yet to come.
    told: BTreeMap<String, G::Told>,
}

impl<G: Guard> Default for Kind<G> {
    fn default() -> Self {
        Self { made: BTreeMap::new(), told: BTreeMap::new() }
    }
}

/// All of a kind, each by its name. Locked to look, never while one of them is told or asked something: that may call the host.
pub(super) struct Registry<G: Guard>(Mutex<Kind<G>>);

impl<G: Guard> Default for Registry<G> {
    fn default() -> Self {
        Self(Mutex::new(Kind::default()))
    }
}

impl<G: Guard> Registry<G> {
    /// The one of that name, which is made if there is none.
    pub(super) fn get(
        &self,
        telemetry: &Telemetry,
        name: &str,
        given: G::Given,
        make: impl FnOnce(&Arc<str>, G::Given) -> Result<G, GuardError>,
    ) -> Result<G, GuardError> {
        let mut kind = self.0.lock();
        if let Some(there) = kind.made.get(name) {
            let exists = || GuardError::Exists { what: G::WHAT, name: name.to_owned() };
            return if there.given == given { Ok(there.guard.clone()) } else { Err(exists()) };
        }
        let name: Arc<str> = name.into();
        let guard = make(&name, given.clone())?;
        if let Some(told) = kind.told.get(&*name) {
            guard.tell(&given, Some(told));
        }
        let mirror = Mirror::new::<G>(telemetry, &name);
        let made = Made { name: name.clone(), guard: guard.clone(), given, mirror };
        kind.made.insert(name, Arc::new(made));
        Ok(guard)
    }

    pub(super) fn all(&self) -> Vec<Arc<Made<G>>> {
        self.0.lock().made.values().cloned().collect()
    }

    /// Tells each what the settings now say, if that is something new.
    pub(super) fn tell(&self, told: &BTreeMap<String, G::Told>) {
        let before = std::mem::replace(&mut self.0.lock().told, told.clone());
        for made in self.all() {
            let (before, now) = (before.get(&*made.name), told.get(&*made.name));
            if before != now {
                made.guard.tell(&made.given, now);
            }
        }
    }

    /// Brings telemetry up to date.
    pub(super) fn follow(&self) {
        self.all().iter().for_each(|made| made.mirror.follow(&made.guard));
    }
}

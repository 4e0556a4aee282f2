//! Guards of one kind, each by its name.

use super::error::GuardError;
use crate::sync::{Arc, Mutex};
use std::collections::BTreeMap;

/// What the deck needs of one of a kind.
pub(super) trait Guard: Clone {
    const WHAT: &'static str;
    /// What it is made with, and told.
    type Told: Clone + PartialEq;
    /// Its numbers, as telemetry has them.
    type Mirror;

    /// Says how it is to be from now on, which has been found to make sense.
    fn tell(&self, told: &Self::Told);
    /// Brings telemetry up to date.
    fn follow(&self, mirror: &Self::Mirror);
}

/// One of a kind, as the host asked for it.
pub(super) struct Made<G: Guard> {
    pub(super) name: Arc<str>,
    pub(super) guard: G,
    given: G::Told,
    mirror: G::Mirror,
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
        name: &str,
        given: G::Told,
        make: impl FnOnce(Arc<str>, &G::Told) -> Result<(G, G::Mirror), GuardError>,
    ) -> Result<G, GuardError> {
        let mut kind = self.0.lock();
        if let Some(there) = kind.made.get(name) {
            let exists = || GuardError::Exists { what: G::WHAT, name: name.to_owned() };
            return if there.given == given { Ok(there.guard.clone()) } else { Err(exists()) };
        }
        let name: Arc<str> = name.into();
        let (guard, mirror) = make(name.clone(), &given)?;
        if let Some(told) = kind.told.get(&*name) {
            guard.tell(told);
        }
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
                made.guard.tell(now.unwrap_or(&made.given));
            }
        }
    }

    /// Brings telemetry up to date.
    pub(super) fn follow(&self) {
        self.all().iter().for_each(|made| made.guard.follow(&made.mirror));
    }
}

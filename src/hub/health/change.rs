//! Who is told of changes.

use super::concern::Concern;
use super::report::{Health, HealthLevel};
use crate::contain::drop_contained;
use crate::sync::{Arc, Mutex, Weak};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A change of a deck's health. Changes that come faster than they are told are merged: what came and went meanwhile is
/// in neither list, and recorded all the same.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthChange {
    /// How bad it was.
    pub before: HealthLevel,
    /// What came.
    pub entered: Vec<Concern>,
    /// What went.
    pub left: Vec<Concern>,
    /// How the deck is now.
    pub health: Health,
}

type Callback = Arc<dyn Fn(&HealthChange) + Send + Sync>;

/// Those who are told.
#[derive(Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<Roll>>);

/// Them by number, and the number that was given last.
#[derive(Default)]
struct Roll {
    given: u64,
    listeners: Vec<(u64, Callback)>,
}

impl Listeners {
    pub(super) fn add(&self, callback: impl Fn(&HealthChange) + Send + Sync + 'static) -> HealthSubscription {
        let mut roll = self.0.lock();
        roll.given += 1;
        let number = roll.given;
        roll.listeners.push((number, Arc::new(callback)));
        HealthSubscription { roll: Arc::downgrade(&self.0), number }
    }

    /// Tells all of them, and goes on with the panic of the last one that did, for whoever counts those.
    pub(super) fn tell(&self, change: &HealthChange) {
        let listeners = self.0.lock().listeners.clone();
        let mut panicked = None;
        for (_, listener) in listeners {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| listener(change))) {
                // One may panic in turn when it is dropped.
                drop_contained(panicked.replace(payload));
            }
        }
        if let Some(payload) = panicked {
            resume_unwind(payload);
        }
    }
}

/// Somebody is told of changes, until this is dropped.
#[must_use = "dropped, it ends at once"]
pub struct HealthSubscription {
    roll: Weak<Mutex<Roll>>,
    number: u64,
}

impl HealthSubscription {
    /// Tells for as long as the deck lives.
    pub fn forever(mut self) {
        self.roll = Weak::new();
    }
}

impl Drop for HealthSubscription {
    fn drop(&mut self) {
        let Some(roll) = self.roll.upgrade() else { return };
        let mut roll = roll.lock();
        let found = roll.listeners.iter().position(|(number, _)| *number == self.number);
        let gone = found.map(|at| roll.listeners.remove(at));
        drop(roll);
        // The host's, and dropped without the lock.
        drop(gone);
    }
}

impl fmt::Debug for HealthSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthSubscription").finish_non_exhaustive()
    }
}

//! All checks of a deck: asked when they are due, one after the other.

use super::check::{Check, Open, Way};
use super::error::HealthCheckError;
use super::watched::{CheckStatus, Watched};
use crate::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// All checks, in the order in which they were taken on.
pub(crate) struct Checks {
    began: Instant,
    watched: Mutex<Vec<Arc<Watched>>>,
}

impl Checks {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), watched: Mutex::default() }
    }

    /// The time that all here is told in.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes one on; `heard` is called when a verdict that it is told changes something.
    pub(crate) fn add(
        &self,
        mut check: Check,
        heard: impl Fn() + Send + Sync + 'static,
    ) -> Result<(), HealthCheckError> {
        check.validate()?;
        let mut all = self.watched.lock();
        if all.iter().any(|other| other.name == check.name) {
            return Err(HealthCheckError::DuplicateName { name: check.name.to_string() });
        }
        let inbox = match &mut check.way {
            Way::Told(inbox) => Some(inbox.clone()),
            Way::Asked(_) => None,
        };
        let watched = Arc::new(Watched::new(check, self.now()));
        all.push(watched.clone());
        drop(all);
        if let Some(inbox) = inbox {
            let mut inbox = inbox.lock();
            if let Some(verdict) = inbox.early.take() {
                let _ = watched.tell(self.now(), verdict);
            }
            inbox.open = Some(Open { check: watched, began: self.began, heard: Arc::new(heard) });
        }
        Ok(())
    }

    /// Forgets one; whether it was there.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let mut all = self.watched.lock();
        let found = all.iter().position(|check| *check.name == *name).map(|at| all.remove(at));
        drop(all);
        // What the host's closure owns is dropped here, without the lock.
        found.is_some()
    }

    /// Asks those that are due. Whether anything changed.
    pub(crate) fn ask_due(&self) -> bool {
        let all = self.watched.lock().clone();
        let due = all.iter().filter(|check| check.due().is_some_and(|due| due <= self.now()));
        due.fold(false, |changed, check| check.ask(&|| self.now()) | changed)
    }

    /// In how long the next one is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        let due = self.watched.lock().iter().filter_map(|check| check.due()).min();
        due.map(|due| due.saturating_sub(self.now()))
    }

    pub(crate) fn status(&self) -> Vec<CheckStatus> {
        let all = self.watched.lock().clone();
        let now = self.now();
        all.iter().map(|check| check.status(now)).collect()
    }
}

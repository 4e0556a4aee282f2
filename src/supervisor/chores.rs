//! What is done every so often on the supervisor's thread.

use super::incident::Incident;
use super::watchdog::Watchdog;
use crate::contain::contain;
use crate::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) type ChoreBody = dyn FnMut() + Send;

/// Something done every so often.
pub(crate) struct Chore {
    pub(crate) name: Arc<str>,
    pub(crate) every: Duration,
    pub(crate) body: Box<ChoreBody>,
    pub(crate) due: Instant,
}

/// All there are. Few, so each look goes through them.
pub(crate) struct Chores(pub(crate) Vec<Chore>);

impl Chores {
    pub(crate) fn due(&self) -> Option<Instant> {
        self.0.iter().map(|chore| chore.due).min()
    }

    /// From now on chores of this name are done this often; for the first time no later than they would be.
    pub(crate) fn pace(&mut self, name: &str, every: Duration) {
        let next = Instant::now() + every;
        for chore in self.0.iter_mut().filter(|chore| *chore.name == *name) {
            chore.every = every;
            chore.due = chore.due.min(next);
        }
    }

    /// Chores of this name are due now.
    pub(crate) fn hurry(&mut self, name: &str) {
        let now = Instant::now();
        for chore in self.0.iter_mut().filter(|chore| *chore.name == *name) {
            chore.due = chore.due.min(now);
        }
    }

    /// Does what is due; how many were done, and which of them panicked.
    pub(crate) fn run(&mut self, now: Instant, watchdog: &Watchdog) -> (u64, Vec<Incident>) {
        let (mut done, mut panicked) = (0, Vec::new());
        for chore in self.0.iter_mut().filter(|chore| chore.due <= now) {
            done += 1;
            watchdog.enter(&chore.name);
            if let Err(message) = contain(&mut chore.body) {
                panicked.push(Incident::ChorePanicked { chore: chore.name.clone(), message });
            }
            watchdog.leave();
            chore.due = Instant::now() + chore.every;
        }
        (done, panicked)
    }
}

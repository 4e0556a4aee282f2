//! Waiting until a deck is ready.

use super::monitor::Monitor;
use crate::error::{Diagnostic, Retry, Severity};
use crate::supervisor::{Probe, View};
use crate::sync::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Why a deck is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "deck is not ready after {waited:.1?}: {}; mend that, or ask `Flightdeck::health` for all of it",
    missing.join("; ")
)]
#[non_exhaustive]
pub struct NotReady {
    /// How long it was waited for.
    pub waited: Duration,
    /// What is missing.
    pub missing: Vec<String>,
}

impl Diagnostic for NotReady {
    fn code(&self) -> &'static str {
        "hub.health.not_ready"
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Later
    }
}

impl Monitor {
    /// Returns as soon as the deck is ready; parked meanwhile, and woken by each change.
    pub(super) fn wait_until_ready(&self, timeout: Duration) -> Result<(), NotReady> {
        let began = Instant::now();
        let deadline = began.checked_add(timeout);
        let _here = self.waiting.enter();
        loop {
            let health = self.health();
            if health.is_ready() {
                return Ok(());
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // The supervisor's thread would wait for itself, and who stops does not start.
            let is_vain = self.sights.supervisor.view().is_none_or(View::is_stopping_or_own);
            if is_vain || left == Some(Duration::ZERO) {
                let missing = health.missing(Probe::Ready);
                return Err(NotReady { waited: began.elapsed(), missing });
            }
            match left {
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
    }
}

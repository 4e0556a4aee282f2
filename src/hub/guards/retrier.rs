//! Retriers of a deck.

use super::registry::{Counts, Guard};
use crate::supervisor::{Retrier, RetryPolicy, RetrySettings, RetryStats};

impl Guard for Retrier {
    const WHAT: &'static str = "retrier";
    type Given = RetryPolicy;
    type Told = RetrySettings;
    type Stats = RetryStats;
    const COUNTS: Counts<RetryStats> = &[
        ("calls", |done| done.calls),
        ("retries", |done| done.retries),
        ("recovered", |done| done.recovered),
        ("permanent", |done| done.permanent),
        ("attempts", |done| done.attempts),
        ("deadline", |done| done.deadline),
        ("budget", |done| done.budget),
        ("cancelled", |done| done.cancelled),
    ];

    fn tell(&self, given: &RetryPolicy, told: Option<&RetrySettings>) {
        let policy = told.map_or_else(|| given.clone(), |told| told.over(given.clone()));
        // Settings that make no sense are refused before they get here.
        let _sensible = self.set_policy(policy);
    }

    fn done(&self) -> RetryStats {
        self.stats()
    }
}

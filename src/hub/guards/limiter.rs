//! Rate limiters of a deck.

use super::registry::{Counts, Guard};
use crate::supervisor::{Limiter, LimiterStats, Limits};

impl Guard for Limiter {
    const WHAT: &'static str = "limiter";
    type Given = Limits;
    type Told = Limits;
    type Stats = LimiterStats;
    const COUNTS: Counts<LimiterStats> = &[
        ("allowed", |done| done.allowed),
        ("limited", |done| done.limited),
        ("too_many", |done| done.too_many),
        ("timed_out", |done| done.timed_out),
        ("cancelled", |done| done.cancelled),
    ];

    fn tell(&self, given: &Limits, told: Option<&Limits>) {
        // Limits that cannot be kept are refused before they get here.
        let _sensible = self.set_limits(*told.unwrap_or(given));
    }

    fn done(&self) -> LimiterStats {
        self.stats()
    }
}

//! Circuit breakers of a deck.

use super::registry::{Counts, Guard, Levels};
use crate::supervisor::{Breaker, BreakerSettings, BreakerState, BreakerStats, BreakerTransition};

crate::kind! {
    pub(in crate::hub) BreakerChanged("flightdeck.breaker.changed", class = Critical, severity = Warn) {
        breaker: str, from: str, to: str, why: str,
    }
}

impl Guard for Breaker {
    const WHAT: &'static str = "breaker";
    type Given = BreakerSettings;
    type Told = BreakerSettings;
    type Stats = BreakerStats;
    const COUNTS: Counts<BreakerStats> = &[
        ("successes", |done| done.successes),
        ("failures", |done| done.failures),
        ("ignored", |done| done.ignored),
        ("abandoned", |done| done.abandoned),
        ("stale", |done| done.stale),
        ("slow", |done| done.slow),
        ("rejected", |done| done.rejected),
        ("trips", |done| done.trips),
    ];
    const LEVELS: Levels<Self> = &[("state", |breaker| match breaker.state() {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
        BreakerState::ForcedOpen => 3,
        BreakerState::Disabled => 4,
    })];

    fn tell(&self, given: &BreakerSettings, told: Option<&BreakerSettings>) {
        // Settings that make no sense are refused before they get here.
        let _sensible = self.reconfigure(told.unwrap_or(given).clone());
    }

    fn done(&self) -> BreakerStats {
        self.tick();
        self.stats()
    }
}

/// A change of state, as an event.
pub(super) fn changed<'a>(breaker: &'a str, change: &BreakerTransition) -> BreakerChanged<'a> {
    let (from, to, why) = (change.from.name(), change.to.name(), change.why.name());
    BreakerChanged { breaker, from, to, why }
}

//! Circuit breakers of a deck.

use super::registry::Guard;
use crate::hub::pipeline::Rising;
use crate::supervisor::{Breaker, BreakerSettings, BreakerState, BreakerTransition};
use crate::telemetry::{Gauge, Telemetry};

crate::kind! {
    pub(in crate::hub) BreakerChanged("flightdeck.breaker.changed", class = Critical, severity = Warn) {
        breaker: str, from: str, to: str, why: str,
    }
}

/// A breaker's numbers, as telemetry has them.
pub(super) struct OfBreaker {
    successes: Rising,
    failures: Rising,
    ignored: Rising,
    abandoned: Rising,
    stale: Rising,
    slow: Rising,
    rejected: Rising,
    trips: Rising,
    state: Gauge,
}

impl OfBreaker {
    pub(super) fn new(telemetry: &Telemetry, name: &str) -> Self {
        let rising = |what: &str| Rising::new(telemetry, &format!("breaker.{name}.{what}"));
        Self {
            successes: rising("successes"),
            failures: rising("failures"),
            ignored: rising("ignored"),
            abandoned: rising("abandoned"),
            stale: rising("stale"),
            slow: rising("slow"),
            rejected: rising("rejected"),
            trips: rising("trips"),
            state: telemetry.gauge(&format!("breaker.{name}.state")),
        }
    }
}

impl Guard for Breaker {
    const WHAT: &'static str = "breaker";
    type Told = BreakerSettings;
    type Mirror = OfBreaker;

    fn tell(&self, told: &BreakerSettings) {
        // Settings that make no sense are refused before they get here.
        let _sensible = self.reconfigure(told.clone());
    }

    fn follow(&self, mirror: &OfBreaker) {
        self.tick();
        let stats = self.stats();
        mirror.successes.follow(stats.successes);
        mirror.failures.follow(stats.failures);
        mirror.ignored.follow(stats.ignored);
        mirror.abandoned.follow(stats.abandoned);
        mirror.stale.follow(stats.stale);
        mirror.slow.follow(stats.slow);
        mirror.rejected.follow(stats.rejected);
        mirror.trips.follow(stats.trips);
        mirror.state.set(match self.state() {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
            BreakerState::ForcedOpen => 3,
            BreakerState::Disabled => 4,
        });
    }
}

/// A change of state, as an event.
pub(super) fn changed<'a>(breaker: &'a str, change: &BreakerTransition) -> BreakerChanged<'a> {
    let (from, to, why) = (change.from.name(), change.to.name(), change.why.name());
    BreakerChanged { breaker, from, to, why }
}

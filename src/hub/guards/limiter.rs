//! Rate limiters of a deck.

use super::registry::Guard;
use crate::hub::pipeline::Rising;
use crate::supervisor::{Limiter, Limits};
use crate::telemetry::Telemetry;

/// A limiter's numbers, as telemetry has them.
pub(super) struct OfLimiter {
    allowed: Rising,
    limited: Rising,
    too_many: Rising,
    timed_out: Rising,
    cancelled: Rising,
}

impl OfLimiter {
    pub(super) fn new(telemetry: &Telemetry, name: &str) -> Self {
        let rising = |what: &str| Rising::new(telemetry, &format!("limiter.{name}.{what}"));
        Self {
            allowed: rising("allowed"),
            limited: rising("limited"),
            too_many: rising("too_many"),
            timed_out: rising("timed_out"),
            cancelled: rising("cancelled"),
        }
    }
}

impl Guard for Limiter {
    const WHAT: &'static str = "limiter";
    type Told = Limits;
    type Mirror = OfLimiter;

    fn tell(&self, told: &Limits) {
        // Limits that cannot be kept are refused before they get here.
        let _sensible = self.set_limits(*told);
    }

    fn follow(&self, mirror: &OfLimiter) {
        let stats = self.stats();
        mirror.allowed.follow(stats.allowed);
        mirror.limited.follow(stats.limited);
        mirror.too_many.follow(stats.too_many);
        mirror.timed_out.follow(stats.timed_out);
        mirror.cancelled.follow(stats.cancelled);
    }
}

//! Bulkheads of a deck.

use super::registry::Guard;
use crate::hub::pipeline::{Rising, signed};
use crate::supervisor::Bulkhead;
use crate::telemetry::{Gauge, Telemetry};

/// A bulkhead's numbers, as telemetry has them.
pub(super) struct OfBulkhead {
    entered: Rising,
    rejected: Rising,
    timed_out: Rising,
    inside: Gauge,
    waiting: Gauge,
    limit: Gauge,
}

impl OfBulkhead {
    pub(super) fn new(telemetry: &Telemetry, name: &str) -> Self {
        let rising = |what: &str| Rising::new(telemetry, &format!("bulkhead.{name}.{what}"));
        let gauge = |what: &str| telemetry.gauge(&format!("bulkhead.{name}.{what}"));
        Self {
            entered: rising("entered"),
            rejected: rising("rejected"),
            timed_out: rising("timed_out"),
            inside: gauge("inside"),
            waiting: gauge("waiting"),
            limit: gauge("limit"),
        }
    }
}

impl Guard for Bulkhead {
    const WHAT: &'static str = "bulkhead";
    type Told = u32;
    type Mirror = OfBulkhead;

    fn tell(&self, told: &u32) {
        // A limit that makes no sense is refused before it gets here.
        let _sensible = self.set_limit(*told);
    }

    fn follow(&self, mirror: &OfBulkhead) {
        let stats = self.stats();
        mirror.entered.follow(stats.entered);
        mirror.rejected.follow(stats.rejected);
        mirror.timed_out.follow(stats.timed_out);
        mirror.inside.set(signed(stats.inside));
        mirror.waiting.set(signed(stats.waiting));
        mirror.limit.set(signed(self.limit()));
    }
}

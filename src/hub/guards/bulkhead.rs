//! Bulkheads of a deck.

use super::registry::{Counts, Guard, Levels};
use crate::hub::pipeline::signed;
use crate::supervisor::{Bulkhead, BulkheadStats};

impl Guard for Bulkhead {
    const WHAT: &'static str = "bulkhead";
    type Given = u32;
    type Told = u32;
    type Stats = BulkheadStats;
    const COUNTS: Counts<BulkheadStats> = &[
        ("entered", |done| done.entered),
        ("rejected", |done| done.rejected),
        ("timed_out", |done| done.timed_out),
    ];
    const LEVELS: Levels<Self> = &[
        ("inside", |bulkhead| signed(bulkhead.stats().inside)),
        ("waiting", |bulkhead| signed(bulkhead.stats().waiting)),
        ("limit", |bulkhead| signed(bulkhead.limit())),
    ];

    fn tell(&self, given: &u32, told: Option<&u32>) {
        // A limit that makes no sense is refused before it gets here.
        let _sensible = self.set_limit(*told.unwrap_or(given));
    }

    fn done(&self) -> BulkheadStats {
        self.stats()
    }
}

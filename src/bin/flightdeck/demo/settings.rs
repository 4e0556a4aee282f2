//! What of the host can be changed while it runs.

use flightdeck::config::{Validate, Violations};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The host's config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Quotes kept for the next who asks.
    pub cache_entries: usize,
    /// What the house adds to a price, in hundredths of a percent.
    pub margin_bps: u64,
    /// Levels of the book that a reply shows.
    pub depth: usize,
}

impl Validate for Settings {
    fn validate(&self, report: &mut Violations) {
        let Self { cache_entries, margin_bps, depth } = *self;
        report.require(
            (1..=1 << 20).contains(&cache_entries),
            "cache_entries",
            &cache_entries,
            "must be 1 to 1048576",
        );
        report.require(margin_bps <= 500, "margin_bps", &margin_bps, "must be at most 500");
        report.require((1..=32).contains(&depth), "depth", &depth, "must be 1 to 32");
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache_entries, margin_bps, depth } = self;
        write!(f, "cache_entries={cache_entries} margin_bps={margin_bps} depth={depth}")
    }
}

/// The first revision.
pub const FIRST: Settings = Settings { cache_entries: 512, margin_bps: 25, depth: 20 };

/// What it is changed to in the course of the demo, all at about the same cost for a request.
pub const CHANGES: [Settings; 3] = [
    Settings { cache_entries: 640, ..FIRST },
    Settings { cache_entries: 640, margin_bps: 40, ..FIRST },
    Settings { cache_entries: 512, margin_bps: 30, ..FIRST },
];

/// What it is asked to become and refuses.
pub const REFUSED: Settings = Settings { cache_entries: 0, margin_bps: 9_000, ..FIRST };

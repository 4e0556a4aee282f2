//! The rows, by group.

mod bridges;
mod config;
mod demo;
mod events;
mod mapped;
mod queries;
mod seed;
mod supervisor;
mod telemetry;

use crate::session::Session;
#[cfg(feature = "mapped")]
pub use mapped::answer_attached;

/// A group's name, and what measures its rows.
type Group = (&'static str, fn(&mut Session));

/// All groups, in the order of the report.
pub const ALL: &[Group] = &[
    ("events", events::run),
    ("queries", queries::run),
    ("telemetry", telemetry::run),
    ("config", config::run),
    ("supervisor", supervisor::run),
    ("mapped", mapped::run),
    ("bridges", bridges::run),
    ("demo", demo::run),
    ("seed", seed::run),
];

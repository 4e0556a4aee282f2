//! How a deck is: what is not as it should be, which probes that fails, since when, and when it ends.
//!
//! | file | idea |
//! |---|---|
//! | `concern` | [`Concern`]: what may not be as it should be, which probes fail with it, and when it ends |
//! | `report` | [`Health`]: all of it at one moment, part by part |
//! | `sight` | what the parts say now |
//! | `monitor` | what there was and is: looked at in turn, told to whoever wants to know |
//! | `change` | who is told of changes |
//! | `ready` | waiting until a deck is ready |
//! | `handle` | [`HealthHandle`], and what a deck offers |
//! | `json` | the report for programs (feature `json`) |

mod change;
mod concern;
mod handle;
#[cfg(feature = "json")]
mod json;
mod monitor;
mod ready;
mod report;
mod sight;
#[cfg(test)]
mod tests;

pub use change::{HealthChange, HealthSubscription};
pub use concern::Concern;
pub use handle::HealthHandle;
pub(super) use monitor::Monitor;
pub use monitor::{HealthHistory, PastConcern};
pub use ready::NotReady;
pub use report::{Health, HealthLevel, Part, PartHealth, Reason};
pub(super) use sight::{Detached, Poke, Sights, ask};

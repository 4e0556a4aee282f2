//! Config that is read for a nanosecond and changed while running, events that answer "what happened
//! to this request?" while the host keeps writing, telemetry that costs less than an atomic add, and
//! a supervisor that restarts what panics.

#[cfg(not(target_has_atomic = "64"))]
compile_error!("flightdeck needs 64-bit atomics: positions in the event store never wrap");
#[cfg(not(target_pointer_width = "64"))]
compile_error!("flightdeck needs 64-bit pointers: a shard is indexed by the low bits of a 64-bit position");

mod clock;
mod error;
mod hub;
mod id;
mod local;
mod region;
mod sync;

pub mod config;
pub mod events;
pub mod supervisor;
pub mod telemetry;

pub use clock::{Clock, ClockSource, Converter, Ticks};
pub use error::{Diagnostic, Retry, Severity};
pub use hub::{Builder, Concern, Flightdeck, Health, StartError};
pub use id::{CorrelationId, Revision, SpanId};

/// What models reach of the inside.
#[cfg(flightdeck_loom)]
#[doc(hidden)]
pub mod internals {
    pub use crate::config::parts::{Audience, Cell, Chain, Door, Link as ListLink, Queue};
    pub use crate::events::kinds::{Switch, Switches};
    pub use crate::events::record::Link;
    pub use crate::events::ring::{Cut, Geometry, Ring, Writing};
    pub use crate::events::shard::Shard;
    pub use crate::region::Region;
    pub use crate::sync::model::{Side, with_weakened};
    pub use crate::telemetry::cells::{Cells, Claim, Sizes};
}

//! Stages behind a cursor: validate, enrich, filter, batch, sink. A sink that is slow slows its stages, and never a writer.
//!
//! | file | idea |
//! |---|---|
//! | `build` | stages being put together, and cut into workers |
//! | `source`, `feed` | where items come from: the cursor, the worker before, a stage upon them |
//! | `worker` | when an item is taken, and when to wait |
//! | `handover`, `bell` | bounded queues between workers, and what they wait at |
//! | `sink` | batches, and what becomes of one that was not delivered |
//! | `stage` | what a stage did |
//! | `end`, `latch` | draining, and giving up |
//! | `handle` | [`Pipeline`], what hosts hold |
//!
//! Nothing here is a writer's business: the first feed is a cursor, which is a reader like any other. Nothing here starts a
//! thread either: a [`PipelineWorker`] is run by whoever has one, as a rule the deck's supervisor.

mod bell;
mod build;
mod end;
mod feed;
mod handle;
mod handover;
mod latch;
mod sink;
mod source;
mod stage;
mod worker;

#[cfg(flightdeck_loom)]
pub use bell::Bell;
pub use build::{Batched, Stages};
pub use handle::{Pipeline, PipelineStatus};
#[cfg(flightdeck_loom)]
pub use handover::Handover;
#[cfg(flightdeck_loom)]
pub use latch::Latch;
pub use sink::SinkError;
pub use stage::{Dropped, StageStatus};
pub use worker::PipelineWorker;

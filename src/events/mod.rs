//! Events: a sharded, overwriting store that answers while it is written.
//!
//! | file | idea |
//! |---|---|
//! | `handle` | [`Events`], what hosts hold |
//! | `build` | sizes, and how memory is divided |
//! | `schema`, `declare` | kinds and their fields; the macro that declares them |
//! | `payload`, `value`, `diff`, `pod` | fields as words, and read back |
//! | `privacy` | what is never stored, and what stands in its place |
//! | `kind`, `kinds` | kinds of one deck, and their switches |
//! | `calls` | ready-made kinds: calls of functions, changes of state |
//! | `stamp`, `scope` | whose event it is, and when |
//! | `record` | the words of a record |
//! | `ring`, `bucket` | the protocol: one writer, torn-proof readers, the index; from an id to its bucket |
//! | `class`, `shard` | retention classes; a ring for each, and the claim on them |
//! | `store`, `writer`, `threads` | the write path, per thread and by hand |
//! | `loss` | what was not kept |
//! | `read`, `query`, `answer`, `timeline` | from words to answers |
//!
//! # Why single-writer shards
//!
//! With several writers in one overwriting ring, one that is preempted in the middle of a record resumes into
//! the middle of a newer, published one, and no position counter can see it. A lock, gating or a checksum per
//! record pay for that. Here a thread claims a shard for as long as it lives, so a write is a few
//! plain stores, and a reader can prove from two positions that what it copied was not overwritten.
//! The price: a query asks every shard, and an idle thread's ring is memory that others do not use.

mod answer;
mod bucket;
mod build;
mod calls;
mod class;
mod declare;
mod diff;
mod error;
mod handle;
mod kind;
pub(crate) mod kinds;
mod loss;
mod payload;
#[cfg(feature = "zerocopy")]
mod pod;
mod privacy;
mod query;
mod read;
pub(crate) mod record;
pub(crate) mod ring;
mod schema;
mod scope;
pub(crate) mod shard;
mod stamp;
mod store;
mod threads;
mod timeline;
mod trace_context;
mod value;
mod writer;

pub use answer::{Answer, EventId, Recorded, Truncation, Verdict};
pub use build::{Builder, Plan, Shares};
pub use calls::{Call, FunctionEntered, FunctionExited, StateChanged};
pub use class::{Class, PerClass};
pub use diff::{Change, Diff};
#[cfg(feature = "zerocopy")]
pub use error::PodError;
pub use error::{
    BuildError, DefineError, QueryError, RecordError, TraceparentError, ValuesError, WriterError,
};
pub use handle::{Events, Stats};
pub use kind::Kind;
pub use loss::{Loss, LossCause};
#[doc(hidden)]
pub use payload::{Encode, Payload};
#[cfg(feature = "zerocopy")]
#[doc(hidden)]
pub use pod::Pod;
#[doc(hidden)]
pub use privacy::{Hide, Personal, Secret};
pub use privacy::{Privacy, Pseudonym};
pub use query::Query;
#[doc(hidden)]
pub use schema::Site;
pub use schema::{Event, Field, FieldType, Schema};
pub use scope::{InScope, Scope, ScopeGuard, Scoped};
pub use stamp::Stamp;
pub use timeline::{FieldsOf, Timeline};
pub use trace_context::Traceparent;
pub use value::Value;
pub use writer::Writer;

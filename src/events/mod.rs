//! Events: a sharded, overwriting store that answers while it is written.
//!
//! | file | idea |
//! |---|---|
//! | `handle` | [`Events`], what hosts hold |
//! | `build`, `plan` | sizes; how memory is divided, and what fits |
//! | `schema`, `declare` | kinds and their fields; the macro that declares them |
//! | `payload`, `value`, `diff`, `pod` | fields as words, and read back |
//! | `privacy` | what is never stored, and what stands in its place |
//! | `kind`, `kinds`, `schemas` | kinds of one deck, and their switches; what is known of each |
//! | `view`, `section` | all that answers need; its words, and reading them where somebody else wrote them |
//! | `recording` | the same answers for whoever may only look |
//! | `calls` | ready-made kinds: calls of functions, changes of state |
//! | `stamp`, `scope`, `seeds` | whose event it is, and when; where span ids start |
//! | `span`, `link` | stretches of work from start to end, and what they belong together with |
//! | `record` | the words of a record |
//! | `bell` | waking whoever waits for events of prompt kinds |
//! | `ring`, `bucket` | the protocol: one writer, torn-proof readers, the index; from an id to its bucket |
//! | `class`, `shard` | retention classes; a ring for each, and the claim on them |
//! | `overflow` | the last resort: slots that many threads write |
//! | `store`, `target`, `writer`, `threads` | the write path, per thread and by hand |
//! | `batch`, `run`, `mark` | several events at once, of any kinds or of one; events of nothing but a moment |
//! | `claim` | an event that is filled in where it will lie |
//! | `control` | levels, samples, rates and quotas, changed while the host runs |
//! | `loss`, `stats`, `status` | what was not kept; what there is; both at one look |
//! | `prune`, `age`, `count` | what is taken out before it is overwritten, by age too; how much that is |
//! | `scrub` | overwriting what was taken out |
//! | `incident` | answers that are kept when the rings go on |
//! | `read`, `query`, `answer`, `timeline` | from words to answers |
//! | `line`, `json` | an event as a line of text; as JSON |
//! | `cursor` | followed live: each event once, and each gap counted |
//! | `tail` | printed live, line by line |
//! | `pipeline`, `owned` | stages behind a cursor; events that they pass on |
//! | `predicate` | conditions on the fields of events |
//! | `trigger` | what is captured when something happens, by itself |
//!
//! # Why single-writer shards
//!
//! With several writers in one overwriting ring, one that is preempted in the middle of a record resumes into
//! the middle of a newer, published one, and no position counter can see it. A lock, gating or a checksum per
//! record pay for that. Here a thread claims a shard for as long as it lives, so a write is a few
//! plain stores, and a reader can prove from two positions that what it copied was not overwritten.
//! The price: a query asks every shard, and an idle thread's ring is memory that others do not use.
//!
//! # Threads
//!
//! A thread takes a free shard at its first record, or ahead of it with [`Events::register_thread`], and its end gives
//! the shard to the next thread, which goes on where it stopped: history stays. With none left it takes one of the
//! [shared](Builder::shared_shards) ones for each record, the emergency shard if those are all in the middle of one, and
//! then a slot of the [overflow](Builder::overflow_slots). A thread that the system stops in the middle of a record keeps
//! its shard from the others, and with 1,000 threads that do nothing but record that is soon every shard; of the overflow
//! it keeps one slot. So nothing is lost as long as there are as many slots as threads, but the overflow is small: what
//! goes there is soon overwritten. With as many shards as threads each keeps its history.
//!
//! | recording from | goes |
//! |---|---|
//! | an allocator, while this very thread records or takes its shard | to the emergency shard |
//! | a thread-local's destructor after ours has run | through the shared shards |
//! | a panic hook | as everything on that thread |
//! | a signal handler, with [`Events::record_in_signal`] | to a shard that no thread keeps, or the overflow |
//! | the child of a `fork`, with feature `os` | nowhere: a counted loss |

mod age;
mod answer;
mod batch;
pub(crate) mod bell;
mod bucket;
mod build;
mod calls;
mod claim;
mod class;
pub(crate) mod control;
mod count;
pub(crate) mod cursor;
mod declare;
mod diff;
mod error;
mod handle;
mod incident;
#[cfg(feature = "json")]
mod json;
mod kind;
pub(crate) mod kinds;
mod line;
mod link;
mod loss;
mod mark;
pub(crate) mod overflow;
mod owned;
mod payload;
pub(crate) mod pipeline;
mod plan;
#[cfg(feature = "zerocopy")]
mod pod;
mod predicate;
mod privacy;
mod prune;
mod query;
mod read;
pub(crate) mod record;
mod recording;
pub(crate) mod ring;
mod run;
mod schema;
pub(crate) mod schemas;
mod scope;
mod scrub;
mod section;
mod seeds;
pub(crate) mod shard;
mod span;
mod stamp;
mod stats;
mod status;
mod store;
pub(crate) mod tail;
mod target;
mod threads;
mod timeline;
mod trace_context;
mod tree;
mod trigger;
mod value;
mod view;
mod writer;

pub use answer::{Answer, BatchPart, EventId, Recorded, Truncation, Verdict};
pub use batch::Batch;
pub use build::{Builder, HugePages, Shares};
pub use calls::{Call, FunctionEntered, FunctionExited, StateChanged};
pub use claim::Claim;
pub use class::{Class, PerClass};
pub use control::{
    Directives, DirectivesError, Expected, Key, LevelWatch, Mistake, Quota, QuotaError, Rate, Suppressed,
    SuppressedBy,
};
pub use cursor::{Cursor, CursorState, CursorStats, Delivery, Gap, GapCause, Progress, Start};
pub use diff::{Change, Diff};
#[cfg(feature = "zerocopy")]
pub use error::PodError;
pub use error::{
    BatchError, BuildError, ClaimError, DefineError, FollowError, PromptError, QueryError, RecordError,
    ReserveError, TraceparentError, ValuesError, WriterError,
};
pub use handle::{Events, Stats};
pub use incident::{CaptureError, Incident, IncidentId, IncidentReceipt, IncidentStats, Pin, PinError};
#[cfg(feature = "json")]
pub use json::Json;
pub use kind::Kind;
pub use line::Line;
pub use link::Links;
pub use loss::{Loss, LossCause};
pub use owned::OwnedEvent;
#[doc(hidden)]
pub use payload::{Encode, Payload};
pub use pipeline::{
    Batched, Dropped, Pipeline, PipelineStatus, PipelineWorker, SinkError, StageStatus, Stages,
};
pub use plan::Plan;
#[cfg(feature = "zerocopy")]
#[doc(hidden)]
pub use pod::Pod;
pub use predicate::{FieldNamed, Predicate, PredicateError, field};
#[doc(hidden)]
pub use privacy::{Hide, Personal, Secret};
pub use privacy::{Privacy, Pseudonym};
pub use query::{Buckets, Counts, Folded, Lookup, Prepared, Query, Spread, Work};
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub use recording::RecordingError;
pub use recording::{InFlight, Nameless, RecordedThread, Recording};
#[doc(hidden)]
pub use schema::Site;
pub use schema::{Event, Field, FieldType, Schema};
pub use scope::{InScope, Scope, ScopeGuard, Scoped};
pub use scrub::ScrubReport;
pub use section::SectionError;
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub(crate) use section::copy as copy_section;
pub use span::{InSpan, OwnedSpan, Span, Spanned};
pub use stamp::Stamp;
pub use stats::{ClassStats, IndexStats, RingStats, ShardRole, ShardStats};
pub use status::Status;
pub(crate) use store::Aside;
pub(crate) use tail::utc::Utc;
pub use tail::{TailState, TailStats};
pub use timeline::{FieldsOf, NameOf, Timeline};
pub use trace_context::Traceparent;
pub use tree::{Children, Node, Origin, TraceTree};
pub(crate) use trigger::trim;
pub use trigger::{
    CapturePlace, Captured, Directory, LeftOut, Polled, Trigger, TriggerCause, TriggerError, TriggerReceipt,
    TriggerStatus, Triggers,
};
pub use value::Value;
pub use writer::Writer;

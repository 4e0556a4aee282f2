//! Flightdeck: config, events, telemetry and supervision for latency-sensitive hosts, with no lock on any hot
//! path.
//!
//! - [`config`]: a validated snapshot, read for about a nanosecond and changed while running
//! - [`events`]: the last moments of a host, indexed by what they belong to, asked while it keeps writing
//! - [`telemetry`]: counters, gauges and histograms that cost less than an atomic addition
//! - [`supervisor`]: one thread that restarts workers when they panic
//!
//! Each part works alone. A [`Flightdeck`] joins them, so that a config change and a worker's restart appear as
//! events and in counters by themselves.
//!
//! It will not write to disk unless a trigger is told to, open a socket or start a thread beyond the supervisor's, the
//! workers' and the triggers' own; and it does not outlive the process, unless its events are kept in a file.
//!
//! # Where to start
//!
//! | you want to | look at |
//! |---|---|
//! | link it into a host | [`Flightdeck::builder`]; [`guide::cookbook`] for a proxy, a database, a game server, a trading gateway |
//! | choose a clock, a way to read a config, a handle or a macro | [`guide::choices`] |
//! | come from `tracing`, `log`, `metrics` | `guide::coming_from` |
//! | know what to do at 3 a.m. | `guide::three_in_the_morning` (feature `mapped`) |
//! | declare events | [`kind!`] |
//! | carry a request's id through threads and tasks | [`events::Scope`], [`events::InScope`] |
//! | ask what happened | [`events::Events::query`] |
//! | report an error with what led to it | [`Flightdeck::report`], [`error::codes`] |
//! | see which workers failed, where and why | [`Flightdeck::failures`], [`Builder::panic_hook`] |
//! | keep what led to a failure, by itself | [`events::Trigger`] |
//! | have the last moments after `kill -9`, or look at them from another process | `Builder::mapped`, `Recording::open` (feature `mapped`) |
//! | see it in Perfetto or Chrome | `bridge::trace` (feature `trace-export`) |
//! | see it by cause | [`events::Events::trace_tree`], [`events::Answer::timeline`] |
//! | print events as they come | [`Flightdeck::tail`] |
//! | be woken by an event | [`events::Cursor::prompt`] |
//! | record in a tight loop | [`events::Events::writer`] |
//! | record in a signal handler | [`events::Events::record_in_signal`] |
//! | record less: by level, sample or rate | [`events::Directives`], [`events::Events::quota`] |
//! | have no slow first record | [`events::Events::register_thread`], [`events::Builder::prefault`] |
//! | read config on a hot path | [`config::Config::reader`] |
//! | read and change parts of a config by name, keep its secrets | `config::Paths`, `config::Config::key` (feature `serde`) |
//! | make a config again from the events of its changes | `Flightdeck::replay_config` (feature `serde`) |
//! | read config from files and the environment | `config::Sources` (feature `sources`) |
//! | pass events on to somewhere else | [`Flightdeck::pipeline`] |
//! | count | [`telemetry::Telemetry::counter`], [`counter!`] |
//! | count by labels | [`telemetry::Telemetry::counter_with`], [`telemetry::Telemetry::counter_by`] |
//! | count what must add up, whenever it is read | [`telemetry::Telemetry::group`] |
//! | run code of one's own when something was measured | [`telemetry::Telemetry::attach`] |
//! | have Prometheus read it | `bridge::serve::Server` (feature `serve`), `bridge::openmetrics::Renderer` (feature `openmetrics`) |
//! | shrink before memory runs out, scale by one number | `telemetry::PressureWatch` (feature `process`) |
//! | run a worker that may panic | [`Builder::worker`] |
//! | stop calling what fails, for a while | [`supervisor::Breaker`] |
//! | have no more than so many calls run at once | [`supervisor::Bulkhead`] |
//! | say whether the host is live and ready | [`Flightdeck::health`], [`supervisor::Check`] |
//! | assert in a test what was recorded | `testing` (feature `testing`) |
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `os` | what only the system can do: huge pages and locked memory for events, counted losses in place of writes in a forked child, signals kept off our own threads, cursors that are woken (Linux); through `libc`, on Unix |
//! | `mapped` | events in a file that outlives the process and that another process can ask (Linux); includes `os` |
//! | `json` | answers and events as JSON, through `serde_json` |
//! | `serde` | config by paths: parts of it read, changed and compared by name, secrets kept; through `serde_json` |
//! | `process` | what the system says about this process, as gauges; memory pressure, and a load to scale by (Linux); through `rustix` |
//! | `sources` | configs from files (TOML, JSON), the environment and run-time overrides, in layers; files watched; includes `serde`; through `toml` and `notify` |
//! | `yaml` | config files in YAML; includes `sources`; through `serde_norway` |
//! | `systemd` | systemd told how a deck is, and its watchdog petted while the deck is live (Linux) |
//! | `signals` | triggers that a signal sets off, through `signal-hook` |
//! | `tracing` | what is said through the crate `tracing`, events and spans, is recorded here: `bridge::tracing` |
//! | `tracing-opentelemetry` | the traces that a layer of `tracing-opentelemetry` keeps say whose it is; includes `tracing` |
//! | `log` | what is said through the crate `log` is recorded here: `bridge::log` |
//! | `metrics` | what is counted through the crate `metrics` is counted here: `bridge::metrics` |
//! | `openmetrics` | metrics as text for Prometheus: `bridge::openmetrics` |
//! | `trace-export` | events as a trace for Perfetto, or in the format of Chrome: `bridge::trace` |
//! | `tower` | requests that a host answers and sends through `tower` are recorded and counted, under the trace they belong to: `bridge::tower` |
//! | `axum` | their routes, as axum names them; includes `tower` |
//! | `serve` | a small HTTP server of metrics, probes, events and config: `bridge::serve`; includes `openmetrics`, `json` and `serde`; through `hyper` |
//! | `cli` | the `flightdeck` command-line tool; includes `json` |
//!
//! # Inside
//!
//! Dependencies point one way: the hub knows the four parts, the parts know clock, ids, the thread's block and memory,
//! and those know `sync`, the one file that names atomics and threads. The library is compiled a second time against
//! loom, and `cargo test` explores the models.

#[cfg(not(target_has_atomic = "64"))]
compile_error!("flightdeck needs 64-bit atomics: positions in the event store never wrap");
#[cfg(not(target_pointer_width = "64"))]
compile_error!("flightdeck needs 64-bit pointers: a shard is indexed by the low bits of a 64-bit position");

mod clock;
mod contain;
mod hub;
mod id;
mod local;
mod os;
mod random;
mod region;
mod status;
mod sync;

pub mod bridge;
pub mod config;
pub mod error;
pub mod events;
pub mod guide;
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub mod mapped;
pub mod supervisor;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use clock::{
    Clock, ClockCheck, ClockSource, ClockStatus, Converter, SourceReason, TickError, Ticker, Ticks, TimeError,
};
pub use error::{Diagnostic, Retry, Severity};
#[cfg(feature = "serve")]
pub use hub::ServeError;
#[cfg(all(feature = "systemd", target_os = "linux"))]
pub use hub::SystemdError;
pub use hub::{
    Builder, Concern, ConfigNameError, DeckStatus, ErrorReport, FailureReport, Failures, Flightdeck,
    GuardError, Health, HealthChange, HealthHandle, HealthHistory, HealthLevel, HealthSubscription, NotReady,
    PanicHookError, Part, PartHealth, PastConcern, PipelineHandle, PipelineSettings, Reason, Reported,
    Settings, StartError, Tail, TailBuilder, TailError,
};
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub use hub::{
    DumpError, Dumps, PartError, RecordedConcern, RecordedHealth, RecordedRevision, RecordedValue,
    RecordedWorker, Recording, Told,
};
#[cfg(feature = "serde")]
pub use hub::{ReplayError, Replayed};
pub use id::{CorrelationId, Revision, SpanId};
pub use status::{LastError, PartBytes, PartState};

/// What models reach of the inside.
#[cfg(flightdeck_loom)]
#[doc(hidden)]
pub mod internals {
    pub use crate::clock::segments::{Segment, Segments};
    pub use crate::config::parts::{Audience, Cell, Chain, Door, Link as ListLink, Queue, Sleepers};
    pub use crate::events::bell::Bell;
    pub use crate::events::control::{Bucket, Cell as Tallied, Gates, Key, Keys, Pace, Setting, Slab, Slot};
    pub use crate::events::cursor::{NoRecord, Track};
    pub use crate::events::kinds::{Switch, Switches};
    pub use crate::events::overflow::{Overflow, Slots};
    pub use crate::events::pipeline::{Bell as WorkerBell, Handover, Latch};
    pub use crate::events::record::{Lead, Link};
    pub use crate::events::ring::{Cut, Entry, Geometry, Parts, Ring, Unlinked, Writing};
    pub use crate::events::shard::{Owner, Shard};
    pub use crate::events::{Class, PerClass};
    pub use crate::local::Numbers;
    pub use crate::region::Region;
    pub use crate::region::board::Board;
    pub use crate::region::copied::Copied;
    pub use crate::region::log::Log;
    pub use crate::region::semispace::Semispace;
    pub use crate::region::stage::{Stage, State};
    pub use crate::supervisor::breaker::cells::{Cells as BreakerCells, Count, Sums};
    pub use crate::supervisor::breaker::judge::{Judge, Moved, Verdict};
    pub use crate::supervisor::breaker::turn::Turn;
    pub use crate::supervisor::breaker::word::Word;
    pub use crate::supervisor::bulkhead::room::Room;
    pub use crate::sync::fuse::vanishes_before;
    pub use crate::sync::model::{Side, Signal, with_weakened};
    pub use crate::telemetry::cells::{Cells, Claim, Sizes};
    pub use crate::telemetry::extremes::{Span, Tracker};
    pub use crate::telemetry::group::sheet::Sheet;
    pub use crate::telemetry::handlers::gate::{Ended, Ending, Gate, Refused};
    pub use crate::telemetry::handlers::here::Stripe;
    pub use crate::telemetry::series::claims::Claims;
}

/// What storms reach of the inside.
#[cfg(flightdeck_shuttle)]
#[doc(hidden)]
pub mod internals {
    pub use crate::telemetry::cells::{Cells, Claim, Sizes};
    pub use crate::telemetry::series::claims::Claims;
}

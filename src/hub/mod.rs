//! The deck: all four parts joined. The only place that knows them together.
//!
//! | file | idea |
//! |---|---|
//! | `builder` | what a deck is made of, and starting it |
//! | `configs` | further configs of a deck, by name |
//! | `file` | the file that a deck keeps, and reading one (feature `mapped`, Linux) |
//! | `journal` | what happens to config and workers, as events and counters |
//! | `health` | what of a deck is not as it should be, and which probes that fails |
//! | `sources` | sources of configs: watched, written down (feature `sources`) |
//! | `settings` | what a deck can be told while it runs |
//! | `process` | what the system says about the process (feature `process`) |
//! | `serve_error` | why nothing is served (feature `serve`) |
//! | `status` | how a deck is, part by part |
//! | `guards` | what protects calls of the host, by name |
//! | `handlers` | handlers of telemetry: served, written down |
//! | `pipeline` | pipelines: supervised, counted, written down |
//! | `report` | errors told to the deck: as events, counted, with what led to them |
//! | `replay` | changes of config by path, as events; and a config made again from them |
//! | `systemd` | what systemd is told (feature `systemd`, Linux) |
//! | `tail` | events printed live |
//! | `triggers` | who evaluates triggers, and what panics set off |
//! | `failures` | runs of workers that failed, each with what led to it |
//! | `panic_hook` | panics of any thread, as events |
//! | `trail` | the last events before something |
//!
//! The parts offer plain methods (an observer, a `tick`); the hub joins them.

mod builder;
mod configs;
mod failures;
#[cfg(all(feature = "mapped", target_os = "linux"))]
mod file;
mod guards;
mod handlers;
mod health;
mod journal;
mod panic_hook;
mod pipeline;
#[cfg(feature = "process")]
mod process;
#[cfg(feature = "serde")]
mod replay;
mod report;
#[cfg(feature = "serve")]
mod serve_error;
mod settings;
#[cfg(feature = "sources")]
mod sources;
mod status;
#[cfg(all(feature = "systemd", target_os = "linux"))]
mod systemd;
mod tail;
mod trail;
mod triggers;

pub use crate::supervisor::PanicHookError;
pub use builder::{Builder, StartError};
pub use configs::ConfigNameError;
pub use failures::{FailureReport, Failures};
#[cfg(all(feature = "mapped", target_os = "linux"))]
pub use file::{
    DumpError, Dumps, PartError, RecordedConcern, RecordedHealth, RecordedRevision, RecordedValue,
    RecordedWorker, Recording, Told,
};
pub use guards::GuardError;
pub use health::{
    Concern, Health, HealthChange, HealthHandle, HealthHistory, HealthLevel, HealthSubscription, NotReady,
    Part, PartHealth, PastConcern, Reason,
};
pub use pipeline::PipelineHandle;
#[cfg(feature = "serde")]
pub use replay::{ReplayError, Replayed};
pub use report::{ErrorReport, Reported};
#[cfg(feature = "serve")]
pub use serve_error::ServeError;
pub use settings::{PipelineSettings, Settings};
pub use status::DeckStatus;
#[cfg(all(feature = "systemd", target_os = "linux"))]
pub use systemd::SystemdError;
pub use tail::{Tail, TailBuilder, TailError};

use crate::clock::Ticker;
use crate::config::Config;
use crate::events::{Event, Events, Pipeline, ScopeGuard, Triggers};
use crate::id::CorrelationId;
use crate::supervisor::{self, PanicHook, StopReport, Supervisor};
use crate::sync::{Arc, Mutex};
use crate::telemetry::Telemetry;
use configs::Configs;
use failures::FailureLog;
use guards::Guards;
use health::Monitor;
use pipeline::Pipelines;
use settings::Built;
use std::fmt;
use std::time::{Duration, Instant};
use tail::Tails;

/// How long workers of pipelines go on when the last handle drops, within the second that all have.
const DRAINING_AT_DROP: Duration = Duration::from_millis(900);

/// A deck: config, events, telemetry and supervisor of one host, joined.
///
/// Cheap to clone; clones are the same deck. A config change and a worker's restart appear as events and in counters
/// by themselves. When the last handle drops, workers are stopped within a second; handles of parts
/// that are kept go on working: reading works, and what is recorded after [`Flightdeck::shutdown`] is a counted loss.
///
/// ```
/// use flightdeck::Flightdeck;
/// use flightdeck::supervisor::{Restart, WorkerContext};
/// use std::time::Duration;
///
/// flightdeck::kind! { OrderFilled("order.filled") { qty: u64, venue: str } }
///
/// let deck = Flightdeck::builder()
///     .events(|events| events.memory(8 << 20))
///     .worker("book", Restart::Permanent, |context: &WorkerContext| {
///         while !context.should_stop() {
///             let _ = context.wait(Duration::from_secs(1));
///         }
///     })
///     .start()?;
/// let filled = deck.telemetry().counter("orders_filled");
///
/// let _in = deck.scope(42_u64);
/// deck.record(OrderFilled { qty: 5, venue: "XETRA" });
/// filled.increment(1);
///
/// let answer = deck.events().query().correlation(42_u64).run()?;
/// assert!(answer.verdict().is_complete());
/// assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Flightdeck<C = ()> {
    inner: Arc<Inner<C>>,
}

struct Inner<C> {
    config: Config<C>,
    configs: Arc<Configs>,
    settings: Config<Settings>,
    built: Built,
    recording: settings::Recording<C>,
    events: Events,
    triggers: Triggers,
    telemetry: Telemetry,
    pipelines: Arc<Pipelines>,
    guards: Arc<Guards>,
    supervisor: Supervisor,
    tails: Tails,
    monitor: Arc<Monitor>,
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    systemd: systemd::Systemd,
    #[cfg(feature = "sources")]
    sources: Arc<sources::Hosted>,
    started: Instant,
    reports: report::Reports,
    #[cfg(feature = "process")]
    asked: Arc<process::Asked>,
    failures: Arc<FailureLog>,
    /// Of a deck that hears of panics of all threads.
    panic_hook: Option<PanicHook>,
    /// Of a deck whose coarse clock is refreshed.
    ticker: Mutex<Option<Ticker>>,
    /// After the supervisor, which stops when it is dropped.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    last_post: Option<file::LastPost>,
    /// Of a deck that is kept in a file.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    kept: Option<Arc<file::Kept>>,
}

impl<C> Drop for Inner<C> {
    /// Nobody has the deck any more.
    fn drop(&mut self) {
        self.tell_of_stop();
        self.pipelines.give_up_in(DRAINING_AT_DROP);
        self.end_triggers();
    }
}

impl<C> Inner<C> {
    /// Who has to know that it stops, before it does.
    fn tell_of_stop(&self) {
        #[cfg(all(feature = "systemd", target_os = "linux"))]
        if let Some(systemd) = &self.systemd {
            systemd.stopping();
        }
    }
}

/// Long enough for whatever is to be done, and never out of the clock's range.
const LONGEST: Duration = Duration::from_secs(1 << 30);

impl<C> Clone for Flightdeck<C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<C> fmt::Debug for Flightdeck<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flightdeck").field("supervisor", &self.inner.supervisor).finish_non_exhaustive()
    }
}

impl Flightdeck {
    /// What a deck is made of. Without anything further it has no config, 18 MiB of events and no workers.
    pub fn builder() -> Builder<()> {
        Builder::new()
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// The config.
    #[must_use]
    pub fn config(&self) -> &Config<C> {
        &self.inner.config
    }

    /// What the deck itself can be told while it runs, apart from the host's config: see [`Settings`].
    #[must_use]
    pub fn settings(&self) -> &Config<Settings> {
        &self.inner.settings
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.inner.events
    }

    /// The telemetry.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// The supervisor.
    #[must_use]
    pub fn supervisor(&self) -> &Supervisor {
        &self.inner.supervisor
    }

    /// Records an event: see [`Events::record`].
    #[inline(always)]
    pub fn record<E: Event>(&self, event: E) {
        self.inner.events.record(event);
    }

    /// From now until the guard drops this thread works for `id`: see [`Events::scope`].
    #[inline]
    pub fn scope(&self, id: impl Into<CorrelationId>) -> ScopeGuard {
        self.inner.events.scope(id)
    }

    /// Claims for this thread what its first event and its first count would claim.
    pub fn register_thread(&self) {
        self.inner.events.register_thread();
        self.inner.telemetry.register_thread();
    }

    /// Runs a pipeline: a supervised worker for each of its [`Pipeline::workers`], started again with backoff when a stage
    /// panics, and never melting the deck down. For one that misses nothing of the start: [`Builder::pipeline`].
    ///
    /// Telemetry has its numbers, at most 250 ms old, under `pipeline.NAME`: `cursor.out`, `cursor.overwritten`, `cursor.behind` and
    /// so on of the cursor; `STAGE.in`, `.out`, `.invalid`, `.filtered`, `.refused`, `.lost_in_panic`, `.retries`, `.busy_ns`,
    /// `.held` and `.queue.CLASS` of each stage; `sink.call_ns` is a histogram. What is lost in a panic is an event, too:
    /// `flightdeck.pipeline.lost`. When the deck is shut down, its other workers stop first; then the pipeline delivers what is
    /// there, within the deadline.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use std::time::Duration;
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let export = deck.events().query().kind::<OrderFilled>().follow()?.pipeline("export").batch(100, Duration::from_millis(50));
    /// let export = deck.pipeline(export.sink(|batch| {
    ///     println!("{batch:?}");
    ///     Ok(())
    /// }))?;
    /// deck.record(OrderFilled { qty: 5 });
    /// let status = export.stop(Duration::from_secs(5));
    /// assert_eq!((status.delivered(), status.left()), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there is a pipeline of its name, or another worker that is called as one of its own. Nothing of it runs then.
    pub fn pipeline(&self, pipeline: Pipeline) -> Result<PipelineHandle, supervisor::StartError> {
        pipeline::start(&self.inner, pipeline)
    }

    /// The pipelines that it runs.
    #[must_use]
    pub fn pipelines(&self) -> Vec<PipelineHandle> {
        pipeline::all(&self.inner)
    }

    /// Stops workers in reverse order, those of pipelines last, which deliver what is there in the time that is left. Then
    /// captures what triggers are [set off by it](crate::events::Trigger::on_shutdown) and what they have open, ends
    /// recording, and prints what [tails](Flightdeck::tail) have not. Always returns by the deadline, and says what it
    /// could not finish; where there are triggers, workers have a tenth of it less, at most 100 ms. A deck that is to write a copy of
    /// itself when it is [shut down](crate::Builder::dump_to) does so before recording ends, and returns once it is on the disk, also
    /// after the deadline. May be called twice,
    /// by a worker, or by a callback: see [`Supervisor::shutdown`].
    pub fn shutdown(&self, deadline: Duration) -> StopReport {
        let deadline = deadline.min(LONGEST);
        let until = Instant::now() + deadline;
        self.inner.tell_of_stop();
        let for_workers = deadline.saturating_sub(self.inner.for_last_captures(deadline));
        self.inner.pipelines.give_up_in(for_workers);
        let report = self.inner.supervisor.shutdown(for_workers);
        // That it stops is written down while events are taken, and told to those who wait for the deck to be ready.
        drop(self.inner.monitor.health());
        // Workers that still stop shall be heard until they have.
        if !report.pending {
            self.inner.pipelines.stopped();
            self.inner.triggers.finish(until.saturating_duration_since(Instant::now()));
            self.inner.config.tick();
            self.inner.configs.tick();
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            if let Some(last_post) = &self.inner.last_post {
                last_post.post();
                last_post.kept.dump_at_shutdown();
            }
            self.inner.events.stop();
            self.inner.tails.finish(until);
            drop(self.inner.ticker.lock().take());
        }
        report
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Flightdeck<()>>();
};

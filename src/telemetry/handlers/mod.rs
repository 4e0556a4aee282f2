//! Handlers: what hosts run when something is executed, as Erlang's `telemetry` has it.
//!
//! | file | idea |
//! |---|---|
//! | `execution` | what a handler is told |
//! | `prefix` | whom it is called for |
//! | `entry` | a handler, its queue |
//! | `attached` | all of them: a list that is replaced as a whole |
//! | `gate` | whether one may be called, and is being called |
//! | `here` | how deep a thread is in handlers |
//! | `kept` | an execution that waits in a queue |
//! | `handle` | what whoever attached one holds; serving a queue |
//! | `status` | what can be known of them |
//! | `contain` | panics of the host's code stay here |

mod attached;
mod entry;
mod error;
mod execution;
pub(crate) mod gate;
mod handle;
pub(crate) mod here;
mod kept;
mod prefix;
mod status;

pub(crate) use attached::Handlers;
pub use error::AttachError;
pub use execution::{Execution, Measurement, MetadataValue};
pub use handle::Handler;
pub use status::{HandlerNotice, HandlerPanic, HandlerState, HandlerStats, HandlerStatus, QueueStatus};

use super::handle::Telemetry;
use crate::sync::Arc;
use entry::Call;

impl Telemetry {
    /// Tells the handlers that are attached to a prefix of `name`, in the order in which they were attached. Returns when those that
    /// are not queued have.
    ///
    /// A name is made of words with dots between them, and a prefix of whole words: `http.request` is one of `http.request.stop`,
    /// not of `http.requests`; the empty one is of all names.
    ///
    /// With no handler at all this is a load and a branch; otherwise a comparison for each prefix, and for each call two atomic
    /// additions, mostly to a line of this thread's own. No lock and no allocation, but for queued handlers, which take copies. A
    /// handler may execute in turn: what is deeper than 16 reaches nobody, and is counted.
    ///
    /// Not for signal handlers.
    ///
    /// ```
    /// use flightdeck::telemetry::{Measurement, Telemetry};
    /// use std::time::Duration;
    /// let telemetry = Telemetry::new();
    /// let slow = telemetry.counter("slow_requests");
    /// let counted = slow.clone();
    /// telemetry.attach("slow requests", "http.request", move |execution| {
    ///     if let Some(Measurement::Duration(took)) = execution.measurement("duration")
    ///         && took > Duration::from_millis(100)
    ///     {
    ///         counted.increment(1);
    ///     }
    /// })?;
    /// for took in [20, 200] {
    ///     let took = Duration::from_millis(took);
    ///     telemetry.execute("http.request.stop", &[("duration", took.into())], &[("route", "/buy".into())]);
    /// }
    /// assert_eq!(slow.value(), 1);
    /// # Ok::<(), flightdeck::telemetry::AttachError>(())
    /// ```
    #[inline(always)]
    pub fn execute(
        &self,
        name: &str,
        measurements: &[(&str, Measurement)],
        metadata: &[(&str, MetadataValue<'_>)],
    ) {
        if self.inner.handlers.is_any() {
            self.inner.handlers.execute(&Execution { name, measurements, metadata });
        }
    }

    /// Whether any handler is attached: for hosts that have to work for what they would execute.
    #[inline(always)]
    #[must_use]
    pub fn has_handlers(&self) -> bool {
        self.inner.handlers.is_any()
    }

    /// Attaches a handler to a prefix of names: see [`Telemetry::execute`]. It is called by whoever executes, on several threads at
    /// once, and holds each of them up for as long as it takes.
    ///
    /// A handler may execute, attach, and detach, also itself. One that panics is detached, the panic stays here, and
    /// [`Telemetry::handler_stats`] has it. It is attached until it is detached: by its handle, or by its id. What it owns is
    /// dropped then, or as soon as nobody calls it, by whoever attaches, detaches, [sweeps](Telemetry::sweep_handlers) or serves its
    /// queue. When the last [`Telemetry`] is dropped, all are detached, queued ones once their queue is empty; a handler that owns
    /// one keeps it alive until it is detached.
    ///
    /// # Errors
    /// If the id is taken or empty, the prefix is not made of words, or 1,024 handlers are attached.
    pub fn attach(
        &self,
        id: &str,
        prefix: &str,
        handler: impl Fn(&Execution<'_>) + Send + Sync + 'static,
    ) -> Result<Handler, AttachError> {
        self.attach_many(id, &[prefix], handler)
    }

    /// Attaches a handler to several prefixes. It is called once for what begins with more than one of them.
    ///
    /// # Errors
    /// As [`Telemetry::attach`], or if there is no prefix.
    pub fn attach_many(
        &self,
        id: &str,
        prefixes: &[&str],
        handler: impl Fn(&Execution<'_>) + Send + Sync + 'static,
    ) -> Result<Handler, AttachError> {
        self.attach_boxed(id, prefixes, None, Box::new(handler))
    }

    /// Attaches a handler with a queue of its own: whoever executes puts a copy there and goes on, and the handler is called by
    /// whoever [runs it](Handler::run), one call at a time, in order. What comes when the queue is full is dropped, and counted,
    /// as is what takes more than 64 KiB.
    ///
    /// A copy takes up to three allocations, on the executing thread; the queue holds 64 KiB for each of `capacity` at most.
    ///
    /// ```
    /// use flightdeck::telemetry::Telemetry;
    /// let telemetry = Telemetry::new();
    /// let log = telemetry.attach_queued("log", &["http", "db"], 1_000, |execution| println!("{execution:?}"))?;
    /// telemetry.execute("db.query", &[("rows", 7_u64.into())], &[]);
    /// // By hand; usually a thread of its own runs it.
    /// assert_eq!(log.deliver(), 1);
    /// # Ok::<(), flightdeck::telemetry::AttachError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Telemetry::attach_many`], or if the capacity is 0 or more than 1,048,576.
    pub fn attach_queued(
        &self,
        id: &str,
        prefixes: &[&str],
        capacity: usize,
        handler: impl Fn(&Execution<'_>) + Send + Sync + 'static,
    ) -> Result<Handler, AttachError> {
        self.attach_boxed(id, prefixes, Some(capacity), Box::new(handler))
    }

    fn attach_boxed(
        &self,
        id: &str,
        prefixes: &[&str],
        capacity: Option<usize>,
        call: Call,
    ) -> Result<Handler, AttachError> {
        let handlers = &self.inner.handlers;
        let attached = handlers.attach(id, prefixes, capacity, call);
        let attached = attached.inspect_err(|error| self.inner.errors.note_error(error))?;
        let handler = Handler::new(&attached, handlers);
        // It may be detached by now, and this the last that has it.
        handlers.free(attached);
        Ok(handler)
    }

    /// Detaches the handler of this id; whether there was one. See [`Handler::detach`].
    pub fn detach(&self, id: &str) -> bool {
        self.inner.handlers.detach(|attached| *attached.entry.id == *id)
    }

    /// The handlers that are attached, in the order in which they are called.
    #[must_use]
    pub fn handlers(&self) -> Vec<HandlerStatus> {
        self.inner.handlers.status()
    }

    /// How many executions may wait for the handler of this id from now on: one at least, and no more than its queue was made
    /// for. What waits already, stays. Whether there is such a handler, and it has a queue.
    pub fn set_handler_queue(&self, id: &str, most: usize) -> bool {
        self.inner.handlers.allow(id, most)
    }

    /// How the handlers are, all of them together.
    #[must_use]
    pub fn handler_stats(&self) -> HandlerStats {
        self.inner.handlers.stats()
    }

    /// Has `observer` told of what happens to handlers, in place of the one before. It is called by the thread to which it
    /// happens; its panics stay here, and are counted. It goes with the last [`Telemetry`]: one that owns that keeps it alive.
    /// What a [deck](crate::Flightdeck) writes down of its handlers it writes down all the same.
    pub fn observe_handlers(&self, observer: impl Fn(&HandlerNotice<'_>) + Send + Sync + 'static) {
        self.inner.handlers.observe(Arc::new(observer));
    }

    /// Has a deck's journal told of the same, whoever observes.
    pub(crate) fn write_down_handlers(&self, journal: impl Fn(&HandlerNotice<'_>) + Send + Sync + 'static) {
        self.inner.handlers.write_down(Arc::new(journal));
    }

    /// Drops what detached handlers own that nobody calls any more; how many handlers that were. Attaching and detaching do so,
    /// too, and a deck does four times a second.
    pub fn sweep_handlers(&self) -> usize {
        self.inner.handlers.sweep()
    }
}

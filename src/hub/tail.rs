//! Events printed live, each tail on a supervised thread of its own.

use super::{Flightdeck, Inner};
use crate::error::{Diagnostic, Retry, Severity};
use crate::events::tail::{self, Format};
use crate::events::{Query, QueryError, Start, TailStats};
use crate::os;
use crate::supervisor::{ChildSpec, Restart, StartError, WorkerContext};
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed, Weak, thread};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long a stop of all workers waits for one: a writer that is stuck shall not use up the time of the others.
const SHUTDOWN: Duration = Duration::from_secs(1);
/// How long it parks between two looks: people read it.
const PARK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
/// How often the end of a deck looks whether the last lines are out.
const LOOK: Duration = Duration::from_millis(1);

/// What is to be printed, and how: from [`Flightdeck::tail`].
#[must_use = "nothing is printed before `to_stderr` or `to`"]
pub struct TailBuilder<'a, C> {
    deck: &'a Flightdeck<C>,
    query: Query<'a>,
    start: Start,
    format: Option<Format>,
    is_coloured: Option<bool>,
}

impl<C> fmt::Debug for TailBuilder<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailBuilder")
            .field("query", &self.query)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

/// Why nothing is printed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TailError {
    /// The filters make no sense, or ask for what only an answer has.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// There is no such worker to be had.
    #[error(transparent)]
    Worker(#[from] StartError),
    /// The deck was shut down.
    #[error("deck was shut down, and nothing comes that could be printed: query its events")]
    ShutDown,
}

impl TailError {
    fn cause(&self) -> Option<&dyn Diagnostic> {
        match self {
            Self::Query(error) => Some(error),
            Self::Worker(error) => Some(error),
            Self::ShutDown => None,
        }
    }
}

impl Diagnostic for TailError {
    fn code(&self) -> &'static str {
        self.cause().map_or("hub.tail.shut_down", Diagnostic::code)
    }

    fn severity(&self) -> Severity {
        self.cause().map_or(Severity::Error, Diagnostic::severity)
    }

    fn retry(&self) -> Retry {
        self.cause().map_or(Retry::Never, Diagnostic::retry)
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// Prints events as they come, from a supervised thread of its own: `fd-tail-1` for the first of a deck.
    ///
    /// ```
    /// use flightdeck::{Flightdeck, Severity};
    /// use std::time::Duration;
    /// flightdeck::kind! { OrderRejected("order.rejected", severity = Warn) { order: u64, reason: str } }
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let tail = deck.tail().filter(|query| query.severity_at_least(Severity::Warn)).to_stderr()?;
    /// deck.record(OrderRejected { order: 7, reason: "over the limit" });
    /// // 2026-11-26T04:30:27.123456Z warn     main order.rejected order=7 reason=over the limit
    /// assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
    /// assert!(tail.stats().written >= 1, "that, and what the deck itself has to say");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A line tells the wall time in UTC, severity, thread, kind, fields, of the end of a span how long it took, and the
    /// correlation id. Whatever the events hold, it stays one line and plain text, as in a
    /// [timeline](crate::events::Timeline). Events that are missing have a line where they are missing:
    /// `… 1,234 normal events overwritten before this`.
    ///
    /// It is a [cursor](crate::events::Cursor): writers of events do nothing for it and never wait for it, and an event appears
    /// within some 20 ms. An output that
    /// stands still, such as a pipe that nobody reads, holds up this thread alone (and whoever else writes there); what is
    /// overwritten meanwhile is told as missing. Lines are written some 16 KiB at a time.
    ///
    /// A closed pipe ends it, which its [state](TailStats::state) says. Other errors of the output, and panics, cost
    /// what was being written, which is [counted](TailStats::unwritten); it goes on after that, at once or when the supervisor
    /// has started it again. [`Flightdeck::shutdown`] prints what is left, up to the end of recording, as far as the deadline
    /// lets it: on a thread for each tail, since their own have stopped by then.
    pub fn tail(&self) -> TailBuilder<'_, C> {
        let query = self.events().query();
        TailBuilder { deck: self, query, start: Start::Now, format: None, is_coloured: None }
    }
}

impl<'a, C: Send + Sync + 'static> TailBuilder<'a, C> {
    /// Prints only what a query with these filters matches.
    pub fn filter(mut self, with: impl FnOnce(Query<'a>) -> Query<'a>) -> Self {
        self.query = with(self.query);
        self
    }

    /// Where to begin; with what comes from now on by default.
    pub fn start_at(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// JSON in place of text: an object a line, as [`Recorded::json`](crate::events::Recorded::json) has it. What is missing is
    /// an object, too: `{"gap":{"cause":"overwritten","lost":false,"count":"1234","class":"normal","shard":0,
    /// "from_ticks":"..","until_ticks":".."}}`.
    #[cfg(feature = "json")]
    pub fn json(mut self) -> Self {
        self.format = Some(Format::Json);
        self
    }

    /// Text with colours, as ANSI escape sequences, or without. By default with them if it goes to a stderr that is a
    /// terminal, unless `NO_COLOR` is set.
    pub fn colour(mut self, on: bool) -> Self {
        self.is_coloured = Some(on);
        self
    }

    /// Begins to print to stderr. Whoever drops what is returned lets it go on.
    ///
    /// # Errors
    /// If the filters make no sense, or the deck was shut down.
    pub fn to_stderr(mut self) -> Result<Tail, TailError> {
        let is_wanted = || std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        self.is_coloured.get_or_insert_with(|| is_wanted() && io::stderr().is_terminal());
        // Its lock is taken for each call, so once for all lines of a batch.
        self.to(io::stderr())
    }

    /// Begins to print there.
    ///
    /// # Errors
    /// As of [`TailBuilder::to_stderr`].
    pub fn to(self, writer: impl Write + Send + 'static) -> Result<Tail, TailError> {
        let is_coloured = self.is_coloured.unwrap_or(false);
        let format = self.format.unwrap_or(Format::Text { is_coloured });
        let cursor = self.query.follow_from(self.start)?.park_between(PARK.0, PARK.1);
        let tail = Arc::new(tail::Tail::new(cursor, format, Box::new(writer)));
        let inner = &self.deck.inner;
        let name: Arc<str> = inner.tails.begin(&tail)?.into();
        let printed = tail.clone();
        let print = move |context: &WorkerContext| printed.run(|| context.should_stop());
        let spec =
            ChildSpec::new(name.clone(), Restart::Transient, print).unlimited_restarts().shutdown(SHUTDOWN);
        inner.supervisor.add(spec).inspect_err(|_| inner.tails.forget(&tail))?;
        let deck: Weak<Inner<C>> = Arc::downgrade(inner);
        let (removed, of) = (tail.clone(), name.clone());
        let remove = move |deadline| {
            let Some(inner) = deck.upgrade() else { return };
            inner.tails.forget(&removed);
            // Not there any more: it was removed before.
            let _ = inner.supervisor.remove(&of, deadline);
        };
        Ok(Tail { name, tail, remove: Box::new(remove) })
    }
}

/// Events that are being printed: from [`TailBuilder::to_stderr`]. Dropped, it goes on.
pub struct Tail {
    name: Arc<str>,
    tail: Arc<tail::Tail>,
    remove: Box<dyn Fn(Duration) + Send + Sync>,
}

impl Tail {
    /// The name of its worker: `tail-1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What became of the events so far.
    #[must_use]
    pub fn stats(&self) -> TailStats {
        self.tail.stats()
    }

    /// Prints what was recorded before, and ends; the worker is taken off the supervisor's list. Returns by the deadline: if its
    /// state is `running` then, its writer holds it up, and it ends when that lets go. May be called twice.
    pub fn stop(&self, deadline: Duration) -> TailStats {
        self.tail.stop();
        (self.remove)(deadline);
        self.stats()
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("name", &self.name).field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// Those of a deck.
#[derive(Debug)]
pub(super) struct Tails {
    begun: AtomicU64,
    /// `None` once the deck was shut down.
    running: Mutex<Option<Running>>,
}

type Running = Vec<Arc<tail::Tail>>;

impl Tails {
    pub(super) fn new() -> Self {
        Self { begun: AtomicU64::new(0), running: Mutex::new(Some(Vec::new())) }
    }

    /// The name of a tail that begins.
    fn begin(&self, tail: &Arc<tail::Tail>) -> Result<String, TailError> {
        self.running.lock().as_mut().ok_or(TailError::ShutDown)?.push(tail.clone());
        Ok(format!("tail-{}", self.begun.fetch_add(1, Relaxed) + 1))
    }

    /// Of each that runs.
    pub(super) fn stats(&self) -> Vec<TailStats> {
        self.running.lock().iter().flatten().map(|tail| tail.stats()).collect()
    }

    fn forget(&self, tail: &Arc<tail::Tail>) {
        if let Some(running) = self.running.lock().as_mut() {
            running.retain(|other| !Arc::ptr_eq(other, tail));
        }
    }

    /// Prints what their workers left, and what came after them. To be called when nothing more comes.
    pub(super) fn finish(&self, until: Instant) {
        let left = self.running.lock().take().unwrap_or_default();
        let finish = |tail: Arc<tail::Tail>| {
            let thread = thread::Builder::new().name("fd-tail".to_owned());
            os::without_signals(|| thread.spawn(move || tail.finish()))
        };
        // What has no thread any more stays unprinted: it is in the store, for whoever asks.
        let threads: Vec<_> = left.into_iter().filter_map(|tail| finish(tail).ok()).collect();
        for thread in threads {
            while !thread.is_finished() && Instant::now() < until {
                thread::sleep(LOOK);
            }
        }
    }
}

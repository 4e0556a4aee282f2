//! A store's words, read by somebody who has nothing else: the same questions, the same answers.

#[cfg(all(feature = "mapped", target_os = "linux"))]
mod error;
mod flight;
mod thread;

#[cfg(all(feature = "mapped", target_os = "linux"))]
pub use error::RecordingError;
pub use flight::InFlight;
pub use thread::RecordedThread;

use super::answer::EventId;
use super::cursor::Cursor;
use super::handle::{Events, Stats};
use super::loss::Loss;
use super::plan::Plan;
use super::query::{Lookup, Query};
use super::schema::Schema;
use super::section::{self, SectionError};
use super::stats::{self, IndexStats, ShardStats};
use super::view::View;
use crate::clock::{ClockSource, Converter};
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::{self, OpenOptions, Opened, Section};
use crate::region::Span;
use crate::sync::Arc;
use std::fmt;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use std::path::Path;

/// What an event store recorded, for whoever may only look: the same questions and answers as the store's own.
///
/// It reads the very words that the store writes, and stores nothing there, so no writer waits for it or executes one more
/// instruction. It believes nothing: whatever the words say, also while they change, an answer comes after bounded time and
/// with bounded memory, if only an empty one. It cannot record, switch, prune or clear.
///
/// An answer is what the store itself would say, but for this:
///
/// - What the store's clock says now nobody knows here. So an answer is not closed under cause while the store records: with an
///   event it may lack another that happened just before it, in another thread. And a cursor tells no lag.
/// - [`Query::kind`] finds kinds whose schema is equal, since numbers are given by each process; for a kind with other fields
///   it is an error, and its events are found by its [name](Query::kind_named).
/// - Of threads and kinds for which the store had no room in its logs there is no name: [`Recording::nameless`].
/// - Whether a shard is claimed, and what [`Stats`] says of values that were cut, of links and of wake-ups, is not known: zero.
///
/// A mapped file is the file itself: if somebody makes it shorter while it is read, the system ends the reader (`SIGBUS`). Keep
/// others from writing to it, or read a copy; a file of [`Options::nameless`](crate::mapped::Options::nameless) cannot be cut.
///
/// ```
/// use flightdeck::events::Events;
/// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
///
/// let events = Events::builder().build()?;
/// let recording = events.recording()?;
/// events.record(OrderFilled { qty: 5 });
/// let answer = recording.query().kind::<OrderFilled>().run()?;
/// assert_eq!(answer.len(), 1);
/// println!("{}", answer.timeline());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
#[doc = include_str!("../section/format.md")]
#[derive(Clone)]
pub struct Recording {
    view: Arc<View>,
    plan: Plan,
    span: Span,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    file: Option<Arc<Opened>>,
}

/// What a store had no room for in its logs of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nameless {
    /// Kinds: their events have no fields here, and a query by kind or field says that it [may miss
    /// some](crate::events::Truncation::Nameless), as does [a cursor](crate::events::CursorStats::nameless).
    pub kinds: u64,
    /// Threads: their events have their number.
    pub threads: u64,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Events {
    /// What this store records, for whoever may only look. It reads as another process would: see [`Recording`]. Keeps the
    /// store's memory until it is dropped.
    ///
    /// # Errors
    /// If something else has written upon the store's memory.
    pub fn recording(&self) -> Result<Recording, SectionError> {
        // Its reader cannot compare the clock with anything.
        let _ = self.clock().recheck();
        Recording::of_span(self.store().span.clone())
    }
}

impl Recording {
    /// What lies there, if it is a section of events.
    pub(super) fn of_span(span: Span) -> Result<Self, SectionError> {
        let (view, shape) = section::open(&span)?;
        Ok(Self {
            view: Arc::new(view),
            plan: Plan::of(&shape),
            span,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            file: None,
        })
    }

    /// Reads the file of a deck, of this or another process, that runs or ran: see [`Builder::mapped`](super::Builder::mapped).
    ///
    /// It takes the permission to read the file, and nothing else, and nobody may cut it off meanwhile: see
    /// [`Recording`]. Nothing is read of it yet but where things lie: about a
    /// millisecond, whatever its size.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        Self::of(Opened::open(path, &OpenOptions::new())?)
    }

    /// As [`Recording::open`], of a file that is open already.
    ///
    /// # Errors
    /// If no events are in it.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn of(file: Opened) -> Result<Self, RecordingError> {
        Self::of_shared(Arc::new(file))
    }

    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn of_shared(file: Arc<Opened>) -> Result<Self, RecordingError> {
        let section = file.section(mapped::kind::EVENTS, 0);
        let Some(Section { region, start, words, version }) = section else {
            return Err(RecordingError::NoEvents { path: file.path().to_owned() });
        };
        let (found, known) = (u64::from(version), section::VERSION);
        if found != known {
            return Err(SectionError::Version { found, known }.into());
        }
        let mut recording = Self::of_span(Span { region, start, len: words })?;
        if let Some(view) = Arc::get_mut(&mut recording.view) {
            view.file = Some(file.clone());
        }
        Ok(Self { file: Some(file), ..recording })
    }

    /// The file: whose it is, and whether its writer lives. `None` where it is no file that is read.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    #[must_use]
    pub fn file(&self) -> Option<&Opened> {
        self.file.as_deref()
    }

    /// Asks what happened.
    #[must_use = "a query does nothing until it runs"]
    pub fn query(&self) -> Query<'_> {
        Query::new(&self.view)
    }

    /// As of [`Events::event`].
    #[must_use]
    pub fn event(&self, id: EventId) -> Lookup {
        Lookup::of(&self.view, id)
    }

    /// Follows what is recorded from now on, as of [`Events::cursor`]. It is closed once all is delivered of a file that its
    /// writer has closed, or that has no writer any more: it asks the system at its first look, and then every 100 ms while
    /// it looks. One of [`Events::recording`] never is, since words alone do not tell whether their writer lives.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::of_all(&self.view)
    }

    /// As of [`Events::losses`].
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.view.all_losses().collect()
    }

    /// As of [`Events::stats`], as far as that can be told.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::of_view(&self.view, &self.plan)
    }

    /// As of [`Events::shard_stats`]; whether a shard is claimed cannot be told.
    #[must_use]
    pub fn shard_stats(&self) -> Vec<ShardStats> {
        stats::of_shards(&self.view)
    }

    /// As of [`Events::index_stats`].
    #[must_use]
    pub fn index_stats(&self, budget: u64) -> IndexStats {
        stats::of_index(&self.view, budget)
    }

    /// How the store's memory is divided.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.plan
    }

    /// How the store's clock reads, or read, time.
    #[must_use]
    pub fn clock_source(&self) -> ClockSource {
        self.view.clock.source()
    }

    /// A conversion for the stamps of its events. Where the [rate is not known](Recording::knows_rate) it takes ticks for
    /// nanoseconds, which may be several times too long.
    #[must_use]
    pub fn converter(&self) -> Converter {
        self.view.clock.converter()
    }

    /// Whether it is known how fast the store's clock ran, so that ticks convert to time. A store in a file tells it before its
    /// first event, and so does [`Events::recording`], unless the store is some milliseconds old.
    #[must_use]
    pub fn knows_rate(&self) -> bool {
        self.view.clock.is_rate_told()
    }

    /// The kinds that the store knew, in no order.
    pub fn kinds(&self) -> impl Iterator<Item = &Schema> {
        self.view.schemas.all().map(|(_, schema)| schema)
    }

    /// What the store had no room for in its logs: the events are there, and the names are not.
    #[must_use]
    pub fn nameless(&self) -> Nameless {
        Nameless { kinds: self.view.schemas.refused(), threads: self.view.threads.refused() }
    }

    /// The threads that ever wrote, in the order in which they came.
    #[must_use]
    pub fn threads(&self) -> Vec<RecordedThread> {
        thread::all(self.view.threads.log())
    }

    /// What writers seem to be in the middle of, or were when they ended: see [`InFlight`]. It says nothing of the first record
    /// of a ring, which has none before it to compare times with; and nothing of a [copy](crate::mapped::State::Copied), whose rings may
    /// have gone on between the look at where they ended and the copy of what lies beyond.
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight> {
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if self.view.file.as_ref().is_some_and(|file| file.state() == Some(mapped::State::Copied)) {
            return Vec::new();
        }
        let schemas = &self.view.schemas;
        let rings = self.view.rings_in_use();
        rings.filter_map(|(shard, class, ring)| flight::of(shard, class, ring, schemas)).collect()
    }

    /// How many bytes it reads.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.span.len * 8
    }
}

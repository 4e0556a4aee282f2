//! Incidents: answers that are kept when the rings go on, in memory of a fixed size.
//!
//! | file | idea |
//! |---|---|
//! | `shelf` | where they lie: one piece of memory, oldest first |
//! | `packed` | an event as bytes, and back |
//! | `error` | why one was not kept |
//!
//! All of it is cold, behind one lock that no write of an event takes.

mod error;
mod packed;
mod shelf;
#[cfg(all(test, not(flightdeck_loom)))]
mod tests;

pub use error::{CaptureError, PinError};
pub(super) use packed::packed_bytes;
use shelf::Shelf;

use super::answer::{Answer, Verdict};
use super::handle::Events;
use super::store::Store;
use crate::clock::Ticks;
use crate::id::CorrelationId;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed};
use std::fmt;

/// The longest name of an incident, in bytes.
const LONGEST_NAME: usize = 256;
/// The longest cause, in bytes.
const LONGEST_CAUSE: usize = 1_024;
/// What is said of an incident for which nobody gave a cause.
const ASKED: &str = "asked for";

/// Which incident it is. Never used twice in the life of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IncidentId(u64);

impl IncidentId {
    /// The number, from 1 up, in the order of pinning.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for IncidentId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How an answer is to be pinned: under which name, why, and for how long. A text alone is a name.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is kept before `Events::pin`"]
pub struct Pin<'a> {
    name: &'a str,
    cause: &'a str,
    is_protected: bool,
}

impl<'a> Pin<'a> {
    /// Under this name, of at most 256 bytes; it need not be unique.
    pub const fn named(name: &'a str) -> Self {
        Self { name, cause: ASKED, is_protected: false }
    }

    /// Because of this, in at most 1,024 bytes: `asked for` by default.
    pub const fn because(mut self, cause: &'a str) -> Self {
        self.cause = cause;
        self
    }

    /// Until it is dropped: it makes no room for later incidents.
    pub const fn protected(mut self) -> Self {
        self.is_protected = true;
        self
    }

    fn check(&self) -> Result<(), PinError> {
        let fits = |what, text: &str, limit| match text.len() {
            bytes if bytes > limit => Err(PinError::TextTooLong { what, bytes, limit }),
            _ => Ok(()),
        };
        fits("name", self.name, LONGEST_NAME)?;
        fits("cause", self.cause, LONGEST_CAUSE)
    }
}

impl<'a> From<&'a str> for Pin<'a> {
    fn from(name: &'a str) -> Self {
        Self::named(name)
    }
}

/// What was captured, and what was already gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncidentReceipt {
    /// To ask for it with [`Events::incident`].
    pub id: IncidentId,
    /// How many events were captured.
    pub events: usize,
    /// How many bytes they take, name and cause included.
    pub bytes: usize,
    /// Whether that is all there was.
    pub verdict: Verdict,
    /// From here on nothing of any class was overwritten, pruned or lost when it was asked for; zero: nothing ever was.
    pub since: Ticks,
    /// How many matching events are missing, where that is known: what was overwritten long ago left no trace.
    pub missing: Option<u64>,
    /// How many matching events were overwritten between being found and being copied.
    pub gone: u64,
    /// How many older incidents made room for it.
    pub evicted: u64,
}

/// An incident in the list of [`Events::incidents`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incident {
    /// To ask for it with [`Events::incident`].
    pub id: IncidentId,
    /// As given; several may have the same.
    pub name: Box<str>,
    /// Why it was pinned.
    pub cause: Box<str>,
    /// When it was pinned.
    pub at: Ticks,
    /// How many events it holds.
    pub events: usize,
    /// How many bytes it takes.
    pub bytes: usize,
    /// Whether that was all there was.
    pub verdict: Verdict,
    /// From here on nothing of any class was overwritten, pruned or lost when it was asked for.
    pub since: Ticks,
    /// Whether it stays until it is dropped: [`Pin::protected`].
    pub is_protected: bool,
}

/// What has become of all incidents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncidentStats {
    /// How many there are.
    pub held: usize,
    /// How many there can be.
    pub capacity: usize,
    /// The bytes they take.
    pub bytes: usize,
    /// The bytes they can take.
    pub bytes_capacity: usize,
    /// How many were ever pinned: those held, evicted and dropped.
    pub pinned: u64,
    /// How many made room for later ones.
    pub evicted: u64,
    /// How many were dropped by hand.
    pub dropped: u64,
    /// How often a [`PinError`] was returned.
    pub refused: u64,
}

/// The incidents of a store.
#[derive(Debug)]
pub(crate) struct Incidents {
    shelf: Mutex<Shelf>,
    refused: AtomicU64,
}

impl Incidents {
    /// `None` where the system has not as much memory.
    pub(crate) fn new(bytes: usize, count: usize) -> Option<Self> {
        Some(Self { shelf: Mutex::new(Shelf::new(bytes, count)?), refused: AtomicU64::new(0) })
    }
}

impl Events {
    /// Copies an answer to the incident store, where it stays while the rings go on: its events byte for byte, its verdict,
    /// and since when it is whole.
    ///
    /// The incident store has [memory of a fixed size](super::Builder::incidents). When that is full, the oldest incidents that
    /// are not [protected](Pin::protected) make room; if all of those together do not, the new one is refused and
    /// they stay. Both are counted: [`Events::incident_stats`]. Pruning, [`Events::clear`] and [`Events::scrub`] leave
    /// incidents alone: what must go is dropped by hand, and its bytes are overwritten then.
    ///
    /// Takes a lock, which no write of an event takes, and copies the answer: about a millisecond for a megabyte.
    /// Neither for hot paths nor for signal handlers.
    ///
    /// ```
    /// use flightdeck::events::{Events, Pin, Stamp};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record_with(Stamp::of(42_u64), OrderFilled { qty: 5 });
    /// let answer = events.query().correlation(42_u64).run()?;
    /// let receipt = events.pin(Pin::named("checkout failed").because("ticket 815"), &answer)?;
    /// assert_eq!((receipt.events, receipt.missing), (1, Some(0)));
    ///
    /// events.clear();
    /// let kept = events.incident(receipt.id).expect("pinned");
    /// println!("{}", kept.timeline());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there is no room for it, the answer is another store's, or name or cause is too long. Nothing has changed then.
    pub fn pin<'p>(&self, pin: impl Into<Pin<'p>>, answer: &Answer) -> Result<IncidentReceipt, PinError> {
        let pinned = self.try_pin(&pin.into(), answer);
        if pinned.is_err() {
            self.store().incidents.refused.fetch_add(1, Relaxed);
        }
        pinned
    }

    /// "This request failed: its chain, now": [pins](Events::pin) all that is there of an id, under the id as name.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { OrderRejected("order.rejected", severity = Error) { reason: str } }
    ///
    /// let events = Events::builder().build()?;
    /// let _in = events.scope(42_u64);
    /// events.record(OrderRejected { reason: "no funds" });
    /// let receipt = events.capture(42_u64)?;
    /// assert!(receipt.verdict.is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the id is none, and as of [`Events::pin`].
    pub fn capture(&self, id: impl Into<CorrelationId>) -> Result<IncidentReceipt, CaptureError> {
        let id = id.into();
        self.capture_as(&*id.to_string(), id)
    }

    /// As [`Events::capture`], under a name and for a cause of its own.
    ///
    /// # Errors
    /// As of [`Events::capture`].
    pub fn capture_as<'p>(
        &self,
        pin: impl Into<Pin<'p>>,
        id: impl Into<CorrelationId>,
    ) -> Result<IncidentReceipt, CaptureError> {
        let answer = self.query().correlation(id).run().map_err(CaptureError::Query)?;
        self.pin(pin, &answer).map_err(CaptureError::Pin)
    }

    /// What is pinned, oldest first. None in the child of a `fork`.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        self.shelf(Shelf::list).unwrap_or_default()
    }

    /// What was pinned, as it was: an answer like that of a query. `None` if it was dropped, has made room for
    /// later ones, or never was, and in the child of a `fork`.
    #[must_use]
    pub fn incident(&self, id: IncidentId) -> Option<Answer> {
        self.shelf(|shelf| shelf.get(id)).flatten().map(|copy| copy.unpack(self.view()))
    }

    /// Drops an incident, protected or not, and overwrites its bytes. Whether it was there.
    pub fn drop_incident(&self, id: IncidentId) -> bool {
        self.shelf(|shelf| shelf.drop(id)).unwrap_or(false)
    }

    /// What has become of all incidents so far.
    #[must_use]
    pub fn incident_stats(&self) -> IncidentStats {
        let refused = self.store().incidents.refused.load(Relaxed);
        let stats = self.shelf(|shelf| shelf.stats()).unwrap_or_default();
        IncidentStats { refused, ..stats }
    }

    fn try_pin(&self, pin: &Pin<'_>, answer: &Answer) -> Result<IncidentReceipt, PinError> {
        pin.check()?;
        if !Arc::ptr_eq(&answer.view, self.view()) {
            return Err(PinError::ForeignAnswer);
        }
        let at = self.clock().now();
        self.shelf(|shelf| shelf.put(pin, at, answer)).ok_or(PinError::Forked)?
    }

    /// `None` in a child process, where a thread that the fork left behind may hold the lock.
    fn shelf<R>(&self, body: impl FnOnce(&mut Shelf) -> R) -> Option<R> {
        let store: &Store = self.store();
        (!store.is_forked()).then(|| body(&mut store.incidents.shelf.lock()))
    }
}

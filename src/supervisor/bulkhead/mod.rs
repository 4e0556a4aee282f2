//! Bulkheads: so many calls at once, and no more.
//!
//! | file | idea |
//! |---|---|
//! | `room` | who is inside, and who waits |
//! | `error` | why nobody more gets in |

mod error;
pub(crate) mod room;

pub use error::{BulkheadLimitError, EnterError};

use crate::sync::{Arc, AtomicU64, CachePadded, Relaxed};
use room::Room;
use std::fmt;
use std::time::{Duration, Instant};

/// The most calls at once.
const MOST: u32 = 1 << 30;

/// Lets so many calls run at once, so that what is slow takes no more threads, connections or memory than that.
///
/// It interrupts no call, and keeps no order: who comes while others wait may get in before them. For calls
/// to what may fail see [`Breaker`](super::Breaker).
///
/// [`try_enter`](Bulkhead::try_enter) and leaving are lock-free: an exchange and a subtraction on one word that all
/// callers share, more while others do the same. [`enter`](Bulkhead::enter) parks the thread while it is full; who leaves
/// then wakes all that wait.
///
/// ```
/// use flightdeck::supervisor::{Bulkhead, EnterError};
/// use std::time::Duration;
///
/// let bulkhead = Bulkhead::new(1)?;
/// let inside = bulkhead.try_enter()?;
/// assert_eq!(bulkhead.try_enter().unwrap_err(), EnterError::Full { limit: 1 });
/// assert!(bulkhead.enter(Duration::from_millis(1)).is_err());
/// drop(inside); // the call is over
/// assert!(bulkhead.enter(Duration::from_millis(1)).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Cheap to clone; clones are the same bulkhead.
#[derive(Clone)]
pub struct Bulkhead(Arc<Core>);

#[derive(Debug)]
struct Core {
    room: Room,
    counts: CachePadded<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    entered: AtomicU64,
    rejected: AtomicU64,
    timed_out: AtomicU64,
}

/// Counts of a bulkhead since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkheadStats {
    /// Calls that were let in, also after waiting.
    pub entered: u64,
    /// Calls that would not wait and were not let in.
    pub rejected: u64,
    /// Calls that waited in vain.
    pub timed_out: u64,
    /// Calls that run now.
    pub inside: u32,
    /// Calls that wait now.
    pub waiting: u32,
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead").field("limit", &self.limit()).field("stats", &self.stats()).finish()
    }
}

impl Bulkhead {
    /// An empty one for so many calls at once, 1 to 2^30.
    ///
    /// # Errors
    /// If the limit is out of range.
    pub fn new(limit: u32) -> Result<Self, BulkheadLimitError> {
        Self::check(limit)?;
        Ok(Self(Arc::new(Core { room: Room::new(limit), counts: CachePadded::default() })))
    }

    pub(crate) fn check(limit: u32) -> Result<(), BulkheadLimitError> {
        if (1..=MOST).contains(&limit) { Ok(()) } else { Err(BulkheadLimitError { limit, most: MOST }) }
    }

    /// Lets the caller in, unless it is full. Lock-free.
    ///
    /// # Errors
    /// If it is full.
    #[inline]
    pub fn try_enter(&self) -> Result<Inside<'_>, EnterError> {
        if self.0.room.try_enter() { Ok(self.entered()) } else { Err(self.full()) }
    }

    #[inline]
    fn entered(&self) -> Inside<'_> {
        self.0.counts.entered.fetch_add(1, Relaxed);
        Inside(&self.0)
    }

    #[cold]
    #[inline(never)]
    fn full(&self) -> EnterError {
        self.0.counts.rejected.fetch_add(1, Relaxed);
        EnterError::Full { limit: self.limit() }
    }

    /// Waits, parked, until it lets the caller in. `Duration::MAX`: for ever.
    ///
    /// # Errors
    /// If it stays full for as long.
    pub fn enter(&self, timeout: Duration) -> Result<Inside<'_>, EnterError> {
        if self.0.room.try_enter() || self.0.room.enter_by(Instant::now().checked_add(timeout)) {
            return Ok(self.entered());
        }
        self.0.counts.timed_out.fetch_add(1, Relaxed);
        Err(EnterError::TimedOut { limit: self.limit(), waited: timeout })
    }

    /// How many may be inside at once.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.0.room.limit()
    }

    /// Lets so many be inside at once from now on. Those who are stay, if they are more; if more may, those who wait
    /// get in.
    ///
    /// # Errors
    /// If the limit is out of range. Nothing changes then.
    pub fn set_limit(&self, limit: u32) -> Result<(), BulkheadLimitError> {
        Self::check(limit)?;
        self.0.room.set_limit(limit);
        Ok(())
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> BulkheadStats {
        let Core { room, counts } = &*self.0;
        BulkheadStats {
            entered: counts.entered.load(Relaxed),
            rejected: counts.rejected.load(Relaxed),
            timed_out: counts.timed_out.load(Relaxed),
            inside: room.inside(),
            waiting: room.waiting(),
        }
    }
}

/// A place in a [`Bulkhead`], until this is dropped: by a panic, too.
#[must_use = "the place is free again as soon as this is dropped"]
pub struct Inside<'a>(&'a Core);

impl fmt::Debug for Inside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inside")
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.room.leave();
    }
}

//! A thread's own view of a config.

use super::Snapshot;
use super::current::Current;
use super::metered::Metered;
use super::tally::Tally;
use super::wake::UntilChanged;
use crate::sync::Arc;
use std::fmt;

/// A thread's own view of a config: the cheapest read there is.
///
/// [`Reader::get`] costs one atomic load and a branch while nothing changed, and one
/// [`Config::snapshot`](super::Config::snapshot) on the first call after a change. It never waits,
/// never goes back to an older revision, and never runs a destructor of a value: replaced snapshots
/// are freed by whoever updates or ticks.
///
/// A reader that is not asked keeps one old snapshot alive; [`Config::stats`](super::Config::stats)
/// counts those, and how often readers looked for a newer one. It may outlive the config, and then keeps showing the last revision; the last
/// reader to go then frees it.
///
/// ```
/// use flightdeck::config::{Config, Validate, Violations};
/// # struct Limits { orders: u32 }
/// # impl Validate for Limits { fn validate(&self, _: &mut Violations) {} }
/// let config = Config::new(Limits { orders: 10 })?;
/// let mut reader = config.reader();
/// assert_eq!(reader.get().orders, 10);
/// config.replace(Limits { orders: 20 }).unwrap();
/// assert!(reader.has_changed());
/// assert_eq!(reader.get().orders, 20);
/// # Ok::<(), flightdeck::config::Rejected<Limits>>(())
/// ```
pub struct Reader<T> {
    current: Arc<Current<T>>,
    /// The revision in `cached`, beside it so that the check needs no further cache line.
    seen: u64,
    cached: Arc<Snapshot<T>>,
    tally: Arc<Tally>,
}

impl<T> Reader<T> {
    pub(crate) fn new(current: Arc<Current<T>>) -> Self {
        let (cached, tally) = (current.load_full(), current.tallies.add());
        Self { seen: cached.revision().get(), current, cached, tally }
    }

    /// Of which config.
    pub(super) fn config_id(&self) -> u64 {
        self.current.id
    }

    /// Where what this reader does is counted.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether its config is gone, so that it will never show another revision. May be outdated on return.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        self.current.is_closed()
    }

    /// Waits, without blocking, for a revision that this reader has not shown: see
    /// [`Config::changed`](super::Config::changed).
    pub fn changed(&self) -> UntilChanged<T> {
        UntilChanged::new(self.current.clone(), self.seen)
    }

    /// The same view, which also counts its reads and may time some of them: see [`Metered`].
    #[must_use]
    pub fn metered(self) -> Metered<T> {
        Metered::new(self)
    }

    /// The current snapshot. Wait-free but for what arc-swap does after a change, which is lock-free.
    ///
    /// If the caller learnt of a revision by any synchronised way (another reader of this thread, a channel, a lock, a join),
    /// this is that revision or a newer one.
    #[inline]
    pub fn get(&mut self) -> &Snapshot<T> {
        // Greater, not unequal: a snapshot may be in place a moment before its generation.
        if self.current.generation() > self.seen {
            self.refresh();
        }
        &self.cached
    }

    /// Whether [`Reader::get`] would show another revision than it did last. May be outdated on return.
    #[inline]
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.current.generation() > self.seen
    }

    /// The snapshot that [`Reader::get`] showed last, without looking for a newer one.
    #[inline]
    #[must_use]
    pub fn seen(&self) -> &Arc<Snapshot<T>> {
        &self.cached
    }

    #[cold]
    fn refresh(&mut self) {
        // The replaced reference is never the last one: the history or the retire list holds another.
        self.cached = self.current.load_full();
        self.seen = self.cached.revision().get();
        self.tally.count_refresh();
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        let (current, cached) = (self.current.clone(), self.cached.clone());
        Self { tally: current.tallies.add(), current, seen: self.seen, cached }
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.current.tallies.fold(&self.tally);
    }
}

impl<T: fmt::Debug> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("seen", &self.cached).finish_non_exhaustive()
    }
}

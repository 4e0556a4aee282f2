//! The current snapshot and how it is read.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `config-generation` | `Current::publish`, after the snapshot is in place | `Current::generation` |

use super::attached::Attached;
use super::cause::Cause;
use super::derived::{AskedWithin, Slot, Slots};
use super::history::History;
use super::retire::RetireList;
use crate::Revision;
use crate::sync::{Arc, ArcSwap, AtomicU64, CachePadded, SwapGuard, acquire, release};
use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::time::SystemTime;

/// One version of a config: a value that never changes, its revision, and where it comes from.
pub struct Snapshot<T> {
    revision: Revision,
    value: T,
    since: SystemTime,
    cause: Cause,
    attached: Attached,
    derived: Slots,
}

impl<T> Snapshot<T> {
    /// The first revision.
    pub(super) fn first(value: T, cause: Cause, attached: Attached) -> Self {
        let derived = Slots::new();
        Self { revision: Revision::FIRST, value, since: SystemTime::now(), cause, attached, derived }
    }

    /// The revision after this one.
    pub(super) fn successor(&self, value: T, cause: Cause) -> Self {
        // Where the system's clock was set back, revisions still follow each other.
        let since = SystemTime::now().max(self.since);
        let (revision, attached) = (self.revision.next(), self.attached.clone());
        Self { revision, value, since, cause, attached, derived: Slots::new() }
    }

    /// Which version this is: 1 for the first, one more for each that replaced another.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// When it was published, by the system's clock; never before its predecessor, also where that clock was set back.
    #[must_use]
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// Who published it, and why.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// What an optional part attached to the config by this type.
    #[allow(dead_code, reason = "what optional parts begin with")]
    pub(super) fn attached<A: Any>(&self) -> Option<&A> {
        self.attached.get()
    }

    /// What is derived of the value for `slot`: computed by the first who asks, shared by all others.
    #[allow(dead_code, reason = "what optional parts begin with")]
    pub(super) fn derived<D: Send + Sync + 'static>(
        &self,
        slot: Slot<D>,
        compute: impl FnOnce(&T) -> D,
    ) -> Result<&D, AskedWithin> {
        self.derived.get_or_derive(slot, || compute(&self.value))
    }
}

impl<T> Snapshot<T> {
    /// Whether its config has paths that are secret.
    #[cfg(not(feature = "serde"))]
    fn has_secrets(&self) -> bool {
        false
    }

    #[cfg(feature = "serde")]
    fn has_secrets(&self) -> bool {
        self.attached.get::<super::paths::Rules>().is_some_and(super::paths::Rules::has_secrets)
    }

    /// Takes out of the violations what is secret.
    #[cfg(not(feature = "serde"))]
    pub(super) fn hide_secrets(&self, _: &mut super::Violations) {}

    #[cfg(feature = "serde")]
    pub(super) fn hide_secrets(&self, violations: &mut super::Violations) {
        super::paths::hide_secrets(&self.attached, violations);
    }
}

impl<T> Deref for Snapshot<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the type's own `Debug` would show is not known.
        let value: &dyn fmt::Debug =
            if self.has_secrets() { &format_args!("(has secrets)") } else { &self.value };
        f.debug_struct("Snapshot")
            .field("revision", &self.revision)
            .field("value", value)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// What readers share with the config: it outlives the config as long as a reader does.
#[derive(Debug)]
pub(crate) struct Current<T> {
    /// The newest revision whose snapshot is in place. Only a hint that there is something to load:
    /// the revision that counts is the one inside the snapshot.
    generation: CachePadded<AtomicU64>,
    snapshot: ArcSwap<Snapshot<T>>,
    /// The last revisions that were replaced.
    pub(super) history: History<T>,
    /// Replaced ones that history no longer keeps.
    pub(super) retired: RetireList<Snapshot<T>>,
}

impl<T> Current<T> {
    pub(crate) fn new(first: Snapshot<T>, history: usize) -> Self {
        Self {
            generation: CachePadded::new(AtomicU64::new(first.revision.get())),
            snapshot: ArcSwap::new(Arc::new(first)),
            history: History::new(history),
            retired: RetireList::new(),
        }
    }

    /// Puts `next` in place; the replaced snapshot goes to the history, and what that no longer keeps to the retire
    /// list. One caller at a time, with revisions that grow.
    pub(crate) fn publish(&self, next: Arc<Snapshot<T>>) -> Arc<Snapshot<T>> {
        let revision = next.revision.get();
        let old = self.load_full();
        // First, so that who finds the next one in place finds this one in the history.
        let forgotten = self.history.push(old.clone());
        drop(self.snapshot.swap(next));
        if let Some(forgotten) = forgotten {
            self.retired.push(forgotten);
        }
        // Release, edge `config-generation` (partner: `generation`): who sees this revision here
        // finds its snapshot, or a newer one, in place.
        self.generation.store(revision, release("config-generation"));
        old
    }

    /// The number of a revision that is in place.
    #[inline(always)]
    pub(super) fn generation(&self) -> u64 {
        // Acquire, edge `config-generation` (partner: `publish`): the snapshot of this revision is
        // in place, and a load after this one finds it or a newer one.
        self.generation.load(acquire("config-generation"))
    }

    pub(super) fn load(&self) -> Guard<T> {
        Guard(self.snapshot.load())
    }

    pub(crate) fn load_full(&self) -> Arc<Snapshot<T>> {
        self.snapshot.load_full()
    }
}

/// The current snapshot, borrowed without touching a count: for a short look.
///
/// Keep it for the length of a request, not for longer: a thread has eight cheap ones, further ones
/// cost a count; a [`Reader`] or [`Config::snapshot`](super::Config::snapshot) is made for keeping.
pub struct Guard<T>(SwapGuard<Snapshot<T>>);

impl<T> Deref for Guard<T> {
    type Target = Snapshot<T>;

    fn deref(&self) -> &Snapshot<T> {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Guard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A thread's own view of a config: the cheapest read there is.
///
/// [`Reader::get`] costs one atomic load and a branch while nothing changed, and one
/// [`Config::snapshot`](super::Config::snapshot) on the first call after a change. It never waits,
/// never goes back to an older revision, and never runs a destructor of a value: replaced snapshots
/// are freed by whoever updates or ticks.
///
/// A reader that is not asked keeps one old snapshot alive; [`Config::stats`](super::Config::stats)
/// counts those. It may outlive the config, and then keeps showing the last revision; the last
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
}

impl<T> Reader<T> {
    pub(crate) fn new(current: Arc<Current<T>>) -> Self {
        let cached = current.load_full();
        Self { seen: cached.revision.get(), current, cached }
    }

    /// The current snapshot. Wait-free but for what arc-swap does after a change, which is lock-free.
    ///
    /// If the caller learnt of a revision by any synchronised way (a channel, a lock, a join), this is
    /// that revision or a newer one.
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
        self.seen = self.cached.revision.get();
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { current: self.current.clone(), seen: self.seen, cached: self.cached.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("seen", &self.cached).finish_non_exhaustive()
    }
}

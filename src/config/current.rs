//! The current snapshot and how it is read.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `config-generation` | `Current::publish`, after the snapshot is in place; `Current::raise`, by whoever finds it there earlier | `Current::generation` |

use super::attached::Attached;
use super::cause::Cause;
use super::derived::{AskedWithin, Slot, Slots};
use super::history::History;
use super::retire::RetireList;
use super::tally::Tallies;
use super::wake::Wakers;
use crate::Revision;
use crate::sync::{
    Arc, ArcSwap, AtomicBool, AtomicU64, CachePadded, Relaxed, SwapGuard, acquire, release, unique_number,
};
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

    /// The value, of a snapshot that will not be published.
    pub(super) fn into_value(self) -> T {
        self.value
    }

    /// What was derived of the value for `slot`, if it was.
    pub(super) fn derived_before<D: 'static>(&self, slot: Slot<D>) -> Option<&D> {
        self.derived.get(slot)
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
    /// The newest revision whose snapshot is known to be in place. Only a hint that there is something to load:
    /// the revision that counts is the one inside the snapshot.
    generation: CachePadded<AtomicU64>,
    snapshot: ArcSwap<Snapshot<T>>,
    /// The last revisions that were replaced.
    pub(super) history: History<T>,
    /// Replaced ones that history no longer keeps.
    pub(super) retired: RetireList<Snapshot<T>>,
    /// Who is to be woken by the next revision.
    pub(super) wakers: Wakers,
    pub(super) tallies: Tallies,
    /// Stands for this config, and for no other that this process ever has.
    pub(super) id: u64,
    /// No handle of the config is left: there will be no further revision.
    closed: AtomicBool,
}

impl<T> Current<T> {
    pub(crate) fn new(first: Snapshot<T>, history: usize) -> Self {
        Self {
            generation: CachePadded::new(AtomicU64::new(first.revision.get())),
            snapshot: ArcSwap::new(Arc::new(first)),
            history: History::new(history),
            retired: RetireList::new(),
            wakers: Wakers::new(),
            tallies: Tallies::new(),
            id: unique_number(),
            closed: AtomicBool::new(false),
        }
    }

    /// Nothing will be published any more.
    pub(super) fn close(&self) {
        // Relaxed: who sleeps is woken and looks again, ordered by the edge of the wakers; others may learn it late. Under the
        // lock of the wakers, so that who finds it so and takes that lock finds what was published before, too.
        self.wakers.exclusively(|| self.closed.store(true, Relaxed));
        self.wakers.ring();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Puts `next` in the place of `old`, which is current: that goes to the history, and what that no longer keeps to the
    /// retire list. One caller at a time, with revisions that grow.
    pub(crate) fn publish(&self, old: Arc<Snapshot<T>>, next: Arc<Snapshot<T>>) {
        let revision = next.revision.get();
        // First, so that who finds the next one in place finds this one in the history.
        let forgotten = self.history.push(old);
        drop(self.snapshot.swap(next));
        if let Some(forgotten) = forgotten {
            self.retired.push(forgotten);
        }
        // Release, edge `config-generation` (partner: `generation`): who sees this revision here
        // finds its snapshot, or a newer one, in place.
        self.generation.store(revision, release("config-generation"));
    }

    /// The number of a revision that is in place.
    #[inline(always)]
    pub(super) fn generation(&self) -> u64 {
        // Acquire, edge `config-generation` (partner: `publish`): the snapshot of this revision is
        // in place, and a load after this one finds it or a newer one.
        self.generation.load(acquire("config-generation"))
    }

    pub(super) fn load(&self) -> Guard<T> {
        let snapshot = self.snapshot.load();
        self.catch_up(snapshot.revision);
        Guard(snapshot)
    }

    pub(crate) fn load_full(&self) -> Arc<Snapshot<T>> {
        let snapshot = self.snapshot.load_full();
        self.catch_up(snapshot.revision);
        snapshot
    }

    /// As [`Current::load_full`], but leaves the generation as it is.
    #[cfg(flightdeck_loom)]
    pub(super) fn peek(&self) -> Arc<Snapshot<T>> {
        self.snapshot.load_full()
    }

    /// Who finds a snapshot in place before its generation is raised raises it, so that nobody who learns of it from there
    /// is shown an older one.
    #[inline(always)]
    fn catch_up(&self, found: Revision) {
        // Relaxed: only whether it is to be raised.
        if self.generation.load(Relaxed) < found.get() {
            self.raise(found);
        }
    }

    #[cold]
    #[inline(never)]
    fn raise(&self, found: Revision) {
        // Release, edge `config-generation` (partner: `generation`): the snapshot that was found is in place for whoever
        // sees its revision here. The publisher may store the same one after this, but nobody an older one: the
        // publisher of the one before has done so before it let this one's begin.
        self.generation.fetch_max(found.get(), release("config-generation"));
    }
}

/// The current snapshot, borrowed without touching a count: for a short look.
///
/// Keep it for the length of a request, not for longer: a thread has eight cheap ones, further ones
/// cost a count; a [`Reader`](super::Reader) or [`Config::snapshot`](super::Config::snapshot) is made for keeping.
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

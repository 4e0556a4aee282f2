//! From a publication to its subscribers: changes wait in a queue, in the order of their revisions,
//! and one thread at a time takes them from there and delivers.
//!
//! A publisher appends while it still holds the writers' lock, and delivers after it let go of that, so
//! callbacks run without any lock. "Is somebody delivering?" and "is anything left?" lie under one
//! small lock: asked separately, the one who is done and the one who just came could each rely on the
//! other. No code of the user runs under it.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `config-delivered` | `Progress::advance` | `Progress::delivered` |

use super::Snapshot;
use super::cause::Cause;
use super::derived::{AskedWithin, Slot, Slots};
use super::occupant::Occupant;
use super::subscriber::Subscriber;
use crate::Revision;
use crate::sync::{Arc, AtomicU64, Mutex, Signal, acquire, release};
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// How many changes wait for a slow subscriber before the newest two are made one.
const QUEUE: usize = 256;

/// What a subscriber is told: the config went from one snapshot to another.
///
/// Revisions only grow from call to call. They may skip some: where subscribers are slower than
/// publishers, changes that wait are merged, and `old` is then the snapshot that was delivered before.
#[non_exhaustive]
pub struct Change<T> {
    /// What was current before.
    pub old: Arc<Snapshot<T>>,
    /// What is current since, or was until an even newer one came.
    pub new: Arc<Snapshot<T>>,
    /// What is derived from both, once, also for clones.
    derived: Arc<Slots>,
}

impl<T> Change<T> {
    pub(crate) fn new(old: Arc<Snapshot<T>>, new: Arc<Snapshot<T>>) -> Self {
        Self { old, new, derived: Arc::new(Slots::new()) }
    }

    /// What a subscriber that wants to begin with what is current is told first: no change, but where it starts.
    pub(crate) fn start(current: Arc<Snapshot<T>>) -> Self {
        Self::new(current.clone(), current)
    }

    /// Whether this tells a subscriber where it starts, as it [asked for](super::Subscribe::starting_now): `old` and `new` are
    /// the same snapshot then.
    #[must_use]
    pub fn is_start(&self) -> bool {
        Arc::ptr_eq(&self.old, &self.new)
    }

    /// This change and the one after it as one.
    pub(super) fn extend_to(&mut self, new: Arc<Snapshot<T>>) {
        *self = Self::new(self.old.clone(), new);
    }

    /// Who published `new`, and why. Of changes that were merged, that is the last one's.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        self.new.cause()
    }

    /// What is derived of both snapshots for `slot`: computed by the first who asks, shared by all others who are told of
    /// this change.
    #[allow(dead_code, reason = "what optional parts begin with")]
    pub(super) fn derived<D: Send + Sync + 'static>(
        &self,
        slot: Slot<D>,
        compute: impl FnOnce(&Snapshot<T>, &Snapshot<T>) -> D,
    ) -> Result<&D, AskedWithin> {
        self.derived.get_or_derive(slot, || compute(&self.old, &self.new))
    }

    /// The revision of `new`.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.new.revision()
    }
}

impl<T> Clone for Change<T> {
    fn clone(&self) -> Self {
        Self { old: self.old.clone(), new: self.new.clone(), derived: self.derived.clone() }
    }
}

impl<T> fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (old, new) = (self.old.revision(), self.new.revision());
        f.debug_struct("Change")
            .field("old", &old)
            .field("new", &new)
            .field("cause", self.cause())
            .finish_non_exhaustive()
    }
}

/// How an appended change was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Appended {
    /// By itself.
    Apart,
    /// Made one with the change before it.
    Merged,
}

/// The changes that wait, and whether somebody delivers.
#[derive(Debug)]
pub(crate) struct Deliveries<T>(Mutex<Queue<T>>);

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<Delivery<T>>,
    /// How many of those are changes.
    changes: usize,
    delivering: bool,
}

/// What waits to be delivered.
pub(crate) enum Delivery<T> {
    /// A change, to all.
    Change(Change<T>),
    /// What is current, to one who begins with it.
    Start(Arc<Subscriber<T>>),
}

impl<T> fmt::Debug for Delivery<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(change) => change.fmt(f),
            Self::Start(subscriber) => f.debug_tuple("Start").field(&subscriber.number()).finish(),
        }
    }
}

impl<T> Deliveries<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Queue { waiting: VecDeque::new(), changes: 0, delivering: false }))
    }

    /// Appends a change; callers come in the order of revisions.
    pub(crate) fn append(&self, change: Change<T>) -> Appended {
        let mut queue = self.0.lock();
        if queue.changes >= QUEUE
            && let Some(newest) = queue.newest_change()
        {
            newest.extend_to(change.new);
            return Appended::Merged;
        }
        queue.changes += 1;
        queue.waiting.push_back(Delivery::Change(change));
        Appended::Apart
    }

    /// Appends that somebody begins.
    pub(crate) fn append_start(&self, subscriber: Arc<Subscriber<T>>) {
        self.0.lock().waiting.push_back(Delivery::Start(subscriber));
    }

    /// Delivers what waits until nothing does, unless somebody else is at it (also this thread, further
    /// up its stack): that one takes what was appended before this call.
    pub(crate) fn drain(&self, mut deliver: impl FnMut(Delivery<T>)) {
        if std::mem::replace(&mut self.0.lock().delivering, true) {
            return;
        }
        let turn = Turn(self);
        while let Some(delivery) = self.next_or_leave() {
            deliver(delivery);
        }
        // `next_or_leave` has given the turn back, and somebody else may have it by now.
        std::mem::forget(turn);
    }

    /// The next delivery; if there is none, this thread's turn ends in the same step.
    fn next_or_leave(&self) -> Option<Delivery<T>> {
        let mut queue = self.0.lock();
        let next = queue.waiting.pop_front();
        match next {
            Some(Delivery::Change(_)) => queue.changes -= 1,
            Some(Delivery::Start(_)) => {}
            None => queue.delivering = false,
        }
        next
    }

    /// How many changes wait.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().changes
    }
}

impl<T> Queue<T> {
    /// Also where somebody begins after it: who begins starts from what is current when its turn comes, and that is no
    /// older than any change that waits.
    fn newest_change(&mut self) -> Option<&mut Change<T>> {
        self.waiting.iter_mut().rev().find_map(|delivery| match delivery {
            Delivery::Change(change) => Some(change),
            Delivery::Start(_) => None,
        })
    }
}

/// Gives the turn back when a delivery unwinds, so that the next publisher delivers what is left.
struct Turn<'a, T>(&'a Deliveries<T>);

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.0.0.lock().delivering = false;
    }
}

/// How far delivery has come, and who waits for what.
#[derive(Debug)]
pub(crate) struct Progress {
    delivered: AtomicU64,
    pub(super) signal: Signal,
    /// The thread that is calling subscribers.
    pub(super) deliverer: Occupant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            delivered: AtomicU64::new(Revision::FIRST.get()),
            signal: Signal::new(),
            deliverer: Occupant::none(),
        }
    }

    /// All inline subscribers have been told of `revision`.
    pub(crate) fn advance(&self, revision: Revision) {
        // Release, edge `config-delivered` (partner: `delivered`): what the callbacks did.
        self.delivered.store(revision.get(), release("config-delivered"));
        self.signal.notify();
    }

    pub(crate) fn delivered(&self, revision: Revision) -> bool {
        // Acquire, edge `config-delivered` (partner: `advance`): what the callbacks did.
        self.delivered.load(acquire("config-delivered")) >= revision.get()
    }
}

/// An update that readers see. Whether subscribers have been told is another matter.
#[derive(Clone, Debug)]
pub struct Published {
    revision: Revision,
    progress: Arc<Progress>,
}

impl Published {
    pub(super) fn new(revision: Revision, progress: Arc<Progress>) -> Self {
        Self { revision, progress }
    }

    /// The revision that this update made.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether every inline subscriber has been told of this revision or a newer one. Usually so from
    /// the start; not where another thread was delivering, nor inside a callback.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.progress.delivered(self.revision)
    }

    /// Waits until every inline subscriber has been told, for `timeout` at most; whether they have
    /// been. What their callbacks did is then visible to this thread. Inside a callback of the same
    /// config it answers at once: delivery goes on when that callback returns.
    #[must_use]
    pub fn delivered(&self, timeout: Duration) -> bool {
        if self.is_delivered() || self.progress.deliverer.is_this_thread() {
            return self.is_delivered();
        }
        self.progress.signal.wait(deadline(timeout), || self.is_delivered())
    }
}

/// When a wait ends; none if that lies beyond what the clock can tell.
pub(super) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

//! Who is told of changes.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `config-subscribe` | `Subscribers::living`, between a snapshot in place and the look at the list | `Subscribers::insert`, between the entry in the list and the caller's next read |
//!
//! Both sides are full fences. If the publisher's comes first, the subscriber's next read finds the
//! new snapshot; if the subscriber's does, the publisher finds the subscriber. So whoever subscribes
//! first and reads then misses nothing.

use super::Snapshot;
use super::delivery::{Change, deadline};
use super::gate::{Closed, Ended, Gate};
use super::list::{Entry, List};
use super::retire::RetireList;
use super::store::Store;
use crate::contain::contain;
use crate::sync::{
    Arc, AtomicU64, AtomicUsize, Mutex, Relaxed, Weak, sequence_observe, sequence_publish, unique_number,
};
use std::fmt;
use std::time::Duration;

/// How many dead entries the list keeps before an unsubscribe clears them away, beyond as many as live.
const SLACK: usize = 32;

pub(crate) type Callback<T> = Box<dyn Fn(&Change<T>) + Send + Sync>;

pub(crate) type Condition<T> = Box<dyn Fn(&Change<T>) -> bool + Send + Sync>;

/// Of which changes a subscriber is told.
#[derive(Default)]
pub(crate) enum Filter<T> {
    /// Of all.
    #[default]
    Everything,
    /// Of those for which this holds.
    When(Condition<T>),
}

impl<T> Filter<T> {
    fn passes(&self, change: &Change<T>) -> bool {
        match self {
            Self::Everything => true,
            Self::When(holds) => holds(change),
        }
    }
}

/// On which terms a subscriber is told.
pub(crate) struct Terms<T> {
    pub(crate) filter: Filter<T>,
    /// By a tick, and not by who publishes.
    pub(crate) queued: bool,
    /// Of what is current first.
    pub(crate) starts_now: bool,
}

impl<T> Default for Terms<T> {
    fn default() -> Self {
        Self { filter: Filter::Everything, queued: false, starts_now: false }
    }
}

pub(crate) struct Subscriber<T> {
    number: u64,
    pub(crate) gate: Gate,
    callback: Callback<T>,
    filter: Filter<T>,
    /// Told of revisions after this one. Relaxed: only deliverers use it, and they take turns under a lock.
    after: AtomicU64,
    /// What it began with, until it is told of the first change after that.
    began: Mutex<Option<Arc<Snapshot<T>>>>,
    /// Where a queued subscriber's next change waits for a tick; inline ones have none.
    inbox: Option<Mutex<Option<Posting<T>>>>,
}

/// What waits for a queued subscriber.
pub(crate) struct Posting<T> {
    pub(crate) change: Change<T>,
    /// It begins with this: no filter holds it back.
    starts: bool,
}

/// What came of telling a subscriber.
#[must_use]
pub(crate) enum Told {
    /// It returned.
    Returned(Ended),
    /// It panicked, with this message.
    Panicked(Ended, String),
    /// It is closed and was not called.
    Closed,
    /// It does not want to know.
    Filtered(Ended),
}

/// How a change was put into an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Posted {
    /// It is the only one there.
    Fresh,
    /// It was made one with the change that waited.
    Merged,
    /// There is no inbox: the subscriber is to be called.
    Inline,
}

impl<T> Subscriber<T> {
    pub(crate) fn new(callback: Callback<T>, terms: Terms<T>) -> Self {
        let inbox = terms.queued.then(|| Mutex::new(None));
        // Who begins with what is current is told of nothing before.
        let after = AtomicU64::new(if terms.starts_now { u64::MAX } else { 0 });
        let (number, began) = (unique_number(), Mutex::new(None));
        Self { number, gate: Gate::new(), callback, filter: terms.filter, after, began, inbox }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether it is to be told of this revision. One caller at a time.
    pub(crate) fn wants(&self, change: &Change<T>) -> bool {
        change.revision().get() > self.after.load(Relaxed)
    }

    /// It begins: what this returns is for it alone. One caller at a time.
    pub(crate) fn start(&self, current: Arc<Snapshot<T>>) -> Change<T> {
        self.after.store(current.revision().get(), Relaxed);
        *self.began.lock() = Some(current.clone());
        Change::start(current)
    }

    /// The first change after it began, as it is for this one alone: from what it began with, where the change was merged with
    /// others from before. One caller at a time, with changes that it wants.
    pub(crate) fn first_after_start(&self, change: &Change<T>) -> Option<Change<T>> {
        if self.after.load(Relaxed) == 0 {
            return None;
        }
        self.after.store(0, Relaxed);
        let began = self.began.lock().take()?;
        (began.revision() > change.old.revision()).then(|| Change::new(began, change.new.clone()))
    }

    /// Calls it, unless it is closed or does not want to know. One caller at a time.
    pub(crate) fn tell(&self, change: &Change<T>, starts: bool) -> Told {
        let Some(inside) = self.gate.begin() else { return Told::Closed };
        let mut wanted = true;
        let told = contain(|| {
            wanted = starts || self.filter.passes(change);
            if wanted {
                (self.callback)(change);
            }
        });
        let ended = self.gate.end(inside);
        match told {
            Err(message) => Told::Panicked(ended, message),
            Ok(()) if wanted => Told::Returned(ended),
            Ok(()) => Told::Filtered(ended),
        }
    }

    pub(crate) fn post(&self, change: &Change<T>, starts: bool) -> Posted {
        let Some(inbox) = &self.inbox else { return Posted::Inline };
        let mut inbox = inbox.lock();
        if let Some(waiting) = &mut *inbox {
            waiting.change.extend_to(change.new.clone());
            return Posted::Merged;
        }
        *inbox = Some(Posting { change: change.clone(), starts });
        Posted::Fresh
    }

    pub(crate) fn take_posted(&self) -> Option<Posting<T>> {
        self.inbox.as_ref()?.lock().take()
    }
}

impl<T> Posting<T> {
    /// Tells whom it is for.
    pub(crate) fn tell(&self, subscriber: &Subscriber<T>) -> Told {
        subscriber.tell(&self.change, self.starts)
    }
}

impl<T> Entry for Arc<Subscriber<T>> {
    fn is_dead(&self) -> bool {
        self.gate.is_closed()
    }
}

/// All subscribers of a config.
pub(crate) struct Subscribers<T> {
    list: List<Arc<Subscriber<T>>>,
    /// Closed ones: their closures are the user's, and freed like replaced snapshots.
    pub(crate) retired: RetireList<Subscriber<T>>,
    open: AtomicUsize,
    /// Closed ones that are still in the list. Below zero for a moment when somebody unlinks one before
    /// its closer has counted it.
    dead: AtomicUsize,
}

impl<T: Send + Sync + 'static> Subscribers<T> {
    pub(crate) fn new() -> Self {
        Self {
            list: List::new(),
            retired: RetireList::new(),
            open: AtomicUsize::new(0),
            dead: AtomicUsize::new(0),
        }
    }

    /// Lock-free.
    pub(crate) fn insert(&self, subscriber: Arc<Subscriber<T>>) {
        self.open.fetch_add(1, Relaxed);
        self.list.insert(subscriber);
        // Sequentially consistent, edge `config-subscribe` (partner: `living`): a publisher that is past
        // its own fence when this one happens has its snapshot in place for our next read; any other
        // will find the entry.
        sequence_observe("config-subscribe");
    }

    /// Those to be told of what is current now, in the order in which they subscribed.
    pub(crate) fn living(&self) -> Vec<Arc<Subscriber<T>>> {
        // Sequentially consistent, edge `config-subscribe` (partner: `insert`): a subscriber that is past
        // its own fence when this one happens is in the list; any other will read our snapshot.
        sequence_publish("config-subscribe");
        self.walk()
    }

    /// Closes one. Lock-free but for the short lock of the retire list.
    pub(crate) fn close(&self, subscriber: &Arc<Subscriber<T>>) -> Closed {
        let closed = subscriber.gate.close();
        if closed == Closed::Now {
            self.retired.push(subscriber.clone());
            let open = self.open.fetch_sub(1, Relaxed).saturating_sub(1);
            let dead = self.dead.fetch_add(1, Relaxed).wrapping_add(1);
            // Clearing away costs a walk, so it waits until it halves the list.
            if dead.cast_signed() > open.saturating_add(SLACK).cast_signed() {
                drop(self.walk());
            }
        }
        closed
    }

    /// Unlinks the closed ones, so that they can be freed.
    pub(crate) fn clear_away(&self) {
        if self.dead.load(Relaxed) != 0 {
            drop(self.walk());
        }
    }

    /// Moves reclamation on, also where nobody walks the list.
    pub(crate) fn flush(&self) {
        self.list.flush();
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    fn walk(&self) -> Vec<Arc<Subscriber<T>>> {
        let walk = self.list.walk();
        self.dead.fetch_sub(walk.unlinked, Relaxed);
        walk.values
    }
}

/// What a [`Subscription`] needs of its subscriber, whatever the type of the config.
trait Link: Send + Sync {
    fn number(&self) -> u64;
    fn is_open(&self) -> bool;
    fn close(&self);
    fn wait_idle(&self, timeout: Duration) -> bool;
}

struct Linked<T> {
    store: Weak<Store<T>>,
    subscriber: Arc<Subscriber<T>>,
}

impl<T: Send + Sync + 'static> Link for Linked<T> {
    fn number(&self) -> u64 {
        self.subscriber.number()
    }

    fn is_open(&self) -> bool {
        !self.subscriber.gate.is_closed() && self.store.strong_count() > 0
    }

    fn close(&self) {
        match self.store.upgrade() {
            Some(store) => store.close(&self.subscriber),
            // No config, no calls: only the mark is left to set.
            None => drop(self.subscriber.gate.close()),
        }
    }

    fn wait_idle(&self, timeout: Duration) -> bool {
        let gate = &self.subscriber.gate;
        if gate.is_idle() || gate.is_own_call() {
            return gate.is_idle();
        }
        match self.store.upgrade() {
            Some(store) => store.progress.signal.wait(deadline(timeout), || gate.is_idle()),
            None => gate.is_idle(),
        }
    }
}

/// A subscription to the changes of a config. Dropping it unsubscribes.
///
/// It does not keep the config alive. After it ended, what its closure owns is dropped by a later
/// update, tick or unsubscribe, whichever comes first, never by a reader.
#[must_use = "dropping a subscription ends it; `forever` keeps it as long as the config lives"]
pub struct Subscription {
    link: Option<Box<dyn Link>>,
    number: u64,
}

impl Subscription {
    pub(super) fn new<T: Send + Sync + 'static>(
        store: Weak<Store<T>>,
        subscriber: Arc<Subscriber<T>>,
    ) -> Self {
        let number = subscriber.number();
        Self { link: Some(Box::new(Linked { store, subscriber })), number }
    }

    /// The number by which notices name this subscriber; no other of this process has it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether changes are still delivered: not after a panic of the subscriber, nor after the config
    /// is gone. May be outdated on return.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_open())
    }

    /// Ends the subscription: no call starts after this returned. One that is running goes on; called
    /// from inside that one, it is the last. Never waits for a callback.
    pub fn unsubscribe(self) {
        drop(self);
    }

    /// Ends the subscription and waits, for `timeout` at most, until no call is running; whether that
    /// is so. What the calls did is then visible to this thread. From inside the subscriber's own call
    /// it answers `false` at once: that call is the last.
    pub fn unsubscribe_and_wait(mut self, timeout: Duration) -> bool {
        let Some(link) = self.link.take() else { return true };
        link.close();
        link.wait_idle(timeout)
    }

    /// Gives up the handle: the subscription lasts as long as the config.
    pub fn forever(mut self) {
        self.link = None;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            link.close();
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("number", &self.link.as_ref().map(|link| link.number()))
            .field("is_active", &self.is_active())
            .finish()
    }
}

//! What all handles of a config share, and the protocol of an update: under the writers' lock make the
//! value, validate it, put it in place, raise the generation, append the change; then, without the lock,
//! deliver what waits, one thread at a time.

use super::current::{Current, Snapshot};
use super::delivery::{Appended, Change, Deliveries, Progress, Published};
use super::error::{Rejected, UpdateError};
use super::gate::{Closed, Ended};
use super::observe::{Counts, Notice, Observer, Stats, contain};
use super::occupant::Occupant;
use super::subscriber::{Callback, Posted, Subscriber, Subscribers, Told};
use super::validate::{Validate, Violations};
use crate::Revision;
use crate::sync::{Arc, AtomicUsize, Mutex, Relaxed};

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticked {
    /// Calls of queued subscribers that returned.
    pub delivered: usize,
    /// Replaced snapshots that were freed.
    pub freed: usize,
}

pub(crate) struct Store<T> {
    pub(super) current: Arc<Current<T>>,
    writers: Mutex<()>,
    writer: Occupant,
    deliveries: Deliveries<T>,
    pub(super) progress: Arc<Progress>,
    pub(super) subscribers: Subscribers<T>,
    /// How many inboxes hold a change: a tick looks no further while there is none.
    posted: AtomicUsize,
    ticking: Mutex<()>,
    pub(super) observer: Observer<T>,
    counts: Counts,
}

impl<T: Send + Sync + 'static> Store<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            current: Arc::new(Current::new(value)),
            writers: Mutex::new(()),
            writer: Occupant::none(),
            deliveries: Deliveries::new(),
            progress: Arc::new(Progress::new()),
            subscribers: Subscribers::new(),
            posted: AtomicUsize::new(0),
            ticking: Mutex::new(()),
            observer: Observer::none(),
            counts: Counts::zero(),
        }
    }

    /// Whether this thread is inside an update of this config.
    pub(super) fn is_nested(&self) -> bool {
        let nested = self.writer.is_this_thread();
        if nested {
            self.counts.rejections.add(1);
        }
        nested
    }

    pub(super) fn update(
        &self,
        expected: Option<Revision>,
        make: impl FnOnce(&T) -> T,
    ) -> Result<Published, UpdateError<T>>
    where
        T: Validate,
    {
        if self.is_nested() {
            return Err(UpdateError::Nested { value: None });
        }
        let (revision, value, violations) = {
            let _lock = self.writers.lock();
            // Declared after the lock, so that unwinding clears the mark before it unlocks.
            let _inside = self.writer.enter();
            let current = self.current.load_full();
            let revision = current.revision();
            if let Some(expected) = expected.filter(|expected| *expected != revision) {
                self.counts.conflicts.add(1);
                return Err(UpdateError::Conflict { expected, current: revision });
            }
            let value = make(current.value());
            let mut violations = Violations::default();
            value.validate(&mut violations);
            if violations.is_empty() {
                (self.publish(revision.next(), value), None, violations)
            } else {
                (revision, Some(value), violations)
            }
        };
        if let Some(value) = value {
            self.counts.rejections.add(1);
            self.tell(&Notice::Rejected { current: revision, violations: &violations });
            return Err(Rejected::new(value, violations).into());
        }
        self.progress.signal.notify();
        self.deliver();
        if self.current.retired.is_due() {
            self.free_snapshots();
        }
        Ok(Published::new(revision, self.progress.clone()))
    }

    /// Puts a validated value in place. Under the writers' lock.
    fn publish(&self, revision: Revision, value: T) -> Revision {
        let new = Arc::new(Snapshot::new(revision, value));
        let old = self.current.publish(new.clone());
        if self.deliveries.append(Change::new(old, new)) == Appended::Merged {
            self.counts.coalesced.add(1);
        }
        self.counts.updates.add(1);
        revision
    }

    /// Delivers what waits, unless another thread does, or this one further up its stack.
    fn deliver(&self) {
        self.deliveries.drain(|change| {
            let inside = self.progress.deliverer.enter();
            self.tell(&Notice::Published(&change));
            for subscriber in self.subscribers.living() {
                match subscriber.post(&change) {
                    Posted::Fresh => drop(self.posted.fetch_add(1, Relaxed)),
                    Posted::Merged => self.counts.coalesced.add(1),
                    Posted::Inline => drop(self.call(&subscriber, &change)),
                }
            }
            drop(inside);
            self.progress.advance(change.revision());
        });
    }

    /// Calls a subscriber; whether it returned.
    fn call(&self, subscriber: &Arc<Subscriber<T>>, change: &Change<T>) -> bool {
        let (ended, message) = match subscriber.tell(change) {
            Told::Closed => return false,
            Told::Returned(ended) => (ended, None),
            Told::Panicked(ended, message) => (ended, Some(message)),
        };
        if ended == Ended::Closed {
            self.progress.signal.notify();
        }
        let Some(message) = message else {
            self.counts.deliveries.add(1);
            return true;
        };
        // Closed before, and the panic is not lost: it is counted and told all the same.
        let (Closed::Now | Closed::Before) = self.subscribers.close(subscriber);
        self.counts.detached.add(1);
        let (subscriber, revision) = (subscriber.number(), change.revision());
        self.tell(&Notice::Detached { subscriber, revision, message: &message });
        false
    }

    fn tell(&self, notice: &Notice<'_, T>) {
        self.observer.tell(&self.counts, notice);
    }

    pub(super) fn subscribe(&self, callback: Callback<T>, queued: bool) -> Arc<Subscriber<T>> {
        let subscriber = Arc::new(Subscriber::new(callback, queued));
        self.subscribers.insert(subscriber.clone());
        subscriber
    }

    pub(super) fn close(&self, subscriber: &Arc<Subscriber<T>>) {
        if self.subscribers.close(subscriber) == Closed::Now && self.subscribers.retired.is_due() {
            self.free_subscribers();
        }
    }

    pub(super) fn tick(&self) -> Ticked {
        let delivered = self.deliver_posted();
        Ticked { delivered, freed: self.free_snapshots() }
    }

    /// Calls the queued subscribers for whom something waits. One thread at a time.
    fn deliver_posted(&self) -> usize {
        if self.posted.load(Relaxed) == 0 {
            return 0;
        }
        let Some(_turn) = self.ticking.try_lock() else { return 0 };
        let mut returned = 0;
        for subscriber in self.subscribers.living() {
            if let Some(change) = subscriber.take_posted() {
                self.posted.fetch_sub(1, Relaxed);
                returned += usize::from(self.call(&subscriber, &change));
            }
        }
        returned
    }

    /// Runs the destructors of replaced snapshots and of closed subscribers that nobody uses.
    fn free_snapshots(&self) -> usize {
        self.free_subscribers();
        let free = self.current.retired.sweep();
        let freed = free.len();
        self.counts.freed.add(freed as u64);
        self.drop_each(free);
        freed
    }

    fn free_subscribers(&self) {
        self.subscribers.clear_away();
        let free = self.subscribers.retired.sweep();
        for subscriber in &free {
            // What waited for it will not be delivered.
            if subscriber.take_posted().is_some() {
                self.posted.fetch_sub(1, Relaxed);
            }
        }
        self.drop_each(free);
    }

    /// Drops what is the user's, with no lock held; a panic of one destructor spares the others.
    fn drop_each<X>(&self, things: Vec<X>) {
        for thing in things {
            if contain(|| drop(thing)).is_err() {
                self.counts.panics.add(1);
            }
        }
    }

    pub(super) fn retained(&self) -> Vec<Revision> {
        self.current.retired.map(Snapshot::revision)
    }

    pub(super) fn stats(&self) -> Stats {
        let counts = &self.counts;
        Stats {
            revision: self.current.load().revision(),
            updates: counts.updates.get(),
            rejections: counts.rejections.get(),
            conflicts: counts.conflicts.get(),
            deliveries: counts.deliveries.get(),
            coalesced: counts.coalesced.get(),
            detached: counts.detached.get(),
            panics: counts.panics.get(),
            subscribers: self.subscribers.open(),
            waiting: self.deliveries.len(),
            retained: self.current.retired.len(),
            freed: counts.freed.get(),
        }
    }
}

impl<T> Drop for Store<T> {
    fn drop(&mut self) {
        // Readers may live on: what only they still hold stays in the list that they share.
        for snapshot in self.current.retired.sweep() {
            let _ = contain(|| drop(snapshot));
        }
    }
}

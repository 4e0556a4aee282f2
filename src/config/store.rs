//! What all handles of a config share, and the protocol of an update: under the writers' lock make the
//! value, validate it, put it in place, raise the generation, append the change; then, without the lock,
//! deliver what waits, one thread at a time.

use super::attached::Attached;
use super::cause::Cause;
use super::current::{Current, Snapshot};
use super::delivery::{Appended, Change, Deliveries, Delivery, Progress, Published, deadline};
use super::derive::Derivations;
use super::edit::Terms;
use super::error::{Holder, Rejected, UpdateError};
use super::gate::{Closed, Ended};
use super::observe::{Counts, Notice, Observer, Stats};
use super::occupant::{Inside, Occupant};
use super::subscriber::{self, Callback, Posted, Subscriber, Subscribers, Told};
use super::validate::{Validate, Violations};
use crate::Revision;
use crate::contain::contain;
use crate::status::LastError;
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Relaxed, thread};
use std::time::{Duration, Instant};

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
    name: Box<str>,
    attached: Attached,
    pub(super) current: Arc<Current<T>>,
    writers: Mutex<()>,
    /// Who holds `writers`, for those who wait for too long.
    holder: Mutex<Option<Holder>>,
    writer: Occupant,
    deliveries: Deliveries<T>,
    pub(super) progress: Arc<Progress>,
    pub(super) subscribers: Subscribers<T>,
    /// How many inboxes hold a change: a tick looks no further while there is none.
    posted: AtomicUsize,
    ticking: Mutex<()>,
    pub(super) observer: Observer<T>,
    pub(super) derivations: Derivations<T>,
    counts: Counts,
    #[cfg(feature = "serde")]
    pub(super) fallbacks: super::paths::FallbackCounts,
    pub(super) started: Instant,
}

impl<T: Send + Sync + 'static> Store<T> {
    pub(super) fn new(name: Box<str>, first: Snapshot<T>, history: usize, attached: Attached) -> Self {
        Self {
            name,
            attached,
            current: Arc::new(Current::new(first, history)),
            writers: Mutex::new(()),
            holder: Mutex::new(None),
            writer: Occupant::none(),
            deliveries: Deliveries::new(),
            progress: Arc::new(Progress::new()),
            subscribers: Subscribers::new(),
            posted: AtomicUsize::new(0),
            ticking: Mutex::new(()),
            observer: Observer::none(),
            derivations: Derivations::none(),
            counts: Counts::zero(),
            #[cfg(feature = "serde")]
            fallbacks: super::paths::FallbackCounts::zero(),
            started: Instant::now(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is attached to the config.
    #[allow(dead_code, reason = "what optional parts begin with")]
    pub(super) fn attached(&self) -> &Attached {
        &self.attached
    }

    /// Whether this thread is inside an update of this config.
    #[cfg(feature = "sources")]
    pub(super) fn is_inside(&self) -> bool {
        self.writer.is_this_thread()
    }

    /// Waits for its turn to update, and takes it if the terms are met.
    pub(super) fn begin(&self, terms: &Terms) -> Result<Turn<'_, T>, UpdateError<T>> {
        if self.writer.is_this_thread() {
            self.counts.rejections.add(1);
            return Err(self.noted(UpdateError::Nested { value: None }));
        }
        let Some(lock) = self.writers.try_lock().or_else(|| self.wait_for_lock(terms.patience())) else {
            self.counts.busy.add(1);
            let holder = self.holder.lock().clone();
            return Err(self.noted(UpdateError::Busy { holder, waited: terms.patience(), value: None }));
        };
        let current = self.current.load_full();
        if let Some(expected) = terms.expected().filter(|expected| *expected != current.revision()) {
            self.counts.conflicts.add(1);
            return Err(UpdateError::Conflict { expected, current: current.revision(), value: None });
        }
        let cause = terms.cause();
        *self.holder.lock() = Some(Holder { thread: thread::current(), cause: cause.clone() });
        Ok(Turn {
            store: self,
            current,
            cause,
            held: Held { inside: self.writer.enter(), store: self, lock },
        })
    }

    /// Something speaks against an update: counts it, and tells the observer.
    #[cold]
    fn refused(&self, current: &Snapshot<T>, cause: &Cause, violations: &Violations) {
        self.counts.rejections.add(1);
        self.tell(&Notice::Rejected { current: current.revision(), cause, violations });
    }

    #[cold]
    fn noted(&self, error: UpdateError<T>) -> UpdateError<T> {
        self.counts.errors.note_error(&error);
        error
    }

    #[cold]
    fn wait_for_lock(&self, patience: Duration) -> Option<MutexGuard<'_, ()>> {
        match deadline(patience) {
            Some(deadline) => self.writers.try_lock_until(deadline),
            None => Some(self.writers.lock()),
        }
    }

    /// A new revision is in place, and the lock is free again: wakes, delivers, frees.
    fn published(&self) {
        self.progress.signal.notify();
        self.current.wakers.ring();
        self.deliver();
        if self.current.retired.is_due() {
            self.free_snapshots();
        }
    }

    /// Delivers what waits, unless another thread does, or this one further up its stack.
    fn deliver(&self) {
        self.deliveries.drain(|delivery| match delivery {
            Delivery::Change(change) => {
                let inside = self.progress.deliverer.enter();
                self.tell(&Notice::Published(&change));
                for subscriber in self.subscribers.living() {
                    if subscriber.wants(&change) {
                        let own = subscriber.first_after_start(&change);
                        self.deliver_to(&subscriber, own.as_ref().unwrap_or(&change), false);
                    }
                }
                drop(inside);
                self.progress.advance(change.revision());
            }
            Delivery::Start(subscriber) => {
                let _inside = self.progress.deliverer.enter();
                let start = subscriber.start(self.current.load_full());
                self.deliver_to(&subscriber, &start, true);
            }
        });
    }

    fn deliver_to(&self, subscriber: &Arc<Subscriber<T>>, change: &Change<T>, starts: bool) {
        match subscriber.post(change, starts) {
            Posted::Fresh => drop(self.posted.fetch_add(1, Relaxed)),
            Posted::Merged => self.counts.coalesced.add(1),
            Posted::Inline => drop(self.called(subscriber, subscriber.tell(change, starts), change)),
        }
    }

    /// What came of calling a subscriber; whether it returned.
    fn called(&self, subscriber: &Arc<Subscriber<T>>, told: Told, change: &Change<T>) -> bool {
        let was_filtered = matches!(told, Told::Filtered(_));
        let (ended, message) = match told {
            Told::Closed => return false,
            Told::Returned(ended) | Told::Filtered(ended) => (ended, None),
            Told::Panicked(ended, message) => (ended, Some(message)),
        };
        if ended == Ended::Closed {
            self.progress.signal.notify();
        }
        let Some(message) = message else {
            let count = if was_filtered { &self.counts.filtered } else { &self.counts.deliveries };
            count.add(1);
            return !was_filtered;
        };
        // Closed before, and the panic is not lost: it is counted and told all the same.
        let (Closed::Now | Closed::Before) = self.subscribers.close(subscriber);
        self.counts.detached.add(1);
        let (subscriber, revision) = (subscriber.number(), change.revision());
        let errors = &self.counts.errors;
        errors.note(format!(
            "subscriber {subscriber} panicked at revision {revision} and was detached: {message}"
        ));
        self.tell(&Notice::Detached { subscriber, revision, message: &message });
        false
    }

    fn tell(&self, notice: &Notice<'_, T>) {
        self.observer.tell(&self.counts, notice);
    }

    pub(super) fn subscribe(&self, callback: Callback<T>, terms: subscriber::Terms<T>) -> Arc<Subscriber<T>> {
        let starts_now = terms.starts_now;
        let subscriber = Arc::new(Subscriber::new(callback, terms));
        self.subscribers.insert(subscriber.clone());
        if starts_now {
            self.deliveries.append_start(subscriber.clone());
            self.deliver();
        }
        subscriber
    }

    pub(super) fn close(&self, subscriber: &Arc<Subscriber<T>>) {
        if self.subscribers.close(subscriber) == Closed::Now && self.subscribers.retired.is_due() {
            self.free_subscribers();
        }
    }

    pub(super) fn tick(&self) -> Ticked {
        let delivered = self.deliver_posted();
        self.subscribers.flush();
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
            if let Some(posting) = subscriber.take_posted() {
                self.posted.fetch_sub(1, Relaxed);
                let told = posting.tell(&subscriber);
                returned += usize::from(self.called(&subscriber, told, &posting.change));
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
            if let Err(message) = contain(|| drop(thing)) {
                self.counts
                    .panicked(format_args!("a replaced value panicked when it was dropped: {message}"));
            }
        }
    }

    /// How many of them hold a change.
    pub(super) fn inboxes(&self) -> usize {
        // A change may be taken out a moment before it is counted.
        self.posted.load(Relaxed).cast_signed().max(0).cast_unsigned()
    }

    pub(super) fn last_error(&self) -> Option<LastError> {
        self.counts.errors.last()
    }

    pub(super) fn retained(&self) -> Vec<Revision> {
        self.current.retired.map(Snapshot::revision)
    }

    pub(super) fn stats(&self) -> Stats {
        let counts = &self.counts;
        let (readers, reads, refreshes) = self.current.tallies.sum();
        Stats {
            revision: self.current.load().revision(),
            updates: counts.updates.get(),
            rejections: counts.rejections.get(),
            conflicts: counts.conflicts.get(),
            busy: counts.busy.get(),
            history: self.current.history.len(),
            deliveries: counts.deliveries.get(),
            coalesced: counts.coalesced.get(),
            detached: counts.detached.get(),
            panics: counts.panics.get(),
            subscribers: self.subscribers.open(),
            waiting: self.deliveries.len(),
            retained: self.current.retired.len(),
            freed: counts.freed.get(),
            filtered: counts.filtered.get(),
            readers,
            reads,
            refreshes,
        }
    }
}

/// A turn to update: nobody else's update happens until it is dropped.
pub(super) struct Turn<'a, T> {
    store: &'a Store<T>,
    current: Arc<Snapshot<T>>,
    cause: Cause,
    held: Held<'a, T>,
}

/// The writers' lock and what says so. Its fields are dropped in this order, also by unwinding: the marks go first.
struct Held<'a, T> {
    #[expect(dead_code, reason = "its drop clears the mark")]
    inside: Inside<'a>,
    store: &'a Store<T>,
    #[expect(dead_code, reason = "its drop unlocks")]
    lock: MutexGuard<'a, ()>,
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        *self.store.holder.lock() = None;
    }
}

impl<T: Validate + Send + Sync + 'static> Turn<'_, T> {
    /// What the update starts from.
    pub(super) fn current(&self) -> &Arc<Snapshot<T>> {
        &self.current
    }

    /// Publishes `value`, if nothing speaks against it, and ends the turn.
    pub(super) fn publish(self, value: T) -> Result<Published, UpdateError<T>> {
        let Self { store, current, cause, held } = self;
        let mut violations = Violations::default();
        value.validate(&mut violations);
        let new = current.successor(value, cause.clone());
        // What is not valid need not be fit to derive from.
        if violations.is_empty() {
            store.derivations.derive(&new, &current, &mut violations);
        }
        if !violations.is_empty() {
            current.hide_secrets(&mut violations);
            drop(held);
            store.refused(&current, &cause, &violations);
            return Err(store.noted(Rejected::new(new.into_value(), violations).into()));
        }
        let new = Arc::new(new);
        let revision = new.revision();
        store.current.publish(current.clone(), new.clone());
        if store.deliveries.append(Change::new(current, new)) == Appended::Merged {
            store.counts.coalesced.add(1);
        }
        store.counts.updates.add(1);
        drop(held);
        store.published();
        Ok(Published::new(revision, store.progress.clone()))
    }

    /// Ends the turn: there is no value to publish, for what these say.
    #[cfg(feature = "serde")]
    pub(super) fn refuse(self, error: &dyn crate::Diagnostic, violations: &Violations) {
        let Self { store, current, cause, held } = self;
        drop(held);
        store.counts.errors.note_error(error);
        store.refused(&current, &cause, violations);
    }
}

impl<T> Drop for Store<T> {
    fn drop(&mut self) {
        self.current.close();
        // Readers may live on: what only they still hold stays in the list that they share.
        for snapshot in self.current.history.take() {
            self.current.retired.push(snapshot);
        }
        for snapshot in self.current.retired.sweep() {
            let _ = contain(|| drop(snapshot));
        }
    }
}

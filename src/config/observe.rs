//! What can be known of a config from outside: notices as things happen, and counts.

use super::{Cause, Change, Violations};
use crate::Revision;
use crate::contain::contain;
use crate::status::ErrorSlot;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed};
use std::fmt;

/// Something that happened to a config, told to its observer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a, T> {
    /// A revision is current; subscribers are told next. In the order of revisions.
    Published(&'a Change<T>),
    /// An update was refused, and nothing changed.
    Rejected {
        /// What stays current.
        current: Revision,
        /// Who tried, and why.
        cause: &'a Cause,
        /// What spoke against the update.
        violations: &'a Violations,
    },
    /// A subscriber panicked and is called no more.
    Detached {
        /// Which of them: the number that its [`Subscription`](super::Subscription) has.
        subscriber: u64,
        /// The revision it was told of.
        revision: Revision,
        /// What it panicked with, if that was text.
        message: &'a str,
    },
}

type Callback<T> = dyn Fn(&Notice<'_, T>) + Send + Sync;

/// The one who is told of everything.
pub(super) struct Observer<T>(Mutex<Option<Arc<Callback<T>>>>);

impl<T> Observer<T> {
    pub(super) fn none() -> Self {
        Self(Mutex::new(None))
    }

    pub(super) fn set(&self, callback: impl Fn(&Notice<'_, T>) + Send + Sync + 'static) {
        let callback: Arc<Callback<T>> = Arc::new(callback);
        let replaced = self.0.lock().replace(callback);
        drop(replaced);
    }

    /// Tells the observer. One that panics is told nothing more, and counted.
    pub(super) fn tell(&self, counts: &Counts, notice: &Notice<'_, T>) {
        let Some(callback) = self.0.lock().clone() else { return };
        if let Err(message) = contain(|| callback(notice)) {
            counts.panicked(format_args!(
                "the observer of the config panicked and is told nothing more: {message}"
            ));
            let mut slot = self.0.lock();
            let failed = slot.take_if(|kept| Arc::ptr_eq(kept, &callback));
            drop(slot);
            if let Err(message) = contain(|| drop((failed, callback))) {
                counts.panicked(format_args!(
                    "what the observer of the config owned panicked when it was dropped: {message}"
                ));
            }
        }
    }
}

/// A count. Relaxed: each stands for itself, and nothing is published with it.
#[derive(Debug)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug)]
pub(super) struct Counts {
    pub(super) updates: Count,
    pub(super) rejections: Count,
    pub(super) conflicts: Count,
    pub(super) busy: Count,
    pub(super) deliveries: Count,
    pub(super) coalesced: Count,
    pub(super) detached: Count,
    pub(super) panics: Count,
    pub(super) freed: Count,
    pub(super) errors: ErrorSlot,
    pub(super) filtered: Count,
}

impl Counts {
    pub(super) fn zero() -> Self {
        let zero = Count::zero;
        Self {
            updates: zero(),
            rejections: zero(),
            conflicts: zero(),
            busy: zero(),
            deliveries: zero(),
            coalesced: zero(),
            detached: zero(),
            panics: zero(),
            freed: zero(),
            errors: ErrorSlot::new(),
            filtered: zero(),
        }
    }

    /// Something of the host's panicked, and that stays here.
    pub(super) fn panicked(&self, what: fmt::Arguments<'_>) {
        self.panics.add(1);
        self.errors.note(what.to_string());
    }
}

/// The counts of a config. Each is exact at some moment of the call, not all at the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What is current.
    pub revision: Revision,
    /// Updates that were published.
    pub updates: u64,
    /// Updates that were refused for what their value says of itself, or came from inside an update.
    pub rejections: u64,
    /// Updates that expected another revision than the current one.
    pub conflicts: u64,
    /// Updates that gave up waiting for another one.
    pub busy: u64,
    /// Calls of subscribers that returned.
    pub deliveries: u64,
    /// Changes that were merged into another because a subscriber was slow: per subscriber where it is
    /// a queued one, once where all of them had to wait.
    pub coalesced: u64,
    /// Subscribers that were detached because they panicked.
    pub detached: u64,
    /// Panics of observers and of destructors of replaced values, contained.
    pub panics: u64,
    /// Subscribers that are called.
    pub subscribers: usize,
    /// Changes that wait for delivery to inline subscribers.
    pub waiting: usize,
    /// Replaced snapshots that history keeps.
    pub history: usize,
    /// Replaced snapshots that history does not keep and that are not freed yet. At most those that somebody still holds (a reader that
    /// was not asked since, a guard, an `Arc`, a change that waits), and beyond them as many again, 32
    /// at least.
    pub retained: usize,
    /// Replaced snapshots that have been freed.
    pub freed: u64,
    /// Changes that a subscriber was not told of, as it had asked.
    pub filtered: u64,
    /// Readers there are, also those that threads keep for [`Config::with`](super::Config::with).
    pub readers: usize,
    /// Reads of [metered](super::Metered) readers, also of those that are gone. Other reads are not counted: that would
    /// cost about as much as the read.
    pub reads: u64,
    /// How often readers found that something had changed and loaded it, also those that are gone.
    pub refreshes: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "revision {}: {} updates, {} rejections, {} conflicts, {} busy; {} subscribers, {} deliveries, \
             {} filtered, {} coalesced, {} detached, {} waiting; {} in history, {} retained, {} freed, {} panics; \
             {} readers, {} reads counted, {} refreshes",
            self.revision,
            self.updates,
            self.rejections,
            self.conflicts,
            self.busy,
            self.subscribers,
            self.deliveries,
            self.filtered,
            self.coalesced,
            self.detached,
            self.waiting,
            self.history,
            self.retained,
            self.freed,
            self.panics,
            self.readers,
            self.reads,
            self.refreshes
        )
    }
}

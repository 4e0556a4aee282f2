//! A handler: whom it is called for, what is called, and what waits for it.

use super::execution::Execution;
use super::gate::{Closed, Gate};
use super::kept::Kept;
use super::prefix::Prefix;
use super::status::{HandlerState, HandlerStatus, QueueStatus};
use crate::sync::{Arc, ArrayQueue, AtomicU64, AtomicUsize, Mutex, Relaxed};
use std::fmt;

/// The most that wait for one handler.
pub(super) const MOST_WAITING: usize = 1 << 20;

pub(super) type Call = Box<dyn Fn(&Execution<'_>) + Send + Sync>;

/// A handler and what it does. Handles have the former alone: what a host's closure owns may hold a handle in turn, and goes
/// when the handler is detached.
pub(super) struct Attached {
    pub(super) entry: Arc<Entry>,
    pub(super) call: Call,
}

/// What is known of a handler.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: Box<str>,
    pub(super) prefixes: Box<[Prefix]>,
    pub(super) gate: Gate,
    /// Of one that is called later, on another thread.
    pub(super) queue: Option<Queue>,
    /// What it panicked with.
    pub(super) panic: Mutex<Option<String>>,
}

/// What waits for a handler.
#[derive(Debug)]
pub(super) struct Queue {
    kept: ArrayQueue<Kept>,
    /// How many may wait; no more than there are places.
    most: AtomicUsize,
    /// Passed by whoever puts something in.
    pub(super) posts: Gate,
    /// Held by whoever calls the handler: one at a time, so that executions stay in order.
    pub(super) serving: Mutex<()>,
    dropped: AtomicU64,
    too_large: AtomicU64,
    discarded: AtomicU64,
}

/// Why a queue did not take an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotKept {
    /// It is full.
    Full,
    /// It takes more than one may.
    TooLarge,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            kept: ArrayQueue::new(capacity),
            most: AtomicUsize::new(capacity),
            posts: Gate::new(),
            serving: Mutex::new(()),
            dropped: AtomicU64::new(0),
            too_large: AtomicU64::new(0),
            discarded: AtomicU64::new(0),
        }
    }

    /// Lock-free. Allocates, unless it is full.
    #[inline(never)]
    pub(super) fn keep(&self, execution: &Execution<'_>) -> Result<(), NotKept> {
        // Relaxed: it stands for itself.
        let kept = if self.kept.len() >= self.most.load(Relaxed) {
            Err(NotKept::Full)
        } else {
            Kept::of(execution).ok_or(NotKept::TooLarge)
        };
        kept.and_then(|kept| self.kept.push(kept).map_err(|_| NotKept::Full)).inspect_err(|why| {
            let count = match why {
                NotKept::Full => &self.dropped,
                NotKept::TooLarge => &self.too_large,
            };
            count.fetch_add(1, Relaxed);
        })
    }

    pub(super) fn take(&self) -> Option<Kept> {
        self.kept.pop()
    }

    /// Empties it; how many there were.
    pub(super) fn discard(&self) -> u64 {
        std::iter::from_fn(|| self.take()).inspect(|_| self.discarded()).count() as u64
    }

    /// One that was taken out reached nobody.
    pub(super) fn discarded(&self) {
        self.discarded.fetch_add(1, Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Lets so many wait, one at least and no more than there are places.
    pub(super) fn allow(&self, most: usize) {
        self.most.store(most.clamp(1, self.kept.capacity()), Relaxed);
    }
}

impl Entry {
    #[inline]
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.prefixes.iter().any(|prefix| prefix.begins(name))
    }

    /// Lets no further call in, nor anything into its queue.
    pub(super) fn close(&self) {
        let posts = self.queue.as_ref().map(|queue| &queue.posts);
        for gate in posts.into_iter().chain([&self.gate]) {
            let (Closed::Now | Closed::Before) = gate.close();
        }
    }

    /// Whether it is not queued, or its queue is empty.
    pub(super) fn has_nothing_waiting(&self) -> bool {
        self.queue.as_ref().is_none_or(|queue| queue.len() == 0)
    }

    /// Whether no call is running, and nothing is being put into its queue.
    pub(super) fn is_idle(&self) -> bool {
        self.gate.is_idle() && self.queue.as_ref().is_none_or(|queue| queue.posts.is_idle())
    }

    pub(super) fn status(&self) -> HandlerStatus {
        let panic = self.panic.lock().clone();
        let state = match &panic {
            Some(_) => HandlerState::Panicked,
            None if self.gate.is_closed() => HandlerState::Detached,
            None => HandlerState::Attached,
        };
        let of_queue = |queue: &Queue| QueueStatus {
            capacity: queue.kept.capacity(),
            most: queue.most.load(Relaxed),
            waiting: queue.len(),
            discarded: queue.discarded.load(Relaxed),
            dropped: queue.dropped.load(Relaxed),
            too_large: queue.too_large.load(Relaxed),
        };
        HandlerStatus {
            id: self.id.to_string(),
            prefixes: self.prefixes.iter().map(|prefix| prefix.as_str().to_owned()).collect(),
            state,
            calls: self.gate.over(),
            running: self.gate.running(),
            queue: self.queue.as_ref().map(of_queue),
            panic,
        }
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("id", &self.entry.id).finish_non_exhaustive()
    }
}

//! Those who wait for a revision without blocking a thread: tasks of any executor.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `config-wake` | `Wakers::ring`, between a revision in place and the look whether anybody waits | `Wakers::register`, between the waker in the list and the task's next look at the revision |
//!
//! Both sides are full fences. If the publisher's comes first, the task finds the revision; if the task's does, the
//! publisher finds the waker.

use super::Snapshot;
use super::current::Current;
use crate::contain::contain;
use crate::sync::{Arc, AtomicUsize, Mutex, Relaxed, sequence_observe, sequence_publish, unique_number};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Who is to be woken by what comes next.
#[derive(Debug)]
pub(crate) struct Wakers {
    /// How many wait: a publisher looks no further while nobody does.
    waiting: AtomicUsize,
    list: Mutex<BTreeMap<u64, Waker>>,
}

impl Wakers {
    pub(crate) fn new() -> Self {
        Self { waiting: AtomicUsize::new(0), list: Mutex::new(BTreeMap::new()) }
    }

    /// Runs while nobody else does anything with this.
    pub(super) fn exclusively(&self, run: impl FnOnce()) {
        let _list = self.list.lock();
        run();
    }

    /// Wakes all who wait. After what they wait for is in place.
    pub(crate) fn ring(&self) {
        // Sequentially consistent, edge `config-wake` (partner: `register`): a task that is past its own fence when
        // this one happens is counted; any other will find what is in place.
        sequence_publish("config-wake");
        if self.waiting.load(Relaxed) != 0 {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        let all = {
            let mut list = self.list.lock();
            self.waiting.store(0, Relaxed);
            std::mem::take(&mut *list)
        };
        for waker in all.into_values() {
            // The executor's code: if it panics, the others are woken all the same.
            let _ = contain(|| waker.wake());
        }
    }

    /// Has `waker` woken by what comes after this call, in place of an earlier one of this key.
    pub(crate) fn register(&self, key: u64, waker: &Waker) {
        let replaced = {
            let mut list = self.list.lock();
            let replaced = list.insert(key, waker.clone());
            self.waiting.store(list.len(), Relaxed);
            replaced
        };
        drop(replaced);
        // Sequentially consistent, edge `config-wake` (partner: `ring`): a publisher that is past its own fence when this
        // one happens has its revision in place for our next look; any other will find the waker.
        sequence_observe("config-wake");
    }

    pub(crate) fn forget(&self, key: u64) {
        let forgotten = {
            let mut list = self.list.lock();
            let forgotten = list.remove(&key);
            self.waiting.store(list.len(), Relaxed);
            forgotten
        };
        drop(forgotten);
    }
}

/// Waits for a newer revision than one that was seen: a future for any executor.
///
/// Ready with the snapshot that is current then, or with `None` once the config is gone. No wake-up is lost, and none comes
/// for a revision that was seen; of several revisions it may show the last one only. Wakers are called on the thread
/// that publishes.
#[must_use = "futures do nothing unless polled"]
pub struct UntilChanged<T> {
    current: Arc<Current<T>>,
    seen: u64,
    key: Option<u64>,
}

impl<T> UntilChanged<T> {
    pub(super) fn new(current: Arc<Current<T>>, seen: u64) -> Self {
        Self { current, seen, key: None }
    }

    fn look(&self) -> Option<Option<Arc<Snapshot<T>>>> {
        // In this order: what was published before the end is not missed.
        let closed = self.current.is_closed();
        if closed {
            self.current.wakers.exclusively(|| ());
        }
        if self.current.generation() > self.seen {
            return Some(Some(self.current.load_full()));
        }
        closed.then_some(None)
    }
}

impl<T> Future for UntilChanged<T> {
    type Output = Option<Arc<Snapshot<T>>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(ready) = self.look() {
            return Poll::Ready(ready);
        }
        let key = *self.key.get_or_insert_with(unique_number);
        self.current.wakers.register(key, context.waker());
        match self.look() {
            Some(ready) => Poll::Ready(ready),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for UntilChanged<T> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.current.wakers.forget(key);
        }
    }
}

impl<T> fmt::Debug for UntilChanged<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilChanged").field("seen", &self.seen).finish_non_exhaustive()
    }
}

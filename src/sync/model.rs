//! The primitives inside models: loom's, and stand-ins that grant no more than the real thing.

pub(crate) use loom::sync::MutexGuard;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, fence};

use super::Ordering;
use std::cell::Cell;

mod arc_swap;
// The real one, on loom's atomics, where the build asks for it: `.ci/real-epoch-models` does.
#[cfg(crossbeam_loom)]
pub(crate) use crossbeam_epoch as epoch;
#[cfg(not(crossbeam_loom))]
pub(crate) mod epoch;
mod queue;
mod signal;
pub(crate) use arc_swap::{ArcSwap, SwapGuard};
pub(crate) use queue::ArrayQueue;
pub use signal::Signal;

/// Which side of an edge a model weakens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The stores, fences and exchanges that publish.
    Publish,
    /// The loads and fences that observe.
    Observe,
    /// The exchanges that carry on what others published: a store of one's own is put in their place.
    Carry,
}

std::thread_local! {
    // loom runs all threads of a model on one system thread, so this reaches every actor.
    static WEAKENED: Cell<Option<(&'static str, Side)>> = const { Cell::new(None) };
}

/// Runs `body` with one side of one edge set to `Relaxed` (a fence on it left out).
pub fn with_weakened<R>(edge: &'static str, side: Side, body: impl FnOnce() -> R) -> R {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            WEAKENED.set(None);
        }
    }
    let _restore = Restore;
    WEAKENED.set(Some((edge, side)));
    body()
}

fn holds(edge: &'static str, side: Side) -> bool {
    WEAKENED.get() != Some((edge, side))
}

pub(crate) fn release(edge: &'static str) -> Ordering {
    super::fuse::burn();
    if holds(edge, Side::Publish) { Ordering::Release } else { Ordering::Relaxed }
}

pub(crate) fn acquire(edge: &'static str) -> Ordering {
    if holds(edge, Side::Observe) { Ordering::Acquire } else { Ordering::Relaxed }
}

/// Of one access that observes one edge and publishes another.
pub(crate) fn acquire_release(observed: &'static str, published: &'static str) -> Ordering {
    match (holds(observed, Side::Observe), holds(published, Side::Publish)) {
        (true, true) => Ordering::AcqRel,
        (true, false) => Ordering::Acquire,
        (false, true) => Ordering::Release,
        (false, false) => Ordering::Relaxed,
    }
}

pub(crate) fn carry_on(word: &AtomicU64, from: u64, to: u64, edge: &'static str) -> Result<u64, u64> {
    if holds(edge, Side::Carry) {
        word.compare_exchange(from, to, acquire(edge), Ordering::Relaxed)
    } else {
        word.store(to, Ordering::Release);
        Ok(from)
    }
}

pub(crate) fn release_fence(edge: &'static str) {
    super::fuse::burn();
    if holds(edge, Side::Publish) {
        fence(Ordering::Release);
    }
}

pub(crate) fn acquire_fence(edge: &'static str) {
    if holds(edge, Side::Observe) {
        fence(Ordering::Acquire);
    }
}

pub(crate) fn sequence_publish(edge: &'static str) {
    if holds(edge, Side::Publish) {
        fence(Ordering::SeqCst);
    }
}

pub(crate) fn sequence_observe(edge: &'static str) {
    if holds(edge, Side::Observe) {
        fence(Ordering::SeqCst);
    }
}

/// A full fence: what the heavy one makes of it in the real thing.
pub(crate) fn light_fence(edge: &'static str) {
    sequence_publish(edge);
}

/// A full fence in place of the barrier.
pub(crate) fn heavy_fence<E>(edge: &'static str, _: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    sequence_observe(edge);
    Ok(())
}

/// Nothing: models are not reordered.
pub(crate) fn compiler_fence() {}

/// loom's thread-locals have neither const initialisers nor a cheaper form.
macro_rules! plain_thread_local {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        loom::thread_local! { $(#[$meta])* $vis static $name: $type = $init; }
    };
}
pub(crate) use plain_thread_local;

pub(crate) fn zeroed_words(count: usize) -> Option<Box<[AtomicU64]>> {
    Some((0..count).map(|_| AtomicU64::new(0)).collect())
}

/// loom's cell: two overlapping accesses fail the model.
#[derive(Debug, Default)]
pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, body: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(body)
    }
}

/// parking_lot's mutex as loom's: the same blocking, no poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }

    /// Never in vain, so that a lock which is never released is a deadlock, which loom reports.
    pub(crate) fn try_lock_until(&self, _: std::time::Instant) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }
}

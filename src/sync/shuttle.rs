//! The primitives inside storms: shuttle's, which lets another thread run before each access, chosen at random. It knows one
//! order only, that of `SeqCst`, so storms say nothing of orderings: models do. What never waits is the real thing.

pub(crate) use arc_swap::ArcSwap;
pub(crate) use crossbeam_epoch as epoch;
pub(crate) use crossbeam_queue::ArrayQueue;
pub(crate) use shuttle::sync::MutexGuard;
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, fence};

use super::Ordering;

mod local;
mod signal;
pub(crate) use local::Local;
pub(crate) use signal::Signal;

/// What [`ArcSwap::load`] gives.
pub(crate) type SwapGuard<T> = arc_swap::Guard<std::sync::Arc<T>>;

pub(crate) fn release(_edge: &'static str) -> Ordering {
    #[cfg(test)]
    super::fuse::burn();
    Ordering::Release
}

pub(crate) const fn acquire(_edge: &'static str) -> Ordering {
    Ordering::Acquire
}

/// Of one access that observes one edge and publishes another.
pub(crate) const fn acquire_release(_observed: &'static str, _published: &'static str) -> Ordering {
    Ordering::AcqRel
}

pub(crate) fn carry_on(word: &AtomicU64, from: u64, to: u64, edge: &'static str) -> Result<u64, u64> {
    word.compare_exchange(from, to, acquire(edge), Ordering::Relaxed)
}

pub(crate) fn release_fence(_edge: &'static str) {
    #[cfg(test)]
    super::fuse::burn();
    fence(Ordering::Release);
}

pub(crate) fn acquire_fence(_edge: &'static str) {
    fence(Ordering::Acquire);
}

pub(crate) fn sequence_publish(_edge: &'static str) {
    fence(Ordering::SeqCst);
}

pub(crate) fn sequence_observe(_edge: &'static str) {
    fence(Ordering::SeqCst);
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

/// Nothing: storms are not reordered.
pub(crate) fn compiler_fence() {}

/// One for each of shuttle's threads, which all run on one system thread.
macro_rules! plain_thread_local {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        $(#[$meta])* $vis static $name: $crate::sync::Local<$type> = $crate::sync::Local::new(|| $init);
    };
}
pub(crate) use plain_thread_local;

pub(crate) fn zeroed_words(count: usize) -> Option<Box<[AtomicU64]>> {
    Some((0..count).map(|_| AtomicU64::new(0)).collect())
}

/// Shared mutable state whose exclusive use something else proves.
#[derive(Debug, Default)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, body: impl FnOnce(*mut T) -> R) -> R {
        body(self.0.get())
    }
}

/// parking_lot's mutex as shuttle's: the same blocking, no poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }

    /// Never in vain, so that a lock which is never released is a deadlock, which shuttle reports.
    pub(crate) fn try_lock_until(&self, _: std::time::Instant) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }
}

//! The primitives of a normal build.

pub(crate) use parking_lot::{Mutex, MutexGuard};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, fence};

use super::Ordering;

mod signal;
pub(crate) use arc_swap::ArcSwap;
pub(crate) use crossbeam_epoch as epoch;
pub(crate) use crossbeam_queue::ArrayQueue;
pub(crate) use signal::Signal;

/// What [`ArcSwap::load`] gives: usually no count is touched.
pub(crate) type SwapGuard<T> = arc_swap::Guard<std::sync::Arc<T>>;

#[inline(always)]
pub(crate) fn release(_edge: &'static str) -> Ordering {
    #[cfg(test)]
    super::fuse::burn();
    Ordering::Release
}

#[inline(always)]
pub(crate) const fn acquire(_edge: &'static str) -> Ordering {
    Ordering::Acquire
}

/// Of one access that observes one edge and publishes another.
#[inline(always)]
pub(crate) const fn acquire_release(_observed: &'static str, _published: &'static str) -> Ordering {
    Ordering::AcqRel
}

/// An exchange that observes an edge, and carries on what was published on it: whoever reads the new value observes that,
/// too. A store in its place would hide it.
#[inline(always)]
pub(crate) fn carry_on(word: &AtomicU64, from: u64, to: u64, edge: &'static str) -> Result<u64, u64> {
    word.compare_exchange(from, to, acquire(edge), Ordering::Relaxed)
}

#[inline(always)]
pub(crate) fn release_fence(_edge: &'static str) {
    #[cfg(test)]
    super::fuse::burn();
    fence(Ordering::Release);
}

#[inline(always)]
pub(crate) fn acquire_fence(_edge: &'static str) {
    fence(Ordering::Acquire);
}

/// The publishing half of "publish, then look": what this thread wrote before it is seen by whoever
/// passes [`sequence_observe`] later, or this thread then sees what that one wrote before.
#[inline(always)]
pub(crate) fn sequence_publish(_edge: &'static str) {
    fence(Ordering::SeqCst);
}

/// The other half of [`sequence_publish`].
#[inline(always)]
pub(crate) fn sequence_observe(_edge: &'static str) {
    fence(Ordering::SeqCst);
}

/// One half of "publish, then look" where the other half is a [`heavy_fence`]: costs no instruction.
#[inline(always)]
pub(crate) fn light_fence(_edge: &'static str) {
    compiler_fence();
}

/// The half that pays for both: `barrier` is one in every thread of the process. Whoever passes a [`light_fence`] later sees
/// what this thread wrote before; of whoever passed it earlier this thread sees what that one wrote.
pub(crate) fn heavy_fence<E>(_edge: &'static str, barrier: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    barrier()
}

/// Keeps the compiler from moving any access from one side to the other.
#[inline(always)]
pub(crate) fn compiler_fence() {
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// `thread_local!` whose value needs no lazy start: without a destructor, one address computation.
macro_rules! plain_thread_local {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        std::thread_local! { $(#[$meta])* $vis static $name: $type = const { $init }; }
    };
}
pub(crate) use plain_thread_local;

/// Zeroed words. Large requests come straight from the kernel, so untouched pages cost nothing.
pub(crate) fn zeroed_words(count: usize) -> Option<Box<[AtomicU64]>> {
    let layout = std::alloc::Layout::array::<AtomicU64>(count).ok()?;
    if count == 0 {
        return Some(Box::new([]));
    }
    // SAFETY: the layout is not empty.
    let start = unsafe { std::alloc::alloc_zeroed(layout) };
    if start.is_null() {
        return None;
    }
    let words = std::ptr::slice_from_raw_parts_mut(start.cast::<AtomicU64>(), count);
    // SAFETY: a fresh allocation of exactly this layout; all-zero bytes are valid `AtomicU64`s.
    Some(unsafe { Box::from_raw(words) })
}

/// Shared mutable state whose exclusive use something else proves (a claim token, as a rule).
#[derive(Debug, Default)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, body: impl FnOnce(*mut T) -> R) -> R {
        body(self.0.get())
    }
}

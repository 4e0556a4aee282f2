//! The label sets that a thread uses, at hand: a small table of handles by label values.
//!
//! What is in the table holds a claim on its series like any other handle, so its cells are never another's. In return
//! it lets go when asked: the registry raises its generation when caches hold idle series, and each thread empties its
//! table before the next use. A thread that never comes by again keeps what it holds until it ends, which is no more than
//! 1,024 series.

mod sets;

pub(super) use sets::{Cache, Sought};

use crate::id::DeckId;
use crate::local::{self, Role, Seat};
use crate::sync::{Arc, AtomicBool, Relaxed, UnsafeCell, compiler_fence};
use crate::telemetry::handle::Inner;
use std::ptr::NonNull;

/// A thread's cache, for as long as it lives.
pub(super) struct CacheSeat {
    inner: Arc<Inner>,
    /// This thread is at it, perhaps further down its stack: an allocator or a signal handler asks.
    busy: AtomicBool,
    cache: UnsafeCell<Cache>,
}

// SAFETY: only the thread that holds the seat reaches the cache, one call at a time: `busy`.
unsafe impl Sync for CacheSeat {}

impl Seat for CacheSeat {
    fn release(&self) {}

    fn is_orphaned(&self) -> bool {
        // Not while it is in use: what this thread does meanwhile may make it look for seats to give back.
        self.inner.orphaned.load(Relaxed) && !self.busy.load(Relaxed)
    }
}

/// A thread's cache in use.
pub(super) struct Entered<'a>(&'a CacheSeat);

/// What came of a try to use a thread's cache.
pub(super) enum Access<'a> {
    Entered(Entered<'a>),
    /// It is in use further down the stack.
    Nested,
    /// The thread has none.
    None,
}

impl Entered<'_> {
    #[inline(always)]
    pub(super) fn with<R>(&mut self, body: impl FnOnce(&mut Cache) -> R) -> R {
        // SAFETY: this is the thread's, and `busy` keeps everybody else on it out for as long as we live.
        self.0.cache.with_mut(|cache| body(unsafe { &mut *cache }))
    }
}

impl Drop for Entered<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence();
        self.0.busy.store(false, Relaxed);
    }
}

/// This thread's cache. The seat stays while it is in use: see [`CacheSeat::is_orphaned`].
#[inline(always)]
pub(super) fn enter<'a>(deck: DeckId) -> Access<'a> {
    let Some(seat) = local::held(deck, Role::Series) else { return Access::None };
    // SAFETY: this thread holds the seat, which is given back only when the thread ends, or takes another seat while
    // this one is not busy.
    let seat: &'a CacheSeat = unsafe { seat.cast::<CacheSeat>().as_ref() };
    if seat.busy.load(Relaxed) {
        return Access::Nested;
    }
    // Relaxed: read by this thread alone. A signal handler of it sees the mark before anything that the cache does.
    seat.busy.store(true, Relaxed);
    compiler_fence();
    Access::Entered(Entered(seat))
}

/// Takes a cache for this thread, if it may hold one more thing.
pub(super) fn take(inner: &Arc<Inner>) {
    if local::may_hold(inner.deck).is_ok() {
        let seat = Arc::new(CacheSeat {
            inner: inner.clone(),
            busy: AtomicBool::new(false),
            cache: UnsafeCell::new(Cache::default()),
        });
        let target = NonNull::from(&*seat).cast();
        // A thread that is refused resolves anew each time.
        let _ = local::hold(inner.deck, Role::Series, target, seat);
    }
}

//! crossbeam-epoch inside models, as far as its contract goes: what is handed to `defer_destroy`
//! is destroyed when no guard is pinned any more, and a guard pinned after that finds everything
//! that happened before the destruction. Guards order nothing else.
//!
//! Destroying poisons the memory instead of giving it back (it goes when the collector does), so
//! that a use after reclamation fails the model at the place where it happens. Contents lie in
//! loom's cell: an access that is not ordered after their making fails as well.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The low bit of a pointer is the tag, as in the real thing.
const TAG: usize = 1;

struct Place<T> {
    content: UnsafeCell<Option<T>>,
    // loom runs all threads of a model on one system thread: plain bookkeeping needs no order.
    poisoned: Mutex<bool>,
}

/// What a collector knows; in the standard library's mutex, from which loom takes no order.
#[derive(Default)]
struct Book {
    pinned: usize,
    /// How often `pinned` has changed.
    changes: usize,
    waiting: Vec<Garbage>,
    graves: Vec<Garbage>,
}

impl Book {
    fn change(&mut self, by: isize) {
        self.pinned = self.pinned.saturating_add_signed(by);
        self.changes += 1;
    }
}

struct Garbage {
    place: usize,
    empty: unsafe fn(usize),
    free: unsafe fn(usize),
}

struct Shop {
    book: Mutex<Book>,
    unpins: AtomicUsize,
    frees: AtomicUsize,
}

impl Shop {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let book = self.book.get_mut().unwrap_or_else(PoisonError::into_inner);
        for garbage in book.waiting.drain(..) {
            // SAFETY: `defer_destroy` was promised that nobody reaches it, and no guard is left.
            unsafe { (garbage.empty)(garbage.place) };
            book.graves.push(garbage);
        }
        for garbage in book.graves.drain(..) {
            // SAFETY: emptied, and nothing can hold a guard of this collector any more.
            unsafe { (garbage.free)(garbage.place) };
        }
    }
}

pub(crate) struct Collector(Arc<Shop>);

impl Collector {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shop {
            book: Mutex::default(),
            unpins: AtomicUsize::new(0),
            frees: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn register(&self) -> LocalHandle {
        LocalHandle(self.0.clone())
    }
}

pub(crate) struct LocalHandle(Arc<Shop>);

impl LocalHandle {
    pub(crate) fn pin(&self) -> Guard {
        // A read-modify-write reads the newest value: ordered after every destruction so far.
        self.0.frees.fetch_add(0, Ordering::Acquire);
        self.0.book().change(1);
        Guard(Some(self.0.clone()))
    }
}

pub(crate) struct Guard(Option<Arc<Shop>>);

impl Guard {
    /// # Safety
    /// Nobody who pins from now on can reach what `shared` points to.
    pub(crate) unsafe fn defer_destroy<T>(&self, shared: Shared<'_, T>) {
        let garbage = Garbage { place: shared.place(), empty: empty::<T>, free: free::<T> };
        match &self.0 {
            Some(shop) => shop.book().waiting.push(garbage),
            None => {
                // SAFETY: an unprotected guard promises exclusive use.
                unsafe {
                    (garbage.empty)(garbage.place);
                    (garbage.free)(garbage.place);
                }
            }
        }
    }

    #[allow(clippy::unused_self, reason = "the real one collects; this one does so at every unpin")]
    pub(crate) fn flush(&self) {}
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(shop) = self.0.take() else { return };
        loop {
            // Release for who destroys later; Acquire for what those did who unpinned before.
            shop.unpins.fetch_add(1, Ordering::AcqRel);
            let changes = {
                let mut book = shop.book();
                if book.pinned > 1 || book.waiting.is_empty() {
                    book.change(-1);
                    return;
                }
                book.changes
            };
            // Before this step others may pin, unordered, and reach what waits; after it they are ordered.
            shop.frees.fetch_add(1, Ordering::Release);
            let mut book = shop.book();
            if book.changes == changes {
                book.change(-1);
                for garbage in std::mem::take(&mut book.waiting) {
                    // SAFETY: no guard is pinned, and who pins later cannot reach it (`defer_destroy`).
                    unsafe { (garbage.empty)(garbage.place) };
                    book.graves.push(garbage);
                }
                return;
            }
        }
    }
}

unsafe fn empty<T>(place: usize) {
    // SAFETY: the place lives until its collector goes.
    let place = unsafe { &*(place as *const Place<T>) };
    let mut poisoned = place.poisoned.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(!*poisoned, "destroyed twice");
    *poisoned = true;
    drop(poisoned);
    // SAFETY: loom checks that nobody else is in the cell.
    drop(place.content.with_mut(|content| unsafe { (*content).take() }));
}

unsafe fn free<T>(place: usize) {
    // SAFETY: made by `Owned::new`, freed once.
    drop(unsafe { Box::from_raw(place as *mut Place<T>) });
}

static UNPROTECTED: Guard = Guard(None);

/// # Safety
/// The caller has exclusive use of everything it reaches through this guard.
pub(crate) unsafe fn unprotected() -> &'static Guard {
    &UNPROTECTED
}

pub(crate) struct Owned<T>(Box<Place<T>>);

impl<T> Owned<T> {
    pub(crate) fn new(content: T) -> Self {
        Self(Box::new(Place { content: UnsafeCell::new(Some(content)), poisoned: Mutex::new(false) }))
    }

    pub(crate) fn into_shared(self, _: &Guard) -> Shared<'_, T> {
        Shared::of(Box::into_raw(self.0) as usize)
    }
}

pub(crate) struct Shared<'g, T>(usize, PhantomData<(&'g (), *const T)>);

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

impl<T> PartialEq for Shared<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<'g, T> Shared<'g, T> {
    fn of(word: usize) -> Self {
        Self(word, PhantomData)
    }

    fn place(self) -> usize {
        self.0 & !TAG
    }

    pub(crate) fn tag(self) -> usize {
        self.0 & TAG
    }

    pub(crate) fn with_tag(self, tag: usize) -> Self {
        Self::of(self.place() | (tag & TAG))
    }

    /// # Safety
    /// Null, or protected by the guard it was loaded under.
    pub(crate) unsafe fn as_ref(&self) -> Option<&'g T> {
        if self.place() == 0 {
            return None;
        }
        // SAFETY: places live until their collector goes.
        let place = unsafe { &*(self.place() as *const Place<T>) };
        let poisoned = *place.poisoned.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!poisoned, "used after reclamation");
        // SAFETY: filled until poisoned; loom checks that its making is ordered before this.
        place.content.with(|content| unsafe { (*content).as_ref() })
    }
}

pub(crate) struct Atomic<T>(AtomicUsize, PhantomData<*const T>);

// SAFETY: as for the real one: a shared `Atomic` gives out `&T` and moves `T` between threads.
unsafe impl<T: Send + Sync> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Atomic<T> {}

pub(crate) struct CompareExchangeError<'g, T> {
    pub(crate) current: Shared<'g, T>,
}

impl<T> Atomic<T> {
    pub(crate) fn null() -> Self {
        Self(AtomicUsize::new(0), PhantomData)
    }

    pub(crate) fn load<'g>(&self, order: Ordering, _: &'g Guard) -> Shared<'g, T> {
        Shared::of(self.0.load(order))
    }

    pub(crate) fn store(&self, shared: Shared<'_, T>, order: Ordering) {
        self.0.store(shared.0, order);
    }

    pub(crate) fn fetch_or<'g>(&self, tag: usize, order: Ordering, _: &'g Guard) -> Shared<'g, T> {
        Shared::of(self.0.fetch_or(tag & TAG, order))
    }

    pub(crate) fn compare_exchange<'g>(
        &self,
        current: Shared<'_, T>,
        new: Shared<'g, T>,
        success: Ordering,
        failure: Ordering,
        _: &'g Guard,
    ) -> Result<Shared<'g, T>, CompareExchangeError<'g, T>> {
        match self.0.compare_exchange(current.0, new.0, success, failure) {
            Ok(_) => Ok(new),
            Err(current) => Err(CompareExchangeError { current: Shared::of(current) }),
        }
    }
}

//! arc-swap inside models: an atomic index into an arena that lives as long as the cell. A mutex
//! in its place would order everything around it and hide missing edges; this one orders what
//! arc-swap documents and no more. That arc-swap itself frees soundly is trusted, not modelled.

use loom::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What `load` gives: here a counted reference.
pub(crate) type SwapGuard<T> = Arc<T>;

#[derive(Debug)]
pub(crate) struct ArcSwap<T> {
    current: AtomicUsize,
    // The standard library's mutex: loom neither sees it nor takes an order from it.
    arena: Mutex<Vec<Arc<T>>>,
}

impl<T> ArcSwap<T> {
    pub(crate) fn new(first: Arc<T>) -> Self {
        Self { current: AtomicUsize::new(0), arena: Mutex::new(vec![first]) }
    }

    pub(crate) fn swap(&self, next: Arc<T>) -> Arc<T> {
        let at = {
            let mut arena = self.arena();
            arena.push(next);
            arena.len() - 1
        };
        let replaced = self.current.swap(at, AcqRel);
        self.arena()[replaced].clone()
    }

    pub(crate) fn load(&self) -> SwapGuard<T> {
        let at = self.current.load(Acquire);
        self.arena()[at].clone()
    }

    pub(crate) fn load_full(&self) -> Arc<T> {
        self.load()
    }

    fn arena(&self) -> MutexGuard<'_, Vec<Arc<T>>> {
        self.arena.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! crossbeam's bounded queue inside models: one producer and one consumer, and no more order than the real one grants. Who
//! takes an item sees what came before it was put in; who finds the queue empty or full learns nothing by that.

use super::{AtomicUsize, Mutex};
use crate::sync::Relaxed;

#[derive(Debug)]
pub(crate) struct ArrayQueue<T> {
    slots: Box<[Mutex<Option<T>>]>,
    /// How many were ever taken out, and put in.
    head: AtomicUsize,
    tail: AtomicUsize,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let slots = (0..capacity).map(|_| Mutex::new(None)).collect();
        Self { slots, head: AtomicUsize::new(0), tail: AtomicUsize::new(0) }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn len(&self) -> usize {
        // Each side knows its own end; the other one it may see late, as that of the real one.
        let head = self.head.load(Relaxed);
        self.tail.load(Relaxed).saturating_sub(head)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.capacity()
    }

    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        if self.is_full() {
            return Err(item);
        }
        let tail = self.tail.load(Relaxed);
        *self.slots[tail % self.capacity()].lock() = Some(item);
        self.tail.store(tail + 1, Relaxed);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let head = self.head.load(Relaxed);
        let item = self.slots[head % self.capacity()].lock().take();
        self.head.store(head + 1, Relaxed);
        item
    }
}

//! What one worker hands to the next: a bounded queue for each retention class, so that a full one holds up no other.

use super::bell::Bell;
use super::latch::Latch;
use crate::events::class::{Class, PerClass};
use crate::sync::{Arc, ArrayQueue, AtomicUsize, Relaxed, thread};

/// Between two workers. One of them puts in, the other takes out.
#[derive(Debug)]
pub struct Handover<T> {
    queues: PerClass<ArrayQueue<T>>,
    /// How many items of a class may wait; no more than there are places.
    room: AtomicUsize,
    closed: Latch,
    giver: Arc<Bell>,
    taker: Arc<Bell>,
}

impl<T> Handover<T> {
    /// With room for so many items of each class, one at least.
    #[must_use]
    pub fn new(room: usize, giver: Arc<Bell>, taker: Arc<Bell>) -> Self {
        let room = room.max(1);
        let queues = PerClass::of(|_| ArrayQueue::new(room));
        Self { queues, room: AtomicUsize::new(room), closed: Latch::new(), giver, taker }
    }

    /// Whether an item of the class may be put in. What the giver sees stays so until it puts one in, or until less room is
    /// allowed: there is a place for it all the same.
    pub fn has_room(&self, class: Class) -> bool {
        self.queues[class].len() < self.room.load(Relaxed)
    }

    /// Allows so much room of each class, one item at least and no more than there are places, and wakes the giver if it
    /// waits. What waits already, stays.
    pub fn allow(&self, room: usize) {
        let places = self.queues[Class::Critical].capacity();
        // Relaxed: it stands for itself, and who waits at the bell looks again after it rang.
        self.room.store(room.clamp(1, places), Relaxed);
        self.giver.ring();
    }

    /// Puts an item in, for which there is room, and wakes the taker if it waits.
    pub fn put(&self, class: Class, item: T) {
        let mut refused = self.queues[class].push(item);
        // Nobody else puts any in, so room that was seen is still there.
        while let Err(item) = refused {
            thread::yield_now();
            refused = self.queues[class].push(item);
        }
        self.taker.ring();
    }

    /// Whether there is an item of the class. What the taker sees stays so until it takes it.
    pub fn has(&self, class: Class) -> bool {
        !self.queues[class].is_empty()
    }

    /// Takes the oldest item of the class, and wakes the giver if it waits and there is room worth waking for.
    pub fn take(&self, class: Class) -> Option<T> {
        let queue = &self.queues[class];
        let item = queue.pop()?;
        // Not at every item: a giver that has filled the queue shall find room for many, not be woken for each one. Whatever
        // is taken out goes through the half, so no giver is forgotten.
        if queue.len() * 2 <= self.room.load(Relaxed) {
            self.giver.ring();
        }
        Some(item)
    }

    /// Nothing more is put in.
    pub fn close(&self) {
        self.closed.set();
        self.taker.ring();
    }

    /// Whether all of it was taken, and nothing more comes.
    pub fn is_at_end(&self) -> bool {
        // Before the queues are looked at: what was put in before the end is then seen in them.
        self.closed.is_set() && Class::ALL.iter().all(|class| !self.has(*class))
    }
}

/// How many items wait, whatever they are.
pub(super) trait Waiting: Send + Sync {
    fn waiting(&self) -> PerClass<usize>;

    /// How many of a class may.
    fn room(&self) -> usize;

    /// How many could.
    fn places(&self) -> usize;

    /// See [`Handover::allow`].
    fn allow(&self, room: usize);
}

impl<T: Send> Waiting for Handover<T> {
    fn waiting(&self) -> PerClass<usize> {
        PerClass::of(|class| self.queues[class].len())
    }

    fn room(&self) -> usize {
        self.room.load(Relaxed)
    }

    fn places(&self) -> usize {
        self.queues[Class::Critical].capacity()
    }

    fn allow(&self, room: usize) {
        Self::allow(self, room);
    }
}

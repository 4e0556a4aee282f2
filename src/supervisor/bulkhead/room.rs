//! Who is inside a bulkhead, and who waits: one word.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `bulkhead-place` | the subtraction in [`Room::leave`] | the exchange in [`Room::try_enter`] |
//!
//! That no wake-up is lost needs no edge: who waits says so by a read-modify-write of the word from which who leaves
//! subtracts, so one of them is first. Either who leaves sees somebody waiting, and goes through the gate of the
//! [`Signal`], under which a waiter looks before it sleeps; or the waiter finds the place free when it looks.

use crate::sync::{AtomicU32, AtomicU64, CachePadded, Relaxed, Signal, acquire, release};
use std::time::Instant;

/// The word: those inside in the lower half, those who wait in the upper one.
#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    const INSIDE: u64 = 1;
    const WAITING: u64 = 1 << 32;

    const fn inside(self) -> u32 {
        self.0 as u32
    }

    const fn waiting(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// A room for so many.
#[derive(Debug)]
pub struct Room {
    word: CachePadded<AtomicU64>,
    /// Relaxed: it stands for itself; who changes it wakes those who wait.
    limit: AtomicU32,
    freed: Signal,
}

impl Room {
    /// An empty one.
    pub fn new(limit: u32) -> Self {
        Self { word: CachePadded::new(AtomicU64::new(0)), limit: AtomicU32::new(limit), freed: Signal::new() }
    }

    fn word(&self) -> Word {
        Word(self.word.load(Relaxed))
    }

    /// How many may be inside.
    pub fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    /// How many are.
    pub fn inside(&self) -> u32 {
        self.word().inside()
    }

    /// How many wait.
    pub fn waiting(&self) -> u32 {
        self.word().waiting()
    }

    /// Enters, unless it is full. Lock-free.
    #[inline]
    pub fn try_enter(&self) -> bool {
        let mut word = self.word();
        while word.inside() < self.limit() {
            // Acquire, edge `bulkhead-place` (partner: `leave`): what those did who left.
            let edge = acquire("bulkhead-place");
            match self.word.compare_exchange_weak(word.0, word.0 + Word::INSIDE, edge, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = Word(now),
            }
        }
        false
    }

    /// Waits, parked, until it can enter or the time is over; whether it entered. `None`: for ever.
    #[cold]
    pub fn enter_by(&self, deadline: Option<Instant>) -> bool {
        self.word.fetch_add(Word::WAITING, Relaxed);
        let entered = self.freed.wait(deadline, || self.try_enter());
        self.word.fetch_sub(Word::WAITING, Relaxed);
        entered
    }

    /// To be called once by each who entered.
    #[inline]
    pub fn leave(&self) {
        // Release, edge `bulkhead-place` (partner: `try_enter`): what this one did inside.
        let before = Word(self.word.fetch_sub(Word::INSIDE, release("bulkhead-place")));
        if before.waiting() > 0 {
            self.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        self.freed.notify();
    }

    /// From now on so many may be inside. Those who are stay, if they are more.
    pub fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Relaxed);
        // Whoever looked before the store sleeps by now; whoever looks after sees it, through the gate.
        self.wake();
    }
}

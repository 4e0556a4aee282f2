//! When slots end, and which of them a question is about.

use super::answer::{WindowAnswer, WindowStats};
use std::collections::VecDeque;
use std::mem::size_of;
use std::time::{Duration, Instant};

/// The newest slots that have ended.
#[derive(Debug)]
pub(super) struct Ring<S> {
    /// The oldest first. Room for all of them is there from the beginning.
    slots: VecDeque<Slot<S>>,
    most: usize,
    every: Duration,
    /// When the newest ended, or the first began.
    ended: Option<Instant>,
    stats: WindowStats,
}

#[derive(Debug)]
struct Slot<S> {
    lasted: Duration,
    holds: S,
}

impl<S> Ring<S> {
    pub(super) fn new(most: usize, every: Duration) -> Self {
        let slots = VecDeque::with_capacity(most);
        Self { slots, most, every, ended: None, stats: WindowStats::default() }
    }

    /// The first slot begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// Whether a tick now ends the slot.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        // Ticks are never quite on time: if one that is a little early ended nothing, the slot would be twice as long.
        self.age(now) >= self.every - self.every / 16
    }

    /// The slot ends with this in it.
    pub(super) fn end(&mut self, now: Instant, holds: S) {
        let lasted = self.age(now);
        self.ended = Some(now);
        self.stats.ended += 1;
        let half = self.every / 2;
        if lasted >= self.every + half {
            self.stats.late += 1;
            // Rounded, and one slot is there.
            let took = (lasted + half).as_nanos() / self.every.as_nanos().max(1);
            self.stats.missed = self.stats.missed.saturating_add((took as u64).saturating_sub(1));
        }
        if self.slots.len() >= self.most {
            self.slots.pop_front();
        }
        self.slots.push_back(Slot { lasted, holds });
    }

    fn age(&self, now: Instant) -> Duration {
        self.ended.map_or(Duration::ZERO, |ended| now.saturating_duration_since(ended))
    }

    /// What the slots say that a question about so long a time is about: the newest first.
    pub(super) fn fold<A>(
        &self,
        over: Duration,
        first: A,
        mut add: impl FnMut(A, &S) -> A,
    ) -> Option<WindowAnswer<A>> {
        let until = self.ended.filter(|_| !self.slots.is_empty())?;
        let enough = over.saturating_sub(self.every / 2);
        let mut all = WindowAnswer { value: first, lasted: Duration::ZERO, until };
        for slot in self.slots.iter().rev() {
            all.value = add(all.value, &slot.holds);
            all.lasted += slot.lasted;
            if all.lasted >= enough {
                break;
            }
        }
        Some(all)
    }

    pub(super) fn stats(&self) -> WindowStats {
        WindowStats { slots: self.slots.len(), ..self.stats }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &S> {
        self.slots.iter().map(|slot| &slot.holds)
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Bytes of the slots, without what they have elsewhere.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<S>>()
    }
}

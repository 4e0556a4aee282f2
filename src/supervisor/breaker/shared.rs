//! The cell of all threads that have none of their own.
//!
//! What is judged by says in the same word of which generation it is: so what comes late is told from what does not by one
//! exchange, whatever happens meanwhile, and nobody has to begin a generation for the others. Each word stands for itself:
//! there are no edges, and all is Relaxed.

use super::cells::{COUNTS, Count, JUDGED};
use super::word::Word;
use crate::sync::{AtomicU64, Relaxed};

/// A generation in the lower bits, and how many were counted in it: that wraps without touching the generation.
#[derive(Clone, Copy)]
struct Tagged(u64);

impl Tagged {
    const GENERATION: u64 = (1 << Word::GENERATION_BITS) - 1;
    const ONE: u64 = Self::GENERATION + 1;

    const fn generation(self) -> u32 {
        (self.0 & Self::GENERATION) as u32
    }

    const fn count(self) -> u64 {
        self.0 >> Word::GENERATION_BITS
    }

    /// With one more of that generation; `None` if that is over.
    const fn with_one_of(self, word: Word) -> Option<Self> {
        if word.generation() == self.generation() {
            Some(Self(self.0.wrapping_add(Self::ONE)))
        } else if word.is_after(self.generation()) {
            Some(Self(word.generation() as u64 | Self::ONE))
        } else {
            None
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct SharedCell {
    totals: [AtomicU64; COUNTS],
    /// Each [`Tagged`] with the newest generation that it was counted in.
    judged: [AtomicU64; JUDGED],
}

impl SharedCell {
    pub(super) fn new() -> Self {
        let zeros = |_| AtomicU64::new(0);
        Self { totals: std::array::from_fn(zeros), judged: std::array::from_fn(zeros) }
    }

    /// Counts what no breaker judges by.
    pub(super) fn add(&self, count: Count) {
        self.totals[count as usize].fetch_add(1, Relaxed);
    }

    /// Counts what it judges by in the generation of `word`; as stale, if others have counted in a later one. Lock-free.
    pub(super) fn add_judged(&self, word: Word, count: Count) {
        let counted = match self.judged.get(count as usize) {
            Some(judged) => judged
                .fetch_update(Relaxed, Relaxed, |seen| Tagged(seen).with_one_of(word).map(|next| next.0))
                .is_ok(),
            None => true,
        };
        self.add(if counted { count } else { Count::Stale });
    }

    /// What was counted in the generation of `word`.
    pub(super) fn judged(&self, word: Word) -> [u64; JUDGED] {
        std::array::from_fn(|at| {
            let seen = Tagged(self.judged[at].load(Relaxed));
            if seen.generation() == word.generation() { seen.count() } else { 0 }
        })
    }

    pub(super) fn total(&self, count: Count) -> u64 {
        self.totals[count as usize].load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::word::BreakerState;
    use super::*;

    #[test]
    fn a_count_that_wraps_stays_in_its_generation() {
        let word = Word::NEW.to(BreakerState::Open).to(BreakerState::Closed);
        let full = Tagged(u64::MAX - Tagged::GENERATION + u64::from(word.generation()));
        let next = full.with_one_of(word).unwrap();
        assert_eq!((next.generation(), next.count()), (word.generation(), 0));
        assert!(full.with_one_of(Word::NEW).is_none());
        let later = full.with_one_of(word.to(BreakerState::Open)).unwrap();
        assert_eq!((later.generation(), later.count()), (word.generation() + 1, 1));
    }
}

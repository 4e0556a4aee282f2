//! A token bucket in one word: the generic cell rate algorithm in its form of virtual scheduling (ITU-T I.371, annex A),
//! turned round. There the word is the time from which on the next one conforms; here it is the time at which the bucket
//! would have been empty. It differs by a burst, and never lies ahead of now: whatever was taken at a slow pace, at
//! another one nothing is closed for longer. So a pace may change under the eyes of takers, and the word stays as it is.
//!
//! Its exactness comes from the exchange alone, and nothing is published with it: there are no edges. The word only grows,
//! each taker raises it by what its permits cost, from no less than a full bucket ago to no more than now: so no more
//! is taken in any stretch of time than a burst and what comes in that time.
//!
//! Whoever is refused writes nothing here, so a flood that is held back by many threads reads a line that stays shared.

use super::pace::{Pace, Price};
use crate::sync::{AtomicU64, Relaxed};

/// Permits are counted in the same word, so far: each time it is full, they are carried to another.
const COUNT_BITS: u32 = 6;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

/// The time at which the bucket would have been empty, and how many permits were taken since the last carry. Times go
/// round: two of them are compared by how far they lie apart, which is right for half a range, more than a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

impl Word {
    #[inline(always)]
    const fn new(empty_at: u64, count: u64) -> Self {
        Self(empty_at << COUNT_BITS | (count & COUNT_MASK))
    }

    /// How long before `now` it was empty; below zero if that lies ahead.
    #[inline(always)]
    const fn age(self, now: u64) -> i64 {
        (now << COUNT_BITS).wrapping_sub(self.0 & !COUNT_MASK) as i64 >> COUNT_BITS
    }

    #[inline(always)]
    const fn count(self) -> u64 {
        self.0 & COUNT_MASK
    }

    /// Whether it was empty more than so long before `now`. Between exchanges each instruction counts, and this takes no word
    /// apart: the count makes it later by less than a tick.
    #[inline(always)]
    const fn is_older(self, now: u64, age: u64) -> bool {
        (now.wrapping_sub(age) << COUNT_BITS).wrapping_sub(self.0) as i64 > 0
    }

    /// Empty at another time.
    #[inline(always)]
    const fn moved_to(self, empty_at: u64) -> Self {
        Self::new(empty_at, self.count())
    }

    /// What is added to it, or to one with the same count, for a price and its permits; and what the count loses of them.
    #[inline(always)]
    const fn raise(self, price: Price) -> (u64, u64) {
        let carry = (self.count() + price.permits as u64) & !COUNT_MASK;
        let raise = (price.cost << COUNT_BITS) + price.permits as u64;
        (raise.wrapping_sub(carry), carry)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Bucket(AtomicU64);

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Take {
    /// The permits are the caller's.
    Taken,
    /// They are, and the caller has to count so many that the word holds no longer.
    TakenAndCarry(u64),
    /// They come in so many ticks, unless others take them.
    Short(u64),
}

impl Bucket {
    pub(super) fn full(pace: Pace, now: u64) -> Self {
        Self(AtomicU64::new(Word::new(now.wrapping_sub(pace.full()), 0).0))
    }

    /// Takes what has that price. Lock-free: an attempt fails only because another thread took some.
    #[inline(always)]
    pub(super) fn take(&self, price: Price, now: u64) -> Take {
        // Relaxed throughout: the word stands for itself.
        let mut seen = self.0.load(Relaxed);
        loop {
            let word = Word(seen);
            if !word.is_older(now, price.cost - 1) {
                let short = (price.cost as i64).wrapping_sub(word.age(now)) as u64;
                return Take::Short(short);
            }
            // Of the word that was read, so that neither waits for the choice between it and another.
            let (raise, carry) = word.raise(price);
            let floor = word.moved_to(now.wrapping_sub(price.full));
            let from = if word.is_older(now, price.full) { floor } else { word };
            let next = Word(from.0.wrapping_add(raise));
            match self.0.compare_exchange_weak(seen, next.0, Relaxed, Relaxed) {
                Ok(_) if carry == 0 => return Take::Taken,
                Ok(_) => return Take::TakenAndCarry(carry),
                Err(other) => seen = other,
            }
        }
    }

    /// How long ago it was empty, at most as long as it takes to fill; zero if a clock that went back says otherwise.
    pub(super) fn saved(&self, pace: Pace, now: u64) -> u64 {
        Word(self.0.load(Relaxed)).age(now).clamp(0, pace.full() as i64) as u64
    }

    /// Permits in the word.
    pub(super) fn count(&self) -> u64 {
        Word(self.0.load(Relaxed)).count()
    }

    /// Makes it empty now, if it claims to be so much later than now: the clock went back. `now` is asked for once the word
    /// has been read, since a thread may sleep between the two.
    pub(super) fn mend(&self, too_far: u64, now: impl FnOnce() -> u64) -> bool {
        let seen = self.0.load(Relaxed);
        let now = now();
        let ahead = Word(seen).age(now).checked_neg().is_some_and(|ahead| ahead > too_far as i64);
        let mended = Word::new(now, Word(seen).count());
        ahead && self.0.compare_exchange(seen, mended.0, Relaxed, Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: fn() -> Pace = || Pace::new(10, 1, 5);

    fn take(bucket: &Bucket, permits: u32, now: u64) -> Take {
        bucket.take(PACE().price(permits), now)
    }

    fn taken(bucket: &Bucket, permits: u32, now: u64) -> bool {
        !matches!(take(bucket, permits, now), Take::Short(_))
    }

    #[test]
    fn a_full_bucket_gives_a_burst_and_then_one_by_one() {
        for begin in [0, 1_000, (1 << 58) - 25, u64::MAX - 20] {
            let bucket = Bucket::full(PACE(), begin);
            let at = |time: u64| begin.wrapping_add(time);
            assert_eq!((0..9).filter(|_| taken(&bucket, 1, at(0))).count(), 5);
            assert_eq!(take(&bucket, 1, at(9)), Take::Short(1));
            assert_eq!(take(&bucket, 3, at(9)), Take::Short(21));
            assert!(taken(&bucket, 1, at(10)) && !taken(&bucket, 1, at(10)));
            assert!(!taken(&bucket, 3, at(39)) && taken(&bucket, 3, at(40)));
            // However long nobody comes, it holds no more than it holds.
            assert_eq!(bucket.saved(PACE(), at(1 << 50)), 50);
            assert_eq!((0..9).filter(|_| taken(&bucket, 1, at(1 << 50))).count(), 5);
            assert_eq!(bucket.count(), 14);
        }
    }

    #[test]
    fn permits_are_carried_when_the_word_is_full() {
        let pace = Pace::new(1, 1, 1_000);
        let bucket = Bucket::full(pace, 0);
        let mut carried = 0;
        for permits in [1, 62, 1, 63, 1, 200, 64, 128] {
            match bucket.take(pace.price(permits), 0) {
                Take::Taken => {}
                Take::TakenAndCarry(count) => carried += count,
                Take::Short(_) => panic!("there are enough"),
            }
        }
        assert_eq!(carried + bucket.count(), 520);
        assert_eq!(bucket.take(pace.price(481), 0), Take::Short(1));
    }

    #[test]
    fn a_clock_that_went_back_closes_it_until_it_is_mended() {
        let bucket = Bucket::full(PACE(), 1_000_000);
        assert!(taken(&bucket, 5, 1_000_000));
        assert_eq!(take(&bucket, 1, 500), Take::Short(999_510));
        assert_eq!(bucket.saved(PACE(), 500), 0);
        assert!(!bucket.mend(999_500, || 500), "not so far");
        assert!(bucket.mend(999_499, || 500));
        assert_eq!(take(&bucket, 1, 509), Take::Short(1));
        assert!(taken(&bucket, 1, 510));
        assert_eq!(bucket.count(), 6);
    }
}

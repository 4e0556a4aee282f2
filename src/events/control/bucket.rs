//! A token bucket in one word (the generic cell rate algorithm; ITU-T I.371, annex A): the word is the time up to which
//! what was let through has used up the rate.
//!
//! It orders nothing: it stands for itself, so every access is Relaxed. Its exactness comes from the exchange alone.
//! Whoever is refused writes nothing, so a flood that is held back by many threads reads a line that stays shared.

use super::rate::Pace;
use crate::sync::{AtomicU64, Relaxed};

/// The word of a bucket; zero is a full one.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<'a>(pub &'a AtomicU64);

impl Bucket<'_> {
    /// Takes a token, if there is one at `now`. Lock-free: an attempt fails only because another thread took one, so
    /// there are at most as many attempts as the bucket had tokens, and one more.
    #[inline(always)]
    #[must_use]
    pub fn take(self, pace: Pace, now: u64) -> bool {
        let latest = now.saturating_add(pace.ahead);
        let mut used = self.0.load(Relaxed);
        loop {
            if used > latest {
                return false;
            }
            let next = used.max(now).saturating_add(pace.interval);
            match self.0.compare_exchange_weak(used, next, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(other) => used = other,
            }
        }
    }

    /// Makes it full.
    pub fn fill(self) {
        self.0.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket() -> AtomicU64 {
        AtomicU64::new(0)
    }

    #[test]
    fn a_full_bucket_gives_a_burst_and_then_one_by_one() {
        let (word, pace) = (bucket(), Pace { interval: 10, ahead: 40 });
        let take = |now| Bucket(&word).take(pace, now);
        assert_eq!((0..9).filter(|_| take(1_000)).count(), 5);
        assert!(!take(1_009) && take(1_010) && !take(1_010));
        assert_eq!((0..9).filter(|_| take(1_035)).count(), 2);
        // However long nobody comes, it holds no more than it holds.
        assert_eq!((0..9).filter(|_| take(1 << 60)).count(), 5);
        Bucket(&word).fill();
        assert_eq!((0..9).filter(|_| take(0)).count(), 5);
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        let (word, pace) = (bucket(), Pace { interval: u64::MAX / 2, ahead: u64::MAX / 2 });
        assert!(Bucket(&word).take(pace, u64::MAX));
        // At the end of time all is used up or nothing is: it does not go round.
        assert_eq!(word.load(Relaxed), u64::MAX);
        let back = Bucket(&word).take(pace, 0);
        assert!(!back, "a clock that went back refuses, and does not let all through");
    }

    proptest! {
        /// Against the rule itself: in any stretch, no more than it holds and what came in meanwhile.
        #[test]
        fn no_stretch_of_time_has_more_than_the_rate(
            steps in prop::collection::vec(0_u64..40, 1..200), interval in 1_u64..30, burst in 1_u64..8,
        ) {
            let (word, pace) = (bucket(), Pace { interval, ahead: interval * (burst - 1) });
            let mut now = 0;
            let mut taken = Vec::new();
            for step in steps {
                now += step;
                if Bucket(&word).take(pace, now) {
                    taken.push(now);
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u64;
                    prop_assert!(count <= burst + (to - from) / interval, "{count} from {from} to {to}");
                }
            }
            // And it refuses none that it owes.
            prop_assert!(Bucket(&word).take(pace, now + interval * burst));
        }
    }
}

//! A token bucket in one word (the generic cell rate algorithm; ITU-T I.371, annex A): the word is the time from which
//! on there is a token. So whoever looks at an empty bucket needs this word and the time, and no more.
//!
//! Its exactness comes from the exchange alone. Whoever is refused writes nothing, so a flood that is held back by many
//! threads reads a line that stays shared.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `bucket-pace` | store in [`Bucket::fill`] | exchange in [`Bucket::take`] |

use super::rate::Pace;
use crate::sync::{AtomicU64, Relaxed, acquire, release};

/// The time of buckets, in which the clock's zero is this: later than any burst is long, so that a full bucket can have
/// been full for that long.
pub const ZERO: u64 = 1 << 60;

/// The word of a bucket; zero is a full one.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<'a>(pub &'a AtomicU64);

impl Bucket<'_> {
    /// Whether it is sure that there is no token at `now`.
    #[inline(always)]
    pub(super) fn is_empty(self, now: u64) -> bool {
        self.0.load(Relaxed) > now
    }

    /// Takes a token, if there is one at `now`. Lock-free: an attempt fails only because another thread took one or filled
    /// it.
    #[inline(always)]
    #[must_use]
    pub fn take(self, pace: Pace, now: u64) -> bool {
        // It holds no more than a burst.
        let full = now.saturating_sub(pace.ahead);
        let mut from = self.0.load(Relaxed);
        loop {
            if from > now {
                return false;
            }
            let next = from.max(full).saturating_add(pace.interval);
            // Acquire, edge `bucket-pace` (partner: `fill`): whoever takes from a bucket that was filled for another pace
            // finds that pace when it looks again, and knows that it has taken at the wrong one.
            match self.0.compare_exchange(from, next, acquire("bucket-pace"), Relaxed) {
                Ok(_) => return true,
                Err(other) => from = other,
            }
        }
    }

    /// Makes it full: for a pace that is in place.
    pub fn fill(self) {
        // Release, edge `bucket-pace` (partner: `take`): the pace stored before. An exchange, since only exchanges carry the
        // release of an earlier fill on: a store by a taker that saw half of a change would hide the other half from the next.
        self.0.swap(0, release("bucket-pace"));
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
        let take = |now| Bucket(&word).take(pace, ZERO + now);
        assert_eq!((0..9).filter(|_| take(1_000)).count(), 5);
        assert!(!take(1_009) && take(1_010) && !take(1_010));
        assert_eq!((0..9).filter(|_| take(1_035)).count(), 2);
        // However long nobody comes, it holds no more than it holds.
        assert_eq!((0..9).filter(|_| take(1 << 61)).count(), 5);
        assert!(
            Bucket(&word).is_empty(ZERO + (1 << 61) + 9) && !Bucket(&word).is_empty(ZERO + (1 << 61) + 10)
        );
        Bucket(&word).fill();
        assert_eq!((0..9).filter(|_| take(0)).count(), 5, "also when the clock begins");
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        let (word, pace) = (bucket(), Pace { interval: u64::MAX / 2, ahead: 0 });
        assert!(Bucket(&word).take(pace, u64::MAX));
        // At the end of time all is used up: it does not go round.
        assert_eq!(word.load(Relaxed), u64::MAX);
        let back = Bucket(&word).take(pace, ZERO);
        assert!(!back, "a clock that went back refuses, and does not let all through");
    }

    proptest! {
        /// Against the rule itself: in any stretch, no more than it holds and what came in meanwhile.
        #[test]
        fn no_stretch_of_time_has_more_than_the_rate(
            steps in prop::collection::vec(0_u64..40, 1..200), interval in 1_u64..30, burst in 1_u64..8,
        ) {
            let (word, pace) = (bucket(), Pace { interval, ahead: interval * (burst - 1) });
            let mut now = ZERO;
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

//! A token bucket in one word (the generic cell rate algorithm; ITU-T I.371, annex A): the word is the time from which
//! on there is a token. So whoever looks at an empty bucket needs this word and the time, and no more.
//!
//! Its exactness comes from the exchange alone. Whoever is refused writes nothing, so a flood that is held back by many
//! threads reads a line that stays shared.
//!
//! # A pace that changes
//!
//! The words of a pace are Relaxed, and are changed under the eyes of takers: one of them may see the old pace, or one word
//! of each. Whoever changes it stores the words first and then publishes them with the bucket, which it fills
//! ([`Bucket::fill`]) or carries on ([`Bucket::follow`]). A taker looks at the pace again once it has a token. If it took
//! before the bucket was published, its token is gone with the fill, or carried on. If it took after that, its
//! exchange has read the publication, or an exchange that goes back to it, since takers write by exchanges alone; so it
//! sees the new pace now, and gives its token back for one at that pace. So whatever it saw of the old one, no token taken at
//! a pace that is no longer closes a bucket for an hour.
//!
//! A taker that sees the new pace, or half of it, before the bucket is published takes in the new ticks what is then carried on
//! as if in the old ones. So a bucket that is carried on is off by no more than the tokens that are taken at that very
//! moment; that is why it is not filled then, which would be a burst.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `bucket-pace` | exchanges in [`Bucket::fill`], [`Bucket::follow`] | exchanges in [`Bucket::take_at`] |

use super::rate::Pace;
use crate::clock::Clock;
use crate::sync::{AtomicU64, Relaxed, acquire, carry_on, release};

/// The time of buckets, in which the clock's zero is this: later than any burst is long, so that a full bucket can have
/// been full for that long.
pub const ZERO: u64 = 1 << 60;

/// What time it is for buckets.
#[inline(always)]
pub fn bucket_time(clock: &Clock) -> u64 {
    ZERO.saturating_add(clock.now().0)
}

/// The word of a bucket; zero is a full one.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<'a>(pub &'a AtomicU64);

impl Bucket<'_> {
    /// Whether it is sure that there is no token at `now`.
    #[inline(always)]
    pub(super) fn is_empty(self, now: u64) -> bool {
        self.0.load(Relaxed) > now
    }

    /// Takes a token at a pace that may change meanwhile, if there is one at the time that `now` tells; `None` if there is
    /// no pace. Lock-free: an attempt fails only because another thread took a token, or changed the pace.
    #[inline(always)]
    pub(super) fn take_at(self, pace: impl Fn() -> Option<Pace>, now: impl FnOnce() -> u64) -> Option<bool> {
        let seen = pace()?;
        let now = now();
        let taken = self.take(seen, now);
        if let Some(taken) = taken
            && pace() != Some(seen)
        {
            self.take_anew(taken, now, pace);
        }
        Some(taken.is_some())
    }

    /// Takes a token, if there is one at `now`.
    #[inline(always)]
    #[must_use]
    pub fn take(self, pace: Pace, now: u64) -> Option<Taken> {
        let mut from = self.0.load(Relaxed);
        loop {
            if from > now {
                return None;
            }
            let to = pace.after(from, now);
            // Acquire, edge `bucket-pace` (partners: `fill`, `follow`): whoever takes from a bucket that was filled or carried
            // on for another pace finds that pace when it looks again, and knows that it has taken at the wrong one.
            match self.0.compare_exchange(from, to, acquire("bucket-pace"), Relaxed) {
                Ok(_) => return Some(Taken { from, to }),
                Err(other) => from = other,
            }
        }
    }

    /// What was taken at a pace that was no longer is taken at the one that is. By exchanges, so that others still find
    /// out about that one.
    #[cold]
    #[inline(never)]
    fn take_anew(self, mut taken: Taken, now: u64, pace: impl Fn() -> Option<Pace>) {
        let mut seen = None;
        while let Some(other) = pace().filter(|other| seen != Some(*other)) {
            let to = other.after(taken.from, now);
            // Acquire, edge `bucket-pace` (partners: `fill`, `follow`): as in `take`, should it change once more. Carried on:
            // we may know of one change, and not of the next.
            match carry_on(self.0, taken.to, to, "bucket-pace") {
                Ok(_) => taken.to = to,
                // Somebody was here in between. Then it is at least closed no longer than a token takes.
                Err(_) => {
                    self.0.fetch_min(now.saturating_add(other.interval), acquire("bucket-pace"));
                }
            }
            seen = Some(other);
        }
    }

    /// Makes it full: for another rate, whose pace is in place.
    pub fn fill(self) {
        // Release, edge `bucket-pace` (partner: `take_at`): the pace stored before. A store would do, since whoever changes
        // paces takes turns, and so hides no earlier change that it does not know of; but models put no store in
        // order with the exchanges of others.
        self.0.swap(0, release("bucket-pace"));
    }

    /// Carries it on at another pace of the same rate, which is in place: the same part of a token is used up, and as many
    /// are saved up, to within a tick. And it is closed no longer than a token takes, also where the clock went back.
    pub fn follow(self, before: Pace, pace: Pace, now: u64) {
        let mut word = self.0.load(Relaxed);
        loop {
            let to = match word.checked_sub(now) {
                Some(wait) => now.saturating_add(before.scaled(wait, pace).min(pace.interval)),
                None if now - word >= before.ahead => 0,
                None => now.saturating_sub(before.scaled(now - word, pace)),
            };
            // Release, edge `bucket-pace` (partner: `take_at`): the pace stored before, and so also where the word stays as
            // it is.
            match self.0.compare_exchange(word, to, release("bucket-pace"), Relaxed) {
                Ok(_) => return,
                Err(other) => word = other,
            }
        }
    }
}

/// A token taken: what the bucket's word was, and what it became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    from: u64,
    to: u64,
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
        let take = |now| Bucket(&word).take(pace, ZERO + now).is_some();
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
        assert!(Bucket(&word).take(pace, u64::MAX).is_some());
        // At the end of time all is used up: it does not go round.
        assert_eq!(word.load(Relaxed), u64::MAX);
        let back = Bucket(&word).take(pace, ZERO);
        assert_eq!(back, None, "a clock that went back refuses, and does not let all through");
    }

    /// How many tokens there are at `now`, taken from a copy.
    fn left(word: &AtomicU64, pace: Pace, now: u64) -> u64 {
        let copy = AtomicU64::new(word.load(Relaxed));
        (0..).take_while(|_| Bucket(&copy).take(pace, now).is_some()).count() as u64
    }

    #[test]
    fn a_bucket_goes_on_at_another_pace_where_it_stopped() {
        let (word, slow, now) = (bucket(), Pace { interval: 1_000, ahead: 9_000 }, ZERO + 5_000);
        for quick in [Pace { interval: 10, ahead: 90 }, Pace { interval: 1_001, ahead: 9_009 }, slow] {
            for tokens in 0..=10 {
                Bucket(&word).fill();
                (0..tokens).for_each(|_| assert!(Bucket(&word).take(slow, now).is_some()));
                Bucket(&word).follow(slow, quick, now);
                assert_eq!(left(&word, quick, now), 10 - tokens, "{quick:?}");
                Bucket(&word).follow(quick, slow, now);
                assert_eq!(left(&word, slow, now), 10 - tokens, "{quick:?} and back");
            }
            // Half a token is half a token.
            Bucket(&word).follow(slow, quick, now + 500);
            let at = now + 500 + quick.interval / 2;
            assert!(Bucket(&word).is_empty(at - 1) && !Bucket(&word).is_empty(at), "{quick:?}");
        }
    }

    #[test]
    fn a_clock_that_went_back_closes_no_bucket_for_longer_than_a_token_takes() {
        let (word, pace) = (bucket(), Pace { interval: 10, ahead: 0 });
        assert!(Bucket(&word).take(pace, ZERO + 1_000_000).is_some());
        Bucket(&word).follow(pace, pace, ZERO + 1_000);
        assert!(Bucket(&word).is_empty(ZERO + 1_009) && !Bucket(&word).is_empty(ZERO + 1_010));
    }

    #[test]
    fn a_token_taken_at_a_pace_that_is_no_longer_is_taken_anew() {
        let (slow, quick) = (Pace { interval: 1_000_000, ahead: 0 }, Pace { interval: 10, ahead: 40 });
        let now = ZERO + 500;
        // As seen by a taker: the old pace, and then the one that a full bucket is published with.
        let (word, looks) = (bucket(), AtomicU64::new(0));
        let changing = || Some(if looks.fetch_add(1, Relaxed) == 0 { slow } else { quick });
        assert_eq!(Bucket(&word).take_at(changing, || now), Some(true));
        assert_eq!(left(&word, quick, now), 4, "it was full but for one");
        // Somebody comes between the two.
        let (word, looks) = (bucket(), AtomicU64::new(0));
        let changing = || {
            let look = looks.fetch_add(1, Relaxed);
            if look == 1 {
                word.store(word.load(Relaxed) + 5, Relaxed);
            }
            Some(if look == 0 { slow } else { quick })
        };
        assert_eq!(Bucket(&word).take_at(changing, || now), Some(true));
        assert_eq!((left(&word, quick, now), left(&word, quick, now + 10)), (0, 1));
        assert_eq!(Bucket(&word).take_at(|| None, || now), None);
    }

    proptest! {
        /// Whatever is done to a pace, a bucket holds no more than it may, and is closed no longer.
        #[test]
        fn a_bucket_that_follows_is_between_full_and_closed_for_a_token(
            from in any::<u64>(), now in ZERO.., intervals in prop::array::uniform2(1_u64..1 << 44), burst in 1_u64..1_000,
        ) {
            let [before, pace] = intervals.map(|interval| Pace { interval, ahead: interval * (burst - 1) });
            let word = AtomicU64::new(from);
            Bucket(&word).follow(before, pace, now);
            let at = word.load(Relaxed);
            prop_assert!(at <= now.saturating_add(pace.interval));
            // Exact to a tick of the coarser of both.
            let exact = (i128::from(from) - i128::from(now)) * i128::from(pace.interval) / i128::from(before.interval);
            let exact = exact.clamp(-i128::from(pace.ahead), i128::from(pace.interval));
            let found = (i128::from(at) - i128::from(now)).max(-i128::from(pace.ahead));
            prop_assert!(exact.abs_diff(found) <= 1, "{found} is not {exact}");
        }

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
                if Bucket(&word).take(pace, now).is_some() {
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
            prop_assert!(Bucket(&word).take(pace, now + interval * burst).is_some());
        }
    }
}

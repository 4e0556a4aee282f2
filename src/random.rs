//! Chance that is no secret: delays that differ, ids that are not given twice. SplitMix64 (Steele, Lea, Flood: "Fast
//! Splittable Pseudorandom Number Generators", 2014): one seed, one sequence.

use crate::sync::{AtomicU64, Relaxed};
use std::hash::{BuildHasher, RandomState};

/// By how much the state moves on with each number: odd, so it comes to all there are before it comes back.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The next state, and the number that belongs to it.
#[inline(always)]
pub(crate) const fn next(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(STEP);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state, mixed ^ (mixed >> 31))
}

/// A number as a part of one: from 0 to below 1, evenly.
const fn part(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

/// A seed that nobody else has, here or elsewhere.
#[cold]
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// A sequence of parts of one, from 0 to below 1, that threads share: each draw is somebody's alone. Wait-free.
#[derive(Debug)]
pub(crate) struct Chance(AtomicU64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next one. Relaxed: each draw is its own.
    pub(crate) fn draw(&self) -> f64 {
        part(next(self.0.fetch_add(STEP, Relaxed)).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the published algorithm for the seed 1234567.
    #[test]
    fn numbers_are_those_of_splitmix64() {
        let mut state = 1_234_567;
        let numbers: Vec<u64> = (0..3)
            .map(|_| {
                let number;
                (state, number) = next(state);
                number
            })
            .collect();
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn draws_are_parts_of_one_and_go_on_where_the_last_one_was() {
        let chance = Chance::new(1_234_567);
        let drawn = [chance.draw(), chance.draw()];
        assert_eq!(drawn, [part(6_457_827_717_110_365_317), part(3_203_168_211_198_807_973)]);
        assert_eq!(part(0), 0.0);
        assert!(part(u64::MAX) < 1.0 && part(u64::MAX) > 0.999);
    }
}

//! From an id to its bucket: a keyed hash, part of the layout.

use crate::id::CorrelationId;

/// The key of one store. Clients choose ids, so they must not be able to choose buckets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BucketKey(pub(crate) [u64; 2]);

impl BucketKey {
    /// The bucket of an id in every shard's index, modulo the size of that index: the id's halves, each under its
    /// key, folded, and the result folded once more (the mixing steps of wyhash, Wang Yi 2019). One fold alone
    /// leaves ids that differ in their upper bits in few buckets.
    #[inline(always)]
    pub(crate) fn bucket(self, id: CorrelationId) -> u32 {
        let (high, low) = id.halves();
        fold(fold(low ^ self.0[0], high ^ self.0[1]), 0x9e37_79b9_7f4a_7c15) as u32
    }
}

/// The halves of the 128-bit product, one upon the other.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, RandomState};

    /// The fullest of 4,096 buckets after 4 ids a bucket.
    fn fullest(key: BucketKey, id: impl Fn(u128) -> u128) -> u32 {
        let mut buckets = vec![0; 4_096];
        for n in 1..=4 * 4_096 {
            buckets[key.bucket(CorrelationId::new(id(n))) as usize % 4_096] += 1;
        }
        buckets.into_iter().max().unwrap()
    }

    #[test]
    fn ids_of_any_shape_spread() {
        for seed in 0..32 {
            let random = RandomState::new();
            let key = BucketKey([random.hash_one(seed), random.hash_one(seed + 100)]);
            type Shape = (&'static str, fn(u128) -> u128);
            let shapes: [Shape; 6] = [
                ("counted", |n| n),
                ("counted in the high half", |n| n << 64),
                ("in both halves", |n| n << 64 | n),
                ("in steps of a page", |n| n << 12),
                ("in the upper bits of each half", |n| n << 112 | n << 48),
                ("as in a time-ordered UUID", |n| (0x0190_0000_0000_7000 + n) << 64 | 0x8000_0000_0000_0000),
            ];
            for (shape, id) in shapes {
                // Thrown at random, four a bucket make some 14 in the fullest.
                assert!(fullest(key, id) <= 32, "{shape}: {} in one bucket under {key:?}", fullest(key, id));
            }
        }
    }

    #[test]
    fn ids_that_collide_under_one_key_do_not_under_another() {
        let (known, other) = (BucketKey([0x1234_5678, 0x9abc_def1]), BucketKey([0x1111_2222, 0x3333_4444]));
        let in_index = |key: BucketKey, id: &CorrelationId| key.bucket(*id) % (1 << 10);
        // Chosen by somebody who knows the first key.
        let all = (1..).map(|n: u128| CorrelationId::new(n.wrapping_mul(0x0001_0000_0001_0001_0003)));
        let chosen: Vec<_> = all.filter(|id| in_index(known, id) == 7).take(2_000).collect();
        let mut buckets = vec![0; 1 << 10];
        chosen.iter().for_each(|id| buckets[in_index(other, id) as usize] += 1);
        assert!(buckets.iter().all(|count| *count <= 32), "{:?}", buckets.iter().max());
    }
    /// `tests/index.rs` shows what becomes of them in a store, which has a key.
    #[test]
    fn a_hundred_thousand_ids_share_one_bucket_without_a_key_and_few_do_with_one() {
        let ids = || (1..=100_000_u64).map(CorrelationId::from);
        let without = BucketKey([0, 0]);
        assert!(ids().all(|id| without.bucket(id) == without.bucket(CorrelationId::from(1_u64))));
        let random = RandomState::new();
        let with = BucketKey([random.hash_one(0), random.hash_one(1)]);
        let mut buckets = vec![0; 1 << 15];
        ids().for_each(|id| buckets[with.bucket(id) as usize % (1 << 15)] += 1);
        assert!(buckets.iter().all(|count| *count <= 32), "{:?}", buckets.iter().max());
    }
}

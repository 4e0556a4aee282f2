//! What a histogram counted in a slot.

use std::mem::size_of_val;

/// Counts of buckets, in whichever form is smaller.
#[derive(Debug)]
pub enum Deltas {
    /// Buckets that counted something, and what.
    Few(Box<[(u32, u64)]>),
    /// All of them.
    All(Box<[u64]>),
}

impl Deltas {
    /// What was counted between two readings of one histogram.
    pub(super) fn between(then: &[u64], now: &[u64]) -> Self {
        let all = || now.iter().zip(then).map(|(now, then)| now.wrapping_sub(*then));
        let few = || (0_u32..).zip(all()).filter(|(_, count)| *count > 0);
        // An entry is twice as large as a count. Counted first, so that each form is allocated once, and fits.
        let filled = few().count();
        if filled * 2 > now.len() {
            return Self::All(all().collect());
        }
        let mut entries = Vec::with_capacity(filled);
        entries.extend(few());
        Self::Few(entries.into())
    }

    /// Adds them to the counts of all buckets.
    pub(super) fn add_to(&self, counts: &mut [u64]) {
        let mut add = |bucket: usize, count: u64| {
            if let Some(sum) = counts.get_mut(bucket) {
                *sum = sum.wrapping_add(count);
            }
        };
        match self {
            Self::Few(few) => few.iter().for_each(|(bucket, count)| add(*bucket as usize, *count)),
            Self::All(all) => all.iter().enumerate().for_each(|(bucket, count)| add(bucket, *count)),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Few(few) => size_of_val(&**few),
            Self::All(all) => size_of_val(&**all),
        }
    }
}

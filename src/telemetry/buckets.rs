//! Log-linear buckets: where a value of a histogram is counted.
//!
//! As in HdrHistogram and the H2 histogram: every power of two is divided into 2^[`PRECISION`] buckets of equal
//! width, so a bucket is never wider than 1/32 of its lower bound. Values below 64 have a bucket each. What is
//! 2^36 or more (69 s in nanoseconds) is counted in one last bucket and can be told from the rest.

/// Significant bits below the leading one.
pub(crate) const PRECISION: u32 = 5;
/// Values of so many bits and more overflow.
const WIDTH: u32 = 36;
const PER_OCTAVE: usize = 1 << PRECISION;
/// The bucket of all values that overflow.
pub(crate) const OVERFLOW: usize = (WIDTH - PRECISION + 1) as usize * PER_OCTAVE;
/// Buckets in all.
pub(crate) const BUCKETS: usize = OVERFLOW + 1;

/// The bucket of a value.
#[inline(always)]
pub(crate) fn bucket(value: u64) -> usize {
    if value >> WIDTH != 0 {
        return OVERFLOW;
    }
    let shift = (63 - (value | 1).leading_zeros()).saturating_sub(PRECISION);
    // Below 2^(PRECISION + 1) the shift is zero and the bucket is the value.
    shift as usize * PER_OCTAVE + (value >> shift) as usize
}

/// The values of a bucket, both ends included.
pub(crate) fn bounds(bucket: usize) -> (u64, u64) {
    if bucket >= OVERFLOW {
        return (1 << WIDTH, u64::MAX);
    }
    let octave = bucket / PER_OCTAVE;
    let shift = octave.saturating_sub(1);
    let low = ((bucket - shift * PER_OCTAVE) as u64) << shift;
    (low, low + (1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_one_another_without_gap_or_overlap() {
        let mut next = 0;
        for index in 0..OVERFLOW {
            let (low, high) = bounds(index);
            assert_eq!(low, next, "bucket {index}");
            assert_eq!((bucket(low), bucket(high)), (index, index));
            next = high + 1;
        }
        assert_eq!(next, 1 << WIDTH);
        assert_eq!((bucket(1 << WIDTH), bucket(u64::MAX)), (OVERFLOW, OVERFLOW));
    }

    proptest! {
        #[test]
        fn a_bucket_is_never_wider_than_its_error(value in 0_u64..1 << WIDTH) {
            let (low, high) = bounds(bucket(value));
            prop_assert!((low..=high).contains(&value));
            prop_assert!((high - low) as f64 <= low as f64 / 32.0);
        }
    }
}

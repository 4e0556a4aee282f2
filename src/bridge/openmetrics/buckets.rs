//! Which buckets of a histogram a page tells: few, the same on every page, and exact.
//!
//! A histogram tells values apart far more finely than a scraper wants to store. Each power of two ends a bucket of its own,
//! so counts up to there are exact, and a page ends its buckets there.

use crate::telemetry::Resolution;

/// The last values of a histogram's buckets on a page, each one below a power of two, in order: at most `most` of them.
pub(super) fn ends(resolution: Resolution, most: u32) -> impl Iterator<Item = u64> {
    let width = u64::BITS - resolution.greatest().leading_zeros();
    let step = width.div_ceil(most.max(1));
    // From the greatest down, so that what is beyond it is what the histogram calls beyond its range.
    let first = (width - 1) % step + 1;
    (first..=width).step_by(step as usize).map(|bits| u64::MAX >> (u64::BITS - bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_end_where_the_histogram_can_tell() {
        for precision in 1..=12 {
            for greatest in [1, 1_000, 1 << 35, u64::MAX] {
                let resolution = Resolution::new(precision).up_to(greatest);
                for most in [1, 5, 20, 36, 64, 1_000] {
                    let ends: Vec<_> = ends(resolution, most).collect();
                    assert!((1..=most as usize).contains(&ends.len()), "{ends:?}");
                    assert_eq!(ends.last(), Some(&resolution.greatest()));
                    assert!(ends.is_sorted_by(|one, next| one < next));
                }
            }
        }
        let default: Vec<_> = ends(Resolution::default(), 20).collect();
        assert_eq!((default.len(), default[0], default[1]), (18, 3, 15));
    }
}

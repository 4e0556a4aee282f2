//! Log-linear buckets: where a value of a histogram is counted.
//!
//! As in HdrHistogram and the H2 histogram: every power of two is divided into 2^precision buckets of equal
//! width, so a bucket is never wider than the 2^-precision part of its lower bound. Small values have a bucket each. What
//! is beyond the range is counted in one last bucket and can be told from the rest.

/// How finely a histogram tells values apart, and up to where. Decides how much memory it takes: [`Resolution::bytes`].
///
/// ```
/// use flightdeck::telemetry::{Resolution, Telemetry};
/// let telemetry = Telemetry::new();
/// // Up to a second in nanoseconds, 0.8 % apart.
/// let fine = Resolution::new(7).up_to(1_000_000_000);
/// assert_eq!((fine.bytes(), fine.relative_error()), (24_600, 1.0 / 128.0));
/// let latency = telemetry.try_histogram_of("latency_ns", &[], fine)?;
/// latency.record(1_000_000);
/// let median = latency.values().quantile(0.5).unwrap();
/// assert!((1_000_000..=1_007_812).contains(&median));
/// # Ok::<(), flightdeck::telemetry::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resolution {
    precision: u32,
    /// Values of more bits are beyond the range.
    width: u32,
}

impl Default for Resolution {
    /// 1/32 (3.2 %), up to 2^36 - 1: 68 s in nanoseconds.
    fn default() -> Self {
        Self { precision: 5, width: 36 }
    }
}

impl Resolution {
    /// The least and the greatest precision.
    pub(crate) const PRECISIONS: std::ops::RangeInclusive<u32> = 1..=12;

    /// Each power of two in 2^`precision` buckets, 1 to 12: a relative error of 2^-`precision` at most. Up to
    /// 2^36 - 1.
    #[must_use]
    pub const fn new(precision: u32) -> Self {
        Self { precision, width: 36 }
    }

    /// To tell apart values up to this one at least; the range ends before a power of two. What is greater is counted as
    /// [overflow](super::HistogramValues::overflowed).
    #[must_use]
    pub const fn up_to(self, greatest: u64) -> Self {
        Self { width: 64 - greatest.leading_zeros(), ..self }
    }

    /// How much too high a quantile may be, in parts of the value.
    #[must_use]
    pub fn relative_error(self) -> f64 {
        0.5_f64.powi(self.precision.min(1_000) as i32)
    }

    /// What a histogram takes of a thread that has counted values of all sizes, and of the shared cells: at most this for
    /// each. A thread takes it in pieces of 512 bytes, as it counts values of further sizes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.cells() * size_of::<u64>()
    }

    /// The last value that has a bucket below the overflow.
    #[must_use]
    pub const fn greatest(self) -> u64 {
        u64::MAX >> (64 - self.sane().width)
    }

    /// Of bits of precision and of the greatest value, if there is such a one.
    pub(crate) fn of_parts(precision: u32, width: u32) -> Option<Self> {
        let exists = Self::PRECISIONS.contains(&precision) && (precision + 1..=64).contains(&width);
        exists.then_some(Self { precision, width })
    }

    /// What [`Resolution::of_parts`] takes.
    pub(crate) const fn parts(self) -> (u32, u32) {
        let Self { precision, width } = self.sane();
        (precision, width)
    }

    pub(crate) const fn precision(self) -> u32 {
        self.precision
    }

    /// With a precision that there is, and a range of one power of two beyond it at least.
    pub(crate) const fn sane(self) -> Self {
        let (least, most) = (*Self::PRECISIONS.start(), *Self::PRECISIONS.end());
        let precision = if self.precision < least {
            least
        } else if self.precision > most {
            most
        } else {
            self.precision
        };
        Self { precision, width: if self.width > precision { self.width } else { precision + 1 } }
    }

    /// The coarser precision and the shorter range of two: what both can be told in.
    pub(crate) fn common(self, other: Self) -> Self {
        Self { precision: self.precision.min(other.precision), width: self.width.min(other.width) }.sane()
    }

    /// The bucket of all values that overflow, which is the last.
    pub(crate) const fn overflow(self) -> usize {
        let Self { precision, width } = self.sane();
        (width - precision + 1) as usize * (1 << precision)
    }

    /// Buckets in all.
    pub(crate) const fn buckets(self) -> usize {
        self.overflow() + 1
    }

    /// Cells: the buckets, the sum, and the greatest value that overflowed.
    pub(crate) const fn cells(self) -> usize {
        self.buckets() + 2
    }

    /// The values of a bucket, both ends included.
    pub(crate) fn bounds(self, bucket: usize) -> (u64, u64) {
        if bucket >= self.overflow() {
            return (self.greatest().saturating_add(1), u64::MAX);
        }
        let precision = self.sane().precision;
        let shift = (bucket >> precision).saturating_sub(1);
        let low = ((bucket - (shift << precision)) as u64) << shift;
        (low, low + ((1 << shift) - 1))
    }
}

/// A resolution as a hot path wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buckets {
    greatest: u64,
    /// 2^precision.
    fine: u64,
    precision: u32,
}

impl Buckets {
    pub(crate) fn new(resolution: Resolution) -> Self {
        let precision = resolution.sane().precision;
        Self { greatest: resolution.greatest(), fine: 1 << precision, precision }
    }

    /// The bucket of a value; none if it overflows.
    #[inline(always)]
    pub(crate) fn of(self, value: u64) -> Option<usize> {
        if value > self.greatest {
            return None;
        }
        let precision = self.precision;
        // Below 2^(precision + 1) the shift is zero and the bucket is the value.
        let shift = (63 - (value | self.fine).leading_zeros()).wrapping_sub(precision);
        Some((shift as usize).wrapping_shl(precision) + value.wrapping_shr(shift) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_one_another_without_gap_or_overlap() {
        for precision in Resolution::PRECISIONS {
            for width in [0, precision + 1, 36, 63, 64] {
                let resolution = Resolution { precision, width }.sane();
                let buckets = Buckets::new(resolution);
                let mut next = 0_u64;
                for index in 0..resolution.overflow() {
                    let (low, high) = resolution.bounds(index);
                    assert_eq!(low, next, "bucket {index} of {resolution:?}");
                    assert_eq!(
                        (buckets.of(low), buckets.of(high)),
                        (Some(index), Some(index)),
                        "{resolution:?}"
                    );
                    next = high.wrapping_add(1);
                }
                assert_eq!(next, resolution.greatest().wrapping_add(1), "{resolution:?}");
                if next != 0 {
                    let overflow = resolution.overflow();
                    assert_eq!((buckets.of(next), buckets.of(u64::MAX)), (None, None));
                    assert_eq!(resolution.bounds(overflow), (next, u64::MAX));
                }
            }
        }
    }

    #[test]
    fn the_default_takes_what_it_says() {
        let resolution = Resolution::default();
        assert_eq!((resolution.buckets(), resolution.bytes()), (1_025, 8_216));
        assert_eq!(resolution.greatest(), (1 << 36) - 1);
        assert_eq!(Resolution::new(5).up_to((1 << 36) - 1), resolution);
        assert_eq!(Resolution::new(5).up_to(1 << 36).greatest(), (1 << 37) - 1);
        assert_eq!(Resolution::new(0).up_to(0).sane(), Resolution { precision: 1, width: 2 });
    }

    proptest! {
        #[test]
        fn a_bucket_is_never_wider_than_its_error(value: u64, precision in Resolution::PRECISIONS, shift in 0..64_u32) {
            let (value, resolution) = (value >> shift, Resolution::new(precision).up_to(u64::MAX));
            let (low, high) = resolution.bounds(Buckets::new(resolution).of(value).unwrap());
            prop_assert!((low..=high).contains(&value));
            prop_assert!((high - low) as f64 <= low as f64 * resolution.relative_error());
        }

        #[test]
        fn a_coarser_bucket_holds_finer_ones_whole(bucket: usize, fine in Resolution::PRECISIONS, coarse in Resolution::PRECISIONS, width in 1..=64_u32) {
            let fine = Resolution { precision: fine, width: 64 };
            let coarse = Resolution { precision: coarse, width }.common(fine);
            let (low, high) = fine.bounds(bucket % fine.overflow());
            let buckets = Buckets::new(coarse);
            prop_assert_eq!(buckets.of(low), buckets.of(high), "{:?} in {:?}", fine, coarse);
        }
    }
}

//! Limits in ticks, in one word, so that whoever checks sees a rate and the burst that belongs to it.

/// How long a bucket may take to fill, in ticks: a quarter of the range of a [bucket](super::bucket)'s time.
pub(super) const LONGEST: u64 = 1 << 56;

const BURST_BITS: u32 = 28;
/// The most permits at once.
pub(super) const MOST_BURST: u32 = (1 << BURST_BITS) - 1;
const EXPONENT_BITS: u32 = 6;
const MANTISSA_BITS: u32 = 64 - BURST_BITS - EXPONENT_BITS;
/// An interval is counted in so small a part of a tick: of a quick rate it is no whole number of them.
const FRACTION_BITS: u32 = 16;

/// From the low end: the burst, the exponent and the mantissa of the interval. The interval is rounded up: of one below 2^14
/// ticks by less than the 2^16th part of a tick, else by less than its own 2^29th part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace(pub(super) u64);

/// What so many permits cost, and what there may be to pay with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Price {
    pub(super) permits: u32,
    /// How long they take to come.
    pub(super) cost: u64,
    /// How long an empty bucket takes to fill.
    pub(super) full: u64,
}

impl Pace {
    /// A permit every `ticks`, given as so many over so many; a burst of at least one. It is cut to what fills in time.
    pub(super) fn new(ticks: u128, permits: u32, burst: u32) -> Self {
        let longest = u128::from(LONGEST);
        let exact = (ticks.min(longest) << FRACTION_BITS).div_ceil(u128::from(permits.max(1))).max(1);
        let exponent = (u128::BITS - exact.leading_zeros()).saturating_sub(MANTISSA_BITS);
        let mut mantissa = exact.div_ceil(1 << exponent);
        let mut exponent = exponent;
        if mantissa >> MANTISSA_BITS != 0 {
            mantissa = mantissa.div_ceil(2);
            exponent += 1;
        }
        let most = (longest << FRACTION_BITS) / (mantissa << exponent);
        let burst = u128::from(burst).min(most).clamp(1, MOST_BURST.into());
        let word = ((mantissa << EXPONENT_BITS | u128::from(exponent)) << BURST_BITS) | burst;
        Self(word as u64)
    }

    /// How many permits there are at the most.
    #[inline(always)]
    pub(super) const fn burst(self) -> u32 {
        self.0 as u32 & MOST_BURST
    }

    /// How long so many permits take to come, at least one and no more than [`Pace::burst`]; rounded up to a tick.
    #[inline(always)]
    pub(super) const fn cost(self, permits: u32) -> u64 {
        let exponent = (self.0 >> BURST_BITS) as u32 & ((1 << EXPONENT_BITS) - 1);
        let mantissa = self.0 >> (BURST_BITS + EXPONENT_BITS);
        // Below 2^58: fits. What is shifted out of it has been excluded in `new`.
        let product = mantissa * permits as u64;
        if exponent >= FRACTION_BITS {
            product << (exponent - FRACTION_BITS)
        } else {
            // Neither factor is zero.
            (product.wrapping_sub(1) >> (FRACTION_BITS - exponent)) + 1
        }
    }

    /// Of so many permits, at least one and no more than a burst.
    #[inline(always)]
    pub(super) const fn price(self, permits: u32) -> Price {
        Price { permits, cost: self.cost(permits), full: self.full() }
    }

    /// How long an empty bucket takes to fill.
    #[inline(always)]
    pub(super) const fn full(self) -> u64 {
        self.cost(self.burst())
    }

    /// How many permits come in so much time.
    pub(super) fn permits_in(self, ticks: u64) -> u32 {
        let (mut least, mut most) = (0, self.burst());
        // By halving: exact, whatever was rounded.
        while least < most {
            let middle = least + (most - least).div_ceil(2);
            if self.cost(middle) <= ticks { least = middle } else { most = middle - 1 }
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_intervals_are_exact() {
        for (ticks, permits, burst) in [(1_000_000_000, 100, 5), (10, 10, 1), (3_600_000_000_000, 1, 60)] {
            let pace = Pace::new(ticks, permits, burst);
            assert_eq!(pace.burst(), burst);
            let interval = (ticks / u128::from(permits)) as u64;
            assert_eq!((pace.cost(1), pace.full()), (interval, interval * u64::from(burst)), "{pace:?}");
        }
        assert_eq!(Pace::new(u128::MAX, 1, u32::MAX), Pace::new(LONGEST.into(), 1, 1), "cut to what fits");
        assert_eq!(Pace::new(1, u32::MAX, u32::MAX).cost(1), 1, "a tick at the least");
    }

    proptest! {
        #[test]
        fn a_pace_is_never_quicker_and_hardly_slower(
            bits in 0_u32..57, part in 0.0..1.0_f64, permits in 1..=u32::MAX, burst in 1..=MOST_BURST,
        ) {
            let ticks = 1_u128 << bits;
            let ticks = ticks + (ticks as f64 * part) as u128;
            let pace = Pace::new(ticks, permits, burst);
            prop_assert!(pace.full() <= LONGEST && pace.burst() >= 1 && pace.burst() <= burst);
            let exact = |count: u32| (ticks.min(LONGEST.into()) * u128::from(count)).div_ceil(permits.into());
            for count in [1, pace.burst().div_ceil(2), pace.burst()] {
                let (cost, exact) = (u128::from(pace.cost(count)), exact(count));
                let rounded = (exact >> 29) + (u128::from(count) >> 16) + 2;
                prop_assert!(cost >= exact && cost <= exact + rounded, "{count}: {cost} for {exact}");
                prop_assert_eq!(pace.permits_in(pace.cost(count)).max(count), pace.permits_in(pace.cost(count)));
                prop_assert!(pace.permits_in(pace.cost(count) - 1) < count);
            }
        }
    }
}

//! How long something took, each time or now and then.

use super::{Counter, Histogram};
use crate::clock::Ticks;
use std::num::NonZeroU32;

/// A span of time that is being measured: recorded when this is dropped, also by a panic. Two readings of the telemetry's
/// clock, on top of a record. See [`Histogram::start`].
#[derive(Debug)]
#[must_use = "the span ends when the timer is dropped: bind it to a name, such as `_timer`"]
pub struct Timer<'a> {
    histogram: &'a Histogram,
    since: Ticks,
    /// How many spans it stands for; none: it is not recorded.
    weight: u32,
}

impl<'a> Timer<'a> {
    #[inline]
    pub(super) fn new(histogram: &'a Histogram, weight: u32) -> Self {
        // Of a span that nobody measures the clock is not read.
        let since = if weight == 0 { Ticks(0) } else { histogram.clock().now() };
        Self { histogram, since, weight }
    }

    /// Ends the span here.
    #[inline]
    pub fn stop(self) {}

    /// Forgets the span: it is not recorded.
    #[inline]
    pub fn discard(mut self) {
        self.weight = 0;
    }
}

impl Drop for Timer<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.weight > 0 {
            record_since(self.histogram, self.since, self.weight);
        }
    }
}

/// Apart, so that a span that nobody measures costs no more than the question.
#[inline(never)]
fn record_since(histogram: &Histogram, since: Ticks, weight: u32) {
    let ns = histogram.clock().ns_since(since);
    histogram.record_many(ns, weight.into());
}

/// Measures one of so many spans, and counts all of them: see [`Histogram::sampled`]. Cheap to clone.
///
/// A thread measures the first of its spans and then every `n`-th, and records each for `n` spans: the distribution is
/// one of a sample, and its count is off by less than `n` a thread. The counter is exact. What repeats with a period of
/// `n` is not seen as it is: choose an `n` that has nothing to do with the work, such as a prime. A thread that takes over
/// the cells of one that ended goes on in its sequence.
///
/// ```
/// use flightdeck::telemetry::Telemetry;
/// let telemetry = Telemetry::new();
/// let (latency, calls) = (telemetry.histogram("latency_ns"), telemetry.counter("calls_total"));
/// let timer = latency.sampled(&calls, 10.try_into()?);
/// for _ in 0..100 {
///     let _timer = timer.start();
/// }
/// assert_eq!((calls.value(), latency.values().count()), (100, 100));
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SampledTimer {
    histogram: Histogram,
    calls: Counter,
    one_in: NonZeroU32,
    /// 2^64 / n, rounded up: see [`is_multiple`].
    reciprocal: u64,
}

impl SampledTimer {
    pub(super) fn new(histogram: Histogram, calls: Counter, one_in: NonZeroU32) -> Self {
        let reciprocal = (u64::MAX / u64::from(one_in.get())).wrapping_add(1);
        Self { histogram, calls, one_in, reciprocal }
    }

    /// Counts a span, and starts to measure it if it is one of those that are.
    #[inline]
    pub fn start(&self) -> Timer<'_> {
        let measured = is_multiple(self.calls.count() as u32, self.reciprocal);
        Timer::new(&self.histogram, if measured { self.one_in.get() } else { 0 })
    }

    /// Calls `body`, counts that, and records how long it took if it is one of those that are measured.
    #[inline]
    pub fn measure<R>(&self, body: impl FnOnce() -> R) -> R {
        let _timer = self.start();
        body()
    }
}

/// Whether a number is a multiple of that of which `reciprocal` is 2^64 / n, rounded up, without a division (Lemire, Kaser,
/// Kurz 2019).
#[inline(always)]
fn is_multiple(number: u32, reciprocal: u64) -> bool {
    u64::from(number).wrapping_mul(reciprocal) <= reciprocal.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reciprocal(n: u32) -> u64 {
        (u64::MAX / u64::from(n)).wrapping_add(1)
    }

    proptest! {
        #[test]
        fn multiples_are_told_without_a_division(number: u32, n in 1..=u32::MAX, small in 1..100_u32) {
            prop_assert_eq!(is_multiple(number, reciprocal(n)), number.is_multiple_of(n));
            prop_assert_eq!(is_multiple(number, reciprocal(small)), number.is_multiple_of(small));
            let multiple = number - number % n;
            prop_assert!(is_multiple(multiple, reciprocal(n)));
        }
    }
}

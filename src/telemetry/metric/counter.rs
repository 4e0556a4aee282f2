//! Sums.

use super::Cell;

/// A sum that only grows. Cheap to clone; clones are the same counter.
#[derive(Clone, Debug)]
pub struct Counter(pub(in crate::telemetry) Cell);

impl Counter {
    /// Adds to it. Wait-free: a thread-local look-up, a load, a store.
    #[inline(always)]
    pub fn increment(&self, amount: u64) {
        self.0.add(amount);
    }

    /// As [`Counter::increment`] by one. How often this thread, and those whose cells it has taken over, did so before.
    #[inline(always)]
    pub(super) fn count(&self) -> u64 {
        self.0.add(1)
    }

    /// The sum over all threads.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.sum()
    }

    /// Takes the memory that this thread's first increment would take.
    pub fn touch(&self) {
        self.0.touch();
    }
}

/// A sum that goes up and down, such as how many requests are being served: each thread says by how much. Cheap to
/// clone; clones are the same counter.
///
/// The sum is exact whichever threads added and took away. Of a number that somebody knows as a whole, set a
/// [`Gauge`](super::Gauge).
///
/// ```
/// use flightdeck::telemetry::Telemetry;
/// let telemetry = Telemetry::new();
/// let open = telemetry.up_down_counter("connections");
/// open.add(2);
/// std::thread::scope(|threads| {
///     threads.spawn(|| open.add(-1));
/// });
/// assert_eq!(open.value(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct UpDownCounter(pub(in crate::telemetry) Cell);

impl UpDownCounter {
    /// Adds to it, or takes away. Wait-free, as [`Counter::increment`](super::Counter::increment). Wraps at 2^63.
    #[inline(always)]
    pub fn add(&self, amount: i64) {
        self.0.add(amount.cast_unsigned());
    }

    /// The sum over all threads. While threads add and take away, it may be a sum that there never was at one moment: an
    /// addition may be missing whose opposite is in it.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.sum().cast_signed()
    }

    /// Takes the memory that this thread's first update would take.
    pub fn touch(&self) {
        self.0.touch();
    }
}

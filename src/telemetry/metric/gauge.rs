//! What was last set.

use super::Cell;

/// An integer that was last set. Cheap to clone; clones are the same gauge.
#[derive(Clone, Debug)]
pub struct Gauge(pub(in crate::telemetry) Cell);

impl Gauge {
    /// Sets it. Wait-free: a store into a cell that all threads share.
    #[inline(always)]
    pub fn set(&self, value: i64) {
        self.0.set(value.cast_unsigned());
    }

    /// What it was last set to; 0 before.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.get().cast_signed()
    }

    /// Takes what this thread's first update would take: nothing, since all threads share the cell. There so that all kinds of
    /// metrics can be made ready alike.
    pub fn touch(&self) {}
}

/// A floating-point number that was last set. Cheap to clone; clones are the same gauge.
#[derive(Clone, Debug)]
pub struct FloatGauge(pub(in crate::telemetry) Cell);

impl FloatGauge {
    /// Sets it. Wait-free: a store into a cell that all threads share.
    #[inline(always)]
    pub fn set(&self, value: f64) {
        self.0.set(value.to_bits());
    }

    /// Adds to it, or takes away. Lock-free: threads that change it at one time try again until each has changed it once, so none
    /// is lost. The price of a cell that all share: of a whole number that many threads change, an
    /// [`UpDownCounter`](super::UpDownCounter) costs less.
    ///
    /// ```
    /// use flightdeck::telemetry::Telemetry;
    /// let telemetry = Telemetry::new();
    /// let load = telemetry.float_gauge("load");
    /// load.set(0.5);
    /// load.add(0.25);
    /// assert_eq!(load.value(), 0.75);
    /// ```
    pub fn add(&self, amount: f64) {
        self.0.change(|bits| (f64::from_bits(bits) + amount).to_bits());
    }

    /// What it was last set to; 0 before.
    #[must_use]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.get())
    }

    /// Takes what this thread's first update would take: nothing, since all threads share the cell. There so that all kinds of
    /// metrics can be made ready alike.
    pub fn touch(&self) {}
}

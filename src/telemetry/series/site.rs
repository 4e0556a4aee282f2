//! Call sites that resolve their metric once, and macros that make them.
//!
//! A call site is a `static`, so it holds nothing of any telemetry, and keeps none alive. It has its name and labels,
//! and a number that no other site has, given at its first use. Each telemetry has a table of handles by that number.
//! So any number of telemetries go through one site without getting in each other's way, and a dropped one takes its
//! handles with it.

use super::kind::Kind;
use crate::local::Registering;
use crate::sync::{CallSite, OnceLock};
use crate::telemetry::{Counter, FloatGauge, Gauge, Histogram, Telemetry, UpDownCounter};
use std::fmt;
use std::marker::PhantomData;

/// One place in the code that names a metric: what [`counter!`](crate::counter) and its like make.
#[doc(hidden)]
pub struct Site<M> {
    number: CallSite,
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    kind: PhantomData<fn() -> M>,
}

impl<M> fmt::Debug for Site<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("name", &self.name).field("labels", &self.labels).finish_non_exhaustive()
    }
}

impl<M> Site<M> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, labels: &'static [(&'static str, &'static str)]) -> Self {
        Self { number: CallSite::new(), name, labels, kind: PhantomData }
    }
}

impl<M: Kind> Site<M> {
    /// The handle that this telemetry has for this site.
    #[doc(hidden)]
    #[inline(always)]
    pub fn of<'a>(&self, telemetry: &'a Telemetry) -> &'a M {
        match M::table(telemetry.sites()).get(self.number.get()) {
            Some(handle) => handle,
            None => self.first(telemetry),
        }
    }

    #[cold]
    #[inline(never)]
    fn first<'a>(&self, telemetry: &'a Telemetry) -> &'a M {
        let table = M::table(telemetry.sites());
        // We may be in an allocation that the registry makes under its lock, or in one that is made below: an allocator
        // that counts.
        let Some(_registering) = Registering::set() else {
            return table.nested.get_or_init(|| M::of(telemetry.inner.refused()));
        };
        let handle = telemetry.inner.resolved(self.name, self.labels);
        table.set(self.number.assigned(), handle)
    }
}

/// The handles that call sites have resolved.
#[derive(Debug, Default)]
pub struct Sites {
    pub(super) counters: Table<Counter>,
    pub(super) up_down_counters: Table<UpDownCounter>,
    pub(super) gauges: Table<Gauge>,
    pub(super) float_gauges: Table<FloatGauge>,
    pub(super) histograms: Table<Histogram>,
}

/// Handles by number. Grows by doubling; what is in it never moves, and stays until the telemetry goes.
#[derive(Debug)]
pub struct Table<M> {
    /// Bucket `n` has room for 2^n times [`FIRST`] handles.
    buckets: [OnceLock<Bucket<M>>; BUCKETS],
    /// In place of one that is looked for while this thread looks for another.
    nested: OnceLock<M>,
}

type Bucket<M> = Box<[OnceLock<M>]>;

/// Handles in the first bucket.
const FIRST: u32 = 32;
/// As many as 32-bit numbers can ask for.
const BUCKETS: usize = 28;

impl<M> Default for Table<M> {
    fn default() -> Self {
        Self { buckets: [const { OnceLock::new() }; BUCKETS], nested: OnceLock::new() }
    }
}

/// Bucket and place of a number.
#[inline(always)]
fn place(number: u32) -> (usize, usize) {
    let shifted = u64::from(number) + u64::from(FIRST);
    let bucket = shifted.ilog2() - FIRST.ilog2();
    (bucket as usize, (shifted - (u64::from(FIRST) << bucket)) as usize)
}

impl<M> Table<M> {
    #[inline(always)]
    fn get(&self, number: u32) -> Option<&M> {
        let (bucket, index) = place(number);
        self.buckets.get(bucket)?.get()?.get(index)?.get()
    }

    /// Keeps a handle unless there is one already, and gives the one that is kept. What allocates does so before
    /// anybody else could wait for it: an allocator may count through this very table.
    fn set(&self, number: u32, handle: M) -> &M {
        let (bucket, index) = place(number);
        let kept = &self.buckets[bucket];
        if kept.get().is_none() {
            let fresh = (0..(FIRST as usize) << bucket).map(|_| OnceLock::new()).collect();
            // Whoever comes second takes the first one's.
            let _ = kept.set(fresh);
        }
        kept.wait()[index].get_or_init(|| handle)
    }
}

/// The counter of a name and constant labels, resolved once per call site and telemetry: a `&Counter`.
///
/// After the first use by a telemetry it costs three loads more than a kept [`Counter`]. A call site keeps no
/// telemetry alive. Its series stays for as long as the telemetry lives and is never retired, even if the code is not
/// reached again: there are no more of those than the code has call sites. Values that vary go through
/// [`Telemetry::counter_by`]. Where [`Telemetry::try_counter_with`] fails, the handle counts nothing, and stays that
/// way; its uses are counted in [`Stats::refused_updates`](crate::telemetry::Stats::refused_updates). So is a use in a
/// global allocator before the site is resolved, while the same thread makes, lists or retires metrics.
///
/// ```
/// use flightdeck::counter;
/// use flightdeck::telemetry::{Telemetry, Value};
/// let telemetry = Telemetry::new();
/// for _ in 0..3 {
///     counter!(telemetry, "requests_total", "method" => "GET").increment(1);
/// }
/// let snapshot = telemetry.snapshot();
/// assert_eq!(snapshot.get_with("requests_total", &[("method", "GET")]), Some(&Value::Counter(3)));
/// ```
#[macro_export]
macro_rules! counter {
    ($telemetry:expr, $name:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__site!(Counter, $telemetry, $name $(, $key => $value)*)
    };
}

/// The up/down counter of a name and constant labels, resolved once per call site and telemetry: an `&UpDownCounter`. See
/// [`counter!`](crate::counter).
///
/// ```
/// let telemetry = flightdeck::telemetry::Telemetry::new();
/// flightdeck::up_down_counter!(telemetry, "connections", "side" => "client").add(-1);
/// ```
#[macro_export]
macro_rules! up_down_counter {
    ($telemetry:expr, $name:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__site!(UpDownCounter, $telemetry, $name $(, $key => $value)*)
    };
}

/// The integer gauge of a name and constant labels, resolved once per call site and telemetry: a `&Gauge`. See
/// [`counter!`](crate::counter).
///
/// ```
/// let telemetry = flightdeck::telemetry::Telemetry::new();
/// flightdeck::gauge!(telemetry, "queue_length", "queue" => "in").set(5);
/// ```
#[macro_export]
macro_rules! gauge {
    ($telemetry:expr, $name:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__site!(Gauge, $telemetry, $name $(, $key => $value)*)
    };
}

/// The floating-point gauge of a name and constant labels, resolved once per call site and telemetry: a
/// `&FloatGauge`. See [`counter!`](crate::counter).
///
/// ```
/// let telemetry = flightdeck::telemetry::Telemetry::new();
/// flightdeck::float_gauge!(telemetry, "load", "core" => "0").set(0.75);
/// ```
#[macro_export]
macro_rules! float_gauge {
    ($telemetry:expr, $name:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__site!(FloatGauge, $telemetry, $name $(, $key => $value)*)
    };
}

/// The histogram of a name and constant labels, resolved once per call site and telemetry: a `&Histogram`. See
/// [`counter!`](crate::counter).
///
/// ```
/// let telemetry = flightdeck::telemetry::Telemetry::new();
/// flightdeck::histogram!(telemetry, "latency_ns", "method" => "GET").record(250);
/// ```
#[macro_export]
macro_rules! histogram {
    ($telemetry:expr, $name:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__site!(Histogram, $telemetry, $name $(, $key => $value)*)
    };
}

// A `match`, so that a telemetry that is made on the spot lives to the end of the statement.
#[doc(hidden)]
#[macro_export]
macro_rules! __site {
    ($kind:ident, $telemetry:expr, $name:expr $(, $key:expr => $value:expr)*) => {
        match &$telemetry {
            telemetry => {
                static SITE: $crate::telemetry::Site<$crate::telemetry::$kind> =
                    $crate::telemetry::Site::new($name, &[$(($key, $value)),*]);
                SITE.of(telemetry)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for number in 0..10_000 {
            assert_eq!(place(number), expected);
            expected.1 += 1;
            if expected.1 == (FIRST as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        let (bucket, index) = place(u32::MAX);
        assert!(bucket < BUCKETS && index < (FIRST as usize) << bucket);
    }
}

//! Metrics whose label values are known only when they are updated.

use super::cache::{self, Access, Sought};
use super::kind::Kind;
use super::labels::Labels;
use super::name::MOST_VALUE;
use crate::local::{Registering, Taking};
use crate::sync::{Arc, unique_number};
use crate::telemetry::handle::Inner;
use crate::telemetry::{Counter, FloatGauge, Gauge, Histogram, RegisterError, UpDownCounter};
use ahash::RandomState;
use std::fmt;
use std::marker::PhantomData;

/// A metric with the keys of its labels, whose values are given with each update. Cheap to clone.
///
/// An update hashes the values and looks them up among those that this thread used before, compared in full: no lock
/// and no allocation. What is not there is resolved by the registry, under a lock, and kept for the next time;
/// a thread keeps up to 1,024 label sets. A [kept handle](With::handle) costs less still.
///
/// Values may be any text; of a longer one the first 255 bytes count. Label sets beyond the metric's limit are
/// counted in one series labelled `overflow="true"`, and those of a gauge set that one.
///
/// Not for signal handlers. In a global allocator an update that happens while the same thread looks up another, or
/// makes, lists or retires metrics, may not be counted in the metric, but in
/// [`Stats::refused_updates`](crate::telemetry::Stats::refused_updates).
///
/// ```
/// use flightdeck::telemetry::{Telemetry, Value};
/// let telemetry = Telemetry::new();
/// let requests = telemetry.counter_by("requests_total", ["method", "status"]);
/// for status in ["200", "404", "200"] {
///     requests.with(["GET", status]).increment(1);
/// }
/// let labels = [("method", "GET"), ("status", "200")];
/// assert_eq!(telemetry.snapshot().get_with("requests_total", &labels), Some(&Value::Counter(2)));
/// ```
pub struct Family<M, const N: usize> {
    core: Arc<Core<N>>,
    kind: PhantomData<fn() -> M>,
}

struct Core<const N: usize> {
    inner: Arc<Inner>,
    /// Never used twice.
    id: u64,
    name: Box<str>,
    keys: [Box<str>; N],
    hasher: RandomState,
    refused: bool,
}

impl<M, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), kind: PhantomData }
    }
}

impl<M, const N: usize> fmt::Debug for Family<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &*self.core;
        f.debug_struct("Family").field("name", &core.name).field("keys", &core.keys).finish_non_exhaustive()
    }
}

impl<M: Kind, const N: usize> Family<M, N> {
    /// Fails where no values could have a series.
    pub(crate) fn new(inner: &Arc<Inner>, name: &str, keys: [&str; N]) -> Result<Self, RegisterError> {
        Labels::new(name, &keys.map(|key| (key, "")))?;
        inner.registry.expect(name, M::TYPE)?;
        Ok(Self::unchecked(inner, name, keys, false))
    }

    /// Of which each use is counted as refused.
    pub(crate) fn refused(inner: &Arc<Inner>, name: &str, keys: [&str; N]) -> Self {
        Self::unchecked(inner, name, keys, true)
    }

    fn unchecked(inner: &Arc<Inner>, name: &str, keys: [&str; N], refused: bool) -> Self {
        let core = Core {
            inner: inner.clone(),
            id: unique_number(),
            name: name.into(),
            keys: keys.map(Into::into),
            hasher: RandomState::new(),
            refused,
        };
        Self { core: Arc::new(core), kind: PhantomData }
    }

    /// The series of these values, in the order of the keys: to be updated at once, or [kept](With::handle).
    #[inline(always)]
    pub fn with<'a>(&'a self, values: [&'a str; N]) -> With<'a, M, N> {
        With { family: self, values }
    }
}

/// A series of a family about to be updated.
#[must_use = "nothing happens until it is updated"]
pub struct With<'a, M, const N: usize> {
    family: &'a Family<M, N>,
    values: [&'a str; N],
}

impl<M, const N: usize> fmt::Debug for With<'_, M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With").field("family", self.family).field("values", &self.values).finish()
    }
}

impl<const N: usize> With<'_, Counter, N> {
    /// Adds to it.
    #[inline]
    pub fn increment(self, amount: u64) {
        self.update(|counter| counter.increment(amount));
    }

    /// Takes what this thread's first update would take.
    pub fn touch(self) {
        self.update(Counter::touch);
    }
}

impl<const N: usize> With<'_, UpDownCounter, N> {
    /// Adds to it, or takes away.
    #[inline]
    pub fn add(self, amount: i64) {
        self.update(|counter| counter.add(amount));
    }
}

impl<const N: usize> With<'_, Gauge, N> {
    /// Sets it.
    #[inline]
    pub fn set(self, value: i64) {
        self.update(|gauge| gauge.set(value));
    }
}

impl<const N: usize> With<'_, FloatGauge, N> {
    /// Sets it.
    #[inline]
    pub fn set(self, value: f64) {
        self.update(|gauge| gauge.set(value));
    }
}

impl<const N: usize> With<'_, Histogram, N> {
    /// Counts a value.
    #[inline]
    pub fn record(self, value: u64) {
        self.update(|histogram| histogram.record(value));
    }

    /// Takes what this thread's first update would take.
    pub fn touch(self) {
        self.update(Histogram::touch);
    }
}

impl<M: Kind, const N: usize> With<'_, M, N> {
    /// A handle to keep. Its series is not retired while there is one.
    #[must_use]
    pub fn handle(self) -> M {
        self.resolve()
    }

    #[inline(always)]
    fn update(self, update: impl Fn(&M)) {
        let core = &*self.family.core;
        let values = self.values.map(|value| core.looked_at(value));
        let sought = core.sought(&values);
        if let Access::Entered(mut entered) = cache::enter(core.inner.deck)
            && entered.with(|cache| cache.find(&sought).map(&update).is_some())
        {
            return;
        }
        core.missed(&sought, &update);
    }

    fn resolve(self) -> M {
        let core = &*self.family.core;
        core.resolve(&self.values.map(|value| core.looked_at(value)))
    }
}

impl<const N: usize> Core<N> {
    /// What of a value counts.
    #[inline(always)]
    fn looked_at<'a>(&self, value: &'a str) -> &'a str {
        if value.len() <= MOST_VALUE { value } else { self.inner.registry.cut_value(value) }
    }

    #[inline(always)]
    fn sought<'a>(&self, values: &'a [&'a str; N]) -> Sought<'a> {
        Sought::new(self.id, values, &self.hasher, self.inner.registry.generation())
    }

    /// Updates what this thread has not at hand; from now on it has.
    #[cold]
    #[inline(never)]
    fn missed<M: Kind>(&self, sought: &Sought<'_>, update: &impl Fn(&M)) {
        update(&self.resolve_and_keep(sought));
    }

    fn resolve_and_keep<M: Kind>(&self, sought: &Sought<'_>) -> M {
        let inner = &self.inner;
        // We may be in an allocation that the registry makes under its lock, or in one for this thread's cache: an
        // allocator that counts. Whoever is first sets a mark, in the registry, in the cache or without one.
        let nested = || M::of(inner.refused());
        if Registering::is_set() {
            return nested();
        }
        let mut taking = None;
        if let Access::None = cache::enter(inner.deck) {
            taking = Taking::set();
            if taking.is_none() {
                return nested();
            }
            cache::take(inner);
        }
        let handle = match cache::enter(inner.deck) {
            Access::Entered(mut entered) => {
                let handle: M = self.resolve(sought.values());
                entered.with(|cache| cache.insert(sought, handle.clone()));
                handle
            }
            Access::None => self.resolve(sought.values()),
            Access::Nested => nested(),
        };
        drop(taking);
        handle
    }

    fn resolve<M: Kind>(&self, values: &[&str]) -> M {
        if self.refused {
            return M::of(self.inner.refused());
        }
        let labels: Vec<(&str, &str)> =
            self.keys.iter().map(|key| &**key).zip(values.iter().copied()).collect();
        self.inner.resolved(&self.name, &labels)
    }
}

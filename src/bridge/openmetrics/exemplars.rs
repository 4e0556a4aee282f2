//! Exemplars: whose work a value in a histogram's bucket was.

use super::text::Text;
use crate::events::Scope;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed};
use crate::telemetry::{Histogram, RegisterError, Telemetry};
use crate::{CorrelationId, SpanId};
use ahash::AHashMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Keeps an example for each bucket of some histograms: a value, the trace that it belongs to, and when it was.
///
/// Histograms themselves keep none, since that would cost each value. A [`TracedHistogram`] keeps the first value in each power of
/// two after a page was rendered, if it is recorded within a [scope](crate::events::Scope). A page tells of each bucket the newest;
/// only in OpenMetrics, which alone has them.
///
/// ```
/// use flightdeck::bridge::openmetrics::{Exemplars, Format, Own, Renderer};
/// use flightdeck::events::Scope;
/// use flightdeck::telemetry::{Description, Telemetry, Unit};
///
/// let telemetry = Telemetry::new();
/// telemetry.describe("request", Description::new("Time to answer.").unit(Unit::Nanoseconds))?;
/// let exemplars = Exemplars::new();
/// let request = exemplars.histogram(&telemetry, "request", &[("route", "/")])?;
/// {
///     let _in = Scope::root(0xb010_3bb0_u64).enter();
///     request.record(2_500_000);
/// }
/// let renderer = Renderer::builder().exemplars(&exemplars).build();
/// let mut page = String::new();
/// renderer.render(&telemetry.snapshot(), &Own::none(), Format::OPEN_METRICS, &mut page);
/// assert!(page.contains("# {trace_id=\"000000000000000000000000b0103bb0\"} 0.0025 "), "{page}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Exemplars {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    series: Mutex<AHashMap<String, Arc<Slots>>>,
    without: AtomicU64,
}

/// A histogram that keeps exemplars.
#[derive(Clone, Debug)]
pub struct TracedHistogram {
    histogram: Histogram,
    slots: Option<Arc<Slots>>,
}

/// What one series keeps.
#[derive(Debug)]
struct Slots {
    /// A bit for each bucket that wants a newer one. Relaxed: a hint; the lock orders the rest.
    wanted: AtomicU64,
    kept: Mutex<Kept>,
}

/// By how many bits the value has; those with 64 are with those of 63.
pub(super) type Kept = [Option<Exemplar>; 64];

#[derive(Clone, Copy, Debug)]
pub(super) struct Exemplar {
    pub(super) value: u64,
    trace: CorrelationId,
    span: SpanId,
    at: SystemTime,
}

/// Series that one `Exemplars` keeps any for: each takes about 4 KiB.
const MOST_SERIES: usize = 4_096;
/// Bytes of a label's value by which series are told apart, as a telemetry does.
const MOST_VALUE: usize = 255;

impl Exemplars {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The histogram of this name and these labels, as of [`Telemetry::try_histogram_with`], with exemplars. Several handles of one
    /// series share them. Resolve it once and keep it.
    ///
    /// Beyond 4,096 series it is a histogram without them, which is counted: [`Exemplars::series_without`].
    ///
    /// # Errors
    /// As [`Telemetry::try_histogram_with`].
    pub fn histogram(
        &self,
        telemetry: &Telemetry,
        name: &str,
        labels: &[(&str, &str)],
    ) -> Result<TracedHistogram, RegisterError> {
        let histogram = telemetry.try_histogram_with(name, labels)?;
        let mut sorted = labels.to_vec();
        sorted.sort_unstable();
        let id = id(name, sorted.into_iter());
        let mut series = self.inner.series.lock();
        let is_full = series.len() >= MOST_SERIES;
        let slots = match series.get(&id) {
            Some(slots) => Some(slots.clone()),
            None if is_full => {
                self.inner.without.fetch_add(1, Relaxed);
                None
            }
            None => Some(series.entry(id).or_insert_with(|| Arc::new(Slots::new())).clone()),
        };
        Ok(TracedHistogram { histogram, slots })
    }

    /// How many handles were given out that keep none, since there are as many series as there may be.
    #[must_use]
    pub fn series_without(&self) -> u64 {
        self.inner.without.load(Relaxed)
    }

    /// What a series keeps; from now on newer ones are wanted.
    pub(super) fn take<'a>(
        &self,
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Option<Box<Kept>> {
        let slots = self.inner.series.lock().get(&id(name, labels))?.clone();
        let kept = Box::new(*slots.kept.lock());
        slots.wanted.store(u64::MAX, Relaxed);
        Some(kept)
    }
}

/// What tells a series from all others.
fn id<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut id = format!("{}:{name}", name.len());
    for (key, value) in labels {
        let end = (0..=value.len().min(MOST_VALUE)).rev().find(|end| value.is_char_boundary(*end));
        let value = value.get(..end.unwrap_or(0)).unwrap_or_default();
        // A `String` takes all.
        let _ = write!(id, ",{}:{key}{}:{value}", key.len(), value.len());
    }
    id
}

impl TracedHistogram {
    /// Counts a value, and keeps it as an exemplar if one is wanted and the thread is in a scope.
    ///
    /// Costs what [`Histogram::record`] does and a load; where an exemplar is wanted, the system's clock and a lock that is never
    /// waited for: whoever finds it taken keeps none.
    #[inline]
    pub fn record(&self, value: u64) {
        self.histogram.record(value);
        if let Some(slots) = &self.slots
            && slots.wanted.load(Relaxed) >> bits(value) & 1 == 1
        {
            slots.keep(value);
        }
    }

    /// The histogram.
    #[must_use]
    pub fn histogram(&self) -> &Histogram {
        &self.histogram
    }
}

/// Where a value's exemplar is kept.
fn bits(value: u64) -> u32 {
    (u64::BITS - value.leading_zeros()).min(63)
}

impl Slots {
    fn new() -> Self {
        Self { wanted: AtomicU64::new(u64::MAX), kept: Mutex::new([None; 64]) }
    }

    #[cold]
    #[inline(never)]
    fn keep(&self, value: u64) {
        let scope = Scope::current();
        if scope.correlation().is_none() {
            return;
        }
        if let Some(mut kept) = self.kept.try_lock() {
            let (trace, span, at) = (scope.correlation(), scope.span(), SystemTime::now());
            if let Some(slot) = kept.get_mut(bits(value) as usize) {
                *slot = Some(Exemplar { value, trace, span, at });
            }
            self.wanted.fetch_and(!(1 << bits(value)), Relaxed);
        }
    }
}

/// The newest of a bucket's, of which `above` is the last value before it.
pub(super) fn newest(kept: &Kept, above: Option<u64>, end: u64) -> Option<&Exemplar> {
    let is_within = |value: u64| above.is_none_or(|above| value > above) && value <= end;
    kept.iter().flatten().filter(|exemplar| is_within(exemplar.value)).max_by_key(|exemplar| exemplar.at)
}

impl Exemplar {
    /// Writes all of it but its value.
    pub(super) fn labels(&self, out: &mut Text) {
        // A `String` takes all.
        let _ = write!(out, " # {{trace_id=\"{}\"", self.trace);
        if !self.span.is_none() {
            let _ = write!(out, ",span_id=\"{}\"", self.span);
        }
        out.push_str("} ");
    }

    pub(super) fn time(&self, out: &mut Text) {
        let at = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let _ = write!(out, " {}.{:03}", at.as_secs(), at.subsec_millis());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_found_by_what_its_telemetry_knows_it_as() {
        let (telemetry, exemplars) = (Telemetry::new(), Exemplars::new());
        let long = "\u{20ac}".repeat(200);
        let labels = [("b", "2"), ("a", &*long)];
        let traced = exemplars.histogram(&telemetry, "m", &labels).unwrap();
        let _in = Scope::root(7_u64).enter();
        traced.record(u64::MAX);
        traced.record(0);
        let snapshot = telemetry.snapshot();
        let (key, _) = snapshot.iter().next().unwrap();
        let kept = exemplars.take(key.name(), key.labels().iter()).unwrap();
        assert_eq!(newest(&kept, None, 0).unwrap().value, 0);
        assert_eq!(newest(&kept, Some(0), u64::MAX).unwrap().value, u64::MAX);
        assert!(newest(&kept, Some(0), 1_000).is_none());
        assert!(exemplars.take("m", [].into_iter()).is_none());
    }

    #[test]
    fn one_is_kept_for_each_page_and_power_of_two() {
        let (telemetry, exemplars) = (Telemetry::new(), Exemplars::new());
        let traced = exemplars.histogram(&telemetry, "m", &[]).unwrap();
        let page =
            || exemplars.take("m", [].into_iter()).unwrap().iter().flatten().map(|e| e.value).collect();
        traced.record(5);
        let kept: Vec<u64> = page();
        assert!(kept.is_empty(), "{kept:?}: it belonged to nothing");
        let _in = Scope::root(7_u64).enter();
        for value in [4, 7, 9, 5] {
            traced.record(value);
        }
        let kept: Vec<u64> = page();
        assert_eq!(kept, [4, 9]);
        traced.record(6);
        let kept: Vec<u64> = page();
        assert_eq!(kept, [6, 9]);
    }

    #[test]
    fn beyond_so_many_series_there_are_none_and_it_is_counted() {
        let telemetry = Telemetry::builder().cells(1 << 14).build().unwrap();
        let exemplars = Exemplars::new();
        let handles: Vec<_> =
            (0..MOST_SERIES + 2).map(|_| exemplars.histogram(&telemetry, "same", &[]).unwrap()).collect();
        assert_eq!((exemplars.inner.series.lock().len(), exemplars.series_without()), (1, 0));
        (1..MOST_SERIES).for_each(|n| {
            exemplars.inner.series.lock().insert(n.to_string(), Arc::new(Slots::new()));
        });
        let without = exemplars.histogram(&telemetry, "one_more", &[]).unwrap();
        without.record(5);
        assert_eq!((without.slots.is_none(), exemplars.series_without()), (true, 1));
        assert_eq!((without.histogram().values().count(), handles.len()), (1, MOST_SERIES + 2));
    }
}

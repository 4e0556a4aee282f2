//! What hosts hold: a telemetry.

use super::buckets::BUCKETS;
use super::cells::{CHUNK, Cells, Sizes};
use super::error::{BuildError, RegisterError};
use super::metric::{Cell, Counter, FloatGauge, Gauge, Histogram, REFUSED, RESERVED};
use super::registry::{MetricType, Registry};
use super::seat;
use super::snapshot::{HistogramValues, Snapshot, Value};
use crate::id::DeckId;
use crate::sync::{Arc, AtomicBool, AtomicU64, Relaxed};
use std::time::Instant;

/// What all handles of one telemetry share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) deck: DeckId,
    pub(crate) cells: Arc<Cells>,
    registry: Registry,
    refused: AtomicU64,
    /// Nobody holds a handle any more.
    pub(crate) orphaned: AtomicBool,
}

/// Counters, gauges and histograms that cost less to update than an atomic addition.
///
/// An update is a thread-local look-up, a load and a store into cells that only this thread writes; reading adds
/// them up. **What a reading promises:** every update that happened before it is in it (after a `join`,
/// say, it is exact); successive readings of a counter by one reader never go down; different metrics of one
/// snapshot are read one after the other, so it is no cut across them. Values wrap at 2^64. There is no
/// reset: keep an earlier snapshot and subtract.
///
/// An update from a signal handler that interrupted an update of the same thread may lose one of the two.
///
/// ```
/// use flightdeck::telemetry::Telemetry;
/// let telemetry = Telemetry::new();
/// let requests = telemetry.counter("requests_total");
/// let latency = telemetry.histogram("latency_ns");
/// std::thread::scope(|threads| {
///     for _ in 0..4 {
///         threads.spawn(|| {
///             requests.increment(1);
///             latency.record(250);
///         });
///     }
/// });
/// assert_eq!(requests.value(), 4);
/// assert_eq!(latency.values().count(), 4);
/// ```
#[derive(Clone, Debug)]
pub struct Telemetry {
    inner: Arc<Inner>,
    _handle: Arc<LastHandle>,
}

/// Dropped with the last handle: threads that still hold a seat may forget the telemetry.
#[derive(Debug)]
struct LastHandle(Arc<Inner>);

impl Drop for LastHandle {
    fn drop(&mut self) {
        // Relaxed: a hint; whoever misses it keeps its memory until it ends.
        self.0.orphaned.store(true, Relaxed);
    }
}

/// Sizes of a telemetry to be built. Each is rounded up to a power of two.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    cells: usize,
    threads: usize,
    memory: usize,
    deck: Option<DeckId>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { cells: 1 << 15, threads: 256, memory: 16 << 20, deck: None }
    }
}

impl Builder {
    /// How many cells all metrics together may take: one for a counter or a gauge, 1,026 for a histogram; 32,768 by
    /// default.
    pub fn cells(mut self, cells: usize) -> Self {
        self.cells = cells;
        self
    }

    /// How many threads count in cells of their own at once; 256 by default. Further ones share.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Bytes for the threads' own cells; 16 MiB by default, used as threads touch metrics. Without room, updates go
    /// to shared cells.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    pub(crate) fn deck(mut self, deck: DeckId) -> Self {
        self.deck = Some(deck);
        self
    }

    /// Reserves the memory and builds the telemetry.
    ///
    /// # Errors
    /// If the system has not as much memory.
    pub fn build(self) -> Result<Telemetry, BuildError> {
        let rounded = |n: usize, least: usize| n.clamp(least, 1 << 30).next_power_of_two();
        let sizes = Sizes {
            cells: rounded(self.cells, CHUNK),
            slabs: rounded(self.threads, 1),
            chunks: rounded(self.memory / (CHUNK * 8), 1),
        };
        let bytes = sizes.footprint().saturating_mul(8);
        let inner = Arc::new(Inner {
            deck: self.deck.unwrap_or_else(DeckId::unique),
            cells: Cells::new(sizes).ok_or(BuildError::OutOfMemory { bytes })?,
            registry: Registry::new(sizes.cells, RESERVED),
            refused: AtomicU64::new(0),
            orphaned: AtomicBool::new(false),
        });
        Ok(Telemetry { _handle: Arc::new(LastHandle(inner.clone())), inner })
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// A telemetry of the default sizes: about 18 MiB of address space, touched as it is used.
    ///
    /// # Panics
    /// If the system has not even that; [`Telemetry::builder`] returns an error instead.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sizes of a telemetry to be built.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The counter of this name, made if it is new. Resolve it once and keep the handle.
    ///
    /// Where [`Telemetry::try_counter`] fails, the handle counts nothing, and each use of it is counted
    /// in [`Stats::refused_updates`].
    #[must_use]
    pub fn counter(&self, name: &str) -> Counter {
        self.try_counter(name).unwrap_or_else(|_| Counter(self.refused()))
    }

    /// The counter of this name.
    ///
    /// # Errors
    /// If there is no room, or the name belongs to a metric of another type.
    pub fn try_counter(&self, name: &str) -> Result<Counter, RegisterError> {
        self.resolve(name, MetricType::Counter).map(Counter)
    }

    /// The integer gauge of this name; see [`Telemetry::counter`].
    #[must_use]
    pub fn gauge(&self, name: &str) -> Gauge {
        self.try_gauge(name).unwrap_or_else(|_| Gauge(self.refused()))
    }

    /// The integer gauge of this name.
    ///
    /// # Errors
    /// As [`Telemetry::try_counter`].
    pub fn try_gauge(&self, name: &str) -> Result<Gauge, RegisterError> {
        self.resolve(name, MetricType::Gauge).map(Gauge)
    }

    /// The gauge of this name that holds a floating-point number; see [`Telemetry::counter`].
    #[must_use]
    pub fn float_gauge(&self, name: &str) -> FloatGauge {
        self.try_float_gauge(name).unwrap_or_else(|_| FloatGauge(self.refused()))
    }

    /// The gauge of this name that holds a floating-point number.
    ///
    /// # Errors
    /// As [`Telemetry::try_counter`].
    pub fn try_float_gauge(&self, name: &str) -> Result<FloatGauge, RegisterError> {
        self.resolve(name, MetricType::FloatGauge).map(FloatGauge)
    }

    /// The histogram of this name; see [`Telemetry::counter`].
    #[must_use]
    pub fn histogram(&self, name: &str) -> Histogram {
        self.try_histogram(name).unwrap_or_else(|_| Histogram(self.refused()))
    }

    /// The histogram of this name.
    ///
    /// # Errors
    /// As [`Telemetry::try_counter`].
    pub fn try_histogram(&self, name: &str) -> Result<Histogram, RegisterError> {
        self.resolve(name, MetricType::Histogram).map(Histogram)
    }

    /// Takes a slab for this thread ahead of its first update. Returns whether it has one now; otherwise it
    /// counts in shared cells.
    pub fn register_thread(&self) -> bool {
        seat::with(self.inner.deck, |_| ()).is_some() || seat::take(&self.inner).is_some()
    }

    /// All metrics and their values now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let began = Instant::now();
        let inner = &self.inner;
        let value = |metric_type, cell| match metric_type {
            MetricType::Counter => Value::Counter(inner.cells.sum(cell)),
            MetricType::Gauge => Value::Gauge(inner.cells.shared(cell).load(Relaxed).cast_signed()),
            MetricType::FloatGauge => {
                Value::FloatGauge(f64::from_bits(inner.cells.shared(cell).load(Relaxed)))
            }
            MetricType::Histogram => Value::Histogram(inner.histogram(cell)),
        };
        let metrics = inner.registry.all().into_iter();
        let values = metrics.map(|metric| (metric.name, value(metric.metric_type, metric.cell))).collect();
        Snapshot { values, began, took: began.elapsed() }
    }

    /// How the telemetry itself is doing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let [slabs_owned, slabs_reached, chunks, shared_updates] = self.inner.cells.usage();
        Stats {
            slabs_owned,
            slabs_reached,
            chunk_bytes: chunks * (CHUNK * 8) as u64,
            shared_updates,
            refused_metrics: self.inner.refused.load(Relaxed),
            refused_updates: self.inner.cells.sum(REFUSED),
        }
    }

    fn resolve(&self, name: &str, metric_type: MetricType) -> Result<Cell, RegisterError> {
        let cell = self.inner.registry.resolve(name, metric_type)?;
        Ok(Cell::of(&self.inner, cell))
    }

    fn refused(&self) -> Cell {
        self.inner.refused.fetch_add(1, Relaxed);
        Cell::refused(&self.inner)
    }
}

/// How a telemetry is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Threads that count in cells of their own now.
    pub slabs_owned: u64,
    /// The most there ever were at once.
    pub slabs_reached: u64,
    /// Bytes of cells that threads have touched.
    pub chunk_bytes: u64,
    /// Updates that went to shared cells: exact, only slower.
    pub shared_updates: u64,
    /// Handles given out for metrics that could not be registered.
    pub refused_metrics: u64,
    /// Uses of such handles.
    pub refused_updates: u64,
}

impl Inner {
    #[cold]
    #[inline(never)]
    pub(super) fn add_first(self: &Arc<Self>, cell: usize, amount: u64) {
        match seat::take(self) {
            Some(seat) => seat.claim().add(cell, amount),
            None => self.cells.add_shared(cell, amount),
        }
    }

    pub(super) fn histogram(&self, cell: usize) -> HistogramValues {
        // The sum first: it never covers a value that the buckets do not.
        let sum = self.cells.sum(cell + BUCKETS);
        HistogramValues::new((0..BUCKETS).map(|bucket| self.cells.sum(cell + bucket)).collect(), sum)
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Telemetry>();
    shared::<(Counter, Gauge, FloatGauge, Histogram)>();
};

//! What hosts hold: a telemetry, and handles of its metrics.

use super::buckets::{BUCKETS, bucket};
use super::cells::{CHUNK, Cells, Claim, Sizes};
use super::error::{BuildError, RegisterError};
use super::registry::{MetricType, Registry};
use super::seat;
use super::snapshot::{HistogramValues, Snapshot, Value};
use crate::id::DeckId;
use crate::sync::{Arc, AtomicBool, AtomicU64, Relaxed};
use std::time::Instant;

/// Counts updates of handles whose registration was refused.
const REFUSED: usize = 0;
const RESERVED: usize = 1;

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
        Ok(Cell { deck: self.inner.deck, cell, inner: self.inner.clone(), refused: false })
    }

    fn refused(&self) -> Cell {
        self.inner.refused.fetch_add(1, Relaxed);
        Cell { deck: self.inner.deck, cell: REFUSED, inner: self.inner.clone(), refused: true }
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
    fn add_first(self: &Arc<Self>, cell: usize, amount: u64) {
        match seat::take(self) {
            Some(seat) => seat.claim().add(cell, amount),
            None => self.cells.add_shared(cell, amount),
        }
    }

    fn histogram(&self, cell: usize) -> HistogramValues {
        // The sum first: it never covers a value that the buckets do not.
        let sum = self.cells.sum(cell + BUCKETS);
        HistogramValues::new((0..BUCKETS).map(|bucket| self.cells.sum(cell + bucket)).collect(), sum)
    }
}

/// A metric as its handles know it.
#[derive(Clone, Debug)]
struct Cell {
    /// That of `inner`, at hand.
    deck: DeckId,
    cell: usize,
    inner: Arc<Inner>,
    refused: bool,
}

impl Cell {
    /// Adds from this thread to a cell, `offset` cells on from the metric's first. Wait-free; after the thread's
    /// first touch of the metric it allocates nothing.
    #[inline(always)]
    fn add(&self, offset: usize, amount: u64) {
        let cell = self.cell + offset;
        if seat::with(self.deck, |claim| claim.add(cell, amount)).is_none() {
            self.inner.add_first(cell, amount);
        }
    }

    fn set(&self, bits: u64) {
        if self.refused {
            self.add(0, 1);
        } else {
            // Relaxed: the last writer wins, and nothing is published with it.
            self.inner.cells.shared(self.cell).store(bits, Relaxed);
        }
    }

    fn get(&self) -> u64 {
        if self.refused { 0 } else { self.inner.cells.shared(self.cell).load(Relaxed) }
    }

    /// Takes whatever the next update would have to take first.
    fn touch(&self, cells: usize) {
        let inner = &self.inner;
        let touch = |claim: &Claim| {
            (self.cell..self.cell + cells).for_each(|cell| {
                claim.touch(cell);
            });
        };
        if seat::with(inner.deck, touch).is_none()
            && let Some(seat) = seat::take(inner)
        {
            touch(seat.claim());
        }
    }
}

/// A sum that only grows. Cheap to clone; clones are the same counter.
#[derive(Clone, Debug)]
pub struct Counter(Cell);

impl Counter {
    /// Adds to it. Wait-free: a thread-local look-up, a load, a store.
    #[inline(always)]
    pub fn increment(&self, amount: u64) {
        self.0.add(0, amount);
    }

    /// The sum over all threads.
    #[must_use]
    pub fn value(&self) -> u64 {
        if self.0.refused { 0 } else { self.0.inner.cells.sum(self.0.cell) }
    }

    /// Takes the memory that this thread's first increment would take.
    pub fn touch(&self) {
        self.0.touch(1);
    }
}

/// An integer that was last set. Cheap to clone; clones are the same gauge.
#[derive(Clone, Debug)]
pub struct Gauge(Cell);

impl Gauge {
    /// Sets it. Wait-free: a store into a cell that all threads share.
    pub fn set(&self, value: i64) {
        self.0.set(value.cast_unsigned());
    }

    /// What it was last set to; 0 before.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.get().cast_signed()
    }
}

/// A floating-point number that was last set. Cheap to clone; clones are the same gauge.
#[derive(Clone, Debug)]
pub struct FloatGauge(Cell);

impl FloatGauge {
    /// Sets it. Wait-free: a store into a cell that all threads share.
    pub fn set(&self, value: f64) {
        self.0.set(value.to_bits());
    }

    /// What it was last set to; 0 before.
    #[must_use]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.get())
    }
}

/// A distribution of integers, such as nanoseconds: 1,025 buckets, each at most 1/32 (3.2 %) wide. Cheap to clone;
/// clones are the same histogram.
#[derive(Clone, Debug)]
pub struct Histogram(Cell);

impl Histogram {
    /// Counts a value. Wait-free: a thread-local look-up, two loads, two stores.
    #[inline(always)]
    pub fn record(&self, value: u64) {
        if self.0.refused {
            self.0.add(0, 1);
        } else {
            self.0.add(bucket(value), 1);
            self.0.add(BUCKETS, value);
        }
    }

    /// What was counted over all threads.
    #[must_use]
    pub fn values(&self) -> HistogramValues {
        if self.0.refused {
            HistogramValues::new(vec![0; BUCKETS], 0)
        } else {
            self.0.inner.histogram(self.0.cell)
        }
    }

    /// Takes the memory that this thread's first records would take: 9 KiB.
    pub fn touch(&self) {
        self.0.touch(if self.0.refused { 1 } else { BUCKETS + 1 });
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Telemetry>();
    shared::<(Counter, Gauge, FloatGauge, Histogram)>();
};

//! What hosts hold: a telemetry.

use super::buckets::Resolution;
use super::carry::Earlier;
use super::cells::{CHUNK, Cells, Sizes};
use super::error::{BuildError, DescribeError, RegisterError};
use super::extremes::Trackers;
use super::group::known::Groups;
use super::handlers::Handlers;
use super::metric::{Cell, Counter, FloatGauge, Gauge, Histogram, REFUSED, RESERVED, UpDownCounter};
use super::recording::Recording;
use super::registry::{MetricType, Registry};
use super::seat;
use super::section::Shape;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use super::section::VERSION;
use super::section::roll::Roll;
use super::series::member::Series;
use super::series::{Description, MetricStatus, Retired, Sites};
use super::snapshot::Snapshot;
use super::values::{HistogramValues, Value};
use super::window::Windows;
use crate::clock::Clock;
use crate::id::DeckId;
use crate::local;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::{self, MappedFile, Section, SectionSpec, kind};
use crate::os;
use crate::region::Span;
use crate::status::ErrorSlot;
use crate::sync::{Arc, AtomicBool, AtomicU64, Relaxed};
use std::time::{Duration, Instant};

/// In place of a time, in nanoseconds.
const NEVER: u64 = u64::MAX;

/// A time beyond 584 years is none.
fn in_ns(time: Option<Duration>) -> u64 {
    time.map_or(NEVER, |time| u64::try_from(time.as_nanos()).unwrap_or(NEVER))
}

/// What all handles of one telemetry share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) deck: DeckId,
    pub(crate) cells: Arc<Cells>,
    /// Where they lie, with all else that a reader needs.
    pub(super) span: Span,
    /// How many forks lay behind this process when they were made, if a child would write to the same words.
    born: Option<u32>,
    /// What timers read.
    pub(super) clock: Clock,
    pub(crate) registry: Registry,
    refused: AtomicU64,
    /// In nanoseconds, or [`NEVER`]. Relaxed: it stands for itself.
    retire_after: AtomicU64,
    pub(super) groups: Groups,
    pub(super) handlers: Arc<Handlers>,
    pub(super) windows: Windows,
    pub(super) trackers: Trackers,
    pub(super) started: Instant,
    pub(super) errors: ErrorSlot,
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
    pub(super) inner: Arc<Inner>,
    handle: Arc<LastHandle>,
}

/// Dropped with the last handle: threads that still hold a seat may forget the telemetry.
#[derive(Debug)]
struct LastHandle {
    inner: Arc<Inner>,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    file: Option<MappedFile>,
    /// Here, since the handles in it keep `inner` alive.
    sites: Sites,
}

impl Drop for LastHandle {
    fn drop(&mut self) {
        // Relaxed: a hint; whoever misses it keeps its memory until it ends.
        self.inner.orphaned.store(true, Relaxed);
        self.inner.handlers.end();
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(file) = &self.file {
            file.close();
        }
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
    clock: Option<Clock>,
    retire_after: Option<Duration>,
    earlier: Earlier,
    section: Option<Span>,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    mapped: Option<mapped::Options>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            cells: 1 << 15,
            threads: 256,
            memory: 16 << 20,
            deck: None,
            clock: None,
            retire_after: None,
            earlier: Earlier::default(),
            section: None,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            mapped: None,
        }
    }
}

impl Builder {
    /// How many cells all metrics together may take: one for a counter or a gauge, 1,027 for a histogram; 32,768 by
    /// default. With each come 64 bytes for names as [recordings](super::Recording) read them, half of which are used at a time, and
    /// those of series that are retired are used again. Series for which there is no room are counted as ever, but have no name there.
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

    /// Retires series that nobody holds when their value has not changed for so long: see [`Telemetry::tick`], which
    /// must be called, and [`Telemetry::retire_idle`]. They stay unless this is said.
    pub fn retire_after(mut self, age: Duration) -> Self {
        self.retire_after = Some(age);
        self
    }

    /// The clock that timers read; [`Clock::precise`] by default. A deck gives its own, unless one was given here.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    pub(crate) fn clock_of_deck(mut self, clock: &Clock) -> Self {
        self.clock.get_or_insert_with(|| clock.clone());
        self
    }

    pub(crate) fn deck(mut self, deck: DeckId) -> Self {
        self.deck = Some(deck);
        self
    }

    /// Counters and histograms go on from what an earlier life of the host counted: each begins with it that has the same
    /// name, labels, type, unit and resolution, once it is asked for. Of several earlier lives the last one counts. One that is
    /// something else now begins at zero: [`Stats::not_carried`] counts those, and the last one is
    /// [`Status::last_error`](super::Status::last_error), a [`CarryError`](super::CarryError). Whoever describes a metric with its unit
    /// does so before asking for it: of one that is not described any unit will do.
    ///
    /// A file that is damaged gives what can still be read of it: a series under a whole name, of a type and in cells that there can
    /// be. Its values are then whatever the file says.
    ///
    /// Gauges and up/down counters begin anew, since what they say of a process ends with it; so does a series that is made again
    /// after it was retired. What [groups](super::Group) counted goes on in snapshots, as that of the counters which have the names of
    /// their numbers; [`Group::read`](super::Group::read) begins anew. What nobody asks for stays where it is: in the file of the
    /// earlier life. [`Stats`] says how many series went on, and how many wait.
    ///
    /// ```
    /// use flightdeck::telemetry::Telemetry;
    /// let before = Telemetry::new();
    /// before.counter("requests_total").increment(5);
    /// let recording = before.recording()?;
    ///
    /// let telemetry = Telemetry::builder().carry_over(&recording).build()?;
    /// let requests = telemetry.counter("requests_total");
    /// requests.increment(2);
    /// assert_eq!(requests.value(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn carry_over(mut self, recording: &Recording) -> Self {
        self.earlier.add(&recording.snapshot());
        self
    }

    /// Keeps all of it in a file of its own, so that it outlives the process and another can read it: at a path, or where
    /// [`mapped::Options`] say. [`Recording::open`] reads it, and [`Telemetry::file`] tells about it.
    ///
    /// Counting costs what it costs in memory; while the system writes to a disk, a store to a page may wait for it, so a file in
    /// memory, below `/dev/shm`, is the better place for hosts to which that matters. It has all of its length at once. It says
    /// `closed` once the last handle of the telemetry is dropped.
    ///
    /// In a forked child handles count nothing but [`Stats::refused_updates`], which its parent sees as well; but a gauge that
    /// it sets is set. A child by `clone` must not count.
    ///
    /// ```
    /// use flightdeck::telemetry::{Recording, Telemetry, Value};
    /// let folder = std::env::temp_dir();
    /// let telemetry = Telemetry::builder().mapped(flightdeck::mapped::Options::in_directory(folder)).build()?;
    /// telemetry.counter("requests_total").increment(5);
    /// // In another process, while this one runs or after it was killed:
    /// # let path = telemetry.file().and_then(|file| file.path()).unwrap();
    /// let recording = Recording::open(path)?;
    /// assert_eq!(recording.snapshot().get("requests_total"), Some(&Value::Counter(5)));
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn mapped(mut self, file: impl Into<mapped::Options>) -> Self {
        self.mapped = Some(file.into());
        self
    }

    /// The section that it takes in a file.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn section(&self) -> SectionSpec {
        let words = self.shape().words();
        SectionSpec { kind: kind::TELEMETRY, version: VERSION, instance: 0, words, huge_pages: false }
    }

    /// Lives in the words of a section, of which there are as many as [`Builder::section`] says: all zero, and nobody else's to write.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn in_section(mut self, section: Section) -> Self {
        self.section = Some(section.span());
        self
    }

    fn shape(&self) -> Shape {
        let rounded = |n: usize, least: usize| n.clamp(least, 1 << 30).next_power_of_two();
        Shape::of(Sizes {
            cells: rounded(self.cells, CHUNK),
            slabs: rounded(self.threads, 1),
            chunks: self.memory.min(1 << 40) / (CHUNK * 8),
        })
    }

    /// Reserves the memory and builds the telemetry.
    ///
    /// # Errors
    /// If the system has not as much memory.
    pub fn build(self) -> Result<Telemetry, BuildError> {
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(options) = self.mapped.as_ref().filter(|_| self.section.is_none()) {
            let file = MappedFile::create(options, &[self.section()]).map_err(BuildError::Mapped)?;
            if let Some(section) = file.section(kind::TELEMETRY, 0) {
                return self.in_section(section).build_in(Some(file));
            }
        }
        self.build_in(
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            None,
        )
    }

    fn build_in(
        self,
        #[cfg(all(feature = "mapped", target_os = "linux"))] file: Option<MappedFile>,
    ) -> Result<Telemetry, BuildError> {
        let shape = self.shape();
        let (sizes, words) = (shape.sizes, shape.words());
        let bytes = words.saturating_mul(8);
        let born = self.section.is_some().then(os::forks);
        if born.is_some() {
            os::watch_forks(local::forget_in_child).map_err(|_| BuildError::OutOfMemory { bytes })?;
        }
        let span = match self.section {
            Some(span) => span,
            None => Span::heap(words).ok_or(BuildError::OutOfMemory { bytes })?,
        };
        let Span { region, start, .. } = &span;
        let cells = Cells::at(region, start + shape.cells_at(), sizes);
        let errors = ErrorSlot::new();
        let roll = Roll::new(shape.log(region, *start), self.earlier.noting(errors.clone()), born);
        shape.write(region, *start);
        let inner = Arc::new(Inner {
            deck: self.deck.unwrap_or_else(DeckId::unique),
            registry: Registry::new(cells.clone(), roll, sizes.cells, RESERVED, errors.clone()),
            cells,
            span,
            born,
            clock: self.clock.unwrap_or_else(Clock::precise),
            refused: AtomicU64::new(0),
            retire_after: AtomicU64::new(in_ns(self.retire_after)),
            groups: Groups::default(),
            handlers: Handlers::new(errors.clone()),
            windows: Windows::default(),
            trackers: Trackers::new(),
            started: Instant::now(),
            errors,
            orphaned: AtomicBool::new(false),
        });
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        if let Some(file) = &file {
            // All is laid out: from here on a reader believes it.
            file.run();
        }
        let handle = LastHandle {
            inner: inner.clone(),
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            file,
            sites: Sites::default(),
        };
        Ok(Telemetry { handle: Arc::new(handle), inner })
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// A telemetry of the default sizes: about 20 MiB of address space, touched as it is used.
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
        self.resolve(name, &[], MetricType::Counter).map(Counter)
    }

    /// The counter of this name that goes up and down; see [`Telemetry::counter`].
    #[must_use]
    pub fn up_down_counter(&self, name: &str) -> UpDownCounter {
        self.try_up_down_counter(name).unwrap_or_else(|_| UpDownCounter(self.refused()))
    }

    /// The counter of this name that goes up and down.
    ///
    /// # Errors
    /// As [`Telemetry::try_counter`].
    pub fn try_up_down_counter(&self, name: &str) -> Result<UpDownCounter, RegisterError> {
        self.resolve(name, &[], MetricType::UpDownCounter).map(UpDownCounter)
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
        self.resolve(name, &[], MetricType::Gauge).map(Gauge)
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
        self.resolve(name, &[], MetricType::FloatGauge).map(FloatGauge)
    }

    /// The histogram of this name; see [`Telemetry::counter`].
    #[must_use]
    pub fn histogram(&self, name: &str) -> Histogram {
        self.try_histogram(name).unwrap_or_else(|_| Histogram::of(self.refused()))
    }

    /// The histogram of this name.
    ///
    /// # Errors
    /// As [`Telemetry::try_counter`].
    pub fn try_histogram(&self, name: &str) -> Result<Histogram, RegisterError> {
        self.resolve(name, &[], MetricType::Histogram).map(Histogram::of)
    }

    /// Says what a metric is for, its unit and how many label sets it may have. Before or after the metric is asked
    /// for; saying the same again is fine. Until then it has no unit, and a thousand label sets.
    ///
    /// ```
    /// use flightdeck::telemetry::{Description, Telemetry, Unit};
    /// let telemetry = Telemetry::new();
    /// telemetry.describe("sent", Description::new("bytes that went out").unit(Unit::Bytes))?;
    /// telemetry.counter("sent").increment(1_500);
    /// let snapshot = telemetry.snapshot();
    /// let (key, _) = snapshot.iter().next().unwrap();
    /// assert_eq!((key.unit(), key.help()), (Some(Unit::Bytes), Some("bytes that went out")));
    /// # Ok::<(), flightdeck::telemetry::DescribeError>(())
    /// ```
    ///
    /// # Errors
    /// If it was described otherwise before, which then holds; or the name, the unit or the text is unfit.
    pub fn describe(&self, name: &str, description: Description) -> Result<(), DescribeError> {
        self.inner.registry.describe(name, description)
    }

    /// How each metric is doing, by name: its series, its limit, what was beyond it, what was retired.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricStatus> {
        self.inner.registry.metrics()
    }

    /// Retires the series whose value has not changed for `age` or longer, as far as calls of this saw, and that nobody
    /// holds: their cells and labels are free for others.
    ///
    /// An up/down counter stays until it is at zero: what was added to it is still to be taken away. A series of which
    /// there is a handle stays, as does one that a call site ([`counter!`](crate::counter)) has
    /// resolved. What threads that count by values ([`Family`](super::Family)) have at hand they let go of at their
    /// next update by values, and the series goes at a later call; a thread that makes none keeps at most 1,024
    /// series.
    ///
    /// Readers no longer see the series in snapshots taken afterwards; what it had counted is in
    /// [`MetricStatus::retired_total`]. Asked for again, it begins at zero. Takes the registry's lock
    /// and reads all cells, about as long as a snapshot: not for hot paths.
    ///
    /// ```
    /// use flightdeck::telemetry::Telemetry;
    /// use std::time::Duration;
    /// let telemetry = Telemetry::new();
    /// telemetry.counter_with("sessions_total", &[("user", "ann")]).increment(2);
    /// let bob = telemetry.counter_with("sessions_total", &[("user", "bob")]);
    /// telemetry.retire_idle(Duration::ZERO);
    /// let retired = telemetry.retire_idle(Duration::ZERO);
    /// assert_eq!((retired.series, retired.held_by_handles), (1, 1));
    /// assert_eq!(telemetry.metrics()[0].retired_total, 2);
    /// bob.increment(1);
    /// assert_eq!(bob.value(), 1);
    /// ```
    pub fn retire_idle(&self, age: Duration) -> Retired {
        self.inner.registry.retire_idle(Instant::now(), age)
    }

    /// Does what is due: retires series that have been idle for as long as [`Builder::retire_after`] says, and reads
    /// the metrics of which there are windows ([`Telemetry::window`]). To be called every now and then, from one thread
    /// or several, at least as often as the shortest slot of a window lasts; a deck does so every second.
    pub fn tick(&self, now: Instant) -> Retired {
        self.inner.windows.tick(now);
        let due = |age| self.inner.registry.retire_now_and_then(now, age);
        self.retire_after().map(due).unwrap_or_default()
    }

    /// How long series stay that nobody holds, after their value changed last; `None`: for good.
    #[must_use]
    pub fn retire_after(&self) -> Option<Duration> {
        let ns = self.inner.retire_after.load(Relaxed);
        (ns != NEVER).then(|| Duration::from_nanos(ns))
    }

    /// In place of what [`Builder::retire_after`] said; `None`: they stay.
    pub fn set_retire_after(&self, age: Option<Duration>) {
        self.inner.retire_after.store(in_ns(age), Relaxed);
    }

    /// The file in which all of it is kept, if [`Builder::mapped`] was said: where it is, and what became of that of the life
    /// before.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    #[must_use]
    pub fn file(&self) -> Option<&MappedFile> {
        self.handle.file.as_ref()
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
        let list = inner.registry.list();
        let end = list.series.iter().map(|series| series.cells().end).max().unwrap_or(0);
        let sums = inner.cells.sums(0..end);
        let mut values: Vec<_> = list.series.iter().map(|series| inner.value(series, &sums)).collect();
        inner.groups.add_to(&list.keys, &mut values);
        Snapshot { keys: list.keys.clone(), values, began, took: began.elapsed() }
    }

    /// How the telemetry itself is doing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let [slabs_owned, slabs_reached, chunks, shared_updates] = self.inner.cells.usage();
        let usage = self.inner.registry.usage();
        Stats {
            slabs_owned,
            slabs_reached,
            chunk_bytes: chunks * (CHUNK * 8) as u64,
            shared_updates,
            refused_metrics: self.inner.refused.load(Relaxed),
            refused_updates: self.inner.cells.sum(REFUSED),
            metrics: usage.metrics,
            series: usage.series,
            cells_left: usage.cells_left,
            retired: usage.retired,
            overflowed: usage.overflowed,
            label_values_cut: usage.values_cut,
            carried: usage.carried.carried,
            not_carried: usage.carried.refused,
            to_carry: usage.to_carry,
        }
    }

    fn resolve(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        metric_type: MetricType,
    ) -> Result<Cell, RegisterError> {
        let hold = self.inner.registry.resolve(name, labels, metric_type, None)?;
        Ok(Cell::of(&self.inner, hold))
    }

    fn refused(&self) -> Cell {
        self.inner.refused()
    }

    /// The handles that call sites have resolved.
    #[inline(always)]
    pub(super) fn sites(&self) -> &Sites {
        &self.handle.sites
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
    /// Metrics there are, whatever became of their series.
    pub metrics: u64,
    /// Series there are.
    pub series: u64,
    /// Cells that no series has.
    pub cells_left: u64,
    /// Series that were idle and went: see [`Telemetry::retire_idle`].
    pub retired: u64,
    /// How often a label set was beyond its metric's limit: see [`Telemetry::metrics`].
    pub overflowed: u64,
    /// Values of labels of which only the beginning was kept.
    pub label_values_cut: u64,
    /// Series that went on from an earlier life: see [`Builder::carry_over`].
    pub carried: u64,
    /// Series that did not, since they have another type, unit or resolution now.
    pub not_carried: u64,
    /// Series of the earlier life that nobody has asked for yet.
    pub to_carry: u64,
}

impl Inner {
    /// In place of a metric that could not be registered.
    pub(super) fn refused(self: &Arc<Self>) -> Cell {
        self.refused.fetch_add(1, Relaxed);
        Cell::refused(self)
    }

    /// Whether this process is a child of the one whose file the cells lie in.
    pub(super) fn is_copied(&self) -> bool {
        self.born.is_some_and(|born| born != os::forks())
    }

    /// Adds to a cell from whatever thread. What the cell that was added to said before.
    pub(super) fn add(self: &Arc<Self>, cell: usize, amount: u64) -> u64 {
        if let Some(before) = seat::with(self.deck, |claim| claim.add(cell, amount)) {
            return before;
        }
        if self.is_copied() {
            // The parent may have given the cell to another series.
            return self.cells.add_shared(REFUSED, 1);
        }
        match seat::take(self) {
            Some(seat) => seat.claim().add(cell, amount),
            None => self.cells.add_shared(cell, amount),
        }
    }

    pub(super) fn histogram(&self, cell: usize, resolution: Resolution) -> HistogramValues {
        let cells = self.cells.sums(cell..cell + resolution.buckets() + 1);
        self.histogram_of(cell, resolution, &cells)
    }

    /// Of the sums of its cells.
    fn histogram_of(&self, cell: usize, resolution: Resolution, cells: &[u64]) -> HistogramValues {
        let beyond = self.cells.shared(cell + resolution.cells() - 1).load(Relaxed);
        HistogramValues::of(resolution, cells, beyond)
    }

    /// Of the sums of all cells.
    fn value(&self, series: &Series, sums: &[u64]) -> Value {
        let own = sums.get(series.cells()).unwrap_or_default();
        let sum = own.first().copied().unwrap_or(0);
        let set = || self.cells.shared(series.cell).load(Relaxed);
        match series.metric_type {
            MetricType::Counter => Value::Counter(sum),
            MetricType::UpDownCounter => Value::UpDownCounter(sum.cast_signed()),
            MetricType::Gauge => Value::Gauge(set().cast_signed()),
            MetricType::FloatGauge => Value::FloatGauge(f64::from_bits(set())),
            MetricType::Histogram => Value::Histogram(self.histogram_of(series.cell, series.resolution, own)),
        }
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Telemetry>();
    shared::<(Counter, UpDownCounter, Gauge, FloatGauge, Histogram)>();
};

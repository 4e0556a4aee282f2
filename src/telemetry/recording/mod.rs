//! A telemetry's words, read by somebody who has nothing else: the same snapshots.

#[cfg(all(feature = "mapped", target_os = "linux"))]
mod copied;
#[cfg(all(feature = "mapped", target_os = "linux"))]
mod error;
mod names;
mod sums;
#[cfg(all(test, not(flightdeck_loom)))]
mod tests;

#[cfg(all(feature = "mapped", target_os = "linux"))]
pub use error::RecordingError;

use super::buckets::Resolution;
use super::handle::{Stats, Telemetry};
use super::metric::REFUSED;
use super::registry::MetricType;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use super::section::VERSION;
use super::section::{SectionError, Shape};
use super::series::SeriesKey;
use super::snapshot::Snapshot;
use super::values::{HistogramValues, Value};
#[cfg(all(feature = "mapped", target_os = "linux"))]
use crate::mapped::{OpenOptions, Opened, kind};
use crate::region::Span;
use crate::region::semispace::{Reading, Semispace};
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed, unique_number};
use names::{Named, Names};
use std::collections::BTreeMap;
use std::fmt;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use std::path::Path;
use std::time::Instant;
use sums::{PATIENCE, Sums};

/// How often a reader begins anew.
const LOOKS: usize = 64;

/// What a telemetry counts or counted, for whoever may only look: the same snapshots as the telemetry's own.
///
/// It reads the very words that threads count in, and stores nothing there, so no thread waits for it or executes one more
/// instruction. It believes nothing: whatever the words say, also while they change, an answer comes after bounded time and with
/// bounded memory, if only an empty one.
///
/// A snapshot has what the telemetry's own has at that time, but for this:
///
/// - Of a [`Group`](super::Group) it has what each thread's numbers are while that thread does not change them. Where one changes them
///   at each of 128 looks, or was killed in the middle, each number is with or without that last change:
///   [`Recording::incomplete`] names the counters of such a group.
/// - Metrics and series for which the telemetry had no room in its log have no name, and are missing: [`Recording::nameless`].
/// - A series that is retired while it is read is left out. One that gets its cells meanwhile may, for as long as the
///   snapshot [took](Snapshot::took), be counted for it on a machine that does not keep stores of several processors in one order;
///   those that are tested do.
/// - Extremes, windows and what was retired are not known.
///
/// ```
/// use flightdeck::telemetry::{Telemetry, Value};
/// let telemetry = Telemetry::new();
/// let requests = telemetry.counter_with("requests_total", &[("method", "GET")]);
/// let recording = telemetry.recording()?;
/// requests.increment(5);
/// let snapshot = recording.snapshot();
/// assert_eq!(snapshot.get_with("requests_total", &[("method", "GET")]), Some(&Value::Counter(5)));
/// # Ok::<(), flightdeck::telemetry::SectionError>(())
/// ```
#[derive(Clone)]
pub struct Recording {
    span: Span,
    shape: Shape,
    log: Semispace,
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    file: Option<Arc<Opened>>,
    /// Of this reader: it tells series apart, with a number of theirs.
    id: u64,
    /// How often nothing could be read, since names changed at each look.
    given_up: Arc<AtomicU64>,
    /// The series of the last snapshot.
    last: Arc<Mutex<Arc<[SeriesKey]>>>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Telemetry {
    /// What this telemetry counts, for whoever may only look. It reads as another process would: see [`Recording`]. Keeps the
    /// telemetry's memory until it is dropped.
    ///
    /// # Errors
    /// If something else has written upon the telemetry's memory.
    pub fn recording(&self) -> Result<Recording, SectionError> {
        Recording::of_span(self.inner.span.clone())
    }
}

impl Recording {
    /// What lies there, if it is a section of telemetry.
    pub(crate) fn of_span(span: Span) -> Result<Self, SectionError> {
        let shape = Shape::read(&span)?;
        let log = shape.log(&span.region, span.start);
        Ok(Self {
            span,
            shape,
            log,
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            file: None,
            id: unique_number(),
            given_up: Arc::default(),
            last: Arc::new(Mutex::new(Arc::default())),
        })
    }

    /// Reads the file of a deck, of this or another process, that runs or ran: see [`Builder::mapped`](super::Builder::mapped).
    ///
    /// It takes the permission to read the file, and nothing else. Nothing is read of it yet but where things lie.
    ///
    /// # Errors
    /// If it cannot be read, or no telemetry is in it.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        Self::of(Opened::open(path, &OpenOptions::new())?)
    }

    /// As [`Recording::open`], of a file that is open already.
    ///
    /// # Errors
    /// If no telemetry is in it.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub fn of(file: Opened) -> Result<Self, RecordingError> {
        Self::of_shared(Arc::new(file))
    }

    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn of_shared(file: Arc<Opened>) -> Result<Self, RecordingError> {
        let Some(section) = file.section(kind::TELEMETRY, 0) else {
            return Err(RecordingError::NoTelemetry { path: file.path().to_owned() });
        };
        if section.version != VERSION {
            let (found, known) = (section.version.into(), VERSION.into());
            return Err(SectionError::Version { found, known }.into());
        }
        Ok(Self { file: Some(file), ..Self::of_span(section.span())? })
    }

    /// The file: whose it is, and whether its writer lives. `None` where it is no file that is read.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    #[must_use]
    pub fn file(&self) -> Option<&Opened> {
        self.file.as_deref()
    }

    /// All metrics and their values now: as of [`Telemetry::snapshot`]. Takes the time of reading all names and all cells, at most
    /// that of reading the section three times, and memory for what it returns; and begins anew, up to 64 times, where series are made
    /// and retired so fast that the log of names is rewritten twice meanwhile: see [`Recording::given_up`]. Clones take turns where
    /// they look whether the series are those of the snapshot before.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let began = Instant::now();
        let (keys, values): (Vec<SeriesKey>, _) = self.look(|log| self.read(log)).into_iter().unzip();
        Snapshot { keys: self.as_before(keys), values, began, took: began.elapsed() }
    }

    /// The list of the snapshot before, if these are the same: who has made something of it may keep that.
    fn as_before(&self, keys: Vec<SeriesKey>) -> Arc<[SeriesKey]> {
        let mut last = self.last.lock();
        if last.len() != keys.len() || !last.iter().zip(&keys).all(|(last, key)| last.is_same(key)) {
            *last = keys.into();
        }
        last.clone()
    }

    /// All series that a log tells of, and their values.
    fn read(&self, log: &Reading<'_>) -> Vec<(SeriesKey, Value)> {
        let names = self.names(log);
        let end = names.series.iter().map(Named::end).max().unwrap_or(0);
        let sums = self.sums(end);
        let (grouped, _) = grouped(&names, &sums);
        let values = names.series.iter().map(|series| match value(series, &sums) {
            Value::Counter(sum) => {
                Value::Counter(sum.wrapping_add(grouped.get(&series.cell).copied().unwrap_or(0)))
            }
            value => value,
        });
        let mut read: Vec<_> = names.series.iter().zip(values).collect();
        // A series that has been struck by now may have lost its cells before they were read.
        read.retain(|(series, _)| log.stands(series.at, series.head));
        read.into_iter().map(|(series, value)| (series.key.clone(), value)).collect()
    }

    /// Asks a log, again if it was rewritten twice meanwhile.
    fn look<T: Default>(&self, ask: impl Fn(&Reading<'_>) -> T) -> T {
        for _ in 0..LOOKS {
            let log = self.log.read();
            let answer = ask(&log);
            if log.holds() {
                return answer;
            }
        }
        self.given_up.fetch_add(1, Relaxed);
        T::default()
    }

    /// How many names of metrics and series found no room in the telemetry's log.
    #[must_use]
    pub fn nameless(&self) -> u64 {
        self.log.refused()
    }

    /// How many records of the log make no sense: none, unless something else than a telemetry wrote it.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.look(|log| self.names(log)).unreadable
    }

    /// How often there was no answer, or an empty one, since the log was rewritten twice while it was read, at each of 64 looks:
    /// more series are made and retired than can be read.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Relaxed)
    }

    /// The counters of groups of which some thread's numbers do not belong together now: it changed them at each look, or was
    /// killed while it did. Each is with or without that thread's last change. Of a file whose writer is gone the answer stays.
    #[must_use]
    pub fn incomplete(&self) -> Vec<SeriesKey> {
        let names = self.look(|log| self.names(log));
        let (_, torn) = grouped(&names, &self.sums(0));
        let is_part = |series: &&Named| torn.binary_search(&series.cell).is_ok();
        names.series.iter().filter(is_part).map(|series| series.key.clone()).collect()
    }

    /// As of [`Telemetry::stats`], as far as that can be told: slabs that were ever claimed, memory, updates of shared cells and of
    /// handles that were refused, metrics and series. All else is zero.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (names, sums) = (self.look(|log| self.names(log)), self.sums(REFUSED + 1));
        Stats {
            slabs_reached: sums.reached() as u64,
            chunk_bytes: sums.chunk_bytes(),
            shared_updates: sums.shared_updates(),
            refused_updates: sums.of(REFUSED..REFUSED + 1).first().copied().unwrap_or(0),
            metrics: names.metrics,
            series: names.series.len() as u64,
            ..Stats::default()
        }
    }

    /// How many bytes it reads.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.span.len * 8
    }

    fn names(&self, log: &Reading<'_>) -> Names {
        names::read(log, self.shape.sizes.cells, self.id)
    }

    fn sums(&self, end: usize) -> Sums<'_> {
        Sums::read(&self.span, self.shape.cells_at(), self.shape.sizes, end)
    }
}

/// What groups counted, by cell of the counter that it is told with; and the cells of those that do not belong together, in order.
fn grouped(names: &Names, sums: &Sums<'_>) -> (BTreeMap<usize, u64>, Vec<usize>) {
    let (mut counted, mut torn, mut patience) = (BTreeMap::new(), Vec::new(), PATIENCE);
    for group in &names.groups {
        let (numbers, are_whole) = sums.together(group.first, group.counters.len(), &mut patience);
        for (cell, number) in group.counters.iter().zip(numbers) {
            let counted: &mut u64 = counted.entry(*cell).or_default();
            *counted = counted.wrapping_add(number);
        }
        if !are_whole {
            torn.extend_from_slice(&group.counters);
        }
    }
    torn.sort_unstable();
    (counted, torn)
}

fn value(series: &Named, sums: &Sums<'_>) -> Value {
    let own = sums.of(series.cell..series.end());
    let sum = own.first().copied().unwrap_or(0);
    let shared = |cell: usize| sums.shared(cell);
    match series.key.metric_type() {
        MetricType::Counter => Value::Counter(sum),
        MetricType::UpDownCounter => Value::UpDownCounter(sum.cast_signed()),
        MetricType::Gauge => Value::Gauge(shared(series.cell).cast_signed()),
        MetricType::FloatGauge => Value::FloatGauge(f64::from_bits(shared(series.cell))),
        MetricType::Histogram => {
            let resolution: Resolution = series.resolution;
            let greatest = shared(series.end().saturating_sub(1));
            Value::Histogram(HistogramValues::of(resolution, own, greatest))
        }
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Recording>();
};

//! The last stage: items are gathered to batches, and the host delivers those.

use super::bell::Bell;
use super::feed::{Feed, Taken};
use super::stage::{Counts, Stage};
use super::worker::{Step, Work};
use crate::error::{Diagnostic, Retry};
use crate::events::class::Class;
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, OnceLock, Relaxed};
use std::fmt;
use std::time::{Duration, Instant};

/// Why a sink did not deliver a batch, and whether it may do so later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkError {
    retry: Retry,
    reason: String,
}

impl SinkError {
    /// It may take the same batch later: the batch is kept.
    pub fn later(reason: impl fmt::Display) -> Self {
        Self { retry: Retry::Later, reason: reason.to_string() }
    }

    /// As [`SinkError::later`], once this much time is over, as a server may say that is asked too often; at most an hour.
    pub fn after(time: Duration, reason: impl fmt::Display) -> Self {
        Self { retry: Retry::After(time), reason: reason.to_string() }
    }

    /// It will never take that batch: it is dropped, and counted as [`refused`](super::Dropped::refused).
    pub fn never(reason: impl fmt::Display) -> Self {
        Self { retry: Retry::Never, reason: reason.to_string() }
    }
}

impl<E: Diagnostic> From<E> for SinkError {
    fn from(error: E) -> Self {
        Self { retry: error.retry(), reason: error.to_string() }
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// What can be set while it runs, and what is told outside.
#[derive(Default)]
pub(super) struct Settings {
    most: AtomicUsize,
    timeout_ns: AtomicU64,
    pub(super) last_error: Mutex<Option<String>>,
    /// Told how long each call of the sink took.
    pub(super) timed: OnceLock<Box<dyn Fn(Duration) + Send + Sync>>,
}

impl Settings {
    pub(super) fn set_batch(&self, most: usize, timeout: Duration) {
        // Relaxed: each stands for itself, and one batch may have been cut by the old of one and the new of the other.
        self.most.store(most.max(1), Relaxed);
        self.timeout_ns.store(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn batch(&self) -> (usize, Duration) {
        (self.most.load(Relaxed), Duration::from_nanos(self.timeout_ns.load(Relaxed)))
    }
}

/// How long to wait before a batch is tried again: doubled with each failure in a row.
const LEAST_DELAY: Duration = Duration::from_millis(10);
const MOST_DELAY: Duration = Duration::from_secs(1);
/// How long it is left in peace at most when it says how long that is to be.
const MOST_ASKED: Duration = Duration::from_secs(3_600);

pub(super) struct Sinking<T, F> {
    pub(super) feed: Box<dyn Feed<T>>,
    pub(super) sink: F,
    pub(super) settings: Arc<Settings>,
    pub(super) stage: Arc<Stage>,
    pub(super) batch: Batch<T>,
    /// Failures in a row, and until when the sink is left in peace.
    pub(super) failures: u32,
    pub(super) rests_until: Option<Instant>,
}

/// What was gathered and is not delivered yet.
pub(super) struct Batch<T> {
    items: Vec<T>,
    /// When the first of them came.
    since: Option<Instant>,
    /// Panics over the same batch that it survives, and had.
    survives: u32,
    panics: u32,
}

impl<T> Batch<T> {
    pub(super) fn new(survives: u32) -> Self {
        Self { items: Vec::new(), since: None, survives, panics: 0 }
    }

    fn push(&mut self, item: T) {
        self.since.get_or_insert_with(Instant::now);
        self.items.push(item);
    }

    /// The first so many are done with. They are counted before they are dropped, which is the host's code, too.
    fn leave(&mut self, count: usize) {
        self.panics = 0;
        self.since = (self.items.len() > count).then(Instant::now);
        self.items.drain(..count);
    }

    /// When the batch is due, whether or not it is full.
    fn due(&self, timeout: Duration) -> Option<Instant> {
        self.since.and_then(|since| since.checked_add(timeout))
    }
}

/// A call of the sink. If it unwinds, the batch is kept or lost, as was asked for, and that is counted.
struct Call<'a, T> {
    batch: &'a mut Batch<T>,
    count: usize,
    counts: &'a Counts,
    began: Instant,
    has_returned: bool,
}

impl<T> Drop for Call<'_, T> {
    fn drop(&mut self) {
        self.counts.was_busy(self.began);
        if self.has_returned {
            return;
        }
        self.counts.panics.add(1);
        if self.batch.panics < self.batch.survives {
            self.batch.panics += 1;
            self.counts.retries.add(1);
        } else {
            self.counts.lost_in_panic.add(self.count as u64);
            self.batch.leave(self.count);
        }
    }
}

impl<T: Send, F: FnMut(&[T]) -> Result<(), SinkError> + Send> Sinking<T, F> {
    /// Delivers what was gathered, at most a batch.
    fn deliver(&mut self) {
        let counts = &self.stage.counts;
        let count = self.batch.items.len().min(self.settings.batch().0);
        counts.calls.add(1);
        let mut call =
            Call { batch: &mut self.batch, count, counts, began: Instant::now(), has_returned: false };
        let outcome = (self.sink)(&call.batch.items[..count]);
        call.has_returned = true;
        let took = call.began.elapsed();
        drop(call);
        match outcome {
            Ok(()) => {
                self.failures = 0;
                counts.passed.add(count as u64);
                self.batch.leave(count);
            }
            Err(error) => {
                match error.retry {
                    retry @ (Retry::Later | Retry::After(_)) => {
                        counts.retries.add(1);
                        let delay = LEAST_DELAY * 2_u32.saturating_pow(self.failures.min(16));
                        self.failures = self.failures.saturating_add(1);
                        let asked = if let Retry::After(time) = retry { time } else { Duration::ZERO };
                        let delay = delay.min(MOST_DELAY).max(asked.min(MOST_ASKED));
                        self.rests_until = Some(Instant::now() + delay);
                    }
                    Retry::Never => {
                        counts.refused.add(count as u64);
                        self.batch.leave(count);
                    }
                }
                *self.settings.last_error.lock() = Some(error.reason);
            }
        }
        // Last: should it panic, the batch is accounted for.
        if let Some(timed) = self.settings.timed.get() {
            timed(took);
        }
    }

    /// Whether the sink is left in peace for now.
    fn rests(&mut self) -> bool {
        let rests = self.rests_until.is_some_and(|until| Instant::now() < until);
        if !rests {
            self.rests_until = None;
        }
        rests
    }
}

impl<T: Send, F: FnMut(&[T]) -> Result<(), SinkError> + Send> Work for Sinking<T, F> {
    fn step(&mut self) -> Step {
        let (most, timeout) = self.settings.batch();
        let rests = self.rests();
        let is_full = self.batch.items.len() >= most;
        let is_due = self.batch.due(timeout).is_some_and(|due| Instant::now() >= due);
        if (is_full || is_due) && !rests {
            self.deliver();
            return Step::Moved;
        }
        if is_full {
            return Step::Idle;
        }
        for class in Class::ALL {
            match self.feed.take(class) {
                Taken::Item(item) => {
                    // In hand from here on.
                    self.stage.counts.taken.add(1);
                    self.batch.push(item);
                    return Step::Moved;
                }
                Taken::Dropped => return Step::Moved,
                Taken::Nothing => {}
            }
        }
        if !self.feed.is_at_end() || rests {
            return Step::Idle;
        }
        if self.batch.items.is_empty() {
            return Step::Ended;
        }
        self.deliver();
        Step::Moved
    }

    fn wait(&mut self, bell: &Bell, longest: Duration, is_interrupted: &dyn Fn() -> bool) {
        let (most, timeout) = self.settings.batch();
        let is_full = self.batch.items.len() >= most;
        let due = self.batch.due(timeout).filter(|_| !is_full);
        let until = self.rests_until.or(due);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let time = left.map_or(longest, |left| left.min(longest));
        let (feed, settings, rests) = (&self.feed, &self.settings, self.rests_until.is_some());
        let has_news =
            || !is_full && (Class::ALL.iter().any(|class| feed.has(*class)) || !rests && feed.is_at_end());
        bell.wait(time, || is_interrupted() || settings.batch() != (most, timeout) || has_news());
    }

    fn note(&mut self, now: bool) {
        self.feed.note(now);
    }
}

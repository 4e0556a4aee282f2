//! What hosts hold: a pipeline.

use super::end::End;
use super::sink::Settings;
use super::source::Accounts;
use super::stage::{Dropped, Stage, StageStatus};
use super::worker::PipelineWorker;
use crate::events::cursor::CursorStats;
use crate::sync::Arc;
use std::fmt;
use std::time::{Duration, Instant};

/// How long a stop waits, beyond its deadline, for workers to see that it is over.
const GRACE: Duration = Duration::from_millis(50);

/// Stages behind a cursor: what is recorded goes through them to a sink.
///
/// **Demand.** A stage takes an item only if the next one has room for it. So a slow sink slows its stages, and in the end the
/// cursor; writers do not notice. The ring is the buffer: what it overwrites before the cursor came by is a gap, and is counted
/// to the last event. What waits in memory is bounded by the queues between the workers.
///
/// **Order.** Each retention class has a cursor and queues of its own. Whenever a worker may take from several, it takes critical
/// items before normal before verbose ones. Within a class the cursor's order is kept.
///
/// **Failures.** A stage that panics loses the item in hand, a sink its batch (see
/// [`Batched::retry_panicked`](super::Batched::retry_panicked)), and no other; that is counted. Its worker is to be run again, as the
/// deck's supervisor does, and goes on with what it held. Code of a stage must leave its own state sound when it unwinds.
///
/// **Accounts.** Once nobody writes and the pipeline is idle or over, what was written since it began is
/// [`PipelineStatus::accounted`], exactly: delivered, filtered, invalid, refused, lost in panics, overwritten and pruned, and what is
/// left.
///
/// **Cost.** For an event: an allocation for its copy, a reading of the system's clock before and after each stage, a fence and a queue's
/// exchange at each hand-over. Workers wait parked; the first one looks by itself, as its [`Cursor`](crate::events::Cursor)
/// says. Of the write path, nothing.
///
/// It starts no thread: a deck does that, or run its [`Pipeline::workers`]. Cheap to clone.
///
/// ```
/// use flightdeck::events::{Events, Value};
/// use std::thread;
/// use std::time::Duration;
/// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
///
/// let events = Events::builder().build()?;
/// let pipeline = events
///     .cursor()
///     .pipeline("export")
///     .validate(|event| event.field("qty").is_some())
///     .enrich(|event| match event.field("qty") {
///         Some(Value::U64(qty)) => qty,
///         _ => 0,
///     })
///     .filter(|qty| *qty > 1)
///     .batch(100, Duration::from_millis(50))
///     .sink(|batch| {
///         println!("{batch:?}");
///         Ok(())
///     });
/// thread::scope(|threads| {
///     for worker in pipeline.workers() {
///         threads.spawn(|| worker.run(|| false));
///     }
///     (1..=10).for_each(|qty| events.record(OrderFilled { qty }));
///     let status = pipeline.stop(Duration::from_secs(5));
///     assert_eq!((status.delivered(), status.dropped().filtered, status.left()), (9, 1, 0));
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pipeline {
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    stages: Vec<Arc<Stage>>,
    workers: Vec<PipelineWorker>,
    end: Arc<End>,
    accounts: Arc<Accounts>,
    settings: Arc<Settings>,
}

impl Pipeline {
    pub(super) fn new(
        name: Arc<str>,
        stages: Vec<Arc<Stage>>,
        workers: Vec<PipelineWorker>,
        end: Arc<End>,
        accounts: Arc<Accounts>,
        settings: Arc<Settings>,
    ) -> Self {
        Self { inner: Arc::new(Inner { name, stages, workers, end, accounts, settings }) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether both are the same one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// What is to be run, each on a thread of its own: from the cursor to the sink.
    #[must_use]
    pub fn workers(&self) -> &[PipelineWorker] {
        &self.inner.workers
    }

    /// How many items a batch holds at most, one at least, and how long it waits for them; for the one that is
    /// being gathered, too.
    pub fn set_batch(&self, most: usize, timeout: Duration) {
        self.inner.settings.set_batch(most, timeout);
        self.inner.end.ring_all();
    }

    /// How many items of each class may wait in front of a stage that is behind a queue: one at least, and no more than the
    /// queue was [built for](super::Stages::queue), which [`StageStatus::places`] says. What waits already, stays.
    pub fn set_room(&self, room: usize) {
        self.inner.stages.iter().filter_map(|stage| stage.queue.as_ref()).for_each(|queue| queue.allow(room));
    }

    /// Who is told, on the sink's thread, how long each call of the sink took that returned. Only the first one is.
    pub fn observe_sink(&self, observer: impl Fn(Duration) + Send + Sync + 'static) {
        let _ = self.inner.settings.timed.set(Box::new(observer));
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> PipelineStatus {
        let Inner { name, stages, workers, accounts, settings, .. } = &*self.inner;
        if let Some(first) = workers.first() {
            first.note();
        }
        let (batch_size, batch_timeout) = settings.batch();
        PipelineStatus {
            name: name.clone(),
            // From the sink back, so that nothing seems to have been delivered that was never taken.
            stages: {
                let mut stages: Vec<_> = stages.iter().rev().map(|stage| stage.status()).collect();
                stages.reverse();
                stages
            },
            cursor: accounts.now(),
            batch_size,
            batch_timeout,
            last_error: settings.last_error.lock().clone(),
            has_ended: self.has_ended(),
        }
    }

    /// Whether all that there was is through, and no more will be: it was stopped, or its store was.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.inner.workers.iter().all(PipelineWorker::has_ended)
    }

    /// Delivers what was recorded before this call, ends, and says how that went. Returns by the deadline, and 50 ms later at the
    /// most; what could not be delivered by then is left, see [`PipelineStatus::left`]. A sink that is called at that moment
    /// cannot be stopped: its batch counts as left until it returns. Of no use to a stage, which would wait for itself.
    pub fn stop(&self, deadline: Duration) -> PipelineStatus {
        let Inner { workers, end, .. } = &*self.inner;
        let at = Instant::now() + deadline.min(Duration::from_secs(1 << 30));
        end.drain();
        if !end.ended.wait(Some(at), || self.has_ended()) {
            end.give_up_at(Instant::now());
            let is_over = || workers.iter().all(|worker| worker.has_ended() || worker.is_quiet());
            let grace = Instant::now() + GRACE;
            while !is_over() && Instant::now() < grace {
                crate::sync::thread::sleep(Duration::from_millis(1));
            }
        }
        self.status()
    }

    /// Its workers return after this time at the latest, done or not, as far as their stages do. Does not stop it before that.
    pub fn give_up_in(&self, time: Duration) {
        self.inner.end.give_up_at(Instant::now() + time.min(Duration::from_secs(1 << 30)));
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

/// How a pipeline is. While it runs, its numbers are read one after the other, and those of its cursor are up to some
/// milliseconds old.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineStatus {
    /// Its name.
    pub name: Arc<str>,
    /// What its cursor did since it began, and how far behind it is.
    pub cursor: CursorStats,
    /// Each stage, from the first to the sink.
    pub stages: Vec<StageStatus>,
    /// How many items a batch holds at most.
    pub batch_size: usize,
    /// How long a batch waits for them.
    pub batch_timeout: Duration,
    /// Why the sink did not deliver a batch, the last time that it did not.
    pub last_error: Option<String>,
    /// Whether all that there was is through, and no more will be.
    pub has_ended: bool,
}

impl PipelineStatus {
    /// Items that the sink delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.stages.last().map_or(0, |sink| sink.passed)
    }

    /// Items that stages did not pass on, by cause.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.stages.iter().fold(Dropped::default(), |sum, stage| sum.and(stage.dropped))
    }

    /// Items in queues.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.stages.iter().flat_map(|stage| stage.waiting.iter()).map(|(_, waiting)| *waiting as u64).sum()
    }

    /// Items in hands of stages.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.stages.iter().map(StageStatus::held).sum()
    }

    /// What is still to be delivered: in the store, in queues, and in hands of stages. Of one that is over, nobody will.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.cursor.behind + self.waiting() + self.held()
    }

    /// What became of all that was written since it began. What was never stored, [`CursorStats::lost`], is not in it.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        let gone = self.cursor.filtered + self.cursor.overwritten + self.cursor.pruned;
        self.delivered() + self.dropped().total() + gone + self.left()
    }
}

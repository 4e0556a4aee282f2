//! Stages being put together, and where they are cut into workers.

use super::Pipeline;
use super::bell::Bell;
use super::end::End;
use super::feed::{Enrich, Feed, Filter, FromHandover, Staged, Step, Validate};
use super::handover::{Handover, Waiting};
use super::sink::{Batch, Settings, SinkError, Sinking};
use super::source::{Accounts, FromCursor};
use super::stage::{Counts, Stage};
use super::worker::{Passing, PipelineWorker};
use crate::events::cursor::Cursor;
use crate::events::owned::OwnedEvent;
use crate::sync::Arc;
use std::fmt;
use std::time::Duration;

/// Items of each class that may wait in front of a sink, unless said otherwise.
const ROOM: usize = 1_024;
/// A queue holds no more than this of each class: it is memory that is taken at once.
const MOST_ROOM: usize = 1 << 20;

/// Stages that are put together; from [`Cursor::pipeline`]. `T` is what the last of them passes on.
///
/// Stages that follow one another are done by one worker, item by item. A [`Stages::queue`] cuts: what comes after it is done
/// by a worker of its own. The sink always is.
#[must_use = "stages do nothing without a sink"]
pub struct Stages<T> {
    parts: Parts,
    feed: Box<dyn Feed<T>>,
    /// A queue that the next stage stands behind.
    cut: Option<usize>,
}

/// What is there of the pipeline.
struct Parts {
    name: Arc<str>,
    stages: Vec<Arc<Stage>>,
    workers: Vec<PipelineWorker>,
    /// Of the worker that is being put together: what it begins with, and its bell.
    begins_with: Option<Arc<str>>,
    bell: Arc<Bell>,
    end: Arc<End>,
    accounts: Arc<Accounts>,
}

impl Cursor {
    /// Begins a pipeline: what this cursor delivers from now on goes through its stages. See [`Pipeline`]. The order of time
    /// holds within a class alone then. One that was [prompt](Cursor::prompt) is so no longer: nobody wakes the first worker,
    /// which looks by itself, see [`Cursor::park_between`].
    pub fn pipeline(self, name: impl Into<Arc<str>>) -> Stages<OwnedEvent> {
        let (end, accounts) = (Arc::new(End::new()), Arc::new(Accounts::default()));
        let feed = Box::new(FromCursor::new(self, end.clone(), accounts.clone()));
        let parts = Parts {
            name: name.into(),
            stages: Vec::new(),
            workers: Vec::new(),
            begins_with: None,
            bell: end.bell(),
            end,
            accounts,
        };
        Stages { parts, feed, cut: None }
    }
}

impl Parts {
    /// A name for one more stage of this sort.
    fn name(&self, sort: &str) -> Arc<str> {
        let same = |stage: &&Arc<Stage>| stage.name.split('_').next() == Some(sort);
        match self.stages.iter().filter(same).count() {
            0 => sort.into(),
            before => format!("{sort}_{}", before + 1).into(),
        }
    }

    fn add_stage(&mut self, sort: &str, queue: Option<Arc<dyn Waiting>>) -> Arc<Stage> {
        let stage = Arc::new(Stage { name: self.name(sort), queue, counts: Counts::default() });
        self.begins_with.get_or_insert_with(|| stage.name.clone());
        self.stages.push(stage.clone());
        stage
    }

    fn add_worker(&mut self, work: Box<dyn super::worker::Work>, bell: Arc<Bell>) {
        let first = self.begins_with.take().unwrap_or_else(|| "cursor".into());
        let name = format!("pipeline.{}.{first}", self.name).into();
        self.workers.push(PipelineWorker::new(name, work, bell, self.end.clone()));
    }
}

impl<T: Send + 'static> Stages<T> {
    /// Leaves out what is not as it should be: counted as [`invalid`](super::Dropped::invalid).
    pub fn validate(self, is_valid: impl FnMut(&T) -> bool + Send + 'static) -> Self {
        self.add("validate", Validate(is_valid))
    }

    /// Makes something else of each item: an event with what else is known of it, or a type of the host's own.
    pub fn enrich<U: Send + 'static>(self, enrich: impl FnMut(T) -> U + Send + 'static) -> Stages<U> {
        self.add("enrich", Enrich(enrich))
    }

    /// Leaves out what is not wanted: counted as [`filtered`](super::Dropped::filtered). Where a filter of a
    /// [`Query`](crate::events::Query) can say it, that is much cheaper: [`Query::follow`](crate::events::Query::follow).
    pub fn filter(self, is_wanted: impl FnMut(&T) -> bool + Send + 'static) -> Self {
        self.add("filter", Filter(is_wanted))
    }

    /// What comes next is done by a worker of its own, behind a queue of so many items of each class; from 1 to 1,048,576. Before
    /// a sink there is always one, of 1,024 unless said otherwise here.
    pub fn queue(mut self, room: usize) -> Self {
        self.cut = Some(room.clamp(1, MOST_ROOM));
        self
    }

    /// Gathers at most so many items, one at least, to a batch, and for no longer than `timeout` from the first one on. Both
    /// can be changed while it runs: [`Pipeline::set_batch`].
    pub fn batch(self, most: usize, timeout: Duration) -> Batched<T> {
        Batched { stages: self, most, timeout, survives: 0 }
    }

    /// Delivers item by item; see [`Batched::sink`].
    pub fn sink(self, deliver: impl FnMut(&[T]) -> Result<(), SinkError> + Send + 'static) -> Pipeline {
        self.batch(1, Duration::ZERO).sink(deliver)
    }

    fn add<U: Send + 'static>(mut self, sort: &str, step: impl Step<T, U> + 'static) -> Stages<U> {
        let queue = self.cut.take().map(|room| self.cut_here(room));
        let Self { mut parts, feed, .. } = self;
        let stage = parts.add_stage(sort, queue);
        Stages { parts, feed: Box::new(Staged { below: feed, stage, step }), cut: None }
    }

    /// What is there becomes a worker; what comes next takes from it through a queue.
    fn cut_here(&mut self, room: usize) -> Arc<dyn Waiting> {
        let bell = self.parts.end.bell();
        let giver = std::mem::replace(&mut self.parts.bell, bell.clone());
        let next = Arc::new(Handover::new(room, giver.clone(), bell));
        let feed: Box<dyn Feed<T>> = Box::new(FromHandover(next.clone()));
        let feed = std::mem::replace(&mut self.feed, feed);
        self.parts.add_worker(Box::new(Passing { feed, next: next.clone() }), giver);
        next
    }
}

/// Stages whose items are gathered to batches; from [`Stages::batch`].
#[must_use = "stages do nothing without a sink"]
pub struct Batched<T> {
    stages: Stages<T>,
    most: usize,
    timeout: Duration,
    survives: u32,
}

impl<T: Send + 'static> Batched<T> {
    /// Keeps a batch over which the sink panicked, up to so many times in a row, and tries it again. By default none: then it
    /// is dropped, since a batch that makes a sink panic would do so again; it is counted as
    /// [`lost_in_panic`](super::Dropped::lost_in_panic).
    pub fn retry_panicked(mut self, times: u32) -> Self {
        self.survives = times;
        self
    }

    /// The last stage: delivers a batch, on a worker of its own.
    ///
    /// While it is called, nothing is taken from the stages before; so a slow one slows them down, and in the end the cursor. An
    /// error that says [`SinkError::later`] keeps the batch, which is tried again after 10 ms, doubling to 1 s; one that says
    /// [`SinkError::never`] drops it. A sink that delivered a part of a batch before it failed gets that part again.
    pub fn sink(self, deliver: impl FnMut(&[T]) -> Result<(), SinkError> + Send + 'static) -> Pipeline {
        let Self { mut stages, most, timeout, survives } = self;
        let room = stages.cut.take().unwrap_or(ROOM);
        let queue = stages.cut_here(room);
        let Stages { mut parts, feed, .. } = stages;
        let stage = parts.add_stage("sink", Some(queue));
        let settings = Arc::new(Settings::default());
        settings.set_batch(most, timeout);
        let sinking = Sinking {
            feed,
            sink: deliver,
            settings: settings.clone(),
            stage,
            batch: Batch::new(survives),
            failures: 0,
            rests_until: None,
        };
        let bell = parts.bell.clone();
        parts.add_worker(Box::new(sinking), bell);
        let Parts { name, stages, workers, end, accounts, .. } = parts;
        Pipeline::new(name, stages, workers, end, accounts, settings)
    }
}

impl<T> fmt::Debug for Stages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stages").field("stages", &self.parts.stages).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Batched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batched")
            .field("stages", &self.stages)
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

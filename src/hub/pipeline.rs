//! Pipelines of a deck: their workers supervised, their numbers in telemetry, their losses in the journal.

use super::{Inner, PipelineSettings};
use crate::events::{Class, Events, Pipeline, PipelineStatus, PipelineWorker, StageStatus};
use crate::supervisor::{self, Backoff, ChildSpec, Restart, StartError, Supervisor, WorkerContext};
use crate::sync::{Arc, Mutex, Weak};
use crate::telemetry::{Counter, Gauge, Telemetry};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

crate::kind! {
    pub(super) PipelineLost("flightdeck.pipeline.lost", class = Critical, severity = Error) {
        pipeline: str, stage: str, items: u64,
    }
    pub(super) PipelineStopped("flightdeck.pipeline.stopped", class = Critical) {
        pipeline: str, delivered: u64, dropped: u64, overwritten: u64, left: u64,
    }
}

/// How long a worker is waited for when it is to stop by itself. It gives up a little earlier.
const SHUTDOWN: Duration = Duration::from_secs(5);
/// What workers are given to return once they have given up.
const RETURNING: Duration = Duration::from_millis(50);

/// The pipelines of a deck.
#[derive(Debug)]
pub(super) struct Pipelines {
    events: Events,
    telemetry: Telemetry,
    running: Mutex<Vec<Arc<Mirror>>>,
    /// What the settings say, by name; also of those that are yet to come.
    told: Mutex<BTreeMap<String, PipelineSettings>>,
}

/// A pipeline, and its numbers as telemetry has them.
#[derive(Debug)]
struct Mirror {
    pipeline: Pipeline,
    /// The size and the time-out of batches that it was built with.
    batch: (usize, Duration),
    cursor: OfCursor,
    stages: Vec<OfStage>,
}

#[derive(Debug)]
struct OfCursor {
    delivered: Rising,
    filtered: Rising,
    overwritten: Rising,
    pruned: Rising,
    lost: Rising,
    behind: Gauge,
    lag_ns: Gauge,
}

#[derive(Debug)]
struct OfStage {
    taken: Rising,
    passed: Rising,
    invalid: Rising,
    filtered: Rising,
    refused: Rising,
    lost_in_panic: Rising,
    retries: Rising,
    busy_ns: Rising,
    /// By class; of a stage that has a queue in front of it.
    queue: Option<[Gauge; Class::ALL.len()]>,
    held: Gauge,
}

/// A counter that follows a number which somebody else counts.
#[derive(Debug)]
pub(super) struct Rising {
    counter: Counter,
    /// What of it the counter has.
    told: Mutex<u64>,
}

impl Rising {
    pub(super) fn new(telemetry: &Telemetry, name: &str) -> Self {
        Self { counter: telemetry.counter(name), told: Mutex::new(0) }
    }

    /// Follows the number to where it is; by how much it rose.
    pub(super) fn follow(&self, now: u64) -> u64 {
        let mut told = self.told.lock();
        // Two may read the number and come here in the other order.
        let risen = now.saturating_sub(*told);
        self.counter.increment(risen);
        *told += risen;
        risen
    }
}

pub(super) fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl OfCursor {
    fn new(telemetry: &Telemetry, prefix: &str) -> Self {
        let rising = |what: &str| Rising::new(telemetry, &format!("{prefix}.cursor.{what}"));
        let gauge = |what: &str| telemetry.gauge(&format!("{prefix}.cursor.{what}"));
        Self {
            delivered: rising("out"),
            filtered: rising("filtered"),
            overwritten: rising("overwritten"),
            pruned: rising("pruned"),
            lost: rising("lost"),
            behind: gauge("behind"),
            lag_ns: gauge("lag_ns"),
        }
    }

    fn follow(&self, status: &PipelineStatus) {
        let cursor = &status.cursor;
        self.delivered.follow(cursor.delivered);
        self.filtered.follow(cursor.filtered);
        self.overwritten.follow(cursor.overwritten);
        self.pruned.follow(cursor.pruned);
        self.lost.follow(cursor.lost);
        self.behind.set(signed(cursor.behind));
        self.lag_ns.set(signed(nanos(cursor.lag)));
    }
}

impl OfStage {
    fn new(telemetry: &Telemetry, prefix: &str, stage: &StageStatus) -> Self {
        let prefix = format!("{prefix}.{}", stage.name);
        let rising = |what: &str| Rising::new(telemetry, &format!("{prefix}.{what}"));
        let queue = |class: Class| telemetry.gauge(&format!("{prefix}.queue.{}", class.name()));
        Self {
            taken: rising("in"),
            passed: rising("out"),
            invalid: rising("invalid"),
            filtered: rising("filtered"),
            refused: rising("refused"),
            lost_in_panic: rising("lost_in_panic"),
            retries: rising("retries"),
            busy_ns: rising("busy_ns"),
            queue: (stage.room > 0).then(|| Class::ALL.map(queue)),
            held: telemetry.gauge(&format!("{prefix}.held")),
        }
    }

    /// How many items were lost since the last time.
    fn follow(&self, status: &StageStatus) -> u64 {
        self.taken.follow(status.taken);
        self.passed.follow(status.passed);
        self.invalid.follow(status.dropped.invalid);
        self.filtered.follow(status.dropped.filtered);
        self.refused.follow(status.dropped.refused);
        self.retries.follow(status.retries);
        self.busy_ns.follow(nanos(status.busy));
        for ((_, waiting), gauge) in status.waiting.iter().zip(self.queue.iter().flatten()) {
            gauge.set(signed(*waiting));
        }
        self.held.set(signed(status.held()));
        self.lost_in_panic.follow(status.dropped.lost_in_panic)
    }
}

impl Mirror {
    fn new(telemetry: &Telemetry, pipeline: Pipeline) -> Self {
        let prefix = format!("pipeline.{}", pipeline.name());
        let built = pipeline.status();
        let stages = built.stages.iter().map(|stage| OfStage::new(telemetry, &prefix, stage)).collect();
        let took = telemetry.histogram(&format!("{prefix}.sink.call_ns"));
        pipeline.observe_sink(move |time| took.record(nanos(time)));
        let batch = (built.batch_size, built.batch_timeout);
        Self { cursor: OfCursor::new(telemetry, &prefix), stages, batch, pipeline }
    }

    /// Where the settings say nothing, as it was built.
    fn tell(&self, settings: &PipelineSettings) {
        let (most, timeout) = settings.batch.unwrap_or(self.batch);
        self.pipeline.set_batch(most, timeout);
        self.pipeline.set_room(settings.room.unwrap_or(usize::MAX));
    }

    /// Brings telemetry up to date, and writes down what was lost.
    fn follow(&self, events: &Events) -> PipelineStatus {
        let status = self.pipeline.status();
        self.cursor.follow(&status);
        for (of_stage, stage) in self.stages.iter().zip(&status.stages) {
            let items = of_stage.follow(stage);
            if items > 0 {
                events.record(PipelineLost { pipeline: &status.name, stage: &stage.name, items });
            }
        }
        status
    }
}

impl Pipelines {
    pub(super) fn new(events: &Events, telemetry: &Telemetry) -> Self {
        Self {
            events: events.clone(),
            telemetry: telemetry.clone(),
            running: Mutex::new(Vec::new()),
            told: Mutex::default(),
        }
    }

    fn all(&self) -> Vec<Arc<Mirror>> {
        self.running.lock().clone()
    }

    /// Takes a pipeline on that is about to run.
    fn take_on(&self, pipeline: Pipeline) {
        let mirror = Mirror::new(&self.telemetry, pipeline);
        let told = self.told.lock();
        if let Some(settings) = told.get(mirror.pipeline.name()) {
            mirror.tell(settings);
        }
        self.running.lock().push(Arc::new(mirror));
    }

    /// Tells each pipeline what the settings now say, if that is something new.
    pub(super) fn tell(&self, settings: &BTreeMap<String, PipelineSettings>) {
        let mut told = self.told.lock();
        for mirror in self.all() {
            let (before, now) = (told.get(mirror.pipeline.name()), settings.get(mirror.pipeline.name()));
            if before != now {
                mirror.tell(now.unwrap_or(&PipelineSettings::default()));
            }
        }
        *told = settings.clone();
    }

    /// Brings telemetry up to date.
    pub(super) fn follow(&self) {
        self.all().iter().for_each(|mirror| drop(mirror.follow(&self.events)));
    }

    /// Each of them.
    pub(super) fn status(&self) -> Vec<PipelineStatus> {
        self.all().iter().map(|mirror| mirror.pipeline.status()).collect()
    }

    /// Workers that still run after this time give up, in time to be seen to.
    pub(super) fn give_up_in(&self, time: Duration) {
        let time = time.saturating_sub(RETURNING.min(time / 10));
        self.all().iter().for_each(|mirror| mirror.pipeline.give_up_in(time));
    }

    /// Everything stopped: writes down how that went.
    pub(super) fn stopped(&self) {
        for mirror in std::mem::take(&mut *self.running.lock()) {
            self.write_down(&mirror.follow(&self.events));
        }
    }

    fn write_down(&self, status: &PipelineStatus) {
        self.events.record(PipelineStopped {
            pipeline: &status.name,
            delivered: status.delivered(),
            dropped: status.dropped().total(),
            overwritten: status.cursor.overwritten,
            left: status.left(),
        });
    }

    /// Takes a pipeline on, and has its workers started.
    pub(super) fn start(&self, pipeline: Pipeline, supervisor: &Supervisor) -> Result<(), StartError> {
        let mut started = Vec::new();
        // The sink first, as one stops.
        for worker in pipeline.workers().iter().rev() {
            if let Err(error) = supervisor.add(supervised(worker)) {
                for name in started {
                    let _ = supervisor.remove(name, Duration::ZERO);
                }
                return Err(error);
            }
            started.push(worker.name());
        }
        self.take_on(pipeline);
        Ok(())
    }

    /// Takes a pipeline on that starts with the deck.
    pub(super) fn enlist(
        &self,
        pipeline: Pipeline,
        mut supervisor: supervisor::Builder,
    ) -> supervisor::Builder {
        for worker in pipeline.workers().iter().rev() {
            supervisor = supervisor.worker(supervised(worker));
        }
        self.take_on(pipeline);
        supervisor
    }

    /// Drains a pipeline, and takes it off the lists.
    fn stop(
        &self,
        pipeline: &Pipeline,
        supervisor: Option<&Supervisor>,
        deadline: Duration,
    ) -> PipelineStatus {
        let by = Instant::now() + deadline.min(Duration::from_secs(1 << 30));
        pipeline.stop(deadline);
        for worker in pipeline.workers() {
            // One that is not on the list was removed by hand.
            let left = (by + RETURNING).saturating_duration_since(Instant::now());
            let _ = supervisor.map(|supervisor| supervisor.remove(worker.name(), left));
        }
        let mut running = self.running.lock();
        let is_it = |mirror: &Arc<Mirror>| mirror.pipeline.is(pipeline);
        let found = running.iter().position(is_it).map(|index| running.remove(index));
        drop(running);
        match found {
            Some(mirror) => {
                let status = mirror.follow(&self.events);
                self.write_down(&status);
                status
            }
            None => pipeline.status(),
        }
    }
}

/// A worker of a pipeline as the supervisor has it: the host can do without it, and it is the last to go.
fn supervised(worker: &PipelineWorker) -> ChildSpec {
    let body = worker.clone();
    let run = move |context: &WorkerContext| {
        body.run_giving_up(Some(SHUTDOWN - RETURNING), || context.should_stop());
    };
    ChildSpec::new(worker.name(), Restart::Transient, run)
        .shutdown(SHUTDOWN)
        .backoff(Backoff::between(Duration::from_millis(10), Duration::from_secs(1)))
        .unlimited_restarts()
        .stops_last()
}

/// A pipeline that a deck runs. Cheap to clone; dropping it changes nothing.
#[derive(Clone)]
pub struct PipelineHandle {
    pipeline: Pipeline,
    deck: Weak<dyn Runs>,
}

/// What a handle needs of its deck, whatever its config.
trait Runs: Send + Sync {
    fn parts(&self) -> (&Pipelines, &Supervisor);
}

impl<C: Send + Sync + 'static> Runs for Inner<C> {
    fn parts(&self) -> (&Pipelines, &Supervisor) {
        (&self.pipelines, &self.supervisor)
    }
}

pub(super) fn start<C: Send + Sync + 'static>(
    deck: &Arc<Inner<C>>,
    pipeline: Pipeline,
) -> Result<PipelineHandle, StartError> {
    deck.pipelines.start(pipeline.clone(), &deck.supervisor)?;
    Ok(handle(deck, pipeline))
}

pub(super) fn all<C: Send + Sync + 'static>(deck: &Arc<Inner<C>>) -> Vec<PipelineHandle> {
    deck.pipelines.all().iter().map(|mirror| handle(deck, mirror.pipeline.clone())).collect()
}

fn handle<C: Send + Sync + 'static>(deck: &Arc<Inner<C>>, pipeline: Pipeline) -> PipelineHandle {
    let deck: Weak<Inner<C>> = Arc::downgrade(deck);
    PipelineHandle { pipeline, deck }
}

impl PipelineHandle {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.pipeline.name()
    }

    /// How it is; telemetry says the same when this returns, as far as the pipeline stands still.
    #[must_use]
    pub fn status(&self) -> PipelineStatus {
        let deck = self.deck.upgrade();
        let mirror = deck.as_ref().and_then(|deck| {
            let (pipelines, _) = deck.parts();
            let found = pipelines.all().into_iter().find(|mirror| mirror.pipeline.is(&self.pipeline))?;
            Some(found.follow(&pipelines.events))
        });
        mirror.unwrap_or_else(|| self.pipeline.status())
    }

    /// Each stage, from the first to the sink.
    #[must_use]
    pub fn stages(&self) -> Vec<StageStatus> {
        self.status().stages
    }

    /// See [`Pipeline::set_batch`].
    pub fn set_batch(&self, most: usize, timeout: Duration) {
        self.pipeline.set_batch(most, timeout);
    }

    /// See [`Pipeline::set_room`].
    pub fn set_room(&self, room: usize) {
        self.pipeline.set_room(room);
    }

    /// Delivers what was recorded before this call, ends the pipeline, and says how that went; its name is free again then. See
    /// [`Pipeline::stop`].
    pub fn stop(&self, deadline: Duration) -> PipelineStatus {
        match self.deck.upgrade() {
            Some(deck) => {
                let (pipelines, supervisor) = deck.parts();
                pipelines.stop(&self.pipeline, Some(supervisor), deadline)
            }
            None => self.pipeline.stop(deadline),
        }
    }
}

impl fmt::Debug for PipelineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pipeline.fmt(f)
    }
}

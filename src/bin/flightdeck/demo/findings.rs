//! What the demo found, asked from the running deck and from the measurements.

use super::course::Log;
use super::incidents::{self, Incident};
use super::kinds::Parsed;
use super::settings::Settings;
use super::variant::{Equipment, Variant};
use super::{faults, feed};
use flightdeck::Flightdeck;
use flightdeck::events::{Answer, BuildError, Events, QueryError, Stats, Value};
use flightdeck::supervisor::WorkerStatus;
use std::time::{Duration, Instant};

/// What recording may cost of a request's processor time.
pub const BAR: f64 = 1.03;

/// All of it.
pub struct Findings {
    pub variants: Vec<Variant>,
    pub log: Log,
    pub stats: Stats,
    pub memory: usize,
    pub event: EventCost,
    pub slowest: Option<Slowest>,
    /// The host's.
    pub workers: Vec<WorkerStatus>,
    /// From a panic to the worker's next run.
    pub back_after: Option<Duration>,
    /// What became of the workers beside it.
    pub incidents: Vec<Incident>,
}

/// What recording an event costs on this machine, apart from everything else.
#[derive(Clone, Copy, Debug)]
pub struct EventCost {
    pub floor_ns: f64,
    pub median_ns: f64,
}

/// The slowest request whose events are all still there.
pub struct Slowest {
    pub latency: Duration,
    pub look_up: Duration,
    pub answer: Answer,
    /// Slower ones, some of whose events were overwritten since.
    pub gone: usize,
}

/// Why the deck could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Findings {
    pub fn gather(variants: Vec<Variant>, log: Log, deck: &Flightdeck<Settings>) -> Result<Self, AskError> {
        let recording = variants.iter().find(|variant| variant.equipment == Equipment::Recording);
        let mut workers = deck.health().workers;
        workers.retain(|worker| !faults::is_one(&worker.name));
        Ok(Self {
            stats: deck.events().stats(),
            memory: deck.events().plan().total,
            slowest: recording.map(|variant| slowest(variant, deck.events())).transpose()?.flatten(),
            workers,
            back_after: back_after(deck.events())?,
            incidents: incidents::gather(deck.events(), log.began)?,
            event: EventCost::measure()?,
            log,
            variants,
        })
    }

    pub fn of(&self, equipment: Equipment) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.equipment == equipment)
    }

    /// A variant's cost against the one without a deck.
    pub fn ratio(&self, equipment: Equipment) -> Option<f64> {
        self.of(equipment)?.cost_against(self.of(Equipment::Bare)?)
    }

    pub fn requests(&self) -> u64 {
        self.variants.iter().map(Variant::requests).sum()
    }
}

fn slowest(variant: &Variant, events: &Events) -> Result<Option<Slowest>, QueryError> {
    let mut slow = variant.slow.clone();
    slow.sort_by_key(|slow| std::cmp::Reverse(slow.latency));
    for (gone, slow) in slow.iter().enumerate() {
        let start = Instant::now();
        let answer = events.query().correlation(slow.trace).run()?;
        let look_up = start.elapsed();
        if !answer.is_empty() && answer.verdict().is_complete() {
            return Ok(Some(Slowest { latency: slow.latency, look_up, answer, gone }));
        }
    }
    Ok(None)
}

/// From the worker's failure to its next start, as the deck itself recorded them.
fn back_after(events: &Events) -> Result<Option<Duration>, QueryError> {
    let of = |kind: &str| match events.query().kind_named(kind).run() {
        Ok(answer) => {
            let of_feed = answer.iter().filter(|event| event.field("worker") == Some(Value::Str(feed::NAME)));
            Ok(of_feed.map(|event| event.ticks()).collect())
        }
        Err(QueryError::UnknownKind { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let (failed, started) = (of("flightdeck.worker.failed")?, of("flightdeck.worker.started")?);
    let Some(failed) = failed.first() else { return Ok(None) };
    let converter = events.clock().converter();
    let again = started.iter().find(|at| *at > failed);
    Ok(again.map(|at| Duration::from_nanos(converter.ns_between(*failed, *at))))
}

impl EventCost {
    /// Records one of the host's kinds over and over, in a store of its own.
    fn measure() -> Result<Self, BuildError> {
        const BATCHES: usize = 100;
        const EVENTS: u64 = 5_000;
        let events = Events::builder().memory(16 << 20).build()?;
        let _in = events.scope(1_u64);
        let mut batches: Vec<f64> = (0..BATCHES)
            .map(|_| {
                let start = Instant::now();
                for quantity in 0..EVENTS {
                    events.record(Parsed { symbol: "FD007", quantity });
                }
                start.elapsed().as_nanos() as f64 / EVENTS as f64
            })
            .collect();
        batches.sort_by(f64::total_cmp);
        let at = |place: usize| batches.get(place).copied().unwrap_or_default();
        Ok(Self { floor_ns: at(0), median_ns: at(BATCHES / 2) })
    }
}

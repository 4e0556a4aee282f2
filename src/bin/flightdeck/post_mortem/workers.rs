//! How workers stood: from what the deck recorded of them, and where that has nothing, from what the file keeps.

use super::brief::{number, text};
use super::findings::newest_of;
use super::stood::Stood;
use crate::shown::unix_ns;
use flightdeck::events::{QueryError, Recorded, Recording, Value};
use flightdeck::supervisor::WorkerState;
use flightdeck::{RecordedWorker, Ticks, Told};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, SystemTime};

/// How many events of workers are looked at, the newest: each of them is rare.
const MOST: usize = 10_000;

/// A worker, as it was last.
#[derive(Debug, PartialEq, Eq)]
pub struct Worker {
    pub name: String,
    pub state: State,
    pub since: Ticks,
    /// Its run, counted from 1; 0 of a supervisor.
    pub generation: u64,
    /// How often it failed, as far as that is kept.
    pub failures: usize,
    pub last_failure: Option<Failure>,
    /// When it last showed that it was alive, as far as it does that and the deck looked.
    pub last_heartbeat: Option<SystemTime>,
}

/// Why a run ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// When and how, if an event tells of it.
    pub at: Option<Ticks>,
    pub panicked: Option<bool>,
    pub why: String,
}

/// What a worker was at.
#[derive(Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// It gave no sign for so long when that was found.
    Hung {
        silent: Duration,
    },
    Failed,
    /// To be started again, after this delay.
    Waiting {
        delay: Duration,
    },
    Returned,
    /// Its thread was given up.
    Abandoned,
    /// It failed too often, and is not started again.
    MeltedDown,
    Starting,
    Stopping,
    /// It was asked to stop, and did.
    Stopped,
}

impl State {
    /// Whether it does what it is there for, or has done it.
    pub const fn is_well(&self) -> bool {
        matches!(self, Self::Running | Self::Returned | Self::Starting | Self::Stopping | Self::Stopped)
    }

    /// As of a look of the deck's.
    fn kept(worker: &RecordedWorker, looked: SystemTime) -> Self {
        let silent = worker.last_heartbeat.and_then(|heard| looked.duration_since(heard).ok());
        match worker.state {
            WorkerState::Starting => Self::Starting,
            WorkerState::Hung => Self::Hung { silent: silent.unwrap_or_default() },
            WorkerState::BackingOff { delay } => Self::Waiting { delay },
            WorkerState::Stopping => Self::Stopping,
            WorkerState::Finished if worker.has_failed => Self::Failed,
            WorkerState::Finished => Self::Returned,
            WorkerState::Terminated => Self::Stopped,
            WorkerState::Abandoned => Self::Abandoned,
            _ => Self::Running,
        }
    }

    const fn is_told_by_no_event(&self) -> bool {
        matches!(self, Self::Starting | Self::Stopping | Self::Stopped)
    }

    /// As programs read it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Hung { .. } => "hung",
            Self::Failed => "failed",
            Self::Waiting { .. } => "waiting",
            Self::Returned => "returned",
            Self::Abandoned => "abandoned",
            Self::MeltedDown => "melted_down",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// What an event says of the worker that it names. An abandoned run that ended changes nothing of the one that took its
/// place.
fn state(kind: &str, event: &Recorded<'_>) -> Option<State> {
    let length = |name| Duration::from_nanos(number(event, name));
    Some(match kind {
        "flightdeck.worker.started" | "flightdeck.worker.recovered" => State::Running,
        "flightdeck.worker.returned" => State::Returned,
        "flightdeck.worker.failed" => State::Failed,
        "flightdeck.worker.restart_scheduled" => State::Waiting { delay: length("delay_ns") },
        "flightdeck.worker.melted_down" => State::MeltedDown,
        "flightdeck.worker.hung" => State::Hung { silent: length("silent_ns") },
        "flightdeck.worker.abandoned" => State::Abandoned,
        _ => return None,
    })
}

const KINDS: [&str; 8] = [
    "flightdeck.worker.started",
    "flightdeck.worker.recovered",
    "flightdeck.worker.returned",
    "flightdeck.worker.failed",
    "flightdeck.worker.restart_scheduled",
    "flightdeck.worker.melted_down",
    "flightdeck.worker.hung",
    "flightdeck.worker.abandoned",
];

/// All of them, by name.
pub fn gather(recording: &Recording, stood: &Stood) -> Result<Vec<Worker>, QueryError> {
    let mut workers: BTreeMap<String, Worker> = BTreeMap::new();
    let answer = newest_of(recording, &KINDS, MOST)?;
    for event in answer.iter().flat_map(|answer| answer.iter().rev()) {
        let Some(state) = state(event.kind(), &event) else { continue };
        let (name, since) = (text(&event, "worker"), event.ticks());
        let worker = workers.entry(name.clone()).or_insert_with(|| Worker {
            name,
            state: State::Running,
            since,
            generation: 0,
            failures: 0,
            last_failure: None,
            last_heartbeat: None,
        });
        if state == State::Failed {
            worker.failures += 1;
            worker.last_failure = Some(Failure {
                at: Some(since),
                panicked: Some(event.field("panicked") == Some(Value::Bool(true))),
                why: text(&event, "why"),
            });
        }
        worker.generation = worker.generation.max(number(&event, "generation"));
        (worker.state, worker.since) = (state, since);
    }
    if let Ok(Told { what, at: Some(looked), .. }) = &stood.workers {
        let at = recording.converter().ticks_at_unix_ns(unix_ns(*looked));
        what.iter().for_each(|worker| add(&mut workers, worker, *looked, at));
    }
    let mut workers: Vec<_> = workers.into_values().collect();
    settle_supervisors(&mut workers);
    Ok(workers)
}

/// What the file keeps of a worker as of a look: all of it where no event tells of it, else what events do not tell.
fn add(workers: &mut BTreeMap<String, Worker>, kept: &RecordedWorker, looked: SystemTime, at: Ticks) {
    let name = kept.name.to_string();
    let state = State::kept(kept, looked);
    let worker = match workers.entry(name.clone()) {
        Entry::Vacant(vacant) => vacant.insert(Worker {
            name,
            state,
            since: at,
            generation: kept.generation,
            failures: 0,
            last_failure: None,
            last_heartbeat: None,
        }),
        Entry::Occupied(known) => {
            let known = known.into_mut();
            // That it ended because its supervisor stopped no event tells, either.
            let was_stopped = state == State::Returned && known.state == State::Running;
            let state = if was_stopped { State::Stopped } else { state };
            if state.is_told_by_no_event() && known.since < at {
                (known.state, known.since) = (state, at);
            }
            known
        }
    };
    if let (None, Some(why)) = (&worker.last_failure, &kept.last_failure) {
        worker.failures = 1;
        worker.last_failure = Some(Failure { at: None, panicked: None, why: why.to_string() });
    }
    worker.last_heartbeat = kept.last_heartbeat;
}

/// No event tells that a supervisor was started again: its children do, which are below it.
fn settle_supervisors(workers: &mut [Worker]) {
    for place in 0..workers.len() {
        let Some(Worker { name, state: State::Waiting { .. }, since, .. }) = workers.get(place) else {
            continue;
        };
        let is_below =
            |other: &str| other.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let later = workers.iter().filter(|other| is_below(&other.name) && other.since > *since);
        let again = later.map(|other| other.since).min();
        if let (Some(again), Some(worker)) = (again, workers.get_mut(place)) {
            (worker.state, worker.since) = (State::Running, again);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(name: &str, state: State, since: u64) -> Worker {
        Worker {
            name: name.to_owned(),
            state,
            since: Ticks(since),
            generation: 0,
            failures: 0,
            last_failure: None,
            last_heartbeat: None,
        }
    }

    #[test]
    fn a_supervisor_whose_children_started_again_did_so_itself() {
        let waiting = || State::Waiting { delay: Duration::from_millis(1) };
        let mut workers = [
            worker("feed", waiting(), 10),
            worker("feeds/a", State::Running, 20),
            worker("venues", waiting(), 10),
            worker("venues/a", State::Running, 5),
            worker("venues/b", State::Failed, 30),
        ];
        settle_supervisors(&mut workers);
        let told = workers.each_ref().map(|worker| (worker.state.name(), worker.since.0));
        assert_eq!(told, [("waiting", 10), ("running", 20), ("running", 30), ("running", 5), ("failed", 30)]);
    }
}

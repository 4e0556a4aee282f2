//! How workers stood, from what the deck recorded of them.

use super::brief::{number, text};
use super::findings::newest_of;
use flightdeck::Ticks;
use flightdeck::events::{QueryError, Recorded, Recording, Value};
use std::collections::BTreeMap;
use std::time::Duration;

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
}

/// Why a run ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub at: Ticks,
    pub panicked: bool,
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
}

impl State {
    /// Whether it does what it is there for, or has done it.
    pub const fn is_well(&self) -> bool {
        matches!(self, Self::Running | Self::Returned)
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
pub fn gather(recording: &Recording) -> Result<Vec<Worker>, QueryError> {
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
        });
        if state == State::Failed {
            worker.failures += 1;
            worker.last_failure = Some(Failure {
                at: since,
                panicked: event.field("panicked") == Some(Value::Bool(true)),
                why: text(&event, "why"),
            });
        }
        worker.generation = worker.generation.max(number(&event, "generation"));
        (worker.state, worker.since) = (state, since);
    }
    let mut workers: Vec<_> = workers.into_values().collect();
    settle_supervisors(&mut workers);
    Ok(workers)
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

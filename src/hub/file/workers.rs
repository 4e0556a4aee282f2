//! Workers: how each was, and when it last showed a sign of life.

use super::error::PartError;
use super::section::WORKERS;
use super::told::Told;
use super::words::{Page, Reading, Record, first, page};
use crate::mapped::Opened;
use crate::region::board::Board;
use crate::supervisor::{WorkerState, WorkerStatus};
use crate::sync::Arc;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// Of a worker.
const SUPERVISOR: u64 = 1;
const FAILED: u64 = 2;
const NEEDED: u64 = 4;

/// Bytes of a failure that are kept.
const LONGEST: usize = 1 << 10;

/// How a worker was, as a file tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedWorker {
    /// Its name; below another supervisor than the topmost, the path to it, as in `net/feed`.
    pub name: Arc<str>,
    /// Whether it is a supervisor.
    pub is_supervisor: bool,
    /// Where it was in its life.
    pub state: WorkerState,
    /// Which run that was: 1 for the first.
    pub generation: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// When it was last seen to have [beaten](crate::supervisor::WorkerContext) since the look before, by the writer's clock; `None`
    /// if it never was. No finer than those looks, [`Settings::health`](crate::Settings) apart.
    pub last_heartbeat: Option<SystemTime>,
    /// Why it failed last, be that long ago: 1 KiB of it.
    pub last_failure: Option<Arc<str>>,
    /// Whether its last run failed, and none has run since.
    pub has_failed: bool,
    /// Whether the host could not do without it.
    pub is_needed: bool,
}

/// What is posted.
pub(super) struct Workers {
    board: Board,
    /// Of each how often it had beaten, in which run, and when that was found.
    beats: HashMap<Arc<str>, (u64, u64, Option<SystemTime>)>,
}

impl Workers {
    pub(super) fn new(board: Board) -> Self {
        Self { board, beats: HashMap::new() }
    }

    pub(super) fn post(&mut self, workers: &[WorkerStatus], beats: &HashMap<Arc<str>, u64>) {
        let now = SystemTime::now();
        self.beats.retain(|name, _| workers.iter().any(|worker| worker.name == *name));
        let mut records = Vec::with_capacity(workers.len());
        for worker in workers {
            let count = beats.get(&worker.name).copied().unwrap_or(0);
            let (generation, counted, heard) = self.beats.entry(worker.name.clone()).or_default();
            if *generation != worker.generation {
                (*generation, *counted) = (worker.generation, 0);
            }
            if *counted != count {
                (*counted, *heard) = (count, Some(now));
            }
            records.push(record(worker, *heard));
        }
        self.board.post(&page(self.board.room(), records.iter()));
    }
}

fn record(worker: &WorkerStatus, heard: Option<SystemTime>) -> Record {
    let flag = |on: bool, flag: u64| if on { flag } else { 0 };
    let flags = flag(worker.is_supervisor, SUPERVISOR)
        | flag(worker.has_failed, FAILED)
        | flag(worker.is_needed, NEEDED);
    let (state, delay) = match worker.state {
        WorkerState::Starting => (0, Duration::ZERO),
        WorkerState::Running => (1, Duration::ZERO),
        WorkerState::Hung => (2, Duration::ZERO),
        WorkerState::BackingOff { delay } => (3, delay),
        WorkerState::Stopping => (4, Duration::ZERO),
        WorkerState::Finished => (5, Duration::ZERO),
        WorkerState::Terminated => (6, Duration::ZERO),
        WorkerState::Abandoned => (7, Duration::ZERO),
    };
    let record =
        Record::new().word(flags).word(state).word(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX));
    let record = record.word(worker.generation).word(worker.restarts);
    let record = match heard {
        Some(heard) => record.time(heard),
        None => record.word(0),
    };
    let failure = worker.last_failure.as_deref().map(|why| first(why, LONGEST));
    record.text(&worker.name).maybe_text(failure)
}

fn read(record: &mut Reading<'_>) -> Option<RecordedWorker> {
    let (flags, state, delay) = (record.word()?, record.word()?, Duration::from_nanos(record.word()?));
    let (generation, restarts, heard) = (record.word()?, record.word()?, record.time()?);
    let (name, last_failure) = (record.text()?, record.maybe_text()?);
    let state = match state {
        0 => WorkerState::Starting,
        1 => WorkerState::Running,
        2 => WorkerState::Hung,
        3 => WorkerState::BackingOff { delay },
        4 => WorkerState::Stopping,
        5 => WorkerState::Finished,
        6 => WorkerState::Terminated,
        7 => WorkerState::Abandoned,
        _ => return None,
    };
    Some(RecordedWorker {
        name,
        is_supervisor: flags & SUPERVISOR != 0,
        state,
        generation,
        restarts,
        last_heartbeat: Some(heard).filter(|heard| *heard != SystemTime::UNIX_EPOCH),
        last_failure,
        has_failed: flags & FAILED != 0,
        is_needed: flags & NEEDED != 0,
    })
}

pub(super) fn of(file: &Opened) -> Result<Told<Vec<RecordedWorker>>, PartError> {
    let words = WORKERS.read(file)?;
    let Some(mut page) = Page::of(&words) else { return Ok(Told::nothing(Vec::new())) };
    let (at, left_out) = (Some(page.at), page.left_out);
    let what = page.by_ref().filter_map(|mut record| read(&mut record)).collect();
    Ok(Told { what, at, left_out })
}

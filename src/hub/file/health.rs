//! Health: how bad it was, and the concerns in force.

use super::error::PartError;
use super::section::HEALTH;
use super::told::Told;
use super::words::{Page, Reading, Record, first, page};
use crate::hub::health::{Health, HealthLevel};
use crate::mapped::Opened;
use crate::region::board::Board;
use crate::sync::Arc;
use std::iter;
use std::time::SystemTime;

const LIVE: u64 = 1;
const READY: u64 = 2;
const STARTED: u64 = 4;

/// Bytes of a concern's text that are kept.
const LONGEST: usize = 1 << 10;

/// How a deck was, as a file tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedHealth {
    /// How bad it was.
    pub level: HealthLevel,
    /// Whether it was alive.
    pub is_live: bool,
    /// Whether it was to be given work.
    pub is_ready: bool,
    /// Whether its start was over.
    pub has_started: bool,
    /// What was not as it should be.
    pub concerns: Vec<RecordedConcern>,
}

/// What was not as it should be, as a file tells of it: see [`Concern`](crate::Concern).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedConcern {
    /// Stable text such as `events_lost`.
    pub code: Arc<str>,
    /// The part that had it, by name.
    pub part: Arc<str>,
    /// In words, 1 KiB of them.
    pub text: Arc<str>,
    /// When it came.
    pub since: SystemTime,
    /// How often it had come, that time included.
    pub times: u64,
}

pub(super) fn post(board: &Board, health: &Health) {
    let flag = |on: bool, flag: u64| if on { flag } else { 0 };
    let flags =
        flag(health.is_live(), LIVE) | flag(health.is_ready(), READY) | flag(health.has_started(), STARTED);
    let head = Record::new().word(health.level() as u64).word(flags);
    let concerns: Vec<_> = health
        .reasons()
        .map(|reason| {
            let text = reason.concern.to_string();
            let record = Record::new().time(reason.since).word(reason.times);
            let record = record.text(reason.concern.code()).text(reason.concern.part().name());
            record.text(first(&text, LONGEST))
        })
        .collect();
    board.post(&page(board.room(), iter::once(&head).chain(&concerns)));
}

fn concern(record: &mut Reading<'_>) -> Option<RecordedConcern> {
    let (since, times) = (record.time()?, record.word()?);
    Some(RecordedConcern { since, times, code: record.text()?, part: record.text()?, text: record.text()? })
}

fn read(page: &mut Page<'_>) -> Option<RecordedHealth> {
    let mut first = page.next()?;
    let (level, flags) = (first.word()?, first.word()?);
    let level = match level {
        0 => HealthLevel::Healthy,
        1 => HealthLevel::Degraded,
        2 => HealthLevel::NotReady,
        3 => HealthLevel::NotLive,
        _ => return None,
    };
    Some(RecordedHealth {
        level,
        is_live: flags & LIVE != 0,
        is_ready: flags & READY != 0,
        has_started: flags & STARTED != 0,
        concerns: page.filter_map(|mut record| concern(&mut record)).collect(),
    })
}

pub(super) fn of(file: &Opened) -> Result<Told<Option<RecordedHealth>>, PartError> {
    let words = HEALTH.read(file)?;
    let Some(mut page) = Page::of(&words) else { return Ok(Told::nothing(None)) };
    let (at, left_out) = (Some(page.at), page.left_out);
    Ok(Told { what: read(&mut page), at, left_out })
}

//! Revisions of configs: the last ones, and those in force.

use super::error::PartError;
use super::section::CONFIGS;
use super::told::Told;
use super::words::{Page, Reading, Record, page};
use crate::config::Snapshot;
use crate::mapped::Opened;
use crate::region::board::Board;
use crate::sync::{Arc, Mutex};
use std::collections::VecDeque;
use std::time::SystemTime;

/// Words of a page before its records.
const HEAD: usize = 2;
/// Bytes of a value that is kept, so that one leaves room for others.
#[cfg(feature = "serde")]
const LONGEST: usize = 16 << 10;

/// The first word of a revision that is in force.
const IN_FORCE: u64 = 1;
/// Of values.
const NONE: u64 = 0;
const JSON: u64 = 1;
const TOO_LONG: u64 = 2;

/// A revision of a config, as a file tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRevision {
    /// The name of the config: `flightdeck` is the deck's own, its settings.
    pub config: Arc<str>,
    /// Its number: 1 for the first.
    pub number: u64,
    /// When it was published.
    pub since: SystemTime,
    /// Who published it.
    pub who: Arc<str>,
    /// Why, if that was said.
    pub why: Option<Arc<str>>,
    /// The value.
    pub value: RecordedValue,
    /// Whether it was the newest of its config.
    pub is_in_force: bool,
}

/// The value of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordedValue {
    /// It was not kept: the config has no [paths](crate::config::Builder), or the deck was built without feature `serde`.
    NotKept,
    /// As JSON, with marks in place of secrets.
    Json(Arc<str>),
    /// It was longer than what is kept of one: 16 KiB.
    TooLong {
        /// How long, in bytes.
        bytes: u64,
    },
}

/// What is posted.
pub(super) struct Configs {
    board: Board,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Oldest first.
    revisions: VecDeque<Revision>,
    forgotten: u64,
}

struct Revision {
    config: Arc<str>,
    number: u64,
    is_in_force: bool,
    record: Record,
}

impl Configs {
    pub(super) fn new(board: Board) -> Self {
        Self { board, kept: Mutex::new(Kept::default()) }
    }

    /// Posts one more. Takes a lock, and encodes the value: for a moment in which a config was changed.
    pub(super) fn add<T: Send + Sync + 'static>(&self, config: &str, snapshot: &Snapshot<T>) {
        let number = snapshot.revision().get();
        let cause = snapshot.cause();
        let record = Record::new().word(IN_FORCE).word(number).time(snapshot.since()).text(config);
        let record = value(record.text(cause.who()).maybe_text(cause.why()), snapshot);
        let mut kept = self.kept.lock();
        let same = |known: &&mut Revision| *known.config == *config;
        let (mut newest, mut is_known) = (true, false);
        for known in kept.revisions.iter_mut().filter(same) {
            is_known |= known.number == number;
            newest &= known.number < number;
        }
        if is_known {
            return;
        }
        let mut added = Revision { config: config.into(), number, is_in_force: true, record };
        if newest {
            kept.revisions.iter_mut().filter(same).for_each(Revision::supersede);
        } else {
            added.supersede();
        }
        kept.revisions.push_back(added);
        kept.make_room(self.board.room() - HEAD);
        let mut words = page(self.board.room(), kept.revisions.iter().map(|revision| &revision.record));
        words[1] += kept.forgotten;
        self.board.post(&words);
    }
}

impl Revision {
    fn supersede(&mut self) {
        self.is_in_force = false;
        self.record.set_first(0);
    }
}

impl Kept {
    /// Forgets the oldest, those in force last.
    fn make_room(&mut self, room: usize) {
        let words =
            |kept: &Self| kept.revisions.iter().map(|known| known.record.words().len()).sum::<usize>();
        while words(self) > room {
            let oldest = self.revisions.iter().position(|known| !known.is_in_force);
            if self.revisions.remove(oldest.unwrap_or(0)).is_none() {
                return;
            }
            self.forgotten += 1;
        }
    }
}

#[cfg(feature = "serde")]
fn value<T: Send + Sync + 'static>(record: Record, snapshot: &Snapshot<T>) -> Record {
    // Of one without paths nothing is known.
    let Ok(value) = snapshot.get_path("") else { return record.word(NONE) };
    let text = value.to_string();
    match text.len() {
        bytes if bytes > LONGEST => record.word(TOO_LONG).word(bytes as u64),
        _ => record.word(JSON).text(&text),
    }
}

#[cfg(not(feature = "serde"))]
fn value<T>(record: Record, _: &Snapshot<T>) -> Record {
    record.word(NONE)
}

fn read(record: &mut Reading<'_>) -> Option<RecordedRevision> {
    let (flags, number, since) = (record.word()?, record.word()?, record.time()?);
    let (config, who, why) = (record.text()?, record.text()?, record.maybe_text()?);
    let value = match record.word()? {
        JSON => RecordedValue::Json(record.text()?),
        TOO_LONG => RecordedValue::TooLong { bytes: record.word()? },
        _ => RecordedValue::NotKept,
    };
    let is_in_force = flags & IN_FORCE != 0;
    Some(RecordedRevision { config, number, since, who, why, value, is_in_force })
}

/// Oldest first.
pub(super) fn of(file: &Opened) -> Result<Told<Vec<RecordedRevision>>, PartError> {
    let words = CONFIGS.read(file)?;
    let Some(mut page) = Page::of(&words) else { return Ok(Told::nothing(Vec::new())) };
    let (at, left_out) = (Some(page.at), page.left_out);
    let what = page.by_ref().filter_map(|mut record| read(&mut record)).collect();
    Ok(Told { what, at, left_out })
}

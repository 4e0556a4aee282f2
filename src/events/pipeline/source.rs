//! The cursor as the first feed: a lane for each class, and accounts for those who want to know.

use super::end::End;
use super::feed::{Feed, Taken};
use crate::events::class::{Class, PerClass};
use crate::events::cursor::{Cursor, CursorStats, Written};
use crate::events::owned::OwnedEvent;
use crate::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Accounts cost a load of each ring's busiest line, so they are drawn up no more often than this while there is work.
const BETWEEN_NOTES: Duration = Duration::from_millis(1);

/// The accounts of a pipeline's cursor, since the pipeline began.
#[derive(Debug, Default)]
pub(super) struct Accounts(Mutex<CursorStats>);

impl Accounts {
    pub(super) fn now(&self) -> CursorStats {
        *self.0.lock()
    }
}

pub(super) struct FromCursor {
    lanes: PerClass<Lane>,
    end: Arc<End>,
    accounts: Arc<Accounts>,
    /// What the cursor did before.
    before: CursorStats,
    noted: Instant,
    waits: (Duration, Duration),
    next_wait: Duration,
}

struct Lane {
    cursor: Cursor,
    end: LaneEnd,
}

/// How near the end a lane is.
enum LaneEnd {
    Open,
    /// It looked for the last time, and takes what that found.
    Looked(Written),
    Settled,
}

impl Lane {
    fn take(&mut self, drains: bool) -> Option<OwnedEvent> {
        if let Some(event) = self.cursor.take_found() {
            return Some(event);
        }
        match &self.end {
            LaneEnd::Settled => return None,
            LaneEnd::Looked(written) => {
                self.cursor.settle(written);
                self.end = LaneEnd::Settled;
                return None;
            }
            LaneEnd::Open if drains || self.cursor.is_closed() => {
                self.end = LaneEnd::Looked(self.cursor.look_last());
            }
            LaneEnd::Open if self.cursor.look_if_due() => {}
            LaneEnd::Open => return None,
        }
        self.cursor.take_found()
    }

    /// Whether something is to be taken, or to be settled.
    fn has(&self) -> bool {
        self.cursor.has_found() || matches!(self.end, LaneEnd::Looked(_))
    }
}

/// The accounts of all lanes.
fn sum(lanes: &PerClass<Lane>) -> CursorStats {
    let lanes = lanes.iter().map(|(_, lane)| lane.cursor.stats());
    lanes.fold(CursorStats::default(), CursorStats::and)
}

impl FromCursor {
    pub(super) fn new(cursor: Cursor, end: Arc<End>, accounts: Arc<Accounts>) -> Self {
        let waits = cursor.waits();
        let lanes = PerClass(cursor.by_class().0.map(|cursor| Lane { cursor, end: LaneEnd::Open }));
        // Of the lanes, as all later ones: they do not go on with what the cursor counted of being woken.
        let before = sum(&lanes);
        let (noted, next_wait) = (Instant::now(), waits.0);
        Self { lanes, end, accounts, before, noted, waits, next_wait }
    }
}

impl Feed<OwnedEvent> for FromCursor {
    fn take(&mut self, class: Class) -> Taken<OwnedEvent> {
        let drains = self.end.drains();
        match self.lanes[class].take(drains) {
            Some(event) => {
                self.next_wait = self.waits.0;
                Taken::Item(event)
            }
            None => Taken::Nothing,
        }
    }

    fn has(&self, class: Class) -> bool {
        self.lanes[class].has()
    }

    fn is_at_end(&self) -> bool {
        self.lanes.iter().all(|(_, lane)| matches!(lane.end, LaneEnd::Settled))
    }

    /// Writers wake nobody: it looks again soon, and later the longer nothing comes.
    fn patience(&mut self) -> Duration {
        let wait = self.next_wait;
        self.next_wait = (wait * 2).min(self.waits.1);
        wait
    }

    fn note(&mut self, now: bool) {
        if !now && self.noted.elapsed() < BETWEEN_NOTES {
            return;
        }
        self.noted = Instant::now();
        let mut since = sum(&self.lanes).since(&self.before);
        if self.is_at_end() {
            // What came after its last look was recorded after its end.
            (since.behind, since.lag) = (0, Duration::ZERO);
        }
        *self.accounts.0.lock() = since;
    }
}

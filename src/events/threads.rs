//! Numbers for the threads that write, never used twice, and their names: in memory, and in the section's log.

use super::section::THREAD;
use crate::os;
use crate::region::log::Log;
use crate::sync::{Arc, Mutex, thread};

/// The number of a thread in one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadNumber(u32);

impl ThreadNumber {
    /// A thread that could not be told: it was ending, or interrupted in the middle of a write.
    pub(crate) const UNKNOWN: Self = Self(0);

    #[inline(always)]
    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

/// Names kept; later threads have a number only.
const NAMES: usize = 65_536;

/// Who has written so far. Cold: asked once per thread.
#[derive(Debug)]
pub(crate) struct Threads {
    known: Mutex<Known>,
    log: Log,
    /// Whether names come from the log.
    is_recorded: bool,
}

#[derive(Debug, Default)]
struct Known {
    count: u32,
    // Shared, so that nothing is allocated under the lock when one is asked for: allocators may record.
    names: Vec<Option<Arc<str>>>,
    /// Of a recording: up to where the log was read.
    read: usize,
}

impl Threads {
    /// Of a store, which tells the log who comes.
    pub(crate) fn new(log: Log) -> Self {
        Self { known: Mutex::default(), log, is_recorded: false }
    }

    /// Of a recording, which learns from the log.
    pub(crate) fn recorded(log: Log) -> Self {
        Self { is_recorded: true, ..Self::new(log) }
    }

    /// A number for the calling thread, which has set its [`Busy`](crate::local::Busy) mark; after four thousand million of them, [`ThreadNumber::UNKNOWN`].
    pub(crate) fn enter(&self) -> ThreadNumber {
        let name = thread::current().name().map(Arc::from);
        let system = os::thread_number().unwrap_or(0);
        let mut known = self.known.lock();
        let Some(number) = known.count.checked_add(1) else {
            return ThreadNumber::UNKNOWN;
        };
        known.count = number;
        // Before its first record, so that whoever finds one finds this, if there was room.
        tell(&self.log, number, system, name.as_deref());
        if known.names.len() < NAMES {
            known.names.push(name);
        }
        ThreadNumber(number)
    }

    /// The name a thread had when it first wrote.
    pub(crate) fn name(&self, number: u32) -> Option<Box<str>> {
        let index = (number as usize).checked_sub(1)?;
        let mut known = self.known.lock();
        if self.is_recorded {
            known.learn(&self.log);
        }
        let name = known.names.get(index)?.clone();
        name.map(|name| Box::from(&*name))
    }

    /// Who came, one after another.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// How many threads the log had no room for.
    pub(crate) fn refused(&self) -> u64 {
        self.log.refused()
    }
}

impl Known {
    /// Reads what the log told since.
    fn learn(&mut self, log: &Log) {
        let mut records = log.records(self.read);
        for mut record in records.by_ref().filter(|record| record.tag == THREAD) {
            let number = record.word().unwrap_or(0) as u32 as usize;
            let Some(index) = number.checked_sub(1).filter(|index| *index < NAMES) else { continue };
            if self.names.len() <= index {
                self.names.resize(index + 1, None);
            }
            if let Some(place) = self.names.get_mut(index) {
                *place = record.text().map(Arc::from);
            }
        }
        self.read = records.end();
    }
}

/// A thread in a log: its number and, in the upper half, the system's number for it, if that has one; and its name, if it
/// has one.
fn tell(log: &Log, number: u32, system: u32, name: Option<&str>) {
    let mut draft = log.draft(THREAD);
    draft.word(u64::from(number) | u64::from(system) << 32);
    if let Some(name) = name {
        draft.text(name);
    }
    // What has no room is counted there.
    let _ = draft.commit();
}

//! Who wrote.

use crate::events::section::THREAD;
use crate::region::log::Log;

/// A thread that wrote to the store, as it was when it first did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedThread {
    /// Its number in events: [`Recorded::thread`](crate::events::Recorded::thread).
    pub number: u32,
    /// The number that the system gave it, where it gives one (Linux, feature `os`).
    pub system: Option<u32>,
    /// Its name, if it had one.
    pub name: Option<Box<str>>,
}

/// All that a log tells of: no more than it has words.
pub(super) fn all(log: &Log) -> Vec<RecordedThread> {
    let of_threads = log.records(0).filter(|record| record.tag == THREAD);
    of_threads
        .filter_map(|mut record| {
            let numbers = record.word()?;
            let system = Some((numbers >> 32) as u32).filter(|system| *system != 0);
            let name = record.text().map(String::into_boxed_str);
            Some(RecordedThread { number: numbers as u32, system, name })
        })
        .collect()
}

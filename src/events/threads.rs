//! Numbers for the threads that write, never used twice, and their names.

use crate::sync::{Mutex, thread};

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
#[derive(Debug, Default)]
pub(crate) struct Threads(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    count: u32,
    names: Vec<Option<Box<str>>>,
}

impl Threads {
    /// A number for the calling thread; after four thousand million of them, [`ThreadNumber::UNKNOWN`].
    pub(crate) fn enter(&self) -> ThreadNumber {
        let name = thread::current().name().map(Box::from);
        let mut known = self.0.lock();
        let Some(number) = known.count.checked_add(1) else {
            return ThreadNumber::UNKNOWN;
        };
        known.count = number;
        if known.names.len() < NAMES {
            known.names.push(name);
        }
        ThreadNumber(number)
    }

    /// The name a thread had when it first wrote.
    pub(crate) fn name(&self, number: u32) -> Option<Box<str>> {
        let index = (number as usize).checked_sub(1)?;
        self.0.lock().names.get(index)?.clone()
    }
}

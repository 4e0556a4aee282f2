//! Numbers for the threads that write, never used twice, and their names.

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
#[derive(Debug, Default)]
pub(crate) struct Threads(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    count: u32,
    // Shared, so that nothing is allocated under the lock when one is asked for: allocators may record.
    names: Vec<Option<Arc<str>>>,
}

impl Threads {
    /// A number for the calling thread, which has set its [`Busy`](crate::local::Busy) mark; after four thousand million of them, [`ThreadNumber::UNKNOWN`].
    pub(crate) fn enter(&self) -> ThreadNumber {
        let name = thread::current().name().map(Arc::from);
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
        let name = self.0.lock().names.get(index)?.clone();
        name.map(|name| Box::from(&*name))
    }
}

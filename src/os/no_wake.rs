//! Where the system offers no barrier over all threads of a process, and in models, in which a fence stands for it.

use crate::sync::{AtomicU32, Relaxed, Signal};
use std::io;
use std::time::{Duration, Instant};

/// A barrier of this process is wanted.
pub(crate) fn prepare_barrier() -> io::Result<()> {
    barrier()
}

/// A full memory barrier in each thread of this process.
pub(crate) fn barrier() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this build has no feature `os`, or this is no Linux"))
}

/// Whoever waits until a word has changed.
#[derive(Debug)]
pub(crate) struct Waiters(Signal);

impl Default for Waiters {
    fn default() -> Self {
        Self(Signal::new())
    }
}

impl Waiters {
    /// Waits until the word is another one than `seen` and somebody [says so](Waiters::wake_all), for so long at the most.
    pub(crate) fn wait(&self, word: &AtomicU32, seen: u32, most: Duration) {
        self.0.wait(Instant::now().checked_add(most), || word.load(Relaxed) != seen);
    }

    /// Wakes all who wait on the word.
    pub(crate) fn wake_all(&self, _word: &AtomicU32) {
        self.0.notify();
    }
}

//! Who judges: one thread at a time, and nobody waits for it.
//!
//! Whoever has counted something that may open the breaker asks for a turn. If another has it, that one looks again before
//! it ends, so what was counted is judged either way.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `breaker-turn` | the addition in [`Turn::ask`] | the load in [`Turn::asked`] |

use crate::sync::{AtomicU64, CachePadded, Relaxed, acquire, release};

/// How many have asked since the last turn ended; zero: nobody judges.
#[derive(Debug)]
pub(crate) struct Turn(CachePadded<AtomicU64>);

impl Turn {
    pub(crate) fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    /// Asks for what this thread has counted to be judged. Whether it is this thread's turn. Wait-free.
    #[must_use]
    pub(crate) fn ask(&self) -> bool {
        // Release, edge `breaker-turn` (partner: `asked`): what this thread counted.
        self.0.fetch_add(1, release("breaker-turn")) == 0
    }

    /// How many have asked. All that those have counted is seen from now on.
    pub(crate) fn asked(&self) -> u64 {
        // Acquire, edge `breaker-turn` (partner: `ask`): what all of them counted, since each addition and exchange carries on
        // what the ones before it published.
        self.0.load(acquire("breaker-turn"))
    }

    /// Ends the turn, unless more have asked.
    #[must_use]
    pub(crate) fn finish(&self, asked: u64) -> bool {
        self.0.compare_exchange(asked, 0, Relaxed, Relaxed).is_ok()
    }
}

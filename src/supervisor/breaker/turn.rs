//! Who judges: one thread at a time, and nobody waits for it.
//!
//! Whoever has counted something that may open the breaker asks for a turn. If another has it, that one looks again before
//! it ends, so what was counted is judged either way. It does so [a few times](LOOKS) and no more: where others ask all the time,
//! the next of them has the turn, and judges what was left.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `breaker-turn` | the addition in [`Turn::ask`] | the load in [`Turn::asked`] |

use crate::sync::{AtomicU64, CachePadded, Relaxed, acquire, release};

/// How often one thread looks in its turn. A look takes longer than a call may, so it might go on for ever.
const LOOKS: u32 = 4;

/// How many have asked since the last turn ended; zero: nobody judges.
#[derive(Debug)]
pub struct Turn(CachePadded<AtomicU64>);

impl Turn {
    /// Nobody's.
    #[allow(clippy::new_without_default, reason = "its owner makes it by name")]
    pub fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    /// Asks for what this thread has counted to be judged. Whether it is this thread's turn. Wait-free.
    fn ask(&self) -> bool {
        // Release, edge `breaker-turn` (partner: `asked`): what this thread counted.
        self.0.fetch_add(1, release("breaker-turn")) == 0
    }

    /// How many have asked. All that those have counted is seen from now on.
    fn asked(&self) -> u64 {
        // Acquire, edge `breaker-turn` (partner: `ask`): what all of them counted, since each addition and exchange carries on
        // what the ones before it published.
        self.0.load(acquire("breaker-turn"))
    }

    /// Ends the turn, unless more have asked.
    fn finish(&self, asked: u64) -> bool {
        self.0.compare_exchange(asked, 0, Relaxed, Relaxed).is_ok()
    }

    /// Looks, if it is this thread's turn, until nobody has asked meanwhile, or often enough.
    pub(crate) fn take(&self, look: impl FnMut()) {
        self.take_up_to(LOOKS, look);
    }

    /// The same, so often at the most: what models explore.
    #[inline(always)]
    pub fn take_up_to(&self, looks: u32, mut look: impl FnMut()) {
        if !self.ask() {
            return;
        }
        let end = End(self);
        for _ in 0..looks {
            let asked = self.asked();
            look();
            if self.finish(asked) {
                std::mem::forget(end);
                return;
            }
        }
    }
}

/// Of a turn that ends in any case, also by a panic.
struct End<'a>(&'a Turn);

impl Drop for End<'_> {
    fn drop(&mut self) {
        // An exchange: it carries on what those published who asked, for whoever is next.
        self.0.0.swap(0, Relaxed);
    }
}

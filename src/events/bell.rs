//! Waking those who wait for events of prompt kinds, at no cost to whoever records others.
//!
//! A writer commits and then looks whether somebody waits; a waiter says that it waits and then looks for what was committed.
//! One of the two must see the other, which takes a full fence on both sides, and that would cost each write more than a
//! record may. So the waiter pays for both: it asks the system for a barrier in every thread of the process (`membarrier`), and
//! all that is left to the writer is that the compiler keeps the order.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `bell-waits` | light fence in [`Bell::after_commit`], behind the commit | heavy fence in [`Bell::announce`], before the look for what was committed |

use crate::os::{self, Waiters};
use crate::sync::{AtomicU32, AtomicU64, CachePadded, Relaxed, heavy_fence, light_fence};
use std::io;
use std::time::Duration;

/// What writers ring and others wait for. A line of its own: who waits must not take one from the writers of other kinds.
#[derive(Debug, Default)]
pub struct Bell {
    line: CachePadded<Line>,
    waiters: Waiters,
}

#[derive(Debug, Default)]
struct Line {
    /// Odd while somebody waits; whoever rings makes it even again. It only grows, so that a waiter knows its own word again:
    /// it would take 2^31 rings in the sleep of one waiter to mistake another for it, and then the time-out is left.
    word: AtomicU32,
    /// How often it was rung.
    rung: AtomicU64,
}

const fn is_waited_for(word: u32) -> bool {
    word & 1 == 1
}

impl Bell {
    /// Wakes whoever waits, if anybody does. To be called after a commit.
    ///
    /// A load and a branch. Where somebody waits, an exchange and a system call: nothing that a signal handler may not do.
    #[inline(always)]
    pub fn after_commit(&self) {
        // Light, edge `bell-waits` (partner: `announce`): either we see that somebody waits, or it sees what we committed.
        light_fence("bell-waits");
        let word = self.line.word.load(Relaxed);
        if is_waited_for(word) {
            self.ring(word);
        }
    }

    #[cold]
    #[inline(never)]
    fn ring(&self, word: u32) {
        // Who finds another word comes second, and the first one wakes all.
        if self.line.word.compare_exchange(word, word.wrapping_add(1), Relaxed, Relaxed).is_ok() {
            self.line.rung.fetch_add(1, Relaxed);
            self.waiters.wake_all(&self.line.word);
        }
    }

    /// How often somebody was woken.
    pub(crate) fn rung(&self) -> u64 {
        self.line.rung.load(Relaxed)
    }

    /// Says that the caller waits. `before` is the word that it was given last; where that still stands, nothing is done, and
    /// nothing was missed. Else the caller has to look for what was committed before it [waits](Bell::wait).
    ///
    /// # Errors
    /// If the system refuses the barrier. What is committed from now on may wake nobody.
    pub fn announce(&self, before: Option<u32>) -> io::Result<u32> {
        let word = self.line.word.fetch_or(1, Relaxed) | 1;
        if before != Some(word) {
            // Heavy, edge `bell-waits` (partner: `after_commit`): who does not see our word has committed what we find next.
            // For each waiter its own: the barrier of another may not be over yet.
            heavy_fence("bell-waits", os::barrier)?;
        }
        Ok(word)
    }

    /// Waits until somebody rang since the word was given, for so long at the most. Whether somebody did.
    pub fn wait(&self, word: u32, most: Duration) -> bool {
        self.waiters.wait(&self.line.word, word, most);
        self.line.word.load(Relaxed) != word
    }
}

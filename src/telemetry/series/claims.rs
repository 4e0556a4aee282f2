//! Who can still reach the cells of a series: as long as anybody can, they are nobody else's.
//!
//! Every handle of a series holds a claim. Claims are given out under the registry's lock, or by cloning one. So once
//! the registry, under its lock, sees that none is left, there will be none, and all that was ever counted through
//! one is visible: it may take the cells away, zero them in every slab, and give them to another series.
//!
//! # Edges
//!
//! | edge | published by | observed by |
//! |---|---|---|
//! | `series-claim` | subtraction in [`Claims::remove`] | load in [`Claims::are_gone`] |

use crate::sync::{AtomicU64, Relaxed, acquire, release};

/// How many claims there are on one series.
#[derive(Debug, Default)]
pub struct Claims(AtomicU64);

impl Claims {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more: by whoever has one, or the registry under its lock.
    pub fn add(&self) {
        // Relaxed: a claim that is cloned is there already, and the lock orders all others.
        self.0.fetch_add(1, Relaxed);
    }

    /// One less: after its last use.
    pub fn remove(&self) {
        // Release, edge `series-claim` (partner: `are_gone`): whoever finds no claim sees all that was counted with
        // this.
        self.0.fetch_sub(1, release("series-claim"));
    }

    /// Whether there is none. For the registry, under its lock: it stays so.
    pub fn are_gone(&self) -> bool {
        // Acquire, edge `series-claim` (partner: `remove`): what was counted is in the cells, and stays before we
        // zero them.
        self.0.load(acquire("series-claim")) == 0
    }

    /// How many there are about now.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

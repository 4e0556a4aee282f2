//! The handles of metrics: what hot paths hold.
//!
//! | file | idea |
//! |---|---|
//! | `counter` | sums |
//! | `gauge` | what was last set |
//! | `histogram` | distributions |

mod counter;
mod gauge;
mod histogram;

pub use counter::Counter;
pub use gauge::{FloatGauge, Gauge};
pub use histogram::Histogram;

use super::cells::Claim;
use super::handle::Inner;
use super::seat;
use super::series::member::{Cached, Hold};
use crate::id::DeckId;
use crate::sync::{Arc, Relaxed};

/// Counts uses of handles whose registration was refused.
pub(super) const REFUSED: usize = 0;
/// Cells that belong to no metric.
pub(super) const RESERVED: usize = 1;

/// A metric as its handles know it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// That of `inner`, at hand.
    deck: DeckId,
    cell: usize,
    inner: Arc<Inner>,
    refused: bool,
    /// Keeps the cells from becoming another series'.
    hold: Option<Hold>,
}

impl Cell {
    /// The series of this claim.
    pub(super) fn of(inner: &Arc<Inner>, hold: Hold) -> Self {
        Self { deck: inner.deck, cell: hold.cell(), inner: inner.clone(), refused: false, hold: Some(hold) }
    }

    /// In place of a metric that could not be registered.
    pub(super) fn refused(inner: &Arc<Inner>) -> Self {
        Self { deck: inner.deck, cell: REFUSED, inner: inner.clone(), refused: true, hold: None }
    }

    /// Marks the claim of this handle as a thread's cache's.
    pub(super) fn cached(&self) -> Option<Cached> {
        self.hold.as_ref().map(Hold::cached)
    }

    /// Adds from this thread to a cell, `offset` cells on from the metric's first. Wait-free; after the thread's
    /// first touch of the metric it allocates nothing.
    #[inline(always)]
    fn add(&self, offset: usize, amount: u64) {
        let cell = self.cell + offset;
        if seat::with(self.deck, |claim| claim.add(cell, amount)).is_none() {
            self.inner.add_first(cell, amount);
        }
    }

    fn set(&self, bits: u64) {
        if self.refused {
            self.add(0, 1);
        } else {
            // Relaxed: the last writer wins, and nothing is published with it.
            self.inner.cells.shared(self.cell).store(bits, Relaxed);
        }
    }

    fn get(&self) -> u64 {
        if self.refused { 0 } else { self.inner.cells.shared(self.cell).load(Relaxed) }
    }

    /// Takes whatever the next update would have to take first.
    fn touch(&self, cells: usize) {
        let inner = &self.inner;
        let touch = |claim: &Claim| {
            (self.cell..self.cell + cells).for_each(|cell| {
                claim.touch(cell);
            });
        };
        if seat::with(inner.deck, touch).is_none()
            && let Some(seat) = seat::take(inner)
        {
            touch(seat.claim());
        }
    }
}

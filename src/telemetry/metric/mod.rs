//! The handles of metrics: what hot paths hold.
//!
//! | file | idea |
//! |---|---|
//! | `counter` | sums |
//! | `gauge` | what was last set |
//! | `histogram` | distributions |
//! | `timer` | how long something took, each time or now and then |

mod counter;
mod gauge;
mod histogram;
mod timer;

pub use counter::{Counter, UpDownCounter};
pub use gauge::{FloatGauge, Gauge};
pub use histogram::Histogram;
pub use timer::{SampledTimer, Timer};

use super::buckets::Resolution;
use super::cells::Claim;
use super::extremes::Tracker;
use super::handle::Inner;
use super::place::Place;
use super::seat;
use super::series::member::{Cached, Hold};
use crate::sync::{Arc, Relaxed};

/// Counts uses of handles whose registration was refused.
pub(super) const REFUSED: usize = 0;
/// Cells that belong to no metric.
pub(super) const RESERVED: usize = 1;

/// A metric as its handles know it: what an update reads comes first.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Cell {
    /// Of a refused metric nowhere, so that each use goes the long way, which counts it.
    place: Place,
    inner: Arc<Inner>,
    /// Keeps the cells from becoming another series'; none if the metric was refused.
    hold: Option<Hold>,
}

impl Cell {
    /// The series of this claim.
    pub(super) fn of(inner: &Arc<Inner>, hold: Hold) -> Self {
        let place = Place::new(inner.deck, &inner.cells, hold.cell(), hold.summed());
        Self { place, inner: inner.clone(), hold: Some(hold) }
    }

    /// In place of a metric that could not be registered.
    pub(super) fn refused(inner: &Arc<Inner>) -> Self {
        Self { place: Place::nowhere(), inner: inner.clone(), hold: None }
    }

    #[inline(always)]
    pub(super) fn is_refused(&self) -> bool {
        self.hold.is_none()
    }

    /// Whether it is a cell of this telemetry.
    pub(super) fn belongs_to(&self, inner: &Arc<Inner>) -> bool {
        Arc::ptr_eq(&self.inner, inner)
    }

    /// The name and the labels of the series; of a refused one nothing. Cold: it looks through all series.
    pub(super) fn name(&self) -> String {
        let list = self.inner.registry.list();
        let is_its = |place: &usize| self.hold.is_some() && list.series[*place].cell == self.place.first();
        let found = (0..list.series.len()).find(is_its).and_then(|place| list.keys.get(place));
        found.map(ToString::to_string).unwrap_or_default()
    }

    /// Marks the claim of this handle as a thread's cache's.
    pub(super) fn cached(&self) -> Option<Cached> {
        self.hold.as_ref().map(Hold::cached)
    }

    /// How finely a histogram of these cells tells values apart.
    fn resolution(&self) -> Resolution {
        self.hold.as_ref().map(Hold::resolution).unwrap_or_default()
    }

    /// Adds from this thread to the first cell. Wait-free; after the thread's first touch of the metric it
    /// allocates nothing. What the cell that was added to said before.
    #[inline(always)]
    fn add(&self, amount: u64) -> u64 {
        match self.place.add(amount) {
            Some(before) => before,
            None => self.add_otherwise(amount),
        }
    }

    /// From a thread that is new here, or has another deck besides.
    #[inline(never)]
    fn add_otherwise(&self, amount: u64) -> u64 {
        if self.is_refused() { self.count_refused() } else { self.inner.add(self.place.first(), amount) }
    }

    #[cold]
    #[inline(never)]
    fn count_refused(&self) -> u64 {
        self.inner.add(REFUSED, 1)
    }

    /// The sum over all threads.
    fn sum(&self) -> u64 {
        if self.is_refused() { 0 } else { self.inner.cells.sum(self.place.first()) }
    }

    #[inline(always)]
    fn set(&self, bits: u64) {
        if self.is_refused() {
            self.count_refused();
        } else {
            // Relaxed: the last writer wins, and nothing is published with it.
            self.inner.cells.shared(self.place.first()).store(bits, Relaxed);
        }
    }

    /// Sets it to what `change` makes of what it says, which may be asked more than once.
    fn change(&self, change: impl Fn(u64) -> u64) {
        if self.is_refused() {
            self.count_refused();
            return;
        }
        let cell = self.inner.cells.shared(self.place.first());
        // Relaxed: as in `set`.
        let mut bits = cell.load(Relaxed);
        while let Err(now) = cell.compare_exchange_weak(bits, change(bits), Relaxed, Relaxed) {
            bits = now;
        }
    }

    /// What a gauge of these cells has besides.
    pub(super) fn tracker(&self) -> Arc<Tracker> {
        // Refused ones have a cell in common, which is none of theirs.
        if self.is_refused() { Tracker::new() } else { self.inner.trackers.of(self.place.first()) }
    }

    fn get(&self) -> u64 {
        if self.is_refused() { 0 } else { self.inner.cells.shared(self.place.first()).load(Relaxed) }
    }

    /// Takes whatever the next update would have to take first.
    fn touch(&self) {
        let inner = &self.inner;
        let touch = |claim: &Claim| {
            (self.place.first()..=self.place.last()).for_each(|cell| {
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

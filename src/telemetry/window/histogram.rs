//! Windows over histograms: each slot has what the buckets counted in it.

use super::answer::WindowAnswer;
use super::deltas::Deltas;
use super::{Window, Windowed};
use crate::telemetry::{Histogram, HistogramValues};
use std::mem::{replace, size_of};
use std::time::Duration;

/// What was counted in a slot.
#[derive(Debug)]
pub struct Counted {
    deltas: Deltas,
    sum: u64,
}

impl Windowed for Histogram {
    /// All that was counted before the slot began.
    type Open = HistogramValues;
    type Slot = Counted;

    fn open(&self) -> HistogramValues {
        self.values()
    }

    fn read(&self, open: &mut HistogramValues, ends: bool) -> Option<Counted> {
        ends.then(|| {
            let then = replace(open, self.values());
            let deltas = Deltas::between(then.counts(), open.counts());
            Counted { deltas, sum: open.sum().wrapping_sub(then.sum()) }
        })
    }

    fn open_bytes(&self) -> usize {
        self.resolution().buckets() * size_of::<u64>()
    }

    fn slot_bytes(slot: &Counted) -> usize {
        slot.deltas.bytes()
    }

    fn most_slot_bytes(&self) -> usize {
        self.resolution().buckets() * size_of::<u64>()
    }
}

impl Window<Histogram> {
    /// What was counted lately; `None` before the first slot has ended.
    #[must_use]
    pub fn values(&self, over: Duration) -> Option<WindowAnswer<HistogramValues>> {
        let state = self.shared.state.lock();
        let open = state.open.as_ref()?;
        let counts = (vec![0; open.counts().len()], 0_u64);
        let add = |(mut counts, sum): (Vec<u64>, u64), slot: &Counted| {
            slot.deltas.add_to(&mut counts);
            (counts, sum.wrapping_add(slot.sum))
        };
        let all = state.ring.fold(over, counts, add)?;
        Some(all.map(|(counts, sum)| open.with_counts(counts, sum)))
    }

    /// The value below or at which a share of the values lies that were counted lately: see
    /// [`HistogramValues::quantile`]. `None` if none were, or before the first slot has ended.
    #[must_use]
    pub fn quantile(&self, share: f64, over: Duration) -> Option<WindowAnswer<u64>> {
        let all = self.values(over)?;
        let quantile = all.value.quantile(share)?;
        Some(all.map(|_| quantile))
    }

    /// How many values were counted lately per second; `None` before the first slot has ended.
    #[must_use]
    pub fn rate(&self, over: Duration) -> Option<WindowAnswer<f64>> {
        self.values(over).map(|all| all.per_second(|values| values.count()))
    }
}

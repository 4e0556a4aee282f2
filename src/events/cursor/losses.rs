//! What was never stored: the store's counters, compared with what they were at the last look.

use super::delivery::{Gap, GapCause};
use crate::clock::Ticks;
use crate::events::class::{Class, PerClass};
use crate::events::loss::{LossCause, Losses};
use crate::events::view::View;

/// The counters as they were.
#[derive(Clone, Debug)]
pub(super) struct KnownLosses {
    /// Those of the store, then those of each shard.
    places: Box<[Known]>,
    pub(super) lost: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    cells: [PerClass<Cell>; LossCause::ALL.len()],
    total: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    count: u64,
    last: Ticks,
}

impl KnownLosses {
    pub(super) fn now(view: &View) -> Self {
        let mut known = Self { places: vec![Known::default(); 1 + view.shards.len()].into(), lost: 0 };
        known.look(view, PerClass::of(|_| true), |_| {});
        known.lost = 0;
        known
    }

    /// Tells what was lost since the last look, of these classes. Costs a load for each shard as long as nothing was.
    pub(super) fn look(&mut self, view: &View, classes: PerClass<bool>, mut tell: impl FnMut(Gap)) {
        let of_shards = (0..).zip(&view.shards).map(|(number, shard)| (Some(number), &shard.losses));
        let counters = std::iter::once((None, &view.losses)).chain(of_shards);
        for (known, (shard, losses)) in self.places.iter_mut().zip(counters) {
            let lost = known.compare(shard, losses, classes, &mut tell);
            self.lost = self.lost.saturating_add(lost);
        }
    }
}

impl Known {
    /// How many there were, of these classes.
    fn compare(
        &mut self,
        shard: Option<u16>,
        losses: &Losses,
        classes: PerClass<bool>,
        tell: &mut impl FnMut(Gap),
    ) -> u64 {
        // The sum of what is known of the cells: one that is counted and not seen yet makes the next look come here again.
        if losses.total() == self.total {
            return 0;
        }
        let mut sum = 0_u64;
        for loss in losses.occurred(shard) {
            let cell = &mut self.cells[loss.cause as usize][loss.class];
            // Saturating: in a mapped file a count may be anything.
            let count = loss.count.saturating_sub(cell.count);
            if count == 0 {
                continue;
            }
            self.total = self.total.wrapping_add(count);
            let from = if cell.count == 0 { loss.first } else { cell.last };
            *cell = Cell { count: loss.count, last: loss.last };
            if classes[loss.class] {
                sum = sum.saturating_add(count);
                let (cause, class): (_, Class) = (GapCause::Lost(loss.cause), loss.class);
                tell(Gap { cause, count, class, shard, from, until: loss.last });
            }
        }
        sum
    }
}

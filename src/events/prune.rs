//! Taking events out before they are overwritten: by age, or all of them.

use super::handle::Events;
use super::overflow::Overflow;
use super::read::{BlockFilter, Header, Step, scan, sweep};
use super::ring::Ring;
use crate::clock::Ticks;
use crate::sync::Relaxed;

impl Events {
    /// Prunes what happened before `from`, in all classes; how many events that were.
    ///
    /// Queries pass over them from now on, and their verdicts say so as if they had been overwritten. Their memory is
    /// not wiped: it is used again in its turn. Where hosts supply times that go back, a ring is pruned up to its
    /// first event at `from` or later; what is older and was recorded after that stays.
    ///
    /// Costs a scan of what is pruned. No writer waits for it; several threads may prune at once.
    pub fn prune_before(&self, from: Ticks) -> u64 {
        self.prune(|header| header.ticks >= from)
    }

    /// Prunes everything recorded so far; how many events that were. As [`Events::prune_before`] otherwise.
    pub fn clear(&self) -> u64 {
        self.prune(|_| false)
    }

    fn prune(&self, keeps: impl Fn(&Header) -> bool) -> u64 {
        let of_rings = self.store.rings().map(|(_, class, ring)| (class, prune_ring(ring, &keeps)));
        let of_overflow =
            self.store.overflow.iter().map(|(class, overflow)| (class, prune_overflow(overflow, &keeps)));
        let counted = of_rings.chain(of_overflow).map(|(class, pruned)| {
            self.store.pruned[class].fetch_add(pruned, Relaxed);
            pruned
        });
        counted.sum()
    }
}

/// Raises the watermark to the first record that is to be kept.
fn prune_ring(ring: &Ring, keeps: &impl Fn(&Header) -> bool) -> u64 {
    let cut = ring.cut();
    let (mut count, mut since, mut end) = (0, 0, cut.tail);
    scan(ring, cut, BlockFilter::ALL, |header| {
        if keeps(header) {
            end = header.position;
            return Step::Stop;
        }
        count += 1;
        since = since.max(header.ticks.0.saturating_add(1));
        Step::On
    });
    if count == 0 {
        return 0;
    }
    let before = ring.raise_watermark(end, since);
    if before > cut.floor {
        // Somebody else pruned meanwhile: only what he left is ours.
        let rest = super::ring::Cut { floor: before, tail: end, ..cut };
        count = 0;
        scan(ring, rest, BlockFilter::ALL, |_| {
            count += 1;
            Step::On
        });
    }
    count
}

/// As [`prune_ring`]: what lies before the first record that is to be kept.
fn prune_overflow(overflow: &Overflow, keeps: &impl Fn(&Header) -> bool) -> u64 {
    let (cut, floor) = (overflow.cut(), overflow.watermark());
    let mut end = overflow.end(cut);
    let mut found = Vec::new();
    sweep(overflow, cut, |_, header| {
        if keeps(header) {
            // A slot goes as a whole.
            end = end.min(overflow.start_of(header.position));
        }
        found.push((header.position, header.ticks.0));
        Step::On
    });
    found.retain(|(position, _)| *position < end);
    let Some(latest) = found.iter().map(|(_, ticks)| *ticks).max() else { return 0 };
    let before = overflow.raise_watermark(end, latest.saturating_add(1));
    // What somebody else pruned meanwhile is not ours; what was in flight when others were pruned is.
    found.iter().filter(|(position, _)| *position >= before || *position < floor).count() as u64
}

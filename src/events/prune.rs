//! Taking events out before they are overwritten: what is old, or all of them.
//!
//! A ring's events go up to a border, the first that is to be kept. Blocks in which nothing is to be kept go as a whole, by
//! their summaries; only the block in which the border lies is read. How many events went follows from the numbers of
//! records at either end, so each is counted once, by whoever moved the watermark over it.

use super::class::{Class, PerClass};
use super::count::{records_before, records_overwritten};
use super::handle::Events;
use super::overflow::Overflow;
use super::read::{Step, scan_block, sweep};
use super::ring::{Cut, Ring};
use super::store::Store;
use crate::clock::Ticks;
use crate::sync::Relaxed;
use std::time::SystemTime;

impl Events {
    /// Prunes what happened before `from`, in all classes; how many events that were.
    ///
    /// Queries pass over them from now on, and their verdicts say so as if they had been overwritten. Their memory is
    /// not wiped: it is used again in its turn. Where hosts supply times that go back, a ring is pruned up to its
    /// first event at `from` or later; what is older and was recorded after that stays. Nothing younger ever goes.
    ///
    /// Costs a look at the summary of each block that goes, at most 256 a ring, and a scan of the one in which the border
    /// lies. No writer waits for it; several threads may prune at once, and each event is counted by one of them. While others
    /// record, what they overwrite meanwhile may count as pruned.
    pub fn prune_before(&self, from: Ticks) -> u64 {
        total(self.store.prune(|_, ticks| ticks >= from))
    }

    /// As [`Events::prune_before`], of a moment of wall time, as the deck's clock tells it: see
    /// [`Query::between_times`](super::Query::between_times).
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// use std::time::{Duration, SystemTime};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64 } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record(OrderFilled { qty: 5 });
    /// let now = SystemTime::now();
    /// assert_eq!(events.prune_before_time(now - Duration::from_secs(60)), 0);
    /// assert_eq!(events.prune_before_time(now + Duration::from_secs(60)), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prune_before_time(&self, from: SystemTime) -> u64 {
        let since = from.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let unix_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        self.prune_before(self.store.clock.converter().first_tick_from(unix_ns))
    }

    /// Prunes everything recorded so far; how many events that were. As [`Events::prune_before`] otherwise.
    pub fn clear(&self) -> u64 {
        total(self.store.prune(|_, _| false))
    }
}

pub(super) fn total(pruned: PerClass<u64>) -> u64 {
    pruned.iter().map(|(_, pruned)| pruned).sum()
}

impl Store {
    /// Prunes each ring and each overflow up to its first event that is to be kept; how many events that were.
    pub(super) fn prune(&self, keeps: impl Fn(Class, Ticks) -> bool) -> PerClass<u64> {
        let mut pruned = PerClass::of(|_| 0);
        // The lock below may be held by a thread that the fork left behind.
        if self.is_forked() {
            return pruned;
        }
        for (_, class, ring) in self.view.rings() {
            pruned[class] += prune_ring(ring, |ticks| keeps(class, ticks));
        }
        // Whose an event of the overflow is cannot be told from two numbers.
        let _one_at_a_time = self.retention.pruning.lock();
        for (class, overflow) in self.view.overflow.iter() {
            pruned[class] += prune_overflow(overflow, |ticks| keeps(class, ticks));
        }
        pruned.iter().for_each(|(class, pruned)| {
            self.view.counters.pruned(class).fetch_add(*pruned, Relaxed);
        });
        pruned
    }
}

/// Raises the watermark to the first record that is to be kept.
fn prune_ring(ring: &Ring, keeps: impl Fn(Ticks) -> bool) -> u64 {
    let cut = ring.cut();
    let Some(Border { end, since }) = border(ring, cut, keeps) else { return 0 };
    let before = ring.raise_watermark(end, since);
    // What somebody else pruned meanwhile is not ours.
    let Some(upto) = records_before(ring, end).filter(|_| before < end) else { return 0 };
    // Looked up last: what has been overwritten by now is not pruned any more.
    let from = records_before(ring, before).or_else(|| records_overwritten(ring, end)).unwrap_or(upto);
    upto.saturating_sub(from)
}

/// Up to where a ring is to be pruned.
struct Border {
    /// Where the first record starts that is kept, or the tail.
    end: u64,
    /// Everything below happened before.
    since: u64,
}

/// `None` if there is nothing to prune.
fn border(ring: &Ring, cut: Cut, keeps: impl Fn(Ticks) -> bool) -> Option<Border> {
    let block = ring.geometry().block as u64;
    let mut start = ring.oldest().max(cut.floor / block * block);
    let (mut since, mut end) = (0, None);
    while start < cut.tail && end.is_none() {
        let next = start + block;
        let Some(summary) = ring.summary(start) else {
            // Overwritten meanwhile.
            start = next.max(ring.oldest());
            continue;
        };
        let first = summary.first().filter(|first| (start..next.min(cut.tail)).contains(first));
        match first {
            None => {}
            // The last block may know of records that are not committed, and the first of some that are pruned.
            Some(first) if first >= cut.floor && next < cut.tail && !keeps(Ticks(summary.greatest)) => {
                since = since.max(summary.greatest.saturating_add(1));
            }
            Some(first) => {
                let _ = scan_block(ring, first.max(cut.floor), cut.tail, |header| {
                    if keeps(header.ticks) {
                        end = Some(header.position);
                        return Step::Stop;
                    }
                    since = since.max(header.ticks.0.saturating_add(1));
                    Step::On
                });
            }
        }
        start = next;
    }
    (since > 0).then(|| Border { end: end.unwrap_or(cut.tail), since })
}

/// What one slot of the overflow holds.
struct Held {
    start: u64,
    events: u64,
    /// All of it happened before.
    since: u64,
}

/// As [`prune_ring`]: what lies before the first record that is to be kept, slots as a whole. One thread at a time.
fn prune_overflow(overflow: &Overflow, keeps: impl Fn(Ticks) -> bool) -> u64 {
    let cut = overflow.cut();
    let mut end = overflow.end(cut);
    let mut slots: Vec<Held> = Vec::new();
    sweep(overflow, cut, |_, header| {
        let (start, since) = (overflow.start_of(header.position), header.ticks.0.saturating_add(1));
        if keeps(header.ticks) {
            end = end.min(start);
        }
        match slots.last_mut().filter(|slot| slot.start == start) {
            Some(slot) => (slot.events, slot.since) = (slot.events + 1, slot.since.max(since)),
            None => slots.push(Held { start, events: 1, since }),
        }
        Step::On
    });
    let Some(since) = slots.iter().filter(|slot| slot.start < end).map(|slot| slot.since).max() else {
        return 0;
    };
    let pruned = overflow.raise_watermark(end, since);
    slots.iter().filter(|slot| pruned.covers(slot.start, slot.since)).map(|slot| slot.events).sum()
}

//! A cursor for each class, as a pipeline takes from: what of one class has to wait holds up no other.

use super::source::{One, SlotSource};
use super::{Cursor, CursorState, CursorStats, Next, Wanted, overflow, ring};
use crate::events::class::PerClass;
use crate::events::owned::OwnedEvent;
use std::cmp::Reverse;
use std::collections::binary_heap::BinaryHeap;
use std::time::Duration;

impl Cursor {
    /// One for each class. Together they deliver what this one would have, and their accounts add up to its own.
    pub(in crate::events) fn by_class(mut self) -> PerClass<Self> {
        let has_found = self.has_heads();
        let (mut rings, mut slots) = (self.rings.into_vec(), self.slots.into_vec());
        let (mut gaps, mut losses) = (self.gaps, self.losses);
        let (mut delivered, mut late) = (self.delivered, self.late);
        PerClass::of(|class| {
            let mut lane = Self {
                view: self.view.clone(),
                store: self.store.clone(),
                wanted: Wanted {
                    filter: self.wanted.filter.clone(),
                    blocks: self.wanted.blocks,
                    everything: self.wanted.everything,
                    from: self.wanted.from,
                    latest: self.wanted.latest,
                    clock: self.wanted.clock.clone(),
                    late: self.wanted.late.clone(),
                },
                classes: PerClass::of(|other| other == class && self.classes[other]),
                rings: rings.extract_if(.., |source| source.place.class == class).collect(),
                slots: slots.extract_if(.., |source| source.place.class == class).collect(),
                losses: losses.clone(),
                heads: BinaryHeap::new(),
                turn: None,
                gaps: gaps.iter().filter(|gap| gap.class == class).copied().collect(),
                one: One::default(),
                precious_first: false,
                pace: self.pace.clone(),
                // Workers of pipelines wait by time.
                listening: None,
                has_ended: self.has_ended,
                delivered: std::mem::take(&mut delivered),
                late: std::mem::take(&mut late),
                newest: self.newest,
                newest_before: self.newest_before,
            };
            // What was counted before is counted by the first one.
            (losses.lost, self.pace.looks, self.pace.parks) = (0, 0, 0);
            gaps.retain(|gap| gap.class != class);
            if has_found {
                for source in 0..lane.rings.len() + lane.slots.len() {
                    let head = lane.peek(source).map(Reverse);
                    lane.heads.extend(head);
                }
            }
            lane
        })
    }

    /// The next event of the last look; the gaps before it are counted, and not told.
    pub(in crate::events) fn take_found(&mut self) -> Option<OwnedEvent> {
        loop {
            match self.step()? {
                Next::Gap(_) => {}
                Next::Event => {
                    let row = self.one.row.as_ref()?;
                    return Some(OwnedEvent::new(&self.view, row, &self.one.bytes));
                }
            }
        }
    }

    /// Looks, unless it looked less than 20 us ago.
    pub(in crate::events) fn look_if_due(&mut self) -> bool {
        let is_due = self.pace.may_look();
        if is_due {
            self.look();
        }
        is_due
    }

    /// Looks for the last time, however short ago it did. What it returns is for [`Cursor::settle`].
    pub(in crate::events) fn look_last(&mut self) -> Written {
        // Before the tails: each of these lies below them.
        let rings = self.rings.iter().map(|source| ring(&self.view, source.place).records());
        let slots = self.slots.iter().map(|source| SlotSource::written(overflow(&self.view, source.place)));
        let written = Written { rings: rings.collect(), slots: slots.collect() };
        self.look();
        written
    }

    /// All that the last look found was taken: what had been written before it is accounted for now, to the last event.
    pub(in crate::events) fn settle(&mut self, written: &Written) {
        self.rings.iter_mut().zip(&written.rings).for_each(|(source, written)| source.settle(*written));
        self.slots.iter_mut().zip(&written.slots).for_each(|(source, written)| source.settle(written));
    }

    /// Whether something of the last look is yet to be taken.
    pub(in crate::events) fn has_found(&self) -> bool {
        self.state() == CursorState::More
    }

    /// Whether the store has stopped and all of it was taken.
    pub(in crate::events) fn is_closed(&self) -> bool {
        self.state() == CursorState::Closed
    }

    /// How long to wait between looks: at first, and at most.
    pub(in crate::events) fn waits(&self) -> (Duration, Duration) {
        self.pace.waits()
    }
}

/// How much had been written before the last look: by ring, and by slot.
pub(in crate::events) struct Written {
    rings: Vec<u64>,
    slots: Vec<Vec<u64>>,
}

impl CursorStats {
    /// The accounts of two cursors as one.
    pub(in crate::events) fn and(self, other: Self) -> Self {
        Self {
            delivered: self.delivered.saturating_add(other.delivered),
            filtered: self.filtered.saturating_add(other.filtered),
            overwritten: self.overwritten.saturating_add(other.overwritten),
            pruned: self.pruned.saturating_add(other.pruned),
            lost: self.lost.saturating_add(other.lost),
            late: self.late.saturating_add(other.late),
            behind: self.behind.saturating_add(other.behind),
            lag: self.lag.max(other.lag),
            looks: self.looks.saturating_add(other.looks),
            parks: self.parks.saturating_add(other.parks),
            woken: self.woken.saturating_add(other.woken),
            deaf: self.deaf.saturating_add(other.deaf),
            // Of one recording.
            nameless: self.nameless.max(other.nameless),
        }
    }

    /// What was done since these earlier accounts; how far behind it is, is that of now.
    pub(in crate::events) fn since(self, earlier: &Self) -> Self {
        Self {
            delivered: self.delivered - earlier.delivered,
            filtered: self.filtered - earlier.filtered,
            overwritten: self.overwritten - earlier.overwritten,
            pruned: self.pruned - earlier.pruned,
            lost: self.lost - earlier.lost,
            late: self.late - earlier.late,
            looks: self.looks - earlier.looks,
            parks: self.parks - earlier.parks,
            woken: self.woken - earlier.woken,
            deaf: self.deaf - earlier.deaf,
            ..self
        }
    }
}

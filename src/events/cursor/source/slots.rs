//! The overflow of one class, followed. Its slots are written in no order, so a look copies what is new in them and puts it
//! in order.
//!
//! Each slot says how many records were ever committed to it, so what was overwritten between two looks is known as exactly
//! as in a ring. A slot that was being written when the cursor was made counts from what is found in it first.

use super::{Accounts, Gap, GapCause, Missing, One, Place, Wanted};
use crate::clock::Ticks;
use crate::events::overflow::Overflow;
use crate::events::read::{Found, headers_in};

/// The overflow of a class that is followed.
#[derive(Debug)]
pub(in crate::events::cursor) struct SlotSource {
    pub(in crate::events::cursor) place: Place,
    /// By slot: how many of its records are accounted for.
    passed: Box<[u64]>,
    /// How many the overflow counted when all that it counted was found: as long as it counts as many, there is nothing new.
    counted: Option<u64>,
    /// Copies of slots that had something new, one after the other, and their first positions.
    words: Vec<u64>,
    /// The events in there that are yet to be delivered, the next one last.
    events: Vec<Copied>,
    pub(in crate::events::cursor) waits: bool,
    last: Ticks,
    overwritten: Missing,
    pruned: Missing,
    pub(in crate::events::cursor) accounts: Accounts,
}

/// An event in a copy of a slot.
#[derive(Clone, Copy, Debug)]
struct Copied {
    ticks: Ticks,
    position: u64,
    /// Where the copy lies, and its first position.
    start: usize,
    end: usize,
    first: u64,
}

impl SlotSource {
    /// At the oldest record there is, or behind all of them.
    pub(in crate::events::cursor) fn new(place: Place, overflow: &Overflow, at_oldest: bool) -> Self {
        let mut copy = Vec::new();
        let passed: Box<[u64]> = (0..overflow.slots() as u64)
            .map(|slot| {
                if overflow.is_unused(slot) {
                    return 0;
                }
                copy.clear();
                match overflow.append(slot, &mut copy) {
                    Some(content) if at_oldest && !content.is_pruned => {
                        let held = headers_in(&copy, content.position).count() as u64;
                        content.total.saturating_sub(held)
                    }
                    Some(content) => content.total,
                    // Whatever is committed at this moment may be told or not.
                    None => overflow.records_of(slot),
                }
            })
            .collect();
        Self {
            place,
            passed,
            counted: None,
            words: Vec::new(),
            events: Vec::new(),
            waits: false,
            last: Ticks(0),
            overwritten: Missing::default(),
            pruned: Missing::default(),
            accounts: Accounts::default(),
        }
    }

    /// Copies what is new. To be called when all of the last look is delivered.
    pub(in crate::events::cursor) fn look(&mut self, overflow: &Overflow, wanted: &Wanted) {
        self.words.clear();
        self.events.clear();
        self.waits = false;
        // Before the slots.
        let counted = overflow.counted();
        if self.counted == Some(counted) {
            return;
        }
        let mut is_all = true;
        let lap = overflow.slots() as u64;
        let used = overflow.cut().saturating_sub(lap).min(lap);
        let mut newest = self.last;
        for (slot, passed) in (0..used).zip(&mut self.passed) {
            if overflow.records_of(slot) == *passed {
                continue;
            }
            let start = self.words.len();
            let Some(content) = overflow.append(slot, &mut self.words) else {
                // Somebody is in it, or was killed there.
                is_all = false;
                continue;
            };
            let end = self.words.len();
            let found = || headers_in(&self.words[start..end], content.position);
            let (mut count, mut latest) = (0, Ticks(0));
            found().for_each(|header| (count, latest) = (count + 1, latest.max(header.ticks)));
            if content.total == *passed {
                self.words.truncate(start);
                continue;
            }
            if start == end {
                // Wiped: all that was there had been pruned.
                count = content.total.saturating_sub(*passed);
            }
            if found().any(|header| wanted.is_to_wait(&header)) {
                (self.waits, is_all) = (true, false);
                self.words.truncate(start);
                continue;
            }
            let overwritten = content.total.saturating_sub(passed.saturating_add(count));
            self.accounts.overwritten = self.accounts.overwritten.saturating_add(overwritten);
            self.overwritten.add(overwritten, self.last, latest);
            *passed = content.total;
            newest = newest.max(latest);
            if content.is_pruned {
                self.accounts.pruned = self.accounts.pruned.saturating_add(count);
                self.pruned.add(count, self.last, latest);
                self.words.truncate(start);
                continue;
            }
            for header in headers_in(&self.words[start..end], content.position) {
                if wanted.wants(self.place, &header) {
                    let (ticks, position) = (header.ticks, header.position);
                    self.events.push(Copied { ticks, position, start, end, first: content.position });
                } else {
                    self.accounts.filtered = self.accounts.filtered.saturating_add(1);
                }
            }
        }
        self.counted = is_all.then_some(counted);
        self.last = newest;
        self.events.sort_unstable_by_key(|event| std::cmp::Reverse((event.ticks, event.position)));
    }

    /// As of [`RingSource`](super::RingSource).
    pub(in crate::events::cursor) fn peek(&mut self) -> Option<(Ticks, Place, u64)> {
        self.events.last().map(|event| (event.ticks, self.place, event.position))
    }

    /// Copies the next event.
    pub(in crate::events::cursor) fn take(&mut self, one: &mut One) -> Option<Ticks> {
        let event = self.events.pop()?;
        let words = &self.words[event.start..event.end];
        let header = headers_in(words, event.first).find(|header| header.position == event.position);
        let is_taken =
            header.is_some_and(|header| one.copy(self.place, Found::InSlot(words, event.first), &header));
        is_taken.then_some(event.ticks)
    }

    /// As of [`RingSource`](super::RingSource).
    pub(in crate::events::cursor) fn head(&self) -> Option<Ticks> {
        self.events.last().map(|event| event.ticks)
    }

    /// As of [`RingSource`](super::RingSource).
    pub(in crate::events::cursor) fn gap(&mut self) -> Option<Gap> {
        let class = self.place.class;
        let overwritten = self.overwritten.take(GapCause::Overwritten, class, None);
        overwritten.or_else(|| self.pruned.take(GapCause::Pruned, class, None))
    }

    /// How many events were written to each slot.
    pub(in crate::events::cursor) fn written(overflow: &Overflow) -> Vec<u64> {
        (0..overflow.slots() as u64).map(|slot| overflow.records_of(slot)).collect()
    }

    /// As of [`RingSource`](super::RingSource). Where a slot was being written at the last look, or held what was to wait, that
    /// took the place of what is missing.
    pub(in crate::events::cursor) fn settle(&mut self, written: &[u64]) {
        let missing =
            written.iter().zip(&self.passed).map(|(written, passed)| written.saturating_sub(*passed));
        self.accounts.overwritten = missing.fold(self.accounts.overwritten, u64::saturating_add);
    }

    /// How many events were written that it did not pass yet. What lies where somebody is in the middle of writing is not among them: it
    /// is gone, which the next look tells.
    pub(in crate::events::cursor) fn behind(&self, overflow: &Overflow) -> u64 {
        let of_slot = |(slot, passed): (u64, &u64)| {
            overflow.committed(slot).map_or(0, |written| written.saturating_sub(*passed))
        };
        let taken = self.events.len() as u64;
        if !overflow.is_used() {
            return taken;
        }
        (0..).zip(&self.passed).map(of_slot).fold(taken, u64::saturating_add)
    }
}

//! How a query finds what it asks for: ring by ring, each in the cheaper of two ways.
//!
//! **By index**, where an id is asked for: along the bucket's chain, newest first. **By blocks** otherwise: from block to
//! block, leaving out those whose summary says that no time, kind or place in the order in them is asked for.
//!
//! A chain is as long as its bucket is busy, and nobody knows how long that is before its end. Where time, kinds or a limit
//! may leave only some blocks, and the chain did not end at once, it is followed for as many records as these blocks hold,
//! and given up for them after that. For the oldest few, which a chain comes to last, blocks are visited from the other end
//! in turns with it. So a ring costs about twice its cheaper way at most.

use super::{Asked, Order, Query, Seen};
use crate::clock::Ticks;
use crate::events::answer::Place;
use crate::events::class::{Class, PerClass};
use crate::events::count::records_before;
use crate::events::read::{
    BlockFilter, Chain, Found, Header, Step, scan_block, scan_leads, scan_unlinked, sweep,
};
use crate::events::record::Lead;
use crate::events::ring::{Cut, Ring, Summary};
use crate::events::view::View;
use crate::id::CorrelationId;

/// Records of a chain that are looked at before blocks are: fewer than a block holds, as a rule.
pub(super) const SHORT_CHAIN: u64 = 64;

/// What is done with what a query finds.
pub(super) trait Sink {
    /// Whether the lead of a record tells it all that it wants to know.
    const LEADS_DO: bool = false;

    /// Takes a record that matches as far as its header tells, in no order.
    fn take(&mut self, place: Place, found: Found<'_>, header: &Header);

    /// Takes records of these leads as far as they match, where leads do.
    fn take_leads(&mut self, _: &[Lead], _: impl Fn(Lead) -> bool) {}

    /// Whether it wants no more.
    fn is_done(&self) -> bool {
        false
    }

    /// Whether it wants only the first of the order.
    fn has_limit(&self) -> bool {
        false
    }

    /// The times that it still wants, if it has enough of others.
    fn wanted(&self) -> (Ticks, Ticks) {
        (Ticks(0), Ticks(u64::MAX))
    }
}

/// A way that a search is held to, for tests of its choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    #[default]
    Cheaper,
    #[cfg(all(test, not(flightdeck_loom)))]
    Index,
    #[cfg(all(test, not(flightdeck_loom)))]
    Blocks,
}

/// A search under way.
pub(super) struct Search<'a, S> {
    view: &'a View,
    asked: Asked<'a>,
    order: Order,
    way: Way,
    seen: Seen,
    sink: &'a mut S,
}

impl<'a, S: Sink> Search<'a, S> {
    pub(super) fn new(query: &'a Query<'_>, sink: &'a mut S) -> Self {
        let Query { view, order, way, .. } = query;
        // First the clock, then the tails: whatever is missing from the answer was caused by nothing in it.
        Self { view, asked: Asked::now(query), order: *order, way: *way, seen: Seen::default(), sink }
    }

    /// Finds out how many records there ever were in the rings, below the cut.
    pub(super) fn counting_recorded(mut self) -> Self {
        self.seen.recorded = Some(Some(0));
        self
    }

    pub(super) fn run(mut self) -> Seen {
        if self.asked.filter.is_never() {
            return self.seen;
        }
        let (step, asked) = match self.asked.filter.id {
            // All classes count: its root may be of another one.
            Some(id) => (self.rings_by_index(id), PerClass::of(|_| true)),
            None => {
                let asked = self.asked.filter.classes(&self.view.schemas);
                (self.rings_by_blocks(asked), asked)
            }
        };
        if step == Step::On {
            self.overflow(asked);
        }
        self.seen
    }

    fn rings_by_index(&mut self, id: CorrelationId) -> Step {
        let (view, bucket) = (self.view, self.view.key.bucket(id) as usize);
        prefetch_chains(view, bucket);
        let leaves_out = self.asked.filter.leaves_out_blocks();
        let blocks = if leaves_out { self.asked.filter.blocks(&view.schemas) } else { BlockFilter::ALL };
        for (shard, class, ring) in view.rings_in_use() {
            if self.by_index(Place { shard, class }, ring, id, bucket, blocks) == Step::Stop {
                return Step::Stop;
            }
        }
        Step::On
    }

    fn rings_by_blocks(&mut self, asked: PerClass<bool>) -> Step {
        let (blocks, only) = (self.asked.filter.blocks(&self.view.schemas), self.asked.filter.shard);
        let is_asked = |shard: u16, class: Class| asked[class] && only.is_none_or(|only| only == shard);
        for (shard, class, ring) in
            self.view.rings_in_use().filter(|(shard, class, _)| is_asked(*shard, *class))
        {
            let cut = ring.cut();
            if let Some(recorded) = &mut self.seen.recorded {
                *recorded = recorded
                    .zip(records_before(ring, cut.tail))
                    .map(|(before, here)| before.saturating_add(here));
            }
            if self.by_blocks(Place { shard, class }, ring, cut, cut.tail, blocks) == Step::Stop {
                return Step::Stop;
            }
        }
        Step::On
    }

    fn by_index(
        &mut self,
        place: Place,
        ring: &Ring,
        id: CorrelationId,
        bucket: usize,
        blocks: BlockFilter,
    ) -> Step {
        let cut = ring.cut();
        #[cfg(all(test, not(flightdeck_loom)))]
        if self.way == Way::Blocks {
            return self.by_blocks(place, ring, cut, cut.tail, blocks);
        }
        let mut step = Step::On;
        let before = self.seen.records;
        let (looked_at, more) = scan_unlinked(ring, cut, id, self.asked.budget - before, |header| {
            step = self.look_at(place, Found::InRing(ring), header);
            step
        });
        self.seen.records = before + looked_at;
        self.seen.work.unlinked += looked_at;
        self.seen.out_of_budget |= more;
        if step == Step::Stop || more {
            return Step::Stop;
        }
        let mut chain = Chain::new(ring, cut, bucket);
        if self.way != Way::Cheaper || !(self.asked.filter.leaves_out_blocks() || self.sink.has_limit()) {
            self.along(place, ring, &mut chain, u64::MAX);
            return self.on();
        }
        self.along_or_by_blocks(place, ring, cut, chain, blocks)
    }

    /// Follows a chain as long as that may be cheaper.
    fn along_or_by_blocks(
        &mut self,
        place: Place,
        ring: &Ring,
        mut cut: Cut,
        mut chain: Chain<'_>,
        blocks: BlockFilter,
    ) -> Step {
        let (mut spent, mut next) = (0, SHORT_CHAIN);
        loop {
            let Some(last) = self.along(place, ring, &mut chain, next) else { return self.on() };
            spent += next;
            let (lowest, records) = held(ring, cut, last, self.still_wanted(blocks));
            if records <= spent {
                return self.by_blocks(place, ring, cut, last, blocks);
            }
            cut.floor = cut.floor.max(lowest);
            if self.order == Order::OldestFirst && self.sink.has_limit() {
                let until = self.seen.work.by_blocks + spent;
                while self.seen.work.by_blocks < until && cut.floor < last {
                    let block = ring.block_of(cut.floor);
                    if self.block(place, ring, cut, last, block, blocks) == Step::Stop {
                        return Step::Stop;
                    }
                    cut.floor = ring.start_of(block + 1).max(ring.oldest_below(cut.tail));
                }
            }
            chain.floor = cut.floor;
            next = spent.min(records - spent);
        }
    }

    fn still_wanted(&self, blocks: BlockFilter) -> BlockFilter {
        let (from, to) = self.sink.wanted();
        BlockFilter { from: blocks.from.max(from), to: blocks.to.min(to), ..blocks }
    }

    /// Follows a chain for so many records; where it was left, if it did not end.
    fn along(&mut self, place: Place, ring: &Ring, chain: &mut Chain<'_>, records: u64) -> Option<u64> {
        let (before, mut left, mut last) = (self.seen.records, records, None);
        for header in &mut *chain {
            if self.look_at(place, Found::InRing(ring), &header) == Step::Stop {
                break;
            }
            left = left.saturating_sub(1);
            if left == 0 {
                last = Some(header.position);
                break;
            }
        }
        self.seen.work.by_index += self.seen.records - before;
        last
    }

    /// Visits the records below `tail`, as far as their blocks are asked for.
    fn by_blocks(&mut self, place: Place, ring: &Ring, cut: Cut, tail: u64, blocks: BlockFilter) -> Step {
        let lowest = || ring.block_of(cut.floor.max(ring.oldest_below(cut.tail)));
        let newest = ring.block_of(tail.saturating_sub(1));
        match self.order {
            Order::OldestFirst => {
                let mut block = lowest();
                while block <= newest {
                    if self.block(place, ring, cut, tail, block, blocks) == Step::Stop {
                        return Step::Stop;
                    }
                    // A writer that laps us takes blocks out of our way.
                    block = (block + 1).max(lowest());
                }
            }
            Order::NewestFirst => {
                let mut block = newest;
                while block >= lowest() {
                    if self.block(place, ring, cut, tail, block, blocks) == Step::Stop {
                        return Step::Stop;
                    }
                    block -= 1;
                }
            }
        }
        Step::On
    }

    fn block(
        &mut self,
        place: Place,
        ring: &Ring,
        cut: Cut,
        tail: u64,
        block: u64,
        blocks: BlockFilter,
    ) -> Step {
        let Some((first, summary)) = ring.first_of(ring.start_of(block)) else { return Step::On };
        if !self.still_wanted(blocks).has(&summary) {
            self.seen.work.left_out += 1;
            return Step::On;
        }
        self.seen.work.blocks += 1;
        let before = self.seen.records;
        // A floor lies in mid-block as a rule, where a record starts.
        let step = self.records(place, ring, first.max(cut.floor), tail, &summary);
        self.seen.work.by_blocks += self.seen.records - before;
        step
    }

    /// Visits the records of the block of `first`, itself the start of one, from there on.
    fn records(&mut self, place: Place, ring: &Ring, mut first: u64, tail: u64, summary: &Summary) -> Step {
        if S::LEADS_DO && self.leads_do(ring, summary) {
            let end = ring.geometry().block_end(first + 1).min(tail);
            first = self.leads(ring, first, tail);
            if first >= end {
                return self.on();
            }
        }
        scan_block(ring, first, tail, |header| self.look_at(place, Found::InRing(ring), header))
    }

    /// Whether the leads of a block tell which of its records match, and none is one too many.
    fn leads_do(&self, ring: &Ring, summary: &Summary) -> bool {
        let words = ring.geometry().block as u64;
        self.asked.filter.is_of_leads_between(Ticks(summary.least), Ticks(summary.greatest))
            && self.asked.latest.is_none_or(|latest| summary.greatest <= latest.0)
            && self.asked.budget - self.seen.records >= words
    }

    /// Takes the records of a block by their leads; where it ended.
    fn leads(&mut self, ring: &Ring, first: u64, tail: u64) -> u64 {
        let (filter, sink) = (self.asked.filter, &mut *self.sink);
        let wants_all = filter.wants_all_leads();
        let mut read = 0;
        let end = scan_leads(ring, first, tail, |leads| {
            read += leads.len() as u64;
            if wants_all {
                sink.take_leads(leads, |_| true);
            } else {
                sink.take_leads(leads, |lead| filter.wants_lead(lead));
            }
        });
        self.seen.records += read;
        end
    }

    /// Every slot in use: there is no index.
    fn overflow(&mut self, asked: PerClass<bool>) {
        let shard = self.view.shards.len() as u16;
        for class in Class::ALL.into_iter().filter(|class| asked[*class]) {
            let overflow = &self.view.overflow[class];
            let (before, mut step) = (self.seen.records, Step::On);
            sweep(overflow, overflow.cut(), |found, header| {
                step = self.look_at(Place { shard, class }, found, header);
                step
            });
            self.seen.work.in_slots += self.seen.records - before;
            if step == Step::Stop {
                return;
            }
        }
    }

    #[inline(always)]
    fn look_at(&mut self, place: Place, found: Found<'_>, header: &Header) -> Step {
        if self.asked.wants(header, &mut self.seen) {
            self.sink.take(place, found, header);
        }
        self.on()
    }

    #[inline]
    fn on(&self) -> Step {
        if self.seen.out_of_budget || self.sink.is_done() { Step::Stop } else { Step::On }
    }
}

/// How many rings' chains are asked for side by side.
const SIDE_BY_SIDE: usize = 64;
/// How many records of each.
const STEPS: usize = 6;

/// Asks for what a walk along a bucket's chains will come by, in all rings at once: one by one, each record is a miss.
#[inline]
fn prefetch_chains(view: &View, bucket: usize) {
    view.rings_in_use().for_each(|(_, _, ring)| ring.prefetch_head(bucket));
    // What caches hold is not worth a second look. Shards are alike; the first has the largest rings.
    if view.shards.first().is_some_and(|shard| shard.rings().iter().any(|(_, ring)| ring.outgrows_caches())) {
        prefetch_further(view, bucket);
    }
}

#[cold]
#[inline(never)]
fn prefetch_further(view: &View, bucket: usize) {
    // One chain alone is no faster for it.
    if view.rings_in_use().nth(1).is_none() {
        return;
    }
    let mut places = [None; SIDE_BY_SIDE];
    for step in 0..STEPS {
        for (place, (_, _, ring)) in places.iter_mut().zip(view.rings_in_use()) {
            *place = match *place {
                None if step == 0 => ring.head(bucket),
                None => None,
                Some(position) => ring.link(position).previous(position),
            };
            place.inspect(|position| ring.prefetch(*position));
        }
    }
}

/// Where the lowest block that is asked for starts, and how many records lie in such blocks below `tail`.
fn held(ring: &Ring, cut: Cut, tail: u64, blocks: BlockFilter) -> (u64, u64) {
    let (mut lowest, mut records) = (tail, 0_u64);
    let newest = ring.block_of(tail.saturating_sub(1));
    // How many there are before the block above, as far as that has begun.
    let above = ring.start_of(newest + 1);
    let number = ring.number(above);
    let mut after = ring.first_of(above).map_or(ring.records(), |_| number);
    for block in (ring.block_of(cut.floor.max(ring.oldest_below(cut.tail)))..=newest).rev() {
        let start = ring.start_of(block);
        let number = ring.number(start);
        // Checked after the number was read, so that it is of this block.
        let Some((first, summary)) = ring.first_of(start) else { continue };
        if blocks.has(&summary) {
            lowest = first;
            records = records.saturating_add(after.saturating_sub(number));
        }
        after = number;
    }
    (lowest, records)
}

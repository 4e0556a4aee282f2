//! A query in the order of time that keeps nothing: the rings' events merged as they lie.

use super::search::Sink;
use super::{Asked, Handed, Order, Query, Seen};
use crate::clock::Ticks;
use crate::events::answer::{Place, Recorded, Verdict};
use crate::events::class::Class;
use crate::events::error::QueryError;
use crate::events::read::{BlockFilter, Found, Step, header, in_slot, kept_before, sweep};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// A ring on its way, or one event of the overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lane {
    /// The event that comes next from here.
    ticks: Ticks,
    place: Place,
    position: u64,
    /// Where the search goes on after it.
    then: At,
    /// Where it ends.
    tail: u64,
}

const _: () = assert!(size_of::<Lane>() <= 64);

/// A place in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Where a record starts, or records end.
    Record(u64),
    /// Where a block starts.
    Block(u64),
    /// There is no more.
    End,
}

impl Ord for Lane {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = |lane: &Self| (lane.ticks, lane.place, lane.position);
        // The heap's greatest is what comes first.
        order(other).cmp(&order(self))
    }
}

impl PartialOrd for Lane {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Query<'_> {
    /// Runs the query and hands over each event in the order of time, the oldest first, keeping none.
    ///
    /// **Memory**: 64 bytes for each ring (shards times classes) and each event in the overflow, which as a rule has none; and
    /// one record longer than 128 bytes. Goes through the index for nobody: for the events of one id [`Query::run`] is faster.
    ///
    /// Events come in the total order, as of [`Query::run`], where each shard's stamps ascend. They do but for those that
    /// hosts [supply](crate::events::Stamp::at): such a one comes after what lies before it in its ring, be that later or not.
    ///
    /// # Errors
    /// If filters are contradictory or unknown, or [`Query::newest_first`] is asked for.
    pub fn each_in_order(mut self, body: impl FnMut(Recorded<'_>)) -> Result<Verdict, QueryError> {
        if self.order == Order::NewestFirst {
            return Err(QueryError::Order);
        }
        self.settle()?;
        // First the clock, as in any search; what is a kind by now came before that.
        let asked = Asked::now(&self);
        let blocks = self.filter.blocks(&self.view.schemas);
        let mut merge = Merge { query: &self, asked, blocks, seen: Seen::default() };
        let mut sink = Handed::new(&self, body);
        let mut lanes = merge.lanes();
        while let Some(mut lane) = lanes.peek_mut() {
            merge.hand_over(&lane, &mut sink);
            if sink.is_done() || merge.seen.out_of_budget {
                break;
            }
            match merge.next(&lane) {
                Some(next) => *lane = next,
                None => drop(PeekMut::pop(lane)),
            }
        }
        Ok(self.judge(&merge.seen, sink.page.has_more).0)
    }
}

struct Merge<'a> {
    query: &'a Query<'a>,
    asked: Asked<'a>,
    blocks: BlockFilter,
    seen: Seen,
}

impl<'a> Merge<'a> {
    fn lanes(&mut self) -> BinaryHeap<Lane> {
        let (view, asked) = (self.query.view, self.query.filter.classes(&self.query.view.schemas));
        let mut lanes = Vec::new();
        for (shard, class, ring) in view.rings_in_use().filter(|(_, class, _)| asked[*class]) {
            let (cut, place) = (ring.cut(), Place { shard, class });
            let floor = cut.floor.max(ring.oldest_below(cut.tail));
            let block = ring.geometry().block as u64;
            // A floor above the oldest block is the start of a record.
            let then = if floor % block == 0 { At::Block(floor) } else { At::Record(floor) };
            let lane = Lane { ticks: Ticks(0), place, position: 0, then, tail: cut.tail };
            lanes.extend(self.next(&lane));
        }
        let shard = view.shards.len() as u16;
        for class in Class::ALL.into_iter().filter(|class| asked[*class]) {
            let overflow = &view.overflow[class];
            sweep(overflow, overflow.cut(), |_, header| {
                if self.asked.wants(header, &mut self.seen) {
                    let (ticks, place, position) = (header.ticks, Place { shard, class }, header.position);
                    lanes.push(Lane { ticks, place, position, then: At::End, tail: 0 });
                }
                self.on()
            });
        }
        lanes.into()
    }

    /// The same lane at its next event that matches.
    fn next(&mut self, lane: &Lane) -> Option<Lane> {
        let ring = self.query.view.ring(lane.place)?;
        let mut at = lane.then;
        loop {
            match at {
                At::Record(position) if position < lane.tail => {
                    let block = ring.geometry().block_end(position + 1);
                    let Ok(header) = header(ring, position, lane.tail) else {
                        at = match kept_before(ring, position, block) {
                            Some(kept) => At::Record(kept),
                            None => At::Block(block.max(ring.oldest_below(lane.tail))),
                        };
                        continue;
                    };
                    let end = position + header.words() as u64;
                    at = if end < block { At::Record(end) } else { At::Block(block) };
                    if self.asked.wants(&header, &mut self.seen) {
                        return Some(Lane { ticks: header.ticks, position, then: at, ..*lane });
                    }
                    if self.seen.out_of_budget {
                        return None;
                    }
                }
                At::Block(start) if start < lane.tail => {
                    at = match ring.first_of(start) {
                        Some((first, summary)) if self.blocks.has(&summary) => At::Record(first),
                        _ => {
                            let next = start + ring.geometry().block as u64;
                            At::Block(next.max(ring.oldest_below(lane.tail)))
                        }
                    };
                }
                _ => return None,
            }
        }
    }

    fn on(&self) -> Step {
        if self.seen.out_of_budget { Step::Stop } else { Step::On }
    }

    fn hand_over(&self, lane: &Lane, sink: &mut impl Sink) {
        match self.query.view.ring(lane.place) {
            // Gone by now, or not: the sink looks.
            Some(ring) => {
                if let Ok(header) = header(ring, lane.position, lane.tail) {
                    sink.take(lane.place, Found::InRing(ring), &header);
                }
            }
            None => {
                let overflow = &self.query.view.overflow[lane.place.class];
                in_slot(overflow, lane.position, |found, header| sink.take(lane.place, found, header));
            }
        }
    }
}

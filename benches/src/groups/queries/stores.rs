//! What is asked: one ring, a deck of four shards and three classes, ten million events of several kinds.

use super::super::events::{Lossless, sizes};
use crate::machine;
use flightdeck::Ticks;
use flightdeck::events::{Builder, Class, Event, Events, HugePages, Shares, Stamp, Work, Writer};
use std::ops::Range;

flightdeck::kind! {
    /// 16 bytes.
    Stepped("request.stepped") { a: u64, b: u64 }
    /// The same, kept apart.
    Failed("request.failed", severity = Error, class = Critical) { a: u64, b: u64 }
    /// The same, by the million.
    Traced("request.traced", severity = Debug, class = Verbose) { a: u64, b: u64 }

    Placed("order.placed") { a: u64, b: u64 }
    Routed("order.routed") { a: u64, b: u64 }
    Filled("order.filled") { a: u64, b: u64 }
    Cancelled("order.cancelled") { a: u64, b: u64 }
    Quoted("market.quoted") { a: u64, b: u64 }
    Traded("market.traded") { a: u64, b: u64 }
    Checked("risk.checked") { a: u64, b: u64 }
    Settled("book.settled") { a: u64, b: u64 }
    /// The one that is rare.
    pub(super) Halted("market.halted") { a: u64, b: u64 }
}

/// Events of each id.
pub(super) const OF_AN_ID: u64 = 8;
/// Ids under way at once.
const AT_ONCE: u64 = 1_250;
/// With its header.
pub(super) const RECORD: usize = 64;
/// One event in so many is of the rare kind.
pub(super) const RARE: u64 = 100_000;

/// A store with whole ids in it, whose writers are still there: their last events are not linked yet.
pub(super) struct Ids {
    pub(super) events: Lossless,
    /// From one to this.
    pub(super) ids: u64,
    _writers: Vec<Writer>,
}

impl Ids {
    /// In one ring that is just large enough.
    pub(super) fn in_one_ring(events: u64, huge_pages: bool) -> Result<Self, String> {
        let ring = (events as usize * RECORD).next_power_of_two();
        let builder = sizes(ring, 1).shared_shards(0).huge_pages(huge_pages);
        Self::fill(builder, 1, events, |_, writers, stamp, n| {
            writers[0].record_with(stamp, Stepped { a: n, b: n });
        })
    }

    /// In a deck as hosts have it, all rings of which are in use.
    pub(super) fn in_a_default_deck(events: u64) -> Result<Self, String> {
        Self::in_deck(Events::builder().shards(4), events)
    }

    /// In a deck with the shares of a default one and room for so many events.
    pub(super) fn in_a_large_deck(events: u64, huge_pages: bool) -> Result<Self, String> {
        // Five of eight are normal, in four rings.
        let ring = (events as usize * RECORD * 5 / 8 / 4).next_power_of_two();
        let builders = (8..).map(|eighths| {
            Events::builder().memory(ring * eighths / 2).shards(4).shared_shards(0).huge_pages(huge_pages)
        });
        let shares = Shares::default();
        let has_room = |builder: &Builder| {
            builder.plan().is_ok_and(|plan| {
                let least = |share: u32| ring * share as usize / shares.normal as usize;
                plan.ring[Class::Normal] >= ring
                    && plan.ring[Class::Critical] >= least(shares.critical)
                    && plan.ring[Class::Verbose] >= least(shares.verbose)
            })
        };
        let mut builders = builders;
        Self::in_deck(builders.find(has_room).expect("some memory suffices"), events)
    }

    /// Each id in all shards and classes: one critical event, five normal and two verbose ones.
    fn in_deck(builder: Builder, events: u64) -> Result<Self, String> {
        Self::fill(builder, 4, events, |nth, writers, stamp, n| {
            let writer = &mut writers[((nth + n) % 4) as usize];
            match nth {
                0 => writer.record_with(stamp, Failed { a: n, b: n }),
                1..=5 => writer.record_with(stamp, Stepped { a: n, b: n }),
                _ => writer.record_with(stamp, Traced { a: n, b: n }),
            }
        })
    }

    fn fill(
        builder: Builder,
        writers: usize,
        count: u64,
        record: impl Fn(u64, &mut [Writer], Stamp, u64),
    ) -> Result<Self, String> {
        let events = build(builder)?;
        if let HugePages::Refused { reason } = events.huge_pages() {
            return Err(format!("no huge pages: {reason}"));
        }
        let mut writers: Vec<_> = (0..writers).map(|_| events.writer().expect("a shard is free")).collect();
        for (nth, id) in ids(count) {
            record(nth, &mut writers, Stamp::of(id), id);
        }
        assert_eq!(events.query().count(), count, "the rings are large enough");
        Ok(Self { events, ids: count / OF_AN_ID, _writers: writers })
    }

    /// Records that a query for one of these looks at: those of the id, those that share its buckets, and in each ring those
    /// not linked yet.
    pub(super) fn looks_at(&self, ids: impl Iterator<Item = u64>) -> f64 {
        self.looks(ids, Work::records)
    }

    /// The same, without those that wait to be linked: how many do is a matter of how large rings are.
    pub(super) fn looks_at_by_index(&self, ids: impl Iterator<Item = u64>) -> f64 {
        self.looks(ids, |work| work.by_index)
    }

    fn looks(&self, ids: impl Iterator<Item = u64>, records: impl Fn(&Work) -> u64) -> f64 {
        let looked_at = ids.map(|id| {
            let query = self.events.query().correlation(id);
            records(&query.explain().expect("the query contradicts nothing"))
        });
        let (queries, records) =
            looked_at.fold((0, 0), |(queries, records), more| (queries + 1, records + more));
        records as f64 / f64::from(queries)
    }

    /// One of the ids.
    #[inline(always)]
    pub(super) fn at_random(&self, n: u64) -> u64 {
        super::random(n) % self.ids + 1
    }
}

/// So many events, in the order in which they come: which of its id's each one is, and the id.
pub(super) fn ids(count: u64) -> impl Iterator<Item = (u64, u64)> {
    let at_once = AT_ONCE * OF_AN_ID;
    assert_eq!(count % at_once, 0, "ids are whole");
    (0..count).map(move |n| (n % at_once / AT_ONCE, n / at_once * AT_ONCE + n % AT_ONCE + 1))
}

/// Builds a store if the machine has as much memory.
fn build(builder: Builder) -> Result<Lossless, String> {
    machine::enough_memory(builder.plan().map_err(|error| error.to_string())?.total)?;
    builder.build().map(Lossless).map_err(|error| error.to_string())
}

/// Events of eight kinds and a rare one, a tick apart by their supplied times.
pub(super) struct Many {
    pub(super) events: Lossless,
    pub(super) count: u64,
    start: u64,
}

impl Many {
    pub(super) fn new(count: u64) -> Result<Self, String> {
        let ring = (count as usize * RECORD).next_power_of_two();
        let events = build(sizes(ring, 1).shared_shards(0))?;
        let start = events.clock().now().0;
        let mut writer = events.writer().expect("a shard is free");
        for n in 0..count {
            record(&mut writer, Stamp::of(n / OF_AN_ID + 1).at(Ticks(start + n)), n);
        }
        assert_eq!(events.query().count(), count, "the ring is large enough");
        Ok(Self { events, count, start })
    }

    /// A hundredth of the time, anywhere.
    #[inline]
    pub(super) fn hundredth(&self, n: u64) -> Range<Ticks> {
        let span = self.count / 100;
        let from = self.start + super::random(n) % (self.count - span);
        Ticks(from)..Ticks(from + span)
    }
}

/// Kinds in no pattern, as hosts have them.
fn record(writer: &mut Writer, stamp: Stamp, n: u64) {
    fn one<E: Event>(writer: &mut Writer, stamp: Stamp, event: E) {
        writer.record_with(stamp, event);
    }
    let (a, b) = (n, n);
    if n % RARE == RARE / 2 {
        return one(writer, stamp, Halted { a, b });
    }
    match super::random(n) % 8 {
        0 => one(writer, stamp, Placed { a, b }),
        1 => one(writer, stamp, Routed { a, b }),
        2 => one(writer, stamp, Filled { a, b }),
        3 => one(writer, stamp, Cancelled { a, b }),
        4 => one(writer, stamp, Quoted { a, b }),
        5 => one(writer, stamp, Traded { a, b }),
        6 => one(writer, stamp, Checked { a, b }),
        _ => one(writer, stamp, Settled { a, b }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_whole_and_far_apart() {
        let mut seen = vec![Vec::new(); 2 * AT_ONCE as usize];
        for (position, (nth, id)) in ids(2 * AT_ONCE * OF_AN_ID).enumerate() {
            seen[id as usize - 1].push((position, nth));
        }
        for events in seen {
            assert_eq!(
                events.iter().map(|(_, nth)| *nth).collect::<Vec<_>>(),
                (0..OF_AN_ID).collect::<Vec<_>>()
            );
            assert!(events.windows(2).all(|pair| pair[1].0 - pair[0].0 == AT_ONCE as usize));
        }
    }

    #[test]
    fn stores_hold_what_their_rows_ask_for() {
        for stored in [
            Ids::in_one_ring(10_000, false),
            Ids::in_a_default_deck(40_000),
            Ids::in_a_large_deck(40_000, false),
        ] {
            let stored = stored.expect("the machine has this much memory");
            super::super::assert_finds(&stored.events, (1..200).map(|n| stored.at_random(n)));
        }
        let many = Many::new(200_000).expect("the machine has this much memory");
        assert_eq!(many.events.query().kind::<Halted>().count(), 200_000 / RARE);
        assert_eq!(many.events.query().between(many.hundredth(7)).count(), 2_000);
    }
}

//! Ids that no cache holds, and how little the number of stored events says.

use super::super::events::set_up;
use super::peers::{self, MAP, Map, READS};
use super::stores::{Ids, OF_AN_ID, RECORD};
use super::{MANY, assert_finds, grouped, visit};
use crate::machine;
use crate::measure::{Samples, Side};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use std::hint::black_box;

/// Events that fill so much, of which the largest that the machine has memory for is taken.
const LARGE: [(u64, &str); 3] = [(16_000_000, "1 GiB"), (8_000_000, "512 MiB"), (4_000_000, "256 MiB")];
/// From what a second-level cache holds to what none does.
const COUNTS: [u64; 4] = [MANY, 1_000_000, 100_000, 10_000];
const FEWEST: &str = "10,000 events stored";
/// With a peer that has as many.
const OF_THE_PEER: u64 = 1_000_000;
/// Ids whose way is looked at.
const LOOKED_AT: u64 = 1_000;

pub(super) fn run(session: &mut Session) {
    // What a deck, a ring and reads need together, about.
    let fits = |(events, _): &(u64, &str)| machine::enough_memory(*events as usize * RECORD * 3).is_ok();
    let (events, size) = LARGE.into_iter().find(fits).unwrap_or(LARGE[LARGE.len() - 1]);
    for (huge_pages, pages, bar) in
        [(true, "with huge pages", 3_000.0), (false, "without huge pages", 5_000.0)]
    {
        let name =
            format!("8-hit correlation query, ids at random over {size}, {pages}, visiting, default deck");
        session.row_if_possible(&name, || {
            let (deck, ring) =
                (Ids::in_a_large_deck(events, huge_pages)?, Ids::in_one_ring(events, huge_pages)?);
            let ours = asking("flightdeck, 4 shards, 3 classes", &deck);
            Ok(Row::measure(ours, vec![asking("one ring", &ring)], &[Bar::FloorAtMost(bar)]))
        });
    }
    growth(session);
}

/// The same question with ever more events stored.
fn growth(session: &mut Session) {
    let name = |count: u64| format!("{} events stored", grouped(count));
    session.row_if_possible("8-hit correlation query, ids at random, one ring: by number of events", || {
        let stores = stores()?;
        let (many, map) = (&stores[0], Map::of(OF_THE_PEER));
        let peer_id = |n| super::random(n) % (OF_THE_PEER / OF_AN_ID) + 1;
        let fewer = COUNTS.iter().zip(&stores).skip(1).map(|(count, store)| asking(&name(*count), store));
        let reads = COUNTS.map(|count| peers::dependent_reads(count as usize * RECORD));
        let peer = Side::each(format!("{MAP}, {}", name(OF_THE_PEER)), |n| map.visit(peer_id(n)));
        Ok(Row::measure(
            asking(&format!("flightdeck, {}", name(COUNTS[0])), many),
            fewer.chain(reads).chain([peer]).collect(),
            &[Bar::AtMostTimes(2.0, READS)],
        ))
    });
    session.row_if_possible("8-hit correlation query, ids at random: records looked at by index", || {
        let stores = stores()?;
        let sides = COUNTS.iter().zip(&stores).map(|(count, stored)| Measured {
            name: name(*count),
            samples: Samples(vec![stored.looks_at_by_index(some_ids(stored))]),
        });
        Ok(Row::of(sides, &[Bar::AtMostTimes(1.1, FEWEST)]).in_unit("records"))
    });
}

/// Without huge pages, as the reads beside them.
fn stores() -> Result<Vec<Ids>, String> {
    COUNTS.iter().map(|count| Ids::in_one_ring(*count, false)).collect()
}

fn some_ids(stored: &Ids) -> impl Iterator<Item = u64> {
    (0..LOOKED_AT).map(|n| stored.at_random(n))
}

fn asking<'a>(name: &str, stored: &'a Ids) -> Side<'a> {
    let events = &stored.events;
    assert_finds(events, some_ids(stored));
    let records = stored.looks_at(some_ids(stored));
    Side::each(format!("{name}, {}, looks at {records:.1} records", set_up(events)), |n| {
        black_box(visit(events.query().correlation(stored.at_random(n))));
    })
}

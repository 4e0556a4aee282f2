//! The same few ids again and again, so that all they touch is in the core's caches.

use super::super::events::set_up;
use super::peers::{DEQUE, Deque, MAP, Map};
use super::stores::Ids;
use super::{assert_finds, collect, visit};
use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use std::hint::black_box;

/// Stored in the one ring and in what peers have.
const FEW: u64 = 10_000;
/// Stored in the deck, so that each of its rings holds some hundreds.
const SOME: u64 = 40_000;
/// Ids that are asked for in turn.
const ASKED: u64 = 16;
const RUN: &str = "the same query, run";

/// One of few ids, somewhere among all.
#[inline(always)]
fn asked(n: u64) -> u64 {
    n % ASKED * 61 + 7
}

pub(super) fn run(session: &mut Session) {
    session.row_if_possible("8-hit correlation query, warm, visiting, one ring", || {
        let (ring, map, deque) = (one_ring()?, Map::of(FEW), Deque::of(FEW));
        Ok(Row::measure(
            visiting("flightdeck, one ring", &ring),
            vec![
                Side::each(MAP, |n| map.visit(asked(n))),
                Side::each(format!("{DEQUE}, {FEW} events"), |n| deque.visit(asked(n))),
            ],
            &[Bar::FloorAtMost(60.0), Bar::FasterThan(DEQUE)],
        ))
    });
    session.row_if_possible("8-hit correlation query, warm, visiting, default deck", || {
        let (deck, ring) = (default_deck()?, one_ring()?);
        let ours = visiting("flightdeck, 4 shards, 3 classes", &deck);
        Ok(Row::measure(ours, vec![visiting("one ring", &ring)], &[Bar::FloorAtMost(120.0)]))
    });
    session.row_if_possible("8-hit correlation query, warm, collected, default deck", || {
        let (deck, ring, map) = (default_deck()?, one_ring()?, Map::of(FEW));
        Ok(Row::measure(
            collecting("flightdeck, 4 shards, 3 classes", &deck),
            vec![collecting("one ring", &ring), Side::each(MAP, |n| map.collect(asked(n)))],
            &[Bar::FloorAtMost(400.0)],
        ))
    });
    session.row_if_possible("prepared 8-hit correlation query, nothing new, default deck", || {
        let deck = default_deck()?;
        let prepared = deck.events.query().correlation(asked(0)).prepare();
        prepared.run().expect("the query contradicts nothing");
        let again = || {
            black_box(prepared.run().expect("the query contradicts nothing"));
        };
        let ours = Side::each("flightdeck Prepared::run, the answer kept", |_| again());
        let row = Row::measure(ours, vec![collecting(RUN, &deck)], &[Bar::FasterThan(RUN)]);
        assert_eq!(prepared.hits() + 1, prepared.runs(), "only the first one searched");
        Ok(row)
    });
}

fn one_ring() -> Result<Ids, String> {
    Ids::in_one_ring(FEW, false).inspect(|stored| assert_finds(&stored.events, (0..ASKED).map(asked)))
}

fn default_deck() -> Result<Ids, String> {
    Ids::in_a_default_deck(SOME).inspect(|stored| assert_finds(&stored.events, (0..ASKED).map(asked)))
}

fn named(name: &str, stored: &Ids) -> String {
    let records = stored.looks_at((0..ASKED).map(asked));
    format!("{name}, {}, looks at {records:.1} records", set_up(&stored.events))
}

fn visiting<'a>(name: &str, stored: &'a Ids) -> Side<'a> {
    let events = &stored.events;
    Side::each(named(name, stored), |n| {
        black_box(visit(events.query().correlation(asked(n))));
    })
}

fn collecting<'a>(name: &str, stored: &'a Ids) -> Side<'a> {
    let events = &stored.events;
    Side::each(named(name, stored), |n| {
        black_box(collect(events.query().correlation(asked(n))));
    })
}

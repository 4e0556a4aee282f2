//! One kind, or all that is there.

use super::super::events::set_up;
use super::peers::{self, SUM};
use super::stores::{Halted, Many, RARE, RECORD};
use super::{SLOW, duckdb, visit};
use crate::measure::Side;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::events::Events;
use std::hint::black_box;

const SCAN: &str = "full scan, counting";
const VISITING: &str = "full scan, visiting";

pub(super) fn run<'a>(session: &mut Session, many: &impl Fn() -> Result<&'a Many, String>) {
    let rare = "kind that is one event in 100,000 of 10,000,000, visiting";
    session.row_if_possible(rare, || {
        let many = many()?;
        let rare = || many.events.query().kind::<Halted>();
        assert_eq!(visit(rare()), many.count / RARE);
        let work = rare().explain().expect("the query contradicts nothing");
        let ours =
            Side::each(format!("flightdeck, {} blocks left out, {} not", work.left_out, work.blocks), |_| {
                black_box(visit(rare()));
            });
        // A scan that does the same with what it finds.
        let all = Side::each(VISITING, |_| {
            black_box(visit(many.events.query()));
        });
        let bars = [Bar::TimesFaster(50.0, VISITING)];
        Ok(Row::measure_as(SLOW, ours, vec![all, counting(many)], &bars))
    });
    session.row_if_possible("full scan of 10,000,000 events, visiting", || {
        let many = many()?;
        let ours = Side::each(format!("flightdeck each, payloads copied, {}", set_up(&many.events)), |_| {
            assert_eq!(visit(many.events.query()), many.count);
        });
        let against = vec![counting(many), peers::sum(many.count as usize * RECORD)];
        Ok(Row::measure_as(SLOW, ours, against, &[Bar::AtMostTimes(2.0, SUM)]))
    });
    session.row_if_possible("count by kind of 10,000,000 events", || {
        duckdb::row(&many()?.events, |events: &Events| {
            events.query().count_by_kind().expect("the query contradicts nothing").value
        })
    });
}

fn counting(many: &Many) -> Side<'_> {
    Side::each(SCAN, |_| {
        assert_eq!(many.events.query().count(), many.count);
    })
}

//! A hundredth of the time that is stored, anywhere.

use super::super::events::set_up;
use super::stores::Many;
use super::{MANY, SLOW, collect, grouped, visit};
use crate::measure::{Plan, Samples, Side, in_turn};
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use std::hint::black_box;

const FEWER: u64 = 100_000;
const OF_FEWER: &str = "of 100,000";

pub(super) fn run<'a>(session: &mut Session, many: &impl Fn() -> Result<&'a Many, String>) {
    session.row_if_possible("1 % time range of 100,000 events, visiting", || {
        let fewer = Many::new(FEWER)?;
        let ours = visiting("flightdeck, 1,000 events found", &fewer);
        let collected = Side::each("collected, in order", |n| {
            black_box(collect(fewer.events.query().between(fewer.hundredth(n))));
        });
        Ok(Row::measure(ours, vec![collected], &[Bar::FloorAtMost(20_000.0)]))
    });
    session.row_if_possible("1 % time range of 10,000,000 events, visiting: each of them", || {
        let (many, fewer) = (many()?, Many::new(FEWER)?);
        let mut sides = [visiting("flightdeck", many), visiting(OF_FEWER, &fewer)];
        let samples = in_turn(&mut sides, Plan { rounds: 3 * SLOW.rounds, ..SLOW });
        let names =
            [format!("flightdeck, of {}, {}", grouped(MANY), set_up(&many.events)), OF_FEWER.to_owned()];
        let each = names.into_iter().zip(samples).zip([many, &fewer]).map(|((name, samples), stored)| {
            let answer = (stored.count / 100) as f64;
            Measured { name, samples: Samples(samples.0.iter().map(|query| query / answer).collect()) }
        });
        Ok(Row::of(each, &[Bar::AtMostTimes(2.0, OF_FEWER)]))
    });
}

fn visiting<'a>(name: &str, stored: &'a Many) -> Side<'a> {
    let query = |n| stored.events.query().between(stored.hundredth(n));
    assert_eq!(visit(query(1)), stored.count / 100, "a hundredth");
    Side::each(name, move |n| {
        black_box(visit(query(n)));
    })
}

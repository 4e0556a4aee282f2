//! A bulkhead: in and out.

use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::supervisor::Bulkhead;
use std::hint::black_box;
use tokio::sync::Semaphore;

const SEMAPHORE: &str = "tokio::sync::Semaphore, try_acquire";

fn ours(bulkhead: &Bulkhead) {
    drop(black_box(black_box(bulkhead).try_enter()));
}

fn theirs(semaphore: &Semaphore) {
    drop(black_box(black_box(semaphore).try_acquire()));
}

pub(super) fn run(session: &mut Session) {
    session.row("bulkhead, in and out", || {
        let (bulkhead, semaphore) = (Bulkhead::new(8).expect("a limit"), Semaphore::new(8));
        Row::measure(
            Side::each("flightdeck Bulkhead::try_enter", |_| ours(&bulkhead)),
            vec![Side::each(SEMAPHORE, |_| theirs(&semaphore))],
            &[Bar::AtMostTimes(1.5, SEMAPHORE)],
        )
    });
    session.row("bulkhead, in and out, two threads", || {
        let (bulkhead, semaphore) = (&Bulkhead::new(8).expect("a limit"), &Semaphore::new(8));
        Row::measure_pairs(
            PairSide::each("flightdeck Bulkhead::try_enter", [move |_| ours(bulkhead); 2]),
            vec![PairSide::each(SEMAPHORE, [move |_| theirs(semaphore); 2])],
            &[],
        )
    });
}

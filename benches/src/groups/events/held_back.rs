//! What an event costs that is not recorded: its kind is off, it was left out by a sample, or its kind is over its rate.

use crate::measure::Side;
use crate::pair::PairSide;
use crate::row::{Bar, Row};
use crate::session::Session;
use flightdeck::events::{Events, Rate};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const FETCH_ADD: &str = "fetch_add on a word of both threads";

flightdeck::kind! {
    Off("held.off") { n: u64 }
    Sampled("held.sampled") { n: u64 }
    Limited("held.limited") { n: u64 }
}

/// A store that holds back all of these kinds, but for one event in a while.
fn holding_back() -> Events {
    let directives = "held.off=off,held.sampled=1/1000000000,held.limited=1/h";
    let builder = Events::builder().memory(4 << 20).shards(4).directives(directives);
    builder.build().expect("the machine has this much memory")
}

/// Keeps the time for rates, as a host does that has a thread for it.
fn ticking<R>(events: &Events, body: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                events.tick();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let result = body();
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// Runs the rows.
pub(super) fn run(session: &mut Session) {
    session.row("disabled kind", || {
        let events = holding_back();
        let mut writer = events.writer().expect("a shard is free");
        Row::measure(
            Side::each("flightdeck Writer", |n| writer.record(Off { n })),
            vec![Side::each("flightdeck record", |n| events.record(Off { n }))],
            &[Bar::FloorAtMost(1.2)],
        )
    });
    session.row("sampled out", || {
        let events = holding_back();
        let mut writer = events.writer().expect("a shard is free");
        Row::measure(
            Side::each("flightdeck Writer", |n| writer.record(Sampled { n })),
            vec![Side::each("flightdeck record", |n| events.record(Sampled { n }))],
            &[Bar::FloorAtMost(2.0)],
        )
    });
    session.row("rate-limited", || {
        let (events, unkept) = (holding_back(), holding_back());
        let mut writer = events.writer().expect("a shard is free");
        let quota = events.quota("by tenant", Rate::per_hour(1), 1_000).expect("a new quota");
        ticking(&events, || {
            Row::measure(
                Side::each("flightdeck Writer", |n| writer.record(Limited { n })),
                vec![
                    Side::each("flightdeck record", |n| events.record(Limited { n })),
                    Side::each("flightdeck record, nobody ticks", |n| unkept.record(Limited { n })),
                    Side::each("flightdeck Quota, 64 keys", |n| {
                        black_box(quota.admits(n % 64));
                    }),
                ],
                &[Bar::FloorAtMost(3.0)],
            )
        })
    });
    session.row("rate-limited, one kind from two threads", || {
        let (events, shared) = (holding_back(), AtomicU64::new(0));
        let (events, shared) = (&events, &shared);
        ticking(events, || {
            Row::measure_pairs(
                PairSide::each("flightdeck record", [move |n| events.record(Limited { n }); 2]),
                vec![PairSide::each(
                    FETCH_ADD,
                    [move |_| {
                        shared.fetch_add(1, Ordering::Relaxed);
                    }; 2],
                )],
                &[Bar::AtMostTimes(2.0, FETCH_ADD)],
            )
        })
    });
}

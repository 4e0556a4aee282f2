//! Ten million events are handed over one by one, and what that takes of the heap is counted.

#[path = "support/held.rs"]
mod held;

use flightdeck::Clock;
use flightdeck::events::{Class, Events, Recorded, Shares, Verdict};
use held::HELD;
use std::time::Duration;

flightdeck::kind! { Passed("belt.passed") { n: u64 } }

/// How many more bytes than before `body` held at most, and how often it asked for some.
fn at_most(body: impl FnOnce()) -> (usize, u64) {
    HELD.set((0, 0, 0));
    body();
    let (_, most, asked) = HELD.get();
    (most, asked)
}

#[test]
fn ten_million_events_one_by_one_take_what_a_few_do() {
    const EVENTS: u64 = 10_000_000;
    let clock = Clock::stepping(Duration::from_nanos(1));
    let shares = Shares { critical: 1, normal: 98, verbose: 1 };
    let events = Events::builder().memory(600 << 20).shares(shares).shards(1).clock(clock).build().unwrap();
    (0..EVENTS).for_each(|n| events.mark(Passed { n }));
    assert_eq!(events.stats().kept, EVENTS);

    let mut sum = 0;
    let number = |event: Recorded<'_>| event.field("n").and_then(|n| n.as_u64()).unwrap();
    let taken = at_most(|| {
        let verdict = events.query().each(|event| sum += number(event)).unwrap();
        assert_eq!(verdict, Verdict::Complete);
    });
    assert_eq!(sum, EVENTS * (EVENTS - 1) / 2);
    assert_eq!(taken, (0, 0), "one by one");

    let mut next = 0;
    let (most, asked) = at_most(|| {
        let in_turn = |event: Recorded<'_>| {
            assert_eq!(number(event), next);
            next += 1;
        };
        events.query().each_in_order(in_turn).unwrap();
    });
    assert_eq!(next, EVENTS);
    let plan = events.plan();
    let rings = (plan.shards + plan.shared_shards) * Class::ALL.len();
    assert!(most <= rings * 64, "in order: {most} bytes for {rings} rings, asked for {asked} times");
}

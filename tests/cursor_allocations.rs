//! A cursor that has come to its full size allocates nothing, shown by counting what the allocator is asked for.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::events::{CursorState, Delivery, Events};
use std::time::Duration;

flightdeck::kind! {
    Noted("allocations.noted") { n: u64, text: str }
    Rare("allocations.rare", class = Critical) { n: u64 }
}

#[test]
fn a_cursor_asks_the_allocator_for_nothing() {
    let events = Events::builder().memory(1 << 20).shards(2).build().unwrap();
    let mut other = events.writer().unwrap();
    let mut cursor = events.cursor();
    let mut record = |count: u64| {
        for n in 0..count {
            events.record(Noted { n, text: "some text of middling length, the same each time" });
            other.record(Rare { n });
        }
    };
    let (mut delivered, mut missed) = (0, 0);
    let mut visit = |delivery: Delivery<'_>| match delivery {
        Delivery::Event(event) => delivered += event.fields().count() as u64,
        Delivery::Gap(gap) => missed += gap.count,
        other => panic!("{other:?}"),
    };
    assert!(allocations(|| drop(std::hint::black_box(vec![1_u8]))) >= 2, "the counter counts");
    record(100);
    cursor.drain(&mut visit);
    let steady = allocations(|| {
        for round in 0..200 {
            // Every tenth time it is lapped.
            record(if round % 10 == 0 { 20_000 } else { 50 });
            cursor.drain(&mut visit);
            while cursor.poll(7, &mut visit).state == CursorState::More {}
            assert!(cursor.next(Duration::from_micros(60)).is_err());
        }
    });
    assert_eq!(steady, 0);
    assert!(delivered > 10_000 && missed > 10_000, "{delivered} fields, {missed} events missed");
}

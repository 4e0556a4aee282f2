//! The index where ids are not as one hopes: chosen to collide, none at all, or of a store that holds nothing.

use flightdeck::events::{Class, Events, QueryError, Shares, Stamp, Value, Verdict};
use flightdeck::{CorrelationId, SpanId, Ticks};

flightdeck::kind! {
    Came("index.came") { n: u64, check: u64 }
}

fn check(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn only_normal(memory: usize) -> Events {
    Events::builder().memory(memory).shards(1).shares(Shares::only(Class::Normal)).build().unwrap()
}

/// That these ids share one bucket without a key is shown beside the hash.
#[test]
fn a_hundred_thousand_ids_that_collide_without_the_key_are_each_found_at_once() {
    const IDS: u64 = 100_000;
    let events = only_normal(32 << 20);
    let mut writer = events.writer().unwrap();
    (1..=IDS).for_each(|n| writer.record_with(Stamp::of(n), Came { n, check: check(n) }));
    assert_eq!(events.stats().overwritten, 0);
    let mut visited = 0;
    for n in 1..=IDS {
        let answer = events.query().correlation(n).run().unwrap();
        let fields: Vec<_> = answer.iter().map(|event| (event.field("n"), event.field("check"))).collect();
        assert_eq!(fields, [(Some(Value::U64(n)), Some(Value::U64(check(n))))], "id {n}");
        // What is not linked yet, and a bucket: three ids on average.
        assert!(answer.visited() <= 64, "id {n}: {} records looked at", answer.visited());
        visited += answer.visited();
    }
    assert!(visited <= 24 * IDS, "{visited} records looked at for {IDS} ids");
}

#[test]
fn what_has_no_id_is_found_by_scan_and_is_in_nobodys_chain() {
    let events = only_normal(1 << 20);
    let mut writer = events.writer().unwrap();
    let none = Stamp::of(CorrelationId::NONE);
    // As many as the index has buckets.
    let of_none = events.plan().index[Class::Normal] as u64 / 8;
    (0..of_none).for_each(|n| writer.record_with(none, Came { n, check: check(n) }));
    assert_eq!(events.query().run().unwrap().len() as u64, of_none);
    assert_eq!(events.query().correlation(CorrelationId::NONE).run().unwrap_err(), QueryError::NoId);
    // More ids than buckets: whichever bucket events without an id were in, some of these share it.
    for id in 1..=16 * of_none {
        let answer = events.query().correlation(id).run().unwrap();
        assert!(answer.is_empty());
        assert!(answer.visited() <= 16, "id {id} leads to {} records", answer.visited());
    }
}

#[test]
fn a_store_that_holds_nothing_says_so_whatever_it_is_asked() {
    let events = Events::builder().memory(4 << 20).build().unwrap();
    let query = || events.query();
    let asked = [
        query(),
        query().correlation(1_u64),
        query().span(SpanId::new(1)),
        query().thread(1),
        query().kind::<Came>(),
        query().between(Ticks(1)..),
        query().newest_first().limit(1),
        query().limit(0),
    ];
    for query in asked {
        let answer = query.run().unwrap();
        assert_eq!((answer.len(), answer.visited(), answer.verdict()), (0, 0, Verdict::Complete));
    }
    assert_eq!(events.query().each(|event| panic!("{}", event.kind())).unwrap(), Verdict::Complete);
    let stats = events.stats();
    assert_eq!((stats.written, stats.kept, stats.overwritten, stats.lost()), (0, 0, 0, 0));
}

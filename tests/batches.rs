//! Batches as their users see them.

use flightdeck::events::{
    Batch, BatchError, Class, Events, FieldType, Schema, Shares, Stamp, Value, ValuesError, Verdict,
};
use flightdeck::{Clock, Diagnostic, SpanId, Ticks};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

flightdeck::kind! {
    Debited("account.debited", starts) { account: u64, text: str }
    Credited("account.credited") { account: u64 }
    Audited("account.audited", class = Critical) { account: u64 }
    Traced("account.traced", class = Verbose) { account: u64 }
}

fn store(memory: usize) -> Events {
    Events::builder().memory(memory).shards(2).build().unwrap()
}

#[test]
fn a_batch_is_recorded_in_order_with_all_that_its_events_say() {
    let events = Events::builder().memory(1 << 20).shards(2).clock(Clock::manual()).build().unwrap();
    events.clock().advance(Duration::from_nanos(9));
    let mut batch = Batch::new();
    let (span, parent) = (SpanId::new(5), SpanId::new(4));
    batch.push_with(Stamp::of(7_u64).span(span).starts_under(parent), Debited { account: 1, text: "rent" });
    {
        let _in = events.scope(7_u64);
        batch.push(Credited { account: 2 });
    }
    batch.push_with(Stamp::of(7_u64).at(Ticks(3)), Credited { account: 3 });
    let kind = events.define(Schema::new("account.checked")).unwrap();
    batch.push_values(Stamp::of(7_u64), &kind, &[]);
    assert_eq!((batch.len(), events.record_batch(&mut batch).unwrap()), (4, 4));

    let answer = events.query().correlation(7_u64).run().unwrap();
    let seen: Vec<_> = answer.iter().map(|event| (event.kind(), event.ticks().0)).collect();
    let expected =
        [("account.credited", 3), ("account.debited", 9), ("account.credited", 9), ("account.checked", 9)];
    assert_eq!(seen, expected);
    let debited = answer.iter().nth(1).unwrap();
    assert_eq!((debited.span(), debited.parent(), debited.is_root()), (span, Some(parent), true));
    assert_eq!(debited.field("account"), Some(Value::U64(1)));
    assert_eq!(debited.field("text"), Some(Value::Str("rent")));
    assert!(answer.iter().all(|event| event.batch() == debited.batch() && event.batch().unwrap().is_whole));
    assert_eq!(debited.batch().unwrap().first, debited.id());
    assert_eq!(answer.verdict(), Verdict::Complete);
    events.record_with(Stamp::of(8_u64), Credited { account: 4 });
    assert!(events.query().correlation(8_u64).run().unwrap().iter().all(|event| event.batch().is_none()));
}

#[test]
fn readers_see_all_of_a_batch_or_none_of_it_while_it_is_written() {
    const SIZE: u64 = 9;
    let events = store(4 << 20);
    let (newest, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let (mut writer, mut batch) = (events.writer().unwrap(), Batch::new());
            for id in 1..=20_000_u64 {
                (0..SIZE).for_each(|account| batch.push_with(Stamp::of(id), Credited { account }));
                newest.store(id, Ordering::Relaxed);
                writer.record_batch(&mut batch).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        let (mut whole, mut none) = (0, 0);
        while !done.load(Ordering::Relaxed) || whole == 0 {
            let id = newest.load(Ordering::Relaxed).max(1);
            match events.query().correlation(id).run().unwrap().len() as u64 {
                0 => none += 1,
                SIZE => whole += 1,
                part => panic!("{part} of a batch of {SIZE}"),
            }
        }
        assert!(whole > 0, "none of {none} was seen");
    });
}

#[test]
fn what_is_left_of_an_overwritten_batch_is_marked() {
    let events = store(512 << 10);
    let most = events.plan().shared_ring[Class::Normal] / 4;
    let mut batch = Batch::new();
    let in_batch = most / 80;
    // So that it does not begin with a block: blocks go at once.
    (0..40).for_each(|n| events.record_with(Stamp::of(1_u64), Credited { account: n }));
    (0..in_batch).for_each(|n| batch.push_with(Stamp::of(9_u64), Credited { account: n as u64 }));
    assert_eq!(events.record_batch(&mut batch).unwrap(), in_batch);
    let mut marked = 0;
    for n in 0_u64.. {
        events.record_with(Stamp::of(1_u64), Credited { account: n });
        if n % 8 != 0 {
            continue;
        }
        let answer = events.query().correlation(9_u64).run().unwrap();
        if answer.is_empty() {
            break;
        }
        let is_whole = answer.len() == in_batch;
        assert!(
            answer.iter().all(|event| event.batch().unwrap().is_whole == is_whole),
            "{n}: {}",
            answer.len()
        );
        assert_eq!(answer.timeline().to_string().contains("(batch incomplete)"), !is_whole);
        marked += u64::from(!is_whole);
    }
    assert!(marked > 0, "it went all at once");
}

#[test]
fn a_batch_lies_with_its_most_precious_event_and_is_found_by_kind() {
    let events = store(1 << 20);
    let mut batch = Batch::new();
    batch.push_with(Stamp::of(3_u64), Traced { account: 1 });
    batch.push_with(Stamp::of(3_u64), Audited { account: 2 });
    events.record_batch(&mut batch).unwrap();
    assert!(events.query().run().unwrap().iter().all(|event| event.class() == Class::Critical));
    assert_eq!(events.query().kind::<Traced>().run().unwrap().len(), 1);
    assert_eq!(events.query().kind::<Audited>().run().unwrap().len(), 1);
}

#[test]
fn a_refused_batch_names_every_bad_event_and_stays_as_it_is() {
    let (events, other) = (store(1 << 20), store(1 << 20));
    let schema = Schema::new("account.moved").field("amount", flightdeck::events::FieldType::U64);
    let (kind, foreign) = (events.define(schema.clone()).unwrap(), other.define(schema).unwrap());
    let mut batch = Batch::new();
    batch.push_values(Stamp::of(1_u64), &kind, &[Value::U64(1)]);
    batch.push_values(Stamp::of(1_u64), &kind, &[]);
    batch.push_with(Stamp::of(1_u64), Credited { account: 1 });
    batch.push_values(Stamp::of(1_u64), &foreign, &[Value::U64(1)]);
    batch.push_values(Stamp::of(1_u64), &kind, &[Value::Bool(true)]);
    let error = events.record_batch(&mut batch).unwrap_err();
    let BatchError::Refused { items } = &error else { panic!("{error}") };
    let codes: Vec<_> = items.iter().map(|(number, error)| (*number, error.code())).collect();
    let expected = [(1, "events.values.count"), (3, "events.values.foreign_kind"), (4, "events.values.type")];
    assert_eq!(codes, expected);
    assert_eq!((batch.len(), events.stats().written), (5, 0));
    assert_eq!(events.record_batch(&mut batch).unwrap_err(), error, "again the same");

    batch.clear();
    let most = events.plan().shared_ring[Class::Normal] / 4;
    (0..=most / 64).for_each(|n| batch.push_with(Stamp::of(1_u64), Credited { account: n as u64 }));
    let error = events.record_batch(&mut batch).unwrap_err();
    assert!(matches!(error, BatchError::TooLarge { class: Class::Normal, most: said, .. } if said == most));
    assert_eq!((events.stats().written, events.stats().lost()), (0, 0));
}

#[test]
fn what_is_switched_off_is_left_out_and_what_comes_too_late_is_counted() {
    let events = store(1 << 20);
    let mut batch = Batch::new();
    assert_eq!(events.record_batch(&mut batch).unwrap(), 0, "an empty one is no error");
    let push = |batch: &mut Batch| (0..3).for_each(|account| batch.push(Credited { account }));
    push(&mut batch);
    events.switch(false);
    assert_eq!(events.record_batch(&mut batch).unwrap(), 0);
    events.switch(true);
    push(&mut batch);
    events.stop();
    assert_eq!(events.record_batch(&mut batch).unwrap(), 0);
    assert_eq!((events.stats().written, events.stats().lost()), (0, 3));
}

#[test]
fn batches_hide_and_cut_values_as_single_events_do() {
    flightdeck::kind! {
        Paid("batch.paid") { n: u64, customer: personal str, card: secret str, note: str, also: personal str }
    }
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let mut batch = Batch::new().longest_value(5);
    let schema =
        Schema::new("batch.run_time").field("n", FieldType::U64).personal_field("user", FieldType::Str);
    let kind = events.define(schema).unwrap();
    for round in 0..2 {
        for n in 0..3 {
            let customer = ["ann", "bob", "ann"][n];
            let stamp = Stamp::of(1_u64).span(events.fresh_span());
            let stamp = if n == 1 { stamp.starts_under(events.fresh_span()) } else { stamp };
            let paid = Paid { n: n as u64, customer, card: "4111-1111", note: "äääää", also: "carol" };
            batch.push_with(stamp, paid);
            batch.push_values(stamp, &kind, &[Value::U64(n as u64), Value::Str(customer)]);
        }
        assert!(!format!("{batch:?}").contains("ann"));
        assert_eq!(events.record_batch(&mut batch).unwrap(), 6, "round {round}");
    }
    let answer = events.query().run().unwrap();
    assert_eq!(answer.len(), 12);
    for event in answer.iter() {
        let Some(Value::U64(n)) = event.field("n") else { panic!("{event:?}") };
        let customer = Value::from(events.pseudonym(["ann", "bob", "ann"][n as usize]));
        if event.kind() == "batch.paid" {
            assert_eq!(event.field("customer"), Some(customer));
            assert_eq!(event.field("card"), Some(Value::Secret { bytes: 9 }));
            assert_eq!(event.field("note"), Some(Value::CutStr { kept: "ää", bytes: 10 }));
            assert_eq!(event.field("also"), Some(Value::from(events.pseudonym("carol"))));
        } else {
            assert_eq!(event.field("user"), Some(customer));
        }
    }
    assert_eq!(events.stats().values_cut, 6);
}

#[test]
fn an_event_too_large_for_a_record_is_refused_in_a_batch_of_any_size() {
    flightdeck::kind! { Dumped("batch.dumped") { image: bytes } }
    // A quarter of the ring is more than a record can state.
    let shares = Shares::only(Class::Normal);
    let events = Events::builder().memory(256 << 20).shards(1).shares(shares).build().unwrap();
    let longest = events.plan().longest_event[Class::Normal];
    let mut batch = Batch::new().longest_value(usize::MAX);
    batch.push(Credited { account: 1 });
    batch.push(Dumped { image: &vec![7; 9 << 20] });
    let refused = events.record_batch(&mut batch).unwrap_err();
    let BatchError::Refused { items } = &refused else { panic!("{refused}") };
    assert!(
        matches!(&items[..], [(1, ValuesError::TooLarge { limit, .. })] if *limit == longest),
        "{refused}"
    );
    assert_eq!((batch.len(), events.stats().kept), (2, 0));
}

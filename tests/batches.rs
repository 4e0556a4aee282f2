//! Batches as their users see them.

use flightdeck::events::{
    Batch, BatchError, Class, Events, FieldType, Schema, Shares, Stamp, Value, ValuesError, Verdict,
};
use flightdeck::{Clock, CorrelationId, Diagnostic, SpanId, Ticks};
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
            let answer = events.query().correlation(id).run().unwrap();
            match answer.len() as u64 {
                0 => none += 1,
                SIZE => whole += 1,
                // A reader that the system put aside for a whole lap of the ring.
                part => assert!(
                    answer.iter().all(|event| event.batch().is_some_and(|batch| !batch.is_whole)),
                    "{part} of a batch of {SIZE}"
                ),
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

#[test]
fn a_slice_of_events_is_recorded_as_one_batch() {
    let events = Events::builder().memory(1 << 20).shards(2).clock(Clock::manual()).build().unwrap();
    events.clock().advance(Duration::from_nanos(9));
    let texts = ["", "a", "12345678", "a longer one"];
    let slice: Vec<_> = (0..).zip(texts).map(|(account, text)| Debited { account, text }).collect();
    let mut writer = events.writer().unwrap();
    // Some that wait for the index before, between and after.
    let single = |id: u64| events.record_with(Stamp::of(id), Credited { account: 100 });
    for round in 0..5_u64 {
        let id = CorrelationId::from(u128::from(round) << 64 | 7);
        (0..round * 4).for_each(|_| single(90));
        {
            let _in = events.scope(id);
            assert_eq!(events.record_all(&slice).unwrap(), 4);
        }
        assert_eq!(writer.record_all_with(Stamp::of(id).at(Ticks(20)), &slice[..2]).unwrap(), 2);
        single(90);
        let answer = events.query().correlation(id).run().unwrap();
        let seen: Vec<_> = answer.iter().map(|event| (event.field("account"), event.ticks().0)).collect();
        let account = |account| Some(Value::U64(account));
        let expected = [
            (account(0), 9),
            (account(1), 9),
            (account(2), 9),
            (account(3), 9),
            (account(0), 20),
            (account(1), 20),
        ];
        assert_eq!(seen, expected, "round {round}");
        let of: Vec<_> = answer.iter().collect();
        assert!(of.iter().zip(texts).all(|(event, text)| event.field("text") == Some(Value::Str(text))));
        assert!(of[..4].iter().all(|event| event.batch().unwrap().first == of[0].id()));
        assert!(of[4..].iter().all(|event| event.batch().unwrap().first == of[4].id()));
        assert!(of.iter().all(|event| event.batch().unwrap().is_whole && event.parent().is_none()));
    }
    assert_eq!(events.query().correlation(90_u64).run().unwrap().len(), 4 + 8 + 12 + 16 + 5);
    let none: [Credited; 0] = [];
    assert_eq!(events.record_all(&none).unwrap(), 0);
    let everything = events.query().run().unwrap();
    assert_eq!(everything.len() as u64, events.stats().written);
}

#[test]
fn only_the_first_of_a_slice_begins_its_id_and_none_a_span() {
    let events = store(1 << 20);
    let stamp = Stamp::of(5_u64).span(SpanId::new(3)).starts_under(SpanId::new(2)).root();
    events.record_all_with(stamp, &[Credited { account: 1 }, Credited { account: 2 }]).unwrap();
    let answer = events.query().correlation(5_u64).run().unwrap();
    let seen: Vec<_> = answer.iter().map(|event| (event.is_root(), event.is_start(), event.span())).collect();
    assert_eq!(seen, [(true, false, SpanId::new(3)), (false, false, SpanId::new(3))]);
    assert!(answer.iter().all(|event| event.field("account").is_some()));
    assert_eq!(answer.verdict(), Verdict::Complete);
}

#[test]
fn readers_see_all_of_a_slice_or_none_of_it_also_when_it_laps_and_spans_blocks() {
    let events = store(1 << 20);
    let (newest, done) = (AtomicU64::new(1), AtomicBool::new(false));
    let slice: Vec<_> = (0..100).map(|account| Credited { account }).collect();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut writer = events.writer().unwrap();
            for id in 1..=10_000_u64 {
                // Of all lengths, so that it begins and ends anywhere.
                let length = id as usize % slice.len() + 1;
                newest.store(id, Ordering::Relaxed);
                writer.record_all_with(Stamp::of(id), &slice[..length]).unwrap();
                writer.record_with(Stamp::of(u64::MAX), Credited { account: 0 });
            }
            done.store(true, Ordering::Relaxed);
        });
        let (mut whole, mut none) = (0, 0);
        while !done.load(Ordering::Relaxed) || whole == 0 {
            let id = newest.load(Ordering::Relaxed);
            let answer = events.query().correlation(id).run().unwrap();
            let length = id as usize % slice.len() + 1;
            match answer.len() {
                0 => none += 1,
                found if found == length => whole += 1,
                // The end of one that was overwritten while it was looked for.
                part => {
                    assert!(answer.iter().all(|event| !event.batch().unwrap().is_whole), "{part} of {length}")
                }
            }
        }
        assert!(whole > 0, "none of {none} was seen");
    });
    let last = events.query().correlation(10_000_u64).run().unwrap();
    assert_eq!(last.len(), 1, "its own length: {last:?}");
}

#[test]
fn what_is_left_of_an_overwritten_slice_is_marked() {
    let events = store(512 << 10);
    let in_batch = events.plan().shared_ring[Class::Normal] / 4 / 80;
    let slice: Vec<_> = (0..in_batch as u64).map(|account| Credited { account }).collect();
    (0..40).for_each(|n| events.record_with(Stamp::of(1_u64), Credited { account: n }));
    assert_eq!(events.record_all_with(Stamp::of(9_u64), &slice).unwrap(), in_batch);
    let mut marked = 0;
    for n in 0_u64.. {
        events.record_with(Stamp::of(1_u64), Credited { account: n });
        let answer = events.query().correlation(9_u64).run().unwrap();
        if answer.is_empty() {
            break;
        }
        let is_whole = answer.len() == in_batch;
        assert!(answer.iter().all(|event| event.batch().unwrap().is_whole == is_whole));
        marked += u64::from(!is_whole);
    }
    assert!(marked > 0, "it went all at once");
}

#[test]
fn a_refused_slice_names_every_bad_event_and_long_values_are_cut() {
    flightdeck::kind! { Dumped("slice.dumped") { n: u64, image: bytes } }
    let events = Events::builder().memory(1 << 20).shards(1).longest_value(usize::MAX).build().unwrap();
    let large = vec![7; 1 << 20];
    let image = |n: u64| if n % 2 == 1 { &large[..] } else { &large[..100] };
    let slice: Vec<_> = (0..5).map(|n| Dumped { n, image: image(n) }).collect();
    let error = events.record_all(&slice).unwrap_err();
    let BatchError::Refused { items } = &error else { panic!("{error}") };
    assert_eq!(events.check_all(&slice).unwrap_err(), error);
    let single: Vec<_> = slice.iter().map(|event| events.check(event).is_ok()).collect();
    assert_eq!(single, [true, false, true, false, true]);
    assert!(events.check_all(&slice[..1]).is_ok());
    assert_eq!(events.check(&slice[1]).unwrap_err(), events.try_record(slice[1]).unwrap_err());
    assert_eq!(
        (events.stats().written, events.stats().lost()),
        (0, 1),
        "only what was to be recorded is lost"
    );
    let numbers: Vec<_> = items.iter().map(|(number, error)| (*number, error.code())).collect();
    assert_eq!(numbers, [(1, "events.event.too_large"), (3, "events.event.too_large")]);
    let slice: Vec<_> = (0..2_000).map(|n| Dumped { n, image: &large[..100] }).collect();
    let error = events.record_all(&slice).unwrap_err();
    assert!(matches!(error, BatchError::TooLarge { events: 2_000, .. }), "{error}");
    assert_eq!((events.stats().written, events.stats().lost()), (0, 1));

    let cutting = Events::builder().memory(4 << 20).shards(1).longest_value(10).build().unwrap();
    let slice: Vec<_> = (0..4).map(|n| Dumped { n, image: image(n) }).collect();
    assert_eq!(cutting.record_all(&slice).unwrap(), 4);
    assert_eq!(cutting.stats().values_cut, 4);
    let answer = cutting.query().run().unwrap();
    let cut = |n: u64| Some(Value::CutBytes { kept: &large[..10], bytes: image(n).len() as u64 });
    let seen: Vec<_> = answer.iter().map(|event| (event.field("n"), event.field("image"))).collect();
    assert_eq!(seen, [0, 1, 2, 3].map(|n| (Some(Value::U64(n)), cut(n))));

    events.switch(false);
    assert_eq!(events.record_all(&slice).unwrap(), 0);
    events.switch(true);
    events.stop();
    assert_eq!(events.record_all(&slice[..1]).unwrap(), 0);
    assert_eq!(events.stats().lost(), 2);
}

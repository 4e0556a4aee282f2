//! Claims as their users see them: filled in place, published whole, or never seen.

use flightdeck::events::{
    Claim, ClaimError, Class, Events, FieldType, LossCause, ReserveError, Schema, Scope, Stamp, Value,
    Verdict,
};
use flightdeck::{Clock, Diagnostic, SpanId, Ticks};
use proptest::prelude::*;
use std::cell::RefCell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

flightdeck::kind! {
    Frame("camera.frame") { pixels: bytes }
    Odd("camera.odd") { n: u64, pixels: bytes }
    Hidden("camera.hidden") { pixels: secret bytes }
    Noted("noted") { n: u64 }
}

fn store() -> Events {
    Events::builder().memory(4 << 20).shards(2).build().unwrap()
}

fn claim(events: &Events, bytes: usize) -> Claim<'_> {
    events.reserve::<Frame<'_>>(bytes).unwrap().expect("switched on")
}

fn pixels(events: &Events) -> Vec<Vec<u8>> {
    let answer = events.query().kind::<Frame<'_>>().run().unwrap();
    let bytes = answer.iter().map(|event| event.field("pixels").unwrap().as_bytes().unwrap().to_vec());
    bytes.collect()
}

fn numbers(events: &Events) -> Vec<u64> {
    let answer = events.query().kind::<Noted>().run().unwrap();
    answer.iter().map(|event| event.field("n").unwrap().as_u64().unwrap()).collect()
}

#[test]
fn a_claim_is_an_event_like_any_other_once_it_is_committed() {
    // Takes the times of the second half.
    let clock = Clock::stepping(Duration::from_nanos(1));
    let events = Events::builder().memory(4 << 20).shards(2).clock(clock).build().unwrap();
    let _in = events.scope(7_u64);
    let mut frame = claim(&events, 100);
    frame.append(b"first ").unwrap();
    frame.append(b"second").unwrap();
    assert_eq!((frame.room(), frame.written()), (100, 12));
    assert!(events.query().run().unwrap().is_empty(), "nothing before it is committed");
    frame.commit().unwrap();

    let answer = events.query().correlation(7_u64).run().unwrap();
    let event = answer.iter().next().unwrap();
    assert_eq!(event.field("pixels"), Some(Value::Bytes(b"first second")));
    assert_eq!((event.kind(), event.is_root(), event.batch()), ("camera.frame", true, None));
    assert!(event.thread() != 0 && answer.verdict() == Verdict::Complete);
    // With words before the fields, of a writer and at a time of the host's.
    let mut writer = events.writer().unwrap();
    let stamp = Stamp::of(8_u64).span(SpanId::new(3)).starts_under(SpanId::new(2)).at(Ticks(77));
    let mut frame = writer.reserve::<Frame<'_>>(stamp, 9).unwrap().unwrap();
    frame.append(b"123456789").unwrap();
    frame.commit().unwrap();
    let kind = events.define(Schema::raw("raw.frame")).unwrap();
    let mut raw =
        writer.reserve_kind(Stamp::of(8_u64).ends_since(Ticks(70)).at(Ticks(78)), &kind, 4).unwrap().unwrap();
    raw.append(b"raw").unwrap();
    raw.commit().unwrap();
    let mut raw = events.reserve_kind(Stamp::of(8_u64).at(Ticks(79)), &kind, 4).unwrap().unwrap();
    raw.append(b"rare").unwrap();
    raw.commit().unwrap();
    let answer = events.query().correlation(8_u64).run().unwrap();
    let [start, end, alone] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{answer:?}") };
    assert_eq!(start.field("pixels"), Some(Value::Bytes(b"123456789")));
    assert_eq!((start.parent(), start.ticks()), (Some(SpanId::new(2)), Ticks(77)));
    assert_eq!((end.field("bytes"), end.started_at()), (Some(Value::Bytes(b"raw")), Some(Ticks(70))));
    assert_eq!(alone.field("bytes"), Some(Value::Bytes(b"rare")));
    let refused = events.reserve_with::<Frame<'_>>(Stamp::of(8_u64).at(Ticks(u64::MAX)), 4);
    assert!(matches!(refused, Err(ReserveError::Time { .. })), "{refused:?}");
}

#[test]
fn what_is_dropped_uncommitted_is_never_seen_and_leaves_nothing_behind() {
    let events = store();
    for round in 0..3 {
        let mut frame = claim(&events, 4_000);
        frame.append(&[0xee; 4_000]).unwrap();
        if round == 1 {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _frame = frame;
                resume_unwind(Box::new("on purpose"));
            }));
            assert!(panicked.is_err());
        } else {
            drop(frame);
        }
        events.record_with(Stamp::of(5_u64), Noted { n: round });
    }
    // Longer than what is written: a gap is zeros, and what follows the end is not there, whatever lay in the ring.
    let mut frame = claim(&events, 4_000);
    frame.write_at(21, b"x").unwrap();
    frame.write_at(3, b"y").unwrap();
    frame.commit().unwrap();
    let mut expected = vec![0; 22];
    (expected[21], expected[3]) = (b'x', b'y');
    assert_eq!(pixels(&events), [expected]);
    assert_eq!(numbers(&events), [0, 1, 2]);
    assert_eq!(events.query().correlation(5_u64).run().unwrap().len(), 3);
    assert_eq!((events.stats().written, events.stats().lost()), (4, 0));
}

#[test]
fn while_a_claim_is_open_its_thread_records_through_shared_shards_in_order() {
    let events = store();
    events.record(Noted { n: 0 });
    let claimed_before = events.stats().shards_claimed;
    let mut frame = claim(&events, 64);
    assert!(matches!(events.reserve::<Frame<'_>>(8), Err(ReserveError::Open)));
    (1..=100).for_each(|n| events.record(Noted { n }));
    assert_eq!(numbers(&events), (0..=100).collect::<Vec<_>>(), "seen while it is open");
    frame.append(b"pixels").unwrap();
    assert!(events.register_thread(), "the shard is still its own");
    frame.commit().unwrap();
    (101..=110).for_each(|n| events.record(Noted { n }));

    let answer = events.query().run().unwrap();
    let order: Vec<_> = answer.iter().map(|event| event.field("n").and_then(|n| n.as_u64())).collect();
    let expected = (0..=100).map(Some).chain([None]).chain((101..=110).map(Some));
    assert_eq!(order, expected.collect::<Vec<_>>(), "a claim happens when it is committed");
    let threads: std::collections::BTreeSet<_> = answer.iter().map(|event| event.thread()).collect();
    assert_eq!((threads.len(), events.stats().shards_claimed), (1, claimed_before));
    // Another deck is no concern of it, nor another thread, nor a writer.
    let other = store();
    let (first, second) = (claim(&events, 8), claim(&other, 8));
    std::thread::scope(|threads| {
        threads.spawn(|| claim(&events, 8).commit().unwrap());
    });
    drop((second, first));
    assert_eq!((pixels(&events).len(), pixels(&other).len(), events.stats().lost()), (2, 0, 0));
}

#[test]
fn claims_in_nested_scopes_keep_the_scope_they_were_reserved_in() {
    let events = store();
    let _outer = events.scope(1_u64);
    let mut frame = {
        let span = events.span(Noted { n: 1 });
        let _inner = Scope::root(2_u64).enter();
        let frame = claim(&events, 8);
        drop(_inner);
        drop(span);
        frame
    };
    frame.append(b"inner").unwrap();
    frame.commit().unwrap();
    let answer = events.query().correlation(2_u64).run().unwrap();
    assert_eq!(answer.len(), 1);
    assert!(answer.iter().next().unwrap().is_root());
    assert_eq!(events.query().correlation(1_u64).run().unwrap().len(), 2);
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_of_it_is_written() {
    let events = store();
    let mut frame = claim(&events, 10);
    frame.append(b"12345678").unwrap();
    let refused = frame.append(b"9ab").unwrap_err();
    assert_eq!(refused, ClaimError::Full { at: 8, bytes: 3, reserved: 10 });
    assert!(matches!(frame.write_at(usize::MAX, b"x"), Err(ClaimError::Full { .. })));
    assert_eq!(frame.write(b"9ab").unwrap(), 2, "a writer takes what fits");
    assert_eq!(frame.write(b"b").unwrap(), 0);
    assert!(frame.write_all(b"b").is_err() && frame.flush().is_ok());
    frame.commit().unwrap();
    assert_eq!(pixels(&events), [b"123456789a"]);

    let longest = events.plan().longest_event[Class::Normal];
    let Err(ReserveError::TooLarge { needed, limit, class, .. }) = events.reserve::<Frame<'_>>(longest)
    else {
        panic!("{longest} bytes and a header were reserved")
    };
    assert_eq!((needed, limit, class), (longest + 7 * 8, longest, Class::Normal));
    assert!(matches!(events.reserve::<Frame<'_>>(usize::MAX), Err(ReserveError::TooLarge { .. })));
    let mut whole = claim(&events, longest - 7 * 8);
    whole.append(&vec![7; longest - 7 * 8]).unwrap();
    whole.commit().unwrap();
    assert_eq!(pixels(&events)[1], vec![7; longest - 7 * 8], "longer than a value may be otherwise");
    for code in [events.reserve::<Odd<'_>>(1), events.reserve::<Hidden<'_>>(1), events.reserve::<Noted>(1)] {
        assert_eq!(code.unwrap_err().code(), "events.reserve.not_raw");
    }
    let foreign = store().define(Schema::raw("foreign")).unwrap();
    assert!(matches!(
        events.reserve_kind(Stamp::current(), &foreign, 1),
        Err(ReserveError::ForeignKind { .. })
    ));
    let other = events.define(Schema::new("text").field("text", FieldType::Str)).unwrap();
    assert!(matches!(events.reserve_kind(Stamp::current(), &other, 1), Err(ReserveError::NotRaw { .. })));
    assert_eq!(events.stats().lost(), 0, "nothing was recorded that could be lost");
}

#[test]
fn a_cut_claim_says_how_long_it_was() {
    let events = store();
    let mut frame = claim(&events, 8);
    frame.append(b"begin").unwrap();
    frame.commit_cut(70_000).unwrap();
    let answer = events.query().run().unwrap();
    let cut = Value::CutBytes { kept: b"begin", bytes: 70_000 };
    assert_eq!(answer.iter().next().unwrap().field("pixels"), Some(cut));
    assert_eq!(events.stats().values_cut, 1);
}

#[test]
fn a_thread_without_a_shard_of_its_own_is_refused_and_a_switched_off_kind_is_none() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let writer = events.writer().unwrap();
    assert!(matches!(events.reserve::<Frame<'_>>(8), Err(ReserveError::NoShard)));
    events.record(Noted { n: 1 });
    assert!(matches!(events.reserve::<Frame<'_>>(8), Err(ReserveError::NoShard)));
    drop(writer);
    let events = store();
    events.switch(false);
    assert!(events.reserve::<Frame<'_>>(8).unwrap().is_none());
    events.switch(true);
    assert!(events.reserve::<Frame<'_>>(8).unwrap().is_some());
    events.stop();
    assert!(events.reserve::<Frame<'_>>(8).unwrap().is_none());
    assert_eq!(events.stats().lost(), 1);
}

#[test]
fn a_leaked_claim_costs_the_thread_its_shard_until_it_ends() {
    let events = store();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut frame = claim(&events, 64);
            frame.append(b"leaked").unwrap();
            std::mem::forget(frame);
            assert!(matches!(events.reserve::<Frame<'_>>(8), Err(ReserveError::Open)));
            (0..10).for_each(|n| events.record(Noted { n }));
            assert_eq!(events.stats().shards_claimed, 1);
        });
    });
    while events.stats().shards_claimed > 0 {
        std::thread::yield_now();
    }
    // The next owner of the shard goes on where the claim was.
    let mut frame = claim(&events, 64);
    frame.append(b"next").unwrap();
    frame.commit().unwrap();
    assert_eq!((pixels(&events), numbers(&events).len()), (vec![b"next".to_vec()], 10));
    let mut writer = events.writer().unwrap();
    std::mem::forget(writer.reserve::<Frame<'_>>(Stamp::current(), 64).unwrap());
    writer.record_with(Stamp::of(6_u64), Noted { n: 11 });
    assert_eq!(events.query().correlation(6_u64).run().unwrap().len(), 1);
    assert_eq!(events.stats().lost(), 0);
}

#[test]
fn a_claim_that_outlives_its_threads_shard_is_closed() {
    struct Late(RefCell<Option<Claim<'static>>>);
    impl Drop for Late {
        fn drop(&mut self) {
            let Some(mut frame) = self.0.take() else { return };
            // The shard may be another thread's by now.
            assert_eq!(frame.append(b"late"), Err(ClaimError::Closed));
            assert_eq!(frame.commit(), Err(ClaimError::Closed));
        }
    }
    std::thread_local! {
        static LATE: Late = const { Late(RefCell::new(None)) };
    }
    let events: &'static Events = Box::leak(Box::new(store()));
    for before in [true, false] {
        let lost = events.stats().lost();
        std::thread::spawn(move || {
            // Destroyed in the reverse order of their first use, as a rule: after the thread's seat, and before it.
            if before {
                LATE.with(|_| ());
            }
            let mut frame = claim(events, 64);
            frame.append(b"early").unwrap();
            if before {
                LATE.with(|late| *late.0.borrow_mut() = Some(frame));
            } else {
                drop(frame);
            }
        })
        .join()
        .unwrap();
        let lost = events.losses().iter().map(|loss| loss.count).sum::<u64>() - lost;
        assert_eq!(lost, u64::from(before));
    }
    assert!(events.losses().iter().all(|loss| loss.cause == LossCause::NoShard));
    assert_eq!((events.stats().shards_claimed, pixels(events).len()), (0, 0));
    let frame = claim(events, 8);
    frame.commit().unwrap();
}

#[test]
fn many_claims_lap_the_ring_while_others_read() {
    let events = Events::builder().memory(1 << 20).shards(3).build().unwrap();
    let longest = events.plan().longest_event[Class::Normal] - 56;
    std::thread::scope(|threads| {
        let writing = [1_u8, 2].map(|seed| {
            let events = &events;
            threads.spawn(move || {
                for round in 0..2_000_usize {
                    let length = (round * 7_919 + usize::from(seed)) % longest;
                    let mut frame = events.reserve::<Frame<'_>>(longest).unwrap().unwrap();
                    let byte = (round as u8).wrapping_mul(31).wrapping_add(seed);
                    for part in 0..3 {
                        let from = frame.written();
                        frame
                            .append(&vec![byte; if part == 2 { length - from } else { length / 3 }])
                            .unwrap();
                    }
                    if round % 5 != 0 {
                        frame.commit().unwrap()
                    } else {
                        drop(frame)
                    }
                    events.record(Noted { n: round as u64 });
                }
            })
        });
        let mut seen = 0;
        while writing.iter().any(|writer| !writer.is_finished()) {
            for frame in pixels(&events) {
                assert!(frame.windows(2).all(|pair| pair[0] == pair[1]), "torn or not all written");
                seen += 1;
            }
        }
        assert!(seen > 0);
    });
    assert_eq!(events.stats().written, 2 * (2_000 + 1_600));
    assert_eq!(events.stats().lost(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Writes anywhere, over one another and with gaps, against a vector.
    #[test]
    fn a_claim_holds_what_a_vector_would(
        writes in prop::collection::vec((0_usize..70, prop::collection::vec(1_u8.., 0..40)), 0..12),
        room in 1_usize..80,
    ) {
        let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
        for _ in 0..2 {
            // What lay there before is not zero.
            let mut old = claim(&events, 200);
            old.append(&[0xff; 200]).unwrap();
            drop(old);
            let (mut frame, mut expected) = (claim(&events, room), Vec::new());
            for (at, bytes) in &writes {
                let end = at + bytes.len();
                let written = frame.write_at(*at, bytes);
                prop_assert_eq!(written.is_ok(), end <= room);
                if end <= room {
                    expected.resize(expected.len().max(end), 0);
                    expected[*at..end].copy_from_slice(bytes);
                }
            }
            prop_assert_eq!(frame.written(), expected.len());
            frame.commit().unwrap();
            prop_assert_eq!(pixels(&events).pop().unwrap(), expected);
        }
    }
}

//! What a copy of a store's words answers, and what words answer that no store wrote.

use super::SectionError;
use super::shape::Shape;
use crate::clock::{Clock, Ticks};
use crate::events::class::PerClass;
use crate::events::overflow::Slots;
use crate::events::ring::Geometry;
use crate::events::shard::Owner;
use crate::events::{
    Answer, Batch, Class, Delivery, Events, FieldType, Lookup, LossCause, Nameless, Query, QueryError,
    Recording, Schema, Stamp, Start, Truncation, Value, Verdict, field,
};
use crate::region::hostile::{self, copy_of, made, next, set, word};
use crate::region::{LINE, Region, Span};
use crate::sync::{Arc, Relaxed, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

crate::kind! {
    Rare("section.rare", severity = Warn, class = Critical) { n: u64 }
    Usual("section.usual") { n: u64, text: str, share: f64, ok: bool, delta: i64 }
    Detail("section.detail", class = Verbose) { raw: bytes, who: personal str, key: secret str }
    Began("section.began", starts) { n: u64 }
    Late("section.late") { n: u64 }
}

/// Of what is tried again and again a build without optimisation, in which each try takes ten times as long, tries every so
/// manieth.
const EVERY: usize = if cfg!(debug_assertions) { 5 } else { 1 };

/// The words of a store, copied to memory of their own.
fn copied(events: &Events) -> Span {
    copy_of(&events.store().span)
}

/// A store that has had everything: laps, all classes, threads with and without names, batches, spans, losses, pruning, an
/// overflow in use, kinds made at run time.
fn eventful(memory: usize) -> Events {
    let clock = Clock::stepping(Duration::from_nanos(1));
    let events = Events::builder()
        .memory(memory)
        .shards(2)
        .shared_shards(1)
        .clock(clock)
        .longest_value(usize::MAX)
        .build()
        .unwrap();
    let frame = events.define(Schema::raw("section.frame")).unwrap();
    let fill = |from: u64, count: u64| {
        for n in from..from + count {
            let stamp = Stamp::of(1 + n / 7);
            match n % 20 {
                0 => events.record_with(stamp.root(), Began { n }),
                1 => events.record_with(stamp, Rare { n }),
                2..5 => events.record_with(stamp, Detail { raw: &n.to_le_bytes(), who: "ann", key: "k" }),
                5 => events.record_values(stamp, &frame, &[Value::Bytes(&[7; 20])]).unwrap(),
                6 => events.mark(Rare { n }),
                _ => {
                    let (share, delta) = (n as f64 / 3.0, -(n as i64));
                    events.record_with(stamp, Usual { n, text: "some text", share, ok: n % 2 == 0, delta });
                }
            }
        }
    };
    thread::scope(|threads| {
        // One after another, so that each run is the same.
        for (name, from) in [("first", 0), ("second", 20_000), ("third", 40_000)] {
            let named = thread::Builder::new().name(name.to_owned());
            named.spawn_scoped(threads, move || fill(from, 5_000)).unwrap().join().unwrap();
        }
    });
    let _scope = events.scope(77_u64);
    drop(events.span(Began { n: 1 }));
    let mut batch = Batch::new();
    (0..5).for_each(|n| batch.push(Rare { n }));
    events.record_batch(&mut batch).unwrap();
    let _ = events.try_record(Usual { n: 0, text: &"x".repeat(2 << 20), share: 0.0, ok: true, delta: 0 });
    assert!(events.prune_before(Ticks(12_000)) > 0);
    // Nothing is free: the rest goes to the overflow.
    events.view().shards.iter().for_each(|shard| _ = shard.try_claim(Owner::UNKNOWN));
    thread::scope(|threads| threads.spawn(|| fill(60_000, 40)).join().unwrap());
    events
}

/// All that an answer says.
fn told(answer: &Answer) -> (Vec<String>, String) {
    let event = |event: crate::events::Recorded<'_>| {
        let fields: Vec<_> = event.fields().map(|(name, value)| format!("{name}={value:?}")).collect();
        let (id, ticks, thread) = (event.id(), event.ticks(), event.thread_name());
        format!("{id:?} {ticks:?} {thread:?} {} {:?} {fields:?}", event.kind(), event.correlation())
    };
    let whole = (answer.verdict(), answer.since(), answer.matched(), answer.missing(), *answer.work());
    (answer.iter().map(event).collect(), format!("{whole:?}"))
}

/// A question of random filters.
fn asked<'a>(query: Query<'a>, random: &mut u64) -> Query<'a> {
    let mut query = query;
    if next(random, 3) == 0 {
        query = query.correlation(1 + next(random, 9_000));
    }
    if next(random, 3) == 0 {
        let from = next(random, 16_000);
        query = query.between(Ticks(from)..Ticks(from + (1 << next(random, 14))));
    }
    query = match next(random, 7) {
        0 => query.kind::<Rare>(),
        1 => query.kind::<Detail<'_>>().kind::<Began>(),
        2 => query.kind_named("section.frame"),
        3 => query.matching(field("n").at_least(100)),
        4 => query.thread(1 + next(random, 5) as u32),
        _ => query,
    };
    match next(random, 4) {
        0 => query.newest_first().limit(next(random, 40) as usize),
        1 => query.limit(next(random, 40) as usize),
        2 => query.budget(next(random, 4_000)),
        _ => query,
    }
}

#[test]
fn a_copy_of_the_words_gives_the_answers_of_the_store() {
    for memory in [1 << 20, 8 << 20] {
        let events = eventful(memory);
        let recording = Recording::of_span(copied(&events)).unwrap();
        let (mut here, mut there) = (0x853c_49e6_748f_ea9b, 0x853c_49e6_748f_ea9b);
        for round in 0..300 / EVERY {
            let (mine, theirs) = (asked(events.query(), &mut here), asked(recording.query(), &mut there));
            let question = format!("{round}: {mine:?}");
            match (mine.clone().run(), theirs.clone().run()) {
                (Ok(mine), Ok(theirs)) => {
                    assert_eq!(told(&mine), told(&theirs), "{question}");
                    let lines = |answer: &Answer| answer.timeline().to_string();
                    if mine.len() < 100 {
                        assert_eq!(lines(&mine), lines(&theirs), "{question}");
                    }
                }
                (Err(mine), Err(theirs)) => assert_eq!(mine.to_string(), theirs.to_string()),
                (mine, theirs) => panic!("{question}: {mine:?} here, {theirs:?} there"),
            }
            assert_eq!(mine.count(), theirs.count(), "{question}");
        }
        let all = events.query().run().unwrap();
        for event in all.iter().step_by(97) {
            let Lookup::Found(found) = recording.event(event.id()) else { panic!("{event:?}") };
            assert_eq!(told(&found).0.len(), 1);
        }
        let by_kind = |query: Query<'_>| query.count_by_kind().unwrap();
        assert_eq!(by_kind(events.query()), by_kind(recording.query()));
        assert_eq!(events.losses(), recording.losses());
        assert_eq!(recording.losses()[0].cause, LossCause::TooLarge);
        let (mine, theirs) = (events.stats(), recording.stats());
        assert_eq!(format!("{:?}", mine.classes), format!("{:?}", theirs.classes));
        assert!(mine.overflowed == 40 && theirs.overflowed == 40 && theirs.pruned > 0, "{theirs:?}");
        assert_eq!(
            (events.plan(), events.index_stats(9_999)),
            (recording.plan(), recording.index_stats(9_999))
        );
        let names: Vec<_> = recording.threads().into_iter().filter_map(|thread| thread.name).collect();
        assert_eq!(names.iter().filter(|name| ["first", "second", "third"].contains(&&***name)).count(), 3);
        assert_eq!(recording.nameless(), Nameless::default());
        assert_eq!(recording.kinds().count(), events.view().schemas.all().count());
        let (mine, theirs) = (events.clock().converter(), recording.converter());
        for at in [0, 1, 15_000, u64::MAX].map(Ticks) {
            assert_eq!(mine.unix_ns(at), theirs.unix_ns(at));
        }
        let follow = |query: Query<'_>| {
            let mut told = Vec::new();
            let mut cursor = query.follow_from(Start::Oldest).unwrap();
            cursor.drain(|delivery| told.push(format!("{delivery:?}")));
            told
        };
        let (mine, theirs) = (follow(events.query()), follow(recording.query()));
        assert!(mine.len() > 1_000);
        assert_eq!(mine, theirs);
    }
}

#[test]
fn a_recording_of_a_live_store_learns_what_it_learns() {
    let events = Events::builder().memory(1 << 20).shards(2).build().unwrap();
    let recording = events.recording().unwrap();
    let mut cursor = recording.cursor();
    assert_eq!((recording.query().count(), recording.query().kind::<Late>().count()), (0, 0));
    assert!(recording.query().kind_named("section.late").run().is_err());
    let named = thread::Builder::new().name("latecomer".to_owned());
    let writing = events.clone();
    named.spawn(move || writing.record_with(Stamp::of(7_u64), Late { n: 5 })).unwrap().join().unwrap();

    let answer =
        recording.query().correlation(7_u64).kind::<Late>().kind_named("section.late").run().unwrap();
    assert!(answer.verdict().is_complete());
    let event = answer.iter().next().unwrap();
    assert_eq!((event.kind(), event.field("n")), ("section.late", Some(Value::U64(5))));
    assert_eq!(event.thread_name().as_deref(), Some("latecomer"));
    let mut seen = 0;
    cursor.drain(|delivery| seen += u64::from(delivery.event().is_some()));
    assert_eq!(seen, 1);
    // What time it was, by another clock than the store's.
    let (mine, theirs) = (events.clock().converter(), recording.converter());
    let apart = mine.unix_ns(event.ticks()).abs_diff(theirs.unix_ns(event.ticks()));
    assert!(apart < 1_000_000, "{apart} ns");
    assert!(cursor.prompt().is_err());
}

#[test]
fn a_kind_that_comes_later_is_found_by_whoever_asked_for_it_before() {
    let events = Events::builder().memory(1 << 20).shards(1).overflow_slots(16).build().unwrap();
    let recording = events.recording().unwrap();
    events.record(Rare { n: 0 });
    let prepared = recording.query().kind::<Late>().kind::<Rare>().prepare();
    assert_eq!(prepared.run().unwrap().len(), 1);
    let query = || recording.query().kind::<Late>().matching(field("n").at_least(2));
    let mut cursor = query().follow().unwrap();
    let mut numbers = Vec::new();
    for n in 1..4 {
        if n == 3 {
            // Nothing is free: the rest goes to the overflow.
            events.view().shards.iter().for_each(|shard| _ = shard.try_claim(Owner::UNKNOWN));
        }
        let record = || (events.record(Began { n }), events.record(Late { n }));
        thread::scope(|threads| _ = threads.spawn(record).join().unwrap());
        cursor.drain(|delivery| {
            if let Delivery::Event(event) = delivery {
                numbers.push((event.kind().to_owned(), event.field("n").unwrap().as_u64()));
            }
        });
    }
    assert_eq!(numbers, [("section.late".into(), Some(2)), ("section.late".into(), Some(3))]);
    assert_eq!(prepared.run().unwrap().len(), 4);
    let stats = cursor.stats();
    assert_eq!((stats.delivered, stats.accounted(), stats.behind), (2, 6, 0));
}

#[test]
fn a_kind_of_the_same_name_is_another_one_where_its_fields_are() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let recording = events.recording().unwrap();
    let other = events.define(Schema::new("section.late").field("text", FieldType::Str)).unwrap();
    events.record_values(Stamp::of(7_u64), &other, &[Value::Str("text")]).unwrap();
    let name = "section.late".to_owned();
    let query = || recording.query().kind::<Late>();
    assert_eq!(query().run().unwrap_err(), QueryError::OtherFields { name: name.clone() });
    assert_eq!(query().follow().unwrap_err(), QueryError::OtherFields { name });
    assert_eq!(recording.query().kind_named("section.late").count(), 1);
    // And both, once the other build's has come, too.
    events.record(Late { n: 1 });
    assert_eq!((query().count(), recording.query().kind_named("section.late").count()), (1, 2));
}

#[test]
fn an_answer_is_not_complete_where_the_recording_lacks_names() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let recording = events.recording().unwrap();
    let long = |n| Schema::new(format!("{n}{}", "x".repeat(2_000))).severity_of(crate::Severity::Info);
    events.record(Usual { n: 1, text: "some text", share: 0.5, ok: true, delta: 0 });
    while recording.nameless().kinds == 0 {
        events.define(long(recording.kinds().count())).unwrap();
    }
    let unnamed =
        Schema::new("y".repeat(10_000)).severity_of(crate::Severity::Error).field("n", FieldType::U64);
    let unnamed = events.define(unnamed).unwrap();
    events.record_values(Stamp::of(7_u64), &unnamed, &[Value::U64(5)]).unwrap();
    let severe = |query: Query<'_>| query.severity_at_least(crate::Severity::Error).run().unwrap();
    let (mine, theirs) = (severe(events.query()), severe(recording.query()));
    assert_eq!((mine.len(), mine.verdict()), (1, Verdict::Complete));
    assert_eq!((theirs.len(), theirs.verdict()), (1, Verdict::Complete));
    let nameless = Verdict::Truncated { by: Truncation::Nameless };
    for query in [
        recording.query().kind::<Usual<'_>>(),
        recording.query().kind_named("section.usual"),
        recording.query().matching(field("n").at_least(1)),
    ] {
        let answer = query.run().unwrap();
        assert_eq!((answer.len(), answer.verdict(), answer.missing()), (1, nameless, None));
        assert!(answer.timeline().to_string().contains("no names"), "{}", answer.timeline());
    }
    assert_eq!(events.query().matching(field("n").at_least(1)).run().unwrap().verdict(), Verdict::Complete);
    let kinds = recording.nameless().kinds;
    // So does whoever follows.
    let stats = |query: Query<'_>| {
        let mut cursor = query.follow_from(Start::Oldest).unwrap();
        let events = cursor.drain(|_| ()).events;
        (events, cursor.stats().nameless, cursor.stats().accounted())
    };
    assert!(kinds > 0);
    for query in [recording.query().kind::<Usual<'_>>(), recording.query().matching(field("n").at_least(1))] {
        assert_eq!(stats(query), (1, kinds, 2));
    }
    assert_eq!(stats(recording.query()), (2, 0, 2));
    assert_eq!(stats(events.query().matching(field("n").at_least(1))), (2, 0, 2));
    for query in [recording.query().kind::<Late>(), recording.query().kind_named("section.late")] {
        let refused = QueryError::Nameless { name: "section.late".to_owned(), kinds };
        assert_eq!(query.clone().run().unwrap_err(), refused);
        assert_eq!(query.follow().unwrap_err(), refused);
    }
}

#[test]
fn a_record_that_was_begun_is_told_and_is_in_no_answer() {
    let clock = Clock::stepping(Duration::from_nanos(1));
    let events = Events::builder().memory(1 << 20).shards(1).clock(clock).build().unwrap();
    let recording = events.recording().unwrap();
    for n in 0..10_000 {
        events.record_with(Stamp::of(7_u64), Late { n });
        assert_eq!(recording.in_flight(), []);
    }
    let span = copied(&events);
    let recording = Recording::of_span(span.clone()).unwrap();
    let ring = &events.view().shards[0].rings()[Class::Normal];
    let (all, tail) = (recording.query().count(), ring.cut().tail);
    let shape = super::open(&span).unwrap().1;
    let (start, rings) = shape.shard(0);
    let words = start + rings[Class::Critical].footprint() + 3 * LINE;
    // That of the last one, which has as many words.
    let (lead, time) = (ring.word(tail - 7), 1_u64 << 40);
    let begin = |header: [u64; 6]| {
        for (at, word) in (tail as usize..).zip(header) {
            set(&span, words + at % rings[Class::Normal].words, word);
        }
        recording.in_flight()
    };
    // What was there before: of no such kind, of another class, linked, from long ago, from a time that never comes.
    for header in [
        [lead | 0xfff << 20, time, 0, 9, 5, 0],
        [lead ^ 3 << 44, time, 0, 9, 5, 0],
        [lead, time, 0, 9, 5 | 7 << 32, 0],
        [lead, 0, 0, 9, 5, 0],
        [lead, u64::MAX >> 1, 0, 9, 5, 0],
        [0x6874_206e_6920_7369, 0x2074_7865_7420_6120, 0, 9, 5, 0],
    ] {
        assert_eq!(begin(header), [], "{header:x?}");
    }
    let in_flight = begin([lead, time, 0, 9, 5, 0]);
    let [flight] = &in_flight[..] else { panic!("{in_flight:?}") };
    assert_eq!((flight.shard, flight.class, flight.words), (0, Class::Normal, 7));
    assert_eq!((flight.thread, flight.ticks, flight.correlation), (5, Ticks(1 << 40), 9_u64.into()));
    assert_eq!(recording.query().count(), all);
}

/// Asks for everything there is to ask for, and follows.
fn interrogate(recording: &Recording, random: &mut u64) {
    for _ in 0..8 {
        let query = asked(recording.query(), random);
        if let Ok(answer) = query.clone().limit(2_000).run() {
            let _ = (told(&answer), answer.tree().roots().count());
            if answer.len() < 200 {
                let _ = answer.timeline().to_string();
            }
        }
        let _ = (query.clone().count(), query.clone().count_by_kind());
        let _ = query.limit(2_000).each_in_order(|event| _ = event.fields().count());
    }
    let _ = (
        recording.losses(),
        recording.stats().lost(),
        recording.shard_stats(),
        recording.index_stats(10_000),
    );
    let _ = (recording.threads(), recording.kinds().count(), recording.nameless(), recording.in_flight());
    let _ = recording.converter().unix_ns(Ticks(next(random, u64::MAX)));
    for from in [Start::Now, Start::Oldest, Start::Time(Ticks(7_000))] {
        if let Ok(mut cursor) = recording.query().follow_from(from) {
            cursor.drain(|delivery| drop(format!("{delivery:?}")));
            let _ = cursor.stats().accounted();
        }
    }
    let prepared = recording.query().limit(10).prepare();
    let _ = (prepared.run(), prepared.run());
    for _ in 0..20 {
        let _ = recording.event(crate::events::EventId::from_bits(next(random, u64::MAX)));
    }
}

/// Whether somebody who reads it comes back, and without a panic.
fn comes_back(span: &Span, seed: u64) -> bool {
    let span = span.clone();
    hostile::comes_back(move || {
        if let Ok(recording) = Recording::of_span(span) {
            interrogate(&recording, &mut { seed | 1 });
        }
    })
}

#[test]
fn every_word_of_the_head_may_be_anything() {
    let events = eventful(300 << 10);
    let span = copied(&events);
    let mut random = 0x9e37_79b9_7f4a_7c15;
    let (mut refused, mut opened) = (0, 0);
    for at in 0..128 {
        let was = word(&span, at);
        for value in [
            0,
            1,
            u64::MAX,
            was.wrapping_add(1),
            was ^ 1 << next(&mut random, 64),
            next(&mut random, u64::MAX),
        ] {
            set(&span, at, value);
            match Recording::of_span(span.clone()) {
                Ok(recording) => {
                    assert!(recording.bytes() == span.len * 8, "word {at} is {value:#x}");
                    opened += 1;
                    let is_asked = opened % EVERY == 0;
                    assert!(!is_asked || comes_back(&span, value), "word {at} is {value:#x}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().starts_with("events "), "{error}");
                }
            }
        }
        set(&span, at, was);
    }
    assert!(refused > 150, "{refused}");
    assert!(comes_back(&span, 1));
}

/// The sizes that a head tells, believed.
fn shape_told(span: &Span) -> Shape {
    let size = |at: usize| word(span, at) as usize;
    let ring = |first: usize| {
        PerClass::of(|class| {
            let at = first + class as usize * 4;
            Geometry {
                words: size(at),
                block: size(at + 1),
                buckets: size(at + 2),
                queue: size(at + 3),
                link_word: size(4),
            }
        })
    };
    let slots = Slots { count: size(7), words: size(8) };
    let shape = Shape::new([ring(16), ring(32)], [size(5), size(6)], slots);
    Shape { kinds: size(9), threads: size(10), ..shape }
}

#[test]
fn every_size_may_be_any_power_of_two_with_the_sum_of_all_set_right() {
    let whole = copied(&eventful(300 << 10));
    // Room enough for one part that is much longer.
    let region = Region::heap(1 << 18).unwrap();
    let span = Span { region, start: 0, len: 1 << 18 };
    (0..whole.len).for_each(|at| set(&span, at, word(&whole, at)));
    let (said, mut opened) = (word(&span, 2), 0);
    for at in (5..11).chain(16..28).chain(32..44) {
        let was = word(&span, at);
        for size in (0..18).map(|power| 1 << power) {
            set(&span, at, size);
            let shape = shape_told(&span);
            let rings = [&shape.kept, &shape.shared];
            if rings.iter().all(|rings| rings.iter().all(|(_, ring)| ring.block <= ring.words)) {
                set(&span, 2, shape.words() as u64);
            }
            let open = || Recording::of_span(span.clone()).map(|recording| recording.query().count());
            match catch_unwind(AssertUnwindSafe(open)) {
                Ok(found) => opened += u64::from(found.is_ok()),
                Err(_) => panic!("word {at} is {size}"),
            }
        }
        set(&span, at, was);
        set(&span, 2, said);
    }
    assert!(opened > 100, "{opened}");
    set(&span, 9, 8);
    let refused = Recording::of_span(span).unwrap_err();
    assert_eq!(refused, SectionError::Field { field: "the log of kinds", value: 8, limit: LINE as u64 });
}

/// Each record of a chain may be a megabyte, and begin eight words before the next.
#[test]
fn a_chain_of_records_that_overlap_holds_no_more_than_the_ring() {
    let span = copied(&eventful(1 << 20));
    let shape = super::open(&span).unwrap().1;
    let (start, rings) = shape.shard(0);
    let ring = rings[Class::Normal];
    let control = start + rings[Class::Critical].footprint();
    let (words, heads) = (control + 3 * LINE, control + 3 * LINE + ring.words);
    let tail = word(&span, control + LINE);
    let long = ring.words as u64 / 4;
    let newest = tail - long - 64;
    // All below it is linked.
    set(&span, control + LINE + 1, tail);
    (0..ring.buckets).for_each(|bucket| set(&span, heads + bucket, newest));
    for number in 0..long / 8 {
        let position = newest - number * 8;
        let record = [long | 2 << 40, 1, 0, 9, 1 | 8 << 32, 0];
        for (at, word) in (position as usize..).zip(record) {
            set(&span, words + at % ring.words, word);
        }
    }
    let recording = Recording::of_span(span).unwrap();
    let answer = recording.query().correlation(9_u64).run().unwrap();
    let overlapping = answer.iter().filter(|event| event.ticks() == Ticks(1)).count();
    assert!((1..=4).contains(&overlapping), "{overlapping} of {long} words each in {} words", ring.words);
}

#[test]
fn a_section_that_is_cut_off_is_refused() {
    let span = copied(&eventful(300 << 10));
    for len in (0..span.len).step_by(1_009).chain([1, 127, 128, span.len - 1]) {
        let cut = Span { len, ..span.clone() };
        match Recording::of_span(cut) {
            Err(SectionError::TooShort { words, needed }) => assert!(words == len as u64 && needed > words),
            other => panic!("{len} words: {other:?}"),
        }
    }
    assert!(Recording::of_span(span).is_ok());
}

/// Where control words lie: those of the clock, the logs, the losses, and of each ring and overflow.
fn control_words(span: &Span) -> Vec<usize> {
    let (_, shape) = super::open(span).unwrap();
    let mut found: Vec<usize> = (128..416).collect();
    found.extend(
        [shape.kinds_at().0, shape.threads_at().0]
            .map(|start| start..start + LINE + 64)
            .into_iter()
            .flatten(),
    );
    found.extend(shape.losses_at()..shape.losses_at() + 128);
    for shard in 0..shape.kept_shards + shape.shared_shards {
        let (mut start, rings) = shape.shard(shard);
        for (_, ring) in rings.iter() {
            found.extend((0..3).flat_map(|line| start + line * LINE..start + line * LINE + 3));
            start += ring.footprint();
        }
    }
    for class in Class::ALL {
        let start = shape.overflow_at(class);
        found.extend((start..start + 3).chain(start + LINE..start + LINE + 2));
        found.extend(start + 2 * LINE..start + 2 * LINE + 70);
    }
    found
}

#[test]
fn every_control_word_may_be_anything() {
    let span = copied(&eventful(300 << 10));
    let mut random = 0x1234_5678_9abc_def1;
    // Neighbours are alike: every third one, or a number that no table's width is a multiple of.
    let step = if EVERY > 1 { 3 * EVERY + 2 } else { 3 };
    for at in control_words(&span).into_iter().step_by(step) {
        let was = word(&span, at);
        let value = made(&mut random, was);
        set(&span, at, value);
        assert!(comes_back(&span, random), "word {at} is {value:#x} and was {was:#x}");
        set(&span, at, was);
    }
}

#[test]
fn all_words_beyond_the_head_may_be_anything() {
    let whole = copied(&eventful(300 << 10));
    let mut random = 0xdead_beef_1234_5677;
    let control = control_words(&whole);
    for round in (0..24).step_by(EVERY) {
        let span = copy_of(&whole);
        // From a few words to all of them.
        let one_in = 1 << (round % 12);
        for at in 128..span.len {
            if next(&mut random, one_in) == 0 {
                set(&span, at, made(&mut random, word(&span, at)));
            }
        }
        if round % 2 == 0 {
            // And the words that lead somewhere for certain.
            for at in &control {
                set(&span, *at, made(&mut random, word(&whole, *at)));
            }
        }
        assert!(comes_back(&span, random), "round {round}");
    }
}

/// Somebody writes nonsense while somebody else reads.
#[test]
fn words_may_change_while_they_are_read() {
    let whole = copied(&eventful(300 << 10));
    let control = control_words(&whole);
    for round in (0..6_u64).step_by(EVERY) {
        let span = copy_of(&whole);
        let stop = Arc::new(crate::sync::AtomicBool::new(false));
        let (writing, stopped, control) = (span.clone(), stop.clone(), control.clone());
        let writer = thread::spawn(move || {
            let mut random = round + 77;
            while !stopped.load(Relaxed) {
                let at = match next(&mut random, 2) {
                    0 => control[next(&mut random, control.len() as u64) as usize],
                    _ => 128 + next(&mut random, writing.len as u64 - 128) as usize,
                };
                set(&writing, at, made(&mut random, word(&writing, at)));
            }
        });
        let came_back = comes_back(&span, round);
        stop.store(true, Relaxed);
        writer.join().unwrap();
        assert!(came_back, "round {round}");
    }
}

/// Of one ring, by what `format.md` says and nothing else: kind number and thread of each record from the oldest on.
fn records_of(
    word: &impl Fn(usize) -> u64,
    ring: usize,
    [words, block, buckets]: [usize; 3],
) -> Vec<(u64, u64)> {
    let (intent, tail, watermark) = (word(ring), word(ring + 16), word(ring + 32));
    let at = |position: u64| word(ring + 48 + position as usize % words);
    let summaries = ring + 48 + words + buckets;
    let lowest = intent.saturating_sub(words as u64).max(words as u64).max(watermark);
    let mut found = Vec::new();
    for start in (lowest / block as u64 * block as u64..tail).step_by(block) {
        let mut position = word(summaries + start as usize / block % (words / block) * 4);
        let end = tail.min(start + block as u64);
        while position < end && at(position) != 0 {
            let lead = at(position);
            let is_mark = lead >> 48 & 32 != 0;
            if position >= watermark {
                found.push((lead >> 20 & 0xf_ffff, if is_mark { 0 } else { at(position + 4) & 0xffff_ffff }));
            }
            position += lead & 0xf_ffff;
        }
    }
    found
}

#[test]
fn a_reader_that_is_written_by_the_format_finds_the_same() {
    let events = eventful(1 << 20);
    let span = copied(&events);
    let word = |at: usize| word(&span, at);
    let size = |at: usize| word(at) as usize;
    assert_eq!((word(0).to_ne_bytes(), word(1), word(2)), (*b"FDEVENTS", 1, span.len as u64));
    let (kept, shards) = (size(5), size(5) + size(6));
    let kinds = 416;
    let threads = kinds + 16 + size(9);
    let losses = threads + 16 + size(10);

    let mut ring = losses + 128 * (1 + shards);
    let mut found = Vec::new();
    for (shard, class) in (0..shards).flat_map(|shard| (0..3).map(move |class| (shard, class))) {
        let sizes = if shard < kept { 16 } else { 32 } + 4 * class;
        let [words, block, buckets] = [0, 1, 2].map(|at| size(sizes + at));
        found.extend(records_of(&word, ring, [words, block, buckets]));
        ring += (48 + words + buckets + words / block * 5).next_multiple_of(16);
    }
    let overflow = 3 * (32 + size(7) * size(8)).next_multiple_of(16);
    assert_eq!(ring + overflow, span.len, "all of it is accounted for");

    let shards = events.view().shards.len();
    let mut expected = Vec::new();
    for (_, _, ring) in events.view().rings() {
        crate::events::read::scan(ring, ring.cut(), crate::events::read::BlockFilter::ALL, |header| {
            expected.push((u64::from(header.kind()), u64::from(header.thread())));
            crate::events::read::Step::On
        });
    }
    assert!(found.len() > 3_000 && shards == 4, "{} in {shards} shards", found.len());
    assert_eq!(found, expected);

    let mut names = Vec::new();
    let (mut at, end) = (kinds + 16, kinds + 16 + size(kinds));
    while at < end {
        assert_eq!(word(at) >> 32, 1);
        let bytes: Vec<u8> =
            (at + 4..).take(size(at + 3).div_ceil(8)).flat_map(|at| word(at).to_le_bytes()).collect();
        names.push((word(at + 1), String::from_utf8(bytes[..size(at + 3)].to_vec()).unwrap()));
        at += 1 + (word(at) & 0xffff_ffff) as usize;
    }
    for (number, name) in &names {
        assert_eq!(events.view().schemas.schema(*number as u32).unwrap().name(), name);
    }
    assert_eq!(names.len(), events.view().schemas.all().count());
    assert_eq!(word(losses + 72), events.losses().iter().map(|loss| loss.count).sum::<u64>());
}

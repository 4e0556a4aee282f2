//! The event store as its users see it.

use flightdeck::events::{
    BuildError, Class, Events, FieldType, InScope, LossCause, PerClass, QueryError, Schema, Scope, Shares,
    Stamp, Truncation, Value, ValuesError, Verdict,
};
use flightdeck::{Clock, CorrelationId, Diagnostic, Severity, SpanId, Ticks};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

flightdeck::kind! {
    /// The first event of a request.
    pub Accepted("http.accepted", starts) { peer: str }
    /// A step of a request.
    pub Step("http.step", severity = Debug) { index: u64, check: u64 }
    /// All types of fields.
    pub Everything("test.everything", severity = Error) {
        unsigned: u64, signed: i64, float: f64, flag: bool, text: str, raw: bytes, last: u64,
    }
    /// Nothing to tell.
    Marked("test.marked") {}
}

fn store(memory: usize) -> Events {
    Events::builder().memory(memory).build().unwrap()
}

#[test]
fn fields_come_back_as_they_went_in() {
    let events = store(1 << 20);
    for text in ["", "a", "eight by", "more than eight bytes", "ümlaut\u{0}\n"] {
        let raw: Vec<u8> = (0..text.len() as u8 + 3).collect();
        let sent = Everything {
            unsigned: u64::MAX,
            signed: i64::MIN,
            float: -0.25,
            flag: true,
            text,
            raw: &raw,
            last: 0xfeed,
        };
        let id = CorrelationId::new(u128::MAX - text.len() as u128);
        events.record_with(Stamp::of(id), sent);
        let answer = events.query().correlation(id).run().unwrap();
        let event = answer.iter().next().unwrap();
        assert_eq!(event.kind(), "test.everything");
        assert_eq!(event.severity(), Severity::Error);
        assert_eq!(event.correlation(), id);
        let fields: Vec<_> = event.fields().collect();
        let expected = [
            ("unsigned", Value::U64(u64::MAX)),
            ("signed", Value::I64(i64::MIN)),
            ("float", Value::F64(-0.25)),
            ("flag", Value::Bool(true)),
            ("text", Value::Str(text)),
            ("raw", Value::Bytes(&raw)),
            ("last", Value::U64(0xfeed)),
        ];
        assert_eq!(fields, expected);
        assert_eq!(event.field("last"), Some(Value::U64(0xfeed)));
        assert_eq!(event.field("absent"), None);
    }
}

#[test]
fn a_kind_defined_at_run_time_checks_its_values() {
    let events = store(1 << 20);
    let schema = Schema::new("row").field("name", FieldType::Str).field("size", FieldType::U64);
    let kind = events.define(schema.clone()).unwrap();
    let same = events.define(schema.clone()).unwrap();
    let values = [Value::Str("x"), Value::U64(9)];
    events.record_values(Stamp::of(1_u64), &kind, &values).unwrap();
    events.record_values(Stamp::of(1_u64), &same, &values).unwrap();
    let answer = events.query().kind_named("row").run().unwrap();
    assert_eq!(answer.len(), 2);
    assert!(answer.iter().all(|event| event.field("size") == Some(Value::U64(9))));

    let count = events.record_values(Stamp::of(1_u64), &kind, &values[..1]).unwrap_err();
    assert!(matches!(count, ValuesError::Count { fields: 2, values: 1, .. }), "{count}");
    let swapped = [values[1], values[0]];
    let mistyped = events.record_values(Stamp::of(1_u64), &kind, &swapped).unwrap_err();
    assert_eq!(mistyped.code(), "events.values.type");
    let foreign = store(1 << 20).record_values(Stamp::of(1_u64), &kind, &values).unwrap_err();
    assert_eq!(foreign.code(), "events.values.foreign_kind");
    assert_eq!(events.stats().kept, 2, "a refused event leaves nothing");
}

#[test]
fn a_thousand_requests_on_a_runtime_keep_their_chains_apart() {
    const REQUESTS: u64 = 1_000;
    const STEPS: u64 = 7;
    let events = Events::builder().memory(16 << 20).build().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let request = |id: u64| {
            let events = events.clone();
            async move {
                events.record(Accepted { peer: "client" });
                for index in 0..STEPS {
                    tokio::task::yield_now().await;
                    let check = id * STEPS + index;
                    if index % 2 == 0 {
                        events.record(Step { index, check });
                    } else {
                        let scope = Scope::current();
                        let events = events.clone();
                        let step = async move { events.record(Step { index, check }) };
                        tokio::spawn(step.in_scope(scope)).await.unwrap();
                    }
                }
            }
            .in_scope(Scope::root(id))
        };
        let tasks: Vec<_> = (1..=REQUESTS).map(|id| tokio::spawn(request(id))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    for id in 1..=REQUESTS {
        let answer = events.query().correlation(id).run().unwrap();
        assert_eq!(answer.verdict(), Verdict::Complete);
        assert_eq!(answer.len() as u64, STEPS + 1, "request {id}");
        let (first, steps) = (answer.iter().next().unwrap(), answer.iter().skip(1));
        assert!(first.is_root() && first.kind() == "http.accepted");
        for (index, step) in steps.enumerate() {
            assert_eq!(step.field("check"), Some(Value::U64(id * STEPS + index as u64)), "mixed chains");
        }
    }
    assert_eq!(events.stats().kept, REQUESTS * (STEPS + 1));
    assert_eq!(events.stats().lost(), 0);
}

#[test]
fn the_index_the_scan_and_the_oracle_agree_after_ten_laps() {
    let events = Events::builder().memory(256 << 10).shards(1).clock(Clock::manual()).build().unwrap();
    let mut writer = events.writer().unwrap();
    let clock = events.clock().clone();
    let mut written: Vec<(u64, u64)> = Vec::new();
    let per_lap = events.plan().ring[Class::Normal] as u64 / (8 * 8);
    for n in 0..10 * per_lap {
        clock.advance(Duration::from_nanos(10));
        // Runs of eight events an id, the first of which is the root.
        let id = 1 + n / 8;
        let stamp = Stamp::of(id);
        let stamp = if n % 8 == 0 { stamp.root() } else { stamp };
        writer.record_with(stamp, Step { index: n, check: id });
        written.push((id, n));
    }
    let all = events.query().run().unwrap();
    let kept: Vec<u64> = all.iter().map(|event| u64_field(&event, "index")).collect();
    assert!(!kept.is_empty() && (kept.len() as u64) < per_lap + 1);
    assert_eq!(kept, written[written.len() - kept.len()..].iter().map(|(_, n)| *n).collect::<Vec<_>>());
    assert!(matches!(all.verdict(), Verdict::Overwritten { .. }), "{:?}", all.verdict());
    let since = all.since();

    let (mut complete, mut whole) = (0, 0);
    for id in 1..=(10 * per_lap).div_ceil(8) {
        let answer = events.query().correlation(id).run().unwrap();
        let expected: Vec<u64> =
            written.iter().filter(|(other, n)| *other == id && kept.contains(n)).map(|(_, n)| *n).collect();
        let found: Vec<u64> = answer.iter().map(|event| u64_field(&event, "index")).collect();
        assert_eq!(found, expected, "id {id}");
        let all_there =
            expected.len() as u64 == written.iter().filter(|(other, _)| *other == id).count() as u64;
        if answer.verdict().is_complete() {
            assert!(all_there, "complete, and the oracle knows better: id {id}");
            complete += 1;
        }
        whole += u64::from(all_there);
        assert_eq!(answer.since(), since);
    }
    assert!(
        complete as f64 >= 0.95 * whole as f64,
        "{complete} of {whole} whole chains are said to be complete"
    );
}

fn u64_field(event: &flightdeck::events::Recorded<'_>, name: &str) -> u64 {
    match event.field(name) {
        Some(Value::U64(value)) => value,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn readers_see_whole_records_while_writers_lap() {
    let events = Events::builder().memory(164 << 10).shards(2).build().unwrap();
    let done = AtomicBool::new(false);
    let (validated, laps) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|threads| {
        let writers: Vec<_> = (0..2_u64)
            .map(|writer| {
                let events = &events;
                threads.spawn(move || {
                    for n in 0..150_000_u64 {
                        let id = 1 + n % 64 + writer * 64;
                        events.record_with(Stamp::of(id), Step { index: n, check: checksum(id, n) });
                    }
                })
            })
            .collect();
        for reader in 0..2_u64 {
            let (events, done, validated, laps) = (&events, &done, &validated, &laps);
            threads.spawn(move || {
                let mut id = reader;
                while !done.load(Ordering::Relaxed) {
                    id = id % 128 + 1;
                    let answer = events.query().correlation(id).run().unwrap();
                    for event in answer.iter() {
                        let index = u64_field(&event, "index");
                        assert_eq!(u64_field(&event, "check"), checksum(id, index), "torn or misattributed");
                    }
                    validated.fetch_add(answer.len() as u64, Ordering::Relaxed);
                    laps.fetch_add(u64::from(!answer.verdict().is_complete()), Ordering::Relaxed);
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(validated.load(Ordering::Relaxed) > 1_000, "the readers read next to nothing");
    assert!(laps.load(Ordering::Relaxed) > 0, "nothing was ever overwritten");
}

fn checksum(id: u64, n: u64) -> u64 {
    (id << 40 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn more_threads_than_shards_share_and_lose_nothing_unseen() {
    let events = Events::builder().memory(8 << 20).shards(2).build().unwrap();
    let sent = 16 * 500;
    std::thread::scope(|threads| {
        for thread in 0..16_u64 {
            let events = &events;
            threads.spawn(move || {
                for n in 0..500 {
                    events.record_with(Stamp::of(1 + thread), Step { index: n, check: thread });
                }
            });
        }
    });
    let stats = events.stats();
    assert_eq!(stats.kept + stats.lost(), sent, "{stats:?}");
    for thread in 0..16_u64 {
        let answer = events.query().correlation(1 + thread).run().unwrap();
        let numbers: Vec<u64> = answer.iter().map(|event| u64_field(&event, "index")).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "out of order: {numbers:?}");
    }
}

#[test]
fn a_shard_is_taken_over_by_the_next_thread_with_its_history() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    for n in 0..50_u64 {
        let events = events.clone();
        std::thread::spawn(move || {
            assert!(events.register_thread(), "the shard of a thread that ended is free");
            events.record_with(Stamp::of(5_u64), Step { index: n, check: 0 });
        })
        .join()
        .unwrap();
    }
    let answer = events.query().correlation(5_u64).run().unwrap();
    let numbers: Vec<u64> = answer.iter().map(|event| u64_field(&event, "index")).collect();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    assert!(answer.verdict().is_complete());
}

#[test]
fn scopes_nest_and_restore_also_when_a_poll_panics() {
    let events = store(1 << 20);
    {
        let _outer = events.scope(1_u64);
        events.record(Marked {});
        {
            let _inner = events.scope(2_u64);
            events.record(Marked {});
        }
        events.record(Marked {});
        let panicking = async { panic!("poll") }.in_scope(Scope::root(3_u64));
        let panicking: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(panicking);
        let poll = std::panic::AssertUnwindSafe(|| {
            let mut panicking = panicking;
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = panicking.as_mut().poll(&mut context);
        });
        assert!(std::panic::catch_unwind(poll).is_err());
        assert_eq!(Scope::current().correlation(), CorrelationId::from(1_u64));
    }
    events.record(Marked {});
    let of = |id: u64| events.query().correlation(id).run().unwrap();
    assert_eq!((of(1).len(), of(2).len()), (2, 1));
    assert_eq!(of(1).iter().filter(|event| event.is_root()).count(), 1, "the first of its scope");
    assert_eq!(events.query().count(), 4);
    assert_eq!(Scope::current().correlation(), CorrelationId::NONE);
}

#[test]
fn spans_keep_their_parents() {
    let events = store(1 << 20);
    let _in = events.scope(8_u64);
    let outer = events.start(Accepted { peer: "p" });
    let inner = {
        let _in = outer.enter();
        let inner = events.start(Step { index: 1, check: 0 });
        events.end(inner, Marked {});
        inner
    };
    events.end(outer, Marked {});
    let answer = events.query().correlation(8_u64).run().unwrap();
    let starts: Vec<_> = answer.iter().filter(|event| event.is_start()).collect();
    assert_eq!(starts[0].parent(), Some(SpanId::NONE));
    assert_eq!(starts[1].parent(), Some(outer.span()));
    assert_eq!(starts[1].span(), inner.span());
    assert_eq!(starts[1].field("index"), Some(Value::U64(1)));
    assert_eq!(answer.iter().filter(|event| event.is_end()).count(), 2);
    let text = answer.timeline().to_string();
    let depth = |kind: &str| {
        let line = text.lines().find(|line| line.contains(kind)).unwrap_or_default();
        line.find(kind).map_or(0, |at| line[..at].chars().count())
    };
    assert_eq!(depth("http.step"), depth("http.accepted") + 2, "{text}");
    assert!(text.ends_with("complete: 4 events"), "{text}");
}

#[test]
fn events_are_visited_without_being_collected() {
    let events = store(1 << 20);
    for index in 0..100 {
        events.record_with(Stamp::of(1 + index % 4), Step { index, check: !index });
    }
    let mut indexes = Vec::new();
    let verdict = events.query().correlation(2_u64).each(|event| {
        let Some(Value::U64(index)) = event.field("index") else { panic!("no index: {event:?}") };
        assert_eq!(event.field("check"), Some(Value::U64(!index)));
        indexes.push(index);
    });
    indexes.sort_unstable();
    assert!(verdict.unwrap().is_complete());
    assert_eq!(indexes, (0..25).map(|n| 4 * n + 1).collect::<Vec<_>>());
    let mut visits = 0;
    let verdict = events.query().limit(7).each(|_| visits += 1).unwrap();
    assert_eq!((visits, verdict), (7, Verdict::Truncated { by: Truncation::Limit }));
    assert!(events.query().kind_named("no.such").each(|_| ()).is_err());
}

#[test]
fn an_answer_is_narrowed_reordered_and_shown_with_fields_of_the_hosts_own() {
    let events = store(1 << 20);
    for index in 0..10 {
        events.record_with(Stamp::of(9_u64), Step { index, check: 0 });
    }
    let mut answer = events.query().correlation(9_u64).run().unwrap();
    let index = |event: &flightdeck::events::Recorded<'_>| match event.field("index") {
        Some(Value::U64(index)) => index,
        _ => u64::MAX,
    };
    answer.retain(|event| index(event) % 2 == 0);
    answer.sort_by_key(|event| std::cmp::Reverse(index(event)));
    assert_eq!(answer.iter().map(|event| index(&event)).collect::<Vec<_>>(), [8, 6, 4, 2, 0]);
    assert!(answer.verdict().is_complete());
    let doubled = |event: &flightdeck::events::Recorded<'_>, each: &mut dyn FnMut(&str, Value<'_>)| {
        each("twice\n", Value::U64(2 * index(event)));
    };
    let text = answer.timeline().with_fields(&doubled).to_string();
    assert!(text.contains(" twice\\n=16\n") && !text.contains("index="), "{text}");
}

#[test]
fn filters_add_up_and_contradictions_are_errors() {
    let events = Events::builder().memory(1 << 20).clock(Clock::manual()).build().unwrap();
    for n in 0..100_u64 {
        events.clock().advance(Duration::from_nanos(10));
        if n % 10 == 0 {
            let everything =
                Everything { unsigned: n, signed: 0, float: 0.0, flag: false, text: "", raw: &[], last: 0 };
            events.record_with(Stamp::of(1 + n % 2), everything);
        } else {
            events.record_with(Stamp::of(1 + n % 2), Step { index: n, check: 0 });
        }
    }
    let query = || events.query();
    assert_eq!(query().kind::<Everything<'_>>().run().unwrap().len(), 10);
    assert_eq!(query().kind_named("http.step").correlation(2_u64).run().unwrap().len(), 50);
    assert_eq!(query().severity_at_least(Severity::Warn).run().unwrap().len(), 10);
    assert_eq!(query().between(Ticks(101)..=Ticks(200)).run().unwrap().len(), 10);
    assert_eq!(query().between(Ticks(100)..Ticks(200)).run().unwrap().len(), 10);
    let newest = query().newest_first().limit(3).run().unwrap();
    let indexes: Vec<u64> = newest.iter().map(|event| u64_field(&event, "index")).collect();
    assert_eq!(indexes, [99, 98, 97]);
    assert_eq!(newest.verdict(), Verdict::Truncated { by: Truncation::Limit });
    assert!((4..=100).contains(&newest.matched()), "{}", newest.matched());
    assert_eq!(query().limit(0).run().unwrap().len(), 0);
    assert_eq!(query().budget(5).run().unwrap().verdict(), Verdict::Truncated { by: Truncation::Budget });
    assert_eq!(query().between(Ticks(5)..=Ticks(4)).run().unwrap_err(), QueryError::Range { from: 5, to: 4 });
    assert_eq!(query().correlation(CorrelationId::NONE).run().unwrap_err(), QueryError::NoId);
    assert_eq!(query().kind_named("nobody").run().unwrap_err().code(), "events.query.unknown_kind");
}

#[test]
fn supplied_times_may_go_back_and_are_found() {
    let events = Events::builder().memory(1 << 20).clock(Clock::supplied()).build().unwrap();
    for n in (0..1_000_u64).rev() {
        events.record_with(Stamp::of(3_u64).at(Ticks(1_000 + n)), Step { index: n, check: 0 });
    }
    let answer = events.query().between(Ticks(1_100)..=Ticks(1_109)).run().unwrap();
    let found: Vec<u64> = answer.iter().map(|event| u64_field(&event, "index")).collect();
    assert_eq!(found, (100..110).collect::<Vec<_>>());
}

#[test]
fn what_is_switched_off_too_large_or_too_late_is_left_out_and_said_so() {
    let builder = Events::builder().memory(1 << 20).shards(1);
    let events = builder.longest_value(usize::MAX).build().unwrap();
    events.record(Marked {});
    events.switch(false);
    events.record(Marked {});
    events.record_with(Stamp::of(1_u64), Accepted { peer: "met while off" });
    assert_eq!((events.stats().kept, events.stats().lost()), (1, 0), "switched off is no loss");
    events.switch(true);
    let longest = events.plan().longest_event[Class::Normal];
    let raw = vec![7; longest];
    events.record(Everything { unsigned: 0, signed: 0, float: 0., flag: true, text: "", raw: &raw, last: 0 });
    assert_eq!(events.stats().losses[0].cause, LossCause::TooLarge);
    let fits = &raw[..longest - 6 * 8 - 8 * 8];
    events.record(Everything { unsigned: 0, signed: 0, float: 0., flag: true, text: "", raw: fits, last: 0 });
    let answer = events.query().kind::<Everything<'_>>().run().unwrap();
    assert_eq!(answer.iter().next().unwrap().field("raw"), Some(Value::Bytes(fits)));
    assert!(matches!(answer.verdict(), Verdict::Overwritten { .. }), "a loss shows in the verdict");
    events.stop();
    events.record(Marked {});
    let causes: Vec<_> = events.losses().iter().map(|loss| loss.cause).collect();
    assert!(causes.contains(&LossCause::Stopped) && causes.contains(&LossCause::TooLarge), "{causes:?}");
    assert_eq!(events.stats().kept, 2, "reading goes on");
}

#[test]
fn two_stores_through_one_call_site_and_one_dropped_while_threads_write() {
    let first = store(1 << 20);
    let second = store(1 << 20);
    let gate = std::sync::Barrier::new(3);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            let (first, second) = (first.clone(), &second);
            let gate = &gate;
            threads.spawn(move || {
                let record = |store: &Events, index| store.record(Step { index, check: 1 });
                for index in 0..1_000 {
                    record(&first, index);
                    record(second, index);
                }
                drop(first);
                gate.wait();
                for index in 0..1_000 {
                    record(second, index);
                }
            });
        }
        drop(first);
        gate.wait();
    });
    let stats = second.stats();
    assert_eq!(stats.kept + stats.lost(), 4_000);
}

#[test]
fn ending_threads_record_and_own_nothing_afterwards() {
    struct Last(Events, u64);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.record_with(Stamp::of(77_u64), Step { index: self.1, check: 0 });
        }
    }
    thread_local! {
        static BEFORE: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
        static AFTER: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }
    let events = Events::builder().memory(8 << 20).shards(4).build().unwrap();
    for n in 0..500 {
        let events = events.clone();
        std::thread::spawn(move || {
            BEFORE.with(|cell| *cell.borrow_mut() = Some(Last(events.clone(), 2 * n)));
            events.record(Marked {});
            AFTER.with(|cell| *cell.borrow_mut() = Some(Last(events.clone(), 2 * n + 1)));
        })
        .join()
        .unwrap();
    }
    let stats = events.stats();
    assert_eq!(stats.lost(), 0, "{stats:?}");
    assert_eq!(events.query().correlation(77_u64).run().unwrap().len(), 1_000);
    assert_eq!(stats.shards_claimed, 0, "a thread that ended still owns a shard");
}

#[test]
fn sizes_that_make_no_store_are_refused_with_the_remedy() {
    let small = Events::builder().memory(1_000).build().unwrap_err();
    assert!(matches!(small, BuildError::MemoryTooSmall { bytes: 1_000, .. }), "{small}");
    let none = Events::builder().shards(0).build().unwrap_err();
    assert_eq!(none, BuildError::Shards { shards: 0, most: 2_048 });
    assert_eq!(Events::builder().shards(2_049).plan().unwrap_err().code(), "events.shards.out_of_range");
    for memory in [220 << 10, 1 << 20, 5 << 20, 64 << 20, 1 << 30] {
        let plan = Events::builder().memory(memory).shards(4).plan().unwrap();
        assert!(plan.total <= memory && plan.total * 5 >= memory * 2, "{memory}: {plan:?}");
    }
}

flightdeck::kind! {
    Failed("class.failed", class = Critical, severity = Error) { n: u64 }
    Served("class.served") { n: u64 }
    Looked("class.looked", class = Verbose, severity = Debug) { n: u64 }
}

#[test]
fn ten_million_verbose_events_leave_all_others_alone() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    for n in 0..10_u64 {
        events.record_with(Stamp::of(n + 1).root(), Failed { n });
        events.record_with(Stamp::of(n + 1), Served { n });
    }
    for n in 0..10_000_000 {
        events.record_with(Stamp::of(77_u64), Looked { n });
    }
    for n in 0..10_u64 {
        let answer = events.query().kind::<Failed>().correlation(n + 1).run().unwrap();
        assert_eq!((answer.len(), answer.verdict()), (1, Verdict::Complete));
        assert_eq!(answer.iter().next().unwrap().class(), Class::Critical);
        assert_eq!(events.query().correlation(n + 1).run().unwrap().len(), 2);
    }
    let answer = events.query().kind::<Served>().run().unwrap();
    assert_eq!((answer.len(), answer.verdict()), (10, Verdict::Complete), "no normal event was overwritten");
    let all = events.query().limit(1).run().unwrap();
    assert_eq!(all.since_of(Class::Critical), Ticks(0));
    assert!(all.since_of(Class::Verbose) > Ticks(0) && all.since() == all.since_of(Class::Verbose));
    let stats = events.stats();
    assert_eq!(stats.written_by_class.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [10, 10, 10_000_000]);
}

#[test]
fn memory_is_shared_as_the_weights_say() {
    let rings = |shares| {
        let plan = Events::builder().memory(32 << 20).shards(2).shares(shares).plan().unwrap();
        assert!(plan.total <= 32 << 20, "{plan:?}");
        plan.ring
    };
    let ratio = |rings: PerClass<usize>| {
        (rings[Class::Normal] / rings[Class::Critical], rings[Class::Normal] / rings[Class::Verbose])
    };
    let (default, even) = (rings(Shares::default()), rings(Shares { critical: 1, normal: 1, verbose: 1 }));
    assert!(matches!(ratio(default), (4 | 8, 2 | 4)), "{default:?}");
    assert!(matches!(ratio(even), (1 | 2, 1 | 2)), "{even:?}");
    let only = rings(Shares::only(Class::Verbose));
    assert_eq!((only[Class::Critical], only[Class::Normal]), (8 << 10, 8 << 10), "the smallest there is");
    assert!(only[Class::Verbose] >= 4 << 20, "{only:?}");
}

#[test]
fn losses_say_of_which_class_and_when() {
    let builder = Events::builder().memory(1 << 20).shards(1).clock(Clock::manual());
    let events = builder.longest_value(usize::MAX).build().unwrap();
    let text = "x".repeat(2 << 20);
    flightdeck::kind! { Told("class.told", class = Verbose) { text: str } }
    events.clock().advance(Duration::from_nanos(7));
    events.record(Told { text: &text });
    events.clock().advance(Duration::from_nanos(5));
    events.record(Told { text: &text });
    events.record(Served { n: 1 });
    events.stop();
    events.record(Failed { n: 1 });
    let said: Vec<_> = events
        .losses()
        .into_iter()
        .map(|loss| (loss.cause, loss.class, loss.shard, loss.count, loss.first.0, loss.last.0))
        .collect();
    let stopped = (LossCause::Stopped, Class::Critical, None, 1, 12, 12);
    assert_eq!(said, [stopped, (LossCause::TooLarge, Class::Verbose, Some(0), 2, 7, 12)]);
}

#[test]
fn pruned_events_are_gone_and_the_verdict_says_so() {
    let events = Events::builder().memory(1 << 20).shards(1).clock(Clock::manual()).build().unwrap();
    for n in 0..1_000_u64 {
        events.clock().advance(Duration::from_nanos(1));
        events.record_with(Stamp::of(n / 10 + 1), Served { n });
        events.record_with(Stamp::of(n / 10 + 1), Failed { n });
    }
    assert_eq!(events.prune_before(Ticks(1)), 0);
    assert_eq!(events.query().run().unwrap().verdict(), Verdict::Complete, "nothing was pruned");
    assert_eq!(events.prune_before(Ticks(501)), 1_000);
    assert_eq!(events.prune_before(Ticks(501)), 0, "once");
    let answer = events.query().run().unwrap();
    assert_eq!((answer.len(), answer.verdict()), (1_000, Verdict::Overwritten { since: Ticks(501) }));
    assert!(answer.iter().all(|event| event.ticks() >= Ticks(501)));
    for (id, found) in [(50_u64, 0), (51, 20), (100, 20)] {
        assert_eq!(events.query().correlation(id).run().unwrap().len(), found, "{id}");
    }
    assert_eq!(events.query().between(Ticks(501)..).run().unwrap().verdict(), Verdict::Complete);
    let stats = events.stats();
    assert_eq!((stats.written, stats.kept, stats.pruned, stats.overwritten), (2_000, 1_000, 1_000, 0));
    assert_eq!(events.clear(), 1_000);
    assert!(events.query().run().unwrap().is_empty());
    events.record_with(Stamp::of(7_u64), Served { n: 1 });
    assert_eq!(events.query().run().unwrap().len(), 1, "writing goes on");
}

#[test]
fn each_event_is_pruned_once_whoever_prunes() {
    let events = Events::builder().memory(4 << 20).shards(4).build().unwrap();
    let done = AtomicBool::new(false);
    let pruned: u64 = std::thread::scope(|threads| {
        let pruners: Vec<_> = (0..2)
            .map(|_| {
                threads.spawn(|| {
                    let mut pruned = 0;
                    while !done.load(Ordering::Relaxed) {
                        pruned += events.clear();
                    }
                    pruned
                })
            })
            .collect();
        let writers =
            [(); 2].map(|()| threads.spawn(|| (0..5_000).for_each(|n| events.record(Served { n }))));
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        pruners.into_iter().map(|pruner| pruner.join().unwrap()).sum()
    });
    let stats = events.stats();
    assert_eq!((stats.pruned, stats.written), (pruned, 10_000));
    assert_eq!(stats.kept + stats.pruned + stats.overwritten, 10_000);
}

#[test]
fn marks_are_short_and_belong_to_nothing() {
    let events = Events::builder().memory(1 << 20).shards(2).build().unwrap();
    let _in = events.scope(5_u64);
    let before = events.stats().words_written;
    events.mark(Marked {});
    assert_eq!(events.stats().words_written - before, 2);
    let mut writer = events.writer().unwrap();
    for n in 0..1_000 {
        events.mark(Served { n });
        events.record(Served { n: 1_000 + n });
        writer.mark(Accepted { peer: "some peer" });
    }
    assert_eq!(events.query().correlation(5_u64).run().unwrap().len(), 1_000, "marks have no id");
    let answer = events.query().kind::<Served>().run().unwrap();
    let marks: Vec<_> = answer.iter().filter(|event| event.correlation().is_none()).collect();
    let values: Vec<_> = marks.iter().map(|event| event.field("n")).collect();
    assert_eq!(values, (0..1_000).map(|n| Some(Value::U64(n))).collect::<Vec<_>>());
    assert!(
        marks.iter().all(|event| event.thread() == 0 && event.span().is_none() && event.parent().is_none())
    );
    let told = events.query().kind::<Accepted<'_>>().run().unwrap();
    assert!(
        told.len() == 1_000 && told.iter().all(|event| event.field("peer") == Some(Value::Str("some peer")))
    );
    assert_eq!(events.stats().written, 3_001);
}

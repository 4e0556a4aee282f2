//! Events as a trace: read back, both formats must draw what was recorded.

mod drawn;
mod schema;

use drawn::{Drawn, Slice};
use flightdeck::bridge::trace::{Entry, Format, Stats, Trace, TraceBuilder};
use flightdeck::events::{
    Answer, Change, Class, Delivery, Events, FieldType, Schema, Shares, Stamp, Start, Value,
};
use flightdeck::{Clock, CorrelationId, SpanId, Ticks};
use proptest::prelude::*;
use std::collections::BTreeSet;

flightdeck::kind! {
    Handle("order.handle") { order: u64, user: str }
    Handled("order.handled") { accepted: bool }
    Check("risk.check") { limit: i64 }
    Priced("order.priced") { price: f64, venue: str }
    Login("user.login") { name: str, password: secret str, mail: personal str }
    Frame("can.frame") { data: bytes }
    Repriced("order.repriced") { changes: diff }
    Beat("host.beat") { n: u64 }
}

const FORMATS: [Format; 2] = [Format::Perfetto, Format::Chrome];

fn builder(format: Format) -> TraceBuilder {
    Trace::builder(format).process(4711, "matching \"engine\"")
}

fn written(builder: TraceBuilder, answer: &Answer) -> (Vec<u8>, Stats) {
    let mut trace = builder.start(Vec::new(), answer.converter());
    trace.answer(answer).unwrap();
    let (bytes, stats) = trace.finish().unwrap();
    assert_eq!(stats.bytes, bytes.len() as u64);
    (bytes, stats)
}

fn read(format: Format, bytes: &[u8]) -> Drawn {
    match format {
        Format::Perfetto => drawn::perfetto(bytes),
        _ => drawn::chrome(bytes),
    }
}

/// What both formats draw of all that was recorded.
fn drawn_of(events: &Events) -> [(Drawn, Stats); 2] {
    let answer = events.query().run().unwrap();
    FORMATS.map(|format| {
        let (bytes, stats) = written(builder(format), &answer);
        (read(format, &bytes), stats)
    })
}

/// A store whose times are those that are given.
fn told() -> Events {
    Events::builder().memory(1 << 20).shards(4).clock(Clock::supplied()).build().unwrap()
}

#[test]
fn a_request_is_drawn_as_it_ran() {
    let events = Events::builder().build().unwrap();
    let thread = std::thread::Builder::new().name("worker \\ 1".into());
    let record = || {
        let _in = events.scope(0xabc_u64);
        let handle = events.span(Handle { order: 7, user: "a \"quoted\"\nname\u{0}" });
        let check = events.span(Check { limit: -5 });
        events.record(Priced { price: 1.25, venue: "XETRA" });
        drop(check);
        handle.end(Handled { accepted: true });
    };
    std::thread::scope(|scope| thread.spawn_scoped(scope, record).unwrap().join().unwrap());
    let answer = events.query().run().unwrap();
    for format in FORMATS {
        let (bytes, stats) = written(builder(format).counter("order.priced", "price"), &answer);
        let drawn = read(format, &bytes);
        assert_eq!(drawn.process, "matching \"engine\"");
        assert_eq!((stats.events, stats.spans, stats.instants, stats.samples), (5, 2, 1, 1));
        assert_eq!((drawn.slices.len(), drawn.instants.len()), (2, 1));
        let (handle, check) = (drawn.slice("order.handle"), drawn.slice("risk.check"));
        let of_spans: Vec<_> = answer.iter().filter(|event| event.is_start() || event.is_end()).collect();
        let times: Vec<_> = of_spans.iter().map(|event| answer.converter().unix_ns(event.ticks())).collect();
        assert_eq!((handle.start, handle.end), (times[0], Some(times[3])));
        assert_eq!((check.start, check.end), (times[1], Some(times[2])));
        let priced = drawn.instant("order.priced");
        for slice in [handle, check, priced] {
            assert_eq!(slice.track, "worker \\ 1");
            assert_eq!(slice.args["correlation"], CorrelationId::from(0xabc_u64).to_string());
            assert_eq!(slice.args["category"], "info");
        }
        assert_eq!(handle.args["order"], 7);
        assert_eq!(handle.args["user"], "a \"quoted\"\nname\u{0}");
        assert_eq!(handle.args["end"]["accepted"], true);
        assert_eq!(check.args["limit"], -5);
        assert_eq!(check.args["parent"], handle.args["span"]);
        assert!(!check.args.contains_key("end"), "its end said the same once more");
        assert_eq!(priced.args["price"], 1.25);
        assert_eq!(drawn.counters["order.priced price"], [(priced.start, 1.25)]);
        assert!(!handle.flows.is_empty() && handle.flows == check.flows, "one id is one flow");
    }
}

#[test]
fn halves_of_spans_are_drawn_and_counted() {
    let events = told();
    let span = |number: u64| Stamp::of(CorrelationId::new(1)).span(SpanId::new(number));
    events.record_with(span(1).starts_under(SpanId::NONE).at(Ticks(1_000)), Check { limit: 1 });
    events.record_with(span(2).ends_since(Ticks(500)).at(Ticks(2_000)), Handled { accepted: true });
    events.record_with(span(3).ends().at(Ticks(3_000)), Beat { n: 3 });
    events.record_with(span(4).starts_under(SpanId::NONE).at(Ticks(4_000)), Frame { data: &[1, 255] });
    events.record_with(span(4).ends_since(Ticks(4_000)).at(Ticks(3_900)), Frame { data: &[1, 255] });
    for (drawn, stats) in drawn_of(&events) {
        let unfinished = drawn.slice("risk.check");
        assert_eq!((unfinished.start, unfinished.end), (1_000, None));
        let begun_before = drawn.slice("order.handled");
        assert_eq!((begun_before.start, begun_before.end), (500, Some(2_000)));
        assert!(begun_before.args["note"].as_str().unwrap().contains("beginning is not there"));
        let alone = drawn.instant("host.beat");
        assert!(alone.args["note"].as_str().unwrap().contains("span ended here"));
        assert_eq!((stats.unfinished, stats.ends_alone), (2, 1), "in time order the end of 4 comes first");
        assert_eq!((stats.spans, stats.beginnings_missing), (2, 2));
        assert_eq!(stats.backwards, 1);
        assert_eq!(stats.events, stats.instants + stats.ends_alone + stats.spans + stats.unfinished);
    }
}

#[test]
fn a_beginning_that_says_how_long_it_takes_is_a_whole_span() {
    let events = told();
    let schema = Schema::new("rpc").field("duration_ns", FieldType::U64).field("path", FieldType::Str);
    let kind = events.define(schema).unwrap();
    let span = |number: u64, under, at| {
        Stamp::of(CorrelationId::new(9))
            .span(SpanId::new(number))
            .starts_under(SpanId::new(under))
            .at(Ticks(at))
    };
    let record = |stamp, took, path| {
        events.record_values(stamp, &kind, &[Value::U64(took), Value::Str(path)]).unwrap();
    };
    record(span(1, 0, 100), 900, "/");
    record(span(2, 1, 200), 100, "/a");
    record(span(3, 1, 300), 100, "/b");
    record(span(4, 1, 350), 100, "/c");
    let answer = events.query().run().unwrap();
    for format in FORMATS {
        let mut trace = builder(format).start(Vec::new(), answer.converter());
        for event in answer.iter() {
            let path = event.field("path").and_then(|path| path.as_str()).unwrap();
            let fields = [("took", Value::Str("long"))];
            trace.write(Entry::of(event).name(path).track("pod").fields(&fields)).unwrap();
        }
        let (bytes, stats) = trace.finish().unwrap();
        let drawn = read(format, &bytes);
        let times = |name: &str| (drawn.slice(name).start, drawn.slice(name).end);
        assert_eq!([times("/"), times("/a")], [(100, Some(1_000)), (200, Some(300))]);
        assert_eq!([times("/b"), times("/c")], [(300, Some(400)), (350, Some(450))]);
        assert_eq!((stats.spans, stats.unfinished, stats.beside), (4, 0, 1), "one of b and c");
        assert_eq!(drawn.slice("/").args["took"], "long");
        let on_pod = drawn.slices.iter().filter(|slice| slice.track == "pod").count();
        assert_eq!(on_pod, 3);
    }
}

#[test]
fn spans_that_end_elsewhere_are_beside_their_threads() {
    let events = Events::builder().build().unwrap();
    let walk = events.owned_span(Check { limit: 3 });
    let other = events.clone();
    std::thread::spawn(move || {
        other.record(Beat { n: 1 });
        drop(walk);
    })
    .join()
    .unwrap();
    for (drawn, stats) in drawn_of(&events) {
        assert_eq!((stats.spans, stats.beside), (1, 1));
        let track = &drawn.slice("risk.check").track;
        assert!(["across threads", "beside"].contains(&track.as_str()), "{track}");
    }
}

#[test]
fn secrets_stay_secret_and_everything_else_is_readable() {
    let events = Events::builder().longest_value(64).build().unwrap();
    events.record(Login { name: "ada", password: "hunter2-hunter2", mail: "ada@example.org" });
    events.record(Frame { data: &[0xde, 0xad, 0xbe, 0xef] });
    events.record(Priced { price: f64::NAN, venue: &"long ".repeat(1_000) });
    let changes = [Change::of("price", 1.25, f64::INFINITY), Change::of("pin", "7781", "4321").secret()];
    events.record(Repriced { changes: &changes });
    let taken = Schema::new("odd")
        .field("correlation", FieldType::U64)
        .field("x", FieldType::I64)
        .field("x", FieldType::I64);
    let odd = events.define(taken).unwrap();
    events
        .record_values(Stamp::current(), &odd, &[Value::U64(u64::MAX), Value::I64(1), Value::I64(2)])
        .unwrap();
    let answer = events.query().run().unwrap();
    for format in FORMATS {
        let (bytes, _) = written(builder(format), &answer);
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        for secret in ["hunter2", "ada@example", "7781", "4321"] {
            assert!(!has(secret), "{secret}");
        }
        let drawn = read(format, &bytes);
        let login = &drawn.instant("user.login").args;
        assert_eq!(login["password"], "<secret, 15 bytes>");
        assert!(login["mail"].as_str().unwrap().starts_with("<personal "));
        assert_eq!(drawn.instant("can.frame").args["data"], "deadbeef");
        let venue = drawn.instant("order.priced").args["venue"].as_str().unwrap();
        assert!(venue.ends_with("<cut, 5000 bytes>"), "{venue}");
        let changes = &drawn.instant("order.repriced").args["changes"];
        assert_eq!(changes["price"]["before"], 1.25);
        assert_eq!(changes["pin"]["after"], "<secret, 4 bytes>");
        let odd = &drawn.instant("odd").args;
        assert_eq!(odd["correlation#2"].to_string().trim_matches('"'), u64::MAX.to_string());
        assert_eq!((&odd["x"], &odd["x#2"]), (&1.into(), &2.into()));
    }
}

#[test]
fn what_is_missing_is_drawn() {
    for format in FORMATS {
        let events = Events::builder().memory(1 << 20).shares(Shares::only(Class::Normal)).build().unwrap();
        let mut cursor = events.query().follow_from(Start::Oldest).unwrap();
        (0..200_000).for_each(|n| events.record(Beat { n }));
        let mut trace = builder(format).start(Vec::new(), events.clock().converter());
        let mut written = Ok(());
        cursor.drain(|delivery: Delivery<'_>| {
            if written.is_ok() {
                written = trace.delivery(delivery);
            }
        });
        written.unwrap();
        let (bytes, stats) = trace.finish().unwrap();
        let drawn = read(format, &bytes);
        assert_eq!(stats.events + stats.missing, 200_000);
        assert_eq!(drawn.instant("events are missing").args["count"], stats.missing);
        assert_eq!(drawn.instants.len() as u64, stats.events + 1);
    }
}

#[test]
fn no_more_spans_are_kept_than_may_be_open() {
    let events = Events::builder().memory(8 << 20).build().unwrap();
    let _in = events.scope(5_u64);
    let spans: Vec<_> = (0..1_000).map(|n| events.owned_span(Beat { n })).collect();
    spans.into_iter().for_each(drop);
    let answer = events.query().run().unwrap();
    for format in FORMATS {
        let (bytes, stats) = written(builder(format).most_open(100, 1 << 20), &answer);
        let drawn = read(format, &bytes);
        assert_eq!((stats.spans, stats.unfinished), (1_000, 0), "an end knows when its span began");
        assert!(stats.let_go >= 900 && stats.let_go == stats.beginnings_missing, "{stats:?}");
        let numbers: BTreeSet<_> = drawn.slices.iter().map(|slice| slice.args["n"].as_u64()).collect();
        assert_eq!((drawn.slices.len(), numbers.len()), (1_000, 1_000));
        assert_eq!(drawn.instants.len() as u64, stats.let_go);
        let (_, of_bytes) = written(builder(format).most_open(1 << 20, 10_000), &answer);
        assert!(of_bytes.let_go > 0);
    }
}

#[test]
fn names_that_are_new_each_time_are_written_out() {
    let events = Events::builder().memory(64 << 20).build().unwrap();
    (0..20_000).for_each(|n| events.record(Beat { n }));
    let answer = events.query().run().unwrap();
    for format in FORMATS {
        let mut trace = builder(format).start(Vec::new(), answer.converter());
        for (n, event) in answer.iter().enumerate() {
            let (name, field) = (format!("beat {n}"), format!("field {n}"));
            trace.write(Entry::of(event).name(&name).fields(&[(&field, Value::U64(n as u64))])).unwrap();
        }
        let drawn = read(format, &trace.finish().unwrap().0);
        assert_eq!(drawn.instants.len(), 20_000);
        for (n, instant) in drawn.instants.iter().enumerate() {
            assert_eq!(instant.name, format!("beat {n}"));
            assert_eq!(instant.args[&format!("field {n}")], n);
        }
    }
}

#[test]
fn a_trace_of_nothing_is_one() {
    let events = told();
    for (drawn, stats) in drawn_of(&events) {
        assert_eq!((drawn.slices.len(), stats.events), (0, 0));
        assert!(!drawn.process.is_empty() && stats.bytes > 0);
    }
}

#[test]
fn an_error_of_the_writer_comes_out() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let events = Events::builder().build().unwrap();
    (0..10_000).for_each(|n| events.record(Beat { n }));
    let answer = events.query().run().unwrap();
    let mut trace = builder(Format::Perfetto).start(Full, answer.converter());
    assert_eq!(trace.answer(&answer).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
}

/// One step of a thread of work: a span begins, or an open one ends, or something happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Begin,
    End(usize),
    Happen,
}

fn act() -> impl Strategy<Value = (Act, u64, usize)> {
    let what = prop_oneof![Just(Act::Begin), any::<usize>().prop_map(Act::End), Just(Act::Happen)];
    (what, 0_u64..3, 0_usize..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever spans do, in both formats each is drawn once, from where it began to where it ended.
    #[test]
    fn each_span_is_drawn_once(acts in prop::collection::vec(act(), 1..120)) {
        let events = told();
        let mut writers: Vec<_> = (0..3).map(|_| events.writer().unwrap()).collect();
        let beat = |n| [Value::U64(n)];
        let kind = events.define(Schema::new("work").field("n", FieldType::U64)).unwrap();
        let (mut now, mut number, mut open, mut expected, mut happened) = (10, 0, Vec::new(), Vec::new(), 0);
        for (act, later, by) in acts {
            now += later;
            match act {
                Act::Begin => {
                    number += 1;
                    let stamp = Stamp::of(CorrelationId::new(u128::from(number % 4))).span(SpanId::new(number));
                    let begins = stamp.starts_under(SpanId::NONE).at(Ticks(now));
                    writers[by].record_values(begins, &kind, &beat(number)).unwrap();
                    open.push((stamp, number, now));
                }
                Act::End(which) if !open.is_empty() => {
                    let (stamp, n, began) = open.swap_remove(which % open.len());
                    let ends = stamp.ends_since(Ticks(began)).at(Ticks(now));
                    writers[by].record_values(ends, &kind, &beat(n)).unwrap();
                    expected.push((n, began, Some(now)));
                }
                _ => {
                    happened += 1;
                    writers[by].record_values(Stamp::of(CorrelationId::NONE).at(Ticks(now)), &kind, &beat(0)).unwrap();
                }
            }
        }
        expected.extend(open.into_iter().map(|(_, n, began)| (n, began, None)));
        expected.sort_unstable();
        for (drawn, stats) in drawn_of(&events) {
            let span = |slice: &Slice| (slice.args["n"].as_u64().unwrap(), slice.start, slice.end);
            let mut found: Vec<_> = drawn.slices.iter().map(span).collect();
            found.sort_unstable();
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(drawn.instants.len(), happened);
            prop_assert_eq!(stats.spans + stats.unfinished, expected.len() as u64);
            prop_assert_eq!(stats.beginnings_missing, 0);
        }
    }
}

//! Answers and events as JSON, read back.

use flightdeck::events::{
    Answer, Batch, Change, Class, Events, FieldType, Recorded, Schema, Scope, Stamp, Value,
};
use flightdeck::{Clock, CorrelationId, SpanId, Ticks};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::time::Duration;

flightdeck::kind! {
    Placed("order.placed") { qty: u64 }
    Walk("book.walk", severity = Debug, class = Verbose) { symbol: str }
    Flood("flood.normal") { n: u64 }
}

fn store() -> Events {
    Events::builder().memory(1 << 20).shards(1).clock(Clock::manual()).build().unwrap()
}

fn parsed(answer: &Answer) -> Json {
    let text = answer.json().to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn line(event: &Recorded<'_>) -> Json {
    serde_json::from_str(&event.json().to_string()).unwrap()
}

/// What is in a field of that name, as it is.
fn value<'a>(event: &'a Json, name: &str) -> &'a Json {
    &event["fields"][name]["value"]
}

#[test]
fn an_answer_says_what_it_holds_and_whether_that_is_all() {
    let events = store();
    let _in = events.scope(7_u64);
    events.clock().advance(Duration::from_nanos(100));
    let placed = events.span(Placed { qty: 5 });
    let span = placed.id().unwrap();
    events.clock().advance(Duration::from_nanos(20));
    events.record(Walk { symbol: "a \"quoted\"\n\u{1b}[31m" });
    events.clock().advance(Duration::from_nanos(10));
    drop(placed);
    let answer = events.query().correlation(7_u64).run().unwrap();
    let told = parsed(&answer);
    let ids: Vec<_> = answer.iter().map(|event| event.id().get().to_string()).collect();
    let unix = |at: u64| answer.converter().unix_ns(Ticks(at)).to_string();
    let (id, span) = (CorrelationId::from(7_u64).to_string(), span.to_string());
    let mut expected = json!({
        "verdict": "complete", "since": null,
        "since_by_class": { "critical": null, "normal": null, "verbose": null },
        "matched": 3, "missing": 0, "gone": 0, "visited": answer.visited(),
        "events": [
            {
                "id": ids[0], "ticks": "100", "unix_ns": unix(100), "kind": "order.placed", "severity": "info",
                "class": "normal", "thread": 1, "correlation": id, "span": span, "start": true, "root": true,
                "fields": { "qty": { "type": "u64", "value": 5 } },
            },
            {
                "id": ids[1], "ticks": "120", "unix_ns": unix(120), "kind": "book.walk", "severity": "debug",
                "class": "verbose", "thread": 1, "correlation": id, "span": span,
                "fields": { "symbol": { "type": "str", "value": "a \"quoted\"\n\u{1b}[31m" } },
            },
            {
                "id": ids[2], "ticks": "130", "unix_ns": unix(130), "kind": "order.placed", "severity": "info",
                "class": "normal", "thread": 1, "correlation": id, "span": span, "end": true, "duration_ns": 30,
                "fields": { "qty": { "type": "u64", "value": 5 } },
            },
        ],
        "tree": [
            {
                "event": ids[0], "depth": 0, "origin": "root", "end": ids[2], "duration_ns": 30, "self_ns": 30,
                "child_ns": 0,
            },
            { "event": ids[1], "depth": 1, "parent": 0, "origin": "child" },
            { "event": ids[2], "depth": 1, "parent": 0, "origin": "child" },
        ],
    });
    let name = answer.iter().next().unwrap().thread_name().expect("tests run in threads with names");
    for event in expected["events"].as_array_mut().unwrap() {
        event["thread_name"] = (*name).into();
    }
    assert_eq!(told, expected);
    assert_eq!(told["events"], Json::Array(answer.iter().map(|event| line(&event)).collect()));
}

#[test]
fn what_may_be_missing_is_said() {
    let events = Events::builder().memory(1 << 18).shards(1).clock(Clock::manual()).build().unwrap();
    let written = events.plan().ring[Class::Normal] as u64 / 32;
    for n in 0..written {
        events.clock().advance(Duration::from_nanos(5));
        events.record_with(Stamp::of(1_u64), Flood { n });
    }
    let answer = events.query().correlation(1_u64).run().unwrap();
    let told = parsed(&answer);
    assert_eq!(told["verdict"], "overwritten");
    assert_eq!(told["since"]["ticks"], answer.since().0.to_string());
    assert_eq!(told["since_by_class"]["normal"], told["since"]);
    assert_eq!(told["since_by_class"]["verbose"], Json::Null);
    assert_eq!(told["events"].as_array().unwrap().len(), answer.len());
    let told = parsed(&events.query().limit(2).run().unwrap());
    assert_eq!((&told["verdict"], &told["truncated_by"]), (&json!("truncated"), &json!("limit")));
    let told = parsed(&events.query().budget(1).run().unwrap());
    assert_eq!((&told["verdict"], &told["truncated_by"]), (&json!("truncated"), &json!("budget")));
    let none = parsed(&events.query().limit(0).run().unwrap());
    assert_eq!((&none["events"], &none["tree"]), (&json!([]), &json!([])));
}

#[test]
fn parents_links_and_batches_are_told() {
    let events = store();
    let caller = Scope::from_traceparent("00-00000000000000000000000000000007-00f067aa0ba902b7-01").unwrap();
    let other = Scope::root(u128::MAX).in_span(SpanId::new(u64::MAX));
    {
        let _in = caller.enter();
        drop(events.span_linked(&[other; 40], Placed { qty: 1 }));
    }
    let mut batch = Batch::new();
    for n in 0..2 {
        batch.push_with(Stamp::of(9_u64), Flood { n });
    }
    events.record_batch(&mut batch).unwrap();
    let answer = events.query().run().unwrap();
    let told = parsed(&answer);
    let start = &told["events"][0];
    assert_eq!(start["parent"], "00f067aa0ba902b7");
    let link = json!({ "correlation": "f".repeat(32), "span": "f".repeat(16) });
    assert_eq!((&start["links"], &start["links_left_out"]), (&json!(vec![link; 32]), &json!(8)));
    assert_eq!(told["tree"][0]["origin"], "orphan");
    assert_eq!(told["tree"][0]["under"], "00f067aa0ba902b7");
    let batched: Vec<_> =
        told["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "flood.normal").collect();
    assert_eq!(batched.len(), 2);
    for event in batched {
        assert_eq!(event["batch"], json!({ "first": batched_first(&answer), "whole": true }));
        assert_eq!(event["correlation"], format!("{:032x}", 9));
    }
}

fn batched_first(answer: &Answer) -> String {
    answer.iter().find_map(|event| event.batch()).unwrap().first.get().to_string()
}

#[test]
fn numbers_that_json_readers_would_change_are_strings() {
    let events = store();
    let schema = Schema::new("numbers")
        .field("exact", FieldType::U64)
        .field("beyond", FieldType::U64)
        .field("most", FieldType::U64)
        .field("least", FieldType::I64)
        .field("below", FieldType::I64)
        .field("nan", FieldType::F64)
        .field("up", FieldType::F64)
        .field("down", FieldType::F64)
        .field("zero", FieldType::F64);
    let kind = events.define(schema).unwrap();
    let values = [
        Value::U64(1 << 53),
        Value::U64((1 << 53) + 1),
        Value::U64(u64::MAX),
        Value::I64(i64::MIN),
        Value::I64(-(1 << 53)),
        Value::F64(f64::NAN),
        Value::F64(f64::INFINITY),
        Value::F64(f64::NEG_INFINITY),
        Value::F64(-0.0),
    ];
    events.record_values(Stamp::current(), &kind, &values).unwrap();
    let answer = events.query().run().unwrap();
    let told = line(&answer.iter().next().unwrap());
    for (name, expected) in [
        ("exact", json!(9_007_199_254_740_992_u64)),
        ("beyond", json!("9007199254740993")),
        ("most", json!("18446744073709551615")),
        ("least", json!("-9223372036854775808")),
        ("below", json!(-9_007_199_254_740_992_i64)),
        ("nan", json!("NaN")),
        ("up", json!("Infinity")),
        ("down", json!("-Infinity")),
    ] {
        assert_eq!(value(&told, name), &expected, "{name}");
    }
    assert!(value(&told, "zero").as_f64().is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
    assert!(told.get("correlation").is_none() && told.get("span").is_none() && told.get("start").is_none());
}

#[test]
fn fields_of_one_name_are_told_apart() {
    let events = store();
    let names = ["a", "a", "a#2", "a"];
    let schema = names.iter().fold(Schema::new("twins"), |schema, name| schema.field(*name, FieldType::U64));
    let kind = events.define(schema).unwrap();
    events.record_values(Stamp::current(), &kind, &[1, 2, 3, 4].map(Value::U64)).unwrap();
    let answer = events.query().run().unwrap();
    let told = line(&answer.iter().next().unwrap());
    let numbers = ["a", "a#2", "a#2#2", "a#3"].map(|name| value(&told, name).as_u64());
    assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4)], "{told}");
    assert_eq!(told["fields"].as_object().unwrap().len(), 4);
}

#[test]
fn what_changed_is_a_list() {
    let events = store();
    let changes = [Change::of("price", 1.25, 1.5), Change::of("pin", "hush", "tush").secret()];
    events.state_changed("order", &changes);
    let answer = events.query().run().unwrap();
    let told = line(&answer.iter().next().unwrap());
    let expected = json!([
        { "name": "price", "before": { "type": "f64", "value": 1.25 }, "after": { "type": "f64", "value": 1.5 } },
        { "name": "pin", "before": { "type": "secret", "bytes": 4 }, "after": { "type": "secret", "bytes": 4 } },
    ]);
    assert_eq!(value(&told, "changes"), &expected);
    let text = told.to_string();
    assert!(!text.contains("hush") && !text.contains("tush"), "{text}");
}

#[derive(Clone, Debug)]
enum Owned {
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    Str(String),
    Bytes(Vec<u8>),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::U64(value) => Value::U64(*value),
            Self::I64(value) => Value::I64(*value),
            Self::F64(value) => Value::F64(*value),
            Self::Bool(value) => Value::Bool(*value),
            Self::Str(value) => Value::Str(value),
            Self::Bytes(value) => Value::Bytes(value),
        }
    }

    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            any::<u64>().prop_map(Self::U64),
            any::<i64>().prop_map(Self::I64),
            any::<u64>().prop_map(|bits| Self::F64(f64::from_bits(bits))),
            any::<bool>().prop_map(Self::Bool),
            "(?s).{0,40}".prop_map(Self::Str),
            prop::collection::vec(any::<u8>(), 0..60).prop_map(Self::Bytes),
        ]
    }
}

/// What a reader makes of a value, which must be what was stored.
fn holds(told: &Json, stored: &Value<'_>) -> bool {
    let (told_type, told_value) = (told["type"].as_str().unwrap(), &told["value"]);
    let number = || told_value.as_str().map_or_else(|| told_value.to_string(), str::to_owned);
    let is_cut = told.get("cut_from").map(|bytes| bytes.as_u64().unwrap()) == stored.cut_from();
    is_cut
        && match *stored {
            Value::U64(value) => told_type == "u64" && number() == value.to_string(),
            Value::I64(value) => told_type == "i64" && number() == value.to_string(),
            Value::F64(value) if value.is_nan() => told_type == "f64" && told_value == "NaN",
            Value::F64(value) => {
                let told = number().replace("Infinity", "inf").parse::<f64>().unwrap();
                told_type == "f64" && told.to_bits() == value.to_bits()
            }
            Value::Bool(value) => told_type == "bool" && told_value == value,
            Value::Str(text) | Value::CutStr { kept: text, .. } => told_type == "str" && told_value == text,
            Value::Bytes(bytes) | Value::CutBytes { kept: bytes, .. } => {
                let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                told_type == "bytes" && told_value == digits.as_str()
            }
            Value::Secret { bytes } => {
                told_type == "secret" && told.get("value").is_none() && told["bytes"].as_u64() == Some(bytes)
            }
            Value::Personal(pseudonym) => {
                told_type == "personal" && told_value == pseudonym.to_string().as_str()
            }
            _ => false,
        }
}

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 8 } else { 256 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_stored_is_read_back(
        given in prop::collection::vec(("(?s).{0,6}", Owned::any(), 0..6_u8), 0..9),
        kind in "(?s).{0,12}",
        id: u128, span: u64, parent: Option<u64>, ticks in 0..u64::MAX / 2,
        longest in prop_oneof![Just(10_000_usize), 0..50_usize],
    ) {
        let builder = Events::builder().memory(1 << 20).shards(1).clock(Clock::manual());
        let events = builder.longest_value(longest).build().unwrap();
        let mut schema = Schema::new(kind.clone());
        for (at, (name, value, privacy)) in given.iter().enumerate() {
            let (name, of) = (format!("{name}{at}"), value.value().field_type().unwrap());
            schema = match privacy {
                0 => schema.secret_field(name, of),
                1 => schema.personal_field(name, of),
                _ => schema.field(name, of),
            };
        }
        let defined = events.define(schema).unwrap();
        let mut stamp = Stamp::of(id).span(SpanId::new(span)).at(Ticks(ticks));
        if let Some(parent) = parent {
            stamp = stamp.starts_under(SpanId::new(parent));
        }
        let values: Vec<_> = given.iter().map(|(_, value, _)| value.value()).collect();
        events.record_values(stamp, &defined, &values).unwrap();
        let answer = events.query().run().unwrap();
        let told = parsed(&answer);
        let (event, told) = (answer.iter().next().unwrap(), &told["events"][0]);
        prop_assert_eq!(&told["kind"], &Json::from(kind));
        prop_assert_eq!(&told["ticks"], &Json::from(ticks.to_string()));
        prop_assert_eq!(&told["id"], &Json::from(event.id().get().to_string()));
        let digits = |id: Option<&Json>| id.map(|id| u128::from_str_radix(id.as_str().unwrap(), 16).unwrap());
        prop_assert_eq!(digits(told.get("correlation")), Some(id).filter(|id| *id != 0));
        prop_assert_eq!(digits(told.get("span")), Some(u128::from(span)).filter(|span| *span != 0));
        prop_assert_eq!(digits(told.get("parent")), parent.map(u128::from).filter(|parent| *parent != 0));
        prop_assert_eq!(told["fields"].as_object().unwrap().len(), given.len());
        for (name, stored) in event.fields() {
            prop_assert!(holds(&told["fields"][name], &stored), "{} is not {:?}", told["fields"][name], stored);
        }
    }
}

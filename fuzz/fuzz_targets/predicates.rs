//! Any text as a condition on fields: it parses or has a mistake that is where it is said to be; what parses comes back
//! equal when it is printed, and is asked of an event that has fields of all types.

#![no_main]

use flightdeck::events::{
    Answer, Change, Events, FieldType, Predicate, PredicateError, Schema, Stamp, Value,
};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

flightdeck::kind! { Changed("changed") { y: u64, changes: diff } }

/// Fields of short names, so that they are soon asked for.
fn crafted() -> Answer {
    let events = Events::builder().memory(256 << 10).shards(1).longest_value(8).build().unwrap();
    let schema = Schema::new("all")
        .field("u", FieldType::U64)
        .field("i", FieldType::I64)
        .field("f", FieldType::F64)
        .field("b", FieldType::Bool)
        .field("t", FieldType::Str)
        .field("long", FieldType::Str)
        .field("y", FieldType::Bytes)
        .field("image", FieldType::Bytes)
        .secret_field("s", FieldType::Str)
        .personal_field("p", FieldType::Str);
    let kind = events.define(schema).unwrap();
    let values = [
        Value::U64(1 << 53),
        Value::I64(-5),
        Value::F64(0.5),
        Value::Bool(true),
        Value::Str("text"),
        Value::Str("longer than 8"),
        Value::Bytes(&[0x7f, 0x02]),
        Value::Bytes(&[7; 20]),
        Value::Str("hunter2"),
        Value::Str("ann"),
    ];
    events.record_values(Stamp::current(), &kind, &values).unwrap();
    events.record(Changed { y: 1, changes: &[Change::of("price", 1.25, 1.5)] });
    events.query().run().unwrap()
}

fuzz_target!(|text: &str| {
    static CRAFTED: OnceLock<Answer> = OnceLock::new();
    match text.parse::<Predicate>() {
        Ok(predicate) => {
            let printed = predicate.to_string();
            let parsed = match printed.parse::<Predicate>() {
                // What is printed has blanks and escapes that the text may not have had.
                Err(PredicateError::TooLong { bytes, .. }) if bytes == printed.len() => return,
                parsed => parsed.unwrap(),
            };
            assert_eq!(parsed, predicate);
            assert_eq!(parsed.to_string(), printed);
            let negated = !parsed;
            for event in CRAFTED.get_or_init(crafted).iter() {
                assert_ne!(predicate.holds(&event), negated.holds(&event));
            }
        }
        Err(
            PredicateError::Unexpected { at, found, .. } | PredicateError::NumberOutOfRange { at, found },
        ) => {
            assert!(text[at..].starts_with(&*found));
        }
        Err(PredicateError::Unclosed { at, quote }) => assert!(text[at..].starts_with(quote)),
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
});

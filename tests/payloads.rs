//! What events carry: fields of all types there and back, what is cut, hidden, refused, and the ready-made kinds.

use flightdeck::events::{
    Answer, Change, Class, Events, Field, FieldType, Kind, LossCause, Privacy, RecordError, Recorded, Schema,
    Stamp, Value, ValuesError, Verdict,
};
use flightdeck::{Clock, Diagnostic};
use proptest::prelude::*;
use std::time::Duration;

fn store() -> Events {
    Events::builder().memory(1 << 20).shards(1).build().unwrap()
}

fn limited(longest: usize) -> Events {
    Events::builder().memory(1 << 20).shards(1).longest_value(longest).build().unwrap()
}

fn only(answer: &Answer) -> Recorded<'_> {
    assert_eq!(answer.len(), 1, "{answer:?}");
    answer.iter().next().unwrap()
}

flightdeck::kind! {
    LoggedIn("user.logged_in") {
        attempt: u64, token: secret str, user: personal str, pin: secret u64, card: secret bytes, account: personal u64,
        address: personal bytes, ok: bool,
    }
    Seen("user.seen") { who: personal str, also: personal bytes, number: personal u64, float: personal f64 }
    Noted("note") { before: u64, text: str, raw: bytes, after: u64 }
    Inner("call.inner") { n: u64 }
}

const TOKEN: &str = "correct-horse-battery-staple";
const USER: &str = "ann@example.com";

fn logged_in(attempt: u64) -> LoggedIn<'static> {
    LoggedIn {
        attempt,
        token: TOKEN,
        user: USER,
        pin: 0x0053_4543_5245_5421,
        card: b"4111-1111-1111-1111",
        account: 0x0050_5249_5641_5445,
        address: b"12 Elm Street",
        ok: true,
    }
}

#[test]
fn no_way_out_shows_a_secret_or_a_personal_value() {
    let events = store();
    events.record(logged_in(1));
    let schema = Schema::new("run.time")
        .secret_field("token", FieldType::Str)
        .personal_field("user", FieldType::Str)
        .field("plain", FieldType::Str);
    let kind = events.define(schema).unwrap();
    let values = [Value::Str(TOKEN), Value::Str(USER), Value::Str("open")];
    events.record_values(Stamp::of(1_u64), &kind, &values).unwrap();
    let changes = [Change::of("token", TOKEN, "next").secret(), Change::of("user", USER, "bob").personal()];
    events.state_changed("session", &changes);

    let answer = events.query().run().unwrap();
    let shown = [
        answer.timeline().to_string(),
        format!("{answer:?}"),
        answer.iter().map(|event| format!("{event:?}")).collect(),
        answer
            .iter()
            .flat_map(|event| {
                event.fields().map(|(_, value)| format!("{value} {value:?}")).collect::<Vec<_>>()
            })
            .collect(),
        format!("{:?}", logged_in(1)),
        format!("{changes:?}"),
    ];
    for text in &shown {
        for planted in [TOKEN, "horse", USER, "example.com", "4111", "Elm"] {
            assert!(!text.contains(planted), "{planted} in {text}");
        }
        for planted in [0x0053_4543_5245_5421_u64, 0x0050_5249_5641_5445] {
            assert!(!text.contains(&planted.to_string()), "{planted} in {text}");
        }
        assert!(text.contains("<secret, 28 bytes>"), "{text}");
    }
    let user = events.pseudonym(USER);
    assert!(shown[0].contains(&format!("user=<personal {user}>")), "{}", shown[0]);
    assert!(shown[0].contains("pin=<secret, 8 bytes> card=<secret, 19 bytes>"), "{}", shown[0]);
    assert!(shown[4].contains("user: <personal>"), "{}", shown[4]);
    let first = answer.iter().next().unwrap();
    assert_eq!(first.field("attempt"), Some(Value::U64(1)));
    assert_eq!(first.field("ok"), Some(Value::Bool(true)), "fields after hidden ones are found");
}

#[test]
fn personal_values_of_one_store_correlate_and_those_of_two_do_not() {
    let events = store();
    let record = |who: &str, n: u64| {
        events.record(Seen { who, also: who.as_bytes(), number: n, float: n as f64 });
    };
    record("ann", 1);
    record("bob", 2);
    record("ann", 1);
    let answer = events.query().run().unwrap();
    let field = |at: usize, name: &str| answer.iter().nth(at).unwrap().field(name).unwrap();
    assert_eq!(field(0, "who"), field(2, "who"));
    assert_ne!(field(0, "who"), field(1, "who"));
    assert_eq!(field(0, "who"), field(0, "also"), "text and the same bytes");
    assert_eq!(field(0, "who"), Value::Personal(events.pseudonym("ann")));
    assert_eq!(field(1, "number"), Value::Personal(events.pseudonym(2_u64)));
    assert_eq!(field(1, "float"), Value::Personal(events.pseudonym(2.0)));
    assert_ne!(store().pseudonym("ann"), events.pseudonym("ann"), "another store, another key");
}

#[test]
fn a_schema_says_which_fields_are_hidden() {
    let events = store();
    events.record(logged_in(1));
    let answer = events.query().run().unwrap();
    let schema = only(&answer).schema().unwrap();
    let privacy = |name: &str| {
        schema.fields().iter().find(|field| field.name == name).map(|field: &Field| field.privacy)
    };
    assert_eq!(privacy("token"), Some(Privacy::Secret));
    assert_eq!(privacy("user"), Some(Privacy::Personal));
    assert_eq!(privacy("attempt"), Some(Privacy::Open));
}

#[test]
fn what_stands_in_place_of_a_value_is_not_taken_for_one() {
    let events = store();
    let kind = events.define(Schema::new("x").personal_field("user", FieldType::Str)).unwrap();
    let pseudonym = Value::from(events.pseudonym("ann"));
    let refused = events.record_values(Stamp::current(), &kind, &[pseudonym]).unwrap_err();
    assert!(matches!(refused, ValuesError::Hidden { .. }), "{refused}");
}

#[test]
fn text_is_cut_between_characters_and_says_how_long_it_was() {
    // Characters of one to four bytes, so that every limit falls into each of them once.
    let text = "aé€🦀".repeat(5);
    for longest in 0..=text.len() + 1 {
        let events = limited(longest);
        events.record(Noted { before: 1, text: &text, raw: text.as_bytes(), after: 2 });
        let answer = events.query().run().unwrap();
        let event = only(&answer);
        assert_eq!((event.field("before"), event.field("after")), (Some(Value::U64(1)), Some(Value::U64(2))));
        let (kept, raw) = (event.field("text").unwrap(), event.field("raw").unwrap());
        if longest >= text.len() {
            assert_eq!((kept, raw), (Value::Str(&text), Value::Bytes(text.as_bytes())));
            assert_eq!(events.stats().values_cut, 0);
            continue;
        }
        let expected = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap();
        assert_eq!(kept, Value::CutStr { kept: &text[..expected], bytes: text.len() as u64 });
        assert_eq!(raw, Value::CutBytes { kept: &text.as_bytes()[..longest], bytes: text.len() as u64 });
        assert_eq!((kept.as_str(), kept.cut_from()), (Some(&text[..expected]), Some(text.len() as u64)));
        assert_eq!(events.stats().values_cut, 2);
        let mark = format!("<cut, {} bytes>", text.len());
        assert_eq!(answer.timeline().to_string().matches(&mark).count(), 2, "{}", answer.timeline());
        assert!(kept.to_string().ends_with(&mark) && format!("{event:?}").contains(&mark));
        assert_eq!(event.field("text").unwrap().field_type(), Some(FieldType::Str));
    }
}

#[test]
fn values_of_ten_thousand_bytes_are_whole_and_longer_ones_are_not() {
    let events = store();
    let text = "x".repeat(10_001);
    events.record_with(Stamp::of(1_u64), Noted { before: 0, text: &text[..10_000], raw: &[], after: 0 });
    events.record_with(Stamp::of(2_u64), Noted { before: 0, text: &text, raw: &[], after: 0 });
    let of = |id: u64| events.query().correlation(id).run().unwrap();
    assert_eq!(only(&of(1)).field("text"), Some(Value::Str(&text[..10_000])));
    assert_eq!(only(&of(2)).field("text").and_then(|value| value.cut_from()), Some(10_001));
    assert_eq!((events.stats().values_cut, events.stats().lost()), (1, 0));
}

#[test]
fn a_cut_value_of_an_answer_keeps_its_mark_when_it_is_recorded_again() {
    let (first, second) = (limited(9), limited(6));
    let schema = Schema::new("copy").field("text", FieldType::Str).field("raw", FieldType::Bytes);
    let copy = |events: &Events, values: &[Value<'_>]| {
        let kind: Kind = events.define(schema.clone()).unwrap();
        events.record_values(Stamp::current(), &kind, values).unwrap();
        events.query().run().unwrap()
    };
    let once = copy(&first, &[Value::Str("ääääääää"), Value::Bytes(&[1; 20])]);
    let values: Vec<_> = only(&once).fields().map(|(_, value)| value).collect();
    assert_eq!(values[0], Value::CutStr { kept: "ääää", bytes: 16 });
    let twice = copy(&second, &values);
    assert_eq!(only(&twice).field("text"), Some(Value::CutStr { kept: "äää", bytes: 16 }));
    assert_eq!(only(&twice).field("raw"), Some(Value::CutBytes { kept: &[1; 6], bytes: 20 }));
}

#[test]
fn too_large_an_event_is_refused_with_its_sizes_and_counted() {
    flightdeck::kind! {
        Small("large.critical", class = Critical) { raw: bytes }
        Usual("large.normal") { raw: bytes }
    }
    let events = limited(usize::MAX);
    let longest = events.plan().longest_event;
    for (class, room) in longest.iter().map(|(class, bytes)| (class, bytes - 7 * 8)) {
        let raw = vec![7; room + 1];
        let record = |raw: &[u8]| match class {
            Class::Critical => events.try_record(Small { raw }),
            _ => events.try_record(Usual { raw }),
        };
        if class == Class::Verbose {
            continue;
        }
        let refused = record(&raw).unwrap_err();
        let (needed, limit) = (longest[class] + 8, longest[class]);
        assert!(
            matches!(&refused, RecordError::TooLarge { class: of, needed: n, limit: l, .. } if (*of, *n, *l) == (class, needed, limit)),
            "{refused}"
        );
        record(&raw[..room]).unwrap();
    }
    assert_eq!(
        events.losses().iter().map(|loss| (loss.cause, loss.count)).collect::<Vec<_>>(),
        [(LossCause::TooLarge, 1), (LossCause::TooLarge, 1)]
    );
    assert_eq!(events.stats().kept, 2);

    let kind = events.define(Schema::raw("raw")).unwrap();
    let mut writer = events.writer();
    let raw = vec![0; longest[Class::Normal]];
    let refused = match &mut writer {
        Ok(writer) => writer.record_values(Stamp::current(), &kind, &[Value::Bytes(&raw)]),
        Err(_) => events.record_values(Stamp::current(), &kind, &[Value::Bytes(&raw)]),
    };
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), "events.event.too_large");
    let ValuesError::TooLarge { needed, limit, .. } = refused else { panic!("{refused}") };
    assert_eq!((needed, limit), (longest[Class::Normal] + 7 * 8, longest[Class::Normal]));
    assert!(
        matches!(events.query().run().unwrap().verdict(), Verdict::Overwritten { .. }),
        "no longer complete"
    );
}

#[test]
fn a_call_is_a_span_with_its_duration_and_its_outcome() {
    let events = Events::builder().memory(1 << 20).clock(Clock::manual()).build().unwrap();
    let _in = events.scope(7_u64);
    {
        let mut outer = events.enter_function("book", "fill");
        events.clock().advance(Duration::from_nanos(5));
        {
            let inner = events.enter_function("book", "match");
            assert_ne!(inner.id(), outer.id());
            events.clock().advance(Duration::from_nanos(5));
            events.record(Inner { n: 1 });
            events.clock().advance(Duration::from_nanos(15));
        }
        events.clock().advance(Duration::from_nanos(5));
        outer.outcome("partly filled");
    }
    events.clock().advance(Duration::from_nanos(5));
    events.record(Inner { n: 2 });
    let answer = events.query().correlation(7_u64).run().unwrap();
    let told: Vec<_> = answer
        .iter()
        .map(|event| {
            let text = |name| event.field(name).and_then(|value| value.as_str()).unwrap_or_default();
            (event.kind(), text("function"), text("outcome"), event.field("duration_ns"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("function.entered", "fill", "", None),
            ("function.entered", "match", "", None),
            ("call.inner", "", "", None),
            ("function.exited", "match", "returned", Some(Value::U64(20))),
            ("function.exited", "fill", "partly filled", Some(Value::U64(30))),
            ("call.inner", "", "", None),
        ]
    );
    let events_of: Vec<_> = answer.iter().collect();
    assert_eq!(events_of[1].parent(), Some(events_of[0].span()), "calls nest");
    assert_eq!(events_of[2].span(), events_of[1].span(), "events belong to the innermost call");
    assert_eq!(events_of[3].field("call_id"), events_of[1].field("call_id"));
    assert!(events_of[5].span().is_none(), "the guard restores the scope");
    let text = answer.timeline().to_string();
    assert!(text.contains(" 30 ns ███") && text.contains("duration_ns=30"), "{text}");
}

#[test]
fn a_call_that_panics_is_unwound_and_a_destructors_call_is_not() {
    struct Caller<'a>(&'a Events);
    impl Drop for Caller<'_> {
        fn drop(&mut self) {
            drop(self.0.enter_function("test", "drop"));
        }
    }
    let events = store();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _caller = Caller(&events);
        let _call = events.enter_function("test", "fails");
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err());
    let answer = events.query().kind_named("function.exited").run().unwrap();
    let told: Vec<_> = answer.iter().map(|exit| (exit.field("function"), exit.field("outcome"))).collect();
    let text = |text| Some(Value::Str(text));
    assert_eq!(told, [(text("fails"), text("unwound")), (text("drop"), text("returned"))]);
}

#[test]
fn a_call_takes_as_long_as_it_took_also_right_after_the_start() {
    // With the clock of the machine: its rate is not known well in the first moments.
    let events = Events::builder().memory(1 << 20).build().unwrap();
    for wait in [Duration::from_micros(200), Duration::from_millis(8)] {
        let start = std::time::Instant::now();
        let call = events.enter_function("test", "waits");
        let inside = std::time::Instant::now();
        while inside.elapsed() < wait {
            std::hint::spin_loop();
        }
        drop(call);
        let most = start.elapsed().as_nanos() as u64;
        let answer = events.query().kind_named("function.exited").newest_first().run().unwrap();
        let took =
            answer.iter().next().unwrap().field("duration_ns").and_then(|value| value.as_u64()).unwrap();
        let least = wait.as_nanos() as u64;
        assert!(took >= least * 99 / 100 && took <= most + most / 100 + 1_000, "{least} <= {took} <= {most}");
    }
}

#[test]
fn calls_that_are_switched_off_record_nothing_and_change_no_scope() {
    let events = store();
    drop(events.enter_function("test", "on"));
    events.switch(false);
    let scope = flightdeck::events::Scope::current();
    let call = events.enter_function("test", "off");
    assert_eq!((call.id(), flightdeck::events::Scope::current()), (None, scope));
    events.switch(true);
    drop(call);
    assert_eq!(events.stats().kept, 2, "no exit without its entry");
}

#[test]
fn only_what_changed_is_stored() {
    let events = store();
    let nan = f64::NAN;
    let changes = [
        Change::of("state", "closed", "open"),
        Change::of("failures", 5_u64, 5_u64),
        Change::of("rate", nan, nan),
        Change::of("load", 0.5, nan),
        Change::of("kind of value", 5_u64, "five"),
        Change::of("raw", &[1_u8, 2][..], &[][..]),
        Change::of("on", false, true),
        Change::of("delta", -1, 1),
    ];
    assert!(events.state_changed("breaker", &changes));
    assert!(!events.state_changed("breaker", &changes[1..3]));
    let answer = events.query().run().unwrap();
    let event = only(&answer);
    assert_eq!(event.field("subject"), Some(Value::Str("breaker")));
    let Some(Value::Diff(diff)) = event.field("changes") else { panic!("{event:?}") };
    let told: Vec<_> = diff.iter().map(|change| change.to_string()).collect();
    assert_eq!(
        told,
        [
            "state: closed -> open",
            "load: 0.5 -> NaN",
            "kind of value: 5 -> five",
            "raw: 0102 -> ",
            "on: false -> true",
            "delta: -1 -> 1",
        ]
    );
    let unchanged = diff.iter().all(|change| change.differs());
    assert!(unchanged && event.field("absent").is_none());
}

#[test]
fn long_values_in_a_diff_are_cut_too_and_what_follows_is_found() {
    let events = limited(10);
    let text = "é".repeat(100);
    events.state_changed(&text, &[Change::of(&text, &*text, "b"), Change::of("n", 1, 2)]);
    let answer = events.query().run().unwrap();
    let Some(Value::Diff(diff)) = only(&answer).field("changes") else { panic!("{answer:?}") };
    let told: Vec<_> = diff.iter().map(|change| change.to_string()).collect();
    assert_eq!(told, ["ééééé: ééééé<cut, 200 bytes> -> b", "n: 1 -> 2"]);
    assert_eq!(events.stats().values_cut, 3, "subject, name and value");
}

#[test]
fn a_line_of_a_timeline_stays_one_line() {
    let events = store();
    let changes = [Change::of("a\nb", "x\u{1b}[2J", "y\r\n+0.000000000s forged")];
    events.state_changed("s", &changes);
    let text = events.query().run().unwrap().timeline().to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
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
            any::<f64>().prop_map(Self::F64),
            any::<bool>().prop_map(Self::Bool),
            ".{0,40}".prop_map(Self::Str),
            prop::collection::vec(any::<u8>(), 0..60).prop_map(Self::Bytes),
        ]
    }
}

fn privacy() -> impl Strategy<Value = Privacy> {
    prop_oneof![4 => Just(Privacy::Open), 1 => Just(Privacy::Secret), 1 => Just(Privacy::Personal)]
}

fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::F64(one), Value::F64(other)) => one.to_bits() == other.to_bits(),
        _ => one == other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 256 }))]

    #[test]
    fn fields_of_all_types_come_back_from_the_ring(
        given in prop::collection::vec((Owned::any(), privacy()), 0..9),
        longest in prop_oneof![Just(10_000_usize), 0..50_usize],
    ) {
        let events = limited(longest);
        let mut schema = Schema::new("any");
        for (at, (value, privacy)) in given.iter().enumerate() {
            let (name, of) = (format!("f{at}"), value.value().field_type().unwrap());
            schema = match privacy {
                Privacy::Secret => schema.secret_field(name, of),
                Privacy::Personal => schema.personal_field(name, of),
                _ => schema.field(name, of),
            };
        }
        let kind = events.define(schema).unwrap();
        let values: Vec<_> = given.iter().map(|(value, _)| value.value()).collect();
        events.record_values(Stamp::current(), &kind, &values).unwrap();
        let answer = events.query().run().unwrap();
        let found: Vec<_> = only(&answer).fields().map(|(_, value)| value).collect();
        prop_assert_eq!(found.len(), given.len());
        let mut cut = 0;
        for ((value, privacy), found) in values.iter().zip(given.iter().map(|(_, privacy)| privacy)).zip(&found) {
            let expected = match (privacy, *value) {
                (Privacy::Secret, Value::Str(text)) => Value::Secret { bytes: text.len() as u64 },
                (Privacy::Secret, Value::Bytes(raw)) => Value::Secret { bytes: raw.len() as u64 },
                (Privacy::Secret, Value::Bool(_)) => Value::Secret { bytes: 1 },
                (Privacy::Secret, _) => Value::Secret { bytes: 8 },
                (Privacy::Personal, value) => Value::Personal(events.pseudonym(value)),
                (_, Value::Str(text)) if text.len() > longest => {
                    cut += 1;
                    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap();
                    Value::CutStr { kept: &text[..end], bytes: text.len() as u64 }
                }
                (_, Value::Bytes(raw)) if raw.len() > longest => {
                    cut += 1;
                    Value::CutBytes { kept: &raw[..longest], bytes: raw.len() as u64 }
                }
                (_, value) => value,
            };
            prop_assert!(same(found, &expected), "{:?} is not {:?}", found, expected);
        }
        prop_assert_eq!(events.stats().values_cut, cut);
    }

    #[test]
    fn changes_come_back_from_the_ring(
        given in prop::collection::vec((".{0,12}", Owned::any(), Owned::any()), 0..6),
    ) {
        let events = store();
        let changes: Vec<_> =
            given.iter().map(|(name, old, new)| Change::of(name, old.value(), new.value())).collect();
        let differing: Vec<_> = changes.iter().filter(|change| !same(&change.before(), &change.after())).collect();
        prop_assert_eq!(events.state_changed("subject", &changes), !differing.is_empty());
        let answer = events.query().run().unwrap();
        let Some(event) = answer.iter().next() else { return Ok(()) };
        let Some(Value::Diff(diff)) = event.field("changes") else { panic!("{event:?}") };
        let found: Vec<_> = diff.iter().collect();
        prop_assert_eq!(found.len(), differing.len());
        for (found, given) in found.iter().zip(differing) {
            prop_assert_eq!(found.name(), given.name());
            prop_assert!(same(&found.before(), &given.before()) && same(&found.after(), &given.after()));
        }
    }
}

#[cfg(feature = "zerocopy")]
mod pod {
    use super::*;
    use flightdeck::events::PodError;
    use zerocopy::{FromBytes, Immutable, IntoBytes, TryFromBytes};

    #[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable)]
    #[repr(C)]
    struct Quote {
        bid: i64,
        ask: i64,
        size: u32,
        venue: [u8; 4],
    }

    #[derive(Clone, Copy, Debug, PartialEq, TryFromBytes, IntoBytes, Immutable)]
    #[repr(u8)]
    enum Side {
        Buy = 1,
        Sell = 2,
    }

    flightdeck::kind! {
        Quoted("pod.quoted") { n: u64, side: pod Side, quote: pod Quote, key: secret pod Quote, after: str }
    }

    #[test]
    fn structs_come_back_as_they_went_in_and_nothing_else_does() {
        let events = store();
        let quote = Quote { bid: -1, ask: i64::MAX, size: 7, venue: *b"XETR" };
        events.record(Quoted { n: 1, side: &Side::Sell, quote: &quote, key: &quote, after: "end" });
        let answer = events.query().run().unwrap();
        let event = only(&answer);
        assert_eq!(event.pod::<Quote>("quote"), Ok(quote));
        assert_eq!(event.pod::<Side>("side"), Ok(Side::Sell));
        assert_eq!(event.field("after"), Some(Value::Str("end")));
        assert_eq!(event.field("key"), Some(Value::Secret { bytes: 24 }));
        assert!(matches!(event.pod::<Quote>("key"), Err(PodError::NoBytes { .. })));
        assert!(matches!(event.pod::<u64>("quote"), Err(PodError::Size { found: 24, takes: 8, .. })));
        assert!(matches!(event.pod::<bool>("side"), Err(PodError::Invalid { .. })), "2 is no bool");
        assert!(matches!(event.pod::<u64>("n"), Err(PodError::NoBytes { .. })));
        assert!(matches!(event.pod::<u64>("m"), Err(PodError::NoField { .. })));
        assert!(
            format!("{:?}", Quoted { n: 1, side: &Side::Buy, quote: &quote, key: &quote, after: "" })
                .contains("key: <secret, 24 bytes>")
        );
    }

    #[test]
    fn a_struct_that_was_cut_is_no_struct() {
        let events = limited(23);
        let quote = Quote { bid: 1, ask: 2, size: 3, venue: *b"XLON" };
        events.record(Quoted { n: 1, side: &Side::Buy, quote: &quote, key: &quote, after: "" });
        let answer = events.query().run().unwrap();
        assert!(matches!(only(&answer).pod::<Quote>("quote"), Err(PodError::Cut { bytes: 24, .. })));
    }
}

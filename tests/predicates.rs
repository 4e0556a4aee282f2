//! Conditions on fields against an obvious model, over events out of a real store; their text; and how deep they may
//! be.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::allocations;
use flightdeck::Clock;
use flightdeck::events::{
    Change, Events, FieldType, Predicate, PredicateError, Recorded, Schema, Stamp, Value, field,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::cmp::Ordering;

/// A value as the model has it: whole, and in plain text.
#[derive(Clone, Debug)]
enum Known {
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
    Personal(String),
    Secret(String),
}

impl Known {
    fn add_to(&self, schema: Schema, name: &'static str) -> Schema {
        match self {
            Self::U64(_) => schema.field(name, FieldType::U64),
            Self::I64(_) => schema.field(name, FieldType::I64),
            Self::F64(_) => schema.field(name, FieldType::F64),
            Self::Bool(_) => schema.field(name, FieldType::Bool),
            Self::Text(_) => schema.field(name, FieldType::Str),
            Self::Bytes(_) => schema.field(name, FieldType::Bytes),
            Self::Personal(_) => schema.personal_field(name, FieldType::Str),
            Self::Secret(_) => schema.secret_field(name, FieldType::Str),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::U64(number) => Value::U64(*number),
            Self::I64(number) => Value::I64(*number),
            Self::F64(number) => Value::F64(*number),
            Self::Bool(is) => Value::Bool(*is),
            Self::Text(text) | Self::Personal(text) | Self::Secret(text) => Value::Str(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

/// Values longer than this are cut.
const LONGEST: usize = 16;

/// What of a text is left, if it is not left whole.
fn kept(text: &[u8], is_text: bool) -> Option<Vec<u8>> {
    let ends = |end: &usize| !is_text || str::from_utf8(&text[..*end]).is_ok();
    (text.len() > LONGEST).then(|| text[..(0..=LONGEST).rev().find(ends).unwrap()].to_vec())
}

/// How bytes compare: if they were cut, only where all that they may have been compares alike.
fn bytes_order(bytes: &[u8], is_text: bool, literal: &[u8]) -> Option<Ordering> {
    let Some(kept) = kept(bytes, is_text) else { return Some(bytes.cmp(literal)) };
    let mut wholes = vec![[&*kept, b"\0"].concat(), [&*kept, &[0xff; 40]].concat()];
    if literal.starts_with(&kept) && literal.len() > kept.len() {
        wholes.push(literal.to_vec());
    }
    let order = wholes[0].as_slice().cmp(literal);
    wholes.iter().all(|whole| whole.as_slice().cmp(literal) == order).then_some(order)
}

fn whole_and_float(whole: i128, float: f64) -> Option<Ordering> {
    // What is below a float is below the next whole number; what is above it is above the one before.
    if float.is_nan() {
        None
    } else if whole < float.ceil() as i128 {
        Some(Ordering::Less)
    } else if whole > float.floor() as i128 {
        Some(Ordering::Greater)
    } else {
        Some(Ordering::Equal)
    }
}

/// `Err`: they differ, and that is all.
fn order(value: &Known, literal: &Known) -> Option<Result<Ordering, ()>> {
    use Known::*;
    let whole = |known: &Known| match known {
        U64(number) => Some(i128::from(*number)),
        I64(number) => Some(i128::from(*number)),
        _ => None,
    };
    match (value, literal) {
        (F64(value), F64(literal)) => value.partial_cmp(literal),
        (value, F64(literal)) => whole_and_float(whole(value)?, *literal),
        (F64(value), literal) => whole_and_float(whole(literal)?, *value).map(Ordering::reverse),
        (Bool(value), Bool(literal)) => Some(u8::from(*value).cmp(&u8::from(*literal))),
        (Text(value), Text(literal)) => bytes_order(value.as_bytes(), true, literal.as_bytes()),
        (Bytes(value), Bytes(literal)) => bytes_order(value, false, literal),
        (Personal(value), Personal(literal)) => {
            return Some(if value == literal { Ok(Ordering::Equal) } else { Err(()) });
        }
        (value, literal) => Some(whole(value)?.cmp(&whole(literal)?)),
    }
    .map(Ok)
}

/// A condition as the model has it.
#[derive(Clone, Debug)]
enum Asked {
    Compares(&'static str, &'static str, Known),
    Contains(&'static str, String),
    Lacks(&'static str, String),
    Exists(&'static str),
    AnyText(String),
    And(Box<Asked>, Box<Asked>),
    Or(Box<Asked>, Box<Asked>),
    Not(Box<Asked>),
}

impl Asked {
    fn predicate(&self, events: &Events) -> Predicate {
        match self {
            Self::Compares(name, sign, literal) => {
                let value = match literal {
                    Known::Personal(text) => events.pseudonym(&**text).into(),
                    open => open.value(),
                };
                match *sign {
                    "==" => field(*name).equals(value),
                    "!=" => field(*name).differs(value),
                    "<" => field(*name).less_than(value),
                    "<=" => field(*name).at_most(value),
                    ">" => field(*name).more_than(value),
                    _ => field(*name).at_least(value),
                }
            }
            Self::Contains(name, text) => field(*name).contains(&**text),
            Self::Lacks(name, text) => field(*name).lacks(&**text),
            Self::Exists(name) => field(*name).exists(),
            Self::AnyText(text) => Predicate::text(&**text),
            Self::And(one, other) => one.predicate(events) & other.predicate(events),
            Self::Or(one, other) => one.predicate(events) | other.predicate(events),
            Self::Not(one) => !one.predicate(events),
        }
    }

    fn holds(&self, fields: &[(&'static str, Known)]) -> bool {
        let value = |name: &str| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value);
        let found = |value: &Known, text: &str| match value {
            Known::Text(whole) => match kept(whole.as_bytes(), true) {
                Some(kept) => str::from_utf8(&kept).unwrap().contains(text).then_some(true),
                None => Some(whole.contains(text)),
            },
            _ => None,
        };
        match self {
            Self::Compares(name, sign, literal) => {
                let order = value(name).and_then(|value| order(value, literal));
                order.is_some_and(|order| match *sign {
                    "==" => order == Ok(Ordering::Equal),
                    "!=" => order != Ok(Ordering::Equal),
                    "<" => order == Ok(Ordering::Less),
                    "<=" => order.is_ok_and(Ordering::is_le),
                    ">" => order == Ok(Ordering::Greater),
                    _ => order.is_ok_and(Ordering::is_ge),
                })
            }
            Self::Contains(name, text) => value(name).and_then(|value| found(value, text)) == Some(true),
            Self::Lacks(name, text) => value(name).and_then(|value| found(value, text)) == Some(false),
            Self::Exists(name) => value(name).is_some(),
            Self::AnyText(text) => fields.iter().any(|(_, value)| found(value, text) == Some(true)),
            Self::And(one, other) => one.holds(fields) && other.holds(fields),
            Self::Or(one, other) => one.holds(fields) || other.holds(fields),
            Self::Not(one) => !one.holds(fields),
        }
    }
}

/// Texts that begin alike, around the length at which they are cut.
fn texts() -> impl Strategy<Value = String> {
    let long = |length: usize, end: &str| format!("{}{end}", "m".repeat(length));
    select(vec![
        String::new(),
        "a".into(),
        "ab".into(),
        "mm".into(),
        "n".into(),
        long(15, ""),
        long(16, ""),
        long(17, ""),
        long(30, ""),
        long(16, "a"),
        long(16, "z"),
        long(15, "ü"),
        long(15, "üz"),
        "ü".repeat(9),
    ])
}

/// Numbers at which types end and floats become coarse, and others.
fn knowns() -> impl Strategy<Value = Known> {
    let whole = || {
        prop_oneof![
            select(vec![0, 1, 2, 1 << 53, (1 << 53) + 1, i64::MAX as u64, 1 << 63, u64::MAX]),
            any::<u64>()
        ]
    };
    prop_oneof![
        whole().prop_map(Known::U64),
        whole().prop_map(|number| Known::I64(number.cast_signed())),
        whole().prop_map(|number| Known::F64(number as f64)),
        select(vec![-0.0, 0.5, -1.5, 5e-324, f64::NAN, f64::INFINITY, f64::NEG_INFINITY])
            .prop_map(Known::F64),
        any::<f64>().prop_map(Known::F64),
        any::<bool>().prop_map(Known::Bool),
        texts().prop_map(Known::Text),
        texts().prop_map(Known::Text),
        texts().prop_map(|text| Known::Bytes(text.into_bytes())),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Known::Bytes),
        texts().prop_map(Known::Personal),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let name = || select(vec!["a", "b", "c"]);
    let sign = select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let term = prop_oneof![
        6 => (name(), sign, knowns()).prop_map(|(name, sign, literal)| Asked::Compares(name, sign, literal)),
        1 => (name(), texts()).prop_map(|(name, text)| Asked::Contains(name, text)),
        1 => (name(), texts()).prop_map(|(name, text)| Asked::Lacks(name, text)),
        1 => name().prop_map(Asked::Exists),
        1 => texts().prop_map(Asked::AnyText),
    ];
    term.prop_recursive(5, 24, 2, |part| {
        prop_oneof![
            (part.clone(), part.clone()).prop_map(|(one, other)| Asked::And(one.into(), other.into())),
            (part.clone(), part.clone()).prop_map(|(one, other)| Asked::Or(one.into(), other.into())),
            part.prop_map(|one| Asked::Not(one.into())),
        ]
    })
}

fn fields() -> impl Strategy<Value = Vec<(&'static str, Known)>> {
    let held = prop_oneof![10 => knowns(), 1 => texts().prop_map(Known::Secret)];
    (prop::option::weighted(0.9, held), prop::option::of(knowns())).prop_map(|(a, b)| {
        a.map(|value| ("a", value)).into_iter().chain(b.map(|value| ("b", value))).collect()
    })
}

/// A store that cuts, and an event with these fields in it.
fn recorded(fields: &[(&'static str, Known)]) -> Events {
    let builder = Events::builder().memory(256 << 10).shards(1).longest_value(LONGEST);
    let events = builder.clock(Clock::manual()).build().unwrap();
    let schema = fields.iter().fold(Schema::new("asked"), |schema, (name, value)| value.add_to(schema, name));
    let kind = events.define(schema).unwrap();
    let values: Vec<Value<'_>> = fields.iter().map(|(_, value)| value.value()).collect();
    events.record_values(Stamp::current(), &kind, &values).unwrap();
    events
}

#[track_caller]
fn with_event<T>(events: &Events, body: impl FnOnce(Recorded<'_>) -> T) -> T {
    let answer = events.query().run().unwrap();
    assert_eq!(answer.len(), 1);
    body(answer.iter().next().unwrap())
}

/// Any condition, also on names and with texts that need quotes.
fn any_predicate() -> impl Strategy<Value = Predicate> {
    let events = Events::builder().memory(256 << 10).shards(1).build().unwrap();
    let pseudonym = events.pseudonym("ann");
    let name = || {
        prop_oneof![
            "[a-z_][A-Z0-9_.]{0,5}",
            select(vec!["and", "has", "true"]).prop_map(str::to_owned),
            any::<String>()
        ]
    };
    let term = prop_oneof![
        4 => (name(), knowns(), 0..6).prop_map(move |(name, literal, sign)| {
            let value = if let Known::Personal(_) = literal { Value::Personal(pseudonym) } else { literal.value() };
            match sign {
                0 => field(name).equals(value),
                1 => field(name).differs(value),
                2 => field(name).less_than(value),
                3 => field(name).at_most(value),
                4 => field(name).more_than(value),
                _ => field(name).at_least(value),
            }
        }),
        1 => (name(), any::<String>()).prop_map(|(name, text)| field(name).equals(&*text)),
        1 => (name(), any::<String>()).prop_map(|(name, text)| field(name).contains(text)),
        1 => (name(), any::<String>()).prop_map(|(name, text)| field(name).lacks(text)),
        1 => name().prop_map(|name| field(name).exists()),
        1 => name().prop_map(|name| field(name).equals(Value::Secret { bytes: 9 })),
        1 => any::<String>().prop_map(Predicate::text),
    ];
    term.prop_recursive(8, 40, 2, |part| {
        prop_oneof![
            (part.clone(), part.clone()).prop_map(|(one, other)| one & other),
            (part.clone(), part.clone()).prop_map(|(one, other)| one | other),
            part.prop_map(|one| !one),
        ]
    })
}

/// Texts near the language: most are wrong in one place.
fn near() -> impl Strategy<Value = String> {
    let part = select(vec![
        "rows",
        "a.b",
        "`x y`",
        "`",
        "==",
        "=",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "~",
        "!~",
        "!",
        "not",
        "has",
        "(",
        ")",
        "(",
        ")",
        "&&",
        "||",
        "and",
        "or",
        "*",
        "5",
        "-",
        "1.5",
        "5ms",
        "0x7f",
        "true",
        "\"t\"",
        "\"",
        "\\",
        "\\u{41}",
        " ",
        " ",
        "ü",
        "\n",
        "&",
        "<personal 0123456789abcdef>",
        "<unknown>",
        "NaN",
        "1e999",
        "99999999999999999999",
    ]);
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.join(" "))
}

proptest! {
    /// Also when it was printed and parsed; and it never asks for memory.
    #[test]
    fn what_holds_is_what_the_model_says(fields in fields(), asked in prop::collection::vec(asked(), 8)) {
        let events = recorded(&fields);
        with_event(&events, |event| {
            for asked in &asked {
                let (predicate, expected) = (asked.predicate(&events), asked.holds(&fields));
                prop_assert_eq!(predicate.holds(&event), expected, "{} of {:?}", predicate, event);
                prop_assert_eq!(allocations(|| _ = std::hint::black_box(predicate.holds(&event))), 0);
                let parsed: Predicate = predicate.to_string().parse().unwrap();
                prop_assert_eq!(parsed.holds(&event), expected);
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_is_printed_parses_to_the_same(predicate in any_predicate()) {
        let text = predicate.to_string();
        let parsed: Predicate = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(&parsed, &predicate);
        prop_assert_eq!(parsed.to_string(), &*text);
        prop_assert!(!text.contains('\n'));
    }

    #[test]
    fn no_text_does_harm(text in prop_oneof![any::<String>(), near()]) {
        let (at, found) = match text.parse::<Predicate>() {
            Ok(predicate) => {
                prop_assert_eq!(predicate.to_string().parse::<Predicate>().unwrap(), predicate);
                return Ok(());
            }
            Err(PredicateError::Unexpected { at, found, .. }) => (at, found),
            Err(PredicateError::NumberOutOfRange { at, found }) => (at, found),
            Err(PredicateError::Unclosed { at, quote }) => (at, quote.to_string()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        prop_assert!(text[at..].starts_with(&*found), "{found} at {at}");
    }
}

flightdeck::kind! { Deep("deep") { n: u64, changes: diff, key: secret str } }

fn deep_event() -> Events {
    let events = Events::builder().memory(256 << 10).shards(1).build().unwrap();
    let changes = [Change::of("price", 1.25, 1.5)];
    events.record(Deep { n: 5, changes: &changes, key: "hunter2" });
    events
}

#[test]
fn a_diff_and_a_secret_are_there_and_no_more() {
    with_event(&deep_event(), |event| {
        for name in ["changes", "key"] {
            assert!(field(name).exists().holds(&event));
            let value = event.field(name).unwrap();
            for value in [value, Value::Str("hunter2"), Value::U64(7), Value::F64(1.25)] {
                let of = || field(name);
                let asked = [
                    of().equals(value),
                    of().differs(value),
                    of().less_than(value),
                    of().at_most(value),
                    of().more_than(value),
                    of().at_least(value),
                    of().contains(""),
                    of().lacks("x"),
                ];
                assert!(asked.iter().all(|predicate| !predicate.holds(&event)), "{asked:?}");
            }
        }
        assert!(!Predicate::text("").holds(&event), "there is no text");
    });
}

/// With less stack than one call a level would take.
#[test]
fn no_depth_is_too_deep() {
    let body = || {
        let events = deep_event();
        with_event(&events, |event| {
            let term = |n: u64| field("n").equals(5 + n % 3);
            let (mut left, mut expected) = (term(0), true);
            for n in 1..100_000_u64 {
                let holds = n % 3 == 0;
                (left, expected) = match n % 4 {
                    0 => (!left, !expected),
                    1 => (left & term(n), expected && holds),
                    2 => (!left | term(n), !expected || holds),
                    _ => (!(left & term(n)), !(expected && holds)),
                };
            }
            assert_eq!(left.holds(&event), expected);
            assert_eq!(allocations(|| _ = std::hint::black_box(left.holds(&event))), 0);
            let (copy, text) = (left.clone(), left.to_string());
            assert_eq!(copy, left);
            assert_eq!(format!("{left:?}"), format!("Predicate({text})"));
            assert!(matches!(text.parse::<Predicate>(), Err(PredicateError::TooLong { .. })));

            let (mut right, mut expected) = (term(0), true);
            for n in 1..2_000_u64 {
                let holds = n % 3 == 0;
                (right, expected) = match n % 2 {
                    0 => (term(n) & right, holds && expected),
                    _ => (term(n) | !right, holds || !expected),
                };
            }
            assert_eq!(right.holds(&event), expected);
            let text = right.to_string();
            assert!(text.len() < Predicate::LONGEST_TEXT);
            assert!(matches!(text.parse::<Predicate>(), Err(PredicateError::TooDeep { .. })));
        });
        for opens in ["(", "!", "!(", "not ", "((((!"] {
            let text = opens.repeat(100_000);
            assert!(matches!(text.parse::<Predicate>(), Err(PredicateError::TooLong { .. })));
            let text = &text[..Predicate::LONGEST_TEXT];
            let error = text.parse::<Predicate>().unwrap_err();
            let is_flat = !opens.contains('(');
            assert_eq!(matches!(error, PredicateError::TooDeep { at, .. } if at < 200), !is_flat, "{error}");
        }
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(body).unwrap().join().unwrap();
}

#[test]
fn a_text_at_its_limits_comes_back() {
    let deepest = format!("{}x == 1{}", "(a == 1 && !(b == 2 || ".repeat(32), "))".repeat(32));
    let deepest: Predicate = deepest.parse().unwrap();
    assert_eq!(deepest.to_string().parse::<Predicate>().unwrap(), deepest);
    let negated = format!("{}!x == 1{}", "(a == 1 && !(b == 2 || ".repeat(32), "))".repeat(32));
    assert!(matches!(negated.parse::<Predicate>(), Err(PredicateError::TooDeep { .. })));
    let negated = format!("{}!x == 1{}", "(a == 1 || ".repeat(63), ")".repeat(63));
    let negated: Predicate = negated.parse().unwrap();
    assert_eq!(negated.to_string().parse::<Predicate>().unwrap(), negated);
    let row = vec!["a != 1"; Predicate::LONGEST_TEXT / 10].join(" && ");
    let row: Predicate = row.parse().unwrap();
    assert_eq!(row.to_string().parse::<Predicate>().unwrap(), row);
}

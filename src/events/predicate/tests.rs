//! Each pair of values that compares, what is surely a mistake, and the places of mistakes in a text.

use super::compare::{Outcome, compare};
use super::*;
use crate::error::Severity;
use crate::events::{Events, FieldType, QueryError, Schema, Value};
use std::cmp::Ordering::{Equal, Greater, Less};

const TWO_53: u64 = 1 << 53;

#[test]
fn numbers_compare_by_value_whatever_their_type() {
    let (u, i, f) = (Value::U64, Value::I64, Value::F64);
    for (one, other, expected) in [
        (u(5), u(5), Some(Equal)),
        (u(4), u(5), Some(Less)),
        (i(-5), i(-4), Some(Less)),
        (i(-1), u(0), Some(Less)),
        (i(-1), u(u64::MAX), Some(Less)),
        (i(i64::MAX), u(i64::MAX as u64), Some(Equal)),
        (i(i64::MIN), u(1 << 63), Some(Less)),
        (f(1.5), f(1.5), Some(Equal)),
        (f(-0.0), f(0.0), Some(Equal)),
        (f(f64::INFINITY), f(f64::MAX), Some(Greater)),
        (f(f64::NAN), f(f64::NAN), None),
        (f(f64::NAN), u(0), None),
        (f(f64::NAN), i(-1), None),
        (u(TWO_53 + 1), f(TWO_53 as f64), Some(Greater)),
        (u(TWO_53), f(TWO_53 as f64), Some(Equal)),
        (u(TWO_53 - 1), f(TWO_53 as f64), Some(Less)),
        (i(-(TWO_53 as i64) - 1), f(-(TWO_53 as f64)), Some(Less)),
        (u(u64::MAX), f(u64::MAX as f64), Some(Less)),
        (i(i64::MAX), f(i64::MAX as f64), Some(Less)),
        (i(i64::MIN), f(i64::MIN as f64), Some(Equal)),
        (u(0), f(-0.0), Some(Equal)),
        (u(0), f(f64::from_bits(1)), Some(Less)),
        (u(0), f(-f64::from_bits(1)), Some(Greater)),
        (u(5), f(4.5), Some(Greater)),
        (u(4), f(4.5), Some(Less)),
        (i(-4), f(-4.5), Some(Greater)),
        (i(-5), f(-4.5), Some(Less)),
        (u(u64::MAX), f(f64::INFINITY), Some(Less)),
        (i(i64::MIN), f(f64::NEG_INFINITY), Some(Greater)),
        (u(u64::MAX), f(1e300), Some(Less)),
        (i(i64::MIN), f(-1e300), Some(Greater)),
    ] {
        assert_eq!(compare(&one, &other), expected.map(Outcome::Is), "{one:?} and {other:?}");
        let back = expected.map(|order| Outcome::Is(order.reverse()));
        assert_eq!(compare(&other, &one), back, "{other:?} and {one:?}");
    }
}

#[test]
fn only_values_of_one_sort_compare() {
    let events = Events::builder().memory(1 << 20).shards(1).build().unwrap();
    let (ann, bob) = (events.pseudonym("ann"), events.pseudonym("bob"));
    let values = [
        Value::U64(1),
        Value::Bool(true),
        Value::Str("1"),
        Value::Bytes(b"1"),
        Value::Secret { bytes: 1 },
        Value::Personal(ann),
    ];
    for (n, one) in values.iter().enumerate() {
        for (m, other) in values.iter().enumerate() {
            let is_one_sort = n == m && !matches!(one, Value::Secret { .. });
            assert_eq!(compare(one, other).is_some(), is_one_sort, "{one:?} and {other:?}");
        }
    }
    assert_eq!(compare(&Value::Bool(false), &Value::Bool(true)), Some(Outcome::Is(Less)));
    assert_eq!(compare(&Value::Str("Z"), &Value::Str("a")), Some(Outcome::Is(Less)), "by bytes");
    assert_eq!(compare(&Value::Bytes(b"ab"), &Value::Bytes(b"a")), Some(Outcome::Is(Greater)));
    assert_eq!(compare(&Value::Personal(ann), &Value::Personal(ann)), Some(Outcome::Is(Equal)));
    assert_eq!(compare(&Value::Personal(ann), &Value::Personal(bob)), Some(Outcome::Differs));
}

#[test]
fn what_was_cut_decides_as_far_as_it_goes() {
    for (literal, expected) in [
        ("a", Some(Greater)),
        ("mic", Some(Greater)),
        ("mid", Some(Greater)),
        ("middle", None),
        ("middles", None),
        ("mi", Some(Greater)),
        ("", Some(Greater)),
        ("mie", Some(Less)),
        ("zz", Some(Less)),
    ] {
        let text = compare(&Value::CutStr { kept: "mid", bytes: 9 }, &Value::Str(literal));
        let bytes = compare(&Value::CutBytes { kept: b"mid", bytes: 9 }, &Value::Bytes(literal.as_bytes()));
        assert_eq!((text, bytes), (expected.map(Outcome::Is), expected.map(Outcome::Is)), "{literal}");
    }
    // Whoever records a mark himself may have it lie.
    assert_eq!(compare(&Value::CutStr { kept: "mid", bytes: 2 }, &Value::Str("mid")), None);
    let cut = Value::CutStr { kept: "mid", bytes: 9 };
    assert_eq!(compare(&cut, &cut), None, "two that begin alike");
}

fn schemas() -> [Schema; 2] {
    [
        Schema::new("table.loaded")
            .field("rows", FieldType::U64)
            .field("table", FieldType::Str)
            .field("mixed", FieldType::Bool)
            .field("changes", FieldType::Diff)
            .secret_field("token", FieldType::Str)
            .personal_field("user", FieldType::Str),
        Schema::new("table.failed")
            .severity_of(Severity::Error)
            .field("mixed", FieldType::F64)
            .field("image", FieldType::Bytes),
    ]
}

fn check(text: &str) -> Result<(), QueryError> {
    text.parse::<Predicate>().unwrap().check(schemas().iter())
}

#[test]
fn what_no_kind_can_answer_is_an_error() {
    let unknown = |field: &str| Err(QueryError::UnknownField { field: field.into() });
    let typed = |field: &str, has: &str, asked| {
        Err(QueryError::FieldType { field: field.into(), has: has.into(), asked })
    };
    assert_eq!(check("rows == 1 || row == 2"), unknown("row"));
    assert_eq!(check("!has row"), unknown("row"));
    assert_eq!(check("rows == \"1\""), typed("rows", "numbers", "a text"));
    assert_eq!(check("rows ~ \"1\""), typed("rows", "numbers", "a part of a text"));
    assert_eq!(check("rows != NaN"), typed("rows", "numbers", "not-a-number"));
    assert_eq!(check("table == 1"), typed("table", "text", "a number"));
    assert_eq!(check("mixed == 0x00"), typed("mixed", "booleans or numbers", "bytes"));
    assert_eq!(check("changes == 1"), typed("changes", "changes", "a number"));
    assert_eq!(check("user == \"ann\""), typed("user", "pseudonyms", "a text"));
    let order = "the order of a pseudonym";
    assert_eq!(check("user < <personal 0123456789abcdef>"), typed("user", "pseudonyms", order));
    assert_eq!(check("rows == <unknown>"), typed("rows", "numbers", "a value that is not known"));
    let secret = Err(QueryError::SecretField { field: "token".into() });
    assert_eq!(check("token == \"x\""), secret);
    assert_eq!(check("token ~ \"x\""), secret);
    for fine in [
        "rows >= 1.5 && table ~ \"x\" && * ~ \"y\"",
        "mixed == true || mixed > 1",
        "has token && has changes && has user",
        "user != <personal 0123456789abcdef>",
        "image == 0x",
    ] {
        assert_eq!(check(fine), Ok(()), "{fine}");
    }
    let none = field("rows").exists().check([].iter());
    assert_eq!(none, unknown("rows"), "where there is no kind");
}

#[test]
fn what_cannot_hold_together_is_an_error() {
    let refused = |text: &str| match check(text) {
        Ok(()) => None,
        Err(QueryError::Contradiction { what: "a field", one, other }) => Some((one, other)),
        Err(other) => panic!("{text}: {other}"),
    };
    for (text, one, other) in [
        ("rows > 5 && rows < 3", "rows < 3", "rows > 5"),
        ("rows == 1 && rows == 2", "rows == 1", "rows == 2"),
        ("rows > 5 && rows < 5.0", "rows < 5.0", "rows > 5"),
        ("rows >= 5 && rows < 5", "rows < 5", "rows >= 5"),
        ("rows > 5 && rows <= 5", "rows <= 5", "rows > 5"),
        ("rows == 5 && rows != 5", "rows == 5", "rows != 5"),
        ("rows == 5 && rows > 5", "rows == 5", "rows > 5"),
        ("rows < 9 && has table && rows < 7 && rows >= 3 && rows > 8", "rows < 7", "rows > 8"),
        ("table == \"abc\" && table ~ \"d\"", "table == \"abc\"", "table ~ \"d\""),
        ("table == \"abc\" && table !~ \"b\"", "table == \"abc\"", "table !~ \"b\""),
        ("table > \"b\" && table < \"a\"", "table < \"a\"", "table > \"b\""),
        ("mixed == true && mixed > 1", "mixed == true", "mixed > 1"),
        ("mixed < true && mixed != 1", "mixed < true", "mixed != 1"),
        ("rows == 1 && !has rows", "rows == 1", "!has rows"),
        ("has rows && !has rows", "has rows", "!has rows"),
    ] {
        // One names the tightest, the other what fails against it; which comes first is all the same.
        let (first, second) = refused(text).unwrap_or_else(|| panic!("{text} passed"));
        let pair = [&*first, &*second];
        assert!(pair == [one, other] || pair == [other, one], "{text}: {pair:?}");
    }
    for fine in [
        "rows > 3 && rows < 5",
        "rows > 3 && rows < 4",
        "rows >= 5 && rows <= 5.0",
        "rows == 5 && rows == 5.0 && rows <= 5 && rows >= 5 && rows != 6",
        "rows != 5 && rows != 6 && rows > 5",
        "rows > 5 || rows < 3",
        "!(rows > 5 && rows < 3)",
        "rows == 1 && (rows == 2 || has table)",
        "rows == 1 && !(rows == 2)",
        "table ~ \"a\" && table !~ \"b\" && table == \"a\"",
        "mixed > false && mixed <= true",
    ] {
        assert_eq!(refused(fine), None, "{fine}");
    }
}

#[test]
fn each_mistake_has_its_place() {
    let unexpected = |text: &str| match text.parse::<Predicate>() {
        Err(PredicateError::Unexpected { at, found, expected }) => (at, found, expected),
        other => panic!("{text}: {other:?}"),
    };
    for (text, at, found, begins) in [
        ("", 0, "", "a field"),
        ("  ", 2, "", "a field"),
        ("rows", 4, "", "one of =="),
        ("rows & 5", 5, "&", "one of =="),
        ("rows =", 6, "", "a number"),
        ("rows == five", 8, "five", "a number"),
        ("rows == 5 6", 10, "6", "`&&`"),
        ("rows == 5 &", 10, "&", "`&&`"),
        ("rows == 5 && ", 13, "", "a field"),
        ("(rows == 5", 10, "", "`&&`, `||`, or the closing"),
        ("rows == 5)", 9, ")", "`&&`"),
        ("5 == rows", 0, "5", "a field"),
        ("and == 5", 0, "and", "a field"),
        ("has", 3, "", "a field"),
        ("has (rows)", 4, "(", "a field"),
        ("* == 5", 2, "=", "`~`"),
        ("rows ~ 5", 7, "5", "a text"),
        ("rows == 5x", 8, "5x", "a whole number"),
        ("rows == 1.5ms", 8, "1.5ms", "a whole number"),
        ("rows == 0x123", 8, "0x123", "0x"),
        ("rows == 0xgg", 8, "0xgg", "0x"),
        ("rows == <personal 12>", 8, "<", "<personal"),
        ("rows == -", 8, "-", "a number"),
        ("ü == 5", 0, "ü", "a field"),
        (r#"x == "a\q""#, 7, r"\q", r"\\"),
        (r#"x == "\x80""#, 6, r"\x80", r"\\"),
        (r#"x == "\u{d800}""#, 6, r"\u{d800}", r"\\"),
        (r#"x == "\u{+41}""#, 6, r"\u{+41}", r"\\"),
    ] {
        let (at_found, word, expected) = unexpected(text);
        assert_eq!((at_found, &*word), (at, found), "{text}");
        assert!(expected.starts_with(begins), "{text}: {expected}");
    }
    let error = |text: &str| text.parse::<Predicate>().unwrap_err();
    for number in ["18446744073709551616", "-9223372036854775809", "1e400", "99999999999m"] {
        let text = format!("rows > {number}");
        assert_eq!(error(&text), PredicateError::NumberOutOfRange { at: 7, found: number.into() });
    }
    assert_eq!(error("x == \"a"), PredicateError::Unclosed { at: 5, quote: '"' });
    assert_eq!(error("`x == 5"), PredicateError::Unclosed { at: 0, quote: '`' });
    let long = "(".repeat(Predicate::LONGEST_TEXT);
    assert_eq!(error(&long), PredicateError::TooDeep { at: 64, limit: 64 });
    assert_eq!(error(&(long + "(")), PredicateError::TooLong { bytes: 65_537, limit: 65_536 });
}

#[test]
fn what_is_written_is_what_is_meant() {
    for (text, meant) in [
        ("rows=5", field("rows").equals(5)),
        ("rows == -5", field("rows").equals(-5)),
        ("rows >= 1_000", field("rows").at_least(1_000)),
        ("took <= 5ms", field("took").at_most(5_000_000)),
        ("took > -2us", field("took").more_than(-2_000)),
        ("took < 3m", field("took").less_than(180_000_000_000_u64)),
        ("took != 2s or took=7ns", field("took").differs(2_000_000_000) | field("took").equals(7)),
        ("x == 18446744073709551615", field("x").equals(u64::MAX)),
        ("x == -9223372036854775808", field("x").equals(i64::MIN)),
        ("x > 1.5e-3", field("x").more_than(0.0015)),
        ("x > 1E+2", field("x").more_than(100.0)),
        ("x < -inf", field("x").less_than(f64::NEG_INFINITY)),
        ("x == NaN", field("x").equals(-f64::NAN)),
        ("x==true&&y!=false", field("x").equals(true) & field("y").differs(false)),
        (r#"x == "a\"\\\n\t\r\0\x41\u{fc}\'\`""#, field("x").equals("a\"\\\n\t\r\0Aü'`")),
        ("x == 0x7f02", field("x").equals(&[0x7f, 0x02][..])),
        ("x == 0x", field("x").equals(&[][..])),
        ("`a b`>1", field("a b").more_than(1)),
        (r"has `\``", field("`").exists()),
        ("has has_it", field("has_it").exists()),
        ("* ~ \"x\"", Predicate::text("x")),
        ("x ~ \"y\" and not z !~ \"w\"", field("x").contains("y") & !field("z").lacks("w")),
        ("a == 1 || b == 2 && c == 3", field("a").equals(1) | (field("b").equals(2) & field("c").equals(3))),
        (
            "(a == 1 || b == 2) && c == 3",
            (field("a").equals(1) | field("b").equals(2)) & field("c").equals(3),
        ),
        ("!a == 1 && b == 2", !field("a").equals(1) & field("b").equals(2)),
        ("!!(!(not has a))", field("a").exists()),
    ] {
        assert_eq!(text.parse::<Predicate>().unwrap(), meant, "{text}");
        assert_eq!(meant.to_string().parse::<Predicate>().unwrap(), meant, "{meant}");
    }
}

#[test]
fn one_row_is_one_form() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| field(name).exists());
    let from_left = ((a.clone() & b.clone()) & c.clone()) & d.clone();
    assert_eq!(from_left, a.clone() & (b.clone() & (c.clone() & d.clone())));
    assert_eq!(from_left, (a.clone() & b.clone()) & (c.clone() & d.clone()));
    assert_eq!(from_left.to_string(), "has a && has b && has c && has d");
    assert_eq!(a.clone() & !!(b.clone() & c.clone()), (a.clone() & b.clone()) & c.clone());
    let mixed = a.clone() | ((b.clone() | c.clone()) & d.clone() | !(a.clone() | d.clone()));
    assert_eq!(mixed.to_string(), "has a || (has b || has c) && has d || !(has a || has d)");
    assert_ne!(a.clone() & b.clone(), b & a);
}

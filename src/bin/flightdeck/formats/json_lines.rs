//! One JSON object a line, as loggers, collectors and `journalctl -o json` write them. Keys are taken
//! by their meaning (`names`); objects inside are flattened to dotted names, lists kept as JSON text,
//! nulls left out. Everything without a meaning of its own is a field.

use super::names::{Id, Role, role};
use super::row::{Broken, Correlation, Kind, MOST_FIELDS, Row, Value, excerpt, short_name};
use super::time::Instant;
use super::{ids, level, time};
use serde_core::Deserialize;
use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor, value};
use std::borrow::Cow;
use std::fmt;

type Fields<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

pub fn parse(line: &str) -> Result<Row<'_>, Broken> {
    let mut fields = Fields::with_capacity(16);
    let mut reader = serde_json::Deserializer::from_str(line);
    let read =
        Object { prefix: "", fields: &mut fields }.deserialize(&mut reader).and_then(|()| reader.end());
    if let Err(error) = read {
        return Err(if fields.len() > MOST_FIELDS { Broken::TooManyFields } else { why(&error) });
    }
    row(fields)
}

/// serde_json counts lines from one inside what it was given; the row's own line is known better.
fn why(error: &serde_json::Error) -> Broken {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    Broken::Json(format!("{} at column {}", excerpt(text), error.column()))
}

fn row(fields: Fields<'_>) -> Result<Row<'_>, Broken> {
    let mut start: Option<(u8, usize)> = None;
    let mut belongs: Option<(Id, usize)> = None;
    for (at, (name, value)) in fields.iter().enumerate() {
        match role(name) {
            Role::Time(rank) if start.is_none_or(|(best, _)| rank < best) => start = Some((rank, at)),
            // A number that is no whole one of 64 bits was rounded: two ids would become one.
            Role::Belongs(_) if matches!(value, Value::F64(_)) => {}
            Role::Belongs(id) if belongs.is_none_or(|(best, _)| id < best) => belongs = Some((id, at)),
            _ => {}
        }
    }
    let (_, start) = start.ok_or(Broken::NoTime)?;
    let time = fields.get(start).map(|(_, value)| value).ok_or(Broken::NoTime)?;
    let time = instant(time).ok_or_else(|| Broken::Time(excerpt(&shown(time))))?;

    let mut row = Row::new(Kind::Log, time.ns);
    row.fields.reserve_exact(fields.len());
    let (mut length, mut has_level, mut has_message) = (None, false, false);
    for (at, (name, value)) in fields.into_iter().enumerate() {
        match role(&name) {
            Role::Time(_) if at == start => continue,
            Role::Belongs(id) if belongs == Some((id, at)) => {
                row.correlation = correlation(id, value);
                continue;
            }
            Role::Span => match span(&value) {
                Some(span) => {
                    row.span = span;
                    continue;
                }
                None => row.fields.push((name, value)),
            },
            Role::Parent => match span(&value) {
                Some(parent) => {
                    row.parent = parent;
                    continue;
                }
                None => row.fields.push((name, value)),
            },
            Role::End => match instant(&value).filter(|end| end.ns >= time.ns) {
                Some(end) => row.end_ns = Some(end.ns),
                None => row.fields.push((name, value)),
            },
            Role::Length(unit) => {
                length = match &value {
                    Value::Str(text) => time::length(text, unit.or(time.unit)),
                    Value::U64(number) => {
                        unit.or(time.unit).and_then(|unit| time::length(&number.to_string(), Some(unit)))
                    }
                    Value::F64(number) => {
                        unit.or(time.unit).and_then(|unit| time::length_of_float(*number, unit))
                    }
                    _ => None,
                };
                row.fields.push((name, value));
            }
            Role::Level(scale) if !has_level => {
                let severity = match &value {
                    Value::U64(number) => level::of_number(*number, scale),
                    Value::Str(text) => level::of_text(text, scale),
                    _ => None,
                };
                match severity {
                    Some(severity) => (row.severity, has_level) = (severity, true),
                    None => row.fields.push((name, value)),
                }
            }
            Role::Message if !has_message => {
                has_message = true;
                row.fields.push((Cow::Borrowed("message"), value));
            }
            _ => row.fields.push((name, value)),
        }
    }
    if row.end_ns.is_none() {
        row.end_ns = length.and_then(|ns| row.time_ns.checked_add(ns));
    }
    if row.end_ns.is_some() && !row.span.is_none() {
        row.kind = Kind::Span;
    } else {
        // The end of what is no span means nothing to us; a length is still there as a field.
        if let (None, Some(end)) = (length, row.end_ns) {
            row.fields.push((Cow::Borrowed("end_ns"), Value::U64(end)));
        }
        row.end_ns = None;
    }
    Ok(row)
}

fn instant(value: &Value<'_>) -> Option<Instant> {
    match value {
        Value::U64(number) => time::instant_of_number(*number),
        Value::F64(number) => time::instant_of_float(*number),
        Value::Str(text) => time::instant(text),
        Value::I64(_) | Value::Bool(_) => None,
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::U64(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::F64(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        Value::Str(text) => text.to_string(),
    }
}

fn correlation(id: Id, value: Value<'_>) -> Correlation<'_> {
    let text = match value {
        Value::Str(text) => text,
        other => Cow::Owned(shown(&other)),
    };
    match id {
        Id::Trace => ids::trace(text),
        Id::Request => ids::request(text),
        Id::Unit => ids::plain(text),
    }
}

fn span(value: &Value<'_>) -> Option<flightdeck::SpanId> {
    match value {
        Value::Str(text) => ids::span(text),
        Value::U64(number) => Some(flightdeck::SpanId::new(*number)),
        _ => None,
    }
}

/// Reads an object into `fields`, under a prefix.
struct Object<'f, 'a> {
    prefix: &'f str,
    fields: &'f mut Fields<'a>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            let name = if self.prefix.is_empty() {
                cut(key)
            } else {
                cut(Cow::Owned(format!("{}.{}", self.prefix, short_name(&key))))
            };
            map.next_value_seed(Field { name, fields: self.fields })?;
        }
        Ok(())
    }
}

fn cut(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(text) => Cow::Borrowed(short_name(text)),
        Cow::Owned(text) => Cow::Owned(short_name(&text).to_owned()),
    }
}

/// Reads one value into `fields`, under its name.
struct Field<'f, 'a> {
    name: Cow<'a, str>,
    fields: &'f mut Fields<'a>,
}

impl<'a> Field<'_, 'a> {
    fn push<E: Error>(self, value: Value<'a>) -> Result<(), E> {
        self.fields.push((self.name, value));
        if self.fields.len() > MOST_FIELDS { Err(E::custom("too many fields")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push(Value::U64(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push(u64::try_from(value).map_or(Value::I64(value), Value::U64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push(Value::F64(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<(), E> {
        self.push(Value::Str(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.push(Value::Str(Cow::Owned(value.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Object { prefix: &self.name, fields: self.fields }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        let list = serde_json::Value::deserialize(value::SeqAccessDeserializer::new(list))?;
        self.push(Value::Str(Cow::Owned(list.to_string())))
    }
}

/// A key, borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Key;
        impl<'de> Visitor<'de> for Key {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(key.to_owned())))
            }
        }
        reader.deserialize_str(Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flightdeck::{Severity, SpanId};

    fn field<'r>(row: &'r Row<'_>, name: &str) -> Option<&'r Value<'r>> {
        row.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    #[test]
    fn a_loggers_line() {
        let row = parse(r#"{"ts":"2024-02-29T12:00:00.5Z","level":"warn","msg":"slow \"disk\"","trace_id":"ab","n":-3,"ok":true,"none":null}"#).unwrap();
        assert_eq!((row.time_ns, row.kind), (1_709_208_000_500_000_000, Kind::Log));
        assert_eq!((row.severity, row.correlation.clone()), (Severity::Warn, Correlation::Id128(0xab)));
        assert_eq!(field(&row, "message"), Some(&Value::Str("slow \"disk\"".into())));
        assert_eq!(field(&row, "n"), Some(&Value::I64(-3)));
        assert_eq!(field(&row, "ok"), Some(&Value::Bool(true)));
        assert_eq!(row.fields.len(), 3);
    }

    #[test]
    fn a_journal_line_belongs_to_its_unit() {
        let row = parse(r#"{"__REALTIME_TIMESTAMP":"1709208000000001","PRIORITY":"3","MESSAGE":[104,105],"_SYSTEMD_UNIT":"cron.service","_PID":"9"}"#).unwrap();
        assert_eq!((row.time_ns, row.severity), (1_709_208_000_000_001_000, Severity::Error));
        assert_eq!(row.correlation, Correlation::Text("cron.service".into()));
        assert_eq!(field(&row, "message"), Some(&Value::Str("[104,105]".into())));
        assert_eq!(field(&row, "_PID"), Some(&Value::Str("9".into())));
    }

    #[test]
    fn a_span_by_its_end_or_its_length() {
        let with = |rest: &str| {
            format!(r#"{{"time":1709208000000000,"traceId":"ab","spanId":"cd","parentSpanId":"ef",{rest}}}"#)
        };
        for rest in [
            r#""duration":250"#,
            r#""duration_ms":0.25"#,
            r#""duration":"250us""#,
            r#""end_time":1709208000000250"#,
        ] {
            let line = with(rest);
            let row = parse(&line).unwrap();
            assert_eq!((row.kind, row.end_ns), (Kind::Span, Some(1_709_208_000_000_250_000)), "{rest}");
            assert_eq!((row.span, row.parent), (SpanId::new(0xcd), SpanId::new(0xef)));
        }
    }

    #[test]
    fn a_length_without_a_unit_is_not_guessed() {
        let row = parse(r#"{"time":"2024-02-29T12:00:00Z","span_id":"cd","duration":250}"#).unwrap();
        assert_eq!((row.kind, row.end_ns), (Kind::Log, None));
        assert_eq!(field(&row, "duration"), Some(&Value::U64(250)));
    }

    #[test]
    fn objects_inside_are_flattened() {
        let row = parse(r#"{"timestamp":1709208000.25,"fields":{"message":"hi","user":{"id":7}},"span":{"name":"s"},"log":{"level":"ERROR"}}"#).unwrap();
        assert_eq!(row.time_ns, 1_709_208_000_250_000_000);
        assert_eq!(field(&row, "message"), Some(&Value::Str("hi".into())));
        assert_eq!(field(&row, "fields.user.id"), Some(&Value::U64(7)));
        assert_eq!(field(&row, "span.name"), Some(&Value::Str("s".into())));
        assert_eq!(row.severity, Severity::Error);
    }

    #[test]
    fn the_best_id_counts_and_the_others_are_kept() {
        let row = parse(r#"{"ts":1,"unit":"u","request_id":17,"pid":4}"#).unwrap();
        assert_eq!(row.correlation, Correlation::Text("17".into()));
        assert_eq!(field(&row, "unit"), Some(&Value::Str("u".into())));
    }

    #[test]
    fn a_number_that_was_rounded_is_no_id() {
        let row = parse(r#"{"ts":1,"trace_id":340282366920938463463374607431768211455,"request_id":"r-1"}"#)
            .unwrap();
        assert_eq!(row.correlation, Correlation::Text("r-1".into()));
        assert!(matches!(field(&row, "trace_id"), Some(Value::F64(_))));
        let row = parse(r#"{"ts":1,"trace_id":18446744073709551615}"#).unwrap();
        assert_eq!(row.correlation, Correlation::Id128(0x1844_6744_0737_0955_1615));
    }

    #[test]
    fn broken_lines() {
        assert_eq!(parse("{}"), Err(Broken::NoTime));
        assert_eq!(parse(r#"{"time":"noon"}"#), Err(Broken::Time("noon".into())));
        assert_eq!(parse(r#"{"time":-5}"#), Err(Broken::Time("-5".into())));
        for line in ["", "[1]", "7", r#"{"time":1"#, r#"{"time":1} x"#, r#"{time:1}"#] {
            assert!(matches!(parse(line), Err(Broken::Json(_))), "{line}");
        }
        let deep = format!("{{\"time\":1,\"a\":{}1{}}}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
        assert!(matches!(parse(&deep), Err(Broken::Json(_))));
        let deep = format!("{{\"time\":1,\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(matches!(parse(&deep), Err(Broken::Json(_))));
    }

    #[test]
    fn names_and_numbers_of_fields_are_bounded() {
        let many: String = (0..MOST_FIELDS + 1).map(|at| format!(",\"k{at}\":1")).collect();
        assert_eq!(parse(&format!("{{\"time\":1{many}}}")), Err(Broken::TooManyFields));
        let long = "x".repeat(10_000);
        let line = format!("{{\"time\":1,\"{long}\":{{\"{long}\":2}}}}");
        let row = parse(&line).unwrap();
        assert!(row.fields.iter().all(|(name, _)| name.len() <= 256));
    }
}

//! Events as comma-separated values (RFC 4180, with a line feed at the end of each row).

use super::row::Row;
use crate::formats::time_shown;
use flightdeck::events::Value;
use flightdeck::{Converter, SpanId};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

/// What every event has, or may have.
const COLUMNS: [&str; 11] = [
    "time",
    "unix_ns",
    "severity",
    "class",
    "kind",
    "thread",
    "thread_name",
    "correlation",
    "span",
    "parent",
    "duration_ns",
];

/// Which columns there are.
pub struct Csv {
    converter: Converter,
    /// A column for each of these fields; one for all of them as JSON, if `None`.
    fields: Option<Vec<String>>,
}

impl std::fmt::Debug for Csv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csv").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl Csv {
    /// With a column for each of these fields, or one for all of them.
    pub fn new(converter: Converter, fields: Option<Vec<String>>) -> Self {
        Self { converter, fields }
    }

    /// The names of the columns. A field that is called like what every event has is `field.NAME`.
    pub fn header(&self) -> String {
        let names = COLUMNS.map(Cow::Borrowed).into_iter();
        match &self.fields {
            Some(fields) => joined(names.chain(fields.iter().map(|name| {
                if COLUMNS.contains(&name.as_str()) { format!("field.{name}").into() } else { name.into() }
            }))),
            None => joined(names.chain([Cow::Borrowed("fields")])),
        }
    }

    /// An event.
    pub fn row(&self, row: &Row<'_>) -> String {
        let event = &row.event;
        let unix_ns = self.converter.unix_ns(event.ticks());
        let span = |span: SpanId| if span.is_none() { String::new() } else { span.to_string() };
        let id = event.correlation();
        let own = [
            time_shown(unix_ns).into(),
            unix_ns.to_string().into(),
            event.severity().name().into(),
            event.class().name().into(),
            event.kind().into(),
            event.thread().to_string().into(),
            event.thread_name().map(|name| name.to_string()).unwrap_or_default().into(),
            if id.is_none() { "".into() } else { id.to_string().into() },
            span(event.span()).into(),
            event.parent().map(span).unwrap_or_default().into(),
            event.duration().map(|took| took.as_nanos().to_string()).unwrap_or_default().into(),
        ];
        match &self.fields {
            Some(names) => joined(own.into_iter().chain(names.iter().map(|name| match row.field(name) {
                Some(value) => value.to_string().into(),
                None => Cow::Borrowed(""),
            }))),
            None => joined(own.into_iter().chain([Cow::Owned(object(row.fields()))])),
        }
    }
}

/// All fields of an event as one JSON object: numbers, booleans and texts as such, all else as text.
fn object<'f>(fields: impl IntoIterator<Item = (&'f str, Value<'f>)>) -> String {
    let mut object = Map::new();
    for (name, value) in fields {
        let value = match value {
            Value::U64(number) => number.into(),
            Value::I64(number) => number.into(),
            Value::F64(number) if number.is_finite() => number.into(),
            Value::Bool(is) => is.into(),
            other => Json::String(other.to_string()),
        };
        // A row may have fields of one name, an object may not.
        let numbered = (2..).map(|number| format!("{name}#{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        if let Some(name) = names.find(|name| !object.contains_key(name)) {
            object.insert(name, value);
        }
    }
    Json::Object(object).to_string()
}

fn joined<'a>(values: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut text = String::new();
    for (at, value) in values.enumerate() {
        if at > 0 {
            text.push(',');
        }
        if value.contains(['"', ',', '\n', '\r']) {
            text.push('"');
            text.push_str(&value.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(&value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_syntax_are_quoted() {
        let values = ["a", "", "b,c", "say \"x\"", "two\nlines"].map(Cow::Borrowed);
        assert_eq!(joined(values.into_iter()), "a,,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\"");
    }

    #[test]
    fn fields_of_one_name_are_all_there() {
        let fields = [("n", Value::U64(1)), ("n", Value::U64(2)), ("n#2", Value::U64(3))];
        assert_eq!(object(fields), r##"{"n":1,"n#2":2,"n#2#2":3}"##);
    }
}

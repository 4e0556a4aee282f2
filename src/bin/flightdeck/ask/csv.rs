//! Events as comma-separated values (RFC 4180, with a line feed at the end of each row).

use crate::formats::time_shown;
use flightdeck::events::{Recorded, Recording, Value};
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
    /// With columns for the fields of these kinds; without kinds there is one, for the fields of any.
    pub fn new(recording: &Recording, kinds: &[String]) -> Self {
        let fields = (!kinds.is_empty()).then(|| {
            let mut names: Vec<String> = Vec::new();
            for kind in recording.kinds().filter(|kind| kinds.iter().any(|name| name == kind.name())) {
                for field in kind.fields() {
                    if !names.iter().any(|name| **name == *field.name) {
                        names.push(field.name.to_string());
                    }
                }
            }
            names
        });
        Self { converter: recording.converter(), fields }
    }

    /// The names of the columns. A field that is called like what every event has is `field.NAME`.
    pub fn header(&self) -> String {
        let names = COLUMNS.map(Cow::Borrowed).into_iter();
        match &self.fields {
            Some(fields) => row(names.chain(fields.iter().map(|name| {
                if COLUMNS.contains(&name.as_str()) { format!("field.{name}").into() } else { name.into() }
            }))),
            None => row(names.chain([Cow::Borrowed("fields")])),
        }
    }

    /// An event.
    pub fn row(&self, event: &Recorded<'_>) -> String {
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
            Some(names) => row(own.into_iter().chain(names.iter().map(|name| match event.field(name) {
                Some(value) => value.to_string().into(),
                None => Cow::Borrowed(""),
            }))),
            None => row(own.into_iter().chain([Cow::Owned(object(event))])),
        }
    }
}

/// All fields of an event as one JSON object: numbers, booleans and texts as such, all else as text.
fn object(event: &Recorded<'_>) -> String {
    let mut object = Map::new();
    for (name, value) in event.fields() {
        let value = match value {
            Value::U64(number) => number.into(),
            Value::I64(number) => number.into(),
            Value::F64(number) if number.is_finite() => number.into(),
            Value::Bool(is) => is.into(),
            other => Json::String(other.to_string()),
        };
        object.entry(name).or_insert(value);
    }
    Json::Object(object).to_string()
}

fn row<'a>(values: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut row = String::new();
    for (at, value) in values.enumerate() {
        if at > 0 {
            row.push(',');
        }
        if value.contains(['"', ',', '\n', '\r']) {
            row.push('"');
            row.push_str(&value.replace('"', "\"\""));
            row.push('"');
        } else {
            row.push_str(&value);
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_syntax_are_quoted() {
        let values = ["a", "", "b,c", "say \"x\"", "two\nlines"].map(Cow::Borrowed);
        assert_eq!(row(values.into_iter()), "a,,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\"");
    }
}

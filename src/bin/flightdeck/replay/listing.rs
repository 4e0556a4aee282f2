//! Rows for a program, written one after the other: an answer may hold millions, and as JSON in memory each would take
//! some twenty times what it takes in the store.

use super::chain::{fields_of, number, shown, text_of};
use super::deck::stored;
use super::load::Loader;
use crate::formats::Value;
use flightdeck::events::Recorded;
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value as Json, json};

/// An object: what is short, and behind it one list.
pub struct Listing<L> {
    pub head: Json,
    pub name: &'static str,
    pub list: L,
}

impl<L: Serialize> Serialize for Listing<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for (name, value) in self.head.as_object().into_iter().flatten() {
            object.serialize_entry(name, value)?;
        }
        object.serialize_entry(self.name, &self.list)?;
        object.end()
    }
}

/// The rows behind events, an object each.
pub struct Rows<'a> {
    events: Vec<Recorded<'a>>,
    loader: &'a Loader,
    has_ids: bool,
}

impl<'a> Rows<'a> {
    pub fn of(events: Vec<Recorded<'a>>, loader: &'a Loader) -> Self {
        Self { events, loader, has_ids: false }
    }

    /// The same, each with what it belongs to.
    pub fn with_ids(self) -> Self {
        Self { has_ids: true, ..self }
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.events.iter().map(|event| {
            let mut row = row(event, self.loader);
            if self.has_ids {
                let (id, text) = (event.correlation(), text_of(event));
                row["correlation"] = (!id.is_none()).then(|| shown(id, text)).into();
            }
            row
        }))
    }
}

fn row(event: &Recorded<'_>, loader: &Loader) -> Json {
    let file = number(event, stored::FILE).and_then(|file| loader.files.get(usize::try_from(file).ok()?));
    let span = |span: flightdeck::SpanId| (!span.is_none()).then(|| span.to_string());
    let mut fields = Map::new();
    for (name, value) in fields_of(event, &loader.names) {
        let value = match value {
            Value::U64(number) => number.into(),
            Value::I64(number) => number.into(),
            Value::F64(number) => number.into(),
            Value::Bool(yes) => yes.into(),
            Value::Str(text) => text.into(),
        };
        fields.insert(free_name(&fields, name), value);
    }
    json!({
        "file": file.map(|file| &file.name),
        "line": number(event, stored::LINE),
        "time_ns": event.ticks().0,
        "kind": event.kind(),
        "span": span(event.span()),
        "parent": event.parent().and_then(span),
        "fields": fields,
    })
}

/// A row may have one name twice; an object may not.
fn free_name(taken: &Map<String, Json>, name: &str) -> String {
    let numbered = (2..).map(|n| format!("{name}#{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken.contains_key(name)).unwrap_or_default()
}

//! Kinds of events for rows whose fields are to be asked for: one for each row of names and types.

use super::batch::{BatchRow, Fields};
use super::deck::stored;
use super::names::NameTable;
use crate::formats::Value;
use flightdeck::events::{Events, FieldType, Kind, Schema};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The shapes so far. Files have few; a store keeps some thousand kinds apart, and rows of further shapes are refused.
pub struct Shapes {
    names: Arc<NameTable>,
    kinds: RwLock<Known>,
    refused: AtomicU64,
}

#[derive(Default)]
struct Known {
    by_schema: HashMap<Vec<u8>, Kind, ahash::RandomState>,
    /// Names of kinds, and of fields that predicates may ask of them.
    fields: BTreeSet<[Box<str>; 2]>,
    is_full: bool,
}

/// A row as an event with fields.
pub struct Shaped<'a> {
    pub kind: Kind,
    pub fields: Vec<(&'a str, Value<'a>)>,
}

impl Shapes {
    pub fn new(names: Arc<NameTable>) -> Self {
        Self { names, kinds: RwLock::default(), refused: AtomicU64::new(0) }
    }

    /// How many rows had a shape too many.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The fields of rows of these kinds, or of all.
    pub fn fields_of(&self, kinds: &[String]) -> BTreeSet<Box<str>> {
        let known = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let is_asked = |kind: &str| kinds.is_empty() || kinds.iter().any(|asked| asked == kind);
        known.fields.iter().filter(|[kind, _]| is_asked(kind)).map(|[_, field]| field.clone()).collect()
    }

    /// The kind of a row and its fields, which come after those of `base`; `None` for a shape too many.
    pub fn of<'a>(
        &'a self,
        row: &BatchRow<'a>,
        events: &Events,
        base: impl FnOnce() -> Schema,
    ) -> Option<Shaped<'a>> {
        let fields: Vec<_> = Fields::new(row.fields(), &self.names).collect();
        let key = key(row, &fields);
        let known = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        let (kind, is_full) = (known.by_schema.get(&key).cloned(), known.is_full);
        drop(known);
        let kind = kind.or_else(|| if is_full { None } else { self.define(key, &fields, events, base()) });
        if kind.is_none() {
            // Relaxed: asked for when the writers have ended.
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        kind.map(|kind| Shaped { kind, fields })
    }

    #[cold]
    fn define(
        &self,
        key: Vec<u8>,
        fields: &[(&str, Value<'_>)],
        events: &Events,
        base: Schema,
    ) -> Option<Kind> {
        let schema = fields
            .iter()
            .fold(base, |schema, (name, value)| schema.field((*name).to_owned(), field_type(value)));
        let name = schema.name().to_owned();
        let beside = [stored::FILE, stored::LINE, stored::ID, stored::FIELDS];
        let asked = schema.fields().iter().filter(|field| !beside.contains(&&*field.name));
        let fields: Vec<Box<str>> = asked.map(|field| (*field.name).into()).collect();
        // An equal one is the same kind, so threads that meet here agree.
        let defined = events.define(schema);
        let mut known = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        match defined {
            Ok(kind) => {
                known.fields.extend(fields.into_iter().map(|field| [name.as_str().into(), field]));
                known.by_schema.insert(key, kind.clone());
                Some(kind)
            }
            Err(_) => {
                known.is_full = true;
                None
            }
        }
    }
}

/// What tells one shape from another.
fn key(row: &BatchRow<'_>, fields: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut key = vec![row.kind() as u8, row.severity() as u8, u8::from(row.end_ns().is_some())];
    for (name, value) in fields {
        key.push(field_type(value) as u8);
        key.extend_from_slice(&(name.len() as u32).to_le_bytes());
        key.extend_from_slice(name.as_bytes());
    }
    key
}

fn field_type(value: &Value<'_>) -> FieldType {
    match value {
        Value::U64(_) => FieldType::U64,
        Value::I64(_) => FieldType::I64,
        Value::F64(_) => FieldType::F64,
        Value::Bool(_) => FieldType::Bool,
        Value::Str(_) => FieldType::Str,
    }
}

//! The event store that a replay fills: how large it is, and what of a row a record holds.

use super::batch::{BatchRow, Fields, RowBatch};
use super::names::NameTable;
use super::shapes::Shapes;
use crate::formats::{Correlation, Kind, Value as RowValue};
use ahash::RandomState;
use flightdeck::events::{
    BuildError, Builder, Class, Events, FieldType, Kind as EventKind, Schema, Shares, Stamp, Value, Writer,
};
use flightdeck::{Clock, CorrelationId, Severity, Ticks};
use std::collections::BTreeSet;
use std::sync::Arc;

/// For input without a length, which may never end.
const FOR_STREAMS: usize = 256 << 20;
/// Where the machine does not say how much memory it has.
const ASSUMED_MEMORY: usize = 4 << 30;

/// How much memory the store may take.
#[derive(Clone, Copy, Debug)]
pub enum Room {
    /// This much.
    Bytes(usize),
    /// What all rows need, and no more than this.
    Enough(usize),
}

impl Room {
    /// As the user says; otherwise enough for inputs whose end is known.
    pub fn new(asked: Option<usize>, has_end: bool) -> Self {
        match asked {
            Some(bytes) => Self::Bytes(bytes),
            None if has_end => Self::Enough(machine_memory() / 4),
            None => Self::Bytes(FOR_STREAMS),
        }
    }
}

fn machine_memory() -> usize {
    let said = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = said.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    total.and_then(|kib| kib.parse::<usize>().ok()).map_or(ASSUMED_MEMORY, |kib| kib << 10)
}

/// What is stored beside the fields of a row, and before them. The first letter keeps names apart from those that rows
/// have.
pub mod stored {
    /// The number of the file.
    pub const FILE: &str = "@file";
    /// The line in it.
    pub const LINE: &str = "@line";
    /// The text that the id stands for.
    pub const ID: &str = "@id";
    /// How long the row took, if it says so, under the name by which trees of spans know it. Of a row that has a field of
    /// that name too, predicates ask for this.
    pub const TOOK: &str = "duration_ns";
    /// All fields of the row in one, or nothing where they follow as they are.
    pub const FIELDS: &str = "@fields";
}

/// What rows need of the ring of one writer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Need {
    /// Bytes over all records.
    pub total: u64,
    /// Bytes of the longest.
    pub longest: u64,
}

impl Need {
    /// Of all rows of a batch; with the names of fields, if each is to be one of the event.
    pub fn of(batch: &RowBatch, names: Option<&NameTable>) -> Self {
        batch.rows().fold(Self::default(), |need, row| {
            let record = record_bytes(&row, names);
            Self { total: need.total + record, longest: need.longest.max(record) }
        })
    }

    pub fn add(&mut self, other: Self) {
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }
}

/// A header of six words, a start's parent, four fields, a duration.
fn record_bytes(row: &BatchRow<'_>, names: Option<&NameTable>) -> u64 {
    let text = match row.correlation() {
        Correlation::Text(text) => text.len(),
        _ => 0,
    };
    // By itself a field takes no more than its bytes here, filled up, and a word.
    let own = names.map_or(0, |names| Fields::new(row.fields(), names).count());
    let words = own + 6 + 1 + 2 + (1 + text.div_ceil(8)) + (1 + row.fields().len().div_ceil(8)) + 1;
    words as u64 * 8
}

/// The store, and what is needed to write rows to it and to find them again.
pub struct Deck {
    pub events: Events,
    kinds: Vec<EventKind>,
    /// Two keys, 64 bits each: whoever writes logs cannot make two texts one id.
    keys: [RandomState; 2],
    /// Where each field of a row is to be one of the event.
    shapes: Option<Shapes>,
}

impl Deck {
    /// A store of so many writers, in which each has room for what the fullest of them needs.
    pub fn new(writers: usize, room: Room, need: Need) -> Result<Self, BuildError> {
        let builder =
            Events::builder().shards(writers).shares(Shares::only(Class::Normal)).clock(Clock::supplied());
        // A row is kept whole or not at all.
        let builder = builder.longest_value(usize::MAX);
        let events = match room {
            Room::Bytes(bytes) => builder.memory(bytes),
            Room::Enough(most) => large_enough(builder, need, most),
        };
        let events = events.build()?;
        let mut kinds = Vec::new();
        for kind in Kind::ALL {
            for severity in Severity::ALL {
                for has_end in [false, true] {
                    // Far below the number of kinds that a store keeps apart.
                    kinds.extend(events.define(schema(kind, severity, has_end)));
                }
            }
        }
        Ok(Self { events, kinds, keys: [RandomState::new(), RandomState::new()], shapes: None })
    }

    /// The same, in which each field of a row is one of the event, so that predicates find it.
    pub fn with_fields(self, names: Arc<NameTable>) -> Self {
        Self { shapes: Some(Shapes::new(names)), ..self }
    }

    /// The fields that predicates may ask of rows of these kinds, or of all.
    pub fn fields_of(&self, kinds: &[String]) -> BTreeSet<Box<str>> {
        self.shapes.as_ref().map(|shapes| shapes.fields_of(kinds)).unwrap_or_default()
    }

    /// How many rows predicates do not see into: those of more shapes than a store keeps apart.
    pub fn opaque_rows(&self) -> u64 {
        self.shapes.as_ref().map_or(0, Shapes::refused)
    }

    /// The id that stands for a row's correlation: itself, or a keyed hash of its text.
    pub fn id(&self, correlation: &Correlation<'_>) -> CorrelationId {
        match correlation {
            Correlation::None => CorrelationId::NONE,
            Correlation::Id128(id) => CorrelationId::new(*id),
            Correlation::Text(text) => {
                let [high, low] = self.keys.each_ref().map(|key| u128::from(key.hash_one(text)));
                CorrelationId::new((high << 64 | low).max(1))
            }
        }
    }

    /// Writes a row as an event.
    #[inline]
    pub fn record(&self, writer: &mut Writer, row: &BatchRow<'_>) {
        let correlation = row.correlation();
        let mut stamp = Stamp::of(self.id(&correlation)).span(row.span()).at(Ticks(row.time_ns()));
        if row.kind() == Kind::Span || !row.parent().is_none() {
            stamp = stamp.starts_under(row.parent());
        }
        let text = match &correlation {
            Correlation::Text(text) => text,
            _ => "",
        };
        let took = row.end_ns().map(|end| end.saturating_sub(row.time_ns()));
        let beside = |fields| {
            [
                Value::U64(row.file().into()),
                Value::U64(row.line()),
                Value::Str(text),
                Value::U64(took.unwrap_or_default()),
                Value::Bytes(fields),
            ]
        };
        let record = |kind, values: &[Value<'_>], writer: &mut Writer| {
            let recorded = writer.record_values(stamp, kind, values);
            debug_assert!(recorded.is_ok(), "values as the schema says: {recorded:?}");
        };
        let shape = self.shapes.as_ref().and_then(|shapes| {
            let base = || schema(row.kind(), row.severity(), took.is_some());
            shapes.of(row, &self.events, base)
        });
        if let Some(shape) = shape {
            let mut values = beside(&[]).to_vec();
            if took.is_none() {
                values.remove(TOOK_PLACE);
            }
            values.extend(shape.fields.iter().map(|(_, value)| as_stored(value)));
            return record(&shape.kind, &values, writer);
        }
        let mut values = beside(row.fields());
        let values = if took.is_some() {
            &values[..]
        } else {
            values.swap(TOOK_PLACE, TOOK_PLACE + 1);
            &values[..TOOK_PLACE + 1]
        };
        let number = (row.kind() as usize * Severity::ALL.len() + row.severity() as usize) * 2;
        if let Some(kind) = self.kinds.get(number + usize::from(took.is_some())) {
            record(kind, values, writer);
        }
    }
}

/// Before the last of what is stored beside the fields.
const TOOK_PLACE: usize = 3;

/// Times in files are no proof of an order, so no kind is one with which an id begins.
fn schema(kind: Kind, severity: Severity, has_end: bool) -> Schema {
    let schema = Schema::new(kind.name())
        .severity_of(severity)
        .field(stored::FILE, FieldType::U64)
        .field(stored::LINE, FieldType::U64)
        .field(stored::ID, FieldType::Str);
    let schema = if has_end { schema.field(stored::TOOK, FieldType::U64) } else { schema };
    schema.field(stored::FIELDS, FieldType::Bytes)
}

/// A value of a row as one of an event.
pub fn as_stored<'a>(value: &'a RowValue<'_>) -> Value<'a> {
    match value {
        RowValue::U64(number) => Value::U64(*number),
        RowValue::I64(number) => Value::I64(*number),
        RowValue::F64(number) => Value::F64(*number),
        RowValue::Bool(yes) => Value::Bool(*yes),
        RowValue::Str(text) => Value::Str(text),
    }
}

/// The smallest store in which a ring holds what is needed, within `most` bytes.
fn large_enough(builder: Builder, need: Need, most: usize) -> Builder {
    let plan = |memory| builder.clone().memory(memory).plan().ok();
    // Longer than any store takes: no reason to take all the memory there is.
    let longest = plan(most).map_or(0, |plan| need.longest.min(plan.longest_event[Class::Normal] as u64));
    let sizes = std::iter::successors(Some(1_usize << 16), |bytes| bytes.checked_mul(2));
    let enough = sizes.take_while(|bytes| *bytes <= most).filter_map(plan).find(|plan| {
        plan.ring[Class::Normal] as u64 >= need.total && plan.longest_event[Class::Normal] as u64 >= longest
    });
    builder.memory(enough.map_or(most, |plan| plan.total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_with_the_need_up_to_the_most() {
        let plan = |total, longest, most| {
            Deck::new(2, Room::Enough(most), Need { total, longest }).unwrap().events.plan()
        };
        let (small, large) = (plan(1_000, 200, 1 << 30), plan(5_000_000, 200, 1 << 30));
        assert!(small.total < 1 << 20 && small.ring[Class::Normal] >= 1_000, "{small:?}");
        assert!(large.ring[Class::Normal] >= 5_000_000 && large.total < 64 << 20, "{large:?}");
        let with_long_rows = plan(1_000_000, 500_000, 1 << 30);
        assert!(with_long_rows.longest_event[Class::Normal] >= 500_000, "{with_long_rows:?}");
        let capped = plan(1 << 40, 200, 8 << 20);
        assert!(capped.total <= 8 << 20 && capped.ring[Class::Normal] < 1 << 23, "{capped:?}");
    }

    #[test]
    fn texts_are_told_apart_and_never_none() {
        let deck = Deck::new(1, Room::Bytes(1 << 20), Need::default()).unwrap();
        let id = |text: &'static str| deck.id(&Correlation::Text(text.into()));
        assert_eq!(id("nano"), id("nano"));
        assert_ne!(id("nano"), id("vim"));
        assert!(!id("").is_none());
        assert!(deck.id(&Correlation::None).is_none());
        assert_eq!(deck.id(&Correlation::Id128(7)), CorrelationId::from(7_u64));
    }

    #[test]
    fn every_kind_of_row_has_a_kind_of_event() {
        let deck = Deck::new(1, Room::Bytes(1 << 20), Need::default()).unwrap();
        assert_eq!(deck.kinds.len(), Kind::ALL.len() * Severity::ALL.len() * 2);
    }
}

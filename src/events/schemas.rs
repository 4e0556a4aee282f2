//! What a deck knows of its kinds: the schema of each number, in memory and in the section's log.
//!
//! Whoever records knows a kind by its table; a reader in another process knows it by the log. A store puts a schema in both
//! before it lets the first record of that kind through, so whoever finds a record finds its schema, if there was room.

use super::class::Class;
use super::privacy::Privacy;
use super::record::MAX_KINDS;
use super::schema::{Field, FieldType, Schema, Site};
use super::section::SCHEMA;
use crate::error::Severity;
use crate::region::log::{Log, Record};
use crate::sync::{Mutex, OnceLock, SiteNumber};
use std::borrow::Cow;

/// Kinds of one origin that a deck keeps apart. Of call sites the first number is for those without one, the last
/// for those that came too late.
pub(super) const CAPACITY: usize = SiteNumber::MOST as usize + 1;
/// From here on kinds are the deck's own.
pub(super) const DEFINED: u32 = MAX_KINDS / 2;

#[derive(Debug)]
enum Known {
    Declared(&'static Schema),
    Defined(Schema),
}

type Table = Box<[OnceLock<Known>]>;

/// The schemas of a deck.
#[derive(Debug)]
pub(crate) struct Schemas {
    declared: Table,
    defined: Table,
    log: Log,
    /// Of a recording: up to where the log was read.
    read: Option<Mutex<usize>>,
}

impl Schemas {
    /// Of a store, which tells the log what it learns.
    pub(super) fn new(log: Log) -> Self {
        let table = || (0..CAPACITY).map(|_| OnceLock::new()).collect();
        Self { declared: table(), defined: table(), log, read: None }
    }

    /// Of a recording, which learns from the log.
    pub(super) fn recorded(log: Log) -> Self {
        Self { read: Some(Mutex::new(0)), ..Self::new(log) }
    }

    /// Makes a declared kind known. One thread at a time; allocates nothing.
    pub(super) fn declare(&self, number: u32, schema: &'static Schema) {
        let place = self.declared.get(number as usize);
        if place.is_some_and(|place| place.set(Known::Declared(schema)).is_ok()) {
            tell(&self.log, number, schema);
        }
    }

    /// Makes a kind known that the host defines. One thread at a time; allocates nothing.
    pub(super) fn define(&self, number: u32, schema: Schema) {
        let place = self.defined.get((number - DEFINED) as usize);
        if place.is_some_and(|place| place.set(Known::Defined(schema)).is_ok())
            && let Some(schema) = self.known(number)
        {
            tell(&self.log, number, schema);
        }
    }

    /// The schema of a kind that a record names.
    #[inline]
    pub(crate) fn schema(&self, kind: u32) -> Option<&Schema> {
        match self.known(kind) {
            None if self.read.is_some() => {
                self.learn();
                self.known(kind)
            }
            known => known,
        }
    }

    #[inline]
    fn known(&self, kind: u32) -> Option<&Schema> {
        let place = match kind.checked_sub(DEFINED) {
            None => self.declared.get(kind as usize),
            Some(number) => self.defined.get(number as usize),
        };
        place?.get().map(|known| match known {
            Known::Declared(schema) => *schema,
            Known::Defined(schema) => schema,
        })
    }

    /// As many as there can be.
    pub(crate) const MOST: usize = 2 * CAPACITY;

    /// The place of a kind among [so many](Schemas::MOST); beyond them for a number that none has.
    pub(crate) const fn index(kind: u32) -> usize {
        match kind.checked_sub(DEFINED) {
            Some(number) => CAPACITY.saturating_add(number as usize),
            None if (kind as usize) < CAPACITY => kind as usize,
            None => usize::MAX,
        }
    }

    /// The kind at a place.
    pub(crate) fn at(&self, index: usize) -> Option<&Schema> {
        match index.checked_sub(CAPACITY) {
            Some(number) => self.schema(DEFINED + number as u32),
            None => self.schema(index as u32),
        }
    }

    /// All known kinds and their numbers.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &Schema)> + Clone {
        self.learn();
        let numbers = (0..CAPACITY as u32).chain(DEFINED..DEFINED + CAPACITY as u32);
        numbers.filter_map(|number| Some((number, self.known(number)?)))
    }

    /// The numbers of all known kinds of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<u32> {
        self.all().filter(|(_, schema)| schema.name() == name).map(|(number, _)| number).collect()
    }

    /// The number of a kind of this process. `None` in a recording, where another process gave its own.
    pub(crate) fn number_of(&self, site: &'static Site) -> Option<u32> {
        self.read.is_none().then(|| site.number.assigned())
    }

    /// The numbers of all known kinds of an equal schema.
    pub(crate) fn alike(&self, schema: &Schema) -> Vec<u32> {
        self.all().filter(|(_, known)| *known == schema).map(|(number, _)| number).collect()
    }

    /// Whether it learns from a log, and so may know less than whoever records.
    pub(crate) fn is_recorded(&self) -> bool {
        self.read.is_some()
    }

    /// Of how many kinds there may be records whose schemas nobody knows here.
    pub(crate) fn nameless(&self) -> u64 {
        if self.is_recorded() { self.refused() } else { 0 }
    }

    /// How many schemas the log had no room for.
    pub(crate) fn refused(&self) -> u64 {
        self.log.refused()
    }

    /// Of a recording: reads what the log told since.
    fn learn(&self) {
        let Some(read) = &self.read else { return };
        let mut read = read.lock();
        let mut records = self.log.records(*read);
        for record in records.by_ref().filter(|record| record.tag == SCHEMA) {
            let Some((number, schema)) = told(record) else { continue };
            let place = match number.checked_sub(DEFINED) {
                None => self.declared.get(number as usize),
                Some(number) => self.defined.get(number as usize),
            };
            // The first one counts.
            let _ = place.map(|place| place.set(Known::Defined(schema)));
        }
        *read = records.end();
    }
}

/// A schema in a log: its number; severity, class and flags; name; and of each field type and privacy, and name.
fn tell(log: &Log, number: u32, schema: &Schema) {
    let mut draft = log.draft(SCHEMA);
    draft.word(number.into());
    let flags = u64::from(schema.starts) | u64::from(schema.prompt) << 1;
    draft.word(schema.severity as u64 | (schema.class as u64) << 8 | flags << 16);
    draft.text(&schema.name);
    for field in &*schema.fields {
        draft.word(field.field_type.number() | field.privacy.number() << 8);
        draft.text(&field.name);
    }
    // What has no room is counted there.
    let _ = draft.commit();
}

/// The schema that a record tells, up to the first field of a type that is not known here: where what comes after it lies,
/// nobody can tell.
fn told(mut record: Record<'_>) -> Option<(u32, Schema)> {
    let number = u32::try_from(record.word()?).ok()?;
    let said = record.word()?;
    let name = record.text()?;
    let mut fields = Vec::new();
    while let Some(said) = record.word()
        && let (Some(field_type), Some(privacy)) =
            (FieldType::of_number(said & 0xff), Privacy::of_number(said >> 8 & 0xff))
        && let Some(name) = record.text()
    {
        fields.push(Field { name: Cow::Owned(name), field_type, privacy });
    }
    let schema = Schema {
        name: Cow::Owned(name),
        severity: Severity::from_bits(said as u8 & 0xf),
        class: Class::from_bits((said >> 8) as u8 & 0xf),
        starts: said >> 16 & 1 == 1,
        prompt: said >> 17 & 1 == 1,
        fields: Cow::Owned(fields),
    };
    Some((number, schema))
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use super::*;
    use crate::region::Region;

    #[test]
    fn a_schema_that_is_told_is_learned() {
        let types = FieldType::ALL;
        let mut schema = Schema::new("learned.here").severity_of(Severity::Error).class_of(Class::Critical);
        for (number, field_type) in types.into_iter().enumerate() {
            schema = match number % 3 {
                0 => schema.field(format!("field {number}"), field_type),
                1 => schema.secret_field(format!("field {number}"), field_type),
                _ => schema.personal_field(format!("field {number}"), field_type),
            };
        }
        let schemas = [schema.clone().starting(), schema.clone().prompting(), Schema::new(""), schema];
        let log = Log::at(&Region::heap(Log::footprint(1_024)).unwrap(), 0, 1_024);
        let (here, there) = (Schemas::new(log.clone()), Schemas::recorded(log));
        for (number, schema) in (DEFINED..).zip(&schemas) {
            assert_eq!(there.schema(number), None);
            here.define(number, schema.clone());
            assert_eq!(there.schema(number), Some(schema));
        }
        assert_eq!(there.all().collect::<Vec<_>>(), here.all().collect::<Vec<_>>());
        assert_eq!((there.named("learned.here").len(), here.refused()), (3, 0));
    }

    #[test]
    fn a_type_of_a_later_version_ends_the_fields_and_no_more() {
        let log = Log::at(&Region::heap(Log::footprint(64)).unwrap(), 0, 64);
        let mut draft = log.draft(SCHEMA);
        draft.word(7);
        draft.word(Severity::Warn as u64 | (Class::Normal as u64) << 8);
        draft.text("from.later");
        for (field_type, name) in [(FieldType::U64.number(), "known"), (99, "new"), (0, "after")] {
            draft.word(field_type);
            draft.text(name);
        }
        assert!(draft.commit());
        let there = Schemas::recorded(log);
        assert_eq!(there.schema(7).map(|schema| schema.fields().len()), Some(1));
    }
}

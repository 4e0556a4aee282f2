//! Kinds of events: a name, a severity, typed fields. Declared once, at a call site by
//! [`kind!`](crate::kind) (see `declare`) or at run time by [`Events::define`](super::Events::define).

use super::class::Class;
use super::payload::Payload;
use super::privacy::Privacy;
use crate::error::Severity;
use crate::sync::SiteNumber;
use std::borrow::Cow;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldType {
    /// An unsigned integer.
    U64,
    /// A signed integer.
    I64,
    /// A floating-point number.
    F64,
    /// True or false.
    Bool,
    /// Text, stored inline.
    Str,
    /// Bytes, stored inline. Plain-old-data structs too.
    Bytes,
    /// Named values before and after, of which only those that differ are stored: [`Change`](super::Change).
    Diff,
}

impl FieldType {
    /// All of them, each at its number in a section.
    pub(super) const ALL: [Self; 7] =
        [Self::U64, Self::I64, Self::F64, Self::Bool, Self::Str, Self::Bytes, Self::Diff];

    /// As it stands in a section: part of the format.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::U64 => 0,
            Self::I64 => 1,
            Self::F64 => 2,
            Self::Bool => 3,
            Self::Str => 4,
            Self::Bytes => 5,
            Self::Diff => 6,
        }
    }

    pub(super) fn of_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.number() == number)
    }
}

/// A named field of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub field_type: FieldType,
    /// Whether that may be stored.
    pub privacy: Privacy,
}

/// What all events of a kind have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema {
    pub(crate) name: Cow<'static, str>,
    pub(crate) severity: Severity,
    pub(crate) class: Class,
    pub(crate) starts: bool,
    pub(crate) prompt: bool,
    pub(crate) fields: Cow<'static, [Field]>,
}

impl Schema {
    /// A kind known at compile time: what [`kind!`](crate::kind) expands to.
    #[doc(hidden)]
    #[must_use]
    pub const fn declared(
        name: &'static str,
        severity: Severity,
        class: Class,
        starts: bool,
        prompt: bool,
        fields: &'static [Field],
    ) -> Self {
        Self { name: Cow::Borrowed(name), severity, class, starts, prompt, fields: Cow::Borrowed(fields) }
    }

    /// A kind made at run time, at severity `Info`, of class [`Class::Normal`], without fields.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            severity: Severity::Info,
            class: Class::Normal,
            starts: false,
            prompt: false,
            fields: Cow::Borrowed(&[]),
        }
    }

    /// The same at another severity.
    #[must_use]
    pub fn severity_of(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same in another retention class.
    #[must_use]
    pub fn class_of(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// The same, of events with which their correlation id begins.
    #[must_use]
    pub fn starting(mut self) -> Self {
        self.starts = true;
        self
    }

    /// The same, of events that wake whoever waits for them: see [`Cursor::prompt`](super::Cursor::prompt).
    #[must_use]
    pub fn prompting(mut self) -> Self {
        self.prompt = true;
        self
    }

    /// A kind of raw bytes: one field, `bytes`, for payloads of a format of the host's own.
    ///
    /// ```
    /// use flightdeck::events::{Events, Schema, Stamp, Value};
    /// let events = Events::builder().build()?;
    /// let frames = events.define(Schema::raw("can.frame"))?;
    /// events.record_values(Stamp::current(), &frames, &[Value::Bytes(&[0x7f, 0x02, 0x10])])?;
    ///
    /// let answer = events.query().kind_named("can.frame").run()?;
    /// let event = answer.iter().next().expect("recorded above");
    /// assert_eq!(event.field("bytes").and_then(|value| value.as_bytes()), Some(&[0x7f, 0x02, 0x10][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn raw(name: impl Into<Cow<'static, str>>) -> Self {
        Self::new(name).field("bytes", FieldType::Bytes)
    }

    /// The same with one more field.
    #[must_use]
    pub fn field(self, name: impl Into<Cow<'static, str>>, field_type: FieldType) -> Self {
        self.with_field(name.into(), field_type, Privacy::Open)
    }

    /// The same with one more field, whose values are never stored: a mark and their length stand in their place.
    #[must_use]
    pub fn secret_field(self, name: impl Into<Cow<'static, str>>, field_type: FieldType) -> Self {
        self.with_field(name.into(), field_type, Privacy::Secret)
    }

    /// The same with one more field, whose values are stored as [pseudonyms](super::Pseudonym).
    #[must_use]
    pub fn personal_field(self, name: impl Into<Cow<'static, str>>, field_type: FieldType) -> Self {
        self.with_field(name.into(), field_type, Privacy::Personal)
    }

    fn with_field(mut self, name: Cow<'static, str>, field_type: FieldType, privacy: Privacy) -> Self {
        self.fields.to_mut().push(Field { name, field_type, privacy });
        self
    }

    /// The name, dotted by habit: `order.filled`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much such an event matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Against which events such events are kept.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Whether a correlation id begins with such an event.
    #[must_use]
    pub const fn starts(&self) -> bool {
        self.starts
    }

    /// Whether such an event wakes whoever waits for it: see [`Cursor::prompt`](super::Cursor::prompt).
    #[must_use]
    pub const fn is_prompt(&self) -> bool {
        self.prompt
    }

    /// The fields, in the order in which they are stored.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// A kind declared at a call site: its schema, and the number it gets at first use.
#[doc(hidden)]
#[derive(Debug)]
pub struct Site {
    pub(crate) schema: Schema,
    pub(crate) number: SiteNumber,
}

impl Site {
    #[must_use]
    pub const fn new(schema: Schema) -> Self {
        Self { schema, number: SiteNumber::new() }
    }
}

/// An event of a kind that [`kind!`](crate::kind) declared.
///
/// Not to be implemented by hand: `encode` runs in the middle of a write, where nothing of the host may run.
/// A wrong implementation loses or pads its own payload; one that panics may keep a shared shard, or a slot of the overflow,
/// from others for good. Neither harms what others record.
pub trait Event: Copy {
    /// The class of the kind, so that its ring is known when the call is compiled.
    #[doc(hidden)]
    const CLASS: Class;
    /// Whether such an event wakes whoever waits for it.
    #[doc(hidden)]
    const PROMPT: bool = false;
    /// The kind.
    #[doc(hidden)]
    fn site() -> &'static Site;
    /// How many words the fields take, if no value is longer than so many bytes.
    #[doc(hidden)]
    fn payload_words(&self, longest: usize) -> usize;
    /// Stores the fields, in the order of the schema.
    #[doc(hidden)]
    fn encode(&self, payload: &mut Payload<'_>);
}

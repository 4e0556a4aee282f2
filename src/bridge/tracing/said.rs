//! The values of an event or a span, as they are told one by one.

use super::site::{MOST_FIELDS, Site};
use crate::CorrelationId;
use crate::bridge::ids::correlation_of;
use crate::bridge::text::{Piece, Text};
use crate::bridge::told::Told;
use crate::events::{FieldType, Scope, Value};
use std::error::Error;
use std::fmt;
use tracing::field::{Field, Visit};

/// The types of the values that there are: four bits for each field, zero where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape(u128);

impl Shape {
    pub(super) const EMPTY: Self = Self(0);

    #[inline(always)]
    fn set(&mut self, index: usize, told: &Told) {
        self.0 |= told.code() << (4 * index);
    }

    #[inline(always)]
    fn has(self, index: usize) -> bool {
        self.0 >> (4 * index) & 0xf != 0
    }

    /// Which fields have a value, and of which type.
    pub(super) fn types(self) -> impl Iterator<Item = (usize, FieldType)> {
        let code = move |index: usize| (self.0 >> (4 * index) & 0xf) as usize;
        (0..MOST_FIELDS).filter_map(move |index| Some((index, Told::field_type(code(index))?)))
    }
}

/// Whose work it is, as a field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of whoever is around.
    NotSaid,
    /// Of this id.
    Of(CorrelationId),
    /// Of the caller in another process.
    Joined(Scope),
}

/// All values of one event of at most so many fields: a larger place for them costs more to lay out.
pub(super) struct Said<const FIELDS: usize> {
    told: [Told; FIELDS],
    pub(super) shape: Shape,
    text: Text,
    pub(super) whose: Whose,
    secret: u32,
    id_field: usize,
    traceparent: usize,
    pub(super) cut: u64,
    pub(super) left_out: u64,
    pub(super) unfit_ids: u64,
}

/// Of no field.
const NONE: usize = usize::MAX;
/// What most call sites do with.
pub(super) const FEW: usize = 6;

impl<const FIELDS: usize> Said<FIELDS> {
    #[inline(always)]
    pub(super) fn at(site: Option<&Site>) -> Self {
        Self {
            told: [Told::Bool(false); FIELDS],
            shape: Shape::EMPTY,
            text: Text::new(),
            whose: Whose::NotSaid,
            // What nobody looked at may be anything.
            secret: site.map_or(u32::MAX, |site| site.secret),
            id_field: site.and_then(|site| site.id_field).unwrap_or(NONE),
            traceparent: site.and_then(|site| site.traceparent).unwrap_or(NONE),
            cut: 0,
            left_out: 0,
            unfit_ids: 0,
        }
    }

    #[inline(always)]
    fn tell(&mut self, field: &Field, told: Told) {
        let index = field.index();
        match self.told.get_mut(index) {
            Some(place) if !self.shape.has(index) => {
                *place = told;
                self.shape.set(index, &told);
            }
            _ => self.left_out += 1,
        }
    }

    #[inline(always)]
    fn is_secret(&self, field: &Field) -> bool {
        self.secret >> (field.index() % MOST_FIELDS) & 1 == 1
    }

    #[inline(always)]
    fn tell_text(&mut self, field: &Field, piece: Piece) {
        self.cut += u64::from(piece.cut_from().is_some());
        let index = field.index();
        if index == self.id_field || index == self.traceparent {
            self.read_id(index, piece);
        }
        self.tell(field, Told::Str(piece));
    }

    #[cold]
    fn read_id(&mut self, index: usize, piece: Piece) {
        let text = self.text.str(piece);
        if index == self.id_field {
            let id = correlation_of(text);
            self.belongs_to(id);
            return;
        }
        // What is empty says that there is no caller.
        match Scope::from_traceparent(text) {
            Ok(scope) => self.whose = Whose::Joined(scope),
            Err(_) => self.unfit_ids += u64::from(!text.is_empty()),
        }
    }

    /// The header says more than an id: it stands.
    fn belongs_to(&mut self, id: CorrelationId) {
        if id.is_none() {
            self.unfit_ids += 1;
        } else if self.whose == Whose::NotSaid {
            self.whose = Whose::Of(id);
        }
    }

    #[inline(always)]
    fn id_number(&mut self, field: &Field, number: u128) {
        if field.index() == self.id_field {
            self.belongs_to(CorrelationId::new(number));
        }
    }

    /// The values, in the order of the fields.
    #[inline(always)]
    pub(super) fn with_values<R>(&self, body: impl FnOnce(&[Value<'_>]) -> R) -> R {
        let mut values = [Value::Bool(false); FIELDS];
        let mut len = 0;
        for (index, told) in self.told.iter().enumerate() {
            if self.shape.has(index)
                && let Some(place) = values.get_mut(len)
            {
                *place = told.value(&self.text);
                len += 1;
            }
        }
        body(values.get(..len).unwrap_or_default())
    }

    /// All of it as one text: `name=value`, one after the other.
    #[cold]
    pub(super) fn as_text(&self, fields: &tracing::field::FieldSet) -> String {
        let mut all = String::new();
        for (index, _) in self.shape.types() {
            let name = fields.iter().nth(index).map_or("?", |field| field.name());
            let gap = if all.is_empty() { "" } else { " " };
            let Some(value) = self.told.get(index).map(|told| told.value(&self.text)) else { continue };
            let said = match self.secret >> index & 1 {
                1 => format!("{gap}{name}=<secret>"),
                _ => format!("{gap}{name}={value}"),
            };
            all.push_str(&said);
        }
        all
    }
}

impl<const FIELDS: usize> Visit for Said<FIELDS> {
    #[inline]
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.id_number(field, value.into());
        self.tell(field, Told::U64(value));
    }

    #[inline]
    fn record_i64(&mut self, field: &Field, value: i64) {
        // A literal is an `i64`, also where it is an id.
        self.id_number(field, u128::from(value.cast_unsigned()));
        self.tell(field, Told::I64(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.id_number(field, value);
        match u64::try_from(value) {
            Ok(value) => self.tell(field, Told::U64(value)),
            Err(_) => self.record_debug(field, &format_args!("{value}")),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.id_number(field, value.cast_unsigned());
        match i64::try_from(value) {
            Ok(value) => self.tell(field, Told::I64(value)),
            Err(_) => self.record_debug(field, &format_args!("{value}")),
        }
    }

    #[inline]
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.tell(field, Told::F64(value));
    }

    #[inline]
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.tell(field, Told::Bool(value));
    }

    #[inline]
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_secret = self.is_secret(field);
        let piece = self.text.text(value, is_secret);
        self.tell_text(field, piece);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        let is_secret = self.is_secret(field);
        let piece = self.text.bytes(value, is_secret);
        self.cut += u64::from(piece.cut_from().is_some());
        self.tell(field, Told::Bytes(piece));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{value}{}", Sources(value)));
    }

    #[inline]
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let is_secret = self.is_secret(field);
        let piece = self.text.shown(format_args!("{value:?}"), is_secret);
        self.tell_text(field, piece);
    }
}

/// What an error comes from, and what that comes from.
struct Sources<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// An error may be its own source.
        const DEEPEST: usize = 16;
        let mut error = self.0;
        for _ in 0..DEEPEST {
            let Some(source) = error.source() else { break };
            write!(f, ": {source}")?;
            error = source;
        }
        Ok(())
    }
}

//! Fields as words: how values are stored in a record and read back.
//!
//! Numbers and booleans take a word. Text and bytes take a word of length and their bytes, little-endian,
//! filled up with zeros.

use super::schema::{Field, FieldType};
use crate::sync::{AtomicU64, Relaxed};
use std::fmt;

/// Where the fields of one event go: a stretch of ring, reserved and not yet published.
#[derive(Debug)]
pub struct Payload<'a>(std::slice::Iter<'a, AtomicU64>);

impl<'a> Payload<'a> {
    #[inline(always)]
    pub(crate) fn new(words: &'a [AtomicU64]) -> Self {
        Self(words.iter())
    }

    /// Stores the next word; what does not fit the reservation is left out.
    #[inline(always)]
    pub(crate) fn word(&mut self, word: u64) {
        if let Some(place) = self.0.next() {
            place.store(word, Relaxed);
        }
    }

    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (whole, rest) = bytes.as_chunks::<8>();
        for chunk in whole {
            self.word(u64::from_le_bytes(*chunk));
        }
        if !rest.is_empty() {
            let mut last = 0;
            for (i, byte) in rest.iter().enumerate() {
                last |= u64::from(*byte) << (8 * i);
            }
            self.word(last);
        }
    }

    /// Overwrites what the event announced and did not store.
    #[inline(always)]
    pub(crate) fn finish(self) {
        self.0.for_each(|place| place.store(0, Relaxed));
    }
}

/// A value that can be a field.
#[doc(hidden)]
pub trait Encode {
    fn words(&self) -> usize;
    fn encode(&self, payload: &mut Payload<'_>);
}

macro_rules! one_word {
    ($($type:ty, $value:ident => $word:expr;)*) => {$(
        impl Encode for $type {
            #[inline(always)]
            fn words(&self) -> usize {
                1
            }
            #[inline(always)]
            fn encode(&self, payload: &mut Payload<'_>) {
                let $value = *self;
                payload.word($word);
            }
        }
    )*};
}

one_word! {
    u64, value => value;
    i64, value => value.cast_unsigned();
    f64, value => value.to_bits();
    bool, value => u64::from(value);
}

impl Encode for &[u8] {
    #[inline(always)]
    fn words(&self) -> usize {
        1 + self.len().div_ceil(8)
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        payload.bytes(self);
    }
}

impl Encode for &str {
    #[inline(always)]
    fn words(&self) -> usize {
        self.as_bytes().words()
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        payload.bytes(self.as_bytes());
    }
}

/// The value of a field, to be recorded or as recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// An unsigned integer.
    U64(u64),
    /// A signed integer.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Str(&'a str),
    /// Bytes; also text that is not UTF-8, should a reader meet any.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The type of field that holds such a value.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        match self {
            Self::U64(_) => FieldType::U64,
            Self::I64(_) => FieldType::I64,
            Self::F64(_) => FieldType::F64,
            Self::Bool(_) => FieldType::Bool,
            Self::Str(_) => FieldType::Str,
            Self::Bytes(_) => FieldType::Bytes,
        }
    }
}

impl Encode for Value<'_> {
    #[inline(always)]
    fn words(&self) -> usize {
        match self {
            Self::Str(text) => text.words(),
            Self::Bytes(bytes) => bytes.words(),
            _ => 1,
        }
    }
    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        match self {
            Self::U64(value) => value.encode(payload),
            Self::I64(value) => value.encode(payload),
            Self::F64(value) => value.encode(payload),
            Self::Bool(value) => value.encode(payload),
            Self::Str(value) => value.encode(payload),
            Self::Bytes(value) => value.encode(payload),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::F64(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Str(value) => f.write_str(value),
            Self::Bytes(value) => value.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// The fields of a payload that was read. Ends early where the words do not bear out the schema.
pub(crate) fn decode<'a>(
    fields: &'a [Field],
    payload: &'a [u8],
) -> impl Iterator<Item = (&'a Field, Value<'a>)> {
    let mut rest = payload;
    fields.iter().map_while(move |field| {
        let word;
        (word, rest) = take_word(rest)?;
        let value = match field.field_type {
            FieldType::U64 => Value::U64(word),
            FieldType::I64 => Value::I64(word.cast_signed()),
            FieldType::F64 => Value::F64(f64::from_bits(word)),
            FieldType::Bool => Value::Bool(word != 0),
            FieldType::Str | FieldType::Bytes => {
                let len = usize::try_from(word).ok()?;
                let bytes = rest.get(..len)?;
                rest = rest.get(len.checked_next_multiple_of(8)?..)?;
                match field.field_type {
                    FieldType::Str => str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Str),
                    _ => Value::Bytes(bytes),
                }
            }
        };
        Some((field, value))
    })
}

fn take_word(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*word), rest))
}

//! The value of a field, to be recorded or as recorded.

use super::diff::Diff;
use super::payload::{Encode, Length, Payload, beginning};
use super::privacy::Pseudonym;
use super::schema::FieldType;
use std::fmt;

/// The value of a field, to be recorded or as recorded.
///
/// ```
/// use flightdeck::events::Value;
/// assert_eq!(Value::from("XETRA").as_str(), Some("XETRA"));
/// assert_eq!(Value::from(5_u32), Value::U64(5));
/// assert_eq!(Value::CutStr { kept: "begi", bytes: 9 }.to_string(), "begi<cut, 9 bytes>");
/// assert_eq!(Value::Secret { bytes: 12 }.to_string(), "<secret, 12 bytes>");
/// ```
#[derive(Clone, Copy, PartialEq)]
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
    /// Text that was longer than [`Builder::longest_value`](super::Builder::longest_value) allows.
    CutStr {
        /// Its beginning: whole characters.
        kept: &'a str,
        /// How many bytes it had.
        bytes: u64,
    },
    /// Bytes of which there were more than allowed.
    CutBytes {
        /// The first of them.
        kept: &'a [u8],
        /// How many there were.
        bytes: u64,
    },
    /// In place of a value that was never stored: see [`Privacy::Secret`](super::Privacy::Secret).
    Secret {
        /// How many bytes it had.
        bytes: u64,
    },
    /// What stands for a value that was never stored: see [`Privacy::Personal`](super::Privacy::Personal).
    Personal(Pseudonym),
    /// What changed.
    Diff(Diff<'a>),
}

impl<'a> Value<'a> {
    /// The type of field that holds such a value; `None` for what stands in place of one: any field may be secret.
    #[must_use]
    pub const fn field_type(&self) -> Option<FieldType> {
        Some(match self {
            Self::U64(_) => FieldType::U64,
            Self::I64(_) => FieldType::I64,
            Self::F64(_) => FieldType::F64,
            Self::Bool(_) => FieldType::Bool,
            Self::Str(_) | Self::CutStr { .. } => FieldType::Str,
            Self::Bytes(_) | Self::CutBytes { .. } => FieldType::Bytes,
            Self::Diff(_) => FieldType::Diff,
            Self::Secret { .. } | Self::Personal(_) => return None,
        })
    }

    /// Its text, or what was kept of it.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(text) | Self::CutStr { kept: text, .. } => Some(text),
            _ => None,
        }
    }

    /// Its bytes, or what was kept of them.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) | Self::CutBytes { kept: bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// Its number, if it is an unsigned integer.
    #[must_use]
    pub const fn as_u64(&self) -> Option<u64> {
        match self {
            Self::U64(number) => Some(*number),
            _ => None,
        }
    }

    /// How many bytes it had before it was cut; `None` if it is whole.
    #[must_use]
    pub const fn cut_from(&self) -> Option<u64> {
        match self {
            Self::CutStr { bytes, .. } | Self::CutBytes { bytes, .. } => Some(*bytes),
            _ => None,
        }
    }

    /// Whether both are the same bits: a NaN equals itself.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::F64(one), Self::F64(other)) => one.to_bits() == other.to_bits(),
            _ => self == other,
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident($value:ident => $as:expr);)*) => {$(
        impl<'a> From<$type> for Value<'a> {
            #[inline]
            fn from($value: $type) -> Self {
                Self::$variant($as)
            }
        }
    )*};
}

from! {
    u64 => U64(value => value);
    u32 => U64(value => value.into());
    i64 => I64(value => value);
    i32 => I64(value => value.into());
    f64 => F64(value => value);
    bool => Bool(value => value);
    &'a str => Str(value => value);
    &'a [u8] => Bytes(value => value);
    Pseudonym => Personal(value => value);
}

impl Encode for Value<'_> {
    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        match self {
            Self::Str(text) | Self::CutStr { kept: text, .. } => text.words(longest),
            Self::Bytes(bytes) | Self::CutBytes { kept: bytes, .. } => bytes.words(longest),
            Self::Diff(diff) => 1 + diff.bytes().len().div_ceil(8),
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
            answered => {
                let (word, bytes) = answered.answered(payload.longest());
                payload.bytes(Length::from_word(word), bytes);
            }
        }
    }
}

impl<'a> Value<'a> {
    /// The first word and the bytes of a value as answers hold it. What was cut is cut again if need be; the
    /// mark keeps the first length.
    #[cold]
    fn answered(&self, longest: usize) -> (u64, &'a [u8]) {
        match *self {
            Self::CutStr { kept, bytes } => {
                let kept = if kept.len() > longest { beginning(kept, longest) } else { kept };
                (Length::cut(kept.len(), bytes).word(), kept.as_bytes())
            }
            Self::CutBytes { kept, bytes } => {
                let kept = kept.get(..longest).unwrap_or(kept);
                (Length::cut(kept.len(), bytes).word(), kept)
            }
            Self::Diff(diff) => (Length::whole(diff.bytes().len()).word(), diff.bytes()),
            Self::Secret { bytes } => (bytes, &[]),
            Self::Personal(pseudonym) => (pseudonym.word(), &[]),
            _ => (0, &[]),
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
            Self::Bytes(value) => hex(f, value),
            Self::CutStr { kept, bytes } => write!(f, "{kept}<cut, {bytes} bytes>"),
            Self::CutBytes { kept, bytes } => {
                hex(f, kept)?;
                write!(f, "<cut, {bytes} bytes>")
            }
            Self::Secret { bytes } => super::privacy::show_secret(f, *bytes),
            Self::Personal(pseudonym) => write!(f, "<personal {pseudonym}>"),
            Self::Diff(diff) => write!(f, "{diff}"),
        }
    }
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(value) => f.debug_tuple("U64").field(value).finish(),
            Self::I64(value) => f.debug_tuple("I64").field(value).finish(),
            Self::F64(value) => f.debug_tuple("F64").field(value).finish(),
            Self::Bool(value) => f.debug_tuple("Bool").field(value).finish(),
            Self::Str(value) => f.debug_tuple("Str").field(value).finish(),
            Self::Bytes(value) => f.debug_tuple("Bytes").field(value).finish(),
            Self::CutStr { kept, bytes } => write!(f, "Str({kept:?}<cut, {bytes} bytes>)"),
            Self::CutBytes { kept, bytes } => write!(f, "Bytes({kept:?}<cut, {bytes} bytes>)"),
            Self::Diff(diff) => write!(f, "Diff({diff})"),
            Self::Secret { .. } | Self::Personal(_) => write!(f, "{self}"),
        }
    }
}

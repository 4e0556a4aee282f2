//! A value that does not borrow from whoever told it.

use super::text::{Piece, Text};
use crate::events::{FieldType, Value};

/// A value; of text, where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    Str(Piece),
    /// `log` has none.
    #[cfg(feature = "tracing")]
    Bytes(Piece),
}

impl Told {
    /// Its type, from 1 up, in four bits.
    pub(super) const fn code(&self) -> u128 {
        match self {
            Self::U64(_) => 1,
            Self::I64(_) => 2,
            Self::F64(_) => 3,
            Self::Bool(_) => 4,
            Self::Str(_) => 5,
            #[cfg(feature = "tracing")]
            Self::Bytes(_) => 6,
        }
    }

    /// The type of this code.
    pub(super) fn field_type(code: usize) -> Option<FieldType> {
        let types = [
            FieldType::U64,
            FieldType::I64,
            FieldType::F64,
            FieldType::Bool,
            FieldType::Str,
            FieldType::Bytes,
        ];
        types.get(code.checked_sub(1)?).copied()
    }

    /// As it is recorded.
    #[inline(always)]
    pub(super) fn value<'a>(&self, text: &'a Text) -> Value<'a> {
        match *self {
            Self::U64(value) => Value::U64(value),
            Self::I64(value) => Value::I64(value),
            Self::F64(value) => Value::F64(value),
            Self::Bool(value) => Value::Bool(value),
            Self::Str(piece) => match piece.cut_from() {
                None => Value::Str(text.str(piece)),
                Some(bytes) => Value::CutStr { kept: text.str(piece), bytes },
            },
            #[cfg(feature = "tracing")]
            Self::Bytes(piece) => match piece.cut_from() {
                None => Value::Bytes(text.get(piece)),
                Some(bytes) => Value::CutBytes { kept: text.get(piece), bytes },
            },
        }
    }
}

//! What a field is compared with, and how.

use crate::events::{FieldType, Value};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// What a field is expected to be compared with: made from integers of any type, floating-point numbers, booleans,
/// text and bytes. Numbers of all types compare with each other by value.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected<'a>(Of<'a>);

#[derive(Clone, Debug, PartialEq)]
enum Of<'a> {
    Int(i128),
    Float(f64),
    Bool(bool),
    Str(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

macro_rules! from {
    ($($type:ty, $value:ident => $of:expr;)*) => {$(
        impl<'a> From<$type> for Expected<'a> {
            fn from($value: $type) -> Self {
                Self($of)
            }
        }
    )*};
}

from! {
    u8, value => Of::Int(value.into());
    u16, value => Of::Int(value.into());
    u32, value => Of::Int(value.into());
    u64, value => Of::Int(value.into());
    usize, value => Of::Int(value as i128);
    i8, value => Of::Int(value.into());
    i16, value => Of::Int(value.into());
    i32, value => Of::Int(value.into());
    i64, value => Of::Int(value.into());
    isize, value => Of::Int(value as i128);
    f32, value => Of::Float(value.into());
    f64, value => Of::Float(value);
    bool, value => Of::Bool(value);
    &'a str, value => Of::Str(value.into());
    &'a String, value => Of::Str(value.as_str().into());
    String, value => Of::Str(value.into());
    &'a [u8], value => Of::Bytes(value.into());
    &'a Vec<u8>, value => Of::Bytes(value.as_slice().into());
}

impl<'a, const N: usize> From<&'a [u8; N]> for Expected<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self(Of::Bytes(value.as_slice().into()))
    }
}

impl Expected<'_> {
    /// Whether a field of this type can be compared with it at all.
    pub(super) fn fits(&self, field: FieldType) -> bool {
        match self.0 {
            Of::Int(_) | Of::Float(_) => matches!(field, FieldType::U64 | FieldType::I64 | FieldType::F64),
            Of::Bool(_) => field == FieldType::Bool,
            Of::Str(_) => field == FieldType::Str,
            Of::Bytes(_) => matches!(field, FieldType::Bytes | FieldType::Str),
        }
    }

    /// How a value compares with it; `None` if it does not.
    fn against(&self, value: &Value<'_>) -> Option<Ordering> {
        match (value, &self.0) {
            (Value::U64(value), Of::Int(expected)) => Some(i128::from(*value).cmp(expected)),
            (Value::I64(value), Of::Int(expected)) => Some(i128::from(*value).cmp(expected)),
            (Value::F64(value), Of::Int(expected)) => value.partial_cmp(&(*expected as f64)),
            (Value::U64(value), Of::Float(expected)) => (*value as f64).partial_cmp(expected),
            (Value::I64(value), Of::Float(expected)) => (*value as f64).partial_cmp(expected),
            (Value::F64(value), Of::Float(expected)) => value.partial_cmp(expected),
            (Value::Bool(value), Of::Bool(expected)) => Some(value.cmp(expected)),
            (Value::Str(value), Of::Str(expected)) => Some((*value).cmp(expected)),
            (Value::Str(value), Of::Bytes(expected)) => Some(value.as_bytes().cmp(expected)),
            (Value::Bytes(value), Of::Bytes(expected)) => Some((*value).cmp(expected)),
            _ => None,
        }
    }
}

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Of::Int(value) => write!(f, "{value}"),
            Of::Float(value) => write!(f, "{value:?}"),
            Of::Bool(value) => write!(f, "{value}"),
            Of::Str(value) => write!(f, "{value:?}"),
            Of::Bytes(value) => write!(f, "b\"{}\"", value.escape_ascii()),
        }
    }
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are six")]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// The operator.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    pub(super) fn holds(self, value: &Value<'_>, expected: &Expected<'_>) -> bool {
        let order = expected.against(value);
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::AtMost => order.is_some_and(Ordering::is_le),
            Self::Greater => order == Some(Ordering::Greater),
            Self::AtLeast => order.is_some_and(Ordering::is_ge),
        }
    }
}

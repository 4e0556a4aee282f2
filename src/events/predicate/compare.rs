//! Values and literals, by value.

use crate::events::privacy::Pseudonym;
use crate::events::value::Value;
use std::cmp::Ordering;

/// How a value is to lie to a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    Differs,
    LessThan,
    AtMost,
    MoreThan,
    AtLeast,
}

impl Comparison {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Equals => "==",
            Self::Differs => "!=",
            Self::LessThan => "<",
            Self::AtMost => "<=",
            Self::MoreThan => ">",
            Self::AtLeast => ">=",
        }
    }

    pub(super) const fn is_order(self) -> bool {
        !matches!(self, Self::Equals | Self::Differs)
    }

    /// Of an order: whether it leaves out what is less.
    pub(super) const fn is_lower(self) -> bool {
        matches!(self, Self::MoreThan | Self::AtLeast)
    }

    pub(super) fn accepts(self, outcome: Outcome) -> bool {
        match self {
            Self::Equals => outcome == Outcome::Is(Ordering::Equal),
            Self::Differs => outcome != Outcome::Is(Ordering::Equal),
            Self::LessThan => outcome == Outcome::Is(Ordering::Less),
            Self::AtMost => matches!(outcome, Outcome::Is(Ordering::Less | Ordering::Equal)),
            Self::MoreThan => outcome == Outcome::Is(Ordering::Greater),
            Self::AtLeast => matches!(outcome, Outcome::Is(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// How two values lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Is(Ordering),
    /// They differ, and have no order.
    Differs,
}

/// How a value lies to a literal; `None` if that is not decided.
pub(super) fn compare(value: &Value<'_>, literal: &Value<'_>) -> Option<Outcome> {
    if let (Some(value), Some(literal)) = (Number::of(value), Number::of(literal)) {
        return value.order(literal).map(Outcome::Is);
    }
    let order = match (*value, *literal) {
        (Value::Bool(value), Value::Bool(literal)) => value.cmp(&literal),
        (Value::Str(value), Value::Str(literal)) => value.cmp(literal),
        (Value::Bytes(value), Value::Bytes(literal)) => value.cmp(literal),
        (Value::CutStr { kept, bytes }, Value::Str(literal)) => {
            begun(kept.as_bytes(), bytes, literal.as_bytes())?
        }
        (Value::CutBytes { kept, bytes }, Value::Bytes(literal)) => begun(kept, bytes, literal)?,
        (Value::Personal(value), Value::Personal(literal)) => {
            let is_same = value == literal;
            return Some(if is_same { Outcome::Is(Ordering::Equal) } else { Outcome::Differs });
        }
        _ => return None,
    };
    Some(Outcome::Is(order))
}

/// How bytes lie to a literal that begin with these and had so many.
fn begun(kept: &[u8], bytes: u64, literal: &[u8]) -> Option<Ordering> {
    let is_longer = bytes > kept.len() as u64;
    match literal.strip_prefix(kept) {
        // Whatever came after it, it was more.
        Some([]) if is_longer => Some(Ordering::Greater),
        Some(_) => None,
        None => Some(kept.cmp(literal)),
    }
}

#[derive(Clone, Copy)]
enum Number {
    /// Of either sign: all integers of 64 bits fit.
    Whole(i128),
    Float(f64),
}

impl Number {
    fn of(value: &Value<'_>) -> Option<Self> {
        Some(match *value {
            Value::U64(number) => Self::Whole(number.into()),
            Value::I64(number) => Self::Whole(number.into()),
            Value::F64(number) => Self::Float(number),
            _ => return None,
        })
    }

    fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Some(one.cmp(&other)),
            (Self::Float(one), Self::Float(other)) => one.partial_cmp(&other),
            (Self::Whole(one), Self::Float(other)) => order_of(one, other),
            (Self::Float(one), Self::Whole(other)) => order_of(other, one).map(Ordering::reverse),
        }
    }
}

/// Exactly: a float is a whole number and a part of one, and a whole one so large that it has no such part is far
/// beyond all of 64 bits, where the conversion ends at the bounds of `i128`.
fn order_of(whole: i128, float: f64) -> Option<Ordering> {
    let part = 0.0.partial_cmp(&(float - float.trunc()));
    match whole.cmp(&(float.trunc() as i128)) {
        _ if float.is_nan() => None,
        Ordering::Equal => part,
        order => Some(order),
    }
}

/// A value to compare with, kept.
#[derive(Clone, Debug)]
pub(super) enum Literal {
    U64(u64),
    /// Below zero: one number is one literal.
    I64(i64),
    F64(f64),
    Bool(bool),
    Str(Box<str>),
    Bytes(Box<[u8]>),
    Personal(Pseudonym),
    /// What only stands in place of a value, or has no order at all.
    Unknown,
}

impl Literal {
    pub(super) fn of(value: Value<'_>) -> Self {
        match value {
            Value::U64(number) => Self::U64(number),
            Value::I64(number) => u64::try_from(number).map_or(Self::I64(number), Self::U64),
            Value::F64(number) => Self::F64(if number.is_nan() { f64::NAN } else { number }),
            Value::Bool(is) => Self::Bool(is),
            Value::Str(text) => Self::Str(text.into()),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::Personal(pseudonym) => Self::Personal(pseudonym),
            Value::CutStr { .. } | Value::CutBytes { .. } | Value::Secret { .. } | Value::Diff(_) => {
                Self::Unknown
            }
        }
    }

    #[inline]
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::U64(number) => Value::U64(*number),
            Self::I64(number) => Value::I64(*number),
            Self::F64(number) => Value::F64(*number),
            Self::Bool(is) => Value::Bool(*is),
            Self::Str(text) => Value::Str(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Personal(pseudonym) => Value::Personal(*pseudonym),
            Self::Unknown => Value::Secret { bytes: 0 },
        }
    }
}

/// The same bits: a NaN equals itself, and zero has two signs.
impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.value().is_same(&other.value())
    }
}

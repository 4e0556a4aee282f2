//! From a field to a condition, and conditions joined.

use super::Predicate;
use super::compare::{Comparison, Literal};
use super::term::{Term, Test};
use super::tree::{Joint, Tree};
use crate::events::value::Value;
use std::ops::{BitAnd, BitOr, Not};

/// A field by name, of which something is to be asked.
///
/// ```
/// use flightdeck::events::field;
/// let predicate = field("rows").at_least(100) & field("route").equals("/buy") | !field("rows").exists();
/// assert_eq!(predicate.to_string(), "rows >= 100 && route == \"/buy\" || !has rows");
/// ```
pub fn field(name: impl Into<Box<str>>) -> FieldNamed {
    FieldNamed(name.into())
}

/// A field of which something is to be asked: see [`field`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing is asked of the field yet"]
pub struct FieldNamed(Box<str>);

impl FieldNamed {
    /// It is this value.
    pub fn equals<'v>(self, value: impl Into<Value<'v>>) -> Predicate {
        self.compared(Comparison::Equals, value.into())
    }

    /// It is another value, of a sort that compares with this one.
    pub fn differs<'v>(self, value: impl Into<Value<'v>>) -> Predicate {
        self.compared(Comparison::Differs, value.into())
    }

    /// It is less than this.
    pub fn less_than<'v>(self, value: impl Into<Value<'v>>) -> Predicate {
        self.compared(Comparison::LessThan, value.into())
    }

    /// It is this or less.
    pub fn at_most<'v>(self, value: impl Into<Value<'v>>) -> Predicate {
        self.compared(Comparison::AtMost, value.into())
    }

    /// It is more than this.
    pub fn more_than<'v>(self, value: impl Into<Value<'v>>) -> Predicate {
        self.compared(Comparison::MoreThan, value.into())
    }

    /// It is this or more.
    pub fn at_least<'v>(self, value: impl Into<Value<'v>>) -> Predicate {
        self.compared(Comparison::AtLeast, value.into())
    }

    /// It is a text with this one in it, letter by letter.
    pub fn contains(self, text: impl Into<Box<str>>) -> Predicate {
        self.tested(Test::Contains(text.into()))
    }

    /// It is a text without this one in it.
    pub fn lacks(self, text: impl Into<Box<str>>) -> Predicate {
        self.tested(Test::Lacks(text.into()))
    }

    /// The event has it, whatever it holds.
    pub fn exists(self) -> Predicate {
        self.tested(Test::Exists)
    }

    fn compared(self, comparison: Comparison, value: Value<'_>) -> Predicate {
        self.tested(Test::Compares(comparison, Literal::of(value)))
    }

    pub(super) fn tested(self, test: Test) -> Predicate {
        Predicate { tree: Tree::of(Term::Field { name: self.0, test }) }
    }
}

impl Predicate {
    /// Some text field of the event has this in it.
    ///
    /// ```
    /// use flightdeck::events::Predicate;
    /// assert_eq!(Predicate::text("timeout").to_string(), "* ~ \"timeout\"");
    /// ```
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self { tree: Tree::of(Term::AnyText(text.into())) }
    }
}

/// Both hold.
impl BitAnd for Predicate {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self { tree: self.tree.joined(Joint::And, other.tree) }
    }
}

/// One of the two holds, or both do.
impl BitOr for Predicate {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { tree: self.tree.joined(Joint::Or, other.tree) }
    }
}

/// It does not hold.
impl Not for Predicate {
    type Output = Self;

    fn not(self) -> Self {
        Self { tree: self.tree.negated() }
    }
}

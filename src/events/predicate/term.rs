//! What is asked of one field, or of all texts.

use super::compare::{Comparison, Literal, compare};
use crate::events::answer::Recorded;
use crate::events::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    Field {
        name: Box<str>,
        test: Test,
    },
    /// Some text field has this in it.
    AnyText(Box<str>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Compares(Comparison, Literal),
    Contains(Box<str>),
    Lacks(Box<str>),
    Exists,
}

impl Term {
    pub(super) fn holds(&self, event: &Recorded<'_>) -> bool {
        match self {
            Self::Field { name, test } => event.field(name).is_some_and(|value| test.holds(&value)),
            Self::AnyText(text) => event.fields().any(|(_, value)| finds(&value, text) == Some(true)),
        }
    }
}

impl Test {
    pub(super) fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Compares(comparison, literal) => {
                compare(value, &literal.value()).is_some_and(|outcome| comparison.accepts(outcome))
            }
            Self::Contains(text) => finds(value, text) == Some(true),
            Self::Lacks(text) => finds(value, text) == Some(false),
            Self::Exists => true,
        }
    }
}

/// Whether a text has another one in it; `None` if it is none, or was cut and what is left has not.
fn finds(value: &Value<'_>, text: &str) -> Option<bool> {
    let found = value.as_str()?.contains(text);
    (found || value.cut_from().is_none()).then_some(found)
}

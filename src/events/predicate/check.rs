//! Whether kinds have such fields, and whether anything can ever match.

use super::Predicate;
use super::compare::{Comparison, Literal, Outcome, compare};
use super::term::{Term, Test};
use crate::events::error::QueryError;
use crate::events::privacy::Privacy;
use crate::events::schema::{Field, FieldType, Schema};
use crate::events::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

impl Predicate {
    /// What is surely a mistake, if events of these kinds are asked: fields that none of them has, or none with values
    /// that compare, in whichever part; and terms that must hold together and cannot. Where nothing is said something
    /// may match.
    pub(crate) fn check<'k>(
        &self,
        candidates: impl Iterator<Item = &'k Schema> + Clone,
    ) -> Result<(), QueryError> {
        for term in self.tree.terms() {
            if let Term::Field { name, test } = term {
                check_field(name, test, candidates.clone())?;
            }
        }
        match self.contradiction() {
            Some((one, other)) => Err(QueryError::Contradiction {
                what: "a field",
                one: one.to_string(),
                other: other.to_string(),
            }),
            None => Ok(()),
        }
    }

    /// Two of the terms that must hold, and cannot both.
    fn contradiction(&self) -> Option<(Predicate, Predicate)> {
        let mut fields: BTreeMap<&str, Asked<'_>> = BTreeMap::new();
        for (term, holds) in self.tree.conjuncts() {
            if let Term::Field { name, test } = term {
                let asked = fields.entry(name).or_default();
                if holds {
                    asked.tighten(test);
                } else if *test == Test::Exists {
                    asked.is_absent = true;
                }
            }
        }
        self.tree.conjuncts().filter(|(_, holds)| *holds).find_map(|(term, _)| {
            let Term::Field { name, test } = term else { return None };
            let asked = fields.get(&**name)?;
            let alone = |test: &Test| super::field(name.clone()).tested(test.clone());
            if asked.is_absent {
                return Some((alone(test), !alone(&Test::Exists)));
            }
            let other = asked.tightest().find(|other| excludes(other, test))?;
            Some((alone(other), alone(test)))
        })
    }
}

/// What is asked of one field: the tightest of it.
#[derive(Default)]
struct Asked<'p> {
    is_absent: bool,
    /// For its type.
    first: Option<&'p Test>,
    equal: Option<&'p Test>,
    least: Option<&'p Test>,
    most: Option<&'p Test>,
}

impl<'p> Asked<'p> {
    fn tighten(&mut self, test: &'p Test) {
        if !matches!(test, Test::Exists) {
            self.first.get_or_insert(test);
        }
        let Test::Compares(comparison, literal) = test else { return };
        let bound = match comparison {
            Comparison::Equals => &mut self.equal,
            Comparison::MoreThan | Comparison::AtLeast => &mut self.least,
            Comparison::LessThan | Comparison::AtMost => &mut self.most,
            Comparison::Differs => return,
        };
        // Whose literal passes the one before.
        if bound.is_none_or(|before| before.holds(&literal.value())) {
            *bound = Some(test);
        }
    }

    fn tightest(&self) -> impl Iterator<Item = &'p Test> {
        [self.equal, self.least, self.most, self.first].into_iter().flatten()
    }
}

/// Whether no value passes both, for sure.
fn excludes(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::Exists, _) | (_, Test::Exists) => false,
        (Test::Compares(Comparison::Equals, literal), test)
        | (test, Test::Compares(Comparison::Equals, literal)) => !test.holds(&literal.value()),
        (Test::Compares(one, at_one), Test::Compares(other, at_other)) => {
            let Some(outcome) = compare(&at_one.value(), &at_other.value()) else { return true };
            let has_both_ends = one.is_order() && other.is_order() && one.is_lower() != other.is_lower();
            match outcome {
                Outcome::Is(Ordering::Equal) => {
                    has_both_ends && !(one.accepts(outcome) && other.accepts(outcome))
                }
                Outcome::Is(Ordering::Greater) => has_both_ends && one.is_lower(),
                Outcome::Is(Ordering::Less) => has_both_ends && other.is_lower(),
                Outcome::Differs => false,
            }
        }
        (Test::Compares(_, literal), _) | (_, Test::Compares(_, literal)) => {
            !matches!(literal, Literal::Str(_))
        }
        _ => false,
    }
}

/// A field that no candidate has, or none with values that compare.
fn check_field<'k>(
    name: &str,
    test: &Test,
    candidates: impl Iterator<Item = &'k Schema> + Clone,
) -> Result<(), QueryError> {
    let field = || name.to_owned();
    let mut with_it = candidates.filter_map(|schema| schema.fields().iter().find(|field| field.name == name));
    let all = with_it.clone();
    if with_it.clone().next().is_none() {
        return Err(QueryError::UnknownField { field: field() });
    }
    if with_it.any(|field| suits(test, field)) {
        return Ok(());
    }
    if all.clone().any(|field| field.privacy == Privacy::Secret) {
        return Err(QueryError::SecretField { field: field() });
    }
    let mut has: Vec<&str> = all.map(held).collect();
    has.sort_unstable();
    has.dedup();
    Err(QueryError::FieldType { field: field(), has: has.join(" or "), asked: asked(test) })
}

/// Whether some value of the field could pass or fail the test, rather than not be decided.
fn suits(test: &Test, field: &Field) -> bool {
    let (is_open, has) = (field.privacy == Privacy::Open, field.field_type);
    match test {
        Test::Exists => true,
        Test::Contains(_) | Test::Lacks(_) => is_open && has == FieldType::Str,
        Test::Compares(comparison, literal) => match literal.value() {
            Value::F64(number) if number.is_nan() => false,
            Value::U64(_) | Value::I64(_) | Value::F64(_) => {
                is_open && matches!(has, FieldType::U64 | FieldType::I64 | FieldType::F64)
            }
            Value::Personal(_) => field.privacy == Privacy::Personal && !comparison.is_order(),
            value => is_open && Some(has) == value.field_type(),
        },
    }
}

/// What a field holds, in a message.
fn held(field: &Field) -> &'static str {
    match (field.privacy, field.field_type) {
        (Privacy::Secret, _) => "a secret",
        (Privacy::Personal, _) => "pseudonyms",
        (Privacy::Open, FieldType::U64 | FieldType::I64 | FieldType::F64) => "numbers",
        (Privacy::Open, FieldType::Bool) => "booleans",
        (Privacy::Open, FieldType::Str) => "text",
        (Privacy::Open, FieldType::Bytes) => "bytes",
        (Privacy::Open, FieldType::Diff) => "changes",
    }
}

/// What it is compared with, in a message.
fn asked(test: &Test) -> &'static str {
    match test {
        Test::Exists => "nothing",
        Test::Contains(_) | Test::Lacks(_) => "a part of a text",
        Test::Compares(comparison, literal) => match literal {
            Literal::F64(number) if number.is_nan() => "not-a-number",
            Literal::U64(_) | Literal::I64(_) | Literal::F64(_) => "a number",
            Literal::Bool(_) => "a boolean",
            Literal::Str(_) => "a text",
            Literal::Bytes(_) => "bytes",
            Literal::Personal(_) if comparison.is_order() => "the order of a pseudonym",
            Literal::Personal(_) => "a pseudonym",
            Literal::Unknown => "a value that is not known",
        },
    }
}

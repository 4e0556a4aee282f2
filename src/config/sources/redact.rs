//! What may be shown of a value, and of what others say about one.

use super::layers::leaves;
use super::pattern::Patterns;
use super::place::Place;
use crate::config::Violation;
use crate::config::paths::access::MARK;
use serde_json::Value;

/// How much of a value is shown, in characters.
const SHOWN: usize = 80;

/// A value as JSON in one line, shortened, and without its secrets.
pub(super) fn shown(value: &Value, place: &Place, secrets: &Patterns) -> String {
    if secrets.cover(place) {
        return MARK.to_owned();
    }
    let text = match secrets.meet(place) {
        true => without(value, place, secrets).to_string(),
        false => value.to_string(),
    };
    let mut short: String = super::one_line(&text).chars().take(SHOWN + 1).collect();
    if short.chars().count() > SHOWN {
        short.pop();
        short.push_str("...");
    }
    short
}

fn without(value: &Value, place: &Place, secrets: &Patterns) -> Value {
    if secrets.cover(place) {
        return Value::String(MARK.to_owned());
    }
    match value {
        Value::Object(section) => {
            let inner = |(name, value): (&String, &Value)| {
                (name.clone(), without(value, &place.clone().child(name.as_str()), secrets))
            };
            Value::Object(section.iter().map(inner).collect())
        }
        Value::Array(list) => {
            let inner = |(index, value)| without(value, &place.clone().element(index), secrets);
            Value::Array(list.iter().enumerate().map(inner).collect())
        }
        value => value.clone(),
    }
}

/// What is said about a place of a tree: not shown if it is about a secret, or quotes one that lies inside.
pub(super) fn said(text: &str, place: &Place, tree: &Value, secrets: &Patterns) -> String {
    let hide = secrets.cover(place) || (secrets.meet(place) && quotes(text, tree, secrets));
    if hide { "not as it should be (not shown: it is secret)".to_owned() } else { super::one_line(text) }
}

fn quotes(text: &str, tree: &Value, secrets: &Patterns) -> bool {
    fn is_in(text: &str, value: &Value) -> bool {
        match value {
            Value::Object(section) => section.values().any(|value| is_in(text, value)),
            Value::Array(list) => list.iter().any(|value| is_in(text, value)),
            Value::String(secret) => {
                let quoted = format!("{secret:?}");
                let escaped = quoted.get(1..quoted.len() - 1).unwrap_or_default();
                !secret.is_empty() && (text.contains(secret) || text.contains(escaped))
            }
            Value::Number(secret) => text.contains(&secret.to_string()),
            Value::Null | Value::Bool(_) => false,
        }
    }
    let mut in_sections = leaves(tree).into_iter();
    in_sections.any(|(place, value)| secrets.meet(&place) && is_in(text, value))
}

/// What a value says against itself, without a secret.
pub(super) fn violation(violation: &Violation, secrets: &Patterns) -> Violation {
    let mut violation = violation.clone();
    let place: Place = violation.field.parse().unwrap_or_default();
    if secrets.meet(&place) {
        (violation.value, violation.remedy) = (None, None);
    }
    violation
}

//! Variables of the environment as a tree: `APP__SERVER__PORT` sets `server.port`.
//!
//! A segment is a known name, whatever the case of its letters, or else that name in lower case. What a text means
//! follows from what the layers below have at its place:
//!
//! | below is | the text is |
//! |---|---|
//! | a text | taken as it is, also empty |
//! | `true` or `false` | `true` or `false` |
//! | a number | a number |
//! | a list | JSON if it begins with `[`, else elements between commas, each as the first element below is; nothing: an empty list |
//! | a section | JSON that begins with `{`, laid over the section |
//! | `null`, or nothing | JSON if it is JSON, else a text; and a text, should the config not take what the JSON says |

use super::layers::{get, set};
use super::place::{Place, Step, below, place_of};
use super::problem::Problem;
use super::text::Format;
use crate::sync::Arc;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Between the prefix, the names of sections and that of the value.
const SEPARATOR: &str = "__";
/// More segments are not taken.
const DEEPEST: usize = super::text::DEEPEST;

/// What variables say.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    /// In the order of places.
    found: BTreeMap<Place, Variable>,
}

#[derive(Clone, Debug)]
struct Variable {
    name: Arc<str>,
    value: Value,
    /// What it is if the config wants a text, or texts; none if what is below says what type it has.
    as_text: Option<Value>,
}

/// Whether variables can begin with it.
pub(super) fn check_prefix(prefix: &str) -> Result<(), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_sound =
        !prefix.is_empty() && prefix.split('_').all(|part| !part.is_empty() && part.bytes().all(is_plain));
    is_sound.then_some(()).ok_or_else(|| Problem::Prefix { prefix: super::one_line(prefix) })
}

impl Variables {
    /// Those with a prefix, laid over a tree; all problems are told.
    pub(super) fn read(
        prefix: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        tree: &Value,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let prefix = format!("{prefix}{SEPARATOR}");
        let begins = |name: &OsStr| name.as_encoded_bytes().starts_with(prefix.as_bytes());
        // In an order of their own: that of the environment is nobody's.
        let variables: BTreeMap<_, _> = variables.into_iter().filter(|(name, _)| begins(name)).collect();
        let mut read = Self::default();
        for (name, text) in &variables {
            if let Err(problem) = read.take(&prefix, name, text, tree) {
                problems.push(problem);
            }
        }
        read.contradictions(problems);
        read
    }

    fn take(&mut self, prefix: &str, name: &OsStr, text: &OsStr, tree: &Value) -> Result<(), Problem> {
        let wrong = |reason, remedy| {
            Err(Problem::Variable { variable: super::one_line(&name.to_string_lossy()), reason, remedy })
        };
        let Some(whole) = name.to_str() else {
            return wrong("has a name that is no UTF-8", "rename it, or unset it");
        };
        let Some(text) = text.to_str() else {
            return wrong("has a value that is no UTF-8", "set it to text, or unset it");
        };
        let segments = whole.strip_prefix(prefix).unwrap_or_default();
        if segments.split(SEPARATOR).any(str::is_empty) {
            return wrong("has an empty segment", "put a name after each `__`, or unset it");
        }
        if segments.split(SEPARATOR).count() > DEEPEST {
            return wrong("has more than 64 segments", "name a path that the config has, or unset it");
        }
        let place = place_in(segments, tree);
        let name: Arc<str> = whole.into();
        let (value, as_text) = typed(text, get(tree, &place)).map_err(|expected| {
            let (variable, path) = (super::one_line(whole), place.to_string());
            Problem::VariableType { variable, path, expected }
        })?;
        let variable = Variable { name: name.clone(), value, as_text };
        match self.found.insert(place.clone(), variable) {
            None => Ok(()),
            Some(other) => Err(contradiction(&name, &other.name, &place)),
        }
    }

    /// One sets a section as a whole, another one something in it that the first one leaves no room for.
    fn contradictions(&self, problems: &mut Vec<Problem>) {
        let mut outer: Vec<(&Place, &Variable)> = Vec::new();
        for (place, variable) in &self.found {
            outer.retain(|(around, _)| place.starts_with(around));
            for (around, other) in &outer {
                let inner = below(place, around);
                let mut on_the_way = std::iter::successors(inner.parent(), Place::parent);
                let leaves_room =
                    on_the_way.all(|outer| get(&other.value, &outer).is_none_or(Value::is_object));
                if !leaves_room || get(&other.value, &inner).is_some() {
                    problems.push(contradiction(&variable.name, &other.name, place));
                }
            }
            outer.push((place, variable));
        }
    }

    /// What they come to.
    pub(super) fn tree(&self) -> Value {
        let mut tree = Value::Object(Map::new());
        for (place, variable) in &self.found {
            set(&mut tree, place, variable.value.clone());
        }
        tree
    }

    /// The variable that sets what is at a place.
    pub(super) fn setter(&self, place: &Place) -> Option<&Arc<str>> {
        let sets = |(set, variable): &(&Place, &Variable)| {
            place.starts_with(set) && get(&variable.value, &below(place, set)).is_some()
        };
        let around = self.found.iter().filter(sets).max_by_key(|(set, _)| set.segments().len());
        let inside = || self.found.iter().find(|(set, _)| set.starts_with(place));
        around.or_else(inside).map(|(_, variable)| &variable.name)
    }

    /// Whether what is at a place, or around it, is a guess.
    pub(super) fn has_guess(&self, place: &Place) -> bool {
        self.found.iter().any(|(set, variable)| variable.as_text.is_some() && place.starts_with(set))
    }

    /// Takes the guess at a place, or around it, for a text after all; whether there was one.
    pub(super) fn take_for_text(&mut self, place: &Place) -> bool {
        let mut around = self.found.iter_mut().filter(|(set, _)| place.starts_with(set));
        let guessed = around.find_map(|(_, variable)| Some((&mut variable.value, variable.as_text.take()?)));
        let Some((value, text)) = guessed else { return false };
        *value = text;
        true
    }
}

fn contradiction(variable: &str, other: &str, place: &Place) -> Problem {
    let (variable, other) = (super::one_line(variable), super::one_line(other));
    Problem::Contradiction { variable, other, path: place.to_string() }
}

fn place_in(segments: &str, tree: &Value) -> Place {
    let mut known = Some(tree);
    let names = segments.split(SEPARATOR).map(|segment| {
        let section = known.and_then(Value::as_object);
        let exact = section.and_then(|section| section.get_key_value(segment));
        let alike = || section?.iter().find(|(name, _)| name.eq_ignore_ascii_case(segment));
        let (name, inner) = match exact.or_else(alike) {
            Some((name, inner)) => (name.clone(), Some(inner)),
            None => (segment.to_lowercase(), None),
        };
        known = inner;
        Step::Name(name.into())
    });
    place_of(names)
}

/// What a text means at a place, and what it else may, if nothing there says so; or what it should have been.
fn typed(text: &str, below: Option<&Value>) -> Result<(Value, Option<Value>), &'static str> {
    let sure = |value: Option<Value>, expected| value.map(|value| (value, None)).ok_or(expected);
    match below {
        Some(Value::String(_)) => Ok((Value::String(text.to_owned()), None)),
        Some(Value::Bool(_)) => sure(text.parse().ok().map(Value::Bool), "`true` or `false`"),
        Some(Value::Number(_)) => sure(number(text), "number"),
        Some(Value::Array(list)) => elements(text, list.first()).ok_or("list"),
        Some(Value::Object(_)) => sure(json(text).filter(Value::is_object), "section in JSON"),
        Some(Value::Null) | None => Ok(match json(text) {
            Some(value) => (value, Some(Value::String(text.to_owned()))),
            None => (Value::String(text.to_owned()), None),
        }),
    }
}

fn number(text: &str) -> Option<Value> {
    let number: serde_json::Number = text.trim().parse().ok()?;
    Some(Value::Number(number))
}

fn elements(text: &str, first: Option<&Value>) -> Option<(Value, Option<Value>)> {
    let text = text.trim();
    if text.starts_with('[') {
        return json(text).filter(Value::is_array).map(|list| (list, None));
    }
    if text.is_empty() {
        return Some((Value::Array(Vec::new()), None));
    }
    let element = |text: &str| typed(text.trim(), first).ok();
    let found = text.split(',').map(element).collect::<Option<Vec<_>>>()?;
    let is_guess = found.iter().any(|(_, as_text)| as_text.is_some());
    let texts = is_guess.then(|| text.split(',').map(str::trim).collect::<Value>());
    Some((found.into_iter().map(|(value, _)| value).collect(), texts))
}

/// JSON within the bounds of files, without a name twice in a section.
fn json(text: &str) -> Option<Value> {
    let whole = format!("{{\"value\":{text}}}");
    let file: Arc<Path> = Path::new("").into();
    let said = super::file::parse(whole.as_bytes(), &file, Format::Json, whole.len()).ok()?;
    match said.tree {
        Value::Object(mut section) if section.len() == 1 => section.remove("value"),
        _ => None,
    }
}

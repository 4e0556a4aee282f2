//! From a tree to the config's value, with everything that is in the way of it.

use super::layers::{get, remove, set};
use super::pattern::Patterns;
use super::place::{Place, Step, before_lists};
use super::problem::Problem;
use super::redact;
use super::stack::Stack;
use crate::sync::Arc;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Deserializer, Segment, Track};

/// More problems of one tree are not looked for.
const MOST: usize = 64;

/// What a value comes to as a tree.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Value, Problem> {
    let unable =
        |error: serde_json::Error| Problem::NotSerialised { reason: super::one_line(&error.to_string()) };
    serde_json::to_value(value).map_err(unable)
}

/// The value that a tree says, or where it does not and why.
pub(super) fn decode<T: DeserializeOwned>(tree: &Value) -> Result<T, (Place, String)> {
    let mut track = Track::new();
    T::deserialize(Deserializer::new(tree, &mut track)).map_err(|error| {
        let mut place = Place::root();
        for segment in track.path().iter() {
            place.push(match segment {
                Segment::Seq { index } => Step::Index(*index),
                Segment::Map { key } => Step::Name(key.as_str().into()),
                Segment::Enum { variant } => Step::Name(variant.as_str().into()),
                Segment::Unknown => break,
            });
        }
        // A name of an enum's variant may be its text, which lies one step further out.
        while !place.is_root() && get(tree, &place).is_none() {
            place.pop();
        }
        (place, error.to_string())
    })
}

/// The value that the layers come to. Where one is mistyped, that is told, and the rest is read with the default in its place, so
/// that everything mistyped is told at once. What the environment was guessed to mean is taken for text where the
/// config wants that.
pub(super) fn decode_layers<T: DeserializeOwned>(
    stack: &mut Stack,
    secrets: &Patterns,
) -> Result<(T, Value), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut tree = stack.merged();
    loop {
        let (place, reason) = match decode(&tree) {
            Ok(value) if problems.is_empty() => return Ok((value, tree)),
            Ok(_) => return Err(problems),
            Err(found) => found,
        };
        if take_for_text(stack, &place) {
            tree = stack.merged();
            // What was told is told again: the tree is as it was before.
            problems.clear();
            continue;
        }
        let reason = redact::said(&reason, &place, &tree, secrets);
        problems.push(Problem::Mistyped { path: place.to_string(), reason, origin: stack.origin(&place) });
        if problems.len() >= MOST || !heal(&mut tree, &place, &stack.defaults) {
            return Err(problems);
        }
    }
}

fn take_for_text(stack: &mut Stack, place: &Place) -> bool {
    let overridden = stack.overrides.keys().any(|set| place.starts_with(set));
    match &mut stack.variables {
        Some(variables) if !overridden => {
            variables.has_guess(place) && Arc::make_mut(variables).take_for_text(place)
        }
        _ => false,
    }
}

/// Puts the default in the place of what cannot be read; whether that changes anything.
fn heal(tree: &mut Value, place: &Place, defaults: &Value) -> bool {
    let place = &before_lists(place, tree);
    match (get(defaults, place), get(tree, place)) {
        _ if place.is_root() => false,
        (Some(default), Some(said)) if default != said => {
            set(tree, place, default.clone());
            true
        }
        (None, Some(_)) => remove(tree, place).is_some(),
        _ => false,
    }
}

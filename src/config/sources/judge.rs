//! Whether what the layers come to can be taken.

use super::builder::{Plan, UnknownKeys};
use super::decode::{decode_layers, encode};
use super::layers::get;
use super::origin::Origin;
use super::place::Place;
use super::problem::Problem;
use super::redact;
use super::stack::Stack;
use super::unknown::strangers;
use crate::config::{Validate, Violations};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::Value;

/// What the layers come to.
pub(super) struct Judged<T> {
    pub(super) value: T,
    /// What the value serialises to.
    pub(super) tree: Value,
    /// What it was made of.
    pub(super) merged: Value,
    pub(super) unknown: Vec<Problem>,
}

/// The value, if nothing speaks against it; else everything that does.
pub(super) fn judge<T>(plan: &Plan, stack: &mut Stack) -> Result<Judged<T>, Vec<Problem>>
where
    T: Serialize + DeserializeOwned + Validate,
{
    let (value, merged) = decode_layers::<T>(stack, &plan.secrets)?;
    let tree = encode(&value).map_err(|problem| vec![problem])?;
    let unknown = unknown(plan, stack, &tree);
    let mut report = Violations::default();
    value.validate(&mut report);
    let mut problems = violations(plan, stack, &report);
    if plan.unknown == UnknownKeys::Refuse {
        problems.extend(unknown.iter().cloned());
    }
    if problems.is_empty() { Ok(Judged { value, tree, merged, unknown }) } else { Err(problems) }
}

fn unknown(plan: &Plan, stack: &Stack, made: &Value) -> Vec<Problem> {
    let known = [&*stack.defaults, made];
    let mut found = Vec::new();
    for layer in &stack.files {
        let Some(said) = &layer.said else { continue };
        for stranger in strangers(&said.tree, &known, &plan.accepted) {
            let position = said.spot.as_ref().map(|spot| spot.nearest(&stranger.place));
            let origin = Origin::File { file: layer.file.clone(), position };
            found.push(Problem::Unknown {
                path: stranger.place.to_string(),
                origin,
                nearest: stranger.nearest,
            });
        }
    }
    if let Some(variables) = &stack.variables {
        for stranger in strangers(&variables.tree(), &known, &plan.accepted) {
            let Some(variable) = variables.setter(&stranger.place) else { continue };
            let origin = Origin::Environment { variable: variable.clone() };
            found.push(Problem::Unknown {
                path: stranger.place.to_string(),
                origin,
                nearest: stranger.nearest,
            });
        }
    }
    found
}

/// What a value says against itself, with who set it.
pub(super) fn violations(plan: &Plan, stack: &Stack, found: &Violations) -> Vec<Problem> {
    let merged = stack.merged();
    let origin = |field: &str| {
        let place = field.parse::<Place>().ok()?;
        get(&merged, &place).map(|_| stack.origin(&place))
    };
    let problem = |violation| {
        let violation = Box::new(redact::violation(violation, &plan.secrets));
        let origin = origin(&violation.field);
        Problem::Violated { violation, origin }
    };
    found.iter().map(problem).collect()
}

//! From the text of a path to what is there in a tree that has marks in place of secrets.

use super::access::{MARK, Rules};
use super::error::PathError;
use super::path::Path;
use super::scan::{Step, Steps, number};
use super::tree::kind;
use serde_json::Value;

/// What is at the path. Does not allocate unless the text has quotes, or nothing is found.
#[inline]
pub(super) fn find<'v>(tree: &'v Value, text: &str, rules: &Rules) -> Result<&'v Value, PathError> {
    let mut at = tree;
    for (level, step) in Steps::new(text).enumerate() {
        let next = match (&step?, at) {
            (Step::Name(name), Value::Object(entries)) => entries.get(&**name),
            (Step::Index(index), Value::Array(list)) => list.get(*index),
            (Step::Name(name), Value::Array(list)) => number(name).and_then(|index| list.get(index)),
            _ => None,
        };
        let Some(next) = next else { return Err(missing(tree, text, level, rules)) };
        at = next;
    }
    Ok(at)
}

/// Why the path leads no further than `level`.
#[cold]
fn missing(tree: &Value, text: &str, level: usize, rules: &Rules) -> PathError {
    let path: Path = match text.parse() {
        Ok(path) => path,
        Err(error) => return PathError::Syntax(error),
    };
    absent(tree, path, level, rules)
}

/// Why there is nothing at `path`, of which `level` levels are there.
#[cold]
pub(super) fn absent(tree: &Value, path: Path, level: usize, rules: &Rules) -> PathError {
    if rules.hides(&path) {
        return PathError::Secret { path: rules.secret_above(&path).unwrap_or(path) };
    }
    let known = path.first(level);
    match super::tree::at(tree, &known) {
        Some(Value::Object(entries)) => PathError::unknown(path, known, entries.keys()),
        Some(Value::Array(list)) => PathError::NoSuchElement { path, list: known, length: list.len() },
        found => PathError::ThroughScalar { path, scalar: known, found: found.map_or("nothing", kind) },
    }
}

/// How many levels of `path` are there.
pub(super) fn depth_in(tree: &Value, path: &Path) -> usize {
    let there = |levels: &usize| super::tree::at(tree, &path.first(*levels)).is_some();
    (1..=path.segments().len()).take_while(there).last().unwrap_or(0)
}

/// Whether what was found at the path is, or holds, a mark in place of a secret.
#[inline]
pub(super) fn is_marked(found: &Value, text: &str, rules: &Rules) -> bool {
    match found {
        Value::String(mark) if mark == MARK => may_be_marked(text, rules),
        Value::Object(_) | Value::Array(_) if rules.has_secrets() => holds_mark(found, text, rules),
        _ => false,
    }
}

#[cold]
fn may_be_marked(text: &str, rules: &Rules) -> bool {
    text.parse().is_ok_and(|path| rules.hides(&path))
}

#[cold]
fn holds_mark(found: &Value, text: &str, rules: &Rules) -> bool {
    let Ok(mut path) = text.parse::<Path>() else { return false };
    let mut holds = false;
    super::tree::each_leaf(&mut path, found, &mut |path, _| holds |= rules.hides(path));
    holds
}

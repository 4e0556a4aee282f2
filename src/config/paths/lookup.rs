//! From the text of a path to what is there in a tree that has marks in place of secrets.

use super::access::{MARK, Rules};
use super::error::PathError;
use super::path::Path;
use super::scan::{Step, Steps, is_special, number};
use super::tree::kind;
use serde_json::Value;

/// What is at the path. Does not allocate unless the text has quotes, or nothing is found.
#[inline]
pub(super) fn find<'v>(tree: &'v Value, text: &str, rules: &Rules) -> Result<&'v Value, PathError> {
    match through_names(tree, text) {
        Some(found) => Ok(found),
        None => step_by_step(tree, text, rules),
    }
}

/// What is at a path of names and dots alone, which nearly all are; none where it is of another kind, or leads nowhere.
#[inline]
fn through_names<'v>(tree: &'v Value, text: &str) -> Option<&'v Value> {
    if text.len() > Path::LONGEST_TEXT {
        return None;
    }
    let (mut at, mut rest) = (tree, text);
    for _ in 0..Path::DEEPEST {
        let Value::Object(entries) = at else { return None };
        let end = rest.bytes().position(is_special);
        let name = rest.get(..end.unwrap_or(rest.len())).filter(|name| !name.is_empty())?;
        at = entries.get(name)?;
        match end {
            None => return Some(at),
            Some(end) if rest.as_bytes().get(end) == Some(&b'.') => rest = rest.get(end + 1..)?,
            Some(_) => return None,
        }
    }
    None
}

fn step_by_step<'v>(tree: &'v Value, text: &str, rules: &Rules) -> Result<&'v Value, PathError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn the_short_way_finds_what_the_long_one_finds(text in "[ab.\\[\\]\"0]{0,7}") {
            let tree = json!({ "": 1, "a": { "": 2, "b": { "a": 3 }, "0": 4 }, "b": [5, { "a": 6 }], "ab": 7, "a.b": 8 });
            let rules = Rules::new(Vec::new(), Vec::new());
            if let Some(found) = through_names(&tree, &text) {
                prop_assert!(std::ptr::eq(found, step_by_step(&tree, &text, &rules).unwrap()), "{}", text);
            }
        }
    }

    #[test]
    fn names_and_dots_take_the_short_way() {
        let tree = json!({ "": 0, "a": { "b": { "c": 1 } } });
        assert_eq!(through_names(&tree, "a.b.c"), Some(&json!(1)));
        for other in ["", ".", "a.", "a.b.", ".a", "a..b", "a.b.c.d", "x"] {
            assert_eq!(through_names(&tree, other), None, "{other}");
        }
    }
}

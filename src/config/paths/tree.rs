//! The value of a config as a tree of JSON: looking something up in it, and putting something there.

use super::path::{Path, Segment};
use super::scan::number;
use serde_json::{Map, Value};

/// How deep a tree may be. Whatever walks one is recursive.
pub(in crate::config) const DEEPEST: usize = 128;

/// What a value is, for messages: never the value itself.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The value at a path.
pub(in crate::config) fn at<'v>(tree: &'v Value, path: &Path) -> Option<&'v Value> {
    path.segments().iter().try_fold(tree, |value, segment| below(value, segment))
}

fn below<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    match (value, segment) {
        (Value::Object(entries), Segment::Name(name)) => entries.get(&**name),
        (Value::Array(list), Segment::Index(index)) => list.get(*index),
        (Value::Array(list), Segment::Name(name)) => list.get(number(name)?),
        _ => None,
    }
}

/// Puts a value where `path` leads. What lies above must be there but for the last level; a list may grow by one.
/// Whether it was put there.
pub(in crate::config) fn put(tree: &mut Value, path: &Path, value: Value) -> bool {
    let Some((last, above)) = path.segments().split_last() else {
        *tree = value;
        return true;
    };
    let place = above.iter().try_fold(tree, |value, segment| below_mut(value, segment));
    match (place, last) {
        (Some(Value::Object(entries)), Segment::Name(name)) => {
            entries.insert(name.to_string(), value);
            true
        }
        (Some(Value::Array(list)), Segment::Index(index)) => put_in_list(list, *index, value),
        (Some(Value::Array(list)), Segment::Name(name)) => {
            number(name).is_some_and(|index| put_in_list(list, index, value))
        }
        _ => false,
    }
}

/// Takes away what is at the path; of a list, also what follows it. Whether the path leads there.
pub(super) fn take(tree: &mut Value, path: &Path) -> bool {
    let Some((last, above)) = path.segments().split_last() else { return false };
    match (above.iter().try_fold(tree, |value, segment| below_mut(value, segment)), last) {
        (Some(Value::Object(entries)), Segment::Name(name)) => entries.remove(&**name).is_some(),
        (Some(Value::Array(list)), Segment::Index(index)) => {
            list.truncate(*index);
            true
        }
        _ => false,
    }
}

fn put_in_list(list: &mut Vec<Value>, index: usize, value: Value) -> bool {
    if index == list.len() {
        list.push(value);
        return true;
    }
    list.get_mut(index).map(|place| *place = value).is_some()
}

fn below_mut<'v>(value: &'v mut Value, segment: &Segment) -> Option<&'v mut Value> {
    match (value, segment) {
        (Value::Object(entries), Segment::Name(name)) => entries.get_mut(&**name),
        (Value::Array(list), Segment::Index(index)) => list.get_mut(*index),
        (Value::Array(list), Segment::Name(name)) => list.get_mut(number(name)?),
        _ => None,
    }
}

/// Whether an element of a list is, or is above, what is at the path.
pub(super) fn leads_through_list(tree: &Value, path: &Path) -> bool {
    (0..path.segments().len()).any(|levels| at(tree, &path.first(levels)).is_some_and(Value::is_array))
}

/// Whether a tree has more levels than whatever walks it would follow.
pub(in crate::config) fn is_too_deep(value: &Value) -> bool {
    fn deeper(value: &Value, left: usize) -> bool {
        let Some(left) = left.checked_sub(1) else { return true };
        match value {
            Value::Array(list) => list.iter().any(|value| deeper(value, left)),
            Value::Object(entries) => entries.values().any(|value| deeper(value, left)),
            _ => false,
        }
    }
    deeper(value, DEEPEST)
}

/// Calls `visit` with the path and the value of each leaf below `path`: what is no list or object, or is empty.
pub(in crate::config) fn each_leaf<'v>(
    path: &mut Path,
    value: &'v Value,
    visit: &mut impl FnMut(&Path, &'v Value),
) {
    match value {
        Value::Object(entries) if !entries.is_empty() => each_entry(path, entries, visit),
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                path.push(Segment::Index(index));
                each_leaf(path, value, visit);
                path.pop();
            }
        }
        _ => visit(path, value),
    }
}

fn each_entry<'v>(
    path: &mut Path,
    entries: &'v Map<String, Value>,
    visit: &mut impl FnMut(&Path, &'v Value),
) {
    for (name, value) in entries {
        path.push(Segment::Name(name.as_str().into()));
        each_leaf(path, value, visit);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_put_somewhere_is_found_there() {
        let mut tree = json!({"a": {"b": [1, 2]}, "3": "x"});
        assert_eq!(at(&tree, &path("a.b[1]")), Some(&json!(2)));
        assert_eq!(at(&tree, &path("a.b.1")), Some(&json!(2)));
        assert_eq!(at(&tree, &path("3")), Some(&json!("x")));
        for nowhere in ["[3]", "a.c", "a.b[2]", "a.b.x", "a.b[0].c", "3.x"] {
            assert_eq!(at(&tree, &path(nowhere)), None, "{nowhere}");
        }
        assert!(put(&mut tree, &path("a.b[2]"), json!(3)) && put(&mut tree, &path("a.c"), json!(null)));
        assert!(put(&mut tree, &path("a.b.0"), json!({})));
        assert_eq!(tree, json!({"a": {"b": [{}, 2, 3], "c": null}, "3": "x"}));
        for nowhere in ["a.b[4]", "a.d.e", "[3]", "3.x", "a.b.x"] {
            assert!(!put(&mut tree, &path(nowhere), json!(1)), "{nowhere}");
        }
        assert!(put(&mut tree, &Path::root(), json!(1)));
        assert_eq!(tree, json!(1));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(!is_too_deep(&nested(DEEPEST - 1)) && is_too_deep(&nested(DEEPEST)));
    }
}

//! What differs between two trees, path by path.

use super::access::{MARK, Rules};
use super::path::{Path, Segment};
use super::tree::each_leaf;
use serde_json::Value;
use std::fmt;

/// What differs between two revisions of a config, in the order of their entries.
///
/// Objects are compared entry by entry, lists element by element, and what is no longer there or is new leaf by leaf; so
/// an element put in front of a list changes all that follow it. Values of secrets are not in it: where one changed, a mark
/// stands on both sides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    found: Vec<Changed>,
}

/// One path whose value differs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Changed {
    /// Where.
    pub path: Path,
    /// What was there, if anything was.
    pub old: Option<Value>,
    /// What is there now, if anything is.
    pub new: Option<Value>,
    /// Whether it is a secret, or holds one: those are not in `old` and `new`.
    pub secret: bool,
}

impl Diff {
    /// What differs between two trees.
    pub(super) fn of(old: &Value, new: &Value, rules: &Rules) -> Self {
        let mut diff = Self::default();
        each_change(&mut Path::root(), Some(old), Some(new), &mut |path, old, new| {
            if let Some(above) = rules.secret_above(path) {
                // Names below a secret are not told either.
                if diff.found.last().is_none_or(|last| last.path != above) {
                    let mark = Some(Value::from(MARK));
                    diff.found.push(Changed { path: above, old: mark.clone(), new: mark, secret: true });
                }
                return;
            }
            let secret = rules.hides_any_of(path);
            let shown = |value: &Value| rules.redacted(path, value);
            let (old, new) = (old.map(shown), new.map(shown));
            diff.found.push(Changed { path: path.clone(), old, new, secret });
        });
        diff
    }

    /// Whether both are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many paths differ.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// What differs.
    pub fn iter(&self) -> std::slice::Iter<'_, Changed> {
        self.found.iter()
    }

    /// Whether something at `path`, below it, or above it differs.
    #[must_use]
    pub fn touches(&self, path: &Path) -> bool {
        self.iter().any(|changed| changed.path.starts_with(path) || path.starts_with(&changed.path))
    }
}

impl<'a> IntoIterator for &'a Diff {
    type Item = &'a Changed;
    type IntoIter = std::slice::Iter<'a, Changed>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// `path: old -> new` for each, separated by `; `.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, changed) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{changed}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = super::error::Shown(&self.path);
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{path}: {old} -> {new}"),
            (Some(old), None) => write!(f, "{path}: {old} removed"),
            (None, Some(new)) => write!(f, "{path}: {new} added"),
            (None, None) => write!(f, "{path}"),
        }
    }
}

/// Calls `visit` for each path whose values differ: where something is gone or new, for each leaf of it.
pub(in crate::config) fn each_change<'v>(
    path: &mut Path,
    old: Option<&'v Value>,
    new: Option<&'v Value>,
    visit: &mut impl FnMut(&Path, Option<&'v Value>, Option<&'v Value>),
) {
    each_edit(path, old, new, &mut |path, old, new| match (old, new) {
        (Some(old), None) => {
            each_leaf(&mut path.clone(), old, &mut |path, leaf| visit(path, Some(leaf), None));
        }
        (None, Some(new)) => {
            each_leaf(&mut path.clone(), new, &mut |path, leaf| visit(path, None, Some(leaf)));
        }
        (old, new) => visit(path, old, new),
    });
}

/// Calls `visit` for each path whose values differ: where something is gone or new, for all of it at once.
pub(super) fn each_edit<'v>(
    path: &mut Path,
    old: Option<&'v Value>,
    new: Option<&'v Value>,
    visit: &mut impl FnMut(&Path, Option<&'v Value>, Option<&'v Value>),
) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
            let gone = gone.map(|(name, old)| (name, Some(old), None));
            let kept = new.iter().map(|(name, new)| (name, old.get(name), Some(new)));
            for (name, old, new) in gone.chain(kept) {
                path.push(Segment::Name(name.as_str().into()));
                each_edit(path, old, new, visit);
                path.pop();
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                path.push(Segment::Index(index));
                each_edit(path, old.get(index), new.get(index), visit);
                path.pop();
            }
        }
        (old, new) if old != new => visit(path, old, new),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(old: &Value, new: &Value, rules: &Rules) -> String {
        Diff::of(old, new, rules).to_string()
    }

    #[test]
    fn what_differs_is_named_by_its_path() {
        let old = json!({"a": 1, "b": {"c": [1, 2], "d": true}, "e": {"f": {}}});
        let new = json!({"a": 1, "b": {"c": [1, 3, 4]}, "e": 5, "g": {"h": null, "i": []}});
        assert_eq!(
            shown(&old, &new, &Rules::default()),
            "b.d: true removed; b.c[1]: 2 -> 3; b.c[2]: 4 added; e: {\"f\":{}} -> 5; g.h: null added; g.i: [] added"
        );
        assert!(Diff::of(&old, &old, &Rules::default()).is_empty());
        let diff = Diff::of(&old, &new, &Rules::default());
        for (path, touched) in [("a", false), ("b", true), ("b.c[1]", true), ("b.c[0]", false), ("e.f", true)]
        {
            assert_eq!(diff.touches(&path.parse().unwrap()), touched, "{path}");
        }
        assert!(diff.touches(&Path::root()));
    }

    #[test]
    fn integers_and_floats_are_told_apart_and_none_loses_digits() {
        let old = json!([u64::MAX, i64::MIN, 1.0, 0.1]);
        assert_eq!(
            shown(&old, &json!([u64::MAX - 1, i64::MIN + 1, 1, 0.1]), &Rules::default()),
            "[0]: 18446744073709551615 -> 18446744073709551614; \
             [1]: -9223372036854775808 -> -9223372036854775807; [2]: 1.0 -> 1"
        );
    }

    #[test]
    fn a_secret_is_a_mark_on_both_sides_also_inside_of_what_changed() {
        let rules = Rules::default().with_secret("db.password").with_secret("users.*.token");
        let old = json!({"db": {"password": "old", "port": 1}, "users": [{"token": 5, "name": "ann"}]});
        let new = json!({"db": {"password": "new", "port": 1}, "users": {"all": {"token": 6}}});
        let text = shown(&old, &new, &rules);
        assert_eq!(
            text,
            "db.password: \"(secret)\" -> \"(secret)\"; \
             users: [{\"name\":\"ann\",\"token\":\"(secret)\"}] -> {\"all\":{\"token\":\"(secret)\"}}"
        );
        assert!(Diff::of(&old, &new, &rules).iter().all(|changed| changed.secret));

        let rules = Rules::default().with_secret("tokens");
        let (old, new) = (json!({"tokens": {"ann": 1, "bob": 2}}), json!({"tokens": {"ann": 2, "eve": 3}}));
        assert_eq!(shown(&old, &new, &rules), "tokens: \"(secret)\" -> \"(secret)\"");
    }
}

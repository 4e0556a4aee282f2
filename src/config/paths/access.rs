//! What may change while running, and what may not be read out.

use super::error::PathSyntaxError;
use super::path::{Path, Segment};
use super::scan::{Step, Steps};
use serde_json::{Map, Value};

/// What stands in the place of a secret, wherever values are shown.
pub(in crate::config) const MARK: &str = "(secret)";

/// A path, or many: in it, `*` is any one name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Pattern(Vec<Option<Segment>>);

impl Pattern {
    pub(in crate::config) fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        let level = |step| match step {
            Step::Name(name) => Some(Segment::Name(name.into())),
            Step::Index(index) => Some(Segment::Index(index)),
            Step::Any => None,
        };
        Steps::with_wildcards(text).map(|step| step.map(level)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether what it means is `path`, or above it.
    pub(in crate::config) fn covers(&self, path: &Path) -> bool {
        self.0.len() <= path.segments().len() && self.agrees(path)
    }

    /// Whether it means something that is `path`, above it or below it.
    pub(in crate::config) fn meets(&self, path: &Path) -> bool {
        self.agrees(path)
    }

    /// Whether both say the same of the levels that both have.
    fn agrees(&self, path: &Path) -> bool {
        let mut levels = self.0.iter().zip(path.segments());
        levels.all(|(any, segment)| any.as_ref().is_none_or(|known| known.means(segment)))
    }
}

/// All that is allowed and forbidden.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Rules {
    writable: Vec<Pattern>,
    secret: Vec<Pattern>,
}

impl Rules {
    pub(super) fn new(writable: Vec<Pattern>, secret: Vec<Pattern>) -> Self {
        Self { writable, secret }
    }

    /// Both this and `others` hide what one of them does.
    #[cfg(feature = "sources")]
    pub(super) fn share_secrets(&mut self, others: &mut Vec<Pattern>) {
        others.append(&mut self.secret);
        self.secret.clone_from(others);
    }

    #[cfg(test)]
    pub(super) fn with_secret(mut self, pattern: &str) -> Self {
        self.secret.push(Pattern::parse(pattern).unwrap());
        self
    }

    /// Whether what is at `path` may change while running.
    pub(in crate::config) fn allows(&self, path: &Path) -> bool {
        self.writable.iter().any(|pattern| pattern.covers(path))
    }

    /// Whether there are secrets.
    pub(in crate::config) fn has_secrets(&self) -> bool {
        !self.secret.is_empty()
    }

    /// Whether `path` is a secret, or below one.
    pub(in crate::config) fn hides(&self, path: &Path) -> bool {
        self.secret.iter().any(|pattern| pattern.covers(path))
    }

    /// The secret that `path` is below; none for the secret itself.
    pub(super) fn secret_above(&self, path: &Path) -> Option<Path> {
        let levels = path.segments().len();
        let covering = self.secret.iter().filter(|pattern| pattern.0.len() < levels && pattern.covers(path));
        covering.map(|pattern| pattern.0.len()).min().map(|levels| path.first(levels))
    }

    /// Whether `path` is a secret, below one, or could hold one.
    pub(in crate::config) fn hides_any_of(&self, path: &Path) -> bool {
        self.secret.iter().any(|pattern| pattern.meets(path))
    }

    /// The value at `path` with a mark in place of each secret. That none is there (`null`) is hidden as well.
    pub(in crate::config) fn redacted(&self, path: &Path, value: &Value) -> Value {
        if !self.hides_any_of(path) {
            return value.clone();
        }
        self.redacted_below(&mut path.clone(), value)
    }

    /// The value at `path` without what is secret in it: entries are left out, elements are `null`; and whether there was
    /// something to leave out.
    pub(super) fn without_secrets(&self, path: &mut Path, value: &Value, left_out: &mut bool) -> Value {
        if !self.hides_any_of(path) {
            return value.clone();
        }
        match value {
            Value::Object(entries) => {
                let mut kept = Map::new();
                for (name, value) in entries {
                    path.push(Segment::Name(name.as_str().into()));
                    if self.hides(path) {
                        *left_out = true;
                    } else {
                        kept.insert(name.clone(), self.without_secrets(path, value, left_out));
                    }
                    path.pop();
                }
                Value::Object(kept)
            }
            Value::Array(list) => {
                let mut kept = Vec::new();
                for (index, value) in list.iter().enumerate() {
                    path.push(Segment::Index(index));
                    let is_secret = self.hides(path);
                    *left_out |= is_secret;
                    kept.push(if is_secret {
                        Value::Null
                    } else {
                        self.without_secrets(path, value, left_out)
                    });
                    path.pop();
                }
                Value::Array(kept)
            }
            leaf => leaf.clone(),
        }
    }

    fn redacted_below(&self, path: &mut Path, value: &Value) -> Value {
        if self.hides(path) {
            return MARK.into();
        }
        let mut below = |segment, value| {
            path.push(segment);
            let shown = self.redacted_below(path, value);
            path.pop();
            shown
        };
        match value {
            Value::Object(entries) => {
                let shown = |(name, value): (&String, _)| {
                    (name.clone(), below(Segment::Name(name.as_str().into()), value))
                };
                Value::Object(entries.iter().map(shown).collect())
            }
            Value::Array(list) => {
                let elements = list.iter().enumerate();
                Value::Array(elements.map(|(index, value)| below(Segment::Index(index), value)).collect())
            }
            leaf => leaf.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_pattern_covers_what_is_below_it() {
        for (text, path, covers, meets) in [
            ("", "", true, true),
            ("", "a.b", true, true),
            ("a.b", "a.b.c", true, true),
            ("a.b", "a", false, true),
            ("a.b", "a.c", false, false),
            ("limits.*", "limits.rate", true, true),
            ("limits.*", "limits", false, true),
            ("users[*].token", "users.3.token", true, true),
            ("users.*.token", "users[3].name", false, false),
            ("users.0.token", "users[0].token", true, true),
            ("users[0].token", "users.0", false, true),
            ("\"*\"", "a", false, false),
        ] {
            let path: Path = path.parse().unwrap();
            let found = (pattern(text).covers(&path), pattern(text).meets(&path));
            assert_eq!(found, (covers, meets), "{text} and {path}");
        }
        assert!(Pattern::parse("a*").is_err() && Pattern::parse("a.**").is_err());
    }
}

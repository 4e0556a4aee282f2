//! From a value to its tree and back, with what went wrong and where.

use super::access::{MARK, Rules};
use super::error::{PathError, shortened};
use super::path::{Path, Segment};
use super::tree;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::Value;

/// The tree of a value.
pub(super) fn encode<T: Serialize>(value: &T, rules: &Rules) -> Result<Value, PathError> {
    let tree = serde_json::to_value(value).map_err(|error| {
        let reason = (!rules.has_secrets()).then(|| shortened(&error.to_string()));
        PathError::NoTree { reason }
    })?;
    shallow(&tree)?;
    Ok(tree)
}

/// Whether whatever walks a tree would follow this one.
pub(super) fn shallow(tree: &Value) -> Result<(), PathError> {
    match tree::is_too_deep(tree) {
        true => {
            let reason = Some(format!("it has more than {} levels", tree::DEEPEST));
            Err(PathError::NoTree { reason })
        }
        false => Ok(()),
    }
}

/// The value of a part of a tree; `base` is where that part lies.
pub(super) fn decode<U: DeserializeOwned>(base: &Path, part: &Value, rules: &Rules) -> Result<U, PathError> {
    serde_path_to_error::deserialize(part).map_err(|error| refusal(base, part, &error, rules))
}

#[cold]
fn refusal(
    base: &Path,
    part: &Value,
    error: &serde_path_to_error::Error<serde_json::Error>,
    rules: &Rules,
) -> PathError {
    use serde_path_to_error::Segment as At;
    let mut path = base.clone();
    for segment in error.path() {
        match segment {
            At::Seq { index } => path.push(Segment::Index(*index)),
            At::Map { key } => path.push(Segment::Name(key.as_str().into())),
            At::Enum { variant } => path.push(Segment::Name(variant.as_str().into())),
            // Where types look at a value as a whole, further levels are not known.
            At::Unknown => break,
        }
    }
    let message = error.inner().to_string();
    let is_hidden = rules.hides_any_of(&path) || tells_a_secret(&message, base, part, rules);
    PathError::refused(rules.secret_above(&path).unwrap_or(path), &message, is_hidden)
}

/// Whether a text has what is secret in the part of a tree, as far as it can be recognised.
fn tells_a_secret(text: &str, base: &Path, part: &Value, rules: &Rules) -> bool {
    let mut tells = false;
    if rules.has_secrets() {
        tree::each_leaf(&mut base.clone(), part, &mut |path, leaf| {
            tells |= rules.hides(path)
                && match leaf {
                    Value::String(secret) if secret.is_empty() || secret == MARK => false,
                    Value::String(secret) => {
                        let escaped = format!("{secret:?}");
                        text.contains(secret.as_str()) || text.contains(escaped.trim_matches('"'))
                    }
                    Value::Number(secret) => text.contains(&secret.to_string()),
                    _ => false,
                };
        });
    }
    tells
}

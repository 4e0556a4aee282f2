//! Two trees made one.

use serde_json::{Map, Value};

/// Lays `over` on `base`: objects are merged entry by entry, whatever else is replaced, also by `null`.
#[allow(dead_code, reason = "what layers begin with")]
pub(in crate::config) fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                match base.get_mut(&name) {
                    Some(place) => merge(place, value),
                    None => drop(base.insert(name, value)),
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// Applies a JSON Merge Patch (RFC 7396): as [`merge`], but `null` removes an entry.
pub(in crate::config) fn patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(entries) = target else { return };
    for (name, change) in changes {
        match (change, entries.get_mut(name)) {
            (Value::Null, _) => drop(entries.remove(name)),
            (change, Some(place)) => self::patch(place, change),
            (change, None) => {
                // A patch of nothing: what it removes is not there.
                let mut fresh = Value::Null;
                self::patch(&mut fresh, change);
                entries.insert(name.clone(), fresh);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_examples_of_the_rfc() {
        for (original, change, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut target = original.clone();
            patch(&mut target, &change);
            assert_eq!(target, result, "{original} patched with {change}");
        }
    }

    #[test]
    fn layers_are_merged_deeply_and_null_is_a_value() {
        let mut base = json!({"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}});
        merge(&mut base, json!({"a": {"c": [3], "x": {"y": null}}, "d": null}));
        assert_eq!(base, json!({"a": {"b": 1, "c": [3], "x": {"y": null}}, "d": null}));
    }
}

//! Trees laid over each other.
//!
//! Sections are merged name by name. Everything else is replaced as a whole: a list by a list, and by `null`, too, which is a
//! value like others (an `Option` that is `None`) and takes nothing away from a lower layer.

use super::place::{Place, Step};
pub(super) use crate::config::paths::merge::merge;
pub(super) use crate::config::paths::tree::at as get;
use serde_json::{Map, Value};

/// Puts a value at a place of names, and makes sections on the way there, also of what was none.
pub(super) fn set(tree: &mut Value, place: &Place, value: Value) {
    let mut tree = tree;
    for step in place.segments() {
        let Step::Name(name) = step else { return };
        if !tree.is_object() {
            *tree = Value::Object(Map::new());
        }
        let Value::Object(section) = tree else { return };
        tree = section.entry(&**name).or_insert(Value::Null);
    }
    *tree = value;
}

/// Takes away what is at a place of a section.
pub(super) fn remove(tree: &mut Value, place: &Place) -> Option<Value> {
    let (last, outer) = place.segments().split_last()?;
    let section = outer.iter().try_fold(tree, |tree, step| match step {
        Step::Name(name) => tree.as_object_mut()?.get_mut(&**name),
        Step::Index(_) => None,
    });
    match last {
        Step::Name(name) => section?.as_object_mut()?.remove(&**name),
        Step::Index(_) => None,
    }
}

/// A difference between two trees.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) place: Place,
    /// None: it is no longer there.
    pub(super) now: Option<Value>,
}

/// What changed from one tree to another, in the order of places. Sections are compared name by name, everything else as a
/// whole.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    fn compare(place: &Place, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Difference>) {
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                let gone = old.keys().filter(|name| !new.contains_key(*name));
                for name in new.keys().chain(gone) {
                    compare(&place.clone().child(name.as_str()), old.get(name), new.get(name), found);
                }
            }
            (old, Some(Value::Object(new))) if !new.is_empty() => {
                // What was there as a whole goes with the first value below it.
                let _ = old;
                new.iter().for_each(|(name, new)| {
                    compare(&place.clone().child(name.as_str()), None, Some(new), found)
                });
            }
            (old, new) if old != new => found.push(Difference { place: place.clone(), now: new.cloned() }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    compare(&Place::root(), Some(old), Some(new), &mut found);
    found.sort_by(|one, other| one.place.cmp(&other.place));
    found
}

/// Lays differences upon a tree.
pub(super) fn apply<'a>(
    tree: &mut Value,
    differences: impl IntoIterator<Item = (&'a Place, Option<&'a Value>)>,
) {
    for (place, now) in differences {
        match now {
            Some(value) => set(tree, place, value.clone()),
            None => drop(remove(tree, place)),
        }
    }
}

/// The values of a tree that a layer replaces as a whole: everything but sections that hold something.
pub(super) fn leaves(tree: &Value) -> Vec<(Place, &Value)> {
    fn walk<'a>(place: &Place, value: &'a Value, found: &mut Vec<(Place, &'a Value)>) {
        match value {
            Value::Object(section) if !section.is_empty() => {
                section
                    .iter()
                    .for_each(|(name, value)| walk(&place.clone().child(name.as_str()), value, found));
            }
            value => found.push((place.clone(), value)),
        }
    }
    let mut found = Vec::new();
    walk(&Place::root(), tree, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn trees() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0_u64..4).prop_map(Value::from),
            proptest::collection::vec(0_u64..3, 0..3).prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            proptest::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|section| Value::Object(section.into_iter().collect()))
        })
    }

    fn sections() -> impl Strategy<Value = Value> {
        proptest::collection::btree_map("[abc]", trees(), 0..4)
            .prop_map(|section| Value::Object(section.into_iter().collect()))
    }

    /// What each place of a tree holds, sections aside, and which sections there are: another way to see a tree.
    fn flat(tree: &Value) -> BTreeMap<String, Value> {
        let mut flat = BTreeMap::new();
        let mut waiting = vec![(String::new(), tree)];
        while let Some((path, value)) = waiting.pop() {
            match value {
                Value::Object(section) => {
                    flat.insert(path.clone(), json!({}));
                    waiting.extend(section.iter().map(|(name, value)| (format!("{path}/{name}"), value)));
                }
                value => drop(flat.insert(path, value.clone())),
            }
        }
        flat
    }

    proptest! {
        #[test]
        fn a_merge_is_that_of_flat_places(base in trees(), over in trees()) {
            let mut merged = base.clone();
            merge(&mut merged, over.clone());
            let over = flat(&over);
            let mut expected = flat(&base);
            // What the upper layer says is no section has nothing of the lower one below it, and what the lower one says is
            // none has nothing of it left once the upper one has a section there.
            expected.retain(|path, _| {
                !over.iter().any(|(place, value)| !value.is_object() && path.starts_with(&format!("{place}/")))
            });
            expected.extend(over);
            prop_assert_eq!(flat(&merged), expected);
        }

        #[test]
        fn differences_lead_from_one_tree_to_the_other(old in sections(), new in sections()) {
            let found = differences(&old, &new);
            prop_assert_eq!(found.is_empty(), old == new);
            let mut tree = old;
            apply(&mut tree, found.iter().map(|found| (&found.place, found.now.as_ref())));
            prop_assert_eq!(tree, new);
        }

        #[test]
        fn leaves_make_the_tree(tree in sections()) {
            let mut made = json!({});
            leaves(&tree).into_iter().for_each(|(place, value)| set(&mut made, &place, value.clone()));
            prop_assert_eq!(made, tree);
        }
    }
}

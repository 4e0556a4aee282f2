//! What layers ask of paths.

use crate::config::paths::tree::at;
pub(super) use crate::config::paths::{Path as Place, Segment as Step};
use serde_json::Value;

/// These levels, from the root on.
pub(super) fn place_of(steps: impl IntoIterator<Item = Step>) -> Place {
    let mut place = Place::root();
    steps.into_iter().for_each(|step| place.push(step));
    place
}

/// `inner` seen from `outer`, inside which it lies.
pub(super) fn below(inner: &Place, outer: &Place) -> Place {
    place_of(inner.segments().iter().skip(outer.segments().len()).cloned())
}

/// `inner` from the root on, where it is seen from `outer`.
pub(super) fn joined(outer: &Place, inner: &Place) -> Place {
    place_of(outer.segments().iter().chain(inner.segments()).cloned())
}

/// Up to the first list of a tree on the way: what a layer replaces as a whole.
pub(super) fn before_lists(place: &Place, tree: &Value) -> Place {
    let mut outer = Place::root();
    for step in place.segments() {
        if matches!(step, Step::Index(_)) || at(tree, &outer).is_some_and(Value::is_array) {
            break;
        }
        outer.push(step.clone());
    }
    outer
}

//! Names that the config does not have.

use super::nearest::nearest;
use super::pattern::Patterns;
use super::place::{Place, Step};
use serde_json::Value;

/// A name that is not known, and a known one that is like it.
#[derive(Debug, PartialEq)]
pub(super) struct Stranger {
    pub(super) place: Place,
    pub(super) nearest: Option<String>,
}

/// The outermost names of a layer that none of the known trees has: the defaults, and what was made of all layers.
pub(super) fn strangers(layer: &Value, known: &[&Value], accepted: &Patterns) -> Vec<Stranger> {
    let mut found = Vec::new();
    look(layer, known, &mut Place::root(), accepted, &mut found);
    found
}

fn look(layer: &Value, known: &[&Value], place: &mut Place, accepted: &Patterns, found: &mut Vec<Stranger>) {
    match layer {
        Value::Object(section) => {
            let sections: Vec<_> = known.iter().filter_map(|known| known.as_object()).collect();
            if sections.is_empty() {
                return;
            }
            for (name, value) in section {
                let inner: Vec<&Value> = sections.iter().filter_map(|section| section.get(name)).collect();
                place.push(Step::Name(name.as_str().into()));
                if !inner.is_empty() {
                    look(value, &inner, place, accepted, found);
                } else if !accepted.meet(place) {
                    let names = sections.iter().flat_map(|section| section.keys().map(String::as_str));
                    let nearest = nearest(name, names).map(|nearest| {
                        let mut like = place.clone();
                        like.pop();
                        like.child(nearest).to_string()
                    });
                    found.push(Stranger { place: place.clone(), nearest });
                }
                place.pop();
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let elements = known.iter().filter_map(|known| known.as_array()?.get(index));
                place.push(Step::Index(index));
                look(value, &elements.collect::<Vec<_>>(), place, accepted, found);
                place.pop();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strangers_are_told_where_they_come_in() {
        let defaults = json!({"limits": {"orders": 5}, "extra": null, "list": []});
        let made = json!({"limits": {"orders": 7}, "extra": {"a": 1}, "list": [{"b": 1}]});
        let layer = json!({
            "limits": {"order": 7, "orders": 7}, "extra": {"a": 1, "c": 2}, "list": [{"b": 1, "d": 2}], "other": {"x": {"y": 1}},
        });
        let found = strangers(&layer, &[&defaults, &made], &Patterns::default());
        let found: Vec<_> =
            found.iter().map(|found| (found.place.to_string(), found.nearest.as_deref())).collect();
        let expected = [
            ("extra.c", Some("extra.a")),
            ("limits.order", Some("limits.orders")),
            ("list[0].d", Some("list[0].b")),
            ("other", None),
        ];
        assert_eq!(found, expected.map(|(place, nearest)| (place.to_owned(), nearest)));
    }
}

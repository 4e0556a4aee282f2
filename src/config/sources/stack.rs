//! The layers as they were read last: what they come to, and who says what.

use super::environment::Variables;
use super::layers::{apply, get, merge};
use super::origin::Origin;
use super::place::{Place, before_lists, below};
use super::text::Said;
use crate::sync::Arc;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// A file as it was read last.
#[derive(Clone, Debug)]
pub(super) struct FileLayer {
    /// As it was given to the builder.
    pub(super) file: Arc<Path>,
    /// None if there was none.
    pub(super) said: Option<Arc<Said>>,
    /// When it was last known to say so.
    pub(super) known: Instant,
}

/// All layers, lowest first: defaults, files, environment, overrides.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub(super) defaults: Arc<Value>,
    pub(super) files: Vec<FileLayer>,
    pub(super) variables: Option<Arc<Variables>>,
    pub(super) overrides: Overrides,
}

/// Values set while running, each at a place that has no other one inside; none: taken away.
pub(super) type Overrides = BTreeMap<Place, Option<Value>>;

impl Stack {
    /// What the defaults and the files come to.
    pub(super) fn below_environment(&self) -> Value {
        let mut tree = (*self.defaults).clone();
        let said = self.files.iter().filter_map(|layer| layer.said.as_ref());
        said.for_each(|said| merge(&mut tree, said.tree.clone()));
        tree
    }

    /// What all layers come to.
    pub(super) fn merged(&self) -> Value {
        let mut tree = self.below_overrides();
        apply(&mut tree, self.overrides.iter().map(|(place, now)| (place, now.as_ref())));
        tree
    }

    /// What all layers but the overrides come to.
    pub(super) fn below_overrides(&self) -> Value {
        let mut tree = self.below_environment();
        if let Some(variables) = &self.variables {
            merge(&mut tree, variables.tree());
        }
        tree
    }

    /// Who says what is in force at a place, or at the innermost one around it that anybody speaks of.
    pub(super) fn origin(&self, place: &Place) -> Origin {
        let merged = self.merged();
        let (mut outer, inner) = (before_lists(place, &merged), place);
        while !outer.is_root() && get(&merged, &outer).is_none() {
            outer.pop();
        }
        self.said_of(&outer, inner).into_iter().next_back().map_or(Origin::Defaults, |(origin, _)| origin)
    }

    /// What each layer says of a place, lowest first.
    pub(super) fn said(&self, place: &Place) -> Vec<(Origin, Option<Value>)> {
        self.said_of(place, place)
    }

    /// As `said`, but where a text stands is where `inner` does, if it is there.
    fn said_of(&self, place: &Place, inner: &Place) -> Vec<(Origin, Option<Value>)> {
        let mut said = Vec::new();
        if let Some(value) = get(&self.defaults, place) {
            said.push((Origin::Defaults, Some(value.clone())));
        }
        for FileLayer { file, said: layer, .. } in &self.files {
            let Some(layer) = layer else { continue };
            if let Some(value) = get(&layer.tree, place) {
                let position = layer.spot.as_ref().map(|spot| spot.nearest(inner));
                said.push((Origin::File { file: file.clone(), position }, Some(value.clone())));
            }
        }
        if let Some(variables) = &self.variables
            && let Some(variable) = variables.setter(place)
        {
            let value = get(&variables.tree(), place).cloned();
            said.push((Origin::Environment { variable: variable.clone() }, value));
        }
        let around = self.overrides.iter().rfind(|(set, _)| place.starts_with(set));
        if let Some((set, value)) = around {
            let value = value.as_ref().map(|value| get(value, &below(place, set)).cloned());
            match value {
                None => said.push((Origin::Override, None)),
                Some(None) => {}
                Some(value) => said.push((Origin::Override, value)),
            }
        } else if self.overrides.keys().any(|set| set.starts_with(place)) {
            said.push((Origin::Override, get(&self.merged(), place).cloned()));
        }
        said
    }
}

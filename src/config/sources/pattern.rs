//! Paths that a builder names, each with everything inside.

use super::place::Place;
use crate::config::paths::access::Pattern;

/// Any of several.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns(Vec<Pattern>);

impl Patterns {
    pub(super) fn add(&mut self, pattern: Pattern) {
        self.0.push(pattern);
    }

    pub(super) fn all_mut(&mut self) -> &mut Vec<Pattern> {
        &mut self.0
    }

    /// Whether a place is one of them or inside one.
    pub(super) fn cover(&self, place: &Place) -> bool {
        self.0.iter().any(|pattern| pattern.covers(place))
    }

    /// Whether a place is one of them, or inside one, or has one inside.
    pub(super) fn meet(&self, place: &Place) -> bool {
        self.0.iter().any(|pattern| pattern.meets(place))
    }
}

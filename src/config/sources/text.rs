//! From a text to a tree, whatever its format, within bounds.

use super::origin::Origin;
use super::place::{Place, Step};
use super::position::{Position, Spot};
use super::problem::Problem;
use crate::sync::Arc;
use serde_json::{Map, Value};
use std::path::Path;

/// How deep sections and lists may lie in each other.
pub(super) const DEEPEST: usize = 64;
/// How long the names of a path may be together.
const LONGEST_PATH: usize = 1_024;
/// Errors of one text that are told.
pub(super) const MOST_ERRORS: usize = 16;

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Json,
    #[cfg(feature = "yaml")]
    Yaml,
}

impl Format {
    /// By the extension of a file.
    pub(super) fn of(file: &Arc<Path>) -> Result<Self, Problem> {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "toml" => Ok(Self::Toml),
            "json" => Ok(Self::Json),
            #[cfg(feature = "yaml")]
            "yaml" | "yml" => Ok(Self::Yaml),
            #[cfg(not(feature = "yaml"))]
            "yaml" | "yml" => {
                let remedy = "YAML needs feature `yaml`";
                Err(Problem::UnknownFormat { file: file.clone(), remedy })
            }
            _ => {
                let remedy = "end it in .toml, .json, .yaml or .yml";
                Err(Problem::UnknownFormat { file: file.clone(), remedy })
            }
        }
    }
}

/// What a text says.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) tree: Value,
    /// None where the format does not tell.
    pub(super) spot: Option<Spot>,
}

/// A text that is being read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) file: &'a Arc<Path>,
    pub(super) text: &'a str,
    /// Bytes of the text, and of what it comes to.
    #[cfg_attr(
        not(feature = "yaml"),
        allow(dead_code, reason = "only aliases come to more than their text")
    )]
    pub(super) longest: usize,
}

impl Reading<'_> {
    /// The tree, which is a section, or all that is wrong.
    pub(super) fn read(&self, format: Format) -> Result<Said, Vec<Problem>> {
        let said = match format {
            Format::Toml => super::toml::read(self),
            Format::Json => super::json::read(self),
            #[cfg(feature = "yaml")]
            Format::Yaml => super::yaml::read(self),
        }?;
        // A text of nothing but comments says nothing.
        let tree = if said.tree.is_null() { Value::Object(Map::new()) } else { said.tree };
        let said = Said { tree, ..said };
        if !said.tree.is_object() {
            let reason = "the whole must be a section of names and values".to_owned();
            return Err(vec![Problem::Syntax { origin: self.at(Position::new(1, 1)), reason }]);
        }
        match self.outsized(&said) {
            Some(problem) => Err(vec![problem]),
            None => Ok(said),
        }
    }

    /// The first place that lies too deep, or has too long a path. Every reader has a bound of its own for its stack.
    fn outsized(&self, said: &Said) -> Option<Problem> {
        fn find(
            value: &Value,
            place: &mut Place,
            bytes: usize,
            found: &mut dyn FnMut(&Place, bool) -> Problem,
        ) -> Option<Problem> {
            if place.segments().len() > DEEPEST || bytes > LONGEST_PATH {
                return Some(found(place, bytes > LONGEST_PATH));
            }
            let mut inside = |step: Step, bytes, value| {
                place.push(step);
                let problem = find(value, place, bytes, found);
                place.pop();
                problem
            };
            match value {
                Value::Object(section) => section.iter().find_map(|(name, value)| {
                    inside(Step::Name(name.as_str().into()), bytes + name.len(), value)
                }),
                Value::Array(list) => list
                    .iter()
                    .enumerate()
                    .find_map(|(index, value)| inside(Step::Index(index), bytes, value)),
                _ => None,
            }
        }
        find(&said.tree, &mut Place::root(), 0, &mut |place, is_long| {
            let origin = self.origin(said.spot.as_ref().map(|spot| spot.nearest(place)));
            if !is_long {
                return Problem::TooDeep { origin, limit: DEEPEST };
            }
            let (what, remedy) = ("bytes of names in one path", "shorten them");
            Problem::TooMuch { origin, what, limit: LONGEST_PATH, remedy }
        })
    }

    pub(super) fn at(&self, position: Position) -> Origin {
        self.origin(Some(position))
    }

    pub(super) fn origin(&self, position: Option<Position>) -> Origin {
        Origin::File { file: self.file.clone(), position }
    }

    /// What a parser says against the text.
    pub(super) fn syntax(&self, position: Option<Position>, reason: &str) -> Problem {
        let origin = self.origin(position);
        if reason.contains("recurs") {
            return Problem::TooDeep { origin, limit: DEEPEST };
        }
        Problem::Syntax { origin, reason: super::one_line(reason) }
    }

    pub(super) fn unsupported(
        &self,
        position: Position,
        place: &Place,
        what: &'static str,
        remedy: &'static str,
    ) -> Problem {
        Problem::Unsupported { origin: self.at(position), path: place.to_string(), what, remedy }
    }
}

/// What is to be written in place of what no JSON number says.
pub(super) const FINITE: &str = "write a finite number";

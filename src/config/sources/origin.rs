//! Who says what a value is.

use super::position::Position;
use crate::sync::Arc;
use std::fmt;
use std::path::Path;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The defaults that the program has.
    Defaults,
    /// A file.
    File {
        /// As it was given to the builder.
        file: Arc<Path>,
        /// Where in it, if the format tells: TOML and JSON do, YAML does for what does not parse.
        position: Option<Position>,
    },
    /// A variable of the environment.
    Environment {
        /// Its name.
        variable: Arc<str>,
    },
    /// A change while running.
    Override,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("defaults"),
            Self::File { file, position: None } => f.write_str(&shown(file)),
            Self::File { file, position: Some(position) } => write!(f, "{}:{position}", shown(file)),
            Self::Environment { variable } => f.write_str(&super::one_line(variable)),
            Self::Override => f.write_str("run-time override"),
        }
    }
}

/// A path in one line.
pub(super) fn shown(path: &Path) -> String {
    super::one_line(&path.to_string_lossy())
}

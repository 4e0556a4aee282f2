//! What can be known of a sourced config: what a reload did, who says what, how the sources are.

use super::origin::Origin;
use super::problem::{LoadError, Problem};
use crate::Revision;
use crate::sync::Arc;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// What became of what the sources say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// What is current.
    pub revision: Revision,
    /// The paths whose values are others than before; nothing: no new revision was made.
    pub changed: Vec<String>,
    /// The paths whose values in the sources take effect at a restart only: those in force are others.
    pub needs_restart: Vec<String>,
    /// The names that the config does not have.
    pub unknown: Vec<Problem>,
    /// Whether what the sources said before was refused.
    pub recovered: bool,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revision {}: ", self.revision)?;
        match &self.changed[..] {
            [] => f.write_str("nothing changed")?,
            changed => write!(f, "changed {}", changed.join(", "))?,
        }
        if !self.needs_restart.is_empty() {
            write!(f, "; waiting for a restart: {}", self.needs_restart.join(", "))?;
        }
        self.unknown.iter().try_for_each(|unknown| write!(f, "; {unknown}"))
    }
}

/// Why a value is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Why {
    /// Where it lies.
    pub path: String,
    /// What is in force, as JSON, shortened; nothing if there is no such value. Secrets are not shown.
    pub value: Option<String>,
    /// What each layer says, lowest first: the last one holds, unless it waits for a restart.
    pub said: Vec<Said>,
    /// Whether the last layer's word takes effect at a restart only, and is another one than what is in force.
    pub needs_restart: bool,
}

/// What a layer says of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// Which layer, and where in it.
    pub origin: Origin,
    /// The value, as JSON, shortened; nothing if it takes the value away. Secrets are not shown.
    pub value: Option<String>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{} = {}", self.path, shown(&self.value))?;
        for (at, Said { origin, value }) in self.said.iter().rev().enumerate() {
            let holds = at == 0 && !self.needs_restart;
            let word = if holds {
                "from"
            } else if at == 0 {
                "at a restart, from"
            } else {
                "over"
            };
            write!(f, "{} {word} {origin}", if at == 0 { "" } else { "," })?;
            if !holds {
                write!(f, " = {}", shown(value))?;
            }
        }
        Ok(())
    }
}

/// How the sources are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourcesStatus {
    /// Why what the sources say now was not taken. What was in force before still is.
    pub last_error: Option<Arc<LoadError>>,
    /// For how long that has been so.
    pub failing_for: Option<Duration>,
    /// The files, in the order of their layers.
    pub files: Vec<FileStatus>,
    /// The paths that are set while running.
    pub overrides: Vec<String>,
    /// The paths whose values in the sources take effect at a restart only.
    pub needs_restart: Vec<String>,
    /// The names that the config does not have.
    pub unknown: Vec<Problem>,
    /// How often sources were read and taken, also where nothing had changed, beside the start.
    pub reloads: u64,
    /// How often they were read and refused.
    pub refusals: u64,
}

/// How a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStatus {
    /// Which.
    pub file: Arc<Path>,
    /// Whether there was one when it was taken last.
    pub is_there: bool,
    /// How long ago what is in force was last found to be what it says.
    pub age: Duration,
    /// How long ago that may be.
    pub max_age: Option<Duration>,
}

impl FileStatus {
    /// Whether it is older than it may be.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.max_age.is_some_and(|most| self.age > most)
    }
}

/// Something that happened to the sources of a config, told to their observer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum SourceNotice<'a> {
    /// They were read and taken.
    Reloaded(&'a Reloaded),
    /// They were read and refused: what was in force stays.
    Refused(&'a LoadError),
    /// What a file says has been in force for longer than it may be without having been found there. Told once, until the
    /// file is found right again.
    Stale(&'a FileStatus),
}

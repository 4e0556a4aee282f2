//! What speaks against what the sources say.

use super::origin::{Origin, shown};
use crate::config::Violation;
use crate::sync::Arc;
use crate::{Diagnostic, Retry, Severity};
use std::fmt;
use std::path::Path;
use thiserror::Error;

/// How many problems a message spells out; it counts the others.
const SPELLED: usize = 16;

/// One thing that speaks against what the sources say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system does not give the file.
    #[error(
        "config file `{}` cannot be read ({reason}): create it, or declare it as `optional_file`",
        shown(file)
    )]
    Unreadable {
        /// Which.
        file: Arc<Path>,
        /// What the system says.
        reason: String,
    },
    /// There is a folder, a pipe or a device in its place.
    #[error("config file `{}` is no regular file: name one that can be read again", shown(file))]
    NotAFile {
        /// Which.
        file: Arc<Path>,
    },
    /// It is longer than a file may be.
    #[error(
        "config file `{}` is longer than {limit} bytes: shorten it, or raise `longest_file`",
        shown(file)
    )]
    TooLong {
        /// Which.
        file: Arc<Path>,
        /// How long it may be.
        limit: usize,
    },
    /// It is no text.
    #[error("{origin}: the text is no UTF-8: save it as UTF-8")]
    NotText {
        /// Where the first byte that is none stands.
        origin: Origin,
    },
    /// Its name does not tell its format.
    #[error("config file `{}` has a name that tells no format: {remedy}", shown(file))]
    UnknownFormat {
        /// Which.
        file: Arc<Path>,
        /// What would.
        remedy: &'static str,
    },
    /// The text does not follow the rules of its format.
    #[error("{origin}: {reason}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What is wrong.
        reason: String,
    },
    /// Sections or lists lie deeper in each other than they may.
    #[error("{origin}: nested deeper than {limit} levels: flatten it")]
    TooDeep {
        /// Where.
        origin: Origin,
        /// How many levels there may be.
        limit: usize,
    },
    /// A text says, or its aliases come to, more than it may.
    #[error("{origin}: comes to more than {limit} {what}: {remedy}")]
    TooMuch {
        /// Where.
        origin: Origin,
        /// What is counted.
        what: &'static str,
        /// How many there may be.
        limit: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// A name appears twice in one section.
    #[error("{origin}: `{path}` is there twice: keep one")]
    Duplicate {
        /// Where the second one stands.
        origin: Origin,
        /// What it names.
        path: String,
    },
    /// The format can say it, but a config cannot hold it.
    #[error("{origin}: `{path}` is {what}, which a config cannot hold: {remedy}")]
    Unsupported {
        /// Where.
        origin: Origin,
        /// What it is the value of.
        path: String,
        /// What it is.
        what: &'static str,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The prefix of the environment's variables cannot be one.
    #[error(
        "environment prefix `{prefix}` must be capital letters, digits and single `_` between them, such as APP"
    )]
    Prefix {
        /// As it was given.
        prefix: String,
    },
    /// A variable has the prefix, but names no path.
    #[error("environment variable `{variable}` {reason}: {remedy}")]
    Variable {
        /// Its name, as far as it is text.
        variable: String,
        /// What is wrong with it.
        reason: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Two variables say different things of one place.
    #[error("environment variable `{variable}` contradicts `{other}` on `{path}`: unset one")]
    Contradiction {
        /// One of them.
        variable: String,
        /// The other.
        other: String,
        /// Where they meet.
        path: String,
    },
    /// A variable's text is not of the type that its place has.
    #[error("environment variable `{variable}` is no {expected} for `{path}`: correct it, or unset it")]
    VariableType {
        /// Its name.
        variable: String,
        /// What it sets.
        path: String,
        /// What its text should be.
        expected: &'static str,
    },
    /// A value has another type than the config has there, or is missing.
    #[error("{}: {reason} (set by {origin})", or_whole(path))]
    Mistyped {
        /// Where it lies.
        path: String,
        /// What was found and what was expected; without the value, if that is secret.
        reason: String,
        /// Who says it.
        origin: Origin,
    },
    /// The config has no such name.
    #[error("{origin}: unknown key `{path}`{}", maybe(nearest.as_deref()))]
    Unknown {
        /// Where it lies.
        path: String,
        /// Who says it.
        origin: Origin,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// The value speaks against itself.
    #[error("{violation}{}", set_by(origin.as_ref()))]
    Violated {
        /// What it says.
        violation: Box<Violation>,
        /// Who set what it speaks of, if that is a path.
        origin: Option<Origin>,
    },
    /// A text is no path, or none that the config has.
    #[error("`{path}` is no path of this config: {reason}")]
    Path {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is to be set while running takes effect at a restart only.
    #[error("`{path}` takes effect at a restart only: change it in a file or the environment")]
    NeedsRestart {
        /// Where it lies.
        path: String,
    },
    /// The config's value cannot be serialised, so nothing can be laid over it.
    #[error("config cannot be serialised ({reason}): give it fields that JSON can hold")]
    NotSerialised {
        /// What is in the way.
        reason: String,
    },
    /// The call came from inside an update or a reload of the same config.
    #[error(
        "config sources asked from inside an update or a reload of the same config: ask after it has returned"
    )]
    Nested,
    /// The config did not take the value for another reason.
    #[error("{message}")]
    Refused {
        /// The code of what it says.
        code: &'static str,
        /// What it says.
        message: String,
        /// Whether it may take it later.
        retry: Retry,
    },
    /// Code of the config panicked: the way it is read, or its rules.
    #[error("config panicked while it was read or validated ({message}): correct its code")]
    Panicked {
        /// What it said.
        message: String,
    },
}

impl Problem {
    pub(super) fn no_path(path: &str, reason: impl fmt::Display) -> Self {
        Self::Path { path: super::one_line(path), reason: reason.to_string() }
    }
}

fn or_whole(path: &str) -> &str {
    if path.is_empty() { "the whole" } else { path }
}

fn set_by(origin: Option<&Origin>) -> String {
    origin.map(|origin| format!(" (set by {origin})")).unwrap_or_default()
}

fn maybe(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

impl Diagnostic for Problem {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "config.source.unreadable",
            Self::NotAFile { .. } => "config.source.not_a_file",
            Self::TooLong { .. } => "config.source.too_long",
            Self::NotText { .. } => "config.source.not_text",
            Self::UnknownFormat { .. } => "config.source.unknown_format",
            Self::Syntax { .. } => "config.source.syntax",
            Self::TooDeep { .. } => "config.source.too_deep",
            Self::TooMuch { .. } => "config.source.too_much",
            Self::Duplicate { .. } => "config.source.duplicate",
            Self::Unsupported { .. } => "config.source.unsupported",
            Self::Prefix { .. } => "config.environment.prefix",
            Self::Variable { .. } => "config.environment.variable",
            Self::Contradiction { .. } => "config.environment.contradiction",
            Self::VariableType { .. } => "config.environment.type",
            Self::Mistyped { .. } => "config.source.mistyped",
            Self::Unknown { .. } => "config.source.unknown_key",
            Self::Violated { .. } => "config.source.violated",
            Self::Path { .. } => "config.source.path",
            Self::NeedsRestart { .. } => "config.source.needs_restart",
            Self::NotSerialised { .. } => "config.source.not_serialised",
            Self::Nested => "config.source.nested",
            Self::Refused { code, .. } => code,
            Self::Panicked { .. } => "config.source.panicked",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Unreadable { .. } => Retry::Later,
            Self::Refused { retry, .. } => *retry,
            _ => Retry::Never,
        }
    }
}

/// Why what the sources say was not taken: everything that speaks against it. What was in force stays in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    problems: Vec<Problem>,
}

impl LoadError {
    /// Of at least one.
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Everything that speaks against it, in the order of the layers.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for LoadError {
    fn from(problem: Problem) -> Self {
        Self::new(vec![problem])
    }
}

/// All of them in one line; beyond sixteen the others are counted.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("config not loaded for 1 reason: ")?,
            count => write!(f, "config not loaded for {count} reasons: ")?,
        }
        for (at, problem) in self.problems.iter().take(SPELLED).enumerate() {
            write!(f, "{}{problem}", if at == 0 { "" } else { "; " })?;
        }
        match self.problems.len().saturating_sub(SPELLED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for LoadError {}

impl Diagnostic for LoadError {
    fn code(&self) -> &'static str {
        "config.source.not_loaded"
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        let later = self.problems.iter().any(|problem| problem.retry().is_worthwhile());
        if later { Retry::Later } else { Retry::Never }
    }
}

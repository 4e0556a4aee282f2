//! Why a path leads nowhere, and why something must not be put there.

use super::path::Path;
use crate::config::UpdateError;
use crate::config::validate::one_line;
use crate::{Diagnostic, Retry, Severity};
use std::fmt;
use thiserror::Error;

/// Characters of a text at fault that are shown.
const SHOWN: usize = 40;

/// Why a text is no [`Path`]. Where something is in the text is said as a byte, counted from 0; a message says the column,
/// one more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathSyntaxError {
    /// More text than is looked at.
    #[error("path has {bytes} bytes, over {limit}: name something that lies higher, or shorten its names")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have: [`Path::LONGEST_TEXT`].
        limit: usize,
    },
    /// More levels than are followed.
    #[error("path goes deeper at column {}, over {limit} levels: name something that lies higher", at + 1)]
    TooDeep {
        /// Where the level begins that is one too many.
        at: usize,
        /// How many there may be: [`Path::DEEPEST`].
        limit: usize,
    },
    /// Something else was expected.
    #[error("path has {} at column {}: write {expected}", Found(found), at + 1)]
    Unexpected {
        /// Where it begins.
        at: usize,
        /// The text at fault, or the beginning of it; empty at the end of the text.
        found: String,
        /// What was expected in its place.
        expected: &'static str,
    },
    /// A quote or a bracket without a second one.
    #[error("path has a quote or a bracket at column {} that nothing ends: close it", at + 1)]
    Unclosed {
        /// Where it is.
        at: usize,
    },
}

impl PathSyntaxError {
    #[cold]
    pub(super) fn too_long(bytes: usize) -> Self {
        Self::TooLong { bytes, limit: Path::LONGEST_TEXT }
    }

    #[cold]
    pub(super) fn too_deep(at: usize) -> Self {
        Self::TooDeep { at, limit: Path::DEEPEST }
    }

    #[cold]
    pub(super) fn unexpected(at: usize, found: &str, expected: &'static str) -> Self {
        Self::Unexpected { at, found: found.chars().take(SHOWN).collect(), expected }
    }
}

impl Diagnostic for PathSyntaxError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "config.path.too_long",
            Self::TooDeep { .. } => "config.path.too_deep",
            Self::Unexpected { .. } => "config.path.unexpected",
            Self::Unclosed { .. } => "config.path.unclosed",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// What was found, in one line.
struct Found<'a>(&'a str);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("nothing more") } else { write!(f, "`{}`", self.0.escape_debug()) }
    }
}

/// A path as messages show it.
pub(super) struct Shown<'a>(pub(super) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_root() { f.write_str("(root)") } else { self.0.fmt(f) }
    }
}

/// How many names or reasons a message spells out; it counts the others.
const SPELLED: usize = 16;
/// How much of a value a message shows, in characters.
const SHOWN_OF_VALUE: usize = 80;

/// Why something at a path of a config was not read, or must not be put there. No message holds a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// The config was built without paths.
    #[error("config has no paths: build it with `Builder::paths`")]
    NotOffered,
    /// The text is no path.
    #[error(transparent)]
    Syntax(#[from] PathSyntaxError),
    /// There is no such entry.
    #[error("config has no `{}`: in {} there {}", Shown(path), Place(known), Names(there, *more))]
    Unknown {
        /// What was asked for.
        path: Path,
        /// As far as it leads.
        known: Path,
        /// The names of what is there, sixteen at most.
        there: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// There is no such element.
    #[error("config has no `{}`: {} has {} counted from 0", Shown(path), Place(list), Elements(*length))]
    NoSuchElement {
        /// What was asked for.
        path: Path,
        /// The list.
        list: Path,
        /// How many elements it has.
        length: usize,
    },
    /// The path leads through what has no parts.
    #[error(
        "config has no `{}`: {} is {found} and has no parts, so name it alone",
        Shown(path),
        Place(scalar)
    )]
    ThroughScalar {
        /// What was asked for.
        path: Path,
        /// What has no parts.
        scalar: Path,
        /// What that is.
        found: &'static str,
    },
    /// What is there is a secret, or holds one.
    #[error(
        "config does not read out `{}`, which is or holds a secret: take it from the value itself",
        Shown(path)
    )]
    Secret {
        /// What was asked for.
        path: Path,
    },
    /// A mark in place of a secret was given for what is not that secret, as far as that can be known.
    #[error(
        "config does not know which secret the mark at `{}` stands for: give the secret itself",
        Shown(path)
    )]
    UnknownMark {
        /// Where.
        path: Path,
    },
    /// What is to change may not, while running.
    #[error(
        "config may not change `{}` while running: allow it with `Paths::writable`, or start with it",
        Shown(path)
    )]
    NotWritable {
        /// What would change.
        path: Path,
    },
    /// The value there is of another type.
    #[error("config has {} at `{}`, where {expected} is expected", Value(found), Shown(path))]
    WrongType {
        /// Where.
        path: Path,
        /// What is expected there.
        expected: String,
        /// What was found there, shortened; none if it is secret.
        found: Option<String>,
    },
    /// The number there is outside of what its type can hold.
    #[error("config has {} at `{}`, out of the range of {expected}", Value(found), Shown(path))]
    OutOfRange {
        /// Where.
        path: Path,
        /// What is expected there.
        expected: String,
        /// What was found there; none if it is secret.
        found: Option<String>,
    },
    /// The value there was refused by its type.
    #[error("config does not take what is at `{}`: {}", Shown(path), Reason(reason))]
    Unfit {
        /// Where.
        path: Path,
        /// What its type says; none if that may hold a secret.
        reason: Option<String>,
    },
    /// The value cannot be shown as a tree.
    #[error("config cannot be read by paths: {}", Reason(reason))]
    NoTree {
        /// What its type says; none if that may hold a secret.
        reason: Option<String>,
    },
}

impl PathError {
    /// What it is about, if that was a path.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::NotOffered | Self::Syntax(_) | Self::NoTree { .. } => None,
            Self::Unknown { path, .. }
            | Self::NoSuchElement { path, .. }
            | Self::ThroughScalar { path, .. }
            | Self::Secret { path }
            | Self::UnknownMark { path }
            | Self::NotWritable { path }
            | Self::WrongType { path, .. }
            | Self::OutOfRange { path, .. }
            | Self::Unfit { path, .. } => Some(path),
        }
    }

    /// The first names of those that are there.
    #[cold]
    pub(super) fn unknown<'n>(
        path: Path,
        known: Path,
        names: impl ExactSizeIterator<Item = &'n String>,
    ) -> Self {
        let more = names.len().saturating_sub(SPELLED);
        let there = names.take(SPELLED).map(|name| shortened(name)).collect();
        Self::Unknown { path, known, there, more }
    }

    /// What serde says of a value at `path`; `is_hidden`: no part of that value may be shown.
    #[cold]
    pub(super) fn refused(path: Path, message: &str, is_hidden: bool) -> Self {
        let rest = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
        let Some((found, expected)) = rest.and_then(|rest| rest.rsplit_once(", expected ")) else {
            let reason = (!is_hidden || names_only(message)).then(|| shortened(message));
            return Self::Unfit { path, reason };
        };
        let is_number = message.starts_with("invalid value: ")
            && (found.starts_with("integer `") || found.starts_with("floating point `"));
        let (found, expected) = ((!is_hidden).then(|| shortened(found)), shortened(expected));
        match is_number {
            true => Self::OutOfRange { path, expected, found },
            false => Self::WrongType { path, expected, found },
        }
    }
}

/// What is missing, or not known, is told by its name.
fn names_only(message: &str) -> bool {
    message.starts_with("missing field `")
}

/// In one line and bounded.
pub(super) fn shortened(text: &str) -> String {
    let cut = text.char_indices().nth(SHOWN_OF_VALUE).map_or(text, |(end, _)| &text[..end]);
    let mut line = one_line(cut);
    if cut.len() < text.len() {
        line.push_str("...");
    }
    line
}

impl Diagnostic for PathError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOffered => "config.path.not_offered",
            Self::Syntax(error) => error.code(),
            Self::Unknown { .. } => "config.path.unknown",
            Self::NoSuchElement { .. } => "config.path.no_such_element",
            Self::ThroughScalar { .. } => "config.path.through_scalar",
            Self::Secret { .. } => "config.path.secret",
            Self::UnknownMark { .. } => "config.path.unknown_mark",
            Self::NotWritable { .. } => "config.path.not_writable",
            Self::WrongType { .. } => "config.path.wrong_type",
            Self::OutOfRange { .. } => "config.path.out_of_range",
            Self::Unfit { .. } => "config.path.unfit",
            Self::NoTree { .. } => "config.path.no_tree",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// A path in a sentence.
struct Place<'a>(&'a Path);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_root() { f.write_str("the root") } else { write!(f, "`{}`", self.0) }
    }
}

/// How many there are.
struct Elements(usize);

impl fmt::Display for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 element,"),
            count => write!(f, "{count} elements,"),
        }
    }
}

/// What is there, by name.
struct Names<'a>(&'a [String], usize);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => return f.write_str("is nothing"),
            [name] => return write!(f, "is {name}"),
            [first, others @ ..] => {
                write!(f, "are {first}")?;
                others.iter().try_for_each(|name| write!(f, ", {name}"))?;
            }
        }
        if self.1 > 0 { write!(f, " and {} more", self.1) } else { Ok(()) }
    }
}

/// A value that was found, or that it is secret.
struct Value<'a>(&'a Option<String>);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("a secret"))
    }
}

/// What a type says, or that it is not told.
struct Reason<'a>(&'a Option<String>);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("why is not shown, for secrets may be in it"))
    }
}

/// Everything that speaks against a change by paths. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    reasons: Vec<PathError>,
}

impl Refused {
    pub(super) fn new(reasons: Vec<PathError>) -> Self {
        Self { reasons }
    }

    /// What speaks against it, one for each path.
    #[must_use]
    pub fn reasons(&self) -> &[PathError] {
        &self.reasons
    }
}

impl From<PathError> for Refused {
    fn from(reason: PathError) -> Self {
        Self::new(vec![reason])
    }
}

/// All of them in one line; beyond sixteen the others are counted.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reasons.len() {
            1 => f.write_str("config change refused for 1 reason: ")?,
            count => write!(f, "config change refused for {count} reasons: ")?,
        }
        for (index, reason) in self.reasons.iter().take(SPELLED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{reason}")?;
        }
        match self.reasons.len().saturating_sub(SPELLED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Refused {}

impl Diagnostic for Refused {
    fn code(&self) -> &'static str {
        "config.patch.refused"
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why a change by paths did not happen. In every case nothing changed.
#[non_exhaustive]
pub enum PatchError<T> {
    /// Something speaks against the paths, or against the values for their types.
    Refused(Refused),
    /// Anything else: above all what the new value as a whole says of itself.
    Update(UpdateError<T>),
}

impl<T> From<Refused> for PatchError<T> {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl<T> From<PathError> for PatchError<T> {
    fn from(reason: PathError) -> Self {
        Self::Refused(reason.into())
    }
}

impl<T> From<UpdateError<T>> for PatchError<T> {
    fn from(error: UpdateError<T>) -> Self {
        Self::Update(error)
    }
}

impl<T> fmt::Display for PatchError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Update(error) => error.fmt(f),
        }
    }
}

impl<T> fmt::Debug for PatchError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Update(error) => error.fmt(f),
        }
    }
}

impl<T> std::error::Error for PatchError<T> {}

impl<T: Send + Sync + 'static> Diagnostic for PatchError<T> {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Update(error) => error.code(),
        }
    }
    fn severity(&self) -> Severity {
        match self {
            Self::Refused(refused) => refused.severity(),
            Self::Update(error) => error.severity(),
        }
    }
    fn retry(&self) -> Retry {
        match self {
            Self::Refused(refused) => refused.retry(),
            Self::Update(error) => error.retry(),
        }
    }
}

//! Why words are no section of events.

use crate::error::{Diagnostic, Retry, Severity};
use thiserror::Error;

/// Why the events of a file cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SectionError {
    /// It does not begin as a section of events does.
    #[error(
        "events begin with {found:#018x}, which is no section of events: give a file that a deck of this byte order wrote"
    )]
    NoSection {
        /// The first word.
        found: u64,
    },
    /// Another version of Flightdeck wrote it.
    #[error(
        "events are of format version {found}, and this build reads version {known}: read them with the build that wrote them"
    )]
    Version {
        /// That of the section.
        found: u64,
        /// That of this build.
        known: u64,
    },
    /// It is cut off.
    #[error(
        "events have {words} words, and their head speaks of {needed}: the file was cut off or damaged, copy it whole"
    )]
    TooShort {
        /// What is there.
        words: u64,
        /// What there would have to be.
        needed: u64,
    },
    /// A size that no store has.
    #[error(
        "events have {value} for {field}, where the limit is {limit}: the file is damaged, or no deck wrote it"
    )]
    Field {
        /// Which one.
        field: &'static str,
        /// What it says.
        value: u64,
        /// What is possible.
        limit: u64,
    },
    /// They are stamped by a clock of a sort that this build does not know.
    #[error(
        "events are stamped by a clock of a sort that this build does not know: read them with the build that wrote them"
    )]
    Clock,
}

impl Diagnostic for SectionError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSection { .. } => "events.section.none",
            Self::Version { .. } => "events.section.version",
            Self::TooShort { .. } => "events.section.too_short",
            Self::Field { .. } => "events.section.field",
            Self::Clock => "events.section.clock",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

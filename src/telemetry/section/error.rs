//! Why words are no section of telemetry.

use crate::error::{Diagnostic, Retry, Severity};
use thiserror::Error;

/// Why the telemetry of a file cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SectionError {
    /// It does not begin as a section of telemetry does.
    #[error(
        "telemetry begins with {found:#018x}, which is no section of telemetry: give a file that a deck of this byte order wrote"
    )]
    NoSection {
        /// The first word.
        found: u64,
    },
    /// Another version of Flightdeck wrote it.
    #[error(
        "telemetry is of format version {found}, and this build reads version {known}: read it with the build that wrote it"
    )]
    Version {
        /// That of the section.
        found: u64,
        /// That of this build.
        known: u64,
    },
    /// It is cut off.
    #[error(
        "telemetry has {words} words, and its head speaks of {needed}: the file was cut off or damaged, copy it whole"
    )]
    TooShort {
        /// What is there.
        words: u64,
        /// What there would have to be.
        needed: u64,
    },
    /// A size that no telemetry has.
    #[error(
        "telemetry has {value} for {field}, where the limit is {limit}: the file is damaged, or no deck wrote it"
    )]
    Field {
        /// Which one.
        field: &'static str,
        /// What it says.
        value: u64,
        /// What is possible.
        limit: u64,
    },
}

impl Diagnostic for SectionError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSection { .. } => "telemetry.section.none",
            Self::Version { .. } => "telemetry.section.version",
            Self::TooShort { .. } => "telemetry.section.too_short",
            Self::Field { .. } => "telemetry.section.field",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

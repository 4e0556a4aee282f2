//! Why a part of a file cannot be read.

use crate::error::{Diagnostic, Retry, Severity};
use thiserror::Error;

/// Why a part of a [recording](crate::Recording) is not to be had, though others are.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartError {
    /// It is not in the file.
    #[error(
        "the file has no {part}: read the file of a whole deck, made by `Flightdeck::builder().mapped(..)`"
    )]
    Absent {
        /// Which part.
        part: &'static str,
    },
    /// Another version wrote it.
    #[error(
        "{part} of the file are of format {found}, and this build reads {known}: read them with the build that wrote them"
    )]
    Version {
        /// Which part.
        part: &'static str,
        /// The version of its format.
        found: u32,
        /// The one that this build reads.
        known: u32,
    },
    /// It has a length that no deck gives it.
    #[error(
        "{part} of the file have {words} words, which no deck gives them: the file is damaged, take another copy"
    )]
    Length {
        /// Which part.
        part: &'static str,
        /// Its length.
        words: usize,
    },
    /// It was replaced again and again while it was read.
    #[error("{part} of the file change all the time: try again")]
    Busy {
        /// Which part.
        part: &'static str,
    },
}

impl Diagnostic for PartError {
    fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "hub.recording.absent",
            Self::Version { .. } => "hub.recording.version",
            Self::Length { .. } => "hub.recording.length",
            Self::Busy { .. } => "hub.recording.busy",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Busy { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

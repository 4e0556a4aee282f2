//! Why a part of a file cannot be read.

use crate::error::{Diagnostic, Retry, Severity};
use crate::mapped::CreateError;
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

/// Why a deck wrote no [copy](crate::Flightdeck::dump) of itself. It goes on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DumpError {
    /// Its parts lie where they happened to find memory.
    #[error(
        "the deck has no layout that can be copied to a file: build it with `dump_to(..)`, or `mapped(..)`"
    )]
    NoLayout,
    /// This process is a child of the one that built the deck, which alone can copy it.
    #[error("this process is a fork of the deck's: call `dump` in the process that built the deck")]
    Forked,
    /// The file cannot be made, or written.
    #[error(transparent)]
    File(CreateError),
}

impl Diagnostic for DumpError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoLayout => "hub.dump.no_layout",
            Self::Forked => "hub.dump.forked",
            Self::File(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::File(error) => error.retry(),
            _ => Retry::Never,
        }
    }
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

//! Why a file is no recording.

use crate::error::{Diagnostic, Retry, Severity};
use crate::events::section::SectionError;
use crate::mapped::OpenError;
use std::path::PathBuf;
use thiserror::Error;

/// Why the events of a file cannot be asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingError {
    /// It is no deck's, or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There are no events in it.
    #[error("`{}` has no events in it: name the file of a deck that keeps them there", path.to_string_lossy().escape_debug())]
    NoEvents {
        /// The file.
        path: PathBuf,
    },
    /// The events in it make no sense.
    #[error(transparent)]
    Section(#[from] SectionError),
}

impl Diagnostic for RecordingError {
    fn code(&self) -> &'static str {
        match self {
            Self::Open(error) => error.code(),
            Self::NoEvents { .. } => "events.recording.no_events",
            Self::Section(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Open(error) => error.retry(),
            _ => Retry::Never,
        }
    }
}

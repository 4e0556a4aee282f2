//! Why a file is no recording.

use crate::error::{Diagnostic, Retry, Severity};
use crate::mapped::OpenError;
use crate::telemetry::SectionError;
use std::path::PathBuf;
use thiserror::Error;

/// Why the telemetry of a file cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingError {
    /// It is no deck's, or cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no telemetry in it.
    #[error("`{}` has no telemetry in it: name the file of a deck that keeps it there", path.to_string_lossy().escape_debug())]
    NoTelemetry {
        /// The file.
        path: PathBuf,
    },
    /// The telemetry in it makes no sense.
    #[error(transparent)]
    Section(#[from] SectionError),
}

impl Diagnostic for RecordingError {
    fn code(&self) -> &'static str {
        match self {
            Self::Open(error) => error.code(),
            Self::NoTelemetry { .. } => "telemetry.recording.no_telemetry",
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

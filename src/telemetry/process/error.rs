//! What can go wrong when the system is asked about this process.

use crate::error::{Diagnostic, Retry, Severity};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why nothing is known about this process.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessError {
    /// This is not Linux.
    #[error("process statistics are read from Linux' /proc, and this is {system}: do without them here")]
    Unsupported {
        /// The system.
        system: &'static str,
    },
    /// A file could not be read.
    #[error("{}: not readable ({kind}): mount proc there, or let this process read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// A file lacks a field, or has something else in its place.
    #[error(
        "{}: field `{field}` is missing or no number in range: give a proc as Linux writes it",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The field, named as in proc(5).
        field: &'static str,
    },
    /// A file has no end in sight.
    #[error("{}: more than {limit} bytes: give a proc as Linux writes it", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
}

impl Diagnostic for ProcessError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "telemetry.process.unsupported",
            Self::Unreadable { .. } => "telemetry.process.unreadable",
            Self::Malformed { .. } => "telemetry.process.malformed",
            Self::TooLong { .. } => "telemetry.process.too_long",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn retry(&self) -> Retry {
        match self {
            // No descriptor may be left for the moment.
            Self::Unreadable { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

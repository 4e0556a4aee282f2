//! What can go wrong when pressure is read or watched.

use crate::error::{Diagnostic, Retry, Severity};
use crate::telemetry::ProcessError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why nothing is known about memory and its limits.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PressureError {
    /// This is not Linux.
    #[error(
        "memory pressure is read from Linux' /proc and cgroups, and this is {system}: do without it here"
    )]
    Unsupported {
        /// The system.
        system: &'static str,
    },
    /// A file could not be read.
    #[error("{}: not readable ({kind}): mount it there, or let this process read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// A file lacks a field, or has something else in its place.
    #[error("{}: field `{field}` is missing or no number in range: give the file as Linux writes it", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The field, named as in proc(5), or the file if it has but one value.
        field: &'static str,
    },
    /// A file has no end in sight.
    #[error("{}: more than {limit} bytes: give the file as Linux writes it", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
}

impl PressureError {
    /// Whether the file is not there, or belongs to what this kernel was started without.
    pub(super) fn is_absence(&self) -> bool {
        let absent = [io::ErrorKind::NotFound, io::ErrorKind::Unsupported];
        matches!(self, Self::Unreadable { kind, .. } if absent.contains(kind))
    }
}

impl From<ProcessError> for PressureError {
    fn from(error: ProcessError) -> Self {
        match error {
            ProcessError::Unsupported { system } => Self::Unsupported { system },
            ProcessError::Unreadable { path, kind } => Self::Unreadable { path, kind },
            ProcessError::Malformed { path, field } => Self::Malformed { path, field },
            ProcessError::TooLong { path, limit } => Self::TooLong { path, limit },
        }
    }
}

impl Diagnostic for PressureError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "telemetry.pressure.unsupported",
            Self::Unreadable { .. } => "telemetry.pressure.unreadable",
            Self::Malformed { .. } => "telemetry.pressure.malformed",
            Self::TooLong { .. } => "telemetry.pressure.too_long",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn retry(&self) -> Retry {
        match self {
            // A group may be on its way out, or no descriptor be left for the moment.
            Self::Unreadable { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

/// Why no watch was built.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum WatchError {
    /// A level would be left above where it is entered, or is entered at less than the one below it.
    #[error(
        "{measure} bands enter at {enter:?} and leave at {leave:?}: let both rise from level to level, within 0 to 1, and each leave below its enter"
    )]
    Bands {
        /// `memory` or `stalled`.
        measure: &'static str,
        /// Where levels are entered, `Elevated` first.
        enter: [f64; 3],
        /// Where they are left.
        leave: [f64; 3],
    },
    /// The dead band is none.
    #[error("dead band of {value}: give one from 0 to {}", Self::MOST_DEAD_BAND)]
    DeadBand {
        /// What was asked for.
        value: f64,
    },
}

impl WatchError {
    /// The widest dead band.
    pub const MOST_DEAD_BAND: f64 = 0.25;
}

impl Diagnostic for WatchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Bands { .. } => "telemetry.pressure.bands",
            Self::DeadBand { .. } => "telemetry.pressure.dead_band",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why the load has no such input.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// The name is in use.
    #[error("load input `{name}` is there already: clone its handle, or give this one another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// There are as many as there may be.
    #[error(
        "load input `{name}` is one too many: there are {} already; set one to the maximum of several",
        Self::MOST
    )]
    TooMany {
        /// The name.
        name: String,
    },
}

impl InputError {
    /// Inputs of one watch.
    pub const MOST: usize = 64;
}

impl Diagnostic for InputError {
    fn code(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "telemetry.pressure.input_taken",
            Self::TooMany { .. } => "telemetry.pressure.many_inputs",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

//! What can go wrong when a metric is registered. Updating one never fails.

use super::registry::MetricType;
use crate::error::{Diagnostic, Retry, Severity};
use thiserror::Error;

/// Why a metric was not registered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// No cells are left.
    #[error(
        "metric `{name}` needs {needed} cells, and {left} of {cells} are left: build the telemetry with more cells"
    )]
    NoRoom {
        /// The metric.
        name: String,
        /// What it takes.
        needed: usize,
        /// What there is.
        left: usize,
        /// What there was.
        cells: usize,
    },
    /// The name is taken by a metric of another type.
    #[error(
        "metric `{name}` is a {registered} already, and was asked for as a {asked}: give one of them another name"
    )]
    OtherType {
        /// The metric.
        name: String,
        /// What it is.
        registered: MetricType,
        /// What it was asked for as.
        asked: MetricType,
    },
    /// A name without a character.
    #[error("metric name is empty: give it one, such as `requests_total`")]
    EmptyName,
}

impl Diagnostic for RegisterError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoRoom { .. } => "telemetry.metric.no_room",
            Self::OtherType { .. } => "telemetry.metric.other_type",
            Self::EmptyName => "telemetry.metric.empty_name",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why no telemetry was built.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The system has no such amount of memory.
    #[error(
        "telemetry memory of {bytes} bytes could not be reserved: ask for fewer cells, threads or less memory"
    )]
    OutOfMemory {
        /// What was asked for.
        bytes: usize,
    },
}

impl Diagnostic for BuildError {
    fn code(&self) -> &'static str {
        "telemetry.memory.unavailable"
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Later
    }
}

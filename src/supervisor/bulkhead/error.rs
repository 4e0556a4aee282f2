//! Why a bulkhead cannot be as asked, and why nobody more gets in.

use crate::error::{Diagnostic, Retry, Severity};
use std::time::Duration;
use thiserror::Error;

/// The limit of a bulkhead makes no sense. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("bulkhead limit is {limit}, outside 1 to {most}: choose how many calls may run at once")]
#[non_exhaustive]
pub struct BulkheadLimitError {
    /// What was asked for.
    pub limit: u32,
    /// The most it can be.
    pub most: u32,
}

impl Diagnostic for BulkheadLimitError {
    fn code(&self) -> &'static str {
        "supervisor.bulkhead.limit"
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why a call was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnterError {
    /// As many calls run as may.
    #[error("bulkhead is full with {limit} calls: try again when one is over")]
    Full {
        /// How many may run.
        limit: u32,
    },
    /// It stayed full for as long as the caller would wait.
    #[error("bulkhead stayed full with {limit} calls for {waited:?}: wait longer, or try again later")]
    TimedOut {
        /// How many may run.
        limit: u32,
        /// How long the caller would wait.
        waited: Duration,
    },
}

impl Diagnostic for EnterError {
    fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "supervisor.bulkhead.full",
            Self::TimedOut { .. } => "supervisor.bulkhead.timed_out",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Warn
    }
    fn retry(&self) -> Retry {
        Retry::Later
    }
}

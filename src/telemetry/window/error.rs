//! What can go wrong when a window is made. Ticking and asking one never fail.

use crate::error::{Diagnostic, Retry, Severity};
use std::time::Duration;
use thiserror::Error;

/// Why there is no window.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowError {
    /// No slots, or too many.
    #[error(
        "a window of {slots} slots over `{metric}`: give it 1 to {}, longer ones if they are to reach further back",
        Self::MOST_SLOTS
    )]
    Slots {
        /// The metric, with its labels.
        metric: String,
        /// How many there were to be.
        slots: usize,
    },
    /// Slots that are too short or too long.
    #[error(
        "a window over `{metric}` with slots of {every:?}: let them last from {:?} to {:?}",
        Self::SHORTEST,
        Self::LONGEST
    )]
    Length {
        /// The metric, with its labels.
        metric: String,
        /// How long they were to last.
        every: Duration,
    },
    /// The metric could not be registered, and its handle counts nothing, nor does it know a name.
    #[error(
        "a window over a metric that could not be registered: ask for it by the form that returns an error, such as `try_counter`, which names it and says why"
    )]
    Refused,
    /// The metric belongs to another telemetry, whose ticks are others.
    #[error("a window over `{metric}`, a metric of another telemetry: ask that one for it")]
    OtherTelemetry {
        /// The metric, with its labels.
        metric: String,
    },
}

impl WindowError {
    /// Slots of a window.
    pub const MOST_SLOTS: usize = 65_536;
    /// How long a slot lasts at least.
    pub const SHORTEST: Duration = Duration::from_millis(1);
    /// How long a slot lasts at most, if ticks come in time.
    pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
}

impl Diagnostic for WindowError {
    fn code(&self) -> &'static str {
        match self {
            Self::Slots { .. } => "telemetry.window.slots",
            Self::Length { .. } => "telemetry.window.length",
            Self::Refused => "telemetry.window.refused",
            Self::OtherTelemetry { .. } => "telemetry.window.other_telemetry",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

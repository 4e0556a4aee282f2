//! What can go wrong around a clock.

use super::ClockSource;
use crate::error::{Diagnostic, Retry, Severity};
use std::io;
use std::time::Duration;
use thiserror::Error;

/// Why a time has no ticks.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeError {
    /// The clock had not begun then, or will only be there later.
    #[error(
        "time of {unix_ns} ns since 1970 lies outside {earliest} to {latest}, the range of this clock: use a supplied clock for times of elsewhere"
    )]
    OutOfRange {
        /// What was given.
        unix_ns: i128,
        /// The clock's first instant.
        earliest: u64,
        /// A second from now.
        latest: u64,
    },
}

/// Why no thread refreshes a clock.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TickError {
    /// Only a coarse clock is refreshed.
    #[error("clock reads {from:?}, which needs no thread: take `Clock::coarse`, or leave the thread out")]
    NotCoarse {
        /// What it reads.
        from: ClockSource,
    },
    /// Too often, or too rarely to be of use.
    #[error("interval is {every:?}, outside {least:?} to {most:?}: choose one in that range")]
    Interval {
        /// What was asked for.
        every: Duration,
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// The system gives no thread.
    #[error("clock thread was not started: {source}")]
    NoThread {
        /// What the system says.
        source: io::Error,
    },
}

impl Diagnostic for TimeError {
    fn code(&self) -> &'static str {
        "clock.time.out_of_range"
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl Diagnostic for TickError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotCoarse { .. } => "clock.tick.not_coarse",
            Self::Interval { .. } => "clock.tick.interval",
            Self::NoThread { .. } => "clock.tick.no_thread",
        }
    }
    fn severity(&self) -> Severity {
        Severity::Error
    }
    fn retry(&self) -> Retry {
        match self {
            Self::NoThread { .. } => Retry::Later,
            Self::NotCoarse { .. } | Self::Interval { .. } => Retry::Never,
        }
    }
}

//! What became of whoever wrote a file.

use flightdeck::mapped::{Opened, State};
use std::fmt;

/// What became of the process that writes a file, or wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs, and writes.
    Running,
    /// It stopped the deck as it should.
    Closed,
    /// It ended without that: it was killed, or aborted.
    Died,
    /// The machine went down under it.
    WentDown,
    /// It is a copy that the deck wrote of itself, and says nothing of how the process ended.
    Copied,
    /// The file system knows no locks, or the file was damaged meanwhile.
    Unknown,
}

impl Fate {
    /// As of now.
    pub fn of(file: &Opened) -> Self {
        // First the lock: who closes does that before it lets go.
        let has_writer = file.has_writer();
        match (file.state(), has_writer) {
            (Some(State::Closed), _) => Self::Closed,
            (Some(State::Copied), _) => Self::Copied,
            // Who holds it lives, whatever it took for the run of the system: a container may have one of its own.
            (Some(State::Running), Ok(true)) => Self::Running,
            _ if file.header().life.is_of_another_boot() => Self::WentDown,
            (Some(State::Running), Ok(false)) => Self::Died,
            _ => Self::Unknown,
        }
    }

    /// Whether nothing will come any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Copied | Self::Died | Self::WentDown)
    }

    /// Whether it ended otherwise than it was asked to.
    pub const fn is_violent(self) -> bool {
        matches!(self, Self::Died | Self::WentDown)
    }

    /// For programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Closed => "closed",
            Self::Died => "died",
            Self::Copied => "copied",
            Self::WentDown => "went_down",
            Self::Unknown => "unknown",
        }
    }
}

/// What stands behind the name of the process.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "runs",
            Self::Closed => "closed its deck",
            Self::Died => "died",
            Self::Copied => "wrote a copy of its deck",
            Self::WentDown => "went down with the machine",
            Self::Unknown => "may or may not run",
        })
    }
}

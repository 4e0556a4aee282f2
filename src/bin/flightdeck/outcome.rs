//! How a command ends: its exit code, and errors that end it early.

#[cfg(target_os = "linux")]
use crate::ask::WhenError;
use crate::demo::DemoError;
use crate::export::ExportError;
use crate::interrupt;
use crate::output::OutputError;
use crate::replay::WantedError;
use crate::sizing::SizingError;
#[cfg(target_os = "linux")]
use flightdeck::bridge::serve::ServeError;
#[cfg(target_os = "linux")]
use flightdeck::events::RecordingError;
use flightdeck::events::{BuildError, QueryError, WriterError};
use flightdeck::{Diagnostic, Retry, Severity};
use std::io;
use std::process::ExitCode;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All done. Broken rows do not change that.
    Done,
    /// Asked, and nothing found.
    NothingFound,
    /// Asked, and what was found is that a host died.
    #[cfg(target_os = "linux")]
    Died,
    /// An input cannot be read, or is of no format that we read; it was named on standard error.
    Unreadable,
    /// What was asked for cannot be; that was said on standard error.
    Misused,
    /// The user interrupted, after which the report was given all the same.
    Interrupted,
}

/// What ends a command early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Results cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Interrupts cannot be caught.
    #[error("interrupts cannot be caught: {0}")]
    Interrupt(io::Error),
    /// The terminal cannot be drawn on.
    #[cfg(target_os = "linux")]
    #[error("the terminal cannot be drawn on: {0}")]
    Screen(io::Error),
    /// The demo cannot run.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The store cannot be as large, or as small, as asked for.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A thread has no place to write to.
    #[error(transparent)]
    Writer(#[from] WriterError),
    /// The store does not take a question.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Nothing can be asked for like this.
    #[error(transparent)]
    Wanted(#[from] WantedError),
    /// No store is as large as asked for.
    #[error(transparent)]
    Sizing(#[from] SizingError),
    /// The file is no deck's, or cannot be read.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Nobody can be served.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The tool's own deck does not start.
    #[cfg(target_os = "linux")]
    #[error("what serves others cannot start: {0}")]
    Deck(String),
    /// A time is not one of this recording.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    When(#[from] WhenError),
    /// Nothing was exported.
    #[error(transparent)]
    Export(#[from] ExportError),
}

impl Diagnostic for Failure {
    fn code(&self) -> &'static str {
        match self {
            Self::Output(OutputError::Closed) => "cli.output.closed",
            Self::Output(OutputError::Failed(_)) => "cli.output.failed",
            Self::Interrupt(_) => "cli.interrupt",
            #[cfg(target_os = "linux")]
            Self::Screen(_) => "cli.screen",
            Self::Demo(error) => error.code(),
            Self::Build(error) => error.code(),
            Self::Writer(error) => error.code(),
            Self::Query(error) => error.code(),
            Self::Wanted(error) => error.code(),
            Self::Sizing(error) => error.code(),
            #[cfg(target_os = "linux")]
            Self::Recording(error) => error.code(),
            #[cfg(target_os = "linux")]
            Self::Serve(error) => error.code(),
            #[cfg(target_os = "linux")]
            Self::Deck(_) => "cli.serve.deck",
            #[cfg(target_os = "linux")]
            Self::When(error) => error.code(),
            Self::Export(error) => error.code(),
        }
    }

    fn severity(&self) -> Severity {
        if matches!(self, Self::Output(OutputError::Closed)) { Severity::Info } else { Severity::Error }
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl Failure {
    /// What to do about it, where the message leaves that open.
    pub fn hint(&self) -> Option<String> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Recording(error) if error.code() == "mapped.open.foreign_owner" => Some(format!(
                "{}; or give `--any-user`, if it may be read although its owner can change it in any way meanwhile",
                error.recovery()
            )),
            #[cfg(target_os = "linux")]
            Self::Recording(error) => Some(error.recovery().into_owned()),
            _ => None,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::NothingFound => 1,
            #[cfg(target_os = "linux")]
            Outcome::Died => 1,
            Outcome::Unreadable | Outcome::Misused => 2,
            Outcome::Interrupted => interrupt::CODE,
        })
    }
}

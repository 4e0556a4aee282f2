//! Every code that an error of this crate can have, with what to do about it.
//!
//! A code is stable: alerts, dashboards and tests may name it, and it is never given another meaning. It reads
//! `part.what.why`. [`find`] looks one up, [`all`] lists them; so does `flightdeck explain CODE` on the command line.
//! The hint is for the person who reads the message in a log an hour later: the message says what is wrong and what the
//! call would have taken, the hint where to look next.
//!
//! ```
//! use flightdeck::error::codes;
//! use flightdeck::supervisor::Supervisor;
//! use flightdeck::{Diagnostic, Retry};
//! use std::time::Duration;
//!
//! let supervisor = Supervisor::builder().start()?;
//! let error = supervisor.remove("export", Duration::ZERO).unwrap_err();
//! let code = codes::find(error.code()).expect("each code is listed");
//! assert_eq!((code.retry, code.recovery), (Retry::Never, &*error.recovery()));
//! # Ok::<(), flightdeck::supervisor::StartError>(())
//! ```
//!
#![doc = include_str!("original.md")]
#![doc = include_str!("list.md")]

mod cli;
mod clock;
mod config;
mod deck;
mod events;
mod hub;
mod mapped;
mod serve;
mod supervisor;
mod telemetry;

use super::{Retry, Severity};

/// What is known of a code, whatever the error that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Code {
    /// As [`Diagnostic::code`](super::Diagnostic::code).
    pub name: &'static str,
    /// As [`Diagnostic::severity`](super::Diagnostic::severity).
    pub severity: Severity,
    /// As [`Diagnostic::retry`](super::Diagnostic::retry), which may know a time where this says [`Retry::Later`].
    pub retry: Retry,
    /// What a person does about it, in one line: as [`Diagnostic::recovery`](super::Diagnostic::recovery), which may have
    /// values in it.
    pub recovery: &'static str,
}

impl Code {
    const fn new(name: &'static str, retry: Retry, recovery: &'static str) -> Self {
        Self { name, severity: Severity::Error, retry, recovery }
    }

    const fn info(self) -> Self {
        Self { severity: Severity::Info, ..self }
    }

    const fn warn(self) -> Self {
        Self { severity: Severity::Warn, ..self }
    }
}

/// A code that comes back with the same call.
const fn never(name: &'static str, recovery: &'static str) -> Code {
    Code::new(name, Retry::Never, recovery)
}

/// One that may pass by itself.
const fn later(name: &'static str, recovery: &'static str) -> Code {
    Code::new(name, Retry::Later, recovery)
}

/// In the order of the alphabet.
const PARTS: [&[Code]; 10] = [
    cli::CODES,
    clock::CODES,
    config::CODES,
    deck::CODES,
    events::CODES,
    hub::CODES,
    mapped::CODES,
    serve::CODES,
    supervisor::CODES,
    telemetry::CODES,
];

/// All codes, those of one part together. Which of them occur depends on the features that are on.
pub fn all() -> impl Iterator<Item = &'static Code> {
    PARTS.into_iter().flatten()
}

/// What is known of this code; `None` where it is none of this crate. Looks through the list.
#[must_use]
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

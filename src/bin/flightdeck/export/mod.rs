//! What is written to files: in which format, and where.
//!
//! - `row`: an event as it is to be written; `form`: one on a line each, `csv` as values between commas
//! - `counter`: fields that traces draw
//! - `saving`: events on their way to a file, in whichever format
//! - `sink`: a file that appears whole or not at all
//! - `to`: `--export` of commands that have a store of their own

mod counter;
mod csv;
mod form;
mod row;
mod saving;
mod sink;
mod to;

pub use counter::{Counter, counter};
pub use csv::Csv;
pub use form::Form;
pub use row::Row;
pub use saving::{How, Saving};
pub use sink::{Sink, shown};
pub use to::{Place, To};

use clap::ValueEnum;
use flightdeck::bridge::trace::Format;
use flightdeck::{Diagnostic, Retry, Severity};
use std::io;
use std::path::Path;

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// A JSON object on a line each.
    #[value(alias = "json", alias = "ndjson")]
    Jsonl,
    /// Comma-separated values, the first row their names.
    Csv,
    /// A trace for ui.perfetto.dev.
    #[value(alias = "pftrace")]
    Perfetto,
    /// A trace for chrome://tracing and others, in JSON.
    Chrome,
}

impl FormatName {
    /// That of the suffix.
    pub fn of(out: &Path) -> Result<Self, ExportError> {
        let name = out.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
        if ends(&[".trace.json", ".chrome.json"]) {
            Ok(Self::Chrome)
        } else if ends(&[".pftrace", ".perfetto", ".perfetto-trace"]) {
            Ok(Self::Perfetto)
        } else if ends(&[".jsonl", ".json", ".ndjson"]) {
            Ok(Self::Jsonl)
        } else if ends(&[".csv"]) {
            Ok(Self::Csv)
        } else {
            Err(ExportError::Format { out: shown(out) })
        }
    }

    /// If it is a trace: of which sort.
    pub fn of_trace(self) -> Option<Format> {
        match self {
            Self::Perfetto => Some(Format::Perfetto),
            Self::Chrome => Some(Format::Chrome),
            Self::Jsonl | Self::Csv => None,
        }
    }

    /// Whether there is a place for these counters in it.
    pub fn may_have(self, counters: &[Counter]) -> Result<(), ExportError> {
        match counters.first() {
            Some(Counter { kind, field }) if self.of_trace().is_none() => {
                Err(ExportError::Counter { counter: format!("{kind}={field}") })
            }
            _ => Ok(()),
        }
    }
}

/// Why nothing was exported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Neither its suffix nor an option says.
    #[error("the name `{out}` does not tell the format: add --format jsonl, csv, perfetto or chrome")]
    Format {
        /// What was named.
        out: String,
    },
    /// Its suffix does not say, and nothing else could.
    #[error(
        "the name `{out}` does not tell the format: let it end with .jsonl, .csv, .pftrace or .trace.json"
    )]
    Suffix {
        /// What was named.
        out: String,
    },
    /// Lines and rows draw nothing.
    #[error(
        "--counter {counter} is for traces: let the name end with .pftrace or .trace.json, or leave it out"
    )]
    Counter {
        /// The first of what was to be drawn.
        counter: String,
    },
    /// Something is there.
    #[error("`{out}` is there already: add --force to overwrite it, or name another file")]
    Exists {
        /// The file.
        out: String,
    },
    /// The system refused.
    #[error("`{out}` cannot be written: {reason}")]
    Write {
        /// The file.
        out: String,
        /// What the system says.
        reason: String,
    },
}

impl ExportError {
    fn write(out: &Path, error: &io::Error) -> Self {
        Self::Write { out: shown(out), reason: error.to_string() }
    }
}

impl Diagnostic for ExportError {
    fn code(&self) -> &'static str {
        match self {
            Self::Format { .. } => "cli.export.format",
            Self::Suffix { .. } => "cli.export.suffix",
            Self::Counter { .. } => "cli.export.counter",
            Self::Exists { .. } => "cli.export.exists",
            Self::Write { .. } => "cli.export.write",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Never
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_says_the_format() {
        for (name, format) in [
            ("a.jsonl", FormatName::Jsonl),
            ("a.json", FormatName::Jsonl),
            ("a.CSV", FormatName::Csv),
            ("a.pftrace", FormatName::Perfetto),
            ("a.perfetto-trace", FormatName::Perfetto),
            ("a.b.trace.json", FormatName::Chrome),
        ] {
            assert_eq!(FormatName::of(Path::new(name)), Ok(format), "{name}");
        }
        for name in ["-", "a", "trace.json.gz", ""] {
            assert!(FormatName::of(Path::new(name)).is_err(), "{name}");
        }
    }
}

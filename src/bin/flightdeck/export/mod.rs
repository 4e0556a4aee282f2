//! What is written to files: in which format, and where.
//!
//! - `sink`: a file that appears whole or not at all
//! - `trace`: `--export` of commands that have a store of their own

mod sink;
mod trace;

pub use sink::{Sink, shown};
pub use trace::{Saving, To, told};

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
    /// Only traces are written there.
    #[error(
        "the name `{out}` is not that of a trace: let it end with .pftrace for Perfetto, or .trace.json for Chrome"
    )]
    Trace {
        /// What was named.
        out: String,
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
            Self::Trace { .. } => "cli.export.trace",
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

//! What kinds are called, and how much they matter.

use crate::Severity;
use crate::bridge::name::dotted;
use tracing::{Level, Metadata};

/// The kind of a call site: its target with dots, and its own name or the line it stands on.
pub(super) fn kind(metadata: &Metadata<'_>) -> String {
    // The macros' own choice where the host has made none.
    let is_nameless = metadata.is_event() && metadata.name().starts_with("event ");
    if is_nameless {
        dotted(metadata.target(), metadata.line().map(|line| line.to_string()).as_deref())
    } else {
        dotted(metadata.target(), Some(metadata.name()))
    }
}

pub(super) fn severity(level: &Level) -> Severity {
    match *level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        _ => Severity::Trace,
    }
}

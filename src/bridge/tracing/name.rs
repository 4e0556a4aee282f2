//! What kinds are called, how much they matter, and which fields are secret.

use crate::Severity;
use crate::events::Class;
use tracing::{Level, Metadata};

/// The kind of a call site: its target with dots, and its own name or the line it stands on. Without what a directive could
/// not name.
pub(super) fn kind(metadata: &Metadata<'_>) -> String {
    let mut name = metadata.target().replace("::", ".");
    // The macros' own choice where the host has made none.
    let is_nameless = metadata.is_event() && metadata.name().starts_with("event ");
    if !is_nameless {
        name.push('.');
        name.push_str(metadata.name());
    } else if let Some(line) = metadata.line() {
        name.push('.');
        name.push_str(&line.to_string());
    }
    let is_unfit = |char: char| char.is_whitespace() || char.is_control() || "\"',=*[]".contains(char);
    name.replace(is_unfit, "_")
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

/// So that a flood of details overwrites nothing else.
pub(super) fn class(level: &Level) -> Class {
    match *level {
        Level::ERROR => Class::Critical,
        Level::WARN | Level::INFO => Class::Normal,
        _ => Class::Verbose,
    }
}

/// Whether a field of this name holds what must not be stored.
pub(super) fn is_secret(field: &str, also: &[Box<str>]) -> bool {
    const PARTS: [&str; 10] = [
        "password",
        "passwd",
        "secret",
        "token",
        "authorization",
        "api_key",
        "apikey",
        "private_key",
        "credential",
        "cookie",
    ];
    let field = field.to_ascii_lowercase().replace(['-', '.'], "_");
    PARTS.iter().any(|part| field.contains(part)) || also.iter().any(|name| **name == *field)
}

/// As [`is_secret`] compares names.
pub(super) fn folded(field: &str) -> Box<str> {
    field.to_ascii_lowercase().replace(['-', '.'], "_").into()
}

//! What kinds are called that come from elsewhere, and against which events they are kept.

use crate::Severity;
use crate::events::Class;

/// A target with dots, and what comes after it. Without what a directive could not name.
pub(super) fn dotted(target: &str, last: Option<&str>) -> String {
    let mut name = target.replace("::", ".");
    if let Some(last) = last {
        name.push('.');
        name.push_str(last);
    }
    let is_unfit = |char: char| char.is_whitespace() || char.is_control() || "\"',=*[]".contains(char);
    name.replace(is_unfit, "_")
}

/// So that a flood of details overwrites nothing else.
pub(super) fn class(severity: Severity) -> Class {
    match severity {
        Severity::Critical | Severity::Error => Class::Critical,
        Severity::Warn | Severity::Info => Class::Normal,
        _ => Class::Verbose,
    }
}

//! A report as JSON.

use super::FailureReport;
use crate::id::CorrelationId;
use serde_json::json;
use std::time::UNIX_EPOCH;

impl FailureReport {
    /// The report as one JSON object, on one line:
    ///
    /// | key | holds |
    /// |---|---|
    /// | `worker`, `why` | texts |
    /// | `how` | `panicked`, `failed`, `got no thread`, `was not ready`, `hung` or `gave up` |
    /// | `generation`, `since_generation`, `restarts` | numbers |
    /// | `was_abandoned` | `true` or `false` |
    /// | `location` | `null`, or an object with `file`, `line` and `column` |
    /// | `thread` | its name, of a panic; else `null` |
    /// | `backtrace` | text, or `null`; to make it takes its time: see [`Panic::backtrace`](crate::supervisor::Panic::backtrace) |
    /// | `ran_ns`, `unix_ns` | in decimal, as strings |
    /// | `correlation` | 32 hexadecimal digits, or `null` |
    /// | `trail` | as [`Answer::json`](crate::events::Answer::json) has it, or `null` |
    #[must_use]
    pub fn to_json(&self) -> String {
        let panic = self.panic();
        let ns = self.at.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let location = panic.and_then(|panic| panic.location());
        let location = location.map(|at| json!({ "file": at.file, "line": at.line, "column": at.column }));
        json!({
            "worker": &*self.worker,
            "how": self.how(),
            "why": self.exit.failure(),
            "generation": self.generation(),
            "since_generation": self.generations.start(),
            "restarts": self.restarts(),
            "was_abandoned": self.was_abandoned,
            "location": location,
            "thread": panic.map(|panic| panic.thread()),
            "backtrace": panic.and_then(|panic| panic.backtrace()).map(ToString::to_string),
            "ran_ns": self.ran.as_nanos().to_string(),
            "unix_ns": ns.to_string(),
            "correlation": (self.correlation != CorrelationId::NONE).then(|| self.correlation.to_string()),
            "trail": self.trail.as_ref().and_then(|trail| serde_json::to_value(trail.json()).ok()),
        })
        .to_string()
    }
}

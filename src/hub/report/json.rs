//! A report as JSON.

use super::ErrorReport;
use crate::error::Retry;
use crate::id::{CorrelationId, SpanId};
use serde_json::json;
use std::time::UNIX_EPOCH;

impl ErrorReport {
    /// The report as one JSON object, on one line:
    ///
    /// | key | holds |
    /// |---|---|
    /// | `code`, `severity`, `message`, `recovery`, `thread` | texts; `null` for a thread without a name |
    /// | `causes` | a list of texts |
    /// | `retry` | `never`, `later` or `after`; then `retry_after_ns` says how long |
    /// | `unix_ns`, `event` | when, and the id of the event: in decimal, as strings |
    /// | `correlation`, `span` | 32 and 16 hexadecimal digits, or `null` |
    /// | `trail` | as [`Answer::json`](crate::events::Answer::json) has it |
    #[must_use]
    pub fn to_json(&self) -> String {
        let (retry, after) = match self.retry {
            Retry::Never => ("never", None),
            Retry::Later => ("later", None),
            Retry::After(time) => ("after", Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))),
        };
        let ns = self.at.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        json!({
            "code": self.code,
            "severity": self.severity.name(),
            "retry": retry,
            "retry_after_ns": after.map(|ns| ns.to_string()),
            "recovery": self.recovery,
            "message": self.message,
            "causes": self.causes,
            "correlation": (self.correlation != CorrelationId::NONE).then(|| self.correlation.to_string()),
            "span": (self.span != SpanId::NONE).then(|| self.span.to_string()),
            "thread": self.thread,
            "unix_ns": ns.to_string(),
            "event": self.event.map(|id| id.get().to_string()),
            "trail": serde_json::to_value(self.trail.json()).unwrap_or_default(),
        })
        .to_string()
    }
}

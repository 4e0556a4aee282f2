//! A report as text.

use super::ErrorReport;
use crate::events::Utc;
use crate::id::{CorrelationId, SpanId};
use std::fmt;
use std::time::UNIX_EPOCH;

/// Some lines for a person, the last without an end:
///
/// ```text
/// error venue.answer: invalid digit found in string
///   when      2026-11-26T04:30:27.123456Z on thread order-3
///   for       0000000000000000000000000000002a
///   retry     never
///   to do     ask the venue for its protocol
///   before    1 event
/// ```
///
/// and the trail as a [timeline](crate::events::Timeline).
impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity, self.code, self.message)?;
        for cause in &self.causes {
            write!(f, "\n  because   {cause}")?;
        }
        let ns = self.at.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        write!(f, "\n  when      {}", Utc(u64::try_from(ns).unwrap_or(u64::MAX)))?;
        if let Some(thread) = &self.thread {
            write!(f, " on thread {}", thread.escape_debug())?;
        }
        if self.correlation != CorrelationId::NONE {
            write!(f, "\n  for       {}", self.correlation)?;
        }
        if self.span != SpanId::NONE {
            write!(f, "\n  in span   {}", self.span)?;
        }
        write!(f, "\n  retry     {}", self.retry)?;
        if !self.recovery.is_empty() {
            write!(f, "\n  to do     {}", self.recovery)?;
        }
        let events = self.trail.len();
        write!(f, "\n  before    {events} event{}", if events == 1 { "" } else { "s" })?;
        for line in self.trail.timeline().to_string().lines().filter(|_| events > 0) {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

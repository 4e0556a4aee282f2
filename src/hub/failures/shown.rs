//! A report as text.

use super::FailureReport;
use crate::events::Utc;
use crate::id::CorrelationId;
use crate::supervisor::Exit;
use std::fmt;
use std::time::UNIX_EPOCH;

/// Some lines for a person, the last without an end:
///
/// ```text
/// worker `book` panicked: no such order
///   where     src/book.rs:17:9
///   when      2026-11-26T04:30:27.123456Z, run 3, after 1.2s, restarted 2 times before
///   late      it had been abandoned before
///   for       0000000000000000000000000000002a
///   again     2 runs in a row, since run 2
///   before    3 events
/// ```
///
/// and the trail as a [timeline](crate::events::Timeline). With `{:#}` the backtrace of a panic follows, which takes its time: see
/// [`Panic::backtrace`](crate::supervisor::Panic::backtrace).
impl fmt::Display for FailureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut why = self.exit.failure().unwrap_or_default().lines();
        write!(
            f,
            "{} `{}` {}: {}",
            if matches!(self.exit, Exit::Escalated(_)) { "supervisor" } else { "worker" },
            self.worker.escape_debug(),
            self.how(),
            why.next().unwrap_or_default()
        )?;
        for line in why {
            write!(f, "\n            {line}")?;
        }
        match self.panic().map(|panic| (panic.location(), panic.is_noted())) {
            Some((Some(location), _)) => write!(f, "\n  where     {location}")?,
            Some((None, _)) => f.write_str("\n  where     not known: see `Builder::panic_hook`")?,
            None => {}
        }
        let ns = self.at.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let (at, run) = (Utc(u64::try_from(ns).unwrap_or(u64::MAX)), self.generation());
        write!(f, "\n  when      {at}, run {run}, after {:.1?}", self.ran)?;
        match self.restarts() {
            0 => {}
            1 => f.write_str(", restarted once before")?,
            restarts => write!(f, ", restarted {restarts} times before")?,
        }
        if self.was_abandoned {
            f.write_str("\n  late      it had been abandoned before")?;
        }
        if self.correlation != CorrelationId::NONE {
            write!(f, "\n  for       {}", self.correlation)?;
        }
        if self.times() > 1 {
            write!(
                f,
                "\n  again     {} runs in a row, since run {}",
                self.times(),
                self.generations.start()
            )?;
        }
        match &self.trail {
            None => f.write_str("\n  before    not asked for")?,
            Some(trail) => {
                let events = trail.len();
                write!(f, "\n  before    {events} event{}", if events == 1 { "" } else { "s" })?;
                for line in trail.timeline().to_string().lines().filter(|_| events > 0) {
                    write!(f, "\n    {line}")?;
                }
            }
        }
        let backtrace = self.panic().and_then(|panic| panic.backtrace()).filter(|_| f.alternate());
        if let Some(backtrace) = backtrace {
            write!(f, "\n  calls")?;
            for line in backtrace.to_string().lines() {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }
}

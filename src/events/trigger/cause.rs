//! What set a trigger off.

use crate::error::Severity;
use crate::events::answer::{EventId, Recorded};
use crate::events::value::Value;
use crate::id::CorrelationId;
use std::fmt;

/// What set a [`Trigger`](super::Trigger) off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TriggerCause {
    /// An event that it watches for.
    Event {
        /// Which.
        event: EventId,
        /// The name of its kind.
        kind: Box<str>,
        /// How much it matters.
        severity: Severity,
        /// What it belongs to.
        correlation: CorrelationId,
    },
    /// Something panicked, as an event of the deck tells.
    Panic {
        /// That event.
        event: EventId,
        /// The worker, chore or thread.
        who: Box<str>,
        /// What it said.
        message: Box<str>,
        /// What the thread worked for, where that is known.
        correlation: CorrelationId,
    },
    /// A signal came.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// The store is about to be shut down.
    Shutdown,
    /// The host asked.
    Call {
        /// What the calling thread worked for.
        correlation: CorrelationId,
    },
}

impl TriggerCause {
    pub(super) fn event(event: &Recorded<'_>) -> Self {
        Self::Event {
            event: event.id(),
            kind: event.kind().into(),
            severity: event.severity(),
            correlation: event.correlation(),
        }
    }

    /// Of an event that tells of a panic: its first text says who, its last one what.
    pub(super) fn panic(event: &Recorded<'_>) -> Self {
        let texts = || {
            event.fields().filter_map(|(_, value)| match value {
                Value::Str(text) => Some(text),
                _ => None,
            })
        };
        let text = |found: Option<&str>| found.unwrap_or_default().into();
        let (who, message) = (text(texts().next()), text(texts().last()));
        Self::Panic { event: event.id(), who, message, correlation: event.correlation() }
    }

    /// The id that it belongs to; none, of what belongs to none.
    #[must_use]
    pub fn correlation(&self) -> CorrelationId {
        match self {
            Self::Event { correlation, .. }
            | Self::Panic { correlation, .. }
            | Self::Call { correlation } => *correlation,
            Self::Signal { .. } | Self::Shutdown => CorrelationId::NONE,
        }
    }
}

/// On one line, whatever somebody said.
impl fmt::Display for TriggerCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { event, kind, severity, .. } => {
                write!(f, "event {} `{}` ({severity})", event.get(), kind.escape_debug())
            }
            Self::Panic { who, message, .. } => {
                write!(f, "`{}` panicked: {}", who.escape_debug(), message.escape_debug())
            }
            Self::Signal { signal } => write!(f, "signal {signal}"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Call { .. } => f.write_str("asked for"),
        }
    }
}

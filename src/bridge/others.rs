//! Kinds for what has none of its own.

use super::name::class;
use crate::Severity;
use crate::events::{Events, FieldType, Kind, Schema};

const SEVERITIES: [Severity; 5] =
    [Severity::Trace, Severity::Debug, Severity::Info, Severity::Warn, Severity::Error];

/// One for each severity that there is elsewhere: a name, and what was said as text.
#[derive(Debug)]
pub(super) struct Others([Option<Kind>; SEVERITIES.len()]);

impl Others {
    pub(super) fn new(events: &Events, name: &'static str) -> Self {
        Self(SEVERITIES.map(|severity| {
            let schema = Schema::new(name).severity_of(severity).class_of(class(severity));
            events.define(schema.field("name", FieldType::Str).field("text", FieldType::Str)).ok()
        }))
    }

    /// None where the store had no room for it.
    pub(super) fn get(&self, severity: Severity) -> Option<&Kind> {
        self.0.get(severity as usize)?.as_ref()
    }
}

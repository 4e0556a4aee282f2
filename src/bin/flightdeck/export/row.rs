//! An event as it is to be written: with its own name and fields, or with others.

use flightdeck::bridge::trace::Entry;
use flightdeck::events::{Recorded, Value};

/// An event as it is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub event: Recorded<'a>,
    /// In traces: what its slice is called, unless like its kind.
    pub name: Option<&'a str>,
    /// In traces: which track it lies on, unless that of its thread.
    pub track: Option<&'a str>,
    /// In place of its own.
    pub fields: Option<&'a [(&'a str, Value<'a>)]>,
}

impl<'a> Row<'a> {
    /// Each field.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'_, 'a> {
        let own = self.fields.is_none().then(|| self.event.fields());
        let given = self.fields.unwrap_or_default().iter().copied();
        own.into_iter().flatten().chain(given)
    }

    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        self.fields().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// As traces take it.
    pub fn entry(&self) -> Entry<'a> {
        let mut entry = Entry::of(self.event);
        if let Some(name) = self.name {
            entry = entry.name(name);
        }
        if let Some(track) = self.track {
            entry = entry.track(track);
        }
        if let Some(fields) = self.fields {
            entry = entry.fields(fields);
        }
        entry
    }
}

impl<'a> From<Recorded<'a>> for Row<'a> {
    fn from(event: Recorded<'a>) -> Self {
        Self { event, name: None, track: None, fields: None }
    }
}

//! An event as it is to be shown.

use crate::events::{Recorded, Value};
use std::borrow::Cow;

/// What else is shown of an event beside its fields: fields of these names are numbered.
const TAKEN: [&str; 7] = ["correlation", "span", "parent", "links", "end", "unwound", "note"];

/// An event as it is to be shown: by itself under the name of its kind, on the track of its thread, with its fields.
///
/// ```
/// use flightdeck::bridge::trace::{Entry, Format, Trace};
/// use flightdeck::events::Events;
/// flightdeck::kind! { Filled("order.filled") { venue: str } }
///
/// let events = Events::builder().build()?;
/// events.record(Filled { venue: "XETRA" });
/// let answer = events.query().run()?;
/// let mut trace = Trace::builder(Format::Chrome).start(Vec::new(), answer.converter());
/// for event in answer.iter() {
///     let venue = event.field("venue");
///     let entry = Entry::of(event).track(venue.and_then(|venue| venue.as_str()).unwrap_or("nowhere"));
///     trace.write(entry)?;
/// }
/// let (text, _) = trace.finish()?;
/// assert!(String::from_utf8(text)?.contains("XETRA"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    event: Recorded<'a>,
    name: Option<&'a str>,
    track: Option<&'a str>,
    fields: Option<&'a [(&'a str, Value<'a>)]>,
}

impl<'a> Entry<'a> {
    /// The event as it is.
    #[must_use]
    pub fn of(event: Recorded<'a>) -> Self {
        Self { event, name: None, track: None, fields: None }
    }

    /// The same under this name.
    #[must_use]
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// The same on the track of this name instead of its thread's.
    #[must_use]
    pub fn track(mut self, track: &'a str) -> Self {
        self.track = Some(track);
        self
    }

    /// The same with these fields in place of its own.
    #[must_use]
    pub fn fields(mut self, fields: &'a [(&'a str, Value<'a>)]) -> Self {
        self.fields = Some(fields);
        self
    }

    pub(super) fn event(&self) -> &Recorded<'a> {
        &self.event
    }

    pub(super) fn shown_name(&self) -> &'a str {
        self.name.unwrap_or_else(|| self.event.kind())
    }

    pub(super) fn shown_track(&self) -> Option<&'a str> {
        self.track
    }

    /// The first field of this name among those that are shown.
    pub(super) fn field(&self, name: &str) -> Option<Value<'a>> {
        match self.fields {
            Some(fields) => fields.iter().find(|(own, _)| *own == name).map(|(_, value)| *value),
            None => self.event.field(name),
        }
    }

    /// How long the span took that begins with it, where a beginning says so itself.
    pub(super) fn length_ns(&self) -> Option<u64> {
        self.event.field("duration_ns").and_then(|value| value.as_u64())
    }

    /// Each field, under a name that no other has.
    pub(super) fn each_field(&self, mut tell: impl FnMut(&str, Value<'a>)) {
        if let Some(fields) = self.fields {
            let names = || fields.iter().map(|(name, _)| *name);
            for (at, (name, value)) in fields.iter().enumerate() {
                tell(&unique(name, names().take(at)), *value);
            }
            return;
        }
        let fields = self.event.schema().map_or(&[][..], |schema| schema.fields());
        let names = || fields.iter().map(|field| &*field.name);
        for (at, (name, value)) in self.event.fields().enumerate() {
            tell(&unique(name, names().take(at)), value);
        }
    }
}

impl<'a> From<Recorded<'a>> for Entry<'a> {
    fn from(event: Recorded<'a>) -> Self {
        Self::of(event)
    }
}

/// The name, numbered if some before it have it.
fn unique<'n>(name: &'n str, before: impl Iterator<Item = &'n str>) -> Cow<'n, str> {
    match TAKEN.into_iter().chain(before).filter(|other| *other == name).count() {
        0 => Cow::Borrowed(name),
        others => Cow::Owned(format!("{name}#{}", others + 1)),
    }
}

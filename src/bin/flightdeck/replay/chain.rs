//! What belongs to one id: found in the store, told for a person or a program.

use super::batch::Fields;
use super::deck::Deck;
use super::names::Names;
use crate::formats::{Correlation, Value};
use flightdeck::CorrelationId;
use flightdeck::events::{Answer, QueryError, Recorded, Timeline, Value as Stored};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// All events of one id, and how long it took to find them.
pub struct Chain {
    pub answer: Answer,
    pub look_up: Duration,
}

impl Chain {
    pub fn find(deck: &Deck, correlation: &Correlation<'_>) -> Result<Self, QueryError> {
        let start = Instant::now();
        let mut answer = deck.events.query().correlation(deck.id(correlation)).run()?;
        // A text is found by its hash and then compared in full.
        let text = match correlation {
            Correlation::Text(text) => text,
            _ => "",
        };
        answer.retain(|event| text_of(event) == text);
        // Different threads may have written rows of one time.
        answer.sort_by_key(|event| (event.ticks(), number(event, "file"), number(event, "line")));
        Ok(Self { look_up: start.elapsed(), answer })
    }

    /// The events as lines of text, with the fields of their rows.
    pub fn timeline(&self, names: &Names, tell: impl FnOnce(Timeline<'_>)) {
        let fields = |event: &Recorded<'_>, each: &mut dyn FnMut(&str, Stored<'_>)| {
            for (name, value) in fields_of(event, names) {
                each(name, stored(&value));
            }
        };
        tell(self.answer.timeline().without_ends().with_fields(&fields));
    }
}

/// An id as reports write it.
pub fn shown(id: CorrelationId, text: &str) -> Cow<'_, str> {
    if text.is_empty() { id.to_string().into() } else { text.into() }
}

/// The text that an event's id stands for; empty for an id that is a number.
pub fn text_of<'a>(event: &Recorded<'a>) -> &'a str {
    match event.field("id") {
        Some(Stored::Str(text)) => text,
        _ => "",
    }
}

/// How long an event took, if its row says.
pub fn duration_of(event: &Recorded<'_>) -> u64 {
    number(event, "duration_ns").unwrap_or_default()
}

/// A whole number among what is stored of a row.
pub fn number(event: &Recorded<'_>, name: &str) -> Option<u64> {
    match event.field(name) {
        Some(Stored::U64(number)) => Some(number),
        _ => None,
    }
}

/// The fields of an event's row.
pub fn fields_of<'a>(event: &Recorded<'a>, names: &'a Names) -> Fields<'a> {
    let bytes = match event.field("fields") {
        Some(Stored::Bytes(bytes)) => bytes,
        _ => &[],
    };
    Fields::new(bytes, names)
}

fn stored<'a>(value: &'a Value<'_>) -> Stored<'a> {
    match value {
        Value::U64(number) => Stored::U64(*number),
        Value::I64(number) => Stored::I64(*number),
        Value::F64(number) => Stored::F64(*number),
        Value::Bool(yes) => Stored::Bool(*yes),
        Value::Str(text) => Stored::Str(text),
    }
}

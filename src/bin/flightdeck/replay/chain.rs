//! What belongs to one id: found in the store, told for a person or a program.

use super::batch::Fields;
use super::deck::{Deck, as_stored, stored};
use super::names::Names;
use super::wanted::Wanted;
use crate::formats::{Correlation, Kind, Value};
use crate::terminal::Look;
use flightdeck::events::{Answer, QueryError, Recorded, Timeline, Value as Stored};
use flightdeck::{CorrelationId, SpanId};
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The wanted events of one id, and how long it took to find them.
pub struct Chain {
    pub answer: Answer,
    pub look_up: Duration,
}

impl Chain {
    pub fn find(deck: &Deck, correlation: &Correlation<'_>, wanted: &Wanted) -> Result<Self, QueryError> {
        let start = Instant::now();
        let mut answer = wanted.of(deck.events.query().correlation(deck.id(correlation))).run()?;
        // A text is found by its hash and then compared in full.
        let text = match correlation {
            Correlation::Text(text) => text,
            _ => "",
        };
        answer.retain(|event| text_of(event) == text);
        // Different threads may have written rows of one time.
        answer.sort_by_key(|event| (event.ticks(), number(event, stored::FILE), number(event, stored::LINE)));
        Ok(Self { look_up: start.elapsed(), answer })
    }

    /// The events as lines of text, spans by the names of their operations, with the fields of their rows. What a row
    /// has in common with the span it stands under is not said again.
    pub fn timeline(&self, names: &Names, look: Look, tell: impl FnOnce(Timeline<'_>)) {
        let starts = self.answer.iter().filter(|event| event.is_start() && !event.span().is_none());
        let spans: HashMap<SpanId, Recorded<'_>> = starts.map(|event| (event.span(), event)).collect();
        let fields = |event: &Recorded<'_>, each: &mut dyn FnMut(&str, Stored<'_>)| {
            let above =
                spans.get(&event.parent().unwrap_or(event.span())).filter(|above| above.id() != event.id());
            let operation = operation(event, names).map(|(place, _)| place);
            for (place, (name, value)) in fields_of(event, names).enumerate() {
                let is_said = || {
                    above.is_some_and(|above| {
                        fields_of(above, names).any(|said| said == (name, value.clone()))
                    })
                };
                if Some(place) != operation && !is_duration(event, name, &value) && !is_said() {
                    each(name, as_stored(&value));
                }
            }
        };
        let name = |event: &Recorded<'_>| operation(event, names).map(|(_, name)| name.to_owned());
        // The threads are those of the replay.
        let timeline = self.answer.timeline().without_ends().without_threads();
        tell(look.apply(timeline.with_fields(&fields).with_names(&name)));
    }
}

/// Whether it only says how long the row took, which stands in front.
fn is_duration(event: &Recorded<'_>, name: &str, value: &Value<'_>) -> bool {
    let units = || [1, 1_000, 1_000_000].map(|ns| duration_of(event) / ns);
    name.eq_ignore_ascii_case("duration") && matches!(value, Value::U64(said) if units().contains(said))
}

/// Of a span the name of its operation: the first field that is called like one, and its place.
pub fn operation<'a>(event: &Recorded<'a>, names: &'a Names) -> Option<(usize, &'a str)> {
    const CALLED: [&str; 5] = ["operationname", "operation_name", "operation", "span_name", "name"];
    let is_one = |name: &str| CALLED.iter().any(|called| name.eq_ignore_ascii_case(called));
    let mut fields = fields_of(event, names).enumerate().filter(|_| event.kind() == Kind::Span.name());
    fields.find_map(|(place, (name, value))| match value {
        Value::Str(Cow::Borrowed(text)) if is_one(name) && !text.is_empty() => Some((place, text)),
        _ => None,
    })
}

/// An id as reports write it.
pub fn shown(id: CorrelationId, text: &str) -> Cow<'_, str> {
    if text.is_empty() { id.to_string().into() } else { text.into() }
}

/// The text that an event's id stands for; empty for an id that is a number.
pub fn text_of<'a>(event: &Recorded<'a>) -> &'a str {
    match event.field(stored::ID) {
        Some(Stored::Str(text)) => text,
        _ => "",
    }
}

/// How long an event took, if its row says.
pub fn took(event: &Recorded<'_>) -> Option<u64> {
    number(event, stored::TOOK)
}

/// The same, nothing where the row does not say.
pub fn duration_of(event: &Recorded<'_>) -> u64 {
    took(event).unwrap_or_default()
}

/// A whole number among what is stored beside the fields of a row.
pub fn number(event: &Recorded<'_>, name: &str) -> Option<u64> {
    let mut beside = event.fields().take_while(|(name, _)| *name != stored::FIELDS);
    match beside.find(|(beside, _)| *beside == name) {
        Some((_, Stored::U64(number))) => Some(number),
        _ => None,
    }
}

/// The fields of an event's row: in one, or each by itself.
pub fn fields_of<'e, 'a: 'e>(
    event: &'e Recorded<'a>,
    names: &'a Names,
) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'e, 'a> {
    let bytes = match event.field(stored::FIELDS) {
        Some(Stored::Bytes(bytes)) => bytes,
        _ => &[],
    };
    let own = event.fields().skip_while(|(name, _)| *name != stored::FIELDS).skip(1);
    let own = own.filter_map(|(name, value)| Some((name, of_row(value)?)));
    Fields::new(bytes, names.table()).chain(own)
}

fn of_row(value: Stored<'_>) -> Option<Value<'_>> {
    Some(match value {
        Stored::U64(number) => Value::U64(number),
        Stored::I64(number) => Value::I64(number),
        Stored::F64(number) => Value::F64(number),
        Stored::Bool(yes) => Value::Bool(yes),
        Stored::Str(text) => Value::Str(text.into()),
        _ => return None,
    })
}

//! An event on one line.

use crate::shown::plain;
use flightdeck::events::Recorded;
use std::fmt::Write;

/// Letters of a value that are shown, and of all of them together.
const VALUE: usize = 80;
const LINE: usize = 200;

/// Its kind and fields, cut where they are long.
pub fn line(event: &Recorded<'_>) -> String {
    let mut line = plain(event.kind());
    for (name, value) in event.fields() {
        let _a_string_takes_all = write!(line, " {}={}", plain(name), cut(&plain(&value.to_string()), VALUE));
    }
    cut(&line, LINE)
}

/// Its kind, and what it says of itself, if one of its fields is a message.
pub fn gist(event: &Recorded<'_>) -> String {
    const SAYING: [&str; 6] = ["message", "why", "reason", "error", "first", "text"];
    let said = SAYING.into_iter().map(|name| text(event, name)).find(|said| !said.is_empty());
    match said {
        Some(said) => format!("{}: {}", plain(event.kind()), plain(&said)),
        None => line(event),
    }
}

/// The beginning of a text.
pub fn cut(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The text of a field; empty where it has none.
pub fn text(event: &Recorded<'_>, name: &str) -> String {
    event.field(name).map(|value| value.to_string()).unwrap_or_default()
}

/// The number of a field; 0 where it has none.
pub fn number(event: &Recorded<'_>, name: &str) -> u64 {
    event.field(name).and_then(|value| value.as_u64()).unwrap_or_default()
}

//! What was replayed, or what was asked for of it, in a file: as lines, rows, or a trace.

use super::chain::{Chain, fields_of, number, operation, text_of, took};
use super::deck::{Deck, as_stored, stored};
use super::load::Loader;
use super::wanted::Wanted;
use crate::args::Replay;
use crate::export::{Place, Row, Saving};
use crate::formats::{Value, meant};
use crate::messages::Messages;
use crate::outcome::Failure;
use flightdeck::events::{QueryError, Recorded, Value as Stored};

/// Fields that say who it was: each of their values has a track.
const WHO: [&str; 12] = [
    "podname",
    "pod",
    "service.name",
    "servicename",
    "service_name",
    "service",
    "_systemd_unit",
    "syslog_identifier",
    "unit",
    "host",
    "hostname",
    "container",
];

/// Writes it; whether that was not interrupted. In traces spans are called like their operations, tracks like who it was: the threads are
/// those of the replay.
pub fn export(
    place: Place<'_>,
    asked: &Replay,
    wanted: &Wanted,
    deck: &Deck,
    loader: &Loader,
    messages: &mut Messages,
) -> Result<bool, Failure> {
    // Rows come in any order: all of them are sorted before the first is written.
    let answers = match &asked.correlation {
        Some(id) => {
            let chains = meant(id).map(|id| Chain::find(deck, &id, wanted).map(|chain| chain.answer));
            chains.collect::<Result<Vec<_>, QueryError>>()?
        }
        None => vec![wanted.of(deck.events.query()).run()?],
    };
    let is_lines = place.is_lines();
    let (how, sink) = place.how(deck.events.clock().converter());
    let mut saving = Saving::new(how, sink);
    for event in answers.iter().flat_map(|answer| answer.iter()) {
        write(&event, is_lines, loader, &mut saving);
        if !saving.goes_on_after(messages) {
            break;
        }
    }
    let Some(written) = saving.finish(messages)? else { return Ok(false) };
    messages.note(format_args!("{} to {}", written.told(), written.place));
    Ok(true)
}

fn write(event: &Recorded<'_>, is_lines: bool, loader: &Loader, saving: &mut Saving<'_>) {
    let names = &loader.names;
    let of_row: Vec<_> = fields_of(event, names).collect();
    let mut fields: Vec<_> = of_row.iter().map(|(name, value)| (*name, as_stored(value))).collect();
    let (id, line) = (text_of(event), number(event, stored::LINE).unwrap_or_default());
    if !id.is_empty() {
        fields.push(("id", Stored::Str(id)));
    }
    if is_lines {
        // What a trace shows by where a slice lies, and how long it is.
        fields.push(("file", Stored::Str(file(event, loader))));
        fields.extend(took(event).map(|took| ("duration_ns", Stored::U64(took))));
    }
    fields.push(("line", Stored::U64(line)));
    let name = operation(event, names).map_or(event.kind(), |(_, name)| name);
    let track = who(&of_row).unwrap_or_else(|| file(event, loader));
    saving.write(Row { event: *event, name: Some(name), track: Some(track), fields: Some(&fields) });
}

fn who<'a>(fields: &'a [(&str, Value<'_>)]) -> Option<&'a str> {
    let named = |called: &str| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(called));
    WHO.into_iter().filter_map(named).find_map(|(_, value)| match value {
        Value::Str(text) if !text.is_empty() => Some(&**text),
        _ => None,
    })
}

/// The file that it stood in.
fn file<'a>(event: &Recorded<'_>, loader: &'a Loader) -> &'a str {
    let file = number(event, stored::FILE).and_then(|number| loader.files.get(usize::try_from(number).ok()?));
    file.map_or("-", |file| &*file.name)
}

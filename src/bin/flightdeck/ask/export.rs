//! `flightdeck export`: all events of a file into another, which appears whole or not at all.

use super::args::Export;
use super::form::columns;
use super::select::Selection;
use crate::export::{FormatName, How, Saving, Sink};
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::shown::count;
use flightdeck::Ticks;
use flightdeck::events::{CursorState, Delivery, Start};

/// Events between two looks at the time, and at whether the user interrupted.
const BATCH: usize = 4_096;

pub fn run(asked: &Export, output: &mut Output, messages: &mut Messages) -> Result<Outcome, Failure> {
    let format = asked.format.map_or_else(|| FormatName::of(&asked.out), Ok)?;
    format.may_have(&asked.counters)?;
    // Before anything is read: what cannot be written is said at once.
    let sink = Sink::new(&asked.out, asked.force, output)?;
    let recording = asked.named.open()?;
    let selection = Selection::new(&asked.filters, &recording)?.until_now();
    selection.tell_unknown(&recording, messages);
    let Some(query) = selection.of(&recording) else { return Ok(Outcome::NothingFound) };
    let mut cursor =
        query.follow_from(Start::Oldest).map_err(|error| selection.explained(error, &recording))?;
    let life = recording.file().map(|file| &file.header().life);
    let how = How {
        counters: &asked.counters,
        process: life.map(|life| (life.process, &*life.program)),
        columns: columns(&recording, selection.kinds()),
        ..How::new(format, recording.converter())
    };
    let mut saving = Saving::new(how, sink);
    loop {
        let state = cursor
            .poll(BATCH, |delivery| match delivery {
                Delivery::Event(event) if selection.keeps(&event) => saving.write(event),
                Delivery::Gap(gap) => saving.gap(&gap, messages),
                _ => {}
            })
            .state;
        if !saving.goes_on(messages) || state != CursorState::More {
            break;
        }
    }
    let Some(written) = saving.finish(messages)? else { return Ok(Outcome::Interrupted) };
    let whole_from = recording.query().limit(1).run()?.since();
    let is_cut = whole_from > Ticks(0)
        && recording.converter().unix_ns(whole_from) > selection.since().unwrap_or_default();
    let is_missing = written.missing > 0 || is_cut;
    let of_all = if is_missing { ", as far as they were still there" } else { "" };
    messages.note(format_args!("{} to {}{of_all}", count(written.events, "event"), written.place));
    let is_enough = written.events > 0 && !(asked.strict && is_missing);
    Ok(if is_enough { Outcome::Done } else { Outcome::NothingFound })
}

//! `flightdeck export`: all events of a file into another, which appears whole or not at all.

use super::args::{Counter, Export};
use super::form::Form;
use super::select::Selection;
use crate::export::{FormatName, Saving, Sink};
use crate::interrupt;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::shown::count;
use flightdeck::Ticks;
use flightdeck::bridge::trace::{Entry, Format, Trace, TraceBuilder};
use flightdeck::events::{Cursor, CursorState, Delivery, Recording, Start};
use std::time::{Duration, Instant};

/// What takes less is done before anybody wonders.
const QUIET: Duration = Duration::from_secs(2);
/// Events between two looks at the time, and at whether the user interrupted.
const BATCH: usize = 4_096;

pub fn run(asked: &Export, output: &mut Output, messages: &mut Messages) -> Result<Outcome, Failure> {
    let format = asked.format.map_or_else(|| FormatName::of(&asked.out), Ok)?;
    // Before anything is read: what cannot be written is said at once.
    let mut sink = Sink::new(&asked.out, asked.force, output)?;
    let recording = asked.named.open()?;
    let selection = Selection::new(&asked.filters, &recording)?.until_now();
    selection.tell_unknown(&recording, messages);
    let Some(query) = selection.of(&recording) else { return Ok(Outcome::NothingFound) };
    let cursor = query.follow_from(Start::Oldest).map_err(|error| selection.explained(error, &recording))?;
    let mut exported = Exported::default();
    let place = if let Some(format) = format.of_trace() {
        let builder = trace(format, &asked.counters, &recording, messages);
        let saving = Saving::new(builder, sink, recording.converter());
        match save(cursor, &selection, saving, &mut exported, messages)? {
            Some(place) => place,
            None => return Ok(Outcome::Interrupted),
        }
    } else {
        let form = Form::of_file(format, &recording, selection.kinds());
        if let Some(head) = form.head() {
            sink.line(&head)?;
        }
        let written = write(cursor, &selection, &form, &mut sink, &mut exported, messages);
        messages.end_progress();
        if !written? {
            let left = if sink.is_whole_or_nothing() { "nothing was exported" } else { "this is not all" };
            messages.warn(format_args!("interrupted: {left}"));
            return Ok(Outcome::Interrupted);
        }
        sink.finish()?
    };
    let whole_from = recording.query().limit(1).run()?.since();
    let is_cut = whole_from > Ticks(0)
        && recording.converter().unix_ns(whole_from) > selection.since().unwrap_or_default();
    let is_missing = exported.missing > 0 || is_cut;
    let of_all = if is_missing { ", as far as they were still there" } else { "" };
    messages.note(format_args!("{} to {place}{of_all}", count(exported.events, "event")));
    let is_enough = exported.events > 0 && !(asked.strict && is_missing);
    Ok(if is_enough { Outcome::Done } else { Outcome::NothingFound })
}

#[derive(Debug, Default)]
struct Exported {
    events: u64,
    missing: u64,
}

/// Whether it came to the end, and was not interrupted.
fn write(
    mut cursor: Cursor,
    selection: &Selection,
    form: &Form,
    sink: &mut Sink<'_>,
    exported: &mut Exported,
    messages: &mut Messages,
) -> Result<bool, Failure> {
    let start = Instant::now();
    let (mut lines, mut bytes, mut shows) = (Vec::new(), 0, false);
    loop {
        let state = cursor
            .poll(BATCH, |delivery| match delivery {
                Delivery::Event(event) if selection.keeps(&event) => {
                    exported.events += 1;
                    lines.push(form.event(&event));
                }
                Delivery::Gap(gap) => {
                    exported.missing += gap.count;
                    lines.extend(form.gap(&gap, messages));
                }
                _ => {}
            })
            .state;
        for line in lines.drain(..) {
            bytes += line.len() as u64 + 1;
            sink.line(&line)?;
        }
        if interrupt::came() {
            return Ok(false);
        }
        if state != CursorState::More {
            return Ok(true);
        }
        if !shows && start.elapsed() > QUIET {
            shows = true;
            messages.start_progress(None);
        }
        messages.progress(bytes, exported.events);
    }
}

/// Whose trace it is, and which fields are counters.
fn trace(format: Format, counters: &[Counter], recording: &Recording, messages: &Messages) -> TraceBuilder {
    let mut builder = Trace::builder(format);
    if let Some(file) = recording.file() {
        let life = &file.header().life;
        builder = builder.process(life.process, &life.program);
    }
    for Counter { kind, field } in counters {
        let is_known = recording
            .kinds()
            .any(|known| known.name() == kind && known.fields().iter().any(|known| known.name == *field));
        if !is_known {
            messages.warn(format_args!("no event there is of kind `{kind}` with a field `{field}`"));
        }
        builder = builder.counter(kind, field);
    }
    builder
}

/// Where it went; `None` if the user interrupted.
fn save(
    mut cursor: Cursor,
    selection: &Selection,
    mut saving: Saving<'_>,
    exported: &mut Exported,
    messages: &mut Messages,
) -> Result<Option<String>, Failure> {
    loop {
        let state = cursor
            .poll(BATCH, |delivery| match delivery {
                Delivery::Event(event) if selection.keeps(&event) => saving.write(Entry::of(event)),
                Delivery::Gap(gap) => saving.gap(&gap),
                _ => {}
            })
            .state;
        if !saving.goes_on(messages) || state != CursorState::More {
            break;
        }
    }
    let Some((stats, place)) = saving.finish(messages)? else { return Ok(None) };
    (exported.events, exported.missing) = (stats.events, stats.missing);
    Ok(Some(place))
}

//! `--export OUT`: what a command's own store holds, as a trace.

use super::{ExportError, FormatName, Sink, shown};
use crate::interrupt;
use crate::messages::Messages;
use crate::outcome::Failure;
use crate::shown::count;
use flightdeck::Converter;
use flightdeck::bridge::trace::{Entry, Format, Stats, Trace, TraceBuilder};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where a trace is to go.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct To {
    /// Write a trace of it to OUT: for Perfetto (.pftrace) or in the format of Chrome (.trace.json)
    #[arg(long, value_name = "OUT")]
    pub export: Option<PathBuf>,
    /// Overwrite OUT if it is there
    #[arg(long, requires = "export")]
    pub force: bool,
}

impl To {
    /// The place for it, if one is asked for: before anything is done, so that what cannot be is said at once.
    pub fn open(&self) -> Result<Option<(Format, Sink<'static>)>, ExportError> {
        let Some(out) = &self.export else { return Ok(None) };
        let format = FormatName::of(out).ok().and_then(FormatName::of_trace);
        let format = format.ok_or_else(|| ExportError::Trace { out: shown(out) })?;
        Ok(Some((format, Sink::named(out, self.force)?)))
    }
}

/// What takes less is done before anybody wonders.
const QUIET: Duration = Duration::from_secs(2);
/// Events between two looks at the time, and at whether the user interrupted.
const BATCH: u64 = 4_096;

/// A trace on its way to its place.
pub struct Saving<'o> {
    trace: Trace<Sink<'o>>,
    start: Instant,
    shows: bool,
    is_whole_or_nothing: bool,
    /// What went wrong: nothing more is written.
    failure: Option<std::io::Error>,
    place: String,
}

impl<'o> Saving<'o> {
    pub fn new(builder: TraceBuilder, sink: Sink<'o>, converter: Converter) -> Self {
        let (is_whole_or_nothing, place) = (sink.is_whole_or_nothing(), sink.place());
        let trace = builder.start(sink, converter);
        Self { trace, start: Instant::now(), shows: false, is_whole_or_nothing, failure: None, place }
    }

    /// Writes an event, unless one could not be written.
    pub fn write(&mut self, entry: Entry<'_>) {
        if self.failure.is_none() {
            self.failure = self.trace.write(entry).err();
        }
    }

    /// The same of what is missing.
    pub fn gap(&mut self, gap: &flightdeck::events::Gap) {
        if self.failure.is_none() {
            self.failure = self.trace.gap(gap).err();
        }
    }

    /// Whether to go on; shows how far it is, where it takes long.
    pub fn goes_on(&mut self, messages: &mut Messages) -> bool {
        let stats = self.trace.stats();
        if !self.shows && self.start.elapsed() > QUIET {
            self.shows = true;
            messages.start_progress(None);
        }
        messages.progress(stats.bytes, stats.events);
        self.failure.is_none() && !interrupt::came()
    }

    /// The same, where it is asked after each event.
    pub fn goes_on_after(&mut self, messages: &mut Messages) -> bool {
        !self.trace.stats().events.is_multiple_of(BATCH) || self.goes_on(messages)
    }

    /// Puts it in its place; `None` if the user interrupted, with which a file is gone.
    pub fn finish(self, messages: &mut Messages) -> Result<Option<(Stats, String)>, Failure> {
        messages.end_progress();
        if let Some(error) = self.failure {
            return Err(failure(error, &self.place));
        }
        if interrupt::came() {
            let left = if self.is_whole_or_nothing { "nothing was exported" } else { "this is not all" };
            messages.warn(format_args!("interrupted: {left}"));
            return Ok(None);
        }
        let place = self.place;
        let (sink, stats) = self.trace.finish().map_err(|error| failure(error, &place))?;
        Ok(Some((stats, sink.finish()?)))
    }
}

fn failure(error: std::io::Error, place: &str) -> Failure {
    if place == Sink::STANDARD {
        return crate::output::OutputError::from(error).into();
    }
    ExportError::Write { out: place.to_owned(), reason: error.to_string() }.into()
}

/// What was written, in one line.
pub fn told(stats: &Stats) -> String {
    let mut said = count(stats.events, "event");
    said += &format!(", {}", count(stats.spans + stats.unfinished, "span"));
    for (number, what) in [
        (stats.unfinished, "unfinished"),
        (stats.beginnings_missing, "without beginning"),
        (stats.ends_alone, "ends alone"),
    ] {
        if number > 0 {
            said += &format!(", {} {what}", crate::shown::grouped(number));
        }
    }
    said
}

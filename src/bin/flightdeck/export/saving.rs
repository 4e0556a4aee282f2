//! Events on their way to a file, in whichever format.

use super::counter::{Counter, Undrawn};
use super::form::Form;
use super::row::Row;
use super::{Csv, ExportError, FormatName, Sink};
use crate::interrupt;
use crate::messages::Messages;
use crate::outcome::Failure;
use crate::shown::{count, grouped};
use flightdeck::Converter;
use flightdeck::bridge::trace::{Stats, Trace};
use flightdeck::events::Gap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// What takes less is done before anybody wonders.
const QUIET: Duration = Duration::from_secs(2);
/// Events between two looks at the time, and at whether the user interrupted.
const BATCH: u64 = 4_096;

/// How events are written.
pub struct How<'c> {
    pub format: FormatName,
    /// Of whoever recorded them.
    pub converter: Converter,
    /// Of a trace: what is drawn as a counter.
    pub counters: &'c [Counter],
    /// Of a trace: whose it is, if not of this process.
    pub process: Option<(u32, &'c str)>,
    /// Of CSV: fields that have a column each.
    pub columns: Option<Vec<String>>,
}

impl How<'_> {
    pub fn new(format: FormatName, converter: Converter) -> Self {
        Self { format, converter, counters: &[], process: None, columns: None }
    }
}

/// Events on their way to a file.
pub struct Saving<'o> {
    file: File<'o>,
    undrawn: Undrawn,
    start: Instant,
    shows: bool,
    is_whole_or_nothing: bool,
    /// What went wrong: nothing more is written.
    failure: Option<io::Error>,
    place: String,
}

/// What is written.
enum File<'o> {
    Trace(Box<Trace<Sink<'o>>>),
    Lines { form: Form, sink: Sink<'o>, so_far: Lines },
}

#[derive(Clone, Copy, Debug, Default)]
struct Lines {
    events: u64,
    missing: u64,
    bytes: u64,
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    pub events: u64,
    /// Events that were known not to be there.
    pub missing: u64,
    /// Where it is.
    pub place: String,
    spans: Option<Stats>,
}

impl<'o> Saving<'o> {
    pub fn new(how: How<'_>, sink: Sink<'o>) -> Self {
        let (is_whole_or_nothing, place) = (sink.is_whole_or_nothing(), sink.place());
        let How { format, converter, counters, process, columns } = how;
        let undrawn = Undrawn::new(counters);
        let mut failure = None;
        let file = if let Some(format) = format.of_trace() {
            let mut builder = undrawn.of(Trace::builder(format));
            if let Some((id, program)) = process {
                builder = builder.process(id, program);
            }
            File::Trace(Box::new(builder.start(sink, converter)))
        } else {
            let form = match format {
                FormatName::Csv => Form::Csv(Csv::new(converter, columns)),
                _ => Form::Json,
            };
            let (mut sink, mut so_far) = (sink, Lines::default());
            failure = form.head().and_then(|head| so_far.put(&mut sink, &head).err());
            File::Lines { form, sink, so_far }
        };
        Self { file, undrawn, start: Instant::now(), shows: false, is_whole_or_nothing, failure, place }
    }

    /// Writes an event, unless one could not be written.
    pub fn write<'e>(&mut self, row: impl Into<Row<'e>>) {
        if self.failure.is_some() {
            return;
        }
        let row = row.into();
        self.undrawn.see(&row);
        let written = match &mut self.file {
            File::Trace(trace) => trace.write(row.entry()),
            File::Lines { form, sink, so_far } => {
                so_far.events += 1;
                so_far.put(sink, &form.row(&row))
            }
        };
        self.failure = written.err();
    }

    /// The same of what is missing.
    pub fn gap(&mut self, gap: &Gap, messages: &Messages) {
        if self.failure.is_some() {
            return;
        }
        let written = match &mut self.file {
            File::Trace(trace) => trace.gap(gap),
            File::Lines { form, sink, so_far } => {
                so_far.missing = so_far.missing.saturating_add(gap.count);
                form.gap(gap, messages).map_or(Ok(()), |line| so_far.put(sink, &line))
            }
        };
        self.failure = written.err();
    }

    /// Whether to go on; shows how far it is, where it takes long.
    pub fn goes_on(&mut self, messages: &mut Messages) -> bool {
        if !self.shows && self.start.elapsed() > QUIET {
            self.shows = true;
            messages.start_progress(None);
        }
        let (events, bytes) = self.so_far();
        messages.progress(bytes, events);
        self.failure.is_none() && !interrupt::came()
    }

    /// The same, where it is asked after each event.
    pub fn goes_on_after(&mut self, messages: &mut Messages) -> bool {
        !self.so_far().0.is_multiple_of(BATCH) || self.goes_on(messages)
    }

    /// Events, and bytes.
    fn so_far(&self) -> (u64, u64) {
        match &self.file {
            File::Trace(trace) => (trace.stats().events, trace.stats().bytes),
            File::Lines { so_far, .. } => (so_far.events, so_far.bytes),
        }
    }

    /// Puts it in its place; `None` if the user interrupted, with which a file is gone.
    pub fn finish(self, messages: &mut Messages) -> Result<Option<Written>, Failure> {
        messages.end_progress();
        let (failure, place) = (self.failure, self.place);
        let failed = |error| failed(error, &place);
        if let Some(error) = failure {
            return Err(failed(error));
        }
        if interrupt::came() {
            let left = if self.is_whole_or_nothing { "nothing was exported" } else { "this is not all" };
            messages.warn(format_args!("interrupted: {left}"));
            return Ok(None);
        }
        self.undrawn.tell(messages);
        Ok(Some(match self.file {
            File::Trace(trace) => {
                let (sink, stats) = trace.finish().map_err(failed)?;
                let (events, missing) = (stats.events, stats.missing);
                Written { events, missing, place: sink.finish()?, spans: Some(stats) }
            }
            File::Lines { sink, so_far, .. } => {
                let Lines { events, missing, .. } = so_far;
                Written { events, missing, place: sink.finish()?, spans: None }
            }
        }))
    }
}

impl Lines {
    fn put(&mut self, sink: &mut Sink<'_>, line: &str) -> io::Result<()> {
        self.bytes += line.len() as u64 + 1;
        sink.write_all(line.as_bytes())?;
        sink.write_all(b"\n")
    }
}

fn failed(error: io::Error, place: &str) -> Failure {
    if place == Sink::STANDARD {
        return crate::output::OutputError::from(error).into();
    }
    ExportError::Write { out: place.to_owned(), reason: error.to_string() }.into()
}

impl Written {
    /// What was written, in one line.
    pub fn told(&self) -> String {
        let mut said = count(self.events, "event");
        let Some(stats) = &self.spans else { return said };
        said += &format!(", {}", count(stats.spans + stats.unfinished, "span"));
        for (number, what) in [
            (stats.unfinished, "unfinished"),
            (stats.beginnings_missing, "without beginning"),
            (stats.ends_alone, "ends alone"),
        ] {
            if number > 0 {
                said += &format!(", {} {what}", grouped(number));
            }
        }
        said
    }
}

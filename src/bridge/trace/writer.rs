//! From events in the order of time to a trace.

use super::builder::{Format, TraceBuilder};
use super::entry::Entry;
use super::held::{Held, Note};
use super::page::Page;
use super::spans::{Begun, Spans};
use super::stats::Stats;
use super::track::Track;
use super::tracks::Tracks;
use crate::events::{Answer, Delivery, Gap, Value};
use crate::{Converter, CorrelationId, Ticks};
use std::fmt;
use std::io::{self, Write};

/// Writes events as a trace; see [the module](super) for what becomes of what.
///
/// **Order.** Give it events in the order of time: those of an [`Answer`], of [`Query::each_in_order`] or of a [`Cursor`]. What comes
/// late is right all the same, but its spans are drawn beside their thread.
///
/// **Progress.** It writes where it is told to, on the thread that calls it, and takes nothing of whoever records.
///
/// **Memory** does not grow with the trace, but with the spans that are [open](TraceBuilder::most_open) at once, with the names of
/// kinds and fields, and with the threads.
///
/// Without [`Trace::finish`] what is buffered is lost, and so are spans that have not ended.
///
/// [`Query::each_in_order`]: crate::events::Query::each_in_order
/// [`Cursor`]: crate::events::Cursor
#[must_use = "a trace without its end is not whole"]
pub struct Trace<W> {
    out: W,
    page: Page,
    converter: Converter,
    counters: Vec<(Box<str>, Box<str>)>,
    most_open: usize,
    most_bytes: usize,
    tracks: Tracks,
    spans: Spans,
    ending: Vec<u8>,
    /// The latest event so far.
    last: u64,
    stats: Stats,
}

impl Trace<io::Sink> {
    /// In this format.
    pub fn builder(format: Format) -> TraceBuilder {
        TraceBuilder::new(format)
    }
}

impl<W: Write> Trace<W> {
    pub(super) fn new(builder: TraceBuilder, out: W, converter: Converter) -> Self {
        let TraceBuilder { format, process, counters, most_open, most_bytes } = builder;
        // The same for each trace of one deck, and another for that of any other.
        let seed = mixed(converter.unix_ns(Ticks(0)) ^ mixed(process.id.into())) | 1;
        Self {
            out,
            page: Page::new(format, process, seed, most_open),
            converter,
            counters,
            most_open,
            most_bytes,
            tracks: Tracks::new(seed),
            spans: Spans::default(),
            ending: Vec::new(),
            last: 0,
            stats: Stats::default(),
        }
    }

    /// Writes an event.
    ///
    /// # Errors
    /// If `out` does. What it was given by then is in part lost.
    pub fn write<'e>(&mut self, entry: impl Into<Entry<'e>>) -> io::Result<()> {
        let entry = entry.into();
        let event = entry.event();
        let now = self.converter.unix_ns(event.ticks());
        self.page.begin(now);
        self.last = self.last.max(now);
        self.stats.events += 1;
        self.end_due(now);
        let group = self.tracks.group_of(&entry, &mut self.page);
        if event.is_end() {
            self.end_span(&entry, now, group);
        } else if event.is_start() {
            self.begin_span(&entry, now, group);
        } else {
            self.stats.instants += 1;
            self.instant(&entry, now, group, Note::None);
        }
        if !self.counters.is_empty() {
            self.count(&entry, now);
        }
        self.write_full()
    }

    /// Writes all events of an answer, in the order of time also where it was asked for in the other.
    ///
    /// # Errors
    /// As of [`Trace::write`].
    pub fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let mut ends = answer.iter();
        let (first, last) = (ends.next(), ends.next_back());
        let is_backwards = first.zip(last).is_some_and(|(first, last)| first.ticks() > last.ticks());
        if is_backwards {
            return answer.iter().rev().try_for_each(|event| self.write(event));
        }
        answer.iter().try_for_each(|event| self.write(event))
    }

    /// Writes what a cursor hands over.
    ///
    /// # Errors
    /// As of [`Trace::write`].
    pub fn delivery(&mut self, delivery: Delivery<'_>) -> io::Result<()> {
        match delivery {
            Delivery::Event(event) => self.write(event),
            Delivery::Gap(gap) => self.gap(&gap),
        }
    }

    /// Writes that events are missing, as an instant of the process.
    ///
    /// # Errors
    /// As of [`Trace::write`].
    pub fn gap(&mut self, gap: &Gap) -> io::Result<()> {
        let told = [gap.until, gap.from].into_iter().find(|at| at.0 > 0);
        let at = told.map_or(self.last, |at| self.converter.unix_ns(at));
        self.page.begin(at);
        // Saturating: in a mapped file a count may be anything.
        self.stats.missing = self.stats.missing.saturating_add(gap.count);
        self.page.gap(at, gap);
        self.write_full()
    }

    /// Writes a value to the counter of this name, such as one of telemetry.
    ///
    /// # Errors
    /// As of [`Trace::write`].
    pub fn sample(&mut self, name: &str, at: Ticks, value: f64) -> io::Result<()> {
        let at = self.converter.unix_ns(at);
        self.page.begin(at);
        self.put_sample(name, at, value);
        self.write_full()
    }

    /// Converts stamps as the clock is known by now: for a trace that is written over hours.
    pub fn follow_clock(&mut self, converter: Converter) {
        self.converter = converter;
    }

    /// What became of what it was given so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Writes what is left: spans that have not ended as unfinished, and whatever else the format wants at its end.
    ///
    /// # Errors
    /// As of [`Trace::write`].
    pub fn finish(mut self) -> io::Result<(W, Stats)> {
        self.page.begin(self.last);
        self.end_due(u64::MAX);
        for begun in self.spans.rest() {
            // What ends at the end of time is not due.
            self.stats.unfinished += u64::from(begun.end.is_none());
            let (end, group) = (begun.end, begun.group);
            self.place(begun, end, group);
        }
        self.page.end(&self.stats);
        self.write_page()?;
        self.out.flush()?;
        Ok((self.out, self.stats))
    }

    fn write_full(&mut self) -> io::Result<()> {
        if self.page.is_full() { self.write_page() } else { Ok(()) }
    }

    fn write_page(&mut self) -> io::Result<()> {
        self.out.write_all(self.page.bytes())?;
        self.stats.bytes += self.page.bytes().len() as u64;
        self.page.clear();
        Ok(())
    }

    /// Writes the spans that had ended before then, as their beginnings said.
    fn end_due(&mut self, before: u64) {
        while let Some(begun) = self.spans.due(before) {
            self.stats.beginnings_missing += u64::from(begun.early.is_some());
            let (end, group) = (begun.end.unwrap_or(begun.start), begun.group);
            self.place(begun, Some(end), group);
        }
    }

    fn begin_span(&mut self, entry: &Entry<'_>, now: u64, group: usize) {
        let event = entry.event();
        let (key, length) = ((event.correlation(), event.span()), entry.length_ns());
        let mut held = self.spans.buffer();
        self.page.hold(&mut held, entry, Note::None);
        self.tracks[group].lanes.began(now);
        let end = length.map(|length| now.saturating_add(length));
        let begun = Begun { key, start: now, end, group, held, early: None, number: 0 };
        if let Some(ended) = self.spans.early(key) {
            self.tracks[ended.group].lanes.ended(ended.start);
            self.ending = ended.early.unwrap_or_default();
            self.place(begun, ended.end, ended.group);
            self.ending.clear();
            return self.spans.give_back(ended.held);
        }
        self.keep(begun);
    }

    fn keep(&mut self, begun: Begun) {
        self.spans.add(begun);
        if self.spans.len() > self.most_open || self.spans.bytes() > self.most_bytes {
            self.let_go();
        }
    }

    fn end_span(&mut self, entry: &Entry<'_>, now: u64, group: usize) {
        let event = entry.event();
        if event.is_start() {
            // One event that is both.
            return self.whole_span(entry, now, group, Note::None);
        }
        let Some(begun) = self.spans.ended((event.correlation(), event.span())) else {
            return self.whole_span(entry, now, group, Note::BeginningMissing);
        };
        self.hold_end(&begun.held, entry);
        self.place(begun, Some(now), group);
        self.ending.clear();
    }

    /// What the end adds, to `ending`.
    fn hold_end(&mut self, begin: &Held, entry: &Entry<'_>) {
        self.ending.clear();
        self.page.hold_end(&mut self.ending, begin, entry);
    }

    /// Of an end that knows when the span began.
    fn whole_span(&mut self, entry: &Entry<'_>, now: u64, group: usize, note: Note) {
        let event = entry.event();
        let Some(start) = event.started_at() else {
            self.stats.ends_alone += 1;
            return self.instant(entry, now, group, Note::EndAlone);
        };
        let mut held = self.spans.buffer();
        self.page.hold(&mut held, entry, note);
        let (key, start) = ((event.correlation(), event.span()), self.converter.unix_ns(start));
        let mut begun = Begun { key, start, end: Some(now), group, held, early: None, number: 0 };
        if note == Note::BeginningMissing && start == now {
            // Of events of one tick the order is that of shards and classes: the beginning may be still to come.
            self.hold_end(&Held::default(), entry);
            begun.early = Some(std::mem::take(&mut self.ending));
            self.tracks[group].lanes.began(now);
            return self.keep(begun);
        }
        self.stats.beginnings_missing += u64::from(note == Note::BeginningMissing);
        self.place(begun, Some(now), group);
    }

    /// Writes a span to a track on which it nests.
    fn place(&mut self, begun: Begun, end: Option<u64>, ended_in: usize) {
        let Begun { key, start, group, held, .. } = begun;
        self.tracks[group].lanes.ended(start);
        self.stats.spans += u64::from(end.is_some());
        self.stats.backwards += u64::from(end.is_some_and(|end| end < start));
        let end = end.map(|end| end.max(start));
        let on = if ended_in == group { group } else { self.tracks.across(&mut self.page) };
        let mut track = self.tracks.place(on, (start, end.unwrap_or(u64::MAX)), &mut self.page);
        track.thread = self.tracks[group].track.thread;
        self.stats.beside += u64::from(track.is_beside);
        self.see_if_too_early(start);
        self.page.slice(track, (start, end), &held, &self.ending, key.0);
        self.spans.give_back(held);
    }

    /// Too many are open.
    #[cold]
    fn let_go(&mut self) {
        for begun in self.spans.older() {
            let Begun { start, group, mut held, end, early, .. } = begun;
            self.stats.beginnings_missing += u64::from(early.is_some());
            self.tracks[group].lanes.ended(start);
            let track = self.tracks[group].track;
            // Nothing that comes can cross a track of its own.
            if let Some(end) = end {
                let track = Track { thread: track.thread, ..self.tracks.beside(group, &mut self.page) };
                self.stats.spans += 1;
                self.stats.beside += 1;
                self.page.slice(track, (start, Some(end)), &held, &[], CorrelationId::NONE);
            } else {
                self.stats.let_go += 1;
                self.page.add_note(&mut held, Note::LetGo);
                self.page.instant(track, start, &held);
            }
            self.spans.give_back(held);
        }
    }

    fn instant(&mut self, entry: &Entry<'_>, now: u64, group: usize, note: Note) {
        let mut held = self.spans.buffer();
        self.page.hold(&mut held, entry, note);
        let track = self.tracks[group].track;
        self.see_if_too_early(now);
        self.page.instant(track, now, &held);
        self.spans.give_back(held);
    }

    fn see_if_too_early(&mut self, at: u64) {
        self.stats.moved += u64::from(self.page.is_too_early(at));
    }

    fn count(&mut self, entry: &Entry<'_>, now: u64) {
        let event = entry.event();
        for at in 0..self.counters.len() {
            let (kind, field) = &self.counters[at];
            let value = if **kind == *event.kind() { entry.field(field) } else { None };
            if let Some(value) = value.and_then(as_number) {
                let name = format!("{kind} {field}");
                self.put_sample(&name, now, value);
            }
        }
    }

    fn put_sample(&mut self, name: &str, at: u64, value: f64) {
        let track = self.tracks.counter(name, &mut self.page);
        self.stats.samples += 1;
        self.see_if_too_early(at);
        self.page.sample(track, name, at, value);
    }
}

fn as_number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::U64(number) => Some(number as f64),
        Value::I64(number) => Some(number as f64),
        Value::F64(number) => Some(number),
        Value::Bool(is) => Some(f64::from(u8::from(is))),
        _ => None,
    }
}

/// `splitmix64`.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

impl<W> fmt::Debug for Trace<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("stats", &self.stats).finish_non_exhaustive()
    }
}

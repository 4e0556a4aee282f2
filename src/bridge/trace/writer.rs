//! From events in the order of time to a trace.

use super::chrome::Chrome;
use super::entry::Entry;
use super::held::{Held, Note};
use super::lanes::Lanes;
use super::perfetto::Perfetto;
use super::process::Process;
use super::spans::{Begun, Spans};
use super::stats::Stats;
use super::track::{Group, Kind, Track};
use crate::events::{Answer, Delivery, Gap, Value};
use crate::{Converter, CorrelationId, Ticks};
use ahash::RandomState;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

/// So much is written at once.
const FULL: usize = 64 << 10;

/// What a trace is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Perfetto's protobuf: for [ui.perfetto.dev](https://ui.perfetto.dev) and its trace processor. Times are nanoseconds, ids 64 bits.
    Perfetto,
    /// Chrome's trace event format, which is JSON: for `chrome://tracing`, Speedscope, Perfetto too.
    Chrome,
}

/// How a trace is to be written: from [`Trace::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is written until it starts"]
pub struct TraceBuilder {
    format: Format,
    process: Process,
    counters: Vec<(Box<str>, Box<str>)>,
    most_open: usize,
    most_bytes: usize,
}

impl TraceBuilder {
    /// Whose events they are: by default this process. Of a recording, whoever wrote it.
    pub fn process(mut self, id: u32, name: &str) -> Self {
        self.process = Process { id, name: name.into() };
        self
    }

    /// Draws this field of events of this kind as a counter, beside the events themselves. Numbers and booleans; values that are
    /// neither are left out.
    pub fn counter(mut self, kind: &str, field: &str) -> Self {
        self.counters.push((kind.into(), field.into()));
        self
    }

    /// How many spans may be open at once, 65,536 by default, and how many bytes their beginnings may take, 64 MiB by default. Beyond
    /// either, the older half is let go: see [`Stats::let_go`].
    pub fn most_open(mut self, spans: usize, bytes: usize) -> Self {
        (self.most_open, self.most_bytes) = (spans.max(1), bytes);
        self
    }

    /// Starts to write to `out`. `converter` is that of whoever recorded the events, such as
    /// [`Answer::converter`]. Nothing is written before the first event.
    pub fn start<W: Write>(self, out: W, converter: Converter) -> Trace<W> {
        let Self { format, process, counters, most_open, most_bytes } = self;
        // The same for each trace of one deck, and another for that of any other.
        let seed = mixed(converter.unix_ns(Ticks(0)) ^ mixed(process.id.into())) | 1;
        let dialect = match format {
            Format::Perfetto => Dialect::Perfetto(Perfetto::new(process, seed)),
            Format::Chrome => Dialect::Chrome(Chrome::new(process, most_open)),
        };
        Trace {
            out,
            buffer: Vec::with_capacity(2 * FULL),
            dialect,
            converter,
            counters,
            most_open,
            most_bytes,
            seed,
            tracks: 0,
            groups: Vec::new(),
            by_thread: HashMap::default(),
            by_name: HashMap::default(),
            by_counter: HashMap::default(),
            across: None,
            spans: Spans::default(),
            ending: Vec::new(),
            has_begun: false,
            last: 0,
            stats: Stats::default(),
        }
    }
}

/// `splitmix64`.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// How it is written.
#[derive(Debug)]
enum Dialect {
    Perfetto(Perfetto),
    Chrome(Chrome),
}

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
    buffer: Vec<u8>,
    dialect: Dialect,
    converter: Converter,
    counters: Vec<(Box<str>, Box<str>)>,
    most_open: usize,
    most_bytes: usize,
    seed: u64,
    /// How many have a uuid.
    tracks: u64,
    groups: Vec<Group>,
    by_thread: HashMap<u32, usize, RandomState>,
    by_name: HashMap<Box<str>, usize, RandomState>,
    by_counter: HashMap<Box<str>, Track, RandomState>,
    /// Of spans that end in another thread than they began in.
    across: Option<usize>,
    spans: Spans,
    ending: Vec<u8>,
    has_begun: bool,
    /// The latest event so far.
    last: u64,
    stats: Stats,
}

impl Trace<io::Sink> {
    /// In this format.
    pub fn builder(format: Format) -> TraceBuilder {
        TraceBuilder {
            format,
            process: Process::this(),
            counters: Vec::new(),
            most_open: 1 << 16,
            most_bytes: 64 << 20,
        }
    }
}

impl<W: Write> Trace<W> {
    /// Writes an event.
    ///
    /// # Errors
    /// If `out` does. What it was given by then is in part lost.
    pub fn write<'e>(&mut self, entry: impl Into<Entry<'e>>) -> io::Result<()> {
        let entry = entry.into();
        let event = entry.event();
        let now = self.converter.unix_ns(event.ticks());
        self.begin(now);
        self.last = self.last.max(now);
        self.stats.events += 1;
        self.end_due(now);
        let group = self.group_of(&entry);
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
        self.begin(at);
        // Saturating: in a mapped file a count may be anything.
        self.stats.missing = self.stats.missing.saturating_add(gap.count);
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.gap(&mut self.buffer, at, gap),
            Dialect::Chrome(chrome) => chrome.gap(&mut self.buffer, at, gap),
        }
        self.write_full()
    }

    /// Writes a value to the counter of this name, such as one of telemetry.
    ///
    /// # Errors
    /// As of [`Trace::write`].
    pub fn sample(&mut self, name: &str, at: Ticks, value: f64) -> io::Result<()> {
        let at = self.converter.unix_ns(at);
        self.begin(at);
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
        self.begin(self.last);
        self.end_due(u64::MAX);
        for begun in self.spans.rest() {
            // What ends at the end of time is not due.
            self.stats.unfinished += u64::from(begun.end.is_none());
            let (end, group) = (begun.end, begun.group);
            self.place(begun, end, group);
        }
        if let Dialect::Chrome(chrome) = &mut self.dialect {
            chrome.foot(&mut self.buffer, &self.stats);
        }
        self.write_buffer()?;
        self.out.flush()?;
        Ok((self.out, self.stats))
    }

    fn begin(&mut self, at: u64) {
        if !std::mem::replace(&mut self.has_begun, true) {
            match &mut self.dialect {
                Dialect::Perfetto(perfetto) => perfetto.head(&mut self.buffer, at),
                Dialect::Chrome(chrome) => chrome.head(&mut self.buffer, at),
            }
        }
    }

    fn write_full(&mut self) -> io::Result<()> {
        if self.buffer.len() < FULL { Ok(()) } else { self.write_buffer() }
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.stats.bytes += self.buffer.len() as u64;
        self.buffer.clear();
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
        self.hold(&mut held, entry, Note::None);
        self.groups[group].lanes.began(now);
        let end = length.map(|length| now.saturating_add(length));
        let begun = Begun { key, start: now, end, group, held, early: None, number: 0 };
        if let Some(ended) = self.spans.early(key) {
            self.groups[ended.group].lanes.ended(ended.start);
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
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => {
                perfetto.hold_end(&mut self.buffer, &mut self.ending, begin, entry);
            }
            Dialect::Chrome(chrome) => chrome.hold_end(&mut self.ending, begin, entry),
        }
    }

    /// Of an end that knows when the span began.
    fn whole_span(&mut self, entry: &Entry<'_>, now: u64, group: usize, note: Note) {
        let event = entry.event();
        let Some(start) = event.started_at() else {
            self.stats.ends_alone += 1;
            return self.instant(entry, now, group, Note::EndAlone);
        };
        let mut held = self.spans.buffer();
        self.hold(&mut held, entry, note);
        let (key, start) = ((event.correlation(), event.span()), self.converter.unix_ns(start));
        let mut begun = Begun { key, start, end: Some(now), group, held, early: None, number: 0 };
        if note == Note::BeginningMissing && start == now {
            // Of events of one tick the order is that of shards and classes: the beginning may be still to come.
            self.hold_end(&Held::default(), entry);
            begun.early = Some(std::mem::take(&mut self.ending));
            self.groups[group].lanes.began(now);
            return self.keep(begun);
        }
        self.stats.beginnings_missing += u64::from(note == Note::BeginningMissing);
        self.place(begun, Some(now), group);
    }

    /// Writes a span to a track on which it nests.
    fn place(&mut self, begun: Begun, end: Option<u64>, ended_in: usize) {
        let Begun { key, start, group, held, .. } = begun;
        self.groups[group].lanes.ended(start);
        self.stats.spans += u64::from(end.is_some());
        self.stats.backwards += u64::from(end.is_some_and(|end| end < start));
        let end = end.map(|end| end.max(start));
        let on = if ended_in == group { group } else { self.across() };
        let lane = self.groups[on].lanes.place(start, end.unwrap_or(u64::MAX));
        let mut track = match lane {
            Some(0) => self.groups[on].track,
            Some(lane) => match self.groups[on].beside.get(lane - 1) {
                Some(track) => *track,
                None => {
                    let track = self.track_beside(on);
                    self.groups[on].beside.push(track);
                    track
                }
            },
            None => self.track_beside(on),
        };
        track.thread = self.groups[group].track.thread;
        self.stats.beside += u64::from(track.is_beside);
        self.see_if_too_early(start);
        let (out, ending, times) = (&mut self.buffer, &self.ending[..], (start, end));
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.slice(out, track, times, &held, ending),
            Dialect::Chrome(chrome) => chrome.slice(out, track, times, &held, ending, key.0),
        }
        self.spans.give_back(held);
    }

    /// Too many are open.
    #[cold]
    fn let_go(&mut self) {
        for begun in self.spans.older() {
            let Begun { start, group, mut held, end, early, .. } = begun;
            self.stats.beginnings_missing += u64::from(early.is_some());
            self.groups[group].lanes.ended(start);
            let track = self.groups[group].track;
            // Nothing that comes can cross a track of its own.
            if let Some(end) = end {
                let track = Track { thread: track.thread, ..self.track_beside(group) };
                self.stats.spans += 1;
                self.stats.beside += 1;
                let (out, times) = (&mut self.buffer, (start, Some(end)));
                match &mut self.dialect {
                    Dialect::Perfetto(perfetto) => perfetto.slice(out, track, times, &held, &[]),
                    Dialect::Chrome(chrome) => {
                        chrome.slice(out, track, times, &held, &[], CorrelationId::NONE);
                    }
                }
            } else {
                self.stats.let_go += 1;
                match &mut self.dialect {
                    Dialect::Perfetto(perfetto) => {
                        perfetto.add_note(&mut self.buffer, &mut held, Note::LetGo);
                        perfetto.instant(&mut self.buffer, track, start, &held);
                    }
                    Dialect::Chrome(chrome) => {
                        chrome.add_note(&mut held, Note::LetGo);
                        chrome.instant(&mut self.buffer, track, start, &held);
                    }
                }
            }
            self.spans.give_back(held);
        }
    }

    fn instant(&mut self, entry: &Entry<'_>, now: u64, group: usize, note: Note) {
        let mut held = self.spans.buffer();
        self.hold(&mut held, entry, note);
        let track = self.groups[group].track;
        self.see_if_too_early(now);
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.instant(&mut self.buffer, track, now, &held),
            Dialect::Chrome(chrome) => chrome.instant(&mut self.buffer, track, now, &held),
        }
        self.spans.give_back(held);
    }

    fn see_if_too_early(&mut self, at: u64) {
        if let Dialect::Chrome(chrome) = &self.dialect {
            self.stats.moved += u64::from(chrome.is_too_early(at));
        }
    }

    fn hold(&mut self, held: &mut Held, entry: &Entry<'_>, note: Note) {
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.hold(&mut self.buffer, held, entry, note),
            Dialect::Chrome(chrome) => chrome.hold(held, entry, note),
        }
    }

    fn count(&mut self, entry: &Entry<'_>, now: u64) {
        let event = entry.event();
        for at in 0..self.counters.len() {
            let (kind, field) = &self.counters[at];
            let value = if **kind == *event.kind() { event.field(field) } else { None };
            if let Some(value) = value.and_then(as_number) {
                let name = format!("{kind} {field}");
                self.put_sample(&name, now, value);
            }
        }
    }

    fn put_sample(&mut self, name: &str, at: u64, value: f64) {
        let track = match self.by_counter.get(name) {
            Some(track) => *track,
            None => {
                let track = self.new_track(Kind::Counter, 0, name);
                self.by_counter.insert(name.into(), track);
                track
            }
        };
        self.stats.samples += 1;
        self.see_if_too_early(at);
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.sample(&mut self.buffer, track, at, value),
            Dialect::Chrome(chrome) => chrome.sample(&mut self.buffer, name, at, value),
        }
    }

    fn group_of(&mut self, entry: &Entry<'_>) -> usize {
        let thread = entry.event().thread();
        let known = match entry.shown_track() {
            Some(name) => self.by_name.get(name),
            None => self.by_thread.get(&thread),
        };
        if let Some(group) = known {
            return *group;
        }
        let group = self.groups.len();
        let track = if let Some(name) = entry.shown_track() {
            self.by_name.insert(name.into(), group);
            // Beyond the numbers of threads, and within 32 bits, which some readers hold them in.
            self.new_track(Kind::Named, (1 << 30) + group as u64, name)
        } else {
            self.by_thread.insert(thread, group);
            let name = entry.event().thread_name();
            let name = name.map_or_else(|| format!("thread {thread}"), String::from);
            self.new_track(Kind::Thread(thread), thread.into(), &name)
        };
        self.groups.push(Group::new(track, Lanes::default()));
        group
    }

    fn across(&mut self) -> usize {
        if let Some(group) = self.across {
            return group;
        }
        let track = self.new_track(Kind::Beside(self.seed), 0, "across threads");
        self.groups.push(Group::new(track, Lanes::blind()));
        *self.across.insert(self.groups.len() - 1)
    }

    fn track_beside(&mut self, group: usize) -> Track {
        let Track { uuid, thread, .. } = self.groups[group].track;
        if self.across == Some(group) {
            return self.new_track(Kind::Beside(self.seed), thread, "across threads");
        }
        self.new_track(Kind::Beside(uuid), thread, "interleaved")
    }

    fn new_track(&mut self, kind: Kind, thread: u64, name: &str) -> Track {
        self.tracks += 1;
        let uuid = self.seed.wrapping_add(2 * self.tracks);
        let track = Track { uuid, thread, is_beside: matches!(kind, Kind::Beside(_)) };
        match &mut self.dialect {
            Dialect::Perfetto(perfetto) => perfetto.track(&mut self.buffer, track, kind, name),
            Dialect::Chrome(chrome) => chrome.track(&mut self.buffer, track, kind, name),
        }
        track
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

impl<W> fmt::Debug for Trace<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("stats", &self.stats).finish_non_exhaustive()
    }
}

//! Chrome's trace event format: JSON objects in an array.
//!
//! Times in it are microseconds, read as doubles by most, so they are counted from a day before the first event and not from
//! 1970: that keeps nanoseconds apart.

use super::entry::Entry;
use super::flows::{Flows, Point, Step};
use super::held::{Held, Note, links};
use super::process::Process;
use super::stats::Stats;
use super::text::{member, name, put, string, value};
use super::track::{Kind, Track};
use crate::CorrelationId;
use crate::Severity;
use crate::events::{Gap, Value};

const DAY_NS: u64 = 86_400_000_000_000;

#[derive(Debug)]
pub(super) struct Chrome {
    process: Process,
    /// What times are counted from, in nanoseconds since 1970.
    origin: u64,
    has_events: bool,
    flows: Flows,
    spare: Vec<u8>,
}

impl Chrome {
    pub(super) fn new(process: Process, most_flows: usize) -> Self {
        Self { process, origin: 0, has_events: false, flows: Flows::new(most_flows), spare: Vec::new() }
    }

    pub(super) fn head(&mut self, out: &mut Vec<u8>, at: u64) {
        self.origin = at.saturating_sub(DAY_NS) / DAY_NS * DAY_NS;
        out.extend_from_slice(b"{\"traceEvents\":[");
        let process = self.process.name.clone();
        self.describe(out, "process_name", 0, &process);
    }

    /// What is too early for it.
    pub(super) fn is_too_early(&self, at: u64) -> bool {
        at < self.origin
    }

    pub(super) fn track(&mut self, out: &mut Vec<u8>, track: Track, kind: Kind, name: &str) {
        if matches!(kind, Kind::Thread(_) | Kind::Named) {
            self.describe(out, "thread_name", track.thread, name);
        }
    }

    fn describe(&mut self, out: &mut Vec<u8>, what: &str, thread: u64, text: &str) {
        self.open(out, "M", None, thread);
        member(out, "name", what);
        name(out, "args");
        out.push(b'{');
        member(out, "name", text);
        out.extend_from_slice(b"}}");
    }

    /// The beginning of an event, whose object stays open.
    fn open(&mut self, out: &mut Vec<u8>, phase: &str, at: Option<u64>, thread: u64) {
        let separator: &[u8] = if std::mem::replace(&mut self.has_events, true) { b",\n{" } else { b"\n{" };
        out.extend_from_slice(separator);
        member(out, "ph", phase);
        if let Some(at) = at {
            let ns = at.saturating_sub(self.origin);
            name(out, "ts");
            put(out, format_args!("{}.{:03}", ns / 1_000, ns % 1_000));
        }
        name(out, "pid");
        put(out, self.process.id);
        name(out, "tid");
        put(out, thread);
    }

    pub(super) fn slice(
        &mut self,
        out: &mut Vec<u8>,
        track: Track,
        (start, end): (u64, Option<u64>),
        begin: &Held,
        ending: &[u8],
        id: CorrelationId,
    ) {
        let (began, ended) = if track.is_beside { ("b", "e") } else { ("B", "E") };
        let beside = |out: &mut Vec<u8>| {
            if track.is_beside {
                name(out, "id");
                put(out, format_args!("\"{:#x}\"", track.uuid));
            }
        };
        self.open(out, began, Some(start), track.thread);
        beside(out);
        out.push(b',');
        out.extend_from_slice(&begin.bytes);
        out.extend_from_slice(b"}}");
        if let Some(end) = end {
            self.open(out, ended, Some(end), track.thread);
            beside(out);
            if track.is_beside {
                out.push(b',');
                out.extend_from_slice(&begin.bytes[..begin.head]);
            }
            if !ending.is_empty() {
                name(out, "args");
                out.push(b'{');
                out.extend_from_slice(ending);
                out.push(b'}');
            }
            out.push(b'}');
        }
        // Arrows start and end at what a thread does.
        if !track.is_beside && !id.is_none() {
            let point = Point { at: start, thread: track.thread };
            let mut flows = std::mem::take(&mut self.flows);
            flows.add(id, point, |step| self.flow(out, step));
            self.flows = flows;
        }
    }

    fn flow(&mut self, out: &mut Vec<u8>, step: Step) {
        let Step { phase, flow, point } = step;
        self.open(out, phase, Some(point.at), point.thread);
        name(out, "id");
        put(out, flow);
        member(out, "name", "correlation");
        member(out, "cat", "correlation");
        if phase != "s" {
            // The slice around the instant, not the one that comes next.
            member(out, "bp", "e");
        }
        out.push(b'}');
    }

    pub(super) fn instant(&mut self, out: &mut Vec<u8>, track: Track, at: u64, held: &Held) {
        self.open(out, "i", Some(at), track.thread);
        member(out, "s", "t");
        out.push(b',');
        out.extend_from_slice(&held.bytes);
        out.extend_from_slice(b"}}");
    }

    pub(super) fn sample(&mut self, out: &mut Vec<u8>, of: &str, at: u64, sample: f64) {
        self.open(out, "C", Some(at), 0);
        member(out, "name", of);
        name(out, "args");
        out.push(b'{');
        name(out, "value");
        value(out, Value::F64(sample));
        out.extend_from_slice(b"}}");
    }

    pub(super) fn gap(&mut self, out: &mut Vec<u8>, at: u64, gap: &Gap) {
        self.open(out, "i", Some(at), 0);
        member(out, "s", "p");
        member(out, "name", "events are missing");
        member(out, "cat", Severity::Warn.name());
        name(out, "args");
        out.push(b'{');
        member(out, "cause", gap.cause.name());
        member(out, "class", gap.class.name());
        name(out, "count");
        value(out, Value::U64(gap.count));
        out.extend_from_slice(b"}}");
    }

    /// What is to be written of an event; `args` stay open.
    pub(super) fn hold(&mut self, held: &mut Held, entry: &Entry<'_>, note: Note) {
        let (event, to) = (entry.event(), &mut held.bytes);
        to.extend_from_slice(b"\"name\":");
        string(to, entry.shown_name());
        member(to, "cat", event.severity().name());
        held.head = to.len();
        name(to, "args");
        to.push(b'{');
        let id = event.correlation();
        if !id.is_none() {
            name(to, "correlation");
            put(to, format_args!("\"{id}\""));
        }
        for (of, span) in [("span", Some(event.span())), ("parent", event.parent())] {
            if let Some(span) = span.filter(|span| !span.is_none()) {
                name(to, of);
                put(to, format_args!("\"{span}\""));
            }
        }
        if event.links().len() > 0 {
            name(to, "links");
            for (at, link) in links(event).enumerate() {
                to.push(if at == 0 { b'[' } else { b',' });
                string(to, &link);
            }
            to.push(b']');
        }
        if let Some(note) = note.text() {
            member(to, "note", note);
        }
        if event.is_unwound() {
            name(to, "unwound");
            put(to, true);
        }
        held.fields = to.len();
        fields(to, entry);
    }

    /// Says more of what is held.
    pub(super) fn add_note(&mut self, held: &mut Held, note: Note) {
        member(&mut held.bytes, "note", note.text().unwrap_or_default());
    }

    /// What the end of a span adds to its beginning: nothing where it says the same.
    pub(super) fn hold_end(&mut self, ending: &mut Vec<u8>, begin: &Held, entry: &Entry<'_>) {
        // Members of an object that is opened later.
        let mut members = std::mem::take(&mut self.spare);
        members.clear();
        members.push(b'{');
        fields(&mut members, entry);
        let (own, begun) = (&members[1..], begin.bytes.get(begin.fields..).unwrap_or_default());
        let is_same = own == begun.strip_prefix(b",").unwrap_or(begun);
        if entry.event().is_unwound() {
            ending.extend_from_slice(b"\"unwound\":true");
        }
        if !own.is_empty() && !is_same {
            if !ending.is_empty() {
                ending.push(b',');
            }
            ending.extend_from_slice(b"\"end\":");
            ending.extend_from_slice(&members);
            ending.push(b'}');
        }
        self.spare = members;
    }

    /// What stands after the last event.
    pub(super) fn foot(&mut self, out: &mut Vec<u8>, stats: &Stats) {
        let mut flows = std::mem::take(&mut self.flows);
        flows.end_all(|step| self.flow(out, step));
        out.extend_from_slice(b"\n],\"displayTimeUnit\":\"ns\",\"otherData\":{");
        let told = [
            ("origin_unix_ns", self.origin),
            ("events", stats.events),
            ("spans", stats.spans),
            ("unfinished", stats.unfinished),
            ("beginnings_missing", stats.beginnings_missing),
            ("ends_alone", stats.ends_alone),
            ("missing", stats.missing),
            ("let_go", stats.let_go),
        ];
        for (name, number) in told {
            member(out, name, &number.to_string());
        }
        out.extend_from_slice(b"}}\n");
    }
}

fn fields(to: &mut Vec<u8>, entry: &Entry<'_>) {
    entry.each_field(|of, field| {
        name(to, of);
        value(to, field);
    });
}

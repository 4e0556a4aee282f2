//! Perfetto's protobuf: packets on one sequence, names interned.
//!
//! Field numbers are those of `protos/perfetto/trace` in the public sources of Perfetto: `trace.proto`,
//! `trace_packet.proto`, `clock_snapshot.proto`, `interned_data/interned_data.proto`, and of `track_event/` the files
//! `track_descriptor`, `process_descriptor`, `thread_descriptor`, `counter_descriptor`, `track_event` and `debug_annotation`.

use super::entry::Entry;
use super::held::{Held, Note, links};
use super::process::Process;
use super::track::{Kind, Track};
use super::wire::{bytes, double, fixed64, message, number};
use crate::events::{Gap, Value};
use crate::{CorrelationId, Severity};
use ahash::RandomState;
use std::collections::HashMap;
use std::io::Write;

/// Fields of `Trace` and `TracePacket`.
mod packet {
    pub(super) const PACKET: u64 = 1;
    pub(super) const CLOCK_SNAPSHOT: u64 = 6;
    pub(super) const TIMESTAMP: u64 = 8;
    pub(super) const SEQUENCE: u64 = 10;
    pub(super) const TRACK_EVENT: u64 = 11;
    pub(super) const INTERNED_DATA: u64 = 12;
    pub(super) const SEQUENCE_FLAGS: u64 = 13;
    pub(super) const TRACK_DESCRIPTOR: u64 = 60;
    pub(super) const FIRST_ON_SEQUENCE: u64 = 87;
    /// Flag: what was interned before is void.
    pub(super) const STATE_CLEARED: u64 = 1;
    /// Flag: not to be read without what was interned before.
    pub(super) const NEEDS_STATE: u64 = 2;
}

/// Fields of `TrackEvent`, and its types.
mod event {
    pub(super) const CATEGORY: u64 = 3;
    pub(super) const ANNOTATION: u64 = 4;
    pub(super) const TYPE: u64 = 9;
    pub(super) const NAME: u64 = 10;
    pub(super) const TRACK: u64 = 11;
    pub(super) const NAME_TEXT: u64 = 23;
    pub(super) const DOUBLE_VALUE: u64 = 44;
    pub(super) const FLOW: u64 = 47;
    pub(super) const CORRELATION: u64 = 52;
    pub(super) const BEGIN: u64 = 1;
    pub(super) const END: u64 = 2;
    pub(super) const INSTANT: u64 = 3;
    pub(super) const COUNTER: u64 = 4;
}

/// Fields of `DebugAnnotation`.
mod annotation {
    pub(super) const NAME_IID: u64 = 1;
    pub(super) const BOOL: u64 = 2;
    pub(super) const UINT: u64 = 3;
    pub(super) const INT: u64 = 4;
    pub(super) const DOUBLE: u64 = 5;
    pub(super) const STRING: u64 = 6;
    /// A number that is shown in hexadecimal digits.
    pub(super) const POINTER: u64 = 7;
    pub(super) const NAME: u64 = 10;
    pub(super) const ENTRY: u64 = 11;
    pub(super) const ELEMENT: u64 = 12;
}

/// Fields of `TrackDescriptor` and of what it holds.
mod track {
    pub(super) const UUID: u64 = 1;
    pub(super) const NAME: u64 = 2;
    pub(super) const PROCESS: u64 = 3;
    pub(super) const THREAD: u64 = 4;
    pub(super) const PARENT: u64 = 5;
    pub(super) const COUNTER: u64 = 8;
    pub(super) const PID: u64 = 1;
    pub(super) const TID: u64 = 2;
    pub(super) const THREAD_NAME: u64 = 5;
    pub(super) const PROCESS_NAME: u64 = 6;
}

/// Fields of `InternedData`, and of its entries.
mod interned {
    pub(super) const CATEGORY: u64 = 1;
    pub(super) const NAME: u64 = 2;
    pub(super) const ANNOTATION: u64 = 3;
    pub(super) const IID: u64 = 1;
    pub(super) const TEXT: u64 = 2;
}

/// Numbers of clocks, and fields of `ClockSnapshot`.
mod clock {
    pub(super) const CLOCK: u64 = 1;
    pub(super) const ID: u64 = 1;
    pub(super) const TIME: u64 = 2;
    pub(super) const REALTIME: u64 = 1;
    /// The one that times are in where a packet does not say.
    pub(super) const BOOTTIME: u64 = 6;
}

/// More names than kinds and fields have. A host that gives names of its own may make up a new one each time: those beyond are written out.
const MOST_NAMES: usize = 1 << 14;

/// Names and the numbers that stand for them.
#[derive(Debug, Default)]
struct Names(HashMap<Box<str>, u64, RandomState>);

/// What stands for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Known(u64),
    New(u64),
    /// Itself.
    Text,
}

impl Names {
    fn number(&mut self, name: &str) -> Named {
        if let Some(number) = self.0.get(name) {
            return Named::Known(*number);
        }
        if self.0.len() >= MOST_NAMES {
            return Named::Text;
        }
        let number = self.0.len() as u64 + 1;
        self.0.insert(name.into(), number);
        Named::New(number)
    }
}

/// What was told of names so far.
#[derive(Debug)]
pub(super) struct Perfetto {
    /// Whose packets these are, among those of other writers in one trace.
    sequence: u64,
    process: Process,
    process_track: u64,
    names: Names,
    annotations: Names,
    /// Numbers of the fields of one event.
    spare: Vec<u8>,
}

impl Perfetto {
    pub(super) fn new(process: Process, process_track: u64) -> Self {
        // Not zero, and below what a signed number holds.
        let sequence = process_track >> 34 | 1;
        Self {
            sequence,
            process,
            process_track,
            names: Names::default(),
            annotations: Names::default(),
            spare: Vec::new(),
        }
    }

    fn packet(&self, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        message(out, packet::PACKET, |out| {
            number(out, packet::SEQUENCE, self.sequence);
            body(out);
        });
    }

    /// What stands before the first event: times are those of the wall clock.
    pub(super) fn head(&mut self, out: &mut Vec<u8>, at: u64) {
        self.packet(out, |out| {
            number(out, packet::FIRST_ON_SEQUENCE, 1);
            number(out, packet::SEQUENCE_FLAGS, packet::STATE_CLEARED);
            message(out, packet::CLOCK_SNAPSHOT, |out| {
                for id in [clock::REALTIME, clock::BOOTTIME] {
                    message(out, clock::CLOCK, |out| {
                        number(out, clock::ID, id);
                        number(out, clock::TIME, at);
                    });
                }
            });
            message(out, packet::INTERNED_DATA, |out| {
                for severity in Severity::ALL {
                    message(out, interned::CATEGORY, |out| {
                        number(out, interned::IID, category(severity));
                        bytes(out, interned::TEXT, severity.name().as_bytes());
                    });
                }
            });
        });
        self.packet(out, |out| {
            message(out, packet::TRACK_DESCRIPTOR, |out| {
                number(out, track::UUID, self.process_track);
                message(out, track::PROCESS, |out| {
                    number(out, track::PID, self.process.id.into());
                    bytes(out, track::PROCESS_NAME, self.process.name.as_bytes());
                });
            });
        });
    }

    pub(super) fn track(&self, out: &mut Vec<u8>, track: Track, kind: Kind, name: &str) {
        self.packet(out, |out| {
            message(out, packet::TRACK_DESCRIPTOR, |out| {
                number(out, track::UUID, track.uuid);
                match kind {
                    Kind::Thread(number_of_thread) => message(out, track::THREAD, |out| {
                        number(out, track::PID, self.process.id.into());
                        number(out, track::TID, number_of_thread.into());
                        bytes(out, track::THREAD_NAME, name.as_bytes());
                    }),
                    Kind::Named | Kind::Counter | Kind::Beside(_) => {
                        bytes(out, track::NAME, name.as_bytes());
                        let parent = if let Kind::Beside(of) = kind { of } else { self.process_track };
                        number(out, track::PARENT, parent);
                        if kind == Kind::Counter {
                            message(out, track::COUNTER, |_| {});
                        }
                    }
                }
            });
        });
    }

    fn event(&self, out: &mut Vec<u8>, at: u64, kind: u64, track: u64, body: impl FnOnce(&mut Vec<u8>)) {
        self.packet(out, |out| {
            number(out, packet::TIMESTAMP, at);
            number(out, packet::SEQUENCE_FLAGS, packet::NEEDS_STATE);
            message(out, packet::TRACK_EVENT, |out| {
                number(out, event::TYPE, kind);
                number(out, event::TRACK, track);
                body(out);
            });
        });
    }

    pub(super) fn slice(
        &self,
        out: &mut Vec<u8>,
        track: Track,
        (start, end): (u64, Option<u64>),
        begin: &Held,
        ending: &[u8],
    ) {
        self.event(out, start, event::BEGIN, track.uuid, |out| out.extend_from_slice(&begin.bytes));
        if let Some(end) = end {
            self.event(out, end, event::END, track.uuid, |out| out.extend_from_slice(ending));
        }
    }

    pub(super) fn instant(&self, out: &mut Vec<u8>, track: Track, at: u64, held: &Held) {
        self.event(out, at, event::INSTANT, track.uuid, |out| out.extend_from_slice(&held.bytes));
    }

    pub(super) fn sample(&self, out: &mut Vec<u8>, track: Track, at: u64, value: f64) {
        self.event(out, at, event::COUNTER, track.uuid, |out| double(out, event::DOUBLE_VALUE, value));
    }

    pub(super) fn gap(&mut self, out: &mut Vec<u8>, at: u64, gap: &Gap) {
        let mut held = Vec::new();
        number(&mut held, event::CATEGORY, category(Severity::Warn));
        self.name(out, &mut held, "events are missing");
        let said = [("cause", gap.cause.name()), ("class", gap.class.name())];
        for (name, text) in said {
            self.annotate(out, &mut held, name, |out| bytes(out, annotation::STRING, text.as_bytes()));
        }
        self.annotate(out, &mut held, "count", |out| number(out, annotation::UINT, gap.count));
        self.event(out, at, event::INSTANT, self.process_track, |out| out.extend_from_slice(&held));
    }

    /// What is to be written of an event; names that are new go to `out` at once.
    pub(super) fn hold(&mut self, out: &mut Vec<u8>, held: &mut Held, entry: &Entry<'_>, note: Note) {
        let (event, to) = (entry.event(), &mut held.bytes);
        number(to, event::CATEGORY, category(event.severity()));
        self.name(out, to, entry.shown_name());
        let id = event.correlation();
        if !id.is_none() {
            let flow = flow_of(id);
            fixed64(to, event::FLOW, flow);
            number(to, event::CORRELATION, flow);
            let text = id.to_string();
            self.annotate(out, to, "correlation", |out| bytes(out, annotation::STRING, text.as_bytes()));
        }
        for (name, span) in [("span", Some(event.span())), ("parent", event.parent())] {
            if let Some(span) = span.filter(|span| !span.is_none()) {
                self.annotate(out, to, name, |out| number(out, annotation::POINTER, span.get()));
            }
        }
        if event.links().len() > 0 {
            self.annotate(out, to, "links", |out| {
                for link in links(event) {
                    message(out, annotation::ELEMENT, |out| {
                        bytes(out, annotation::STRING, link.as_bytes());
                    });
                }
            });
        }
        if let Some(note) = note.text() {
            self.annotate(out, to, "note", |out| bytes(out, annotation::STRING, note.as_bytes()));
        }
        if event.is_unwound() {
            self.annotate(out, to, "unwound", |out| number(out, annotation::BOOL, 1));
        }
        held.fields = to.len();
        self.fields(out, to, event::ANNOTATION, entry);
    }

    /// What the end of a span adds to its beginning: nothing where it says the same.
    pub(super) fn hold_end(
        &mut self,
        out: &mut Vec<u8>,
        ending: &mut Vec<u8>,
        begin: &Held,
        entry: &Entry<'_>,
    ) {
        if entry.event().is_unwound() {
            self.annotate(out, ending, "unwound", |out| number(out, annotation::BOOL, 1));
        }
        let mut fields = std::mem::take(&mut self.spare);
        fields.clear();
        self.fields(out, &mut fields, event::ANNOTATION, entry);
        if !fields.is_empty() && begin.bytes.get(begin.fields..) != Some(&fields[..]) {
            fields.clear();
            self.fields(out, &mut fields, annotation::ENTRY, entry);
            self.annotate(out, ending, "end", |out| out.extend_from_slice(&fields));
        }
        self.spare = fields;
    }

    /// Says more of what is held.
    pub(super) fn add_note(&mut self, out: &mut Vec<u8>, held: &mut Held, note: Note) {
        let text = note.text().unwrap_or_default();
        self.annotate(out, &mut held.bytes, "note", |out| bytes(out, annotation::STRING, text.as_bytes()));
    }

    fn fields(&mut self, out: &mut Vec<u8>, to: &mut Vec<u8>, field: u64, entry: &Entry<'_>) {
        entry.each_field(|name, value| {
            let named = self.annotation(out, name);
            message(to, field, |to| {
                put_name(to, named, name);
                put(to, value);
            });
        });
    }

    fn annotate(
        &mut self,
        out: &mut Vec<u8>,
        to: &mut Vec<u8>,
        name: &str,
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        let named = self.annotation(out, name);
        message(to, event::ANNOTATION, |to| {
            put_name(to, named, name);
            value(to);
        });
    }

    fn annotation(&mut self, out: &mut Vec<u8>, name: &str) -> Named {
        let named = self.annotations.number(name);
        if let Named::New(number) = named {
            self.intern(out, interned::ANNOTATION, number, name);
        }
        named
    }

    fn name(&mut self, out: &mut Vec<u8>, to: &mut Vec<u8>, name: &str) {
        let named = self.names.number(name);
        if let Named::New(number) = named {
            self.intern(out, interned::NAME, number, name);
        }
        match named {
            Named::Known(iid) | Named::New(iid) => number(to, event::NAME, iid),
            Named::Text => bytes(to, event::NAME_TEXT, name.as_bytes()),
        }
    }

    #[cold]
    fn intern(&self, out: &mut Vec<u8>, field: u64, iid: u64, name: &str) {
        self.packet(out, |out| {
            number(out, packet::SEQUENCE_FLAGS, packet::NEEDS_STATE);
            message(out, packet::INTERNED_DATA, |out| {
                message(out, field, |out| {
                    number(out, interned::IID, iid);
                    bytes(out, interned::TEXT, name.as_bytes());
                });
            });
        });
    }
}

fn category(severity: Severity) -> u64 {
    severity as u64 + 1
}

/// 64 bits for 128: of two ids in a million million traces one pair has the same by chance.
fn flow_of(id: CorrelationId) -> u64 {
    let (high, low) = ((id.get() >> 64) as u64, id.get() as u64);
    // Not zero, which would be none.
    (low ^ high.rotate_left(32)).max(1)
}

fn put_name(to: &mut Vec<u8>, named: Named, name: &str) {
    match named {
        Named::Known(iid) | Named::New(iid) => number(to, annotation::NAME_IID, iid),
        Named::Text => bytes(to, annotation::NAME, name.as_bytes()),
    }
}

fn put(to: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::U64(value) => number(to, annotation::UINT, value),
        Value::I64(value) => number(to, annotation::INT, value as u64),
        Value::F64(value) => double(to, annotation::DOUBLE, value),
        Value::Bool(value) => number(to, annotation::BOOL, value.into()),
        Value::Str(text) => bytes(to, annotation::STRING, text.as_bytes()),
        Value::Diff(diff) => {
            for change in diff.iter() {
                message(to, annotation::ENTRY, |to| {
                    bytes(to, annotation::NAME, change.name().as_bytes());
                    for (name, value) in [("before", change.before()), ("after", change.after())] {
                        message(to, annotation::ENTRY, |to| {
                            bytes(to, annotation::NAME, name.as_bytes());
                            put(to, value);
                        });
                    }
                });
            }
        }
        Value::Bytes(_)
        | Value::CutStr { .. }
        | Value::CutBytes { .. }
        | Value::Secret { .. }
        | Value::Personal(_) => message(to, annotation::STRING, |to| {
            // A vector takes all.
            let _ = write!(to, "{value}");
        }),
    }
}

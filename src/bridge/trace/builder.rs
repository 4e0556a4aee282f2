//! How a trace is to be written.

use super::process::Process;
use super::writer::Trace;
use crate::Converter;
use std::io::Write;

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
    pub(super) format: Format,
    pub(super) process: Process,
    pub(super) counters: Vec<(Box<str>, Box<str>)>,
    pub(super) most_open: usize,
    pub(super) most_bytes: usize,
}

impl TraceBuilder {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            process: Process::this(),
            counters: Vec::new(),
            most_open: 1 << 16,
            most_bytes: 64 << 20,
        }
    }

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
    /// either, the older half is let go: see [`Stats::let_go`](super::Stats::let_go).
    pub fn most_open(mut self, spans: usize, bytes: usize) -> Self {
        (self.most_open, self.most_bytes) = (spans.max(1), bytes);
        self
    }

    /// Starts to write to `out`. `converter` is that of whoever recorded the events, such as
    /// [`Answer::converter`](crate::events::Answer::converter). Nothing is written before the first event.
    pub fn start<W: Write>(self, out: W, converter: Converter) -> Trace<W> {
        Trace::new(self, out, converter)
    }
}

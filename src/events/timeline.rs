//! An answer for a person: one line an event, indented by cause, times relative to the first.

use super::answer::{Answer, Recorded, Truncation, Verdict};
use super::value::Value;
use crate::clock::{Converter, Ticks};
use crate::id::SpanId;
use std::collections::HashMap;
use std::fmt::{self, Write};

/// Deeper causes are indented no further.
const DEEPEST: usize = 40;
/// A longer text field is cut, with a mark.
const LONGEST_TEXT: usize = 120;

/// The events of an answer as text. Children stand under the event that began their span; a span whose beginning is
/// not in the answer stands on the left. Where a span's end is known (its end event, or a field
/// `duration_ns`), its length is shown; where it is not, `[no end]`. An end whose beginning is not in the answer shows
/// the length itself. `(unwound)` stands after the end of a span that panicked, and linked spans after `links=`.
pub struct Timeline<'a> {
    answer: &'a Answer,
    fields: Option<&'a FieldsOf<'a>>,
    marks_open: bool,
}

/// Tells what to show of an event: names and values, in order.
pub type FieldsOf<'a> = dyn Fn(&Recorded<'_>, &mut dyn FnMut(&str, Value<'_>)) + 'a;

impl<'a> Timeline<'a> {
    pub(crate) fn new(answer: &'a Answer) -> Self {
        Self { answer, fields: None, marks_open: true }
    }

    /// The same without a mark at spans that have no end: for hosts that record none.
    #[must_use]
    pub fn without_ends(mut self) -> Self {
        self.marks_open = false;
        self
    }

    /// The same, showing what `fields` says of each event in place of its own fields: for hosts that store what
    /// they record in a form of their own.
    #[must_use]
    pub fn with_fields(mut self, fields: &'a FieldsOf<'a>) -> Self {
        self.fields = Some(fields);
        self
    }
}

impl fmt::Debug for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline").field("answer", self.answer).finish_non_exhaustive()
    }
}

/// The events in the order of their causes.
struct Tree<'a> {
    events: Vec<Recorded<'a>>,
    /// By span: the events in it, its own beginning left out.
    inside: HashMap<SpanId, Vec<usize>>,
    /// By span: the spans that began under it, as the index of their beginning.
    ends: HashMap<SpanId, Ticks>,
    /// The spans whose beginning is here.
    began: HashMap<SpanId, usize>,
}

impl<'a> Tree<'a> {
    fn new(answer: &'a Answer) -> Self {
        let mut events: Vec<_> = answer.iter().collect();
        events.sort_by_key(Recorded::ticks);
        let mut began: HashMap<SpanId, usize> = HashMap::new();
        let mut ends = HashMap::new();
        for (i, event) in events.iter().enumerate() {
            if event.is_start() {
                began.entry(event.span()).or_insert(i);
            }
            if event.is_end() {
                ends.insert(event.span(), event.ticks());
            }
        }
        let mut inside: HashMap<SpanId, Vec<usize>> = HashMap::new();
        for (i, event) in events.iter().enumerate() {
            let under = match event.parent() {
                Some(parent) if began.get(&event.span()) == Some(&i) => parent,
                _ => event.span(),
            };
            let under = if began.contains_key(&under) { under } else { SpanId::NONE };
            inside.entry(under).or_default().push(i);
        }
        Self { events, inside, ends, began }
    }

    /// Visits every event once, causes before effects.
    fn visit(&self, mut body: impl FnMut(usize, &Recorded<'a>)) {
        let mut written = vec![false; self.events.len()];
        let mut pending = vec![(SpanId::NONE, 0, 0)];
        while let Some((span, next, depth)) = pending.pop() {
            let Some(&i) = self.inside.get(&span).and_then(|inside| inside.get(next)) else { continue };
            pending.push((span, next + 1, depth));
            let event = &self.events[i];
            if !written[i] {
                written[i] = true;
                body(depth, event);
                if event.is_start() && event.span() != span {
                    pending.push((event.span(), 0, depth + 1));
                }
            }
        }
        // Spans that are their own ancestors: hosts supply these ids.
        for (event, _) in self.events.iter().zip(&written).filter(|(_, written)| !**written) {
            body(0, event);
        }
    }

    fn length(&self, event: &Recorded<'_>, converter: &Converter) -> Option<u64> {
        if !event.is_start() {
            let is_alone = event.is_end() && !self.began.contains_key(&event.span());
            return event.started_at().filter(|_| is_alone).map(|at| converter.ns_between(at, event.ticks()));
        }
        let end = self.ends.get(&event.span());
        end.map(|end| converter.ns_between(event.ticks(), *end)).or(match event.field("duration_ns") {
            Some(Value::U64(ns)) => Some(ns),
            _ => None,
        })
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tree = Tree::new(self.answer);
        let converter = self.answer.converter();
        let Some(start) = tree.events.iter().map(Recorded::ticks).min() else {
            return f.write_str("(no events)");
        };
        let mut result = Ok(());
        let mut line = |depth: usize, event: &Recorded<'_>| -> fmt::Result {
            let at = converter.ns_between(start, event.ticks());
            write!(f, "+{}.{:09}s ", at / 1_000_000_000, at % 1_000_000_000)?;
            write!(f, "{:indent$}{}", "", event.kind(), indent = 2 * depth.min(DEEPEST))?;
            let length = tree.length(event, &converter);
            match length {
                Some(ns) => write!(f, " [{}]", Span(ns))?,
                None if event.is_start() && self.marks_open => f.write_str(" [no end]")?,
                None => {}
            }
            let mut written = Ok(());
            let mut field = |name: &str, value: Value<'_>| {
                if written.is_ok() {
                    written = write!(f, " {}={}", Cut(&Value::Str(name)), Cut(&value));
                }
            };
            match self.fields {
                Some(fields) => fields(event, &mut field),
                // A length that stands in front is not told twice.
                None => event
                    .fields()
                    .filter(|(name, _)| length.is_none() || *name != "duration_ns")
                    .for_each(|(name, value)| field(name, value)),
            }
            written?;
            let is_whole = event.batch().is_none_or(|batch| batch.is_whole);
            f.write_str(if is_whole { "" } else { " (batch incomplete)" })?;
            f.write_str(if event.is_unwound() { " (unwound)" } else { "" })?;
            links(f, event)?;
            writeln!(f)
        };
        tree.visit(|depth, event| {
            if result.is_ok() {
                result = line(depth, event);
            }
        });
        result?;
        let events = Events(self.answer.len());
        match self.answer.verdict() {
            Verdict::Complete => write!(f, "complete: {events}"),
            Verdict::Overwritten { since } if since <= start => {
                write!(f, "{events}; what came before the first of them may have been overwritten")
            }
            Verdict::Overwritten { since } => {
                let at = Span(converter.ns_between(start, since));
                write!(f, "{events}; before +{at} some may have been overwritten")
            }
            Verdict::Truncated { by: Truncation::Limit } => {
                write!(f, "{} of {}, as the limit says", self.answer.len(), Events(self.answer.matched()))
            }
            Verdict::Truncated { by: Truncation::Budget } => {
                write!(f, "{events}, and perhaps more: the budget was spent")
            }
        }
    }
}

/// What an event is linked to, as a list of spans and the ids they belong to.
fn links(f: &mut fmt::Formatter<'_>, event: &Recorded<'_>) -> fmt::Result {
    let links = event.links();
    let left_out = links.left_out();
    for (number, scope) in links.enumerate() {
        let before = if number == 0 { " links=" } else { "," };
        write!(f, "{before}{}:{}", scope.correlation(), scope.span())?;
    }
    if left_out > 0 { write!(f, " (+{left_out} links)") } else { Ok(()) }
}

/// So many events.
struct Events(usize);

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} event{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// A length of time at three significant digits.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ns @ 0..1_000 => write!(f, "{ns} ns"),
            ns @ 1_000..1_000_000 => write!(f, "{:.1} us", ns as f64 / 1e3),
            ns @ 1_000_000..1_000_000_000 => write!(f, "{:.1} ms", ns as f64 / 1e6),
            ns => write!(f, "{:.2} s", ns as f64 / 1e9),
        }
    }
}

/// A value on one line: control characters escaped, long text cut.
struct Cut<'a>(&'a Value<'a>);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The mark of a value that was cut when it was recorded always shows, so it stands outside.
        let (kept, cut_from) = match *self.0 {
            Value::CutStr { kept, bytes } => (Value::Str(kept), Some(bytes)),
            Value::CutBytes { kept, bytes } => (Value::Bytes(kept), Some(bytes)),
            other => (other, None),
        };
        let mut line = Line { out: f, left: LONGEST_TEXT, more: 0 };
        write!(line, "{kept}")?;
        let more = line.more;
        if more > 0 {
            write!(f, "... (+{more} characters)")?;
        }
        match cut_from {
            Some(bytes) => write!(f, "<cut, {bytes} bytes>"),
            None => Ok(()),
        }
    }
}

/// Takes text down to one line of limited length.
struct Line<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
    /// Characters that did not go on it.
    more: usize,
}

impl fmt::Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.chars();
        for char in rest.by_ref().take(self.left) {
            self.left -= 1;
            if char.is_control() {
                write!(self.out, "{}", char.escape_default())?;
            } else {
                self.out.write_char(char)?;
            }
        }
        self.more += rest.count();
        Ok(())
    }
}

//! An event or a gap as one line of text.

use super::Format;
use super::utc::Utc;
use crate::error::Severity;
use crate::events::answer::Recorded;
use crate::events::cursor::{Gap, GapCause};
use crate::events::timeline::style::{Role, Style};
use crate::events::timeline::text::{Cut, Span};
use crate::events::value::Value;
use std::fmt::{self, Display, Write};

/// The longest name of a severity.
const SEVERITY: usize = 8;

/// Lines that were made and not written yet.
pub(super) struct Lines {
    format: Format,
    text: String,
    /// What was written last may have stopped in the middle of a line.
    is_torn: bool,
}

impl Lines {
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::new(), is_torn: false }
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// All of them. Until they are [given back](Lines::give_back), what comes next begins a line of its own, since the writer
    /// may have stopped in the middle of one.
    pub(super) fn take(&mut self) -> String {
        self.is_torn = true;
        std::mem::take(&mut self.text)
    }

    /// Takes the memory for the next ones.
    pub(super) fn give_back(&mut self, mut text: String, is_torn: bool) {
        text.clear();
        (self.text, self.is_torn) = (text, is_torn);
    }

    /// Adds the line of an event; if it cannot be told, nothing.
    pub(super) fn event(&mut self, event: &Recorded<'_>) -> fmt::Result {
        match self.format {
            Format::Text { is_coloured } => {
                self.line(|line| text(line, event, Style::default().coloured(is_coloured)))
            }
            #[cfg(feature = "json")]
            Format::Json => self.line(|line| write!(line, "{}", event.json())),
        }
    }

    /// Adds the line of a gap.
    pub(super) fn gap(&mut self, gap: &Gap) -> fmt::Result {
        match self.format {
            Format::Text { is_coloured } => {
                self.line(|line| missing(line, gap, Style::default().coloured(is_coloured)))
            }
            #[cfg(feature = "json")]
            Format::Json => self.line(|line| super::json::gap(line, gap)),
        }
    }

    fn line(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) -> fmt::Result {
        if std::mem::take(&mut self.is_torn) {
            self.text.push('\n');
        }
        let start = self.text.len();
        let written = write(&mut self.text);
        match written {
            Ok(()) => self.text.push('\n'),
            Err(_) => self.text.truncate(start),
        }
        written
    }
}

fn text(line: &mut String, event: &Recorded<'_>, style: Style) -> fmt::Result {
    let unix_ns = event.view.clock.converter().unix_ns(event.ticks());
    let severity = event.severity();
    let role = match severity {
        Severity::Critical | Severity::Error => Role::Error,
        Severity::Warn => Role::Warning,
        Severity::Info => Role::Name,
        Severity::Debug | Severity::Trace => Role::Aside,
    };
    write!(line, "{} ", style.paint(Role::Aside, Utc(unix_ns)))?;
    write!(line, "{} ", style.paint(role, format_args!("{:<SEVERITY$}", severity.name())))?;
    match event.thread_name() {
        Some(thread) => write!(line, "{} ", Cut(&Value::Str(&thread)))?,
        None => write!(line, "thread-{} ", event.thread())?,
    }
    write!(line, "{}", style.paint(role, Cut(&Value::Str(event.kind()))))?;
    for (field, value) in event.fields() {
        write!(line, " {}={}", Cut(&Value::Str(field)), Cut(&value))?;
    }
    if let Some(took) = event.duration() {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        write!(line, " ({})", Span(ns))?;
    }
    if event.is_unwound() {
        line.write_str(" (unwound)")?;
    }
    if !event.correlation().is_none() {
        write!(line, " {}", style.paint(Role::Aside, format_args!("id={}", event.correlation())))?;
    }
    Ok(())
}

fn missing(line: &mut String, gap: &Gap, style: Style) -> fmt::Result {
    let (count, class) = (Grouped(gap.count), gap.class.name());
    let events = if gap.count == 1 { "event" } else { "events" };
    let what = match gap.cause {
        GapCause::Lost(cause) => format!("… {count} {class} {events} lost before this ({})", cause.name()),
        cause => format!("… {count} {class} {events} {} before this", cause.name()),
    };
    write!(line, "{}", style.paint(Role::Warning, what))
}

/// A number with its thousands set apart.
pub(super) struct Grouped(pub(super) u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        digits.char_indices().try_for_each(|(at, digit)| {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)
        })
    }
}

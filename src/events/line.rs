//! An event, or a gap, as one line of text.

use super::answer::Recorded;
use super::cursor::{Gap, GapCause};
use super::tail::utc::Utc;
use super::timeline::style::{Role, Style};
use super::timeline::text::{Cut, Span};
use super::value::Value;
use crate::error::Severity;
use std::fmt::{self, Display, Write};

/// The longest name of a severity.
const SEVERITY: usize = 8;

/// An [event](Recorded::line) or a [gap](Gap::line) as one line of text, shown with `{}`.
#[derive(Clone, Copy, Debug)]
pub struct Line<T> {
    told: T,
    style: Style,
}

impl<T> Line<T> {
    fn of(told: T) -> Self {
        Self { told, style: Style::default() }
    }

    /// The same with colours, as ANSI escape sequences; without by default.
    #[must_use]
    pub fn colour(mut self, on: bool) -> Self {
        self.style = self.style.coloured(on);
        self
    }
}

impl Recorded<'_> {
    /// The event as one line, as a log has it: when by wall time, how much it matters, which thread, what, its fields, how long
    /// it took, and what it belongs to.
    ///
    /// Whatever it holds, that is one line of plain text: what could break it is escaped, and of values longer than 120
    /// characters the beginning is shown.
    ///
    /// ```
    /// use flightdeck::events::{Events, Stamp};
    /// flightdeck::kind! { OrderFilled("order.filled") { qty: u64, venue: str } }
    ///
    /// let events = Events::builder().build()?;
    /// events.record_with(Stamp::of(0x2a_u64), OrderFilled { qty: 5, venue: "XETRA" });
    /// let answer = events.query().run()?;
    /// let line = answer.iter().next().expect("recorded above").line().to_string();
    /// assert!(line.ends_with("order.filled qty=5 venue=XETRA id=0000000000000000000000000000002a"), "{line}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn line(&self) -> Line<Self> {
        Line::of(*self)
    }
}

impl Gap {
    /// The gap as one line: how many events are missing before what comes next, of which class, and why.
    #[must_use]
    pub fn line(&self) -> Line<Self> {
        Line::of(*self)
    }
}

impl Display for Line<Recorded<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told: event, style } = self;
        let unix_ns = event.view.clock.converter().unix_ns(event.ticks());
        let severity = event.severity();
        let role = match severity {
            Severity::Critical | Severity::Error => Role::Error,
            Severity::Warn => Role::Warning,
            Severity::Info => Role::Name,
            Severity::Debug | Severity::Trace => Role::Aside,
        };
        write!(f, "{} ", style.paint(Role::Aside, Utc(unix_ns)))?;
        write!(f, "{} ", style.paint(role, format_args!("{:<SEVERITY$}", severity.name())))?;
        match event.thread_name() {
            Some(thread) => write!(f, "{} ", Cut(&Value::Str(&thread)))?,
            None => write!(f, "thread-{} ", event.thread())?,
        }
        write!(f, "{}", style.paint(role, Cut(&Value::Str(event.kind()))))?;
        for (field, value) in event.fields() {
            write!(f, " {}={}", Cut(&Value::Str(field)), Cut(&value))?;
        }
        if let Some(took) = event.duration() {
            let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            write!(f, " ({})", Span(ns))?;
        }
        if event.is_unwound() {
            f.write_str(" (unwound)")?;
        }
        if !event.correlation().is_none() {
            write!(f, " {}", style.paint(Role::Aside, format_args!("id={}", event.correlation())))?;
        }
        Ok(())
    }
}

impl Display for Line<Gap> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told: gap, style } = self;
        let (count, class) = (Grouped(gap.count), gap.class.name());
        let events = if gap.count == 1 { "event" } else { "events" };
        let what = match gap.cause {
            GapCause::Lost(cause) => {
                format!("… {count} {class} {events} lost before this ({})", cause.name())
            }
            cause => format!("… {count} {class} {events} {} before this", cause.name()),
        };
        write!(f, "{}", style.paint(Role::Warning, what))
    }
}

/// A number with its thousands set apart.
struct Grouped(u64);

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

//! Errors told to the deck: each an event, a count, and a report of what led to it.
//!
//! | file | idea |
//! |---|---|
//! | `reported` | [`Reported`]: an error, and what the host knows about it |
//! | `known` | which errors of this crate an error is, or was caused by |
//! | `shown` | a report as text |
//! | `json` | and as JSON (feature `json`) |

#[cfg(feature = "json")]
mod json;
mod known;
mod reported;
mod shown;

pub use reported::Reported;

use super::{Flightdeck, trail};
use crate::clock::Ticks;
use crate::error::{Retry, Severity};
use crate::events::{Answer, Event, EventId, Events, Scope, field};
use crate::id::{CorrelationId, SpanId};
use crate::sync::{AtomicU64, Relaxed, thread};
use std::borrow::Cow;
use std::error::Error;
use std::time::SystemTime;

crate::kind! {
    /// What the host says it is about to do: see [`Flightdeck::breadcrumb`].
    pub(super) Breadcrumb("flightdeck.breadcrumb") { text: str }
    /// Work of the host: see [`Flightdeck::within`].
    pub(super) Work("flightdeck.work") { what: str }
    /// An error was reported.
    pub(super) ErrorReported("flightdeck.error", class = Critical, severity = Error) {
        report: u64, code: str, message: str, causes: str,
    }
    /// One without which the host cannot go on.
    pub(super) CriticalReported("flightdeck.error.critical", class = Critical, severity = Critical) {
        report: u64, code: str, message: str, causes: str,
    }
    /// One that was dealt with.
    pub(super) WarningReported("flightdeck.error.warning", severity = Warn) {
        report: u64, code: str, message: str, causes: str,
    }
}

/// An error, and what led to it: made by [`Flightdeck::report`].
///
/// It is owned and stays as it is. Texts in it are one line each and bounded: a message at 1,024 characters, each of at most 8
/// causes at 256; what was cut ends in `...`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorReport {
    /// What went wrong, as [`Diagnostic::code`](crate::Diagnostic::code): of the error itself or else of the first of its causes
    /// that is this crate's; what the host said; or `host`.
    pub code: Cow<'static, str>,
    /// How much it matters: found in the same places, or [`Severity::Error`].
    pub severity: Severity,
    /// Whether to try again: found in the same places, or [`Retry::Never`].
    pub retry: Retry,
    /// What a person can do: found in the same places, or empty.
    pub recovery: Cow<'static, str>,
    /// What the error says.
    pub message: String,
    /// What its causes say, the nearest first.
    pub causes: Vec<String>,
    /// What the thread worked for.
    pub correlation: CorrelationId,
    /// The span that it was in.
    pub span: SpanId,
    /// The name of the thread, if it has one.
    pub thread: Option<Box<str>>,
    /// When.
    pub at: SystemTime,
    /// The event that it is; `None` where such events are switched off or the deck has ended.
    pub event: Option<EventId>,
    /// The breadcrumbs: the last 16 events before it, the oldest first. Those of its correlation id, whatever the
    /// thread; without an id those of its thread in the last ten seconds.
    pub trail: Answer,
}

impl Error for ErrorReport {}

/// What the deck keeps of reports: how many there were.
#[derive(Debug, Default)]
pub(super) struct Reports(AtomicU64);

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// Reports an error: records it as an event `flightdeck.error` in the scope of this thread, counts it by code in
    /// `flightdeck_errors_total`, and returns it with what led to it.
    ///
    /// Takes any error; what is this crate's, or has a cause that is, tells its code, severity, advice and hint by itself. The
    /// host says the same of its own with [`Reported`]. Errors worse than warnings are events of class critical, so that no flood
    /// of others evicts them; a warning is `flightdeck.error.warning`, the worst `flightdeck.error.critical`.
    ///
    /// Messages of this crate hold no secret. Those of the host are taken as they are, unless it
    /// [withholds](Reported::withheld) them.
    ///
    /// Cold: it allocates and asks for events. Some 4 us for work with an id; without one some 10 us, as a rule, and up to 10 ms
    /// while other threads record at full speed. Waits for nobody.
    ///
    /// ```
    /// use flightdeck::{Flightdeck, Reported, Retry};
    /// use std::time::Duration;
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let _in = deck.scope(42_u64);
    /// deck.breadcrumb("asking the venue");
    /// if let Err(error) = "12x".parse::<u64>() {
    ///     let report = deck.report(Reported::new(&error).code("venue.answer").recovery("ask the venue for its protocol"));
    ///     println!("{report}");
    ///     assert_eq!((&*report.code, report.retry, report.trail.len()), ("venue.answer", Retry::Never, 1));
    /// }
    /// if let Err(error) = deck.supervisor().remove("export", Duration::ZERO) {
    ///     assert_eq!(deck.report(&error).code, "supervisor.worker.unknown");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # The original's error contexts
    ///
    /// What its `ErrorContext` had, and how it is spelled here:
    ///
    /// | there | here |
    /// |---|---|
    /// | `new(module, function)` | [`Flightdeck::scope`] with an id, or [`Scope::root`] |
    /// | `child_context` | a span within it: [`Events::span`], or [`Flightdeck::within`] |
    /// | `add_breadcrumb` | any event; [`Flightdeck::breadcrumb`] for a text |
    /// | `add_metadata` | fields of events |
    /// | `with_context(context, fun)` | [`Flightdeck::within`]: duration, trail, report; a panic is not made an error |
    /// | `enhance_error`, `add_context` | [`Flightdeck::report`] |
    /// | `get_current_context` | [`Scope::current`] |
    /// | `format_breadcrumbs` | `report.trail.timeline()` |
    /// | `get_operation_duration` | [`Recorded::duration`](crate::events::Recorded::duration) of the span's end |
    pub fn report<'e>(&self, error: impl Into<Reported<'e>>) -> ErrorReport {
        self.report_it(error.into())
    }

    #[cold]
    #[inline(never)]
    fn report_it(&self, reported: Reported<'_>) -> ErrorReport {
        if let Some(before) = known::report(reported.error) {
            return before.clone();
        }
        let (deck, scope) = (&*self.inner, Scope::current());
        let told = reported.told::<C>();
        let number = deck.reports.0.fetch_add(1, Relaxed);
        let since = deck.events.clock().now();
        let causes = told.causes.join("; ");
        let (code, message, causes) = (&*told.code, &*told.message, &*causes);
        let found = match told.severity {
            Severity::Critical => recorded(
                &deck.events,
                CriticalReported { report: number, code, message, causes },
                number,
                since,
            ),
            Severity::Error => {
                recorded(&deck.events, ErrorReported { report: number, code, message, causes }, number, since)
            }
            _ => recorded(
                &deck.events,
                WarningReported { report: number, code, message, causes },
                number,
                since,
            ),
        };
        deck.telemetry.counter_with("flightdeck_errors_total", &[("code", code)]).increment(1);
        let event = found.as_ref().and_then(|answer| answer.iter().next());
        ErrorReport {
            trail: trail::before(&deck.events, scope.correlation(), event.as_ref(), since),
            event: event.map(|event| event.id()),
            correlation: scope.correlation(),
            span: scope.span(),
            thread: thread::current().name().map(Box::from),
            at: SystemTime::now(),
            code: told.code,
            severity: told.severity,
            retry: told.retry,
            recovery: told.recovery,
            message: told.message,
            causes: told.causes,
        }
    }

    /// Says what this thread is about to do, as an event `flightdeck.breadcrumb`: a report of an error in this scope shows
    /// it. A kind of one's own says more, and can be asked for by its fields.
    pub fn breadcrumb(&self, text: &str) {
        self.record(Breadcrumb { text });
    }

    /// Does work in a span of its own, `flightdeck.work`, and [reports](Flightdeck::report) the error that it ends with. The span's
    /// end tells how long it took. Where it lies within other such work, the error is reported once, by the innermost.
    ///
    /// A panic goes through: the span ends as [unwound](crate::events::Recorded::is_unwound), and who catches it, such as the supervisor, tells of it.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let _in = deck.scope(42_u64);
    /// let result = deck.within("pricing", || {
    ///     deck.breadcrumb("reading the quote");
    ///     "12x".parse::<u64>()
    /// });
    /// let report = result.unwrap_err();
    /// assert_eq!(report.message, "invalid digit found in string");
    /// assert_eq!(report.trail.len(), 2, "the beginning of the span, and the breadcrumb");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the work ends with, as a report.
    pub fn within<T, E>(&self, what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, Box<ErrorReport>>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let _span = self.inner.events.span(Work { what });
        work().map_err(|error| {
            let error: Box<dyn Error + Send + Sync> = error.into();
            Box::new(self.report(&*error))
        })
    }
}

/// Records it, and looks it up: only the store knows the number of the thread.
fn recorded<E: Event>(events: &Events, event: E, number: u64, since: Ticks) -> Option<Answer> {
    events.record(event);
    let query = events.query().kind::<E>().matching(field("report").equals(number));
    query.between(since..).newest_first().limit(1).run().ok().filter(|answer| !answer.is_empty())
}

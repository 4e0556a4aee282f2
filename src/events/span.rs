//! Spans: stretches of work, as an event with which each begins and one with which it ends.
//!
//! The end carries the time of the beginning, so either half tells what it can without the other: an end without its
//! beginning how long the work took, a beginning without its end that it was not finished.

use super::error::ValuesError;
use super::handle::Events;
use super::kind::Kind;
use super::kinds::Switch;
use super::link::Linked;
use super::record::Flags;
use super::schema::Event;
use super::scope::{Scope, ScopeGuard};
use super::stamp::Stamp;
use super::store::{Draft, Fields};
use super::value::Value;
use crate::id::SpanId;
use crate::sync::thread;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A span that began, and whose end is to be recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) scope: Scope,
    /// The thread was unwinding already when it began: in a destructor.
    was_unwinding: bool,
}

impl Begun {
    /// Whether it ends because the thread unwinds.
    #[inline]
    pub(crate) fn is_unwound(&self) -> bool {
        thread::panicking() && !self.was_unwinding
    }
}

impl Events {
    /// Begins a span under the current one with the event that `event` makes of its id, unless such are not to be
    /// recorded now. One reading of the clock, for the event and for the end.
    #[inline(always)]
    pub(crate) fn begin<E: Event, F: Fields>(
        &self,
        flags: Flags,
        event: impl FnOnce(SpanId) -> F,
    ) -> Option<Begun> {
        let store = self.store();
        let lead = store.admit(E::site())?;
        let (span, since, stamp) = (self.fresh_span(), store.clock.now(), Stamp::current());
        let scope = Scope::begun(stamp.id, span, since);
        let stamp = stamp.span(span).starts_under(stamp.span).taken_at(since).with(flags);
        store.record(Draft { lead, stamp, fields: event(span) });
        Some(Begun { scope, was_unwinding: thread::panicking() })
    }

    /// Ends a span that [`Events::begin`] began. Sample and rate were asked then: of the two events both are recorded or
    /// none, unless the kind of the end is switched off.
    #[inline]
    pub(crate) fn finish<E: Event>(&self, begun: &Begun, event: E) {
        let flags = if begun.is_unwound() { Flags::UNWOUND } else { Flags::NONE };
        self.finish_with(begun.scope, flags, event);
    }

    #[inline]
    fn finish_with<E: Event>(&self, scope: Scope, flags: Flags, event: E) {
        let store = self.store();
        let lead = match store.kinds.admit(E::site()) {
            Err(Switch::Gated(gated)) => Some(gated.lead()),
            _ => store.admit(E::site()),
        };
        if let Some(lead) = lead {
            let stamp = Stamp::ending(scope).with(flags);
            store.record(Draft { lead, stamp, fields: event });
        }
    }

    /// Begins a span under the current one, which is the current one of this thread until the guard drops. `event` is
    /// its beginning; [`Span::end`] records its end, or else the guard does when it drops, with the same event once more.
    ///
    /// Costs two events, with one reading of the clock each. A kind that is switched off, or held back this time by a
    /// sample or a rate, makes a guard that records nothing and leaves the thread where it was.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! {
    ///     Check("risk.check") { limit: u64 }
    ///     Checked("risk.checked") { accepted: bool }
    /// }
    /// let events = Events::builder().build()?;
    /// let check = events.span(Check { limit: 1_000 });
    /// // ... what is recorded here stands below it ...
    /// check.end(Checked { accepted: true });
    ///
    /// let answer = events.query().kind::<Checked>().run()?;
    /// let end = answer.iter().next().expect("recorded above");
    /// assert!(end.duration().is_some(), "an end knows it without its beginning");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn span<E: Event>(&self, event: E) -> Span<'_, E> {
        Span::of(self, self.begin::<E, _>(Flags::NONE, |_| event), event)
    }

    /// As [`Events::span`], linked to other spans; see [`Events::record_linked`].
    #[inline]
    pub fn span_linked<E: Event>(&self, links: &[Scope], event: E) -> Span<'_, E> {
        let begun = self.begin::<E, _>(Flags::LINKED, |_| Linked::new(self.store(), links, event));
        Span::of(self, begun, event)
    }

    /// Begins a span under the current one and leaves this thread where it is: for work that moves to other threads, or
    /// waits in a future. Otherwise as [`Events::span`].
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! {
    ///     Walk("book.walk") { levels: u64 }
    ///     Priced("book.priced") { cents: u64 }
    /// }
    /// let events = Events::builder().build()?;
    /// let walk = events.owned_span(Walk { levels: 3 });
    /// std::thread::spawn({
    ///     let events = events.clone();
    ///     move || {
    ///         let _in = walk.scope().enter();
    ///         events.record(Priced { cents: 125 });
    ///     } // the span ends here
    /// })
    /// .join()
    /// .expect("no panic");
    /// let answer = events.query().run()?;
    /// assert_eq!(answer.len(), 3);
    /// assert!(answer.iter().all(|event| event.span() == answer.iter().next().unwrap().span()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn owned_span<E: Event>(&self, event: E) -> OwnedSpan<E> {
        let begun = self.begin::<E, _>(Flags::NONE, |_| event);
        // The first event inside begins the id, where this one was to and was held back.
        let around = if begun.is_none() { Scope::taken() } else { Scope::current() };
        OwnedSpan { events: self.clone(), around, begun, event }
    }

    /// Records `event` as the beginning of a span under the current one, and returns the scope of the new span:
    /// enter it, or carry it along. [`Events::end`] records its end, wherever the scope has come to; nothing does so by
    /// itself, as the guard of [`Events::span`] does.
    #[inline]
    pub fn start<E: Event>(&self, event: E) -> Scope {
        match self.begin::<E, _>(Flags::NONE, |_| event) {
            Some(begun) => begun.scope,
            // What happens inside is told apart even so.
            None => Scope::taken().in_span(self.fresh_span()),
        }
    }

    /// Records `event` as the end of the span of `scope`. Sample and rate of its kind are not asked where the beginning was
    /// recorded, which is where [`Scope::since`] knows when that was: of the two events both are there.
    #[inline]
    pub fn end<E: Event>(&self, scope: Scope, event: E) {
        match scope.since() {
            Some(_) => self.finish_with(scope, Flags::NONE, event),
            None => self.record_with(Stamp::ending(scope), event),
        }
    }

    /// As [`Events::start`], with an event of a kind defined at run time, as a child of the span of `stamp`. The scope of the new
    /// span, and whether its beginning was recorded: [`Events::end_values`] is for those of which it was. What happens
    /// inside is told apart even if not.
    ///
    /// ```
    /// use flightdeck::events::{Events, FieldType, Schema, Stamp, Value};
    /// let events = Events::builder().build()?;
    /// let call = events.define(Schema::new("script.call").field("name", FieldType::Str))?;
    /// let (scope, is_recorded) = events.start_values(Stamp::current(), &call, &[Value::Str("price")])?;
    /// if is_recorded {
    ///     events.end_values(scope, &call, &[Value::Str("price")])?;
    /// }
    /// let answer = events.query().span(scope.span()).run()?;
    /// assert!(answer.iter().last().is_some_and(|end| end.duration().is_some()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As of [`Events::record_values`]. There is no span then.
    #[inline(always)]
    pub fn start_values(
        &self,
        stamp: Stamp,
        kind: &Kind,
        values: &[Value<'_>],
    ) -> Result<(Scope, bool), ValuesError> {
        let (span, since) = (self.fresh_span(), self.store().clock.now());
        let scope = Scope::begun(stamp.id, span, since);
        let stamp = stamp.span(span).starts_under(stamp.span).taken_at(since);
        Ok((scope, self.record_start(stamp, kind, values)?))
    }

    /// Apart from the scope, which so stays in its caller's registers: handed over through memory, it cost more than to make it.
    #[inline(never)]
    fn record_start(&self, stamp: Stamp, kind: &Kind, values: &[Value<'_>]) -> Result<bool, ValuesError> {
        let store = self.store();
        kind.check_store(store)?;
        kind.record_if(Kind::admit, stamp, values, store)
    }

    /// As [`Events::end`], with an event of a kind defined at run time. Sample and rate of the kind are not asked: they were when
    /// the span began.
    ///
    /// # Errors
    /// As of [`Events::record_values`].
    #[inline]
    pub fn end_values(&self, scope: Scope, kind: &Kind, values: &[Value<'_>]) -> Result<(), ValuesError> {
        let store = self.store();
        kind.check_store(store)?;
        kind.record_if(Kind::admit_end, Stamp::ending(scope), values, store).map(|_| ())
    }
}

/// A span that is the current one of this thread: from [`Events::span`]. Stays on its thread; spans end in the reverse
/// order of their beginnings.
#[must_use = "the span ends when the guard drops"]
pub struct Span<'a, E: Event> {
    events: &'a Events,
    begun: Option<Begun>,
    event: E,
    /// Restores the scope, after the end was recorded.
    within: Option<ScopeGuard>,
}

impl<'a, E: Event> Span<'a, E> {
    #[inline]
    fn of(events: &'a Events, begun: Option<Begun>, event: E) -> Self {
        Self { events, begun, event, within: begun.map(|begun| begun.scope.enter()) }
    }

    /// Its id; `None` while its kind is switched off.
    #[must_use]
    pub fn id(&self) -> Option<SpanId> {
        self.begun.map(|begun| begun.scope.span())
    }

    /// Its scope, to carry it elsewhere: that around it while its kind is switched off.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.begun.map_or_else(Scope::current, |begun| begun.scope)
    }

    /// Ends it with this event.
    #[inline]
    pub fn end<F: Event>(mut self, event: F) {
        if let Some(begun) = self.begun.take() {
            self.events.finish(&begun, event);
        }
    }
}

impl<E: Event> Drop for Span<'_, E> {
    #[inline]
    fn drop(&mut self) {
        if let Some(begun) = self.begun.take() {
            self.events.finish(&begun, self.event);
        }
        self.within = None;
    }
}

impl<E: Event> fmt::Debug for Span<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// A span that moves: from [`Events::owned_span`]. It ends where it drops, on whichever thread.
#[must_use = "the span ends when this drops"]
pub struct OwnedSpan<E: Event> {
    events: Events,
    /// Where it began.
    around: Scope,
    begun: Option<Begun>,
    event: E,
}

impl<E: Event> OwnedSpan<E> {
    /// Its id; `None` if its kind was switched off when it began.
    #[must_use]
    pub fn id(&self) -> Option<SpanId> {
        self.begun.map(|begun| begun.scope.span())
    }

    /// Its scope, to be entered where its work is done: that around it if its kind was switched off.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.begun.map_or(self.around, |begun| begun.scope)
    }

    /// Ends it with this event.
    #[inline]
    pub fn end<F: Event>(mut self, event: F) {
        if let Some(begun) = self.begun.take() {
            self.events.finish(&begun, event);
        }
    }
}

impl<E: Event> Drop for OwnedSpan<E> {
    #[inline]
    fn drop(&mut self) {
        if let Some(begun) = self.begun.take() {
            self.events.finish(&begun, self.event);
        }
    }
}

impl<E: Event> fmt::Debug for OwnedSpan<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSpan").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Puts a future into a span of its own.
pub trait Spanned: Future + Sized {
    /// The same future; each of its polls runs in the span, which ends when the future is ready, is dropped before, or
    /// panics.
    ///
    /// ```
    /// use flightdeck::events::{Events, Spanned};
    /// flightdeck::kind! { Fetched("quote.fetched") { symbol: str } }
    ///
    /// async fn fetch(events: &Events) -> u64 {
    ///     async { 125 }.in_span(events.owned_span(Fetched { symbol: "FDK" })).await
    /// }
    /// # let events = Events::builder().build()?;
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(std::pin::pin!(fetch(&events)).poll(&mut context).is_ready());
    /// # assert_eq!(events.query().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn in_span<E: Event>(self, span: OwnedSpan<E>) -> InSpan<Self, E> {
        InSpan { span: Some(span), future: self }
    }
}

impl<F: Future> Spanned for F {}

/// A future that is a span.
#[must_use = "futures do nothing unless polled"]
pub struct InSpan<F, E: Event> {
    /// Before the future: an unfinished one is dropped after its span has ended.
    span: Option<OwnedSpan<E>>,
    future: F,
}

impl<F: Future, E: Event> Future for InSpan<F, E> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned with `self` and never moved out; `span` is not pinned.
        let (place, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.span, Pin::new_unchecked(&mut this.future))
        };
        // Out of its place, so that a poll that panics ends it while the panic is on its way.
        let span = place.take();
        let _in = span.as_ref().map(|span| span.scope().enter());
        let polled = future.poll(context);
        if polled.is_pending() {
            *place = span;
        }
        polled
    }
}

impl<F, E: Event> fmt::Debug for InSpan<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InSpan").field("span", &self.span).finish_non_exhaustive()
    }
}

//! Whose event it is, and when it happened: all that stands in a record's header beside its kind.

use super::payload::Payload;
use super::record::Flags;
use super::scope::Scope;
use crate::clock::Ticks;
use crate::id::{CorrelationId, SpanId};
use crate::local;

/// Whose event it is, and when it happened.
///
/// [`Stamp::current`] takes both from where it is called: the thread's scope and the deck's clock.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub(crate) id: CorrelationId,
    pub(crate) span: SpanId,
    pub(crate) parent: Option<SpanId>,
    /// Of an end: when the span began, or [`Scope::NOT_KNOWN`](local::Scope::NOT_KNOWN).
    pub(crate) started: Option<u64>,
    pub(crate) flags: Flags,
    pub(crate) ticks: Option<Ticks>,
}

impl Stamp {
    /// The scope this thread is in, now.
    #[inline(always)]
    #[must_use]
    pub fn current() -> Self {
        let scope = local::use_scope();
        Self {
            id: scope.id,
            span: scope.span,
            parent: None,
            started: None,
            flags: if scope.is(local::Scope::FRESH) { Flags::ROOT } else { Flags::NONE },
            ticks: None,
        }
    }

    /// This id, outside any span, now.
    #[inline(always)]
    #[must_use]
    pub fn of(id: impl Into<CorrelationId>) -> Self {
        let (span, flags) = (SpanId::NONE, Flags::NONE);
        Self { id: id.into(), span, parent: None, started: None, flags, ticks: None }
    }

    /// In this span.
    #[inline(always)]
    #[must_use]
    pub fn span(mut self, span: SpanId) -> Self {
        self.span = span;
        self
    }

    /// The event with which the span begins, as a child of `parent`.
    #[inline(always)]
    #[must_use]
    pub fn starts_under(mut self, parent: SpanId) -> Self {
        self.parent = Some(parent);
        self.flags = self.flags.with(Flags::START);
        self
    }

    /// The event with which the span ends, of which it is not known when it began. See [`Stamp::ends_since`].
    #[inline(always)]
    #[must_use]
    pub fn ends(self) -> Self {
        self.ends_since(Ticks(local::Scope::NOT_KNOWN))
    }

    /// The event with which the span ends that began at `start`. The event carries that time, so it tells how long the
    /// span took even where the beginning has been overwritten; see [`Recorded::duration`](super::Recorded::duration).
    #[inline(always)]
    #[must_use]
    pub fn ends_since(mut self, start: Ticks) -> Self {
        self.started = Some(start.0);
        self.flags = self.flags.with(Flags::END);
        self
    }

    /// The end of the span of this scope.
    #[inline(always)]
    pub(crate) fn ending(scope: Scope) -> Self {
        let since = scope.since().unwrap_or(Ticks(local::Scope::NOT_KNOWN));
        Self::of(scope.correlation()).span(scope.span()).ends_since(since)
    }

    #[inline(always)]
    pub(crate) fn with(mut self, flags: Flags) -> Self {
        self.flags = self.flags.with(flags);
        self
    }

    /// At this time, which the deck's clock told a moment ago: not taken for one that the host supplies.
    #[inline(always)]
    pub(crate) fn taken_at(mut self, ticks: Ticks) -> Self {
        self.ticks = Some(ticks);
        self
    }

    /// The time that the host supplies, if it does.
    #[inline(always)]
    pub(crate) fn supplied(&self) -> Option<Ticks> {
        self.ticks.filter(|_| self.flags.has(Flags::SUPPLIED))
    }

    /// How many words stand before the fields.
    #[inline(always)]
    pub(crate) fn prefix(&self) -> usize {
        usize::from(self.parent.is_some()) + usize::from(self.started.is_some())
    }

    /// Those words: the parent of a start, when it began of an end.
    #[inline(always)]
    pub(crate) fn prefix_words(&self) -> impl Iterator<Item = u64> {
        self.parent.map(SpanId::get).into_iter().chain(self.started)
    }

    /// Stores them.
    #[inline(always)]
    pub(crate) fn encode_prefix(&self, payload: &mut Payload<'_>) {
        self.prefix_words().for_each(|word| payload.word(word));
    }

    /// The event with which the id begins.
    #[inline(always)]
    #[must_use]
    pub fn root(mut self) -> Self {
        self.flags = self.flags.with(Flags::ROOT);
        self
    }

    /// At this time of the deck's clock. Supplied times are stored as given: they may go back.
    ///
    /// One before the clock's first instant, or more than a second ahead of now, is refused, since what is stored in
    /// the future would for ever be what was lost last: [`Events::try_record_with`](super::Events::try_record_with) says
    /// so, and elsewhere it is a counted loss. A supplied or manual clock takes whatever lies below 2^63. Costs two
    /// compares. For wall times there is [`Clock::ticks_at`](crate::Clock::ticks_at).
    #[inline(always)]
    #[must_use]
    pub fn at(mut self, ticks: Ticks) -> Self {
        self.ticks = Some(ticks);
        self.flags = self.flags.with(Flags::SUPPLIED);
        self
    }
}

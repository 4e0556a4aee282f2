//! Whose event it is, and when it happened: all that stands in a record's header beside its kind.

use super::record::Flags;
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
            flags: if scope.fresh { Flags::ROOT } else { Flags::NONE },
            ticks: None,
        }
    }

    /// This id, outside any span, now.
    #[inline(always)]
    #[must_use]
    pub fn of(id: impl Into<CorrelationId>) -> Self {
        Self { id: id.into(), span: SpanId::NONE, parent: None, flags: Flags::NONE, ticks: None }
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

    /// The event with which the span ends.
    #[inline(always)]
    #[must_use]
    pub fn ends(mut self) -> Self {
        self.flags = self.flags.with(Flags::END);
        self
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

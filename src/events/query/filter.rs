//! What a query asks for, apart from how much and in which order.

use crate::clock::Ticks;
use crate::error::Severity;
use crate::events::class::PerClass;
use crate::events::error::QueryError;
use crate::events::kinds::Kinds;
use crate::events::read::{BlockFilter, Header};
use crate::events::schema::Schema;
use crate::id::{CorrelationId, SpanId};

/// All of it must hold of an event.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(super) id: Option<CorrelationId>,
    pub(super) span: Option<SpanId>,
    pub(super) thread: Option<u32>,
    pub(super) kind: KindFilter,
    pub(super) severity: Severity,
    pub(super) from: Ticks,
    pub(super) to: Ticks,
}

#[derive(Clone, Debug)]
pub(super) enum KindFilter {
    Any,
    Numbers(Vec<u32>),
    Unknown(String),
}

impl Filter {
    /// Lets everything through.
    pub(crate) const fn everything() -> Self {
        Self {
            id: None,
            span: None,
            thread: None,
            kind: KindFilter::Any,
            severity: Severity::Trace,
            from: Ticks(0),
            to: Ticks(u64::MAX),
        }
    }

    /// Whether anything could ever match.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.from > self.to {
            return Err(QueryError::Range { from: self.from.0, to: self.to.0 });
        }
        if self.id.is_some_and(CorrelationId::is_none) {
            return Err(QueryError::NoId);
        }
        match &self.kind {
            KindFilter::Unknown(name) => Err(QueryError::UnknownKind { name: name.clone() }),
            _ => Ok(()),
        }
    }

    /// Whether a record matches, as far as its header tells.
    pub(crate) fn wants(&self, header: &Header) -> bool {
        let kind = match &self.kind {
            KindFilter::Any => true,
            KindFilter::Numbers(numbers) => numbers.contains(&header.kind()),
            KindFilter::Unknown(_) => false,
        };
        kind && self.id.is_none_or(|id| id == header.id)
            && self.span.is_none_or(|span| span == header.span)
            && self.thread.is_none_or(|thread| thread == header.thread())
            && header.severity() >= self.severity
            && (self.from..=self.to).contains(&header.ticks)
    }

    /// The classes in which there may be matches.
    pub(crate) fn classes(&self, kinds: &Kinds) -> PerClass<bool> {
        let KindFilter::Numbers(numbers) = &self.kind else { return PerClass::of(|_| true) };
        let classes = numbers.iter().filter_map(|kind| kinds.schema(*kind)).map(Schema::class);
        // In a batch an event may lie with more precious ones.
        let least = classes.max();
        PerClass::of(|class| Some(class) <= least)
    }

    /// The blocks in which there may be matches.
    pub(crate) fn blocks(&self) -> BlockFilter {
        let kinds = match &self.kind {
            KindFilter::Numbers(numbers) => numbers.iter().fold(0, |bits, kind| bits | 1 << (kind % 64)),
            _ => u64::MAX,
        };
        BlockFilter { from: self.from, to: self.to, kinds }
    }
}

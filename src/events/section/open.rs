//! A view of words that somebody else wrote, or is writing: nothing is stored there.

use super::error::SectionError;
use super::head::{self, Counters};
use super::shape::Shape;
use crate::clock::Clock;
use crate::events::class::PerClass;
use crate::events::loss::Losses;
use crate::events::overflow::Overflow;
use crate::events::schemas::Schemas;
use crate::events::shard::Shard;
use crate::events::threads::Threads;
use crate::events::view::View;
use crate::id::DeckId;
use crate::region::log::Log;
use crate::region::{LINE, Span};
use crate::sync::{Arc, Weak};

/// The view of a section, and its sizes.
pub(in crate::events) fn open(span: &Span) -> Result<(View, Shape), SectionError> {
    debug_assert!(span.start.is_multiple_of(LINE), "a section starts at a line, not at {}", span.start);
    let (shape, key) = head::read(span)?;
    let Span { region, start, .. } = span;
    let clock = Clock::recorded(region, start + shape.clock_at()).ok_or(SectionError::Clock)?;
    let log = |(at, words): (usize, usize)| Log::at(region, start + at, words);
    let losses = |at: usize| Losses::at(region, start + at);
    let shard = |number: usize| {
        let (at, rings) = shape.shard(number);
        Arc::new(Shard::open(region, start + at, rings, losses(shape.losses_of(number))))
    };
    let view = View {
        deck: DeckId::unique(),
        clock,
        shards: (0..shape.kept_shards + shape.shared_shards).map(shard).collect(),
        overflow: PerClass::of(|class| Overflow::open(region, start + shape.overflow_at(class), shape.slots)),
        kept: shape.kept_shards,
        schemas: Arc::new(Schemas::recorded(log(shape.kinds_at()))),
        losses: losses(shape.losses_at()),
        threads: Threads::recorded(log(shape.threads_at())),
        key,
        counters: Counters::at(region, *start),
        store: Weak::new(),
        #[cfg(all(feature = "mapped", target_os = "linux"))]
        file: None,
    };
    Ok((view, shape))
}

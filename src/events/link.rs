//! Links: which other spans an event belongs together with, beside the one it happened in.
//!
//! In a record: a word that says how many there are (the lower half) and how many there were (the upper half), and
//! three for each: the id's halves, the span.

use super::class::Class;
use super::handle::Events;
use super::payload::{Payload, take_word};
use super::record::{Flags, Lead};
use super::schema::Event;
use super::scope::Scope;
use super::stamp::Stamp;
use super::store::{Draft, Fields, Store};
use crate::id::{CorrelationId, SpanId};
use crate::sync::Relaxed;

/// As many links an event keeps.
const MOST: usize = 32;
/// Words of one.
const WORDS: usize = 3;

/// An event and what it is linked to.
#[derive(Clone, Copy)]
pub(crate) struct Linked<'a, E> {
    kept: &'a [Scope],
    given: usize,
    event: E,
}

impl<'a, E: Event> Linked<'a, E> {
    /// Counts links that are over the limit.
    #[inline]
    pub(crate) fn new(store: &Store, links: &'a [Scope], event: E) -> Self {
        if links.len() > MOST {
            store.values.links_left_out.fetch_add((links.len() - MOST) as u64, Relaxed);
        }
        Self { kept: links.get(..MOST).unwrap_or(links), given: links.len(), event }
    }
}

impl<E: Event> Fields for Linked<'_, E> {
    #[inline(always)]
    fn class(&self, _: Lead) -> Class {
        E::CLASS
    }

    #[inline(always)]
    fn is_prompt(&self) -> bool {
        E::PROMPT
    }

    #[inline(always)]
    fn words(&self, longest: usize) -> usize {
        1 + WORDS * self.kept.len() + self.event.payload_words(longest)
    }

    #[inline(always)]
    fn encode(&self, payload: &mut Payload<'_>) {
        payload.word(self.kept.len() as u64 | (self.given as u64) << 32);
        for scope in self.kept {
            let (high, low) = scope.correlation().halves();
            payload.word(high);
            payload.word(low);
            payload.word(scope.span().get());
        }
        self.event.encode(payload);
    }
}

/// The links of an event, in the order in which they were given: the scopes of other spans.
#[derive(Clone, Debug, Default)]
pub struct Links<'a> {
    words: &'a [u8],
    left_out: u64,
}

impl<'a> Links<'a> {
    /// Those that a payload begins with, and the rest of it. Believes no count that the payload does not bear out.
    pub(crate) fn split(payload: &'a [u8]) -> (Self, &'a [u8]) {
        let mut rest = payload;
        let counts = take_word(&mut rest).unwrap_or_default();
        let (kept, given) = (counts as u32 as usize, counts >> 32);
        let (words, rest) = rest.split_at_checked(kept.saturating_mul(8 * WORDS)).unwrap_or_default();
        (Self { words, left_out: given.saturating_sub(kept as u64) }, rest)
    }

    /// How many more were given than an event keeps, which is 32.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl Iterator for Links<'_> {
    type Item = Scope;

    fn next(&mut self) -> Option<Scope> {
        let [high, low, span] = [(); WORDS].map(|()| take_word(&mut self.words));
        Some(Scope::joined(CorrelationId::from_halves(high?, low?), SpanId::new(span?)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.words.len() / (8 * WORDS);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Links<'_> {}

impl Events {
    /// Records an event that belongs together with other spans than the one it happens in: those whose work a consumer
    /// took in one go, the attempt that this one repeats. As [`Events::record`] otherwise.
    ///
    /// An event keeps 32 links, the first ones; [`Links::left_out`] says how many more there were, and
    /// [`Stats::links_left_out`](super::Stats::links_left_out) adds them up. Each takes 24 bytes.
    ///
    /// ```
    /// use flightdeck::events::{Events, Scope};
    /// flightdeck::kind! {
    ///     Queued("order.queued") { n: u64 }
    ///     Written("orders.written") { orders: u64 }
    /// }
    /// let events = Events::builder().build()?;
    /// let orders: Vec<Scope> = (1_u64..=3)
    ///     .map(|n| {
    ///         let _in = events.scope(n);
    ///         events.span(Queued { n }).scope()
    ///     })
    ///     .collect();
    /// events.record_linked(&orders, Written { orders: 3 });
    ///
    /// let answer = events.query().kind::<Written>().run()?;
    /// let written = answer.iter().next().expect("recorded above");
    /// assert!(written.links().map(Scope::span).eq(orders.iter().map(|order| order.span())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn record_linked<E: Event>(&self, links: &[Scope], event: E) {
        self.record_linked_with(Stamp::current(), links, event);
    }

    /// As [`record_linked`](Events::record_linked), under a stamp of its own.
    #[inline]
    pub fn record_linked_with<E: Event>(&self, stamp: Stamp, links: &[Scope], event: E) {
        let store = self.store();
        if let Some(lead) = store.admit(E::site()) {
            let (stamp, fields) = (stamp.with(Flags::LINKED), Linked::new(store, links, event));
            store.record(Draft { lead, stamp, fields });
        }
    }
}

//! The host's side of its deck: one place that knows whether there is one.

use super::settings::Settings;
use flightdeck::Flightdeck;
use flightdeck::bridge::tower::RequestLayer;
use flightdeck::events::{Event, Scope};
use flightdeck::telemetry::Counter;

/// What the host records with; nothing, in the variants that show what recording costs.
#[derive(Clone, Debug)]
pub struct Flight(Option<Instruments>);

/// A deck, and handles that are resolved once.
#[derive(Clone, Debug)]
struct Instruments {
    deck: Flightdeck<Settings>,
    hits: Counter,
    misses: Counter,
}

/// Names of metrics: how many requests came in, which a layer counts.
pub const REQUESTS: &str = "http_requests_total";
/// Quotes answered from the cache.
pub const HITS: &str = "cache_hits_total";
/// Quotes for which a book was walked.
pub const MISSES: &str = "cache_misses_total";

impl Flight {
    pub fn none() -> Self {
        Self(None)
    }

    pub fn with(deck: &Flightdeck<Settings>) -> Self {
        let telemetry = deck.telemetry();
        Self(Some(Instruments {
            hits: telemetry.counter(HITS),
            misses: telemetry.counter(MISSES),
            deck: deck.clone(),
        }))
    }

    /// Records an event in the scope of this thread.
    #[inline]
    pub fn record<E: Event>(&self, event: E) {
        if let Some(instruments) = &self.0 {
            instruments.deck.record(event);
        }
    }

    /// What records and counts the host's requests.
    pub fn layer(&self) -> Option<RequestLayer> {
        let deck = &self.0.as_ref()?.deck;
        Some(RequestLayer::new(deck.events(), deck.telemetry()))
    }

    /// Begins a span inside the current one.
    #[inline]
    pub fn start<E: Event>(&self, event: E) -> Option<Scope> {
        self.0.as_ref().map(|instruments| instruments.deck.events().start(event))
    }

    /// Ends the span that is current.
    #[inline]
    pub fn end<E: Event>(&self, event: E) {
        if let Some(instruments) = &self.0 {
            instruments.deck.events().end(Scope::current(), event);
        }
    }

    /// Counts an answer of the cache.
    #[inline]
    pub fn count_cache(&self, hit: bool) {
        if let Some(instruments) = &self.0 {
            if hit { instruments.hits.increment(1) } else { instruments.misses.increment(1) }
        }
    }
}

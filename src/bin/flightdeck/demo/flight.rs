//! The host's side of its deck: one place that knows whether there is one.

use super::kinds::Accepted;
use super::settings::Settings;
use flightdeck::Flightdeck;
use flightdeck::events::{Event, Scope};
use flightdeck::telemetry::{Counter, Histogram};
use std::time::Instant;

/// What the host records with; nothing, in the variants that show what recording costs.
#[derive(Clone, Debug)]
pub struct Flight(Option<Instruments>);

/// A deck, and handles that are resolved once.
#[derive(Clone, Debug)]
struct Instruments {
    deck: Flightdeck<Settings>,
    requests: Counter,
    hits: Counter,
    misses: Counter,
    latency: Histogram,
}

/// Names of the metrics.
pub const REQUESTS: &str = "http_requests_total";
/// Quotes answered from the cache.
pub const HITS: &str = "cache_hits_total";
/// Quotes for which a book was walked.
pub const MISSES: &str = "cache_misses_total";
/// From request to reply inside the host, in nanoseconds.
pub const LATENCY: &str = "http_request_ns";

impl Flight {
    pub fn none() -> Self {
        Self(None)
    }

    pub fn with(deck: &Flightdeck<Settings>) -> Self {
        let telemetry = deck.telemetry();
        Self(Some(Instruments {
            requests: telemetry.counter(REQUESTS),
            hits: telemetry.counter(HITS),
            misses: telemetry.counter(MISSES),
            latency: telemetry.histogram(LATENCY),
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

    /// The scope of a request: under the trace that its caller names, or a new one.
    #[inline]
    pub fn accept(&self, traceparent: Option<&str>, path: &str) -> Option<Scope> {
        let instruments = self.0.as_ref()?;
        instruments.requests.increment(1);
        let caller = traceparent.and_then(|header| Scope::from_traceparent(header).ok());
        let _in = caller.map(Scope::enter);
        Some(instruments.deck.events().start(Accepted { path }))
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

    /// Notes how long a request took.
    #[inline]
    pub fn took(&self, since: Instant) {
        if let Some(instruments) = &self.0 {
            instruments.latency.record(since.elapsed().as_nanos() as u64);
        }
    }
}

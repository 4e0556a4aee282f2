//! A layer as hosts hold it, and what it is told beforehand.

use super::filter::Levels;
use super::levels::ByLevels;
use super::site::Rules;
use super::sites::Sites;
use super::spans::Spans;
use super::stats::{Counts, Stats};
use crate::bridge::others::Others;
use crate::events::{Events, LevelWatch};
use crate::sync::{Arc, Mutex};
use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;

/// A layer for `tracing_subscriber` that records in an event store: see [the module](super). Cheap to clone; clones are the
/// same layer, so keep one to ask for its [`stats`](Layer::stats), and install one.
///
/// It keeps the store alive as long as the subscriber lives, which is for good if it is the global one.
#[derive(Clone, Debug)]
pub struct Layer {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) events: Events,
    pub(super) rules: Rules,
    pub(super) sites: Sites,
    pub(super) spans: Spans,
    pub(super) counts: Counts,
    /// For what has no kind of its own.
    pub(super) others: Others,
    pub(super) leaves_scope: bool,
    /// Held while a site asks what levels say and notes the answer: the last to ask must be the last to note.
    pub(super) asking: Mutex<()>,
    #[cfg(feature = "tracing-opentelemetry")]
    pub(super) traces: super::traces::Traces,
    _watch: LevelWatch,
}

/// What a layer is told beforehand: see [`Layer::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct LayerBuilder {
    events: Events,
    rules: Rules,
    leaves_scope: bool,
}

impl LayerBuilder {
    /// The field in which spans and events say whose work they are, such as `request_id`: see [the module](super#whose).
    pub fn correlation_field(mut self, name: &str) -> Self {
        self.rules.correlation = Some(name.into());
        self
    }

    /// Fields of this name, too, are secret, in any case, and whether with `_`, `-` or `.`.
    pub fn secret(mut self, name: &str) -> Self {
        self.rules.secrets.add(name);
        self
    }

    /// Spans that a thread enters do not become its scope: for the second of two layers in one subscriber, and for hosts that
    /// set scopes themselves. An event then costs a look-up of the span around it.
    pub fn leave_scope(mut self) -> Self {
        self.leaves_scope = true;
        self
    }

    /// The layer.
    #[must_use]
    pub fn build(self) -> Layer {
        let Self { events, rules, leaves_scope } = self;
        let inner = Inner {
            others: Others::new(&events, "tracing.other"),
            // Nothing of it is needed: whoever asks then asks this layer, if it is still there.
            _watch: events.watch_levels(tracing::callsite::rebuild_interest_cache),
            rules,
            sites: Sites::new(),
            spans: Spans::new(),
            counts: Counts::default(),
            asking: Mutex::default(),
            #[cfg(feature = "tracing-opentelemetry")]
            traces: super::traces::Traces::default(),
            leaves_scope,
            events,
        };
        Layer { inner: Arc::new(inner) }
    }
}

impl Layer {
    /// One that records in this store. Put before it what levels say: [`Layer::by_levels`].
    #[must_use]
    pub fn new(events: &Events) -> Self {
        Self::builder(events).build()
    }

    /// One that records in this store as told.
    pub fn builder(events: &Events) -> LayerBuilder {
        LayerBuilder { events: events.clone(), rules: Rules::default(), leaves_scope: false }
    }

    /// The layer behind the store's [directives](crate::events::Directives): what is off is not even made. Without this it
    /// sees all that other layers let through, and the store drops what is off.
    pub fn by_levels<S>(self) -> impl tracing_subscriber::Layer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        ByLevels::new(self)
    }

    /// Those directives as a filter, to be combined with others.
    #[must_use]
    pub fn levels(&self) -> Levels {
        Levels(self.inner.clone())
    }

    /// What was not recorded as it was said.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.counts.stats()
    }
}

//! A layer behind what levels say, which looks for its spans in a table of its own.
//!
//! `tracing_subscriber` puts a filter before a layer by looking up in the registry, each time that a span is entered, left or
//! closed, whether the filter let it begin. This layer knows by itself which spans have begun, and is told of all of them: it
//! does nothing about one that it does not know.

use super::build::Layer;
use super::filter::Levels;
use std::any::TypeId;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::filter::{Filtered, LevelFilter};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

pub(super) struct ByLevels<S> {
    filtered: Filtered<Layer, Levels, S>,
}

impl<S> ByLevels<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    pub(super) fn new(layer: Layer) -> Self {
        let levels = layer.levels();
        Self { filtered: tracing_subscriber::Layer::<S>::with_filter(layer, levels) }
    }
}

/// What begins or happens is filtered; what goes on with a span goes straight to the layer.
impl<S> tracing_subscriber::Layer<S> for ByLevels<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.filtered.on_register_dispatch(dispatch);
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        self.filtered.on_layer(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.filtered.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        self.filtered.enabled(metadata, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.filtered.max_level_hint()
    }

    fn event_enabled(&self, event: &Event<'_>, context: Context<'_, S>) -> bool {
        self.filtered.event_enabled(event, context)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.filtered.on_new_span(attributes, id, context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.filtered.on_event(event, context);
    }

    fn on_follows_from(&self, span: &Id, follows: &Id, context: Context<'_, S>) {
        self.filtered.on_follows_from(span, follows, context);
    }

    fn on_record(&self, span: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.filtered.inner().on_record(span, values, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.filtered.inner().on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.filtered.inner().on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.filtered.inner().on_close(id, context);
    }

    fn on_id_change(&self, old: &Id, new: &Id, context: Context<'_, S>) {
        self.filtered.on_id_change(old, new, context);
    }

    /// As the filter it is found: without that, other layers' filters would be told that one layer has none.
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        // SAFETY: our caller promised what it asks for; it points into this value.
        unsafe { self.filtered.downcast_raw(id) }
    }
}

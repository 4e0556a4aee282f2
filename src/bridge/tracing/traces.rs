//! The traces that `tracing-opentelemetry` keeps in the same subscriber.

use crate::sync::OnceLock;
use crate::{CorrelationId, SpanId};
use opentelemetry::trace::TraceContextExt;
use tracing::Dispatch;
use tracing::dispatcher::WeakDispatch;
use tracing::span::Id;

crate::kind! {
    pub(super) InTrace("tracing.in_trace", class = Verbose, severity = Debug) { span_id: u64 }
}

/// The subscriber in which the layer is.
#[derive(Debug, Default)]
pub(super) struct Traces(OnceLock<WeakDispatch>);

impl Traces {
    /// Of a layer that is in several the first one counts.
    pub(super) fn are_in(&self, dispatch: &Dispatch) {
        let _ = self.0.set(dispatch.downgrade());
    }

    /// The trace of a span, and what it is called there, if somebody keeps one. Begins it there, if it has not begun: so only
    /// of a span that is entered, whose parent can no longer be set.
    pub(super) fn trace_of(&self, id: &Id) -> Option<(CorrelationId, SpanId)> {
        let dispatch = self.0.get()?.upgrade()?;
        let context = tracing_opentelemetry::get_otel_context(id, &dispatch)?;
        let span = context.span();
        let known = span.span_context();
        let trace = CorrelationId::new(u128::from_be_bytes(known.trace_id().to_bytes()));
        known.is_valid().then(|| (trace, SpanId::new(u64::from_be_bytes(known.span_id().to_bytes()))))
    }
}

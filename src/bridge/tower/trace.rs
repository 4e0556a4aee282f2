//! What a handler can know of the trace that its request belongs to.

use super::inject::inject_scope;
use crate::events::Scope;
use crate::{CorrelationId, SpanId};
use http::header::{HeaderMap, HeaderValue};

/// The trace that a request belongs to, in its extensions: for handlers that hand it on where [`Scope`]s do not reach. Cheap to
/// clone.
///
/// ```
/// # #[cfg(feature = "axum")]
/// # {
/// use axum::Extension;
/// use flightdeck::bridge::tower::RequestTrace;
///
/// async fn quote(Extension(trace): Extension<RequestTrace>) -> String {
///     format!("to be quoted in a ticket: {}", trace.correlation())
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RequestTrace {
    pub(super) scope: Scope,
    pub(super) caller: Option<SpanId>,
    pub(super) state: Option<HeaderValue>,
}

impl RequestTrace {
    /// The id by which all of the request is found.
    #[must_use]
    pub fn correlation(&self) -> CorrelationId {
        self.scope.correlation()
    }

    /// The scope that its handler runs in: the id, and the request's span.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The span of whoever sent the request; none where the trace begins with it.
    #[must_use]
    pub fn caller(&self) -> Option<SpanId> {
        self.caller
    }

    /// The caller's `tracestate`.
    #[must_use]
    pub fn state(&self) -> Option<&HeaderValue> {
        self.state.as_ref()
    }

    /// Writes the headers of a request that is sent on behalf of this one, from wherever: `traceparent`, and `tracestate` if there
    /// was one.
    pub fn inject(&self, headers: &mut HeaderMap) {
        inject_scope(self.scope, self.state.clone(), headers);
    }
}

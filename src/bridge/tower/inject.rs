//! Headers by which whoever is called knows on whose behalf.

use super::caller::{TRACEPARENT, TRACESTATE};
use super::carried;
use crate::SpanId;
use crate::events::Scope;
use http::header::{HeaderMap, HeaderValue};
use std::io::Write;

/// Bytes of a `traceparent` of version 00.
const BYTES: usize = 55;

/// Writes the header `traceparent` of the scope that this thread is in, and the `tracestate` of the request that it works for, in
/// place of what is there. `false`, and nothing, outside of any scope.
///
/// Of a scope that has no span the span is made of the id: there is no event in it. Wait-free; allocates for the header.
///
/// ```
/// use flightdeck::bridge::tower::inject;
/// use flightdeck::events::Scope;
///
/// let mut headers = http::HeaderMap::new();
/// assert!(!inject(&mut headers));
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let _in = Scope::from_traceparent(header)?.enter();
/// assert!(inject(&mut headers));
/// assert_eq!(headers["traceparent"], header);
/// # Ok::<(), flightdeck::events::TraceparentError>(())
/// ```
pub fn inject(headers: &mut HeaderMap) -> bool {
    let scope = Scope::current();
    inject_scope(scope, carried::of(scope.correlation()), headers)
}

/// The headers of this scope.
pub(super) fn inject_scope(scope: Scope, state: Option<HeaderValue>, headers: &mut HeaderMap) -> bool {
    let Some(parent) = header(scope) else { return false };
    headers.insert(&TRACEPARENT, parent);
    if let Some(state) = state {
        headers.insert(&TRACESTATE, state);
    }
    true
}

fn header(scope: Scope) -> Option<HeaderValue> {
    let id = scope.correlation();
    if id.is_none() {
        return None;
    }
    let scope = match scope.span().is_none() {
        true => {
            let (high, low) = ((id.get() >> 64) as u64, id.get() as u64);
            scope.in_span(SpanId::new(if low == 0 { high } else { low }))
        }
        false => scope,
    };
    let mut text = [0; BYTES];
    write!(&mut text[..], "{}", scope.traceparent()).ok()?;
    HeaderValue::from_bytes(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_in_no_span_is_still_in_the_trace() {
        for (id, span) in
            [(7, "0000000000000007"), (7 << 64, "0000000000000007"), (1 << 64 | 9, "0000000000000009")]
        {
            let header = header(Scope::root(id)).unwrap();
            let read = Scope::from_traceparent(header.to_str().unwrap()).unwrap();
            assert_eq!((read.correlation().get(), &*read.span().to_string()), (id, span));
        }
    }

    #[test]
    fn it_replaces_what_is_there() {
        let mut headers: HeaderMap =
            (0..2).map(|_| (TRACEPARENT.clone(), HeaderValue::from_static("old"))).collect();
        headers.insert(&TRACESTATE, HeaderValue::from_static("old=1"));
        let _in = Scope::root(7_u64).enter();
        assert!(inject(&mut headers));
        assert_eq!(headers.get_all(&TRACEPARENT).iter().count(), 1);
        assert_eq!(headers[&TRACESTATE], "old=1", "nothing else is known of it");
        let _carried = carried::carry(7_u64.into(), &HeaderValue::from_static("new=1"));
        assert!(inject(&mut headers));
        assert_eq!(headers[&TRACESTATE], "new=1");
        let _elsewhere = Scope::root(8_u64).enter();
        assert_eq!(carried::of(8_u64.into()), None, "another trace's");
    }
}

//! The `tracestate` of the request that a thread works for: with it goes what the calls made meanwhile pass on.

use crate::CorrelationId;
use crate::sync::plain_thread_local;
use http::HeaderValue;
use std::cell::RefCell;

/// Of which trace, and what.
type State = Option<(CorrelationId, HeaderValue)>;

plain_thread_local! {
    static CARRIED: RefCell<State> = RefCell::new(None);
}

/// Restores what was carried before.
pub(super) struct Carried(State);

/// Until the guard drops, this thread carries the state of this trace.
pub(super) fn carry(trace: CorrelationId, state: &HeaderValue) -> Carried {
    let state = Some((trace, state.clone()));
    Carried(CARRIED.try_with(|carried| carried.replace(state)).unwrap_or_default())
}

impl Drop for Carried {
    fn drop(&mut self) {
        let _ = CARRIED.try_with(|carried| carried.replace(self.0.take()));
    }
}

/// What this thread carries of this trace.
pub(super) fn of(trace: CorrelationId) -> Option<HeaderValue> {
    let of_trace = |carried: &RefCell<State>| {
        carried.borrow().as_ref().filter(|(of, _)| *of == trace).map(|(_, state)| state.clone())
    };
    CARRIED.try_with(of_trace).ok().flatten()
}

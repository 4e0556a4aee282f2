//! One request, from its beginning to its end.

use super::carried::{self, Carried};
use super::kinds::{Cancelled, Failed, Panicked, Replied, Responding};
use super::outcome::Outcome;
use super::requests::Requests;
use super::routes::RouteId;
use crate::Ticks;
use crate::events::{Scope, ScopeGuard};
use crate::sync::{Arc, thread};
use http::{HeaderValue, StatusCode};

/// A request that is being answered. It ends once, also if it is dropped: as cancelled, or as panicked where the thread unwinds.
#[derive(Debug)]
pub(super) struct Underway {
    requests: Arc<Requests>,
    scope: Scope,
    began: Ticks,
    route: RouteId,
    state: Option<HeaderValue>,
    /// The thread was unwinding already when it began: in a destructor.
    was_unwinding: bool,
    is_over: bool,
}

/// While it lives, this thread works for the request.
pub(super) struct Within {
    _scope: ScopeGuard,
    _carried: Option<Carried>,
}

impl Underway {
    #[inline]
    pub(super) fn new(
        requests: &Arc<Requests>,
        scope: Scope,
        route: RouteId,
        state: Option<HeaderValue>,
    ) -> Self {
        Self {
            requests: requests.clone(),
            scope,
            // Of a beginning that was not recorded nobody took the time.
            began: scope.since().unwrap_or_else(|| requests.events.clock().now()),
            route,
            state,
            was_unwinding: thread::panicking(),
            is_over: false,
        }
    }

    #[inline]
    pub(super) fn enter(&self) -> Within {
        let carried = self.state.as_ref().map(|state| carried::carry(self.scope.correlation(), state));
        Within { _scope: self.scope.enter(), _carried: carried }
    }

    /// The head of the response is there, and the request goes on.
    pub(super) fn responds(&self, status: StatusCode) {
        if self.is_recorded() {
            let _in = self.scope.enter();
            self.requests.events.record(Responding { status: status.as_u16().into() });
        }
    }

    #[inline]
    pub(super) fn end(mut self, outcome: Outcome) {
        self.is_over = true;
        self.tell(outcome);
    }

    fn is_recorded(&self) -> bool {
        self.scope.since().is_some()
    }

    #[inline]
    fn tell(&self, outcome: Outcome) {
        let Requests { events, routes, in_flight, .. } = &*self.requests;
        routes.durations(self.route, outcome).record(events.clock().ns_since(self.began));
        if self.is_recorded() {
            match outcome {
                Outcome::Status(status) => events.end(self.scope, Replied { status: status.as_u16().into() }),
                Outcome::Cancelled => events.end(self.scope, Cancelled {}),
                Outcome::Failed => events.end(self.scope, Failed {}),
                Outcome::Panicked => events.end(self.scope, Panicked {}),
            }
        }
        // What is no longer in flight has been counted.
        in_flight.add(-1);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if !self.is_over {
            let is_unwound = thread::panicking() && !self.was_unwinding;
            self.tell(if is_unwound { Outcome::Panicked } else { Outcome::Cancelled });
        }
    }
}

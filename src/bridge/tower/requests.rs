//! All requests of a layer: what is counted of them, and how each begins.

use super::caller::{self, Unfit};
use super::kinds::Accepted;
use super::request::Underway;
use super::routes::Routes;
use super::trace::RequestTrace;
use crate::CorrelationId;
use crate::events::{Events, Scope};
use crate::sync::{Arc, OnceLock};
use crate::telemetry::{Counter, Description, Resolution, Telemetry, Unit, UpDownCounter};
use http::{Extensions, HeaderMap, Method, Request, Uri};
use std::fmt;

const STARTED: &str = "http_requests_total";
const IN_FLIGHT: &str = "http_requests_in_flight";
const UNFIT: &str = "flightdeck_http_unfit_headers_total";

/// What a request says of itself before anybody has looked at its body: see [`RequestLayer::route_by`](super::RequestLayer::route_by).
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'r> {
    method: &'r Method,
    uri: &'r Uri,
    headers: &'r HeaderMap,
    extensions: &'r Extensions,
}

impl<'r> RequestHead<'r> {
    fn of<B>(request: &'r Request<B>) -> Self {
        let (method, uri) = (request.method(), request.uri());
        Self { method, uri, headers: request.headers(), extensions: request.extensions() }
    }

    /// Its method.
    #[must_use]
    pub fn method(self) -> &'r Method {
        self.method
    }

    /// What it asks for.
    #[must_use]
    pub fn uri(self) -> &'r Uri {
        self.uri
    }

    /// Its headers.
    #[must_use]
    pub fn headers(self) -> &'r HeaderMap {
        self.headers
    }

    /// What others have put to it, such as a router.
    #[must_use]
    pub fn extensions(self) -> &'r Extensions {
        self.extensions
    }
}

/// By what name requests are counted together.
pub(super) type RouteOf = Arc<dyn for<'r> Fn(RequestHead<'r>) -> Option<&'r str> + Send + Sync>;

/// How a layer is to see requests.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) route_of: Option<RouteOf>,
    pub(super) has_paths: bool,
    pub(super) believes_callers: bool,
    pub(super) resolution: Resolution,
}

impl Default for Rules {
    fn default() -> Self {
        Self { route_of: None, has_paths: true, believes_callers: true, resolution: Resolution::default() }
    }
}

impl Rules {
    #[inline]
    fn route<'r>(&self, head: RequestHead<'r>) -> Option<&'r str> {
        match &self.route_of {
            Some(route_of) => route_of(head),
            #[cfg(feature = "axum")]
            None => {
                head.extensions.get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
            }
            #[cfg(not(feature = "axum"))]
            None => None,
        }
    }
}

pub(super) struct Requests {
    pub(super) events: Events,
    pub(super) routes: Routes,
    pub(super) in_flight: UpDownCounter,
    started: Counter,
    telemetry: Telemetry,
    rules: Rules,
    /// By [`Unfit`], made when there is one.
    unfit: [OnceLock<Counter>; Unfit::LABELS.len()],
}

impl Requests {
    pub(super) fn new(events: &Events, telemetry: &Telemetry, rules: Rules) -> Self {
        for (name, help) in
            [(STARTED, "requests that came in"), (IN_FLIGHT, "requests that are being answered")]
        {
            // As of durations.
            let _ = telemetry.describe(name, Description::new(help).unit(Unit::Count));
        }
        Self {
            routes: Routes::new(telemetry, rules.resolution),
            started: telemetry.counter(STARTED),
            in_flight: telemetry.up_down_counter(IN_FLIGHT),
            events: events.clone(),
            telemetry: telemetry.clone(),
            rules,
            unfit: [const { OnceLock::new() }; _],
        }
    }

    /// A request came in.
    #[inline]
    pub(super) fn begin<B>(self: &Arc<Self>, request: &mut Request<B>) -> Underway {
        let head = RequestHead::of(request);
        let (around, caller, state) = self.around(head.headers);
        let route = self.rules.route(head).unwrap_or_default();
        let path = if self.rules.has_paths { head.uri.path() } else { "" };
        self.started.increment(1);
        self.in_flight.add(1);
        let scope = {
            let _in = around.enter();
            self.events.start(Accepted { method: head.method.as_str(), route, path })
        };
        let underway = Underway::new(self, scope, self.routes.find(route), state.clone());
        request.extensions_mut().insert(RequestTrace { scope, caller, state });
        underway
    }

    /// The scope that the request came from, or that of a new trace; its caller's span, and what is to be passed on.
    #[inline]
    fn around(&self, headers: &HeaderMap) -> (Scope, Option<crate::SpanId>, Option<http::HeaderValue>) {
        if self.rules.believes_callers {
            match caller::scope(headers) {
                Ok(Some(scope)) => {
                    let state = caller::state(headers).unwrap_or_else(|unfit| {
                        self.count(unfit);
                        None
                    });
                    return (scope, Some(scope.span()), state);
                }
                Ok(None) => {}
                Err(unfit) => self.count(unfit),
            }
        }
        (fresh(&self.events), None, None)
    }

    #[cold]
    fn count(&self, unfit: Unfit) {
        let place = unfit as usize;
        let counter = || self.telemetry.counter_with(UNFIT, &[("why", Unfit::LABELS[place])]);
        self.unfit[place].get_or_init(counter).increment(1);
    }
}

/// The scope of a trace that begins here.
pub(super) fn fresh(events: &Events) -> Scope {
    let [high, low] = [(); 2].map(|()| u128::from(events.fresh_span().get()));
    Scope::root(CorrelationId::new(high << 64 | low))
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("routes", &self.routes).finish_non_exhaustive()
    }
}

//! What the layers ask of the allocator: what their documentation says, and nothing else.

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/requests.rs"]
mod requests;

use allocations::allocations;
use flightdeck::bridge::tower::{CallLayer, RequestLayer};
use flightdeck::events::Events;
use flightdeck::telemetry::Telemetry;
use http::{HeaderValue, Request, Response};
use requests::{Empty, empty};
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tower_layer::Layer;
use tower_service::Service;

/// Answers at once, without asking the allocator itself.
struct Plain;

impl<A> Service<Request<A>> for Plain {
    type Response = Response<Empty>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Empty>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        // Dropped here, with its extensions.
        drop(request);
        ready(Ok(empty(200)))
    }
}

/// A request whose values lie in memory that is shared already, as a server's do.
fn request(has_parent: bool) -> Request<()> {
    let mut request = Request::get("/quote/FDK").body(()).unwrap();
    request.extensions_mut().insert(7_u64);
    if has_parent {
        let parent = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        request.headers_mut().insert("traceparent", parent);
        request.headers_mut().insert("tracestate", HeaderValue::from_static("vendor=1"));
    }
    request
}

/// How often the allocator is asked while a service answers one request, which is made beforehand.
fn asked<S: Service<Request<()>, Error = Infallible>>(service: &mut S, request: Request<()>) -> u64 {
    let mut request = Some(request);
    allocations(|| {
        let call = pin!(service.call(request.take().unwrap()));
        assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    })
}

#[test]
fn a_request_allocates_for_its_extension_and_for_nothing_else() {
    let (events, telemetry) = (Events::builder().memory(4 << 20).build().unwrap(), Telemetry::new());
    let layer = RequestLayer::new(&events, &telemetry).route_by(|_| Some("/quote/{symbol}"));
    let mut service = layer.layer(Plain);
    for has_parent in [false, true] {
        asked(&mut service, request(has_parent));
        let alone = asked(&mut Plain, request(has_parent));
        for _ in 0..1_000 {
            let more = asked(&mut service, request(has_parent)) - alone;
            assert_eq!(more, 2, "a box for the extension, and it is given back");
        }
    }
    assert_eq!(events.stats().written, 2 * 1_001 * 2);
}

#[test]
fn a_call_allocates_for_its_header() {
    let events = Events::builder().memory(4 << 20).build().unwrap();
    let mut client = CallLayer::new(&events).layer(Plain);
    let _in = events.scope(7_u64);
    asked(&mut client, request(true));
    let alone = asked(&mut Plain, request(true));
    // It replaces one that is there, so the map does not grow.
    assert_eq!(asked(&mut client, request(true)) - alone, 2, "the header's bytes, and they are given back");
}

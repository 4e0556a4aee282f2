//! A request through `bridge::tower`, beside the same service alone: called by hand, without a server.

use crate::measure::Side;
use crate::row::Row;
use crate::session::Session;
use axum::Router;
use axum::extract::{Path, Request};
use axum::handler::Handler;
use axum::http::HeaderValue;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use flightdeck::bridge::tower::RequestLayer;
use flightdeck::events::Events;
use flightdeck::telemetry::Telemetry;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tower_layer::Layer;
use tower_service::Service;

/// Enough for rings that are touched once: their events leave the caches.
const MEMORY: usize = 64 << 20;
/// Requests that fill them.
const LAP: u64 = 600_000;

/// A deck's stores: what a host gives the layer.
struct Stores {
    events: Events,
    telemetry: Telemetry,
}

impl Stores {
    fn new(records: bool) -> Self {
        let events = Events::builder().memory(MEMORY).prefault(true).build().expect("as much memory");
        events.switch(records);
        Self { events, telemetry: Telemetry::new() }
    }

    fn layer(&self) -> RequestLayer {
        RequestLayer::new(&self.events, &self.telemetry)
    }

    /// It is worth nothing otherwise.
    fn have_seen_requests(&self, records: bool) {
        assert!(self.telemetry.counter("http_requests_total").value() > 0, "it counts nothing");
        assert_eq!(self.events.stats().written > 0, records);
    }
}

/// Answers at once.
#[derive(Clone)]
struct Plain;

impl Service<Request> for Plain {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::default()))
    }
}

/// Its service adds nothing but its being there. It holds something, as layers do: axum needs no box for what holds nothing.
#[derive(Clone, Default)]
struct NoOp(Arc<()>);

#[derive(Clone)]
struct Through<S> {
    inner: S,
    _held: Arc<()>,
}

impl<S> Layer<S> for NoOp {
    type Service = Through<S>;

    fn layer(&self, inner: S) -> Through<S> {
        Through { inner, _held: self.0.clone() }
    }
}

impl<S: Service<Request>> Service<Request> for Through<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.inner.call(request)
    }
}

fn request() -> Request {
    let mut request = Request::new(axum::body::Body::empty());
    *request.uri_mut() = "/quote/FD007/201".parse().expect("a path");
    let parent = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("127.0.0.1:8080"));
    headers.insert("traceparent", parent);
    request
}

/// One request after the other, each answered at the first poll.
fn asked<'a>(
    name: &str,
    mut service: impl Service<Request, Response = Response, Error = Infallible> + 'a,
) -> Side<'a> {
    Side::each(name, move |_| {
        let call = pin!(service.call(request()));
        let answered = call.poll(&mut Context::from_waker(Waker::noop()));
        assert!(black_box(answered).is_ready(), "it waits");
    })
}

async fn quote(Path((_, quantity)): Path<(String, u64)>) -> String {
    black_box(quantity).to_string()
}

/// axum's way to such a handler.
fn routed(quotes: MethodRouter) -> Router {
    Router::new().route("/quote/{symbol}/{quantity}", quotes)
}

pub(super) fn run(session: &mut Session) {
    session.row("a request to a `tower` service behind `RequestLayer`: two events, three metrics", || {
        let [on, off] = [true, false].map(Stores::new);
        let row = Row::measure(
            asked("behind the layer", on.layer().layer(Plain)).warmed(LAP),
            vec![
                asked("the service alone", Plain),
                asked("behind a layer that does nothing", NoOp::default().layer(Plain)),
                asked("behind the layer, all kinds switched off", off.layer().layer(Plain)),
            ],
            &[],
        );
        on.have_seen_requests(true);
        off.have_seen_requests(false);
        row
    });
    session.row("a request through axum's router, `RequestLayer` around the handler", || {
        let [on, off, around, off_around] = [true, false, true, false].map(Stores::new);
        let row = Row::measure(
            asked("around the handler", routed(get(quote.layer(on.layer())))).warmed(LAP),
            vec![
                asked("no layer", routed(get(quote))),
                asked(
                    "around the handler, a layer that does nothing",
                    routed(get(quote.layer(NoOp::default()))),
                ),
                asked("around the handler, all kinds switched off", routed(get(quote.layer(off.layer())))),
                asked("around the router", routed(get(quote)).layer(around.layer())).warmed(LAP),
                asked(
                    "around the router, a layer that does nothing",
                    routed(get(quote)).layer(NoOp::default()),
                ),
                asked(
                    "around the router, all kinds switched off",
                    routed(get(quote)).layer(off_around.layer()),
                ),
            ],
            &[],
        );
        [on, around].iter().for_each(|stores| stores.have_seen_requests(true));
        [off, off_around].iter().for_each(|stores| stores.have_seen_requests(false));
        row
    });
}

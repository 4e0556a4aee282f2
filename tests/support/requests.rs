//! What layers recorded and counted of requests, and a service that answers as it is told.
#![allow(dead_code, reason = "each test file uses what it needs")]

use flightdeck::CorrelationId;
use flightdeck::events::{Events, Value};
use flightdeck::telemetry::{self, Telemetry};
use http::{Request, Response};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tower_service::Service;

/// Answers with what `body` makes of a request.
#[derive(Clone)]
pub struct Answering<F>(pub F);

impl<F, A, Fut> Service<Request<A>> for Answering<F>
where
    F: FnMut(Request<A>) -> Fut,
    Fut: Future,
    Fut::Output: IsResult,
{
    type Response = <Fut::Output as IsResult>::Ok;
    type Error = <Fut::Output as IsResult>::Err;
    type Future = Resulting<Fut>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        Resulting(Box::pin((self.0)(request)))
    }
}

pub struct Resulting<F>(Pin<Box<F>>);

impl<F: Future<Output: IsResult>> Future for Resulting<F> {
    type Output = Result<<F::Output as IsResult>::Ok, <F::Output as IsResult>::Err>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context).map(IsResult::into)
    }
}

pub trait IsResult {
    type Ok;
    type Err;
    fn into(self) -> Result<Self::Ok, Self::Err>;
}

impl<T, E> IsResult for Result<T, E> {
    type Ok = T;
    type Err = E;
    fn into(self) -> Self {
        self
    }
}

/// A response without a body, as a service gives it that has nothing else to do.
pub fn empty(status: u16) -> Response<Empty> {
    Response::builder().status(status).body(Empty).unwrap()
}

#[derive(Debug)]
pub struct Empty;

impl http_body::Body for Empty {
    type Data = &'static [u8];
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

/// The output of a future that waits for nothing.
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// The kinds of all events of an id, in order.
pub fn kinds(events: &Events, id: CorrelationId) -> Vec<String> {
    let answer = events.query().correlation(id).run().unwrap();
    answer.iter().map(|event| event.kind().to_owned()).collect()
}

/// The field of the only event of this kind.
pub fn field(events: &Events, kind: &str, name: &str) -> String {
    let answer = events.query().kind_named(kind).run().unwrap();
    let [event] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{}", answer.timeline()) };
    event.field(name).as_ref().map(Value::to_string).unwrap_or_else(|| panic!("{}", answer.timeline()))
}

pub fn counter(telemetry: &Telemetry, name: &str) -> u64 {
    match telemetry.snapshot().get(name) {
        Some(telemetry::Value::Counter(count)) => *count,
        other => panic!("{name}: {other:?}"),
    }
}

pub fn in_flight(telemetry: &Telemetry) -> i64 {
    telemetry.up_down_counter("http_requests_in_flight").value()
}

/// How many requests ended, by route and status.
pub fn ended(telemetry: &Telemetry) -> BTreeMap<(String, String), u64> {
    let count = |value: &telemetry::Value| match value {
        telemetry::Value::Histogram(values) => values.count(),
        other => panic!("no histogram: {other:?}"),
    };
    let snapshot = telemetry.snapshot();
    let of = |key: &telemetry::SeriesKey, label| key.labels().get(label).unwrap().to_owned();
    let series = snapshot.series("http_request_ns");
    series.map(|(key, value)| ((of(key, "route"), of(key, "status")), count(value))).collect()
}

/// One of those.
pub fn ended_as(telemetry: &Telemetry, route: &str, status: &str) -> u64 {
    ended(telemetry).get(&(route.to_owned(), status.to_owned())).copied().unwrap_or_default()
}

/// How many headers counted for nothing.
pub fn unfit(telemetry: &Telemetry, why: &str) -> u64 {
    match telemetry.snapshot().get_with("flightdeck_http_unfit_headers_total", &[("why", why)]) {
        Some(telemetry::Value::Counter(count)) => *count,
        None => 0,
        other => panic!("{why}: {other:?}"),
    }
}

//! The layers of `bridge::tower` around services that are called by hand: whose each request is, how it ends, what is counted.

#[path = "support/requests.rs"]
mod requests;

use flightdeck::bridge::tower::{CallLayer, RequestLayer, RequestTrace, inject};
use flightdeck::events::{Events, InScope, Scope};
use flightdeck::telemetry::{Resolution, Telemetry};
use http::header::{HeaderMap, HeaderValue};
use http::{Request, Response};
use http_body::{Body, Frame};
use requests::*;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tower_layer::Layer;
use tower_service::Service;

flightdeck::kind! {
    Worked("tower.worked") { step: u64 }
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

struct Host {
    events: Events,
    telemetry: Telemetry,
}

impl Host {
    fn new() -> Self {
        Self { events: Events::builder().memory(4 << 20).build().unwrap(), telemetry: Telemetry::new() }
    }

    fn layer(&self) -> RequestLayer {
        RequestLayer::new(&self.events, &self.telemetry).route_by(|head| {
            let path = head.uri().path();
            path.starts_with("/quote/").then_some("/quote/{symbol}")
        })
    }

    fn ended(&self, status: &str) -> u64 {
        ended_as(&self.telemetry, "/quote/{symbol}", status)
    }
}

fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

fn traced(parents: &[&[u8]]) -> Request<()> {
    let mut request = get("/quote/FDK");
    for parent in parents {
        request.headers_mut().append("traceparent", HeaderValue::from_bytes(parent).unwrap());
    }
    request
}

/// The headers that a call from the handler of this request has.
fn passed_on(host: &Host, layer: &RequestLayer, request: Request<()>) -> HeaderMap {
    let headers = std::cell::RefCell::new(HeaderMap::new());
    let mut service = layer.layer(Answering(async |_: Request<()>| {
        assert!(inject(&mut headers.borrow_mut()));
        Ok::<_, Infallible>(empty(200))
    }));
    at_once(service.call(request)).unwrap();
    assert_eq!(in_flight(&host.telemetry), 0);
    headers.into_inner()
}

/// Of the request that came last: its id, its span, and its span's parent.
fn last_accepted(events: &Events) -> (u128, u64, u64) {
    let answer = events.query().kind_named("http.accepted").newest_first().limit(1).run().unwrap();
    let event = answer.iter().next().unwrap();
    assert!(event.is_root() && event.is_start());
    (event.correlation().get(), event.span().get(), event.parent().unwrap().get())
}

#[test]
fn a_request_is_a_span_of_its_callers_trace_and_its_handler_runs_in_it() {
    let host = Host::new();
    let events = &host.events;
    let mut service = host.layer().layer(Answering(async |request: Request<()>| {
        events.record(Worked { step: 1 });
        let trace = request.extensions().get::<RequestTrace>().unwrap().clone();
        assert_eq!((trace.scope(), trace.correlation().get()), (Scope::current(), TRACE));
        assert_eq!(trace.caller().map(|span| span.to_string()).as_deref(), Some("00f067aa0ba902b7"));
        Ok::<_, Infallible>(empty(404))
    }));
    let mut request = traced(&[PARENT.as_bytes()]);
    *request.uri_mut() = "/quote/FDK?password=hunter2".parse().unwrap();
    let before = Scope::root(5_u64).enter();
    assert_eq!(at_once(service.call(request)).unwrap().status(), 404);
    assert_eq!(Scope::current().correlation().get(), 5, "left as it was");
    drop(before);

    let answer = events.query().correlation(TRACE).run().unwrap();
    let text = answer.timeline().to_string();
    assert!(answer.verdict().is_complete() && !text.contains("hunter2"), "{text}");
    let [accepted, worked, replied] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(text.contains("http.accepted method=GET route=/quote/{symbol} path=/quote/FDK"), "{text}");
    assert_eq!(accepted.parent().unwrap().to_string(), "00f067aa0ba902b7");
    assert!(accepted.is_start() && replied.is_end() && replied.duration().is_some());
    assert!(accepted.span() == worked.span() && worked.span() == replied.span());
    assert_eq!(field(events, "http.replied", "status"), "404");
    assert_eq!(counter(&host.telemetry, "http_requests_total"), 1);
    assert_eq!((host.ended("4xx"), in_flight(&host.telemetry)), (1, 0));
}

#[test]
fn a_header_that_names_no_trace_begins_one_and_is_counted() {
    let host = Host::new();
    let layer = host.layer();
    let long = format!("cc{}-{}", &PARENT[2..], "x".repeat(600));
    let cases: [(&str, &[&[u8]]); 6] = [
        ("malformed", &[b"00-zz"]),
        ("malformed", &[b"\xff\xff"]),
        ("malformed", &[b"00-00000000000000000000000000000000-00f067aa0ba902b7-01"]),
        ("repeated", &[PARENT.as_bytes(), PARENT.as_bytes()]),
        ("too_long", &[long.as_bytes()]),
        ("nothing", &[]),
    ];
    let mut seen = vec![TRACE];
    for (why, parents) in cases {
        let before = unfit(&host.telemetry, why);
        let mut request = traced(parents);
        request.headers_mut().insert("tracestate", HeaderValue::from_static("vendor=1"));
        let headers = passed_on(&host, &layer, request);
        let (id, span, parent) = last_accepted(&host.events);
        assert!(!seen.contains(&id) && id != 0 && parent == 0, "{parents:?}");
        seen.push(id);
        assert_eq!(headers["traceparent"], format!("00-{id:032x}-{span:016x}-01"));
        assert!(!headers.contains_key("tracestate"), "it is of a trace that is not known");
        assert_eq!(unfit(&host.telemetry, why), before + u64::from(why != "nothing"));
    }
    assert_eq!(unfit(&host.telemetry, "malformed"), 3);
}

#[test]
fn what_the_caller_says_of_its_trace_is_passed_on() {
    let host = Host::new();
    let layer = host.layer();
    let mut request = traced(&[PARENT.replace("-01", "-00").as_bytes()]);
    for state in ["vendor=1", "other=2"] {
        request.headers_mut().append("tracestate", HeaderValue::from_static(state));
    }
    let headers = passed_on(&host, &layer, request);
    let (id, span, _) = last_accepted(&host.events);
    assert_eq!(id, TRACE, "recorded though not sampled");
    assert_eq!(headers["traceparent"], format!("00-{TRACE:032x}-{span:016x}-00"));
    assert_eq!(headers["tracestate"], "vendor=1,other=2");
    let headers = passed_on(&host, &layer, traced(&[PARENT.as_bytes()]));
    assert!(!headers.contains_key("tracestate"), "that of another request is gone");
    let mut request = traced(&[PARENT.as_bytes()]);
    request.headers_mut().insert("tracestate", "x".repeat(5_000).parse().unwrap());
    assert!(!passed_on(&host, &layer, request).contains_key("tracestate"));
    assert_eq!((last_accepted(&host.events).0, unfit(&host.telemetry, "tracestate_too_long")), (TRACE, 1));
}

#[test]
fn another_task_passes_it_on_by_the_extension() {
    let host = Host::new();
    let trace = std::cell::RefCell::new(None);
    let mut service = host.layer().layer(Answering(async |request: Request<()>| {
        *trace.borrow_mut() = request.extensions().get::<RequestTrace>().cloned();
        Ok::<_, Infallible>(empty(200))
    }));
    let mut request = traced(&[PARENT.as_bytes()]);
    request.headers_mut().insert("tracestate", HeaderValue::from_static("vendor=1"));
    at_once(service.call(request)).unwrap();
    let mut headers = HeaderMap::new();
    let trace = trace.borrow_mut().take().unwrap();
    trace.inject(&mut headers);
    let (_, span, _) = last_accepted(&host.events);
    assert_eq!(headers["traceparent"], format!("00-{TRACE:032x}-{span:016x}-01"));
    assert_eq!(
        (&headers["tracestate"], trace.state().unwrap().as_bytes()),
        (&"vendor=1".parse().unwrap(), &b"vendor=1"[..])
    );
    // Where scopes reach, the scope alone is enough for the trace.
    let mut headers = HeaderMap::new();
    at_once(async { assert!(inject(&mut headers)) }.in_scope(trace.scope()));
    assert!(headers["traceparent"].to_str().unwrap().starts_with("00-4bf92f35"));
}

#[test]
fn strangers_choose_no_ids_and_paths_may_be_left_out() {
    let host = Host::new();
    let layer = host.layer().new_traces().without_paths();
    passed_on(&host, &layer, traced(&[PARENT.as_bytes()]));
    assert_ne!(last_accepted(&host.events).0, TRACE);
    assert_eq!(field(&host.events, "http.accepted", "path"), "");
    assert!(host.events.query().correlation(TRACE).run().unwrap().is_empty());
}

#[test]
fn routes_are_the_hosts_and_never_the_path() {
    let host = Host::new();
    let service = |status| {
        let answer = move |_: Request<()>| async move { Ok::<_, Infallible>(empty(status)) };
        host.layer().layer(Answering(answer))
    };
    for number in 0..300 {
        at_once(service(200).call(get(&format!("/quote/{number}")))).unwrap();
        at_once(service(503).call(get(&format!("/wp-login/{number}")))).unwrap();
    }
    at_once(service(101).call(get("/quote/x"))).unwrap();
    at_once(service(302).call(get("/quote/x"))).unwrap();
    at_once(service(777).call(get("/quote/x"))).unwrap();
    let of = |route: &str, status: &str, count| ((route.to_owned(), status.to_owned()), count);
    let expected = [
        of("/quote/{symbol}", "1xx", 1),
        of("/quote/{symbol}", "2xx", 300),
        of("/quote/{symbol}", "3xx", 1),
        of("/quote/{symbol}", "other", 1),
        of("unmatched", "5xx", 300),
    ];
    assert_eq!(ended(&host.telemetry), expected.into());
}

/// Records when it is dropped.
struct Leaves<'a>(&'a Events);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.record(Worked { step: 9 });
    }
}

#[test]
fn a_request_that_is_dropped_was_cancelled_and_what_its_handler_held_went_in_its_scope() {
    let host = Host::new();
    let mut service = host.layer().layer(Answering(async |_: Request<()>| {
        let _leaves = Leaves(&host.events);
        pending::<()>().await;
        Ok::<_, Infallible>(empty(200))
    }));
    {
        let mut call = pin!(service.call(traced(&[PARENT.as_bytes()])));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(in_flight(&host.telemetry), 1);
        // Also one that was never polled.
        drop(service.call(traced(&[PARENT.as_bytes()])));
        assert_eq!(in_flight(&host.telemetry), 1);
    }
    assert_eq!((in_flight(&host.telemetry), host.ended("cancelled")), (0, 2));
    let expected = ["http.accepted", "http.accepted", "http.cancelled", "tower.worked", "http.cancelled"];
    assert_eq!(kinds(&host.events, TRACE.into()), expected);
    assert!(Scope::current().correlation().is_none());
}

#[test]
fn a_handler_that_panics_ends_its_request_as_such_wherever_it_does() {
    let host = Host::new();
    let mut in_poll =
        host.layer().layer(Answering(async |_: Request<()>| -> Result<Response<Empty>, Infallible> {
            panic!("in poll")
        }));
    let mut in_call = host.layer().layer(Answering(|request: Request<()>| {
        assert!(request.uri().path().is_empty(), "in call");
        async { Ok::<_, Infallible>(empty(200)) }
    }));
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let both = [
        catch_unwind(AssertUnwindSafe(|| at_once(in_poll.call(traced(&[PARENT.as_bytes()]))).is_ok())),
        catch_unwind(AssertUnwindSafe(|| at_once(in_call.call(traced(&[PARENT.as_bytes()]))).is_ok())),
    ];
    std::panic::set_hook(usual);
    assert!(both.iter().all(Result::is_err));
    assert!(Scope::current().correlation().is_none());
    assert_eq!(kinds(&host.events, TRACE.into()), ["http.accepted", "http.panicked"].repeat(2));
    assert_eq!((in_flight(&host.telemetry), host.ended("panicked")), (0, 2));
}

#[test]
fn a_service_that_fails_is_a_request_that_failed() {
    let host = Host::new();
    let mut service =
        host.layer().layer(Answering(async |_: Request<()>| Err::<Response<Empty>, _>("no backend")));
    assert_eq!(at_once(service.call(traced(&[PARENT.as_bytes()]))).unwrap_err(), "no backend");
    assert_eq!(kinds(&host.events, TRACE.into()), ["http.accepted", "http.failed"]);
    assert_eq!((in_flight(&host.telemetry), host.ended("failed")), (0, 1));
}

/// A body of frames that come one a poll, or of an error.
struct Frames<'a>(&'a Events, Vec<Result<&'static [u8], &'static str>>, bool);

impl Body for Frames<'_> {
    type Data = &'static [u8];
    type Error = &'static str;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self(events, left, _) = self.get_mut();
        events.record(Worked { step: left.len() as u64 });
        Poll::Ready((!left.is_empty()).then(|| left.remove(0).map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.2 && self.1.is_empty()
    }
}

fn next<B: Body + Unpin>(body: &mut B) -> Option<Result<Frame<B::Data>, B::Error>> {
    match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(frame) => frame,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_request_lasts_until_its_body_was_sent_if_that_is_asked_for() {
    for knows_its_end in [false, true] {
        let host = Host::new();
        let body =
            |frames: Vec<_>| Ok::<_, Infallible>(Response::new(Frames(&host.events, frames, knows_its_end)));
        let mut service = host
            .layer()
            .until_body_end()
            .layer(Answering(async |_: Request<()>| body(vec![Ok(b"a".as_slice()), Ok(b"b")])));
        let mut sent = at_once(service.call(traced(&[PARENT.as_bytes()]))).unwrap().into_body();
        assert_eq!(in_flight(&host.telemetry), 1);
        assert!(next(&mut sent).unwrap().is_ok() && in_flight(&host.telemetry) == 1);
        assert!(next(&mut sent).unwrap().is_ok());
        assert_eq!(in_flight(&host.telemetry), i64::from(!knows_its_end));
        assert!(next(&mut sent).is_none());
        drop(sent);
        assert_eq!((in_flight(&host.telemetry), host.ended("2xx")), (0, 1));
        let mut expected = vec!["http.accepted", "http.responding", "tower.worked", "tower.worked"];
        expected.extend(if knows_its_end {
            &["http.replied"][..]
        } else {
            &["tower.worked", "http.replied"]
        });
        assert_eq!(kinds(&host.events, TRACE.into()), expected, "each poll in its scope");
    }
}

#[test]
fn a_body_that_fails_or_is_dropped_says_so_and_one_that_nobody_sends_is_over_at_once() {
    let host = Host::new();
    let body = |frames: Vec<_>| Ok::<_, Infallible>(Response::new(Frames(&host.events, frames, true)));
    let layer = host.layer().until_body_end();
    let mut failing =
        layer.layer(Answering(async |_: Request<()>| body(vec![Ok(b"a".as_slice()), Err("lost")])));
    let mut sent = at_once(failing.call(get("/quote/FDK"))).unwrap().into_body();
    assert!(next(&mut sent).unwrap().is_ok() && next(&mut sent).unwrap().is_err());
    assert_eq!((in_flight(&host.telemetry), host.ended("failed")), (0, 1));
    let sent = at_once(failing.call(get("/quote/FDK"))).unwrap();
    assert_eq!(in_flight(&host.telemetry), 1);
    drop(sent);
    assert_eq!((in_flight(&host.telemetry), host.ended("cancelled")), (0, 1));
    let head = Request::head("/quote/FDK").body(()).unwrap();
    let _sent = at_once(failing.call(head)).unwrap();
    let mut empty = layer.layer(Answering(async |_: Request<()>| body(Vec::new())));
    let _sent_too = at_once(empty.call(get("/quote/FDK"))).unwrap();
    assert_eq!((in_flight(&host.telemetry), host.ended("2xx")), (0, 2));
}

#[test]
fn a_deck_that_records_nothing_still_counts_and_passes_on() {
    let host = Host::new();
    host.events.switch(false);
    let layer = host.layer();
    let headers = passed_on(&host, &layer, traced(&[PARENT.as_bytes()]));
    assert!(headers["traceparent"].to_str().unwrap().starts_with(&PARENT[..36]));
    assert_eq!((host.events.stats().written, host.ended("2xx")), (0, 1));
    host.events.stop();
    passed_on(&host, &layer, get("/quote/FDK"));
    assert_eq!(counter(&host.telemetry, "http_requests_total"), 2);
}

#[test]
fn of_a_request_that_a_sample_holds_back_there_is_no_half() {
    let host = Host::new();
    host.events.set_directives("info,http=1/10".parse().unwrap());
    let mut service = host.layer().layer(Answering(async |_: Request<()>| Ok::<_, Infallible>(empty(200))));
    for _ in 0..1_000 {
        at_once(service.call(get("/quote/FDK"))).unwrap();
    }
    let of = |kind| host.events.query().kind_named(kind).run().unwrap();
    let (accepted, replied) = (of("http.accepted"), of("http.replied"));
    assert!((50..=200).contains(&accepted.len()), "{}", accepted.len());
    let spans =
        |answer: &flightdeck::events::Answer| answer.iter().map(|event| event.span()).collect::<Vec<_>>();
    assert_eq!(spans(&accepted), spans(&replied));
    assert_eq!(host.ended("2xx"), 1_000);
}

#[test]
fn the_histogram_is_as_fine_as_asked_for() {
    let host = Host::new();
    let coarse = Resolution::new(2).up_to(1 << 30);
    passed_on(&host, &host.layer().resolution(coarse), get("/quote/FDK"));
    let labels = [("route", "/quote/{symbol}"), ("status", "2xx")];
    assert_eq!(
        host.telemetry.try_histogram_of("http_request_ns", &labels, coarse).unwrap().values().count(),
        1
    );
}

#[test]
fn a_call_is_a_span_below_its_request_and_says_so() {
    let host = Host::new();
    let headers = std::cell::RefCell::new(HeaderMap::new());
    let mut client = CallLayer::new(&host.events).layer(Answering(async |request: Request<()>| {
        host.events.record(Worked { step: 1 });
        *headers.borrow_mut() = request.headers().clone();
        Ok::<_, Infallible>(empty(503))
    }));
    let within = Scope::from_traceparent(PARENT).unwrap().enter();
    let mut request = get("http://ann:hunter2@prices.example:8080/quote/FDK?token=7");
    request.headers_mut().insert("traceparent", HeaderValue::from_static("that of somebody else"));
    at_once(client.call(request)).unwrap();
    drop(within);
    let answer = host.events.query().correlation(TRACE).run().unwrap();
    let text = answer.timeline().to_string();
    assert!(text.contains("http.called method=GET host=prices.example path=/quote/FDK"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("token"), "{text}");
    let [called, worked, answered] = &answer.iter().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(called.parent().unwrap().to_string(), "00f067aa0ba902b7");
    assert!(called.span() == worked.span() && answered.span() == called.span() && answered.is_end());
    assert_eq!(headers.borrow()["traceparent"], format!("00-{TRACE:032x}-{}-01", called.span()));

    at_once(client.call(get("/"))).unwrap();
    let sent = headers.borrow()["traceparent"].to_str().unwrap().to_owned();
    let id = Scope::from_traceparent(&sent).unwrap().correlation();
    assert_ne!(id.get(), TRACE);
    assert_eq!(kinds(&host.events, id), ["http.called", "tower.worked", "http.answered"]);
}

#[test]
fn a_call_that_comes_to_nothing_says_so() {
    let host = Host::new();
    let layer = CallLayer::new(&host.events);
    let _in = Scope::root(7_u64).enter();
    let mut failing = layer.layer(Answering(async |_: Request<()>| Err::<Response<Empty>, _>("refused")));
    assert!(at_once(failing.call(get("/"))).is_err());
    let mut hanging = layer.layer(Answering(async |_: Request<()>| {
        pending::<()>().await;
        Ok::<_, Infallible>(empty(200))
    }));
    drop(hanging.call(get("/")));
    let expected = ["http.called", "http.call_failed", "http.called", "http.call_cancelled"];
    assert_eq!(kinds(&host.events, 7_u64.into()), expected);
}

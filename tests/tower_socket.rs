//! `bridge::tower` in a real server: axum over sockets, many requests at a time, clients that leave, handlers that panic, bodies
//! that take their time.

#[path = "support/requests.rs"]
mod requests;
#[path = "support/mod.rs"]
mod support;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::routing::get;
use flightdeck::CorrelationId;
use flightdeck::bridge::tower::{RequestLayer, RequestTrace};
use flightdeck::events::{Events, InScope, Scope};
use flightdeck::telemetry::Telemetry;
use http_body::Frame;
use requests::{ended, ended_as, in_flight, kinds, unfit};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::pending;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use support::until;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};

flightdeck::kind! {
    Worked("socket.worked") { step: u64 }
    Left("socket.left") {}
}

/// Of requests whose bodies come from here.
type Streams = Arc<Mutex<Vec<Sender<Bytes>>>>;

#[derive(Clone)]
struct Host {
    events: Events,
    telemetry: Telemetry,
    streams: Streams,
}

struct Server {
    host: Host,
    address: SocketAddr,
    runtime: Runtime,
}

impl Server {
    /// With these routes, whose layer is made of the host.
    fn start(routes: impl FnOnce(&Host) -> Router<Host>) -> Self {
        let host = Host {
            events: Events::builder().memory(16 << 20).build().unwrap(),
            telemetry: Telemetry::new(),
            streams: Streams::default(),
        };
        let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let app = routes(&host).with_state(host.clone());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { host, address, runtime }
    }

    /// Sends a request, and gives the connection.
    fn send(&self, method: &str, path: &str, headers: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        connection
    }

    /// All that comes back; nothing from one whose handler panicked.
    fn ask(&self, path: &str, headers: &str) -> String {
        let mut text = String::new();
        let _ = self.send("GET", path, headers).read_to_string(&mut text);
        text
    }

    fn until_in_flight(&self, count: i64) {
        until("requests in flight", || in_flight(&self.host.telemetry) == count);
    }

    fn ended(&self, route: &str, status: &str) -> u64 {
        ended_as(&self.host.telemetry, route, status)
    }
}

fn layer(host: &Host) -> RequestLayer {
    RequestLayer::new(&host.events, &host.telemetry)
}

fn routes() -> Router<Host> {
    Router::new()
        .route("/quote/{symbol}", get(quote))
        .route("/wait", get(wait))
        .route("/panic", get(panics))
        .route("/stream", get(stream))
        .nest("/api", Router::new().route("/orders/{id}", get(async || StatusCode::CREATED)))
}

async fn quote(State(host): State<Host>, Path(symbol): Path<String>) -> String {
    host.events.record(Worked { step: 1 });
    for _ in 0..3 {
        tokio::task::yield_now().await;
        host.events.record(Worked { step: 2 });
    }
    let scope = Scope::current();
    let other = async move { host.events.record(Worked { step: 3 }) };
    tokio::spawn(other.in_scope(scope)).await.unwrap();
    symbol
}

/// Records when it is dropped.
struct Leaves(Events);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.record(Left {});
    }
}

async fn wait(State(host): State<Host>) {
    let _leaves = Leaves(host.events);
    pending().await
}

async fn panics(State(host): State<Host>) {
    tokio::task::yield_now().await;
    host.events.record(Worked { step: 1 });
    panic!("as it is told")
}

/// Whatever is sent to it.
struct Sent(Receiver<Bytes>, Events);

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = self.0.poll_recv(context);
        if polled.is_ready() {
            self.1.record(Worked { step: 4 });
        }
        polled.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

async fn stream(State(host): State<Host>) -> Body {
    let (sender, received) = channel(8);
    host.streams.lock().unwrap().push(sender);
    Body::new(Sent(received, host.events))
}

fn id(number: u128) -> CorrelationId {
    CorrelationId::new(number << 64 | 0x5eed)
}

fn parent(number: u128) -> String {
    format!("traceparent: 00-{}-00000000000000aa-01\r\n", id(number))
}

#[test]
fn many_at_a_time_are_each_in_their_own_trace_whichever_threads_they_run_on() {
    const CLIENTS: u128 = 8;
    const EACH: u128 = 50;
    let server = Server::start(|host| routes().layer(layer(host)));
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                for n in 0..EACH {
                    let answer = server.ask("/quote/FDK", &parent(1 + client * EACH + n));
                    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("FDK"), "{answer}");
                }
            });
        }
    });
    let Host { events, telemetry, .. } = &server.host;
    let mut spans = BTreeSet::new();
    for number in 1..=CLIENTS * EACH {
        let answer = events.query().correlation(id(number)).run().unwrap();
        let kinds: Vec<_> = answer.iter().map(|event| event.kind()).collect();
        assert_eq!(kinds, [&["http.accepted"][..], &["socket.worked"; 5], &["http.replied"]].concat());
        assert!(answer.verdict().is_complete(), "{}", answer.timeline());
        let accepted = answer.iter().next().unwrap();
        assert_eq!(accepted.parent().unwrap().get(), 0xaa);
        assert!(answer.iter().all(|event| event.span() == accepted.span()));
        spans.insert(accepted.span());
    }
    assert_eq!(spans.len() as u128, CLIENTS * EACH);
    assert_eq!(events.stats().written as u128, CLIENTS * EACH * 7);
    assert_eq!(in_flight(telemetry), 0);
    assert_eq!(
        ended(telemetry),
        [(("/quote/{symbol}".into(), "2xx".into()), (CLIENTS * EACH) as u64)].into()
    );
}

#[test]
fn routes_are_those_of_axum_nested_ones_too_and_other_paths_have_none() {
    let server = Server::start(|host| routes().fallback(async || StatusCode::NOT_FOUND).layer(layer(host)));
    for number in 0..40 {
        server.ask(&format!("/quote/FD{number}?q={number}"), "");
        server.ask(&format!("/api/orders/{number}"), "");
        server.ask(&format!("/.env/{number}"), "");
    }
    let mut connection = server.send("DELETE", "/quote/FDK", "");
    connection.read_to_end(&mut Vec::new()).unwrap();
    let of = |route: &str, status: &str, count| ((route.to_owned(), status.to_owned()), count);
    let expected = [
        of("/api/orders/{id}", "2xx", 40),
        of("/quote/{symbol}", "2xx", 40),
        of("/quote/{symbol}", "4xx", 1),
        of("unmatched", "4xx", 40),
    ];
    assert_eq!(ended(&server.host.telemetry), expected.into());
}

#[test]
fn around_a_handler_it_knows_the_route_as_well() {
    let server = Server::start(|host| Router::new().route("/quote/{symbol}", get(quote.layer(layer(host)))));
    assert!(server.ask("/quote/FDK", &parent(1)).ends_with("FDK"));
    assert_eq!(server.ended("/quote/{symbol}", "2xx"), 1);
    assert_eq!(kinds(&server.host.events, id(1)).len(), 7);
}

#[test]
fn clients_that_leave_are_counted_and_so_are_those_that_the_end_of_the_host_leaves() {
    let server = Server::start(|host| routes().layer(layer(host)));
    let waiting: Vec<_> = (1..=20).map(|n| server.send("GET", "/wait", &parent(n))).collect();
    server.until_in_flight(20);
    drop(waiting);
    server.until_in_flight(0);
    for number in 1..=20 {
        until("the end is recorded", || kinds(&server.host.events, id(number)).len() == 3);
        assert_eq!(
            kinds(&server.host.events, id(number)),
            ["http.accepted", "socket.left", "http.cancelled"]
        );
    }
    assert_eq!(server.ended("/wait", "cancelled"), 20);
    let _waiting: Vec<_> = (21..=25).map(|n| server.send("GET", "/wait", &parent(n))).collect();
    server.until_in_flight(5);
    let Server { host, runtime, .. } = server;
    drop(runtime);
    assert_eq!((in_flight(&host.telemetry), ended_as(&host.telemetry, "/wait", "cancelled")), (0, 25));
}

#[test]
fn a_handler_that_panics_takes_its_connection_along_and_no_other() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some("as it is told") {
            usual(panic);
        }
    }));
    let server = Server::start(|host| routes().layer(layer(host)));
    for number in 1..=5 {
        assert_eq!(server.ask("/panic", &parent(number)), "");
        let expected = ["http.accepted", "socket.worked", "http.panicked"];
        until("the end is recorded", || kinds(&server.host.events, id(number)) == expected);
        assert!(server.ask("/quote/FDK", "").ends_with("FDK"));
    }
    server.until_in_flight(0);
    assert_eq!((server.ended("/panic", "panicked"), server.ended("/quote/{symbol}", "2xx")), (5, 5));
    let critical = server.host.events.query().severity_at_least(flightdeck::Severity::Error).run().unwrap();
    assert_eq!(critical.len(), 5);
}

/// Reads until this has come.
fn read_to(connection: &mut TcpStream, end: &str) {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        text.extend_from_slice(&byte);
    }
}

#[test]
fn a_body_that_takes_its_time_is_in_flight_if_that_is_asked_for() {
    let server = Server::start(|host| routes().layer(layer(host).until_body_end()));
    let mut whole = server.send("GET", "/stream", &parent(1));
    read_to(&mut whole, "\r\n\r\n");
    let mut broken = server.send("GET", "/stream", &parent(2));
    read_to(&mut broken, "\r\n\r\n");
    let streams = std::mem::take(&mut *server.host.streams.lock().unwrap());
    for (stream, connection) in streams.iter().zip([&mut whole, &mut broken]) {
        stream.blocking_send("some".into()).unwrap();
        read_to(connection, "some\r\n");
    }
    assert_eq!(in_flight(&server.host.telemetry), 2);
    drop(broken);
    // Its server finds out when it has something to send.
    until("the client is gone", || {
        let _ = streams[1].try_send("more".into());
        in_flight(&server.host.telemetry) == 1
    });
    assert_eq!(server.ended("/stream", "cancelled"), 1);
    drop(streams);
    whole.read_to_end(&mut Vec::new()).unwrap();
    server.until_in_flight(0);
    assert_eq!((server.ended("/stream", "2xx"), server.ended("/stream", "cancelled")), (1, 1));
    until("the end is recorded", || {
        kinds(&server.host.events, id(1)).last().is_some_and(|kind| kind == "http.replied")
    });
    let expected = ["http.accepted", "http.responding", "socket.worked", "socket.worked", "http.replied"];
    assert_eq!(kinds(&server.host.events, id(1)), expected);
    until("the other end is recorded", || {
        kinds(&server.host.events, id(2)).last().is_some_and(|kind| kind == "http.cancelled")
    });
    assert_eq!(kinds(&server.host.events, id(2))[1], "http.responding");
    // What is whole at once, and what has no body.
    server.ask("/quote/FDK", "");
    server.send("HEAD", "/quote/FDK", "").read_to_end(&mut Vec::new()).unwrap();
    server.until_in_flight(0);
    assert_eq!(server.ended("/quote/{symbol}", "2xx"), 2);
}

#[test]
fn without_that_a_request_ends_with_its_head() {
    let server = Server::start(|host| routes().layer(layer(host)));
    let mut connection = server.send("GET", "/stream", &parent(1));
    read_to(&mut connection, "\r\n\r\n");
    assert_eq!((in_flight(&server.host.telemetry), server.ended("/stream", "2xx")), (0, 1));
    assert_eq!(kinds(&server.host.events, id(1)), ["http.accepted", "http.replied"]);
}

#[test]
fn headers_that_strangers_send_harm_nobody() {
    let server = Server::start(|host| routes().layer(layer(host)));
    let long = format!("traceparent: 00-{}\r\n", "a".repeat(5_000));
    let twice = parent(1).repeat(2);
    let raw = "traceparent: \u{fc}\u{fc}\r\n";
    let huge = format!("{}tracestate: {}\r\n", parent(2), "a=1,".repeat(2_000));
    for headers in [&*long, &twice, raw, &huge] {
        assert!(server.ask("/quote/FDK", headers).ends_with("FDK"));
    }
    let telemetry = &server.host.telemetry;
    let of = ["too_long", "repeated", "malformed", "tracestate_too_long"].map(|why| unfit(telemetry, why));
    assert_eq!(of, [1, 1, 1, 1]);
    assert!(kinds(&server.host.events, id(1)).is_empty());
    assert_eq!(kinds(&server.host.events, id(2)).len(), 7);
}

#[test]
fn a_handler_is_told_its_trace() {
    async fn told(axum::Extension(trace): axum::Extension<RequestTrace>) -> String {
        assert_eq!(trace.scope(), Scope::current());
        trace.correlation().to_string()
    }
    let server = Server::start(|host| Router::new().route("/told", get(told)).layer(layer(host)));
    assert!(server.ask("/told", &parent(9)).ends_with(&id(9).to_string()));
    let fresh = server.ask("/told", "");
    let fresh: CorrelationId = fresh[fresh.len() - 32..].parse().unwrap();
    assert_eq!(kinds(&server.host.events, fresh), ["http.accepted", "http.replied"]);
}

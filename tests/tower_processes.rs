//! Two processes, one trace, found in both decks: a host that calls another one, which keeps its deck in a file.

#![cfg(target_os = "linux")]

#[path = "support/folder.rs"]
mod folder;
#[path = "support/requests.rs"]
mod requests;

use axum::Router;
use axum::routing::get;
use flightdeck::Flightdeck;
use flightdeck::bridge::tower::{CallLayer, RequestLayer, inject};
use flightdeck::events::{Answer, Scope};
use flightdeck::mapped::Options;
use folder::Folder;
use http::{HeaderMap, Request, Response};
use requests::{Answering, Empty, empty};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tower_layer::Layer;
use tower_service::Service;

flightdeck::kind! {
    Priced("processes.priced") { cents: u64 }
}

const FILE: &str = "FLIGHTDECK_TOWER_FILE";
const ADDRESS: &str = "prices are at ";
const SYMBOLS: u64 = 20;

/// Serves prices until its input ends, from a deck in a file.
#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let deck = Flightdeck::builder().mapped(Options::at(PathBuf::from(path))).start().unwrap();
    let (recording, layer) = (deck.clone(), RequestLayer::new(deck.events(), deck.telemetry()));
    let price = async move || {
        recording.record(Priced { cents: 125 });
        "1.25"
    };
    let app = Router::new().route("/price/{symbol}", get(price)).layer(layer);
    let runtime = runtime();
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    println!("\n{ADDRESS}{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, app).await });
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

struct Prices {
    child: Child,
    address: SocketAddr,
}

impl Prices {
    fn start(folder: &Folder) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--ignored", "--nocapture"])
            .env(FILE, folder.deck())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix(ADDRESS)?.parse().ok()).unwrap();
        // What it says from here on nobody reads.
        std::thread::spawn(move || lines.count());
        Self { child, address }
    }
}

impl Drop for Prices {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request as any client would, and gives the response's head.
async fn send(address: SocketAddr, request: Request<()>) -> std::io::Result<Response<Empty>> {
    let mut connection = tokio::net::TcpStream::connect(address).await?;
    let mut text = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", request.method(), request.uri().path());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    connection.write_all((text + "\r\n").as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(empty(answer.get(9..12).and_then(|status| status.parse().ok()).unwrap()))
}

fn in_order(answer: &Answer) -> Vec<&str> {
    answer.iter().map(|event| event.kind()).collect()
}

#[test]
fn a_trace_that_goes_through_two_processes_is_found_in_both_decks() {
    let folder = Folder::new("tower-processes");
    let prices = Prices::start(&folder);
    let address = prices.address;
    let deck = Flightdeck::builder().start().unwrap();
    let client =
        CallLayer::new(deck.events()).layer(Answering(move |request: Request<()>| send(address, request)));
    // What the shop answers takes a price from the other process: of a symbol without one by a client that it tells itself.
    let shop =
        RequestLayer::new(deck.events(), deck.telemetry()).layer(Answering(move |request: Request<()>| {
            let mut client = client.clone();
            async move {
                let path = request.uri().path().replace("/quote", "/price");
                let mut asked = Request::get(path).header("host", "prices.example").body(()).unwrap();
                match request.method() == http::Method::POST {
                    true => {
                        inject(asked.headers_mut());
                        send(address, asked).await
                    }
                    false => client.call(asked).await,
                }
            }
        }));
    let runtime = runtime();
    let mut traces = Vec::new();
    for number in 1..=SYMBOLS {
        let id = u128::from(number) << 64 | 0x5eed;
        let caller = format!("00-{id:032x}-00000000000000aa-00");
        let method = if number.is_multiple_of(2) { "POST" } else { "GET" };
        let request = Request::builder().method(method).uri(format!("/quote/FD{number}"));
        let request =
            request.header("traceparent", caller).header("tracestate", "vendor=1").body(()).unwrap();
        let mut shop = shop.clone();
        traces.push((id, runtime.spawn(async move { shop.call(request).await.unwrap().status() })));
    }
    let traces: Vec<_> = traces
        .into_iter()
        .map(|(id, answered)| {
            assert_eq!(runtime.block_on(answered).unwrap(), 200);
            id
        })
        .collect();

    let recording = flightdeck::Recording::open(folder.deck()).unwrap();
    for (number, id) in (1..).zip(traces) {
        let here = deck.events().query().correlation(id).run().unwrap();
        let there = recording.events().query().correlation(id).run().unwrap();
        let (here_text, there_text) = (here.timeline().to_string(), there.timeline().to_string());
        let is_told = number % 2 == 0;
        let calls: &[&str] = if is_told { &[] } else { &["http.called", "http.answered"] };
        assert_eq!(in_order(&here), [&["http.accepted"], calls, &["http.replied"]].concat(), "{here_text}");
        assert_eq!(in_order(&there), ["http.accepted", "processes.priced", "http.replied"], "{there_text}");
        assert!(there_text.contains("route=/price/{symbol}"), "{there_text}");
        assert!(there.verdict().is_complete() && here.verdict().is_complete());
        let first = |answer: &Answer, kind: &str| {
            let event = answer.iter().find(|event| event.kind() == kind).unwrap();
            (event.span(), event.parent().unwrap())
        };
        let (request, caller) = first(&here, "http.accepted");
        assert_eq!(caller.get(), 0xaa);
        // The span that made the call is the parent over there.
        let below = match is_told {
            true => request,
            false => {
                let (call, parent) = first(&here, "http.called");
                assert_eq!(parent, request);
                call
            }
        };
        assert_eq!(first(&there, "http.accepted").1, below);
    }
}

/// What the other process is told beside the trace: the flag that says it is not sampled, and others' state.
#[test]
fn all_that_is_passed_on_goes_over_the_wire() {
    let deck = Flightdeck::builder().start().unwrap();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(HeaderMap::new()));
    let runtime = runtime();
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let sees = seen.clone();
    let see = async move |headers: HeaderMap| *sees.lock().unwrap() = headers;
    runtime.spawn(async move { axum::serve(listener, Router::new().route("/", get(see))).await });
    let client =
        CallLayer::new(deck.events()).layer(Answering(move |request: Request<()>| send(address, request)));
    let mut shop =
        RequestLayer::new(deck.events(), deck.telemetry()).layer(Answering(move |_: Request<()>| {
            let mut client = client.clone();
            async move { client.call(Request::get("/").header("host", "here").body(()).unwrap()).await }
        }));
    let request = Request::get("/")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
        .header("tracestate", "vendor=1,other=2");
    runtime.block_on(shop.call(request.body(()).unwrap())).unwrap();
    let seen = seen.lock().unwrap();
    let sent = seen["traceparent"].to_str().unwrap();
    let scope = Scope::from_traceparent(sent).unwrap();
    assert!(!scope.is_sampled(), "{sent}");
    assert_eq!(seen["tracestate"], "vendor=1,other=2");
    let called = deck.events().query().span(scope.span()).run().unwrap();
    assert_eq!(in_order(&called), ["http.called", "http.answered"]);
}

//! The server, asked by raw sockets: by who behaves, and by who does not.

#[path = "support/exposition.rs"]
mod exposition;

use flightdeck::bridge::serve::{Server, ServerBuilder};
use flightdeck::config::{Config, Paths};
use flightdeck::supervisor::Check;
use flightdeck::telemetry::Description;
use flightdeck::{CorrelationId, Flightdeck};
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

flightdeck::kind! { OrderFilled("order.filled") { qty: u64, token: secret str } }

fn deck() -> Flightdeck {
    Flightdeck::builder().events(|events| events.memory(4 << 20)).start().unwrap()
}

fn start(deck: &Flightdeck, set: impl FnOnce(ServerBuilder<'_>) -> ServerBuilder<'_>) -> SocketAddr {
    set(Server::builder(deck).address(([127, 0, 0, 1], 0))).start().unwrap().address()
}

fn connect(at: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(at).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

/// All that comes back for these bytes; what came before a connection was reset, if it was.
fn send(at: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = connect(at);
    let _ = socket.write_all(bytes);
    read(&mut socket)
}

fn read(socket: &mut TcpStream) -> String {
    let (mut all, mut piece) = (Vec::new(), [0; 65_536]);
    loop {
        match socket.read(&mut piece) {
            Ok(0) => break,
            Ok(len) => all.extend_from_slice(&piece[..len]),
            Err(error) => {
                let is_end = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
                assert!(is_end, "{error} after {:?}", String::from_utf8_lossy(&all));
                break;
            }
        }
    }
    String::from_utf8(all).unwrap()
}

fn get(at: SocketAddr, path: &str, headers: &str) -> (u16, String, String) {
    let answer = send(at, format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n{headers}\r\n").as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

fn outcomes(deck: &Flightdeck, outcome: &str) -> u64 {
    deck.telemetry().counter_with("flightdeck_http_connections_total", &[("outcome", outcome)]).value()
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn metrics_are_as_the_scraper_wants_them() {
    let deck = deck();
    deck.telemetry().counter("requests").increment(5);
    let at = start(&deck, |server| server);
    let (status, head, body) = get(at, "/metrics", "");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    let told = exposition::samples(&body);
    assert_eq!(told[&("requests_total".to_owned(), Default::default())], 5.0);
    assert!(told.keys().any(|(name, _)| name == "flightdeck_events_written_total"));
    let (_, head, body) = get(at, "/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.ends_with("# EOF\n"));
    exposition::samples(&body);
    let head_only = send(at, format!("HEAD /metrics HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes());
    assert!(head_only.starts_with("HTTP/1.1 200") && head_only.ends_with("\r\n\r\n"), "{head_only}");
    // Itself included.
    until("it counts what it answered", || {
        let labels = [("path", "/metrics"), ("status", "200")];
        deck.telemetry().counter_with("flightdeck_http_requests_total", &labels).value() == 3
            && outcomes(&deck, "answered") == 3
    });
}

#[test]
fn probes_say_why() {
    let (check, verdicts) = Check::told("feed");
    let deck = Flightdeck::builder().check(check).start().unwrap();
    let at = start(&deck, |server| server);
    assert_eq!(get(at, "/livez", "").0, 200);
    let (status, _, body) = get(at, "/readyz", "");
    assert_eq!(status, 503);
    assert!(body.contains("feed"), "{body}");
    let (status, head, body) = get(at, "/readyz", "Accept: application/json\r\n");
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &report["ready"]), (503, &false.into()));
    assert!(head.contains("content-type: application/json"), "{head}");
    verdicts.pass();
    until("it is ready", || get(at, "/readyz", "").0 == 200);
    assert_eq!(get(at, "/startupz", "").2, "ok\n");
}

#[test]
fn nothing_is_told_that_was_not_switched_on_and_nothing_is_changed() {
    let deck = deck();
    let at = start(&deck, |server| server);
    for path in ["/events?correlation=7", "/config", "/", "/metrics/", "//metrics", "/../etc/passwd"] {
        assert_eq!(get(at, path, "").0, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "BREW"] {
        let answer = send(at, format!("{method} /metrics HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes());
        let is_refused = answer.starts_with("HTTP/1.1 405") || answer.starts_with("HTTP/1.1 400");
        assert!(is_refused, "{method}: {answer}");
    }
    for host in ["evil.example", "localhost.evil.example:80"] {
        let answer = send(at, format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 403"), "{host}: {answer}");
    }
}

#[test]
fn events_of_an_id_are_told_without_their_secrets() {
    let deck = deck();
    let at = start(&deck, |server| server.show_events());
    for id in [0xb010_3bb0_u64, 7] {
        let _in = deck.scope(CorrelationId::from(id));
        deck.record(OrderFilled { qty: id, token: "hunter2-is-planted" });
    }
    let (status, _, body) = get(at, "/events?correlation=b0103bb0", "");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let events = answer["events"].as_array().unwrap();
    assert_eq!(
        (status, events.len(), &events[0]["fields"]["qty"]["value"]),
        (200, 1, &0xb010_3bb0_u64.into())
    );
    assert!(!body.contains("hunter2"), "{body}");
    let (status, _, body) = get(at, "/events?correlation=b0103bb0&limit=0", "");
    assert_eq!(status, 200);
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&answer["verdict"], answer["events"].as_array().unwrap().len()), (&"truncated".into(), 0));
    for query in ["", "?correlation=", "?corelation=7", "?correlation=7&limit=many", "?correlation=%ff"] {
        assert_eq!(get(at, &format!("/events{query}"), "").0, 400, "{query}");
    }
}

#[derive(Clone, Deserialize, Serialize)]
struct Settings {
    rate: u32,
    password: String,
}

impl flightdeck::config::Validate for Settings {
    fn validate(&self, _: &mut flightdeck::config::Violations) {}
}

#[test]
fn a_config_is_told_without_its_secrets_and_to_who_has_the_token() {
    let settings = Settings { rate: 5, password: "hunter2-is-planted".to_owned() };
    let config = Config::builder(settings).paths(Paths::new().secret("password")).unwrap().build().unwrap();
    let deck = deck();
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    let at = start(&deck, |server| server.show_config(&config).token(TOKEN));
    let with = format!("Authorization: Bearer {TOKEN}\r\n");
    let (status, _, body) = get(at, "/config", &with);
    let shown: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &shown["rate"], &shown["password"]), (200, &5.into(), &"(secret)".into()));
    for wrong in
        ["", "Authorization: Bearer 0123456789abcdef0123456789abcdee\r\n", "Authorization: Basic x\r\n"]
    {
        for path in ["/config", "/metrics", "/events?correlation=7", "/nothing"] {
            assert_eq!(get(at, path, wrong).0, 401, "{path} {wrong}");
        }
        assert_eq!(get(at, "/livez", wrong).0, 200);
    }
    assert_eq!(get(at, "/metrics", &with).0, 200);
}

#[test]
fn who_sends_a_byte_now_and_then_is_not_waited_for() {
    let deck = deck();
    let at = start(&deck, |server| server.most_time(Duration::from_millis(400)));
    let mut slow = connect(at);
    let began = Instant::now();
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Long: ".iter().chain([&b'x'; 10_000]);
    let sent = request.take_while(|byte| {
        thread::sleep(Duration::from_millis(50));
        assert_eq!(get(at, "/livez", "").0, 200);
        slow.write_all(&[**byte]).is_ok()
    });
    let sent = sent.count();
    assert!(began.elapsed() < Duration::from_secs(10), "{sent} bytes were taken");
    assert_eq!(read(&mut slow), "");
    until("it is counted", || outcomes(&deck, "too_slow") == 1);
}

#[test]
fn a_thousand_that_ask_for_nothing_are_not_in_the_way() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both take a valid struct of theirs.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max.min(8_192);
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
    let deck = deck();
    let at = start(&deck, |server| server.most_time(Duration::from_secs(60)));
    let idle: Vec<_> = (0..1_000).map(|_| connect(at)).collect();
    let began = Instant::now();
    assert_eq!(get(at, "/metrics", "").0, 200);
    let took = began.elapsed();
    println!("a scrape beside {} idle connections took {took:?}", idle.len());
    assert!(took < Duration::from_secs(2), "{took:?}");
    // The first of them had to go, and no more than there was need for.
    assert!(outcomes(&deck, "made_room") >= 1_000 - 64);
    let mut first = &idle[0];
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(outcomes(&deck, "refused"), 0);
}

#[test]
fn who_takes_no_answer_does_not_keep_others_from_theirs() {
    let deck = Flightdeck::builder().telemetry(|telemetry| telemetry.cells(1 << 17)).start().unwrap();
    let description = Description::new("By user.").most_series(100_000);
    deck.telemetry().describe("users", description).unwrap();
    for user in 0..60_000 {
        deck.telemetry().counter_with("users", &[("user", &format!("{user:0>250}"))]).increment(1);
    }
    let stuck = |at| {
        let mut socket = connect(at);
        socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        socket
    };
    let at =
        start(&deck, |server| server.name("slow").most_time(Duration::from_secs(60)).most_connections(4));
    let all: Vec<_> = (0..4).map(|_| stuck(at)).collect();
    let page = [("path", "/metrics"), ("status", "200")];
    let asked = deck.telemetry().counter_with("flightdeck_http_requests_total", &page);
    until("they have asked", || asked.value() == 4);
    // All places are taken by who has asked: whoever comes is refused for a second, and then the first has to go.
    let refused = |answer: &str| answer.is_empty();
    until("there is room", || !refused(&send(at, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")));
    assert_eq!((outcomes(&deck, "made_room"), outcomes(&deck, "too_slow")), (1, 0));
    drop(all);

    let at = start(&deck, |server| server.most_time(Duration::from_secs(2)).most_connections(4));
    let stuck: Vec<_> = (0..4).map(|_| stuck(at)).collect();
    until("they are ended", || outcomes(&deck, "too_slow") == 4);
    let (status, _, body) = get(at, "/metrics", "");
    assert_eq!((status, exposition::samples(&body).len() > 60_000), (200, true));
    drop(stuck);
}

#[test]
fn no_request_hides_behind_another() {
    let deck = deck();
    let at = start(&deck, |server| server);
    let hidden = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (shape, head) in [
        (
            "length and chunks",
            format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", hidden.len() + 5),
        ),
        ("chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n".to_owned()),
        ("two lengths", format!("Content-Length: 0\r\nContent-Length: {}\r\n", hidden.len())),
        ("a list of lengths", format!("Content-Length: 0, {}\r\n", hidden.len())),
        ("a length with a sign", "Content-Length: +5\r\n".to_owned()),
        ("a length beyond all", "Content-Length: 99999999999999999999999\r\n".to_owned()),
        ("a body", format!("Content-Length: {}\r\n", hidden.len() + 5)),
        ("chunks spelled otherwise", "Transfer-Encoding: xchunked\r\n".to_owned()),
        ("chunks after a tab", "Transfer-Encoding:\tchunked\r\n".to_owned()),
        ("chunks twice", "Transfer-Encoding: chunked, chunked\r\n".to_owned()),
        ("a space before the colon", "Content-Length : 5\r\n".to_owned()),
        ("a folded line", "X-A: b\r\n Content-Length: 5\r\n".to_owned()),
        ("a bare line feed", "X-A: b\nTransfer-Encoding: chunked\r\n".to_owned()),
        ("NUL in a value", "X-A: b\0c\r\n".to_owned()),
        ("nothing odd", String::new()),
    ] {
        for tail in [format!("0\r\n\r\n{hidden}"), hidden.to_owned()] {
            let request = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{head}\r\n{tail}");
            let answer = send(at, request.as_bytes());
            assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{shape}: {answer}");
            assert!(!answer.contains("flightdeck_"), "{shape}: {answer}");
            if !head.is_empty() && answer.starts_with("HTTP/1.1 200") {
                // What is no header with a meaning is none that could be understood otherwise.
                assert!(
                    ["a bare line feed"].contains(&shape) && answer.ends_with("ok\n"),
                    "{shape}: {answer}"
                );
            }
        }
    }
    assert_eq!(get(at, "/livez", "").0, 200);
}

#[test]
fn a_header_without_end_is_cut_short() {
    let deck = deck();
    let at = start(&deck, |server| server);
    for start in ["GET /", "GET /metrics HTTP/1.1\r\nX-Long: "] {
        let mut socket = connect(at);
        socket.write_all(start.as_bytes()).unwrap();
        let piece = vec![b'x'; 1 << 20];
        // A gigabyte, if it were let.
        let sent = (0..1_024).take_while(|_| socket.write_all(&piece).is_ok()).count();
        assert!(sent < 64, "{sent} MiB were taken");
    }
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let answer = send(at, format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(get(at, "/livez", "").0, 200);
}

#[test]
fn it_ends_with_its_deck_and_leaves_the_port() {
    let deck = deck();
    let server = Server::builder(&deck).address(([127, 0, 0, 1], 0)).start().unwrap();
    let mut open = connect(server.address());
    assert_eq!(get(server.address(), "/livez", "").0, 200);
    assert!(deck.shutdown(Duration::from_secs(5)).is_clean());
    assert_eq!(open.read(&mut [0]).unwrap_or(0), 0);
    drop(deck);
    until("the port is free", || TcpStream::connect(server.address()).is_err());

    let deck = self::deck();
    let server = Server::builder(&deck).address(([127, 0, 0, 1], 0)).start().unwrap();
    let removed = deck.supervisor().remove(server.name(), Duration::from_secs(5)).unwrap();
    assert!(removed.is_clean());
    let _ = open.shutdown(Shutdown::Both);
}

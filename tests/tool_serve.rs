//! `flightdeck serve`: another process's deck, over HTTP.

#![cfg(target_os = "linux")]

mod support;
#[path = "support/tool.rs"]
mod tool;

use flightdeck::Flightdeck;
use flightdeck::config::{Config, Paths, Validate, Violations};
use flightdeck::events::Stamp;
use flightdeck::mapped::Options;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use support::until;
use tool::folder::Folder;
use tool::{command, run};

flightdeck::kind! { Filled("order.filled") { qty: u64 } }

#[derive(Serialize, Deserialize)]
struct Limits {
    orders: u64,
    token: String,
}

impl Validate for Limits {
    fn validate(&self, _: &mut Violations) {}
}

/// The tool, serving until this is dropped.
struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        let mut tool = command(&[&["serve", "--address", "127.0.0.1:0"], args].concat());
        let mut child = tool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|line| line.strip_suffix("/metrics"));
        let address = address.unwrap_or_else(|| panic!("{line:?}: {}", said(&mut child))).parse().unwrap();
        Self { child, address }
    }

    /// Status and body.
    fn get(&self, path: &str, headers: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(self.address).unwrap();
        let host = self.address;
        socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Tells it to end: its exit code, and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        // SAFETY: a signal to a child that nobody has waited for.
        assert_eq!(unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) }, 0);
        let said = said(&mut self.child);
        (self.child.wait().unwrap().code(), said)
    }
}

fn said(child: &mut Child) -> String {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn host(folder: &Folder) -> Flightdeck<Limits> {
    let limits = Limits { orders: 10, token: "geheim".to_owned() };
    let paths = Paths::new().secret("token");
    let config = Config::builder(limits).named("limits").paths(paths).unwrap().build().unwrap();
    let mut settings = flightdeck::Settings::default();
    settings.health = Duration::from_millis(5);
    let deck = Flightdeck::builder().config_built(config).settings(settings);
    let deck = deck
        .events(|events| events.memory(2 << 20))
        .mapped(Options::at(folder.deck()).recover(2))
        .start()
        .unwrap();
    deck.telemetry().counter("orders").increment(7);
    deck.events().record_with(Stamp::of(42_u64), Filled { qty: 5 });
    deck
}

#[test]
fn metrics_probes_events_and_configs_of_a_file_are_served_until_its_host_is_gone_and_after() {
    let folder = Folder::new("serve");
    let deck = host(&folder);
    let file = folder.deck();
    let serving = Serving::start(&[file.to_str().unwrap(), "--events", "--configs"]);
    let (status, page) = serving.get("/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n");
    assert!(status == 200 && page.contains("orders_total 7\n") && page.ends_with("# EOF\n"), "{page}");
    deck.telemetry().counter("orders").increment(1);
    assert!(serving.get("/metrics", "").1.contains("orders_total 8\n"));
    until("a look at its health", || serving.get("/readyz", "").0 == 200);
    assert_eq!(serving.get("/livez", ""), (200, "ok\n".to_owned()));
    let (_, told) = serving.get("/readyz", "Accept: application/json\r\n");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["runs"], &told["last"]["ready"]), (&true.into(), &true.into()), "{told}");
    let (status, found) = serving.get("/events?correlation=2a", "");
    assert!(status == 200 && found.contains("order.filled"), "{found}");
    let (status, configs) = serving.get("/config", "");
    assert!(status == 200 && configs.contains("\"orders\":10") && !configs.contains("geheim"), "{configs}");

    deck.shutdown(Duration::from_secs(5));
    drop(deck);
    assert_eq!(serving.get("/livez", ""), (503, "its process closed the deck\n".to_owned()));
    assert!(serving.get("/metrics", "").1.contains("orders_total 8\n"));
    assert!(serving.get("/events?correlation=2a", "").1.contains("order.filled"));
    let (code, said) = serving.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("serving ") && said.contains("answered ") && said.contains(" requests"), "{said}");
}

#[test]
fn probes_of_a_host_that_was_killed_fail_and_say_so_and_its_metrics_stay() {
    let ran = run(&["demo", "--kill", "--seconds", "1", "--keep"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let kept = ran.err.lines().find_map(|line| line.strip_prefix("note: kept: flightdeck post-mortem "));
    let kept = Path::new(kept.unwrap());
    let _gone = Gone(kept.parent().unwrap());
    let serving = Serving::start(&[kept.to_str().unwrap()]);
    for probe in ["/livez", "/readyz", "/startupz"] {
        let said = "its process is gone, and had not closed the deck\n";
        assert_eq!(serving.get(probe, ""), (503, said.to_owned()), "{probe}");
    }
    let (status, page) = serving.get("/metrics", "");
    assert!(status == 200 && page.contains("\nhttp_requests_total "), "{page}");
}

/// A directory that is gone in the end, however that comes.
struct Gone<'a>(&'a Path);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        std::fs::remove_dir_all(self.0).unwrap();
    }
}

#[test]
fn the_next_life_at_the_same_place_is_served_once_it_is_there() {
    let folder = Folder::new("serve-again");
    let (deck, file) = (host(&folder), folder.deck());
    let serving = Serving::start(&[file.to_str().unwrap(), "--events", "--configs"]);
    assert!(serving.get("/metrics", "").1.contains("orders_total 7\n"));
    deck.telemetry().counter("orders").increment(1);
    deck.shutdown(Duration::from_secs(5));
    drop(deck);
    assert_eq!(serving.get("/livez", "").0, 503);
    assert!(serving.get("/metrics", "").1.contains("orders_total 8\n"), "as it ended");
    let deck = host(&folder);
    until("the next life", || serving.get("/livez", "").0 == 200);
    assert!(serving.get("/metrics", "").1.contains("orders_total 7\n"), "of the next life");
    deck.telemetry().counter("orders").increment(5);
    assert!(serving.get("/metrics", "").1.contains("orders_total 12\n"));
    assert!(serving.get("/events?correlation=2a", "").1.contains("order.filled"));
    assert_eq!(serving.get("/config", "").0, 200);
}

#[test]
fn what_was_not_switched_on_is_not_told_and_without_the_token_only_probes_are() {
    let folder = Folder::new("serve-token");
    let _deck = host(&folder);
    let file = folder.deck();
    let serving = Serving::start(&[file.to_str().unwrap(), "--token", "0123456789abcdef"]);
    assert_eq!(serving.get("/metrics", "").0, 401);
    let token = "Authorization: Bearer 0123456789abcdef\r\n";
    assert_eq!(serving.get("/metrics", token).0, 200);
    assert_eq!((serving.get("/events?correlation=2a", token).0, serving.get("/config", token).0), (404, 404));
    until("a look at its health", || serving.get("/livez", "").0 == 200);
}

#[test]
fn who_cannot_be_served_is_told_why() {
    let folder = Folder::new("serve-refused");
    let _deck = host(&folder);
    let file = folder.deck();
    let file = file.to_str().unwrap();
    refused(&["/nowhere/host.deck"], &["/nowhere/host.deck"]);
    refused(&[file, "--address", "0.0.0.0:0", "--events"], &["/events", "a token"]);
    refused(&[file, "--token", "short"], &["5 characters"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&[file, "--address", &address], &[&address, "another port"]);
    refused(&[], &["--demo"]);
}

fn refused(args: &[&str], words: &[&str]) {
    let ran = run(&[&["serve"], args].concat());
    assert_eq!((ran.code, &*ran.out), (Some(2), ""), "{}", ran.err);
    assert!(ran.err.starts_with("error: ") && words.iter().all(|word| ran.err.contains(word)), "{}", ran.err);
}

#[test]
fn the_demos_host_is_served_under_load_and_leaves_nothing_behind() {
    let serving = Serving::start(&["--demo"]);
    let requests = || {
        let (_, page) = serving.get("/metrics", "");
        let line = page.lines().find(|line| line.starts_with("http_requests_total"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
    };
    until("requests", || requests() > 100.0);
    let process = serving.child.id();
    let (code, said) = serving.end();
    assert_eq!(code, Some(0), "{said}");
    for base in ["/dev/shm".into(), std::env::temp_dir()] {
        let left = base.join(format!("flightdeck-demo-{process}"));
        assert!(!left.exists(), "{}", left.display());
    }
}

//! Prometheus itself reads our pages. Skips, and says so, where it is not installed.

#[path = "support/folder.rs"]
mod folder;
#[path = "support/prometheus.rs"]
mod prometheus;

use flightdeck::Flightdeck;
use flightdeck::bridge::openmetrics::{Exemplars, Format, Own, Renderer};
use flightdeck::bridge::serve::Server;
use flightdeck::events::{Events, Scope};
use flightdeck::telemetry::{Description, Telemetry, Unit, Value};
use folder::Folder;
use prometheus::{Prometheus, encoded, get, has};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// What a host of ours would tell: named as Prometheus advises.
fn host() -> Telemetry {
    let telemetry = Telemetry::new();
    let describe = |name: &str, help: &str, unit| {
        telemetry.describe(name, Description::new(help).unit(unit)).unwrap();
    };
    describe("requests", "Requests, by route.", Unit::Count);
    describe("answer_ns", "From request to answer.", Unit::Nanoseconds);
    describe("heap", "Memory in use.", Unit::Bytes);
    telemetry.counter_with("requests", &[("route", "/a\"b\\c\nd\0e\rf\u{fc}")]).increment(5);
    telemetry.counter_with("requests", &[("route", "/")]).increment(7);
    telemetry.gauge("heap").set(1 << 30);
    telemetry.float_gauge("odd").set(f64::NAN);
    telemetry.describe("odd", Description::new("No number.")).unwrap();
    telemetry.float_gauge("endless").set(f64::NEG_INFINITY);
    telemetry.describe("endless", Description::new("Beyond \"all\" \\ numbers.\n")).unwrap();
    telemetry
}

/// Answers `GET` with what a renderer makes of it, for as long as the test lasts.
fn serve(telemetry: &Telemetry, renderer: &Renderer) -> SocketAddr {
    let (telemetry, renderer) = (telemetry.clone(), renderer.clone());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { continue };
            let lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
            let mut accept = String::new();
            for line in lines.take_while(|line| !line.is_empty()) {
                if let Some(value) = line.strip_prefix("Accept: ") {
                    accept = value.to_owned();
                }
            }
            let (format, mut page) = (Format::negotiate(&accept), String::new());
            let own = Own::telemetry(&telemetry.stats());
            renderer.render(&telemetry.snapshot(), &own, format, &mut page);
            let (media, bytes) = (format.content_type(), page.len());
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n"
            );
            let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(page.as_bytes()));
        }
    });
    at
}

#[test]
fn promtool_finds_nothing_to_blame() {
    if !has("promtool") {
        return;
    }
    let (telemetry, events) = (host(), Events::builder().memory(1 << 20).build().unwrap());
    telemetry.histogram("answer_ns").record(2_500_000);
    let own = Own::telemetry(&telemetry.stats()).with_events(&events.status());
    let mut page = String::new();
    Renderer::new().render(&telemetry.snapshot(), &own, Format::TEXT, &mut page);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.is_empty(), "{}: {said}\n{page}", output.status);
}

#[test]
fn shipped_rules_are_rules_and_fire_when_they_should() {
    if !has("promtool") {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus");
    for what in [["check", "rules", "flightdeck.rules.yml"], ["test", "rules", "flightdeck.rules.test.yml"]] {
        let output = Command::new("promtool").args(what).current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
    }
}

/// So that none of them waits for a metric that has another name by now.
#[test]
fn what_shipped_rules_read_is_on_a_page() {
    use flightdeck::telemetry::{Pressure, PressureWatch};
    let watch = PressureWatch::builder(Pressure::own().unwrap()).build().unwrap();
    let deck = Flightdeck::builder().pressure(watch, Duration::from_secs(1)).start().unwrap();
    let at = Server::builder(&deck).address(([127, 0, 0, 1], 0)).start().unwrap().address();
    let (_, page) = get(at, "/metrics", "").unwrap();
    let rules = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus/flightdeck.rules.yml"),
    );
    let is_of_a_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let rules = rules.unwrap();
    let expressions = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let words = expressions.flat_map(|line| line.split(|char| !is_of_a_name(char)));
    let names: BTreeSet<_> = words.filter(|word| word.starts_with("flightdeck_")).collect();
    assert!(names.len() >= 6 && names.contains("flightdeck_load"), "{names:?}");
    for name in names {
        let is_there =
            page.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        assert!(is_there, "{name} is on no page");
    }
}

#[test]
fn two_hosts_add_up_to_what_their_snapshots_do() {
    if !has("prometheus") {
        return;
    }
    let deck = |count: u64| {
        let deck = Flightdeck::builder().start().unwrap();
        deck.telemetry().describe("answer", Description::new("Time.").unit(Unit::Nanoseconds)).unwrap();
        for n in 0..count {
            deck.telemetry()
                .counter_with("requests", &[("route", if n % 3 == 0 { "/" } else { "/cart" })])
                .increment(n);
            deck.telemetry().histogram("answer").record(n * 1_000_000);
        }
        let at = Server::builder(&deck).address(([127, 0, 0, 1], 0)).start().unwrap().address();
        (deck, at)
    };
    let (decks, targets): (Vec<_>, Vec<_>) = [deck(100), deck(50)].into_iter().unzip();
    let folder = Folder::new("two-hosts");
    let prometheus = Prometheus::start(&folder.0, &[("first", targets[0]), ("second", targets[1])]);
    let merged = decks[0].telemetry().snapshot().plus(&decks[1].telemetry().snapshot()).unwrap();
    let counter = |route| match merged.get_with("requests", &[("route", route)]) {
        Some(Value::Counter(count)) => *count as f64,
        other => panic!("{other:?}"),
    };
    let Some(Value::Histogram(answers)) = merged.get("answer") else { panic!("recorded above") };
    assert_eq!(prometheus.query("count by (instance) (requests_total)", 2).len(), 2);
    let one = |query: &str| prometheus.query(query, 1)[0].1;
    for route in ["/", "/cart"] {
        assert_eq!(one(&format!("sum(requests_total{{route=\"{route}\"}})")), counter(route));
    }
    assert_eq!(one("sum(answer_seconds_count)"), answers.count() as f64);
    assert!((one("sum(answer_seconds_sum)") - answers.sum() as f64 / 1e9).abs() < 1e-9);
    for (le, end) in [("0.016777215", (1_u64 << 24) - 1), ("0.067108863", (1 << 26) - 1)] {
        let below: u64 =
            answers.buckets().filter(|(_, high, _)| *high <= end).map(|(_, _, count)| count).sum();
        assert_eq!(one(&format!("sum(answer_seconds_bucket{{le=\"{le}\"}})")), below as f64, "{le}");
    }
}

#[test]
fn prometheus_reads_values_and_an_exemplar() {
    if !has("prometheus") {
        return;
    }
    let (telemetry, exemplars) = (host(), Exemplars::new());
    let answer = exemplars.histogram(&telemetry, "answer_ns", &[("route", "/")]).unwrap();
    {
        let _in = Scope::root(0xb010_3bb0_161a_d7fa_352f_e182_8eeb_643a_u128).enter();
        answer.record(2_500_000);
    }
    answer.record(40);
    let renderer = Renderer::builder().exemplars(&exemplars).build();
    let folder = Folder::new("prometheus");
    let prometheus = Prometheus::start(&folder.0, &[("host", serve(&telemetry, &renderer))]);

    let requests = prometheus.query("requests_total", 2);
    let of =
        |route: &str| requests.iter().find(|(labels, _)| labels["route"] == route).map(|(_, value)| *value);
    assert_eq!((of("/"), of("/a\"b\\c\nd\u{fffd}e\rf\u{fc}")), (Some(7.0), Some(5.0)));
    let one = |query: &str| prometheus.query(query, 1)[0].1;
    assert_eq!(one("heap_bytes"), (1 << 30) as f64);
    assert!(one("odd").is_nan());
    assert_eq!(one("endless"), f64::NEG_INFINITY);
    assert_eq!((one("answer_seconds_count"), one("answer_seconds_sum")), (2.0, 0.002_500_04));
    assert_eq!(one("sum(answer_seconds_bucket{le=\"+Inf\"})"), 2.0);
    let median = one("histogram_quantile(0.9, answer_seconds_bucket)");
    assert!((0.001..0.005).contains(&median), "{median}");
    assert_eq!(one("flightdeck_page_replaced_characters"), 1.0);

    // As much as Prometheus' storage of them tells.
    let path = format!(
        "/api/v1/query_exemplars?query={}&start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z",
        encoded("answer_seconds_bucket")
    );
    let found = prometheus.until(&path, |data| data.as_array().is_some_and(|series| !series.is_empty()));
    let exemplar = &found[0]["exemplars"][0];
    assert_eq!(exemplar["labels"]["trace_id"], "b0103bb0161ad7fa352fe1828eeb643a");
    assert_eq!(exemplar["value"], "0.0025");

    let metadata = prometheus.until("/api/v1/targets/metadata", |data| {
        data.as_array().is_some_and(|rows| rows.iter().any(|row| row["metric"] == "answer_seconds"))
    });
    let row = metadata.as_array().unwrap().iter().find(|row| row["metric"] == "answer_seconds").unwrap();
    assert_eq!((&row["type"], &row["unit"]), (&"histogram".into(), &"seconds".into()));
    assert_eq!(row["help"], "From request to answer.");
}

/// From its third version on it asks for names as they are; before it, pages have them with underscores.
#[test]
fn a_name_with_dots_and_letters_of_any_kind_comes_back_as_prometheus_asks_for_it() {
    if !has("prometheus") {
        return;
    }
    let version = Command::new("prometheus").arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&[version.stdout, version.stderr].concat()).into_owned();
    let is_old = version.contains("version 2.");
    let telemetry = Telemetry::new();
    telemetry.describe("größe.täglich", Description::new("A name.").unit(Unit::Count)).unwrap();
    telemetry.counter_with("größe.täglich", &[("straße", "\u{1f6eb}")]).increment(3);
    let folder = Folder::new("prometheus-names");
    let prometheus = Prometheus::start(&folder.0, &[("host", serve(&telemetry, &Renderer::new()))]);
    let (query, label) = if is_old {
        ("{__name__=~\"gr.*_t.*glich_total\"}", None)
    } else {
        ("{\"größe.täglich_total\"}", Some("straße"))
    };
    let found = prometheus.query(query, 1);
    assert_eq!((found.len(), found[0].1), (1, 3.0), "{found:?}");
    let labels = found[0].0.as_object().unwrap();
    let label = label.unwrap_or_else(|| labels.keys().find(|name| name.starts_with("stra")).unwrap());
    assert_eq!(labels[label], "\u{1f6eb}", "{labels:?}");
}

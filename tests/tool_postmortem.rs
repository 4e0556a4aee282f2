//! `flightdeck list` and `flightdeck post-mortem` as a user meets them: of hosts that were killed, closed, or run on, and of files
//! that are no decks.

#![cfg(target_os = "linux")]

#[path = "support/tool.rs"]
mod tool;

use flightdeck::Flightdeck;
use flightdeck::config::{Config, Paths, Validate, Violations};
use flightdeck::mapped::Options;
use flightdeck::supervisor::{Backoff, ChildSpec, Restart};
use flightdeck::telemetry::{Description, Unit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tool::folder::Folder;
use tool::{Ran, command, run};

flightdeck::kind! {
    Accepted("order.accepted", starts) { qty: u64 }
    Filled("order.filled") { qty: u64 }
    Routed("order.routed") { venue: str }
    Halted("venue.halted", severity = Error) { venue: str, reason: str }
    Late("order.late") { qty: u64 }
}

#[derive(Serialize, Deserialize)]
struct Limits {
    orders: u64,
    venue: String,
}

impl Validate for Limits {
    fn validate(&self, report: &mut Violations) {
        report.require(self.orders > 0, "orders", &self.orders, "must be at least 1");
    }
}

const UP: &str = "<<<up>>>";

/// A host: works a little, says that it is up, and waits until it is killed, or told to close.
#[test]
#[ignore = "the child of the tests below"]
fn child() {
    let Some(path) = std::env::var_os("FLIGHTDECK_POSTMORTEM_FILE").map(PathBuf::from) else { return };
    let limits = Limits { orders: 10, venue: "XETRA".to_owned() };
    let config = Config::builder(limits).paths(Paths::new().writable("")).unwrap().build().unwrap();
    let options = Options::at(path).program("order-gateway");
    let deck = Flightdeck::builder()
        .config_built(config)
        .mapped(options)
        .events(|events| events.memory(4 << 20).shards(4))
        .start()
        .unwrap();
    let matcher = ChildSpec::new("matcher", Restart::Permanent, |context| match context.generation() {
        1 => Err("the book is crossed"),
        _ => {
            let _ = context.wait(Duration::MAX);
            Ok(())
        }
    });
    let soon = Backoff::between(Duration::from_millis(1), Duration::from_millis(2));
    deck.supervisor().add(matcher.backoff(soon)).unwrap();
    let feed = ChildSpec::new("feed", Restart::Temporary, |_| {});
    deck.supervisor().add(feed).unwrap();
    let audit = ChildSpec::new("audit", Restart::Temporary, |_| Err("no ledger"));
    deck.supervisor().add(audit).unwrap();
    deck.telemetry().counter("orders_total").increment(1_234);
    deck.telemetry().gauge("queue_depth").set(-3);
    let took = Description::new("how long an order took").unit(Unit::Nanoseconds);
    deck.telemetry().describe("order_ns", took).unwrap();
    let took = deck.telemetry().histogram("order_ns");
    (1..=100).for_each(|n| took.record(n * 1_000));
    deck.config().set_path("orders", 20).unwrap();
    assert!(deck.config().set_path("orders", 0).is_err());
    {
        let _in = deck.scope(8_u64);
        deck.events().span(Accepted { qty: 3 }).end(Filled { qty: 3 });
    }
    let _in = deck.scope(7_u64);
    let order = deck.events().span(Accepted { qty: 5 });
    let started = || deck.events().query().kind_named("flightdeck.worker.started").count() == 4;
    let failed = || deck.events().query().kind_named("flightdeck.worker.failed").count() == 2;
    while !started() || !failed() {
        std::thread::sleep(Duration::from_millis(1));
    }
    deck.record(Halted { venue: "XETRA", reason: "no quotes\nfor 5 s" });
    deck.record(Routed { venue: "EUREX" });
    println!("{UP}");
    let mut said = String::new();
    std::io::stdin().read_line(&mut said).unwrap();
    if said.trim() == "close" {
        drop(order);
        deck.shutdown(Duration::from_secs(5));
        deck.record(Late { qty: 9 });
        // Not by way of the harness, which has more to say, and nobody who listens.
        std::process::exit(0);
    }
}

fn deck(folder: &Folder, name: &str) -> String {
    folder.0.join(name).to_str().unwrap().to_owned()
}

/// A child that is up.
struct Host(Child);

impl Host {
    fn start(file: &str) -> Self {
        let mut host = Command::new(std::env::current_exe().unwrap());
        host.args(["--exact", "child", "--ignored", "--nocapture"]).env("FLIGHTDECK_POSTMORTEM_FILE", file);
        let mut child = host.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains(UP)), "the child came up");
        Self(child)
    }

    fn kill(mut self) -> u32 {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        self.0.id()
    }

    fn close(mut self) {
        self.0.stdin.take().unwrap().write_all(b"close\n").unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.out.contains(word), "`{word}` is not in: {}", ran.out);
    }
}

#[test]
fn a_killed_host_is_told_of_in_one_line_and_then_at_length() {
    let folder = Folder::new("post-mortem-killed");
    let file = deck(&folder, "deck");
    let process = Host::start(&file).kill();
    let ran = run(&["post-mortem", &file]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let first = ran.out.lines().next().unwrap();
    assert!(
        first.starts_with(&format!("order-gateway[{process}] died without closing its deck after ")),
        "{first}"
    );
    for words in [
        "last event at 20",
        "; 1 id unfinished; last error 0.0 s before the end: venue.halted: no quotes\\nfor 5 s; ",
        "; 1 worker down; ",
        "; no event lost",
    ] {
        assert!(first.contains(words), "`{words}` is not in: {first}");
    }
    says(
        &ran,
        &[
            "killed or crashed: its process is gone",
            " ago): order.routed venue=EUREX",
            "error venue.halted venue=XETRA reason=no quotes",
            "error flightdeck.worker.failed worker=matcher generation=1 ",
            "order.routed venue=EUREX",
            "1 id with 1 span that did not end, of what is kept",
            "00000000000000000000000000000007  order.accepted qty=5",
            "then order.routed venue=EUREX",
            "revision 2 in force since -0.",
            "orders = 20",
            "venue = \"XETRA\"",
            "orders_total 1,234\n",
            "queue_depth -3\n",
            "order_ns 100 values, median 5",
            "refused: orders = 0: must be at least 1",
            ": orders 10 -> 20",
            "matcher: running since -0.",
            "run 2; 1 failure so far, failed -0.",
            ": the book is crossed",
            "feed: returned since -0.",
            "audit: FAILED since -0.",
            "none; 0 overwritten",
            "`journalctl -k`",
        ],
    );
    assert!(!ran.out.contains('\u{1b}'), "no colour where nobody sees it");
    assert!(
        !ran.out.contains("00000000000000000000000000000008"),
        "what ended is not unfinished: {}",
        ran.out
    );
}

#[test]
fn the_object_says_the_same() {
    let folder = Folder::new("post-mortem-json");
    let file = deck(&folder, "deck");
    let process = Host::start(&file).kill();
    let ran = run(&["post-mortem", &file, "--json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let told = ran.json();
    assert_eq!(
        (&told["state"], &told["program"], &told["pid"], &told["life"]),
        (&"died".into(), &"order-gateway".into(), &process.into(), &1.into())
    );
    assert!(told["summary"].as_str().unwrap().contains("died without closing its deck"));
    assert_eq!(told["closed"], Value::Null);
    assert_eq!(told["last_event"]["kind"], "order.routed");
    assert_eq!(told["last_event"]["fields"]["venue"]["value"], "EUREX");
    assert_eq!(told["errors"][0]["kind"], "venue.halted", "the newest first");
    let unfinished = &told["unfinished"];
    assert_eq!((&unfinished["ids"], &unfinished["spans"]), (&1.into(), &1.into()));
    assert_eq!(unfinished["newest"][0]["correlation"], "00000000000000000000000000000007");
    assert_eq!(unfinished["newest"][0]["first"]["kind"], "order.accepted");
    assert_eq!(unfinished["newest"][0]["last"]["kind"], "order.routed");
    let threads = told["moments"]["threads"].as_array().unwrap();
    assert_eq!(threads[0]["last"]["kind"], "order.routed", "the last one first");
    assert!(threads[0]["tid"].as_u64() > Some(0));
    assert_eq!(told["moments"]["is_all"], true);
    let config = &told["config"]["in_force"][0];
    assert_eq!((&config["revision"], &config["is_whole"]), (&2.into(), &true.into()));
    assert_eq!(config["values"], json!({ "orders": "20", "venue": "\"XETRA\"" }));
    let series = told["metrics"]["series"].as_array().unwrap();
    let value = |name: &str| &series.iter().find(|series| series["name"] == name).unwrap()["value"];
    assert_eq!((value("orders_total"), value("queue_depth")), (&1_234.into(), &(-3).into()));
    assert_eq!((&value("order_ns")["count"], &value("order_ns")["sum"]), (&100.into(), &5_050_000.into()));
    let changes = told["config"]["changes"].as_array().unwrap();
    let refused = changes.iter().find(|change| change["refused"].is_string()).unwrap();
    assert_eq!(refused["refused"], "orders = 0: must be at least 1");
    let workers = told["workers"].as_array().unwrap();
    let names: Vec<_> =
        workers.iter().map(|worker| (worker["worker"].clone(), worker["state"].clone())).collect();
    let expected = [("audit", "failed"), ("feed", "returned"), ("matcher", "running")];
    assert_eq!(names, expected.map(|(name, state)| (Value::from(name), Value::from(state))));
    assert_eq!((&workers[2]["run"], &workers[2]["failures"]), (&2.into(), &1.into()));
    assert_eq!(workers[2]["last_failure"]["why"], "the book is crossed");
    assert!(told["events"]["kept"].as_u64() >= Some(10));
    assert_eq!((&told["events"]["lost"], &told["losses"]), (&0.into(), &Value::Array(Vec::new())));
    assert!(told["not_known"].as_array().unwrap().len() >= 3);
}

#[test]
fn a_host_that_closed_its_deck_ended_well_and_what_it_lost_after_that_is_told() {
    let folder = Folder::new("post-mortem-closed");
    let file = deck(&folder, "deck");
    Host::start(&file).close();
    let ran = run(&["post-mortem", &file]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.lines().next().unwrap().contains("] closed its deck at 20"), "{}", ran.out);
    says(
        &ran,
        &["as it was asked to, at 20", "1 event lost", "1 stopped of class normal", "no span without an end"],
    );
    let told = run(&["post-mortem", &file, "--json"]).json();
    assert_eq!((&told["state"], &told["losses"][0]["cause"]), (&"closed".into(), &"stopped".into()));
    assert!(told["closed"]["time"].as_str().unwrap().ends_with('Z'));
    // As the deck left them in the file, when it stopped: no event tells that a worker was asked to stop.
    let matcher = told["workers"].as_array().unwrap().iter().find(|worker| worker["worker"] == "matcher");
    assert_eq!(matcher.unwrap()["state"], "stopped");
    let health = &told["health"];
    assert_eq!((&health["level"], &health["is_ready"]), (&"not_ready".into(), &false.into()));
    assert_eq!(health["concerns"][0]["text"], "worker `audit` failed");
}

#[test]
fn a_host_that_runs_is_asked_while_it_does() {
    let folder = Folder::new("post-mortem-running");
    let file = deck(&folder, "deck");
    let host = Host::start(&file);
    let ran = run(&["post-mortem", &file]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    says(&ran, &["] still runs, for 0.", "no: its process has the file", "1 id unfinished"]);
    drop(host);
    assert_eq!(run(&["post-mortem", &file]).code, Some(1));
}

/// As the format's description says how.
fn with_another_boot(file: &str) {
    let mut bytes = fs::read(file).unwrap();
    let at =
        |bytes: &[u8], word: usize| u64::from_ne_bytes(bytes[8 * word..8 * word + 8].try_into().unwrap());
    let other = at(&bytes, 24) ^ 1;
    bytes[8 * 24..8 * 25].copy_from_slice(&other.to_ne_bytes());
    let counted = (0..512).filter(|word| *word != 8 && !(64..80).contains(word));
    let sum = counted
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, word| (sum ^ at(&bytes, word)).wrapping_mul(0x0100_0000_01b3));
    bytes[8 * 8..8 * 9].copy_from_slice(&sum.to_ne_bytes());
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_host_whose_machine_went_down_is_told_from_one_that_was_killed() {
    let folder = Folder::new("post-mortem-boot");
    let file = deck(&folder, "deck");
    Host::start(&file).kill();
    with_another_boot(&file);
    let ran = run(&["post-mortem", &file]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    says(
        &ran,
        &[
            "] went down with its machine",
            "the machine has been started anew since",
            "what was not written back",
        ],
    );
}

#[test]
fn what_is_no_deck_is_refused_and_nothing_is_told_of_it() {
    let folder = Folder::new("post-mortem-refused");
    let file = deck(&folder, "deck");
    Host::start(&file).kill();
    let whole = fs::read(&file).unwrap();
    let cut = folder.file("cut.deck", &whole[..whole.len() / 2]);
    let short = folder.file("short.deck", &whole[..100]);
    let text = folder.file("diary.txt", "Dear diary, ".repeat(1_000));
    let missing = deck(&folder, "missing");
    for (file, words) in [
        (&*cut, &["cut.deck", "see whether the file was cut"][..]),
        (&short, &["100 bytes are no mapped deck"]),
        (&text, &["it begins with \"Dear dia\""]),
        (&missing, &["missing", "was not opened"]),
        (folder.0.to_str().unwrap(), &["is no regular file"]),
    ] {
        for more in [&[][..], &["--json"]] {
            let ran = run(&[&["post-mortem", file], more].concat());
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
            assert!(ran.err.starts_with("error: "), "{}", ran.err);
            for word in words {
                assert!(ran.err.contains(word), "`{word}` is not in: {}", ran.err);
            }
        }
    }
    assert_eq!(run(&["post-mortem"]).code, Some(2));
    // Of somebody else, who may change it at any time. Only root can give a file away.
    let given = folder.file("given.deck", &whole);
    if std::os::unix::fs::chown(&given, Some(65_534), None).is_ok() {
        let ran = run(&["post-mortem", &given]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
        assert!(ran.err.contains("user 65534") && ran.err.contains("give `--any-user`"), "{}", ran.err);
        assert_eq!(run(&["post-mortem", &given, "--any-user"]).code, Some(1));
    } else {
        eprintln!("skipped: only root can give a file to another user");
    }
    // Bytes in the middle may be anything: an answer, or an error, and an end.
    for (place, byte) in [(4_096, 0), (4_100, 0xff), (8_192, 0xff), (whole.len() / 2, 0x7f)] {
        let mut broken = whole.clone();
        broken[place..(place + 4_096).min(whole.len())].fill(byte);
        let ran = run(&["post-mortem", &folder.file("broken.deck", &broken)]);
        assert!(matches!(ran.code, Some(1 | 2)), "{place}: {:?} {}", ran.code, ran.err);
    }
}

#[test]
fn decks_are_listed_whoever_runs_or_ran_them() {
    let folder = Folder::new("list");
    let [killed, closed, runs] = ["killed.deck", "closed", "runs.deck"].map(|name| deck(&folder, name));
    let process = Host::start(&killed).kill();
    Host::start(&closed).close();
    let host = Host::start(&runs);
    folder.file("cut.deck", &fs::read(&killed).unwrap()[..10_000]);
    folder.file("notes.txt", "no deck");
    fs::create_dir(folder.0.join("folder.deck")).unwrap();
    let directory = folder.0.to_str().unwrap();

    let ran = run(&["list", directory]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 6, "headings, four decks, a reason: {}", ran.out);
    assert!(lines[0].starts_with("STATE  ") && lines[0].ends_with("  FILE"), "{}", lines[0]);
    assert!(lines[1].starts_with("running ") && lines[1].ends_with("runs.deck"), "{}", lines[1]);
    assert!(
        lines[2].starts_with("closed 0.") && lines[2].ends_with("closed"),
        "the newest first: {}",
        lines[2]
    );
    assert!(lines[3].starts_with("died ") && lines[3].contains(&format!(" {process} ")), "{}", lines[3]);
    assert!(lines[4].starts_with("unreadable ") && lines[5].starts_with("  `"), "{}", ran.out);

    let objects: Vec<Value> = run(&["list", directory, "--json"])
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let states: Vec<_> = objects.iter().map(|object| object["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["running", "closed", "died", "unreadable"]);
    assert_eq!(objects[0]["pid"], host.0.id());
    assert_eq!(
        (&objects[2]["program"], &objects[2]["file"]),
        (&"order-gateway".into(), &killed.as_str().into())
    );
    assert!(objects[2]["last_event"].is_string() && objects[1]["closed"].is_string());
    assert_eq!(objects[3]["error"]["code"], "mapped.header.truncated");

    // Where hosts put theirs that name no place.
    let ran = command(&["list"]).env("FLIGHTDECK_DIR", directory).output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
    assert!(String::from_utf8(ran.stdout).unwrap().contains(&killed));
}

#[test]
fn where_no_deck_lies_none_is_listed() {
    let folder = Folder::new("list-none");
    let directory = folder.0.to_str().unwrap();
    for args in [&["list", directory][..], &["list", directory, "--json"]] {
        let ran = run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
        assert!(ran.err.starts_with(&format!("note: no deck lies in {directory}: ")), "{}", ran.err);
    }
    let ran = run(&["list", &deck(&folder, "nowhere")]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("nowhere: cannot be looked into: "), "{}", ran.err);
}

#[test]
fn a_copy_is_told_from_a_deck_that_ended() {
    let folder = Folder::new("post-mortem-copy");
    let file = deck(&folder, "copy.deck");
    let host = Flightdeck::builder()
        .events(|events| events.memory(4 << 20).shards(4))
        .dump_to(flightdeck::Dumps::to(&*file).on_shutdown(true))
        .start()
        .unwrap();
    let _id = host.scope(7_u64);
    host.record(Accepted { qty: 5 });
    host.dump(&*file).unwrap();
    let ran = run(&["post-mortem", &file]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let first = ran.out.lines().next().unwrap();
    assert!(
        first.contains("wrote this copy itself at 20") && first.contains("because of a call of the host's"),
        "{first}"
    );
    assert!(!ran.out.contains("died") && !ran.out.contains("runs"), "{}", ran.out);
    assert!(host.shutdown(Duration::from_secs(5)).is_clean());
    let told = run(&["post-mortem", &file, "--json"]).json();
    assert_eq!((&told["state"], &told["copied"]["cause"]), (&"copied".into(), &"shutdown".into()));
    assert!(told["copied"]["at"].is_string() || told["copied"]["at"].is_object());
    assert_eq!(told["closed"], Value::Null);
    let ran = run(&["query", &file, "-k", "order.accepted"]);
    assert!(
        ran.out.contains("order.accepted") && ran.err.contains("wrote a copy of its deck"),
        "{} {}",
        ran.out,
        ran.err
    );
}

//! What `flightdeck query`, `tail` and `export` tell of the file of a deck, whose process runs, has ended, or was killed.

#![cfg(target_os = "linux")]

#[path = "support/tool.rs"]
mod tool;

use flightdeck::Clock;
use flightdeck::events::{Events, FieldType, Schema, Stamp, Value as FieldValue};
use flightdeck::mapped::Options;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::time::Duration;
use tool::folder::Folder;
use tool::{Ran, command, end, run, signal, start_with_pipes};

flightdeck::kind! {
    Placed("order.placed", starts) { qty: u64, venue: str }
    Filled("order.filled") { qty: u64, price: f64 }
    Rejected("order.rejected", severity = Error) { qty: u64, reason: str, kind: str }
    Beat("host.beat", severity = Debug, class = Verbose) { n: u64 }
    Late("host.late", severity = Warn) { n: u64 }
}

/// Six events, a second between one and the next.
fn six(path: &Path) -> Events {
    let clock = Clock::manual();
    let events = Events::builder().memory(3 << 20).clock(clock.clone()).mapped(path).build().unwrap();
    let second = || clock.advance(Duration::from_secs(1));
    second();
    events.record_with(Stamp::of(0x2a_u64), Placed { qty: 1, venue: "XETRA" });
    second();
    events.record_with(Stamp::of(0x2a_u64), Filled { qty: 1, price: 93.5 });
    second();
    events.record_with(Stamp::of(0x2b_u64), Placed { qty: 2, venue: "New York, \"NYSE\"" });
    second();
    events.record(Beat { n: 7 });
    second();
    events.record_with(Stamp::of(0x2b_u64), Rejected { qty: 2, reason: "no margin\nleft", kind: "soft" });
    second();
    events.record(Beat { n: 8 });
    events
}

fn six_in(folder: &Folder) -> (String, Events) {
    let path = folder.0.join("six.deck");
    let events = six(&path);
    (path.to_str().unwrap().to_owned(), events)
}

/// The kinds of the events that were told, in that order.
fn kinds(ran: &Ran) -> Vec<String> {
    let events = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

/// Asks with these flags, in JSON.
#[track_caller]
fn ask(file: &str, flags: &[&str]) -> Ran {
    let ran = run(&[&["query", file, "-o", "json"], flags].concat());
    assert_eq!(ran.err, "", "{flags:?}");
    ran
}

#[test]
fn flags_choose_events() {
    let folder = Folder::new("query-flags");
    let (file, events) = six_in(&folder);
    events.stop();
    drop(events);
    let all = ["order.placed", "order.filled", "order.placed", "host.beat", "order.rejected", "host.beat"];
    let some = |places: &[usize]| places.iter().map(|place| all[*place].to_owned()).collect::<Vec<_>>();
    for (flags, places) in [
        (&[][..], &[0, 1, 2, 3, 4, 5][..]),
        (&["-r"], &[5, 4, 3, 2, 1, 0]),
        (&["-n", "2"], &[4, 5]),
        (&["-n", "2", "-r"], &[5, 4]),
        (&["-c", "2a"], &[0, 1]),
        (&["-c", "0000002b"], &[2, 4]),
        (&["-c", "00000000-0000-0000-0000-00000000002a"], &[0, 1]),
        (&["-k", "order.placed"], &[0, 2]),
        (&["-k", "order.placed", "-k", "host.*"], &[0, 2, 3, 5]),
        (&["-k", "order.*", "-n", "1"], &[4]),
        (&["-p", "info"], &[0, 1, 2, 4]),
        (&["-p", "warning"], &[4]),
        (&["-S", "-2s"], &[3, 4, 5]),
        (&["--since", "-4 seconds", "--until", "-2s"], &[1, 2, 3]),
        (&["-U", "-3500ms"], &[0, 1]),
        (&["-w", "qty=2"], &[2, 4]),
        (&["-w", "venue=XETRA"], &[0]),
        (&["-w", "qty>=1", "-w", "venue~NYSE"], &[2]),
        (&["-w", "has qty && !(venue == \"XETRA\")"], &[1, 2, 4]),
        (&["-g", "margin|n=7"], &[3, 4]),
        (&["-g", "order.*qty=1", "-n", "1"], &[1]),
        (&["-g", "^[a-z_]+ host"], &[3, 5]),
        (&["-k", "order.*", "-p", "error", "-c", "2b", "-S", "-3s", "-w", "qty=2", "-g", "soft"], &[4]),
    ] {
        let ran = ask(&file, flags);
        assert_eq!((kinds(&ran), ran.code), (some(places), Some(0)), "{flags:?}");
    }
    for flags in [
        &["-c", "ff"][..],
        &["-n", "0"],
        &["-p", "critical"],
        &["-U", "-1h"],
        &["-w", "qty=9"],
        &["-g", "^$"],
    ] {
        let ran = ask(&file, flags);
        assert_eq!((ran.out.as_str(), ran.code), ("", Some(1)), "{flags:?}");
    }
}

#[test]
fn text_has_a_line_for_each_event_and_says_whether_that_is_all() {
    let folder = Folder::new("query-text");
    let (file, events) = six_in(&folder);
    let ran = run(&["query", &file]);
    assert_eq!(ran.code, Some(0));
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 6, "{}", ran.out);
    assert!(lines[0].contains("Z info     "), "{}", ran.out);
    assert!(
        lines[0].ends_with("order.placed qty=1 venue=XETRA id=0000000000000000000000000000002a"),
        "{}",
        ran.out
    );
    assert!(lines[4].contains(r"error    ") && lines[4].contains(r"reason=no margin\nleft"), "{}", ran.out);
    let who = format!("(process {})", std::process::id());
    assert!(
        ran.err.starts_with("note: 6 events, complete; ")
            && ran.err.trim_end().ends_with(&format!("{who} runs")),
        "{}",
        ran.err
    );
    drop(events);
    let ran = run(&["query", &file, "-n", "1"]);
    assert!(
        ran.err.starts_with("note: the newest 1 of many; ") && ran.err.contains("closed its deck"),
        "{}",
        ran.err
    );
    let ran = run(&["query", &file, "-c", "2a", "--tree"]);
    assert!(ran.out.starts_with("+0.000000000s") && ran.out.contains("+1.000000000s"), "{}", ran.out);
    assert!(ran.out.trim_end().ends_with("complete: 2 events"), "{}", ran.out);
    let coloured = run(&["query", &file, "-n", "1", "--color", "always"]);
    assert!(coloured.out.contains("\x1b[2m"), "{}", coloured.out);
}

#[test]
fn csv_has_a_header_and_columns_for_the_fields_of_kinds() {
    let folder = Folder::new("query-csv");
    let (file, _events) = six_in(&folder);
    let common = "time,unix_ns,severity,class,kind,thread,thread_name,correlation,span,parent,duration_ns";
    let ran = run(&["query", &file, "-o", "csv", "-n", "1"]);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines[0], format!("{common},fields"));
    assert!(lines[1].contains(",debug,verbose,host.beat,"), "{}", ran.out);
    assert!(lines[1].ends_with(r#",,,,,"{""n"":8}""#), "{}", ran.out);
    let ran = run(&["query", &file, "-o", "csv", "-k", "order.rejected", "-k", "order.placed"]);
    let header = ran.out.lines().next().unwrap();
    assert!(header.starts_with(common), "{header}");
    for column in ["qty", "venue", "reason", "field.kind"] {
        assert!(header.split(',').any(|name| name == column), "{column} is not in {header}");
    }
    // Quotes are doubled, and a text may have an end of line in it.
    assert!(ran.out.contains(r#""New York, ""NYSE""""#), "{}", ran.out);
    assert!(ran.out.contains("\"no margin\nleft\""), "{}", ran.out);
    let ran = run(&["query", &file, "-o", "csv", "-c", "ff"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(1), 1));
}

#[test]
fn what_was_looked_at_is_explained() {
    let folder = Folder::new("query-explain");
    let (file, events) = six_in(&folder);
    let ran = run(&["query", &file, "-c", "2a", "--explain"]);
    for text in [
        "took ",
        "records looked at",
        "complete   yes",
        "lost       nothing",
        "in flight  nothing",
        "6 of 6 written",
        " runs; its last event was at ",
    ] {
        assert!(ran.out.contains(text), "`{text}` is not in: {}", ran.out);
    }
    drop(events);
    let ran = ask(&file, &["-k", "order.filled", "--explain"]);
    let last: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let explained = &last["explained"];
    assert_eq!(explained["verdict"], "complete");
    assert_eq!(explained["is_whole"], true);
    assert_eq!(explained["writer"]["fate"], "closed");
    assert_eq!(explained["written"], 6);
    assert!(explained["work"]["records"].as_u64().unwrap() > 0, "{last}");
}

#[test]
fn what_is_no_question_says_why() {
    let folder = Folder::new("query-refused");
    let (file, _events) = six_in(&folder);
    for (flags, words) in [
        (&["-c", "xyz"][..], &["`xyz` is no id"][..]),
        (&["-c", "0"], &["no id"]),
        (&["-S", "soon"], &["soon", "RFC 3339"]),
        (&["-S", "crash-5s"], &["no crash", "runs"]),
        (&["-S", "-1s", "-U", "-2s"], &["swap the two"]),
        (&["-g", "("], &["no regular expression", "unclosed group"]),
        (&["-w", "qty"], &["predicate"]),
        (&["-w", "quantity=5"], &["`quantity`", "`qty`"]),
        (&["-k", "order.filled", "-p", "error"], &["order.filled", "info"]),
        (&["-p", "loud"], &["loud", "warn"]),
        (&["-f", "-r"], &["cannot be used with"]),
        (&["--tree", "-o", "json"], &["cannot be used with"]),
    ] {
        let ran = run(&[&["query", &file], flags].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{flags:?}: {}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "`{word}` is not in: {}", ran.err);
        }
    }
    let ran = run(&["query", &file, "-k", "order.fill"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(
        ran.err.contains("`order.fill` is not known there") && ran.err.contains(": `order.filled`"),
        "{}",
        ran.err
    );
}

#[test]
fn what_is_no_deck_says_what_to_do() {
    let folder = Folder::new("query-no-deck");
    let (file, _events) = six_in(&folder);
    let text = folder.file("text", "nothing of the kind ".repeat(500));
    let short = folder.file("short", "x");
    let cut = folder.file("cut.deck", &fs::read(&file).unwrap()[..1 << 20]);
    let missing = folder.0.join("missing").to_str().unwrap().to_owned();
    let place = folder.0.to_str().unwrap().to_owned();
    for (path, words) in [
        (&text, "it begins with"),
        (&short, "bytes are no mapped deck"),
        (&cut, "1048576 bytes of"),
        (&missing, "No such file"),
        (&place, "no regular file"),
    ] {
        for args in [
            &["query", path][..],
            &["tail", path],
            &["tail", path, "-f"],
            &["export", path, "--format", "csv"],
        ] {
            let ran = run(args);
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}: {}", ran.err);
            assert!(ran.err.starts_with("error: ") && ran.err.contains(words), "{args:?}: {}", ran.err);
            assert!(ran.err.lines().nth(1).is_some_and(|hint| hint.starts_with("note: ")), "{}", ran.err);
        }
    }
}

#[test]
fn what_is_missing_is_told_and_strict_fails() {
    let folder = Folder::new("query-strict");
    let path = folder.0.join("small.deck");
    let events = Events::builder().memory(1 << 20).shards(1).mapped(&*path).build().unwrap();
    (0..100_000).for_each(|n| events.record(Beat { n }));
    drop(events);
    let file = path.to_str().unwrap();
    let ran = run(&["query", file, "-o", "json", "--strict"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.lines().count() > 1_000);
    let ran = run(&["query", file]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("some may have been overwritten"), "{}", ran.err);
    // The newest are all there.
    assert_eq!(run(&["query", file, "-n", "100", "--strict"]).code, Some(0));
    let out = folder.0.join("out.jsonl").to_str().unwrap().to_owned();
    let ran = run(&["export", file, "-o", &out, "--strict"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("as far as they were still there"), "{}", ran.err);
}

#[test]
fn whoever_has_seen_enough_ends_it_quietly() {
    let folder = Folder::new("query-closed-pipe");
    let path = folder.0.join("many.deck");
    let events = Events::builder().memory(8 << 20).mapped(&*path).build().unwrap();
    (0..30_000).for_each(|n| events.record(Late { n }));
    let file = path.to_str().unwrap();
    for args in [
        &["query", file][..],
        &["tail", file, "-n", "30000"],
        &["tail", file, "-n", "30000", "-f"],
        &["export", file, "--format", "jsonl"],
    ] {
        let mut child = start_with_pipes(args);
        let mut first = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let ended = end(child);
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{args:?}");
    }
}

#[test]
fn tails_end_with_the_newest() {
    let folder = Folder::new("tail");
    let (file, _events) = six_in(&folder);
    let ran = run(&["tail", &file, "-o", "json"]);
    assert_eq!((kinds(&ran).len(), ran.code), (6, Some(0)));
    let ran = run(&["tail", &file, "-n", "2", "-o", "json", "-k", "order.*", "-p", "info"]);
    assert_eq!(kinds(&ran), ["order.placed", "order.rejected"]);
    assert_eq!(run(&["tail", &file, "-p", "critical"]).code, Some(1));
}

#[test]
fn exports_are_whole_or_not_there() {
    let folder = Folder::new("export");
    let (file, _events) = six_in(&folder);
    let out = |name: &str| folder.0.join(name).to_str().unwrap().to_owned();
    let jsonl = out("six.jsonl");
    let ran = run(&["export", &file, "-o", &jsonl]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert!(ran.err.starts_with("note: 6 events to "), "{}", ran.err);
    assert_eq!(fs::read_to_string(&jsonl).unwrap(), run(&["query", &file, "-o", "json"]).out);
    let mode = fs::metadata(&jsonl).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "no more readable than the deck");
    run(&["export", &file, "-o", &jsonl, "-k", "host.beat"]).refused(2, &["is there already", "--force"]);
    assert_eq!(fs::read_to_string(&jsonl).unwrap().lines().count(), 6);
    assert_eq!(run(&["export", &file, "-o", &jsonl, "-k", "host.beat", "--force"]).code, Some(0));
    assert_eq!(fs::read_to_string(&jsonl).unwrap().lines().count(), 2);
    let csv = out("six.csv");
    assert_eq!(run(&["export", &file, "-o", &csv, "-k", "order.filled"]).code, Some(0));
    let text = fs::read_to_string(&csv).unwrap();
    assert!(
        text.lines().next().unwrap().ends_with(",qty,price") && text.trim_end().ends_with(",1,93.5"),
        "{text}"
    );
    let ran = run(&["export", &file, "-o", "-", "--format", "csv"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 7), "{}", ran.out);
    run(&["export", &file, "-o", &out("six.txt")]).refused(2, &["does not tell the format", "--format"]);
    run(&["export", &file]).refused(2, &["does not tell the format"]);
    run(&["export", &file, "-o", &out("no/such/place.csv")]).refused(2, &["cannot be written"]);
    let ran = run(&["export", &file, "-o", "/dev/null", "--format", "jsonl"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let mut names: Vec<_> =
        fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["six.csv", "six.deck", "six.jsonl"], "nothing half done is left");
}

/// A host in a process of its own, which does as it is told.
struct Host {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStderr>,
}

impl Host {
    fn start(path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["host", "--exact", "--ignored", "--nocapture"])
            .env("FLIGHTDECK_TOOL_FILE", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stderr.take().unwrap()));
        let mut host = Self { child, orders, answers };
        host.answered();
        host
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        self.answered();
    }

    #[track_caller]
    fn answered(&mut self) {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
#[ignore = "the child of the tests below"]
fn host() {
    let Some(path) = std::env::var_os("FLIGHTDECK_TOOL_FILE") else { return };
    let events = Events::builder().memory(3 << 20).mapped(Options::at(Path::new(&path))).build().unwrap();
    eprintln!("done");
    for (n, order) in (0..).zip(std::io::stdin().lines()) {
        match order.unwrap().as_str() {
            "beat" => events.record(Beat { n }),
            "late" => events.record(Late { n }),
            "stop" => events.stop(),
            order => panic!("{order}"),
        }
        eprintln!("done");
    }
}

#[test]
fn a_killed_process_is_asked_for_its_last_moments() {
    let folder = Folder::new("query-killed");
    let path = folder.0.join("host.deck");
    let mut host = Host::start(&path);
    host.order("beat");
    std::thread::sleep(Duration::from_millis(1_500));
    ["late", "beat", "late"].into_iter().for_each(|order| host.order(order));
    let file = path.to_str().unwrap();
    let ran = run(&["query", file, "-S", "crash-1s"]);
    assert_eq!(ran.code, Some(2), "it lives: {}", ran.err);
    host.kill();
    let ran = ask(file, &["-S", "crash-1s"]);
    assert_eq!(kinds(&ran), ["host.late", "host.beat", "host.late"]);
    assert_eq!(kinds(&ask(file, &["-S", "1 hour ago", "-n", "9"])).len(), 4);
    assert_eq!(ask(file, &["-U", "1 hour ago"]).code, Some(1));
    let ran = run(&["query", file, "--explain", "-U", "crash"]);
    assert!(
        ran.out.contains(" died; its last event was at ") && ran.out.contains("4 of 4 written"),
        "{}",
        ran.out
    );
    // And following it ends at once.
    let ran = run(&["tail", file, "-f", "-n", "1", "-o", "json"]);
    assert_eq!((kinds(&ran), ran.code), (vec!["host.late".to_owned()], Some(0)));
    assert!(ran.err.starts_with("warning: ") && ran.err.contains(" died; its last event"), "{}", ran.err);
}

/// A line of it that came while it runs.
fn line(out: &mut impl BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    line
}

#[test]
fn what_comes_is_followed_until_the_process_ends() {
    for ending in ["kill", "stop"] {
        let folder = Folder::new(&format!("follow-{ending}"));
        let path = folder.0.join("host.deck");
        let mut host = Host::start(&path);
        host.order("beat");
        let file = path.to_str().unwrap();
        // A kind that is not known yet is found once it is.
        let mut late = start_with_pipes(&["query", file, "-f", "-k", "host.late", "-o", "json"]);
        let mut all = start_with_pipes(&["tail", file, "-f", "-o", "json"]);
        let (mut late_out, mut all_out) =
            (BufReader::new(late.stdout.take().unwrap()), BufReader::new(all.stdout.take().unwrap()));
        assert!(line(&mut all_out).contains("\"n\":{\"type\":\"u64\",\"value\":0}"));
        for n in 1..=3 {
            host.order(if n == 2 { "late" } else { "beat" });
            assert!(line(&mut all_out).contains(&format!("\"value\":{n}")));
        }
        // Nothing waits for the end.
        if ending == "kill" {
            host.kill();
        } else {
            host.order("stop");
        }
        let mut rest = String::new();
        all_out.read_to_string(&mut rest).unwrap();
        late_out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest.lines().count(), 1, "{rest}");
        assert!(rest.contains("host.late"));
        for child in [late, all] {
            let ended = end(child);
            let said = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(0), "{said}");
            let fate = if ending == "kill" { " died; " } else { " closed its deck; " };
            assert!(said.contains(fate), "{said}");
        }
    }
}

#[test]
fn whoever_follows_a_file_that_lacks_names_is_told() {
    let folder = Folder::new("follow-nameless");
    let path = folder.0.join("host.deck");
    let events = Events::builder().memory(3 << 20).mapped(Options::at(&path)).build().unwrap();
    events.record(Beat { n: 1 });
    let recording = events.recording().unwrap();
    while recording.nameless().kinds == 0 {
        events.define(Schema::new(format!("{}{}", "x".repeat(2_000), recording.kinds().count()))).unwrap();
    }
    let kind = events.define(Schema::new("y".repeat(10_000)).field("n", FieldType::U64)).unwrap();
    events.record_values(Stamp::of(7_u64), &kind, &[FieldValue::U64(1)]).unwrap();
    let kinds = recording.nameless().kinds;
    drop((recording, events));
    let file = path.to_str().unwrap();
    let told = format!("of {kinds} kind");
    for asked in [["-w", "n=1"], ["-k", "host.beat"]] {
        let ran = run(&["query", file, "-f", "-o", "json", "--strict", asked[0], asked[1]]);
        assert_eq!((self::kinds(&ran), ran.code), (vec!["host.beat".to_owned()], Some(1)), "{}", ran.err);
        assert_eq!(ran.err.matches(&told).count(), 1, "{}", ran.err);
        let ran = run(&["query", file, "-f", "-o", "json", asked[0], asked[1]]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
    let ran = run(&["query", file, "-f", "-o", "json", "--strict"]);
    assert_eq!((ran.out.lines().count(), ran.code), (2, Some(0)), "{}", ran.err);
    assert!(!ran.err.contains("no name"), "{}", ran.err);
    let ran = run(&["query", file, "--explain", "-w", "n=1"]);
    assert!(ran.out.contains("of some kinds the file has no names"), "{}", ran.out);
}

#[test]
fn following_is_interrupted() {
    let folder = Folder::new("follow-interrupted");
    let (file, _events) = six_in(&folder);
    let child = command(&["tail", &file, "-f", "-n", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    signal(&child, libc::SIGINT);
    let ended = end(child);
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(130), &b""[..]));
    assert!(String::from_utf8(ended.stdout).unwrap().lines().count() <= 2);
}

#[test]
fn help_has_examples() {
    for name in ["query", "tail", "export"] {
        let ran = run(&[name, "--help"]);
        assert_eq!(ran.code, Some(0));
        let examples = ran.out.split("Examples:").nth(1).unwrap_or_default();
        assert!(examples.matches(&format!("flightdeck {name} ")).count() >= 3, "{}", ran.out);
    }
}

//! Files that the tool writes, read back: traces of `flightdeck export`, and all formats of `--export` of `replay` and `demo`.

#![cfg(target_os = "linux")]

#[path = "trace_export/drawn.rs"]
#[allow(dead_code, reason = "each test file uses what it needs")]
mod drawn;
#[path = "support/tool.rs"]
mod tool;

use drawn::Drawn;
use flightdeck::events::Events;
use flightdeck::mapped::Options;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use tool::folder::Folder;
use tool::run;

flightdeck::kind! {
    Handle("order.handle") { order: u64 }
    Depth("queue.sampled") { depth: u64 }
}

const NAMES: [&str; 2] = ["out.pftrace", "out.trace.json"];

fn read(path: &str) -> Drawn {
    let bytes = fs::read(path).unwrap();
    if path.ends_with("json") { drawn::chrome(&bytes) } else { drawn::perfetto(&bytes) }
}

/// The rows of CSV, by the names of their columns: as RFC 4180 has it.
fn table(path: &str) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).unwrap();
    let (mut rows, mut row, mut value, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if is_quoted && chars.peek() == Some(&'"') => value.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut value)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut value));
                rows.push(std::mem::take(&mut row));
            }
            other => value.push(other),
        }
    }
    assert!(!is_quoted && value.is_empty() && row.is_empty(), "{path} ends in the middle of a row");
    let header = rows.remove(0);
    let named = |row: Vec<String>| {
        assert_eq!(row.len(), header.len(), "{row:?}");
        header.iter().cloned().zip(row).collect()
    };
    rows.into_iter().map(named).collect()
}

#[test]
fn a_file_is_exported_as_a_trace() {
    let folder = Folder::new("tool-trace");
    let path = folder.0.join("host.deck");
    let events = Events::builder().memory(3 << 20).mapped(Options::at(&path)).build().unwrap();
    for order in 0..10_u64 {
        let _in = events.scope(order + 1);
        let _handle = events.span(Handle { order });
        events.record(Depth { depth: order });
    }
    let file = path.to_str().unwrap();
    for name in NAMES {
        let out = folder.0.join(name);
        let out = out.to_str().unwrap();
        let ran = run(&["export", file, "-o", out, "--counter", "queue.sampled=depth", "--strict"]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
        assert!(ran.err.contains("30 events to ") && ran.err.lines().count() == 1, "{}", ran.err);
        let drawn = read(out);
        assert_eq!((drawn.slices.len(), drawn.instants.len()), (10, 10));
        assert_eq!(drawn.counters["queue.sampled depth"].len(), 10);
        assert!(drawn.process.contains("tool_trace"), "{}", drawn.process);
        run(&["export", file, "-o", out]).refused(2, &["is there already", "--force"]);
        let ran = run(&["export", file, "-o", out, "--force", "-k", "order.handle", "--counter", "nobody=n"]);
        assert!(ran.err.contains("no event there is of kind `nobody`"), "{}", ran.err);
        assert_eq!(read(out).instants.len(), 0);
    }
    let ran = run(&["export", file, "-o", "-", "--format", "chrome"]);
    assert_eq!(drawn::chrome(ran.out.as_bytes()).slices.len(), 10);
    let ran = run(&["export", file, "-k", "no.such", "-o", folder.0.join("none.pftrace").to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    run(&["export", file, "-o", "no/such/place.pftrace"]).refused(2, &["cannot be written"]);
    let ran = run(&["export", file, "-o", "-", "--format", "perfetto", "--counter", "depth"]);
    assert!(ran.code == Some(2) && ran.err.contains("KIND=FIELD"), "{}", ran.err);
    assert_eq!(folder.names(), ["host.deck", "out.pftrace", "out.trace.json"], "nothing half done is left");
}

#[test]
fn a_replay_is_exported_by_the_names_of_its_operations() {
    let folder = Folder::new("tool-trace-replay");
    let mut spans =
        String::from("TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano\n");
    for n in 0..500_u64 {
        let start = 1_700_000_000_000_000_000 + n * 1_000;
        let (pod, end) = (["cart", "shop"][n as usize % 2], start + 1 + n * 7_919 % 100_000);
        spans.push_str(&format!("{:x},{:x},root,{pod},GET {},{start},{end}\n", n % 50 + 1, n + 1, n % 9));
    }
    let spans = folder.file("spans.csv", spans);
    let logs =
        folder.file("app.jsonl", "{\"ts\":1700000000,\"msg\":\"one \\\"line\\\"\",\"trace_id\":\"01\"}\n");
    for name in NAMES {
        let out = folder.0.join(name);
        let out = out.to_str().unwrap();
        let ran = run(&["replay", &spans, &logs, "--threads", "3", "--json", "--export", out]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains("501 events, 500 spans to "), "{}", ran.err);
        let drawn = read(out);
        assert_eq!((drawn.slices.len(), drawn.instants.len()), (500, 1));
        let names: BTreeSet<_> = drawn.slices.iter().map(|slice| slice.name.as_str()).collect();
        assert_eq!(names.len(), 9, "{names:?}");
        for slice in &drawn.slices {
            let n = (slice.start - 1_700_000_000_000_000_000) / 1_000;
            assert_eq!(slice.name, format!("GET {}", n % 9));
            assert_eq!(slice.end, Some(slice.start + 1 + n * 7_919 % 100_000));
            assert_eq!(slice.args["PodName"], ["cart", "shop"][n as usize % 2]);
            assert_eq!(slice.args["line"], n + 2);
        }
        assert_eq!(drawn.instants[0].args["message"], "one \"line\"");
        if name.ends_with("pftrace") {
            let flows: BTreeSet<_> = drawn.slices.iter().flat_map(|slice| &slice.flows).collect();
            assert_eq!(flows.len(), 50);
        }
        run(&["replay", &spans, "--export", out]).refused(2, &["is there already", "--force"]);
        let ran = run(&["replay", &spans, "-c", "7", "--export", out, "--force"]);
        assert!(ran.err.contains("10 events, 10 spans to "), "{}", ran.err);
        assert_eq!(read(out).slices.len(), 10);
    }
    let out = folder.0.join("out.txt");
    let out = out.to_str().unwrap();
    run(&["replay", &spans, "--export", out]).refused(2, &["does not tell the format", ".csv, .pftrace"]);
    let left = ["app.jsonl", "out.pftrace", "out.trace.json", "spans.csv"];
    assert_eq!(folder.names(), left, "nothing half done is left");
}

/// Two requests, one with a text that CSV has to quote; rows without a length, and with one.
const ROWS: &str = "\
{\"ts\":1700000000,\"msg\":\"a, \\\"b\\\"\",\"request_id\":\"r-1\",\"status\":200,\"level\":\"info\"}
{\"ts\":1700000001,\"msg\":\"c\",\"request_id\":\"r-2\",\"status\":503,\"level\":\"error\"}
{\"ts\":1700000002,\"msg\":\"d\",\"request_id\":\"r-1\",\"status\":201,\"level\":\"info\"}
";

#[test]
fn a_replay_is_exported_as_lines_and_rows() {
    let folder = Folder::new("tool-lines-replay");
    let rows = folder.file("app.jsonl", ROWS);
    let spans = folder.file(
        "spans.csv",
        "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano\n\
         1f,a,root,cart,GET /,1700000000500000000,1700000000500004000\n",
    );
    let [jsonl, csv] = ["out.jsonl", "out.csv"].map(|name| folder.0.join(name).to_str().unwrap().to_owned());
    let ran = run(&["replay", &rows, &spans, "--json", "--export", &jsonl]);
    assert!(ran.code == Some(0) && ran.err.contains("4 events to "), "{}", ran.err);
    let lines: Vec<Json> =
        fs::read_to_string(&jsonl).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at = |line: &Json| line["unix_ns"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(
        lines.iter().map(at).collect::<Vec<_>>(),
        [
            1_700_000_000_000_000_000,
            1_700_000_000_500_000_000,
            1_700_000_001_000_000_000,
            1_700_000_002_000_000_000
        ]
    );
    let field = |line: usize, name: &str| lines[line]["fields"][name]["value"].clone();
    assert_eq!(
        (field(0, "message"), field(0, "status"), field(0, "id")),
        ("a, \"b\"".into(), 200.into(), "r-1".into())
    );
    assert_eq!((field(2, "line"), field(2, "status")), (2.into(), 503.into()));
    assert_eq!(lines[2]["severity"], "error");
    assert!(field(2, "file").as_str().unwrap().ends_with("app.jsonl"));
    assert_eq!(lines[0]["correlation"], lines[3]["correlation"]);
    assert_ne!(lines[0]["correlation"], lines[2]["correlation"]);
    assert_eq!((&lines[1]["kind"], &lines[1]["span"]), (&"span".into(), &"000000000000000a".into()));
    assert_eq!((field(1, "OperationName"), field(1, "duration_ns")), ("GET /".into(), 4_000.into()));
    assert!(
        lines.iter().all(|line| line["fields"]
            .as_object()
            .unwrap()
            .keys()
            .all(|name| !name.starts_with('@')))
    );

    let ran = run(&["replay", &rows, "--where", "status < 300", "--export", &csv]);
    assert!(ran.code == Some(0) && ran.err.contains("2 events to "), "{}", ran.err);
    let found = table(&csv);
    let fields: Json = serde_json::from_str(&found[0]["fields"]).unwrap();
    assert_eq!(
        (&fields["message"], &fields["status"], &fields["line"]),
        (&"a, \"b\"".into(), &200.into(), &1.into())
    );
    assert_eq!((found.len(), &*found[1]["unix_ns"]), (2, "1700000002000000000"));
    assert_eq!(found[0]["correlation"], found[1]["correlation"]);
    run(&["replay", &rows, "--export", &csv]).refused(2, &["is there already", "--force"]);
    run(&["replay", &rows, "--export", &csv, "--force", "--counter", "log=status"])
        .refused(2, &["--counter log=status is for traces", ".pftrace"]);
    assert_eq!(
        folder.names(),
        ["app.jsonl", "out.csv", "out.jsonl", "spans.csv"],
        "nothing half done is left"
    );
}

#[test]
fn counters_are_drawn_of_whatever_is_exported() {
    let folder = Folder::new("tool-counters");
    let rows = folder.file("app.jsonl", ROWS);
    let out = folder.0.join("out.pftrace");
    let out = out.to_str().unwrap();
    let counters = ["--counter", "log=status", "--counter", "log=message", "--counter", "log=no"];
    let ran = run(&[&["replay", &rows, "--export", out], &counters[..]].concat());
    let statuses: Vec<_> = read(out).counters["log status"].iter().map(|(_, value)| *value).collect();
    assert_eq!(statuses, [200.0, 503.0, 201.0], "{}", ran.err);
    for empty in ["message", "no"] {
        let told = format!("no event there is of kind `log` with a number in a field `{empty}`");
        assert!(ran.err.contains(&told), "{}", ran.err);
    }
    assert!(!ran.err.contains("`status`"), "{}", ran.err);
    let ran = run(&["replay", &rows, "--counter", "log=status"]);
    assert!(ran.code == Some(2) && ran.err.contains("--export"), "{}", ran.err);
}

#[test]
fn the_demo_leaves_whatever_is_asked_for() {
    let folder = Folder::new("tool-trace-demo");
    let demo = |name: &str, more: &[&str]| {
        let out = folder.0.join(name).to_str().unwrap().to_owned();
        let ran = run(&[&["demo", "--seconds", "2", "--json", "--export", &out], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains(" events") && ran.err.contains(name), "{}", ran.err);
        out
    };
    let drawn = read(&demo("demo.pftrace", &["--counter", "book.walked=levels"]));
    assert!(drawn.counters["book.walked levels"].len() > 100);
    let walks = drawn.slices.iter().filter(|slice| slice.name == "book.walk").count();
    assert!(walks > 100 && drawn.instants.len() > walks, "{walks} of {}", drawn.slices.len());
    assert!(drawn.slices.iter().all(|slice| slice.name.contains('.')));
    let lines = fs::read_to_string(demo("demo.jsonl", &[])).unwrap();
    let mut walks = 0;
    for line in lines.lines() {
        let event: Json = serde_json::from_str(line).unwrap();
        walks += usize::from(event["kind"] == "book.walked" && event["end"] == true);
    }
    assert!(walks > 100 && lines.lines().count() > walks, "{walks}");
    assert!(table(&demo("demo.csv", &[])).iter().filter(|row| row["kind"] == "book.walk").count() > 100);
}

//! What `flightdeck replay` answers about the rows it was fed.

#[path = "support/tool.rs"]
mod tool;

use tool::folder::Folder;
use tool::run;
#[cfg(target_os = "linux")]
use tool::{peak_kib, start_with_pipes};

/// Spans and log rows of two traces whose rows lie mixed in two files, and a few of neither.
fn two_traces(folder: &Folder) -> [String; 2] {
    let mut spans =
        String::from("TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano\n");
    let mut logs = String::from("TimeUnixNano,TraceID,SpanID,Log\n");
    for n in 0..50_u64 {
        let (trace, start) = (["0a1b", "c0ffee", "7"][n as usize % 3], 1_700_000_000_000_000_000 + n * 1_000);
        let parent = if n < 3 { "root".to_owned() } else { format!("{:x}", 0x100 + n - 3) };
        let end = start + 500_000 + 1_000_000 * u64::from(n == 4);
        spans.push_str(&format!("{trace},{:x},{parent},shop,\"GET, {n}\",{start},{end}\n", 0x100 + n));
        logs.push_str(&format!("{},{trace},{:x},\"line\nof {n}\"\n", start + 10, 0x100 + n));
    }
    [folder.file("spans.csv", spans), folder.file("logs.csv", logs)]
}

#[test]
fn a_correlation_has_exactly_the_rows_of_its_id() {
    let folder = Folder::new("correlation");
    let [spans, logs] = two_traces(&folder);
    for threads in ["1", "3"] {
        let ran = run(&["replay", &spans, &logs, "--json", "--threads", threads, "-c", "0000C0FFEE"]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        let found = ran.json();
        assert_eq!(found["correlation"], format!("{:032x}", 0xc0_ffee));
        assert_eq!(found["verdict"], "complete");
        assert_eq!(found["counts"]["found"], 34);
        assert!(found["look_up_ns"].as_u64().unwrap() > 0);
        let arrays = found.as_object().unwrap().values().filter(|value| value.is_array()).count();
        assert_eq!(arrays, 1, "{found}");
        let rows = found["rows"].as_array().unwrap();
        let expected = (0..50).filter(|n| n % 3 == 1).flat_map(|n: u64| {
            let start = 1_700_000_000_000_000_000 + n * 1_000;
            let span = format!("{:016x}", 0x100 + n);
            let parent = (n >= 3).then(|| format!("{:016x}", 0x100 + n - 3));
            [
                serde_json::json!({
                    "file": spans, "line": n + 2, "time_ns": start, "kind": "span", "span": span, "parent": parent,
                    "fields": { "PodName": "shop", "OperationName": format!("GET, {n}") },
                }),
                serde_json::json!({
                    "file": logs, "line": 2 * n + 2, "time_ns": start + 10, "kind": "log", "span": span,
                    "parent": null, "fields": { "Log": format!("line\nof {n}") },
                }),
            ]
        });
        assert_eq!(rows, &expected.collect::<Vec<_>>());
    }
}

#[test]
fn ids_that_are_no_number_are_compared_as_they_are_written() {
    let folder = Folder::new("text-ids");
    let mut content = String::new();
    for (n, id) in ["cafe", "CAFE", "r-1", "cafe", "0xcafe", "cafe"].iter().enumerate() {
        content
            .push_str(&format!("{{\"ts\":{},\"msg\":\"m\",\"request_id\":\"{id}\"}}\n", 1_700_000_000 + n));
    }
    let file = folder.file("app.jsonl", content);
    for (id, lines) in [("cafe", &[1, 4, 6][..]), ("CAFE", &[2]), ("r-1", &[3]), ("0xcafe", &[5])] {
        let ran = run(&["replay", &file, "--json", "-c", id]);
        assert_eq!(ran.code, Some(0), "{id}");
        let found = ran.json();
        assert_eq!(found["correlation"], id);
        let found: Vec<_> =
            found["rows"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
        assert_eq!(found, lines, "{id}");
    }
}

#[test]
fn an_id_that_does_not_occur_ends_with_one() {
    let folder = Folder::new("no-such-id");
    let [spans, logs] = two_traces(&folder);
    let ran = run(&["replay", &spans, &logs, "--json", "-c", "abcdef"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.json()["rows"], serde_json::json!([]));
    assert_eq!(ran.json()["verdict"], "complete");
    let ran = run(&["replay", &spans, "-c", "nobody"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("0 events of nobody"), "{}", ran.out);
}

#[test]
fn the_slowest_come_with_their_timelines() {
    let folder = Folder::new("slowest");
    let [spans, logs] = two_traces(&folder);
    let report = run(&["replay", &spans, &logs, "--json", "--slowest", "2"]).json();
    assert_eq!(report["ids"], 3);
    assert_eq!(
        report["events"],
        serde_json::json!({ "written": 100, "kept": 100, "overwritten": 0, "lost": {} })
    );
    let slowest = report["slowest"].as_array().unwrap();
    assert_eq!(slowest.len(), 2);
    // From the first start to the end of span 4, which is the latest of all.
    assert_eq!(slowest[0]["correlation"], format!("{:032x}", 0xc0_ffee));
    assert_eq!(slowest[0]["duration_ns"], 3_000 + 1_500_000);
    assert_eq!(slowest[0]["rows"].as_array().unwrap().len(), 34);
    let ran = run(&["replay", &spans, &logs, "--slowest", "1"]);
    assert!(ran.out.contains("c0ffee  1.5 ms  34 events"), "{}", ran.out);
    // A child stands under its parent, a log row under its span, and the second line of its text shows as escaped.
    let line = |text: &str| ran.out.lines().find(|line| line.contains(text)).unwrap_or_default().to_owned();
    let depth = |of: &str, name: &str| line(of).split(name).next().unwrap_or_default().chars().count();
    assert_eq!(depth("GET, 1", "GET") + 2, depth("GET, 4", "GET"), "{}", ran.out);
    assert_eq!(depth("GET, 1", "GET") + 2, depth(r"line\nof 1", "log"), "{}", ran.out);
    assert!(ran.out.trim_end().ends_with("complete: 34 events"), "{}", ran.out);
}

#[test]
fn the_spans_of_an_id_tell_where_its_time_went() {
    let folder = Folder::new("spans");
    let spans = "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano\n\
        c0ffee,1,root,gate,GET /quote,1700000000000000000,1700000000000900000\n\
        c0ffee,2,1,book,walk,1700000000000100000,1700000000000400000\n\
        c0ffee,3,1,price,quote,1700000000000350000,1700000000000850000\n\
        c0ffee,4,3,price,SELECT,1700000000000400000,1700000000000500000\n\
        c0ffee,5,beef,else,remote,1700000000000200000,1700000000000300000\n\
        7,6,root,gate,another,1700000000000000000,1700000000000900000\n";
    let logs = "TimeUnixNano,TraceID,SpanID,Log\n1700000000000120000,c0ffee,2,at level 3\n";
    let [spans, logs] = [folder.file("spans.csv", spans), folder.file("logs.csv", logs)];
    let ran = run(&["replay", &spans, &logs, "-c", "c0ffee", "--tree"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.out.lines().map(str::trim_end).collect();
    let expected_text = [
        "     total       self",
        "  900.0 us   150.0 us * GET /quote",
        "  300.0 us   300.0 us     walk  (1 event)",
        "  500.0 us   400.0 us *   quote",
        "  100.0 us   100.0 us *     SELECT",
        "  100.0 us   100.0 us   remote  parent=000000000000beef",
    ];
    assert_eq!(lines[..6], expected_text, "{}", ran.out);
    assert!(lines[6].starts_with("6 events of c0ffee, looked up in") && lines.len() == 7, "{}", ran.out);

    let found = run(&["replay", &spans, &logs, "-c", "c0ffee", "--tree", "--json"]).json();
    let told: Vec<_> = found["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| {
            let number = |name: &str| span[name].as_u64();
            (span["name"].as_str().unwrap(), number("parent"), number("self_ns"), span["critical"] == true)
        })
        .collect();
    let expected = [
        ("GET /quote", None, Some(150_000), true),
        ("walk", Some(0), Some(300_000), false),
        ("quote", Some(0), Some(400_000), true),
        ("SELECT", Some(2), Some(100_000), true),
        ("remote", None, Some(100_000), false),
    ];
    assert_eq!(told, expected);
    assert_eq!(found["spans"][4]["missing_parent"], "000000000000beef");
    assert!(found.get("rows").is_none());

    // Which spans show does not change what their times are.
    let asked = ["replay", &spans, &logs, "-c", "c0ffee", "--tree", "--where", "OperationName ~ \"E\""];
    let ran = run(&asked);
    let lines: Vec<_> = ran.out.lines().skip(1).map(str::trim_end).collect();
    assert_eq!(lines[..2], [expected_text[1], expected_text[4]], "{}", ran.out);
    assert!(lines[2].starts_with("2 events of c0ffee"), "{}", ran.out);
    let found = run(&[&asked[..], &["--json"]].concat()).json();
    let told = found["spans"].as_array().unwrap();
    assert_eq!((told.len(), &told[1]["name"], &told[1]["parent"]), (2, &"SELECT".into(), &0.into()));
    assert_eq!(told[0]["self_ns"], 150_000);
    assert_eq!(run(&["replay", &spans, "--tree"]).code, Some(2), "of which id?");
}

#[test]
fn what_a_row_shares_with_the_span_above_it_is_said_once() {
    let folder = Folder::new("shared");
    let spans = "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n\
        c0ffee,1,root,gate,GET /quote,1700000000000000000,1700000000000900000,900\n\
        c0ffee,2,1,gate,walk,1700000000000100000,1700000000000400000,300\n\
        c0ffee,3,2,book,walk,1700000000000200000,1700000000000300000,77\n";
    let spans = folder.file("spans.csv", spans);
    let ran = run(&["replay", &spans, "-c", "c0ffee"]);
    let line = |text: &str| ran.out.lines().find(|line| line.contains(text)).unwrap_or_default().to_owned();
    assert!(line("GET /quote").ends_with("GET /quote PodName=gate"), "{}", ran.out);
    assert!(line("300.0 us").ends_with("└ walk"), "{}", ran.out);
    assert!(
        line("100.0 us").ends_with("└ walk PodName=book Duration=77"),
        "another unit, or a mistake: {}",
        ran.out
    );
    assert!(!ran.out.contains('\u{1b}'));
    let ran = run(&["--color", "always", "replay", &spans, "-c", "c0ffee"]);
    assert!(ran.out.contains("\u{1b}[1mGET /quote\u{1b}[0m"), "{}", ran.out);
}

#[test]
fn a_small_deck_keeps_the_latest_rows_and_says_so() {
    let folder = Folder::new("small");
    let mut content = String::new();
    for n in 0..20_000 {
        content.push_str(&format!(
            "{{\"ts\":{},\"msg\":\"number {n}\",\"trace_id\":\"{:x}\"}}\n",
            1_700_000_000 + n,
            n / 4 + 1
        ));
    }
    let file = folder.file("app.jsonl", content);
    let all = run(&["replay", &file, "--json"]).json();
    assert_eq!(all["events"]["kept"], 20_000, "without a size every row is kept");
    let ran = run(&["replay", &file, "--json", "-m", "256k", "--slowest", "0"]);
    let small = ran.json();
    let (kept, overwritten) =
        (small["events"]["kept"].as_u64().unwrap(), small["events"]["overwritten"].as_u64().unwrap());
    assert!(small["memory"]["deck_bytes"].as_u64().unwrap() <= 256 << 10);
    assert!(kept > 500 && overwritten > 10_000 && kept + overwritten == 20_000, "{kept} {overwritten}");
    let first = run(&["replay", &file, "--json", "-m", "256k", "-c", "1"]);
    assert_eq!((first.code, first.json()["verdict"].as_str()), (Some(1), Some("overwritten")));
    let last = run(&["replay", &file, "--json", "-m", "256k", "-c", "1388"]).json();
    assert_eq!((last["verdict"].as_str(), &last["counts"]["found"]), (Some("overwritten"), &4.into()));
    let since = last["counts"]["nothing_missing_since_ns"].as_u64().unwrap();
    assert!(since > 1_700_000_000_000_000_000 && since < last["rows"][0]["time_ns"].as_u64().unwrap());
    run(&["replay", &file, "-m", "4k"]).refused(2, &["memory is 4096 bytes", "give more memory"]);
}

/// What a file says of itself goes to a terminal: on one line, without escape sequences, and cut where it is long.
#[test]
fn an_id_cannot_forge_the_report() {
    let folder = Folder::new("forged");
    let row = |id: &str| serde_json::json!({ "ts": 1_700_000_000, "request_id": id, "n": 1 }).to_string();
    let long = "x".repeat(5_000);
    let file = folder.file("app.jsonl", ["evil\u{1b}[31m\nid", &long].map(row).join("\n"));
    let ran = run(&["replay", &file]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains(r". evil\u{1b}[31m\nid  0 ns  1 event,"), "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.len() < 200), "{}", ran.out);
    let ran = run(&["replay", &file, "-c", "evil\u{1b}[31m\nid"]);
    assert!(
        ran.out.contains(r"1 event of evil\u{1b}[31m\nid,") && !ran.out.contains('\u{1b}'),
        "{}",
        ran.out
    );
}

/// A length that is no span's is a field like any other.
#[test]
fn a_timeline_shows_every_field_of_a_row() {
    let folder = Folder::new("every-field");
    let file =
        folder.file("app.jsonl", "{\"ts\":1700000000,\"trace_id\":\"ab\",\"duration_ns\":250,\"a\":1}\n");
    let ran = run(&["replay", &file, "-c", "ab"]);
    assert!(ran.out.contains("log duration_ns=250 a=1"), "{}", ran.out);
}

/// A line as long as one may be is kept; a longer one is named.
#[test]
fn the_longest_line_that_is_read_is_kept() {
    const LONGEST: usize = (1 << 20) - (16 << 10);
    let folder = Folder::new("longest");
    let line = |length: usize| {
        let (head, tail) = ("{\"ts\":1700000000,\"trace_id\":\"ab\",\"msg\":\"", "\"}\n");
        format!("{head}{}{tail}", "m".repeat(length + 1 - head.len() - tail.len()))
    };
    let file = folder.file("app.jsonl", line(LONGEST) + &line(LONGEST + 1));
    let ran = run(&["replay", "--json", "--slowest", "0", &file]);
    let report = ran.json();
    assert_eq!((&report["events"]["kept"], &report["broken"]), (&1.into(), &1.into()), "{report}");
    assert!(ran.err.contains("app.jsonl:2: broken row skipped: a line of"), "{}", ran.err);
}

/// All rows of one id: they are written as they are gone through, not first collected as JSON.
#[test]
#[cfg(target_os = "linux")]
fn an_answer_of_many_rows_takes_little_more_memory_than_the_store() {
    use std::io::Read;
    const ROWS: usize = 60_000;
    let folder = Folder::new("many-rows");
    let row = |n: usize| format!("{{\"ts\":{},\"trace_id\":\"ab\",\"n\":{n}}}\n", 1_700_000_000 + n);
    let file = folder.file("app.jsonl", (0..ROWS).map(row).collect::<String>());
    for args in [&["replay", "--json", "-c", "ab", &file][..], &["replay", "--json", "--slowest", "1", &file]]
    {
        let mut child = start_with_pipes(args);
        let mut out = child.stdout.take().unwrap();
        let mut json = vec![0];
        // Most of what is to come cannot have been written yet.
        out.read_exact(&mut json).unwrap();
        let peak = peak_kib(child.id());
        out.read_to_end(&mut json).unwrap();
        assert!(child.wait().unwrap().success());
        let found: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let rows = found.get("rows").filter(|rows| rows.is_array()).unwrap_or(&found["slowest"][0]["rows"]);
        assert_eq!(rows.as_array().unwrap().len(), ROWS);
        assert!(peak < 90_000, "{peak} KiB for {ROWS} rows");
    }
}

/// Requests that end at noon, one a second; every tenth fails.
fn requests(folder: &Folder) -> String {
    const NOON: u64 = 1_709_208_000;
    let row = |n: u64| {
        let (status, user) = if n.is_multiple_of(10) { (500 + n % 20, "\"root\"") } else { (200, "null") };
        format!(
            "{{\"ts\":{},\"msg\":\"request {n}\",\"trace_id\":\"{:x}\",\"status\":{status},\"user\":{user},\"hit\":{},\"line\":\"l{n}\"}}\n",
            NOON - 99 + n,
            n % 7 + 1,
            n.is_multiple_of(2)
        )
    };
    folder.file("requests.jsonl", (0..100).map(row).collect::<String>())
}

/// The lines of what was found.
fn lines(found: &serde_json::Value) -> Vec<u64> {
    found["rows"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect()
}

#[test]
fn predicates_see_the_fields_that_are_shown() {
    let folder = Folder::new("where");
    let file = requests(&folder);
    let numbers = |holds: fn(u64) -> bool| (0..100).filter(|n| holds(*n)).map(|n| n + 1).collect::<Vec<_>>();
    for (predicate, expected) in [
        ("status >= 500", numbers(|n| n % 10 == 0)),
        ("status == 510.0 && !(hit == false)", numbers(|n| n % 20 == 10)),
        ("user == \"root\" or message ~ \"9\"", numbers(|n| n % 10 == 0 || n % 10 == 9 || n / 10 == 9)),
        ("!(status < 500)", numbers(|n| n % 10 == 0)),
        ("* ~ \"request 4\"", numbers(|n| n == 4 || n / 10 == 4)),
        ("line == \"l7\"", numbers(|n| n == 7)),
    ] {
        for threads in ["1", "3"] {
            let args =
                ["replay", &file, "--json", "--limit", "100", "--threads", threads, "--where", predicate];
            let ran = run(&args);
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{predicate}");
            let found = ran.json();
            assert_eq!(lines(&found), expected, "{predicate}");
            assert_eq!(found["counts"]["found"], expected.len());
            assert_eq!(found["verdict"], "complete");
        }
    }
    let found = run(&["replay", &file, "--json", "--where", "line == \"l7\""]).json();
    let without = run(&["replay", &file, "--json", "-c", "1"]).json();
    let row = &without["rows"][1];
    assert_eq!(found["rows"][0]["correlation"], format!("{:032x}", 1));
    for name in ["file", "line", "time_ns", "kind", "span", "parent", "fields"] {
        assert_eq!(found["rows"][0][name], row[name], "the same row, however it is stored: {name}");
    }
}

#[test]
fn an_id_and_filters_add_up() {
    let folder = Folder::new("id-and-filters");
    let file = requests(&folder);
    let found = run(&["replay", &file, "--json", "-c", "1", "--where", "status >= 500"]).json();
    assert_eq!(lines(&found), [1, 71]);
    let ran = run(&["replay", &file, "-c", "1", "--where", "status >= 500", "--explain"]);
    let out: Vec<_> = ran.out.lines().collect();
    assert!(out[0].contains("message=request 0 status=500 user=root hit=true"), "{}", ran.out);
    assert!(out[out.len() - 2].starts_with("2 events of 1, looked up in "), "{}", ran.out);
    assert!(
        out[out.len() - 1].contains("records looked at: ") && out[out.len() - 1].contains("by index"),
        "{}",
        ran.out
    );
    let ran = run(&["replay", &file, "-c", "1", "--where", "status >= 600"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert_eq!(run(&["replay", &file, "-c", "1", "--limit", "3"]).code, Some(2));
}

#[test]
fn the_newest_events_are_listed_last() {
    let folder = Folder::new("listed");
    let file = requests(&folder);
    let ran = run(&["replay", &file, "--kind", "log"]);
    let out: Vec<_> = ran.out.lines().collect();
    assert_eq!((ran.code, out.len()), (Some(0), 21), "{}", ran.out);
    assert!(
        out[0].starts_with("2024-02-29T11:59:41Z ")
            && out[0].contains("  log  ")
            && out[0].contains("  message=request 80 ")
    );
    assert!(
        out[19].starts_with("2024-02-29T12:00:00Z ") && out[19].contains("  message=request 99 "),
        "{}",
        ran.out
    );
    assert!(out[20].starts_with("the newest 20 of 100 events, looked up in "), "{}", ran.out);
    let found = run(&["replay", &file, "--json", "--limit", "2", "--explain"]).json();
    assert_eq!(lines(&found), [99, 100]);
    assert_eq!((&found["counts"]["found"], &found["counts"]["shown"]), (&100.into(), &2.into()));
    assert!(found["work"]["records"].as_u64().unwrap() >= 2, "{found}");
    let none = run(&["replay", &file, "--limit", "0"]);
    assert!(none.out.starts_with("the newest 0 of 100 events"), "{}", none.out);
    let none = run(&["replay", &file, "--kind", "span"]);
    assert_eq!(none.code, Some(1));
    assert!(none.out.starts_with("0 events, looked up in"), "{}", none.out);
}

#[test]
fn times_are_asked_for_in_three_forms() {
    let folder = Folder::new("times");
    let file = requests(&folder);
    for (args, expected) in [
        (&["--since", "-5s"][..], 95..=100),
        (&["--since", "11:59:58", "--until", "11:59:59"], 98..=99),
        (&["--until", "2024-02-29T11:58:22Z"], 1..=2),
        (&["--since", "2024-02-29 12:59:59+01:00"], 99..=100),
        (&["--since", "-9s", "--until", "-8s", "--kind", "log"], 91..=92),
    ] {
        let found = run(&[&["replay", &file, "--json"], args].concat()).json();
        assert_eq!(lines(&found), expected.collect::<Vec<u64>>(), "{args:?}");
    }
    run(&["replay", &file, "--since", "-5s", "--until", "11:00:00"])
        .refused(2, &["ends at 2024-02-29T11:00:00Z, before it begins at 2024-02-29T11:59:55Z"]);
    let ran = run(&["replay", &file, "--since", "soon"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("`soon` is neither RFC 3339, nor HH:MM:SS, nor"), "{}", ran.err);
}

#[test]
fn what_cannot_be_asked_says_what_can() {
    let folder = Folder::new("asked-wrongly");
    let [spans, logs] = two_traces(&folder);
    let ran = run(&["replay", "/no/such/file", "--where", "Log ~ && x == 1"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    let err: Vec<_> = ran.err.lines().collect();
    assert!(err[0].starts_with("error: predicate has `&` at column 7"), "{}", ran.err);
    assert_eq!(err[1..], ["  Log ~ && x == 1", "        ^"], "before anything is read: {}", ran.err);
    run(&["replay", "/no/such/file", "--kind", "spam"]).refused(
        2,
        &["kind `spam` is of no row that is read: ask for one of `span`, `log`", "`http.request`"],
    );
    let asked = |rest: &[&str]| run(&[&["replay", &spans, &logs], rest].concat());
    asked(&["--where", "log ~ \"x\""]).refused(
        2,
        &["field `log` is in no row that was asked for: ask for one of `Log`, `PodName`", "`duration_ns`"],
    );
    asked(&["--where", "Log ~ \"x\"", "--kind", "span"])
        .refused(2, &["field `Log`", "ask for one of `PodName`, `duration_ns`, `OperationName`"]);
    asked(&["-c", "7", "--where", "PodNam == 5"]).refused(2, &["ask for one of `PodName`"]);
    asked(&["--where", "PodName == 5"])
        .refused(2, &["field `PodName` holds text, and is compared with a number"]);
    asked(&["--where", "Log == \"a\" && Log == \"b\""]).refused(2, &["no event has both"]);
}

/// How long a row took is asked for in any format, also where the row has a field of that name.
#[test]
fn durations_are_asked_for() {
    let folder = Folder::new("durations");
    let [spans, logs] = two_traces(&folder);
    let found = run(&["replay", &spans, &logs, "--json", "--where", "duration_ns > 500us"]).json();
    assert_eq!((lines(&found), &found["rows"][0]["kind"]), (vec![6], &"span".into()));
    let ran = run(&["replay", &spans, &logs, "--where", "duration_ns > 500us"]);
    assert!(
        ran.out.contains("  span  ") && ran.out.contains("  1.5 ms  GET, 4  PodName=shop\n"),
        "{}",
        ran.out
    );
    let ran = run(&["replay", &spans, &logs, "-c", "c0ffee", "--tree", "--where", "duration_ns > 500us"]);
    let shown: Vec<_> = ran.out.lines().filter(|line| line.contains("GET")).collect();
    assert!(
        matches!(shown[..], [line] if line.contains("1.5 ms") && line.ends_with("GET, 4")),
        "{}",
        ran.out
    );
    let file =
        folder.file("app.jsonl", "{\"ts\":1700000000,\"trace_id\":\"ab\",\"duration_ns\":250,\"a\":1}\n");
    let ran = run(&["replay", &file, "-c", "ab", "--where", "duration_ns == 250"]);
    assert!(ran.out.contains("log duration_ns=250 a=1"), "{}", ran.out);
}

/// Fields by themselves take more room than in one; the store is made for that.
#[test]
fn every_row_is_kept_where_fields_are_asked_for() {
    let folder = Folder::new("kept-with-fields");
    let row = |n: u64| {
        let flags: String =
            (0..40).map(|flag| format!(",\"f{flag}\":{}", (n >> (flag % 8)) & 1 == 1)).collect();
        let texts: String = (0..20).map(|text| format!(",\"t{text}\":\"\"")).collect();
        format!("{{\"ts\":{},\"trace_id\":\"ab\"{flags}{texts}}}\n", 1_700_000_000 + n)
    };
    let file = folder.file("flags.jsonl", (0..4_000).map(row).collect::<String>());
    for threads in ["1", "2"] {
        let args = ["replay", &file, "--json", "--threads", threads, "--limit", "4000", "--where", "has f1"];
        let found = run(&args).json();
        assert_eq!(
            (&found["counts"]["found"], &found["verdict"]),
            (&4_000.into(), &"complete".into()),
            "{threads}"
        );
    }
    let small = run(&["replay", &file, "--json", "-m", "256k", "--where", "has f1"]).json();
    assert!(small["counts"]["nothing_missing_since_ns"].as_u64().is_some(), "{small}");
    let small = run(&["replay", &file, "-m", "256k", "--where", "has f1"]);
    assert!(small.out.contains(" some may be missing\n"), "{}", small.out);
    let recent = run(&["replay", &file, "-m", "256k", "--where", "has f1", "--since", "-30s"]);
    assert!(recent.out.contains("the newest 20 of 31 events"), "{}", recent.out);
    assert!(!recent.out.contains("missing"), "nothing of what was asked for: {}", recent.out);
}

/// A store keeps some thousand sets of fields apart. Rows beyond that are there, and it is said that nothing in them is found.
#[test]
fn rows_that_predicates_do_not_see_are_counted() {
    let folder = Folder::new("opaque");
    let row = |n: u64| format!("{{\"ts\":{},\"trace_id\":\"ab\",\"n\":7,\"x{n}\":1}}\n", 1_700_000_000 + n);
    let file = folder.file("shapes.jsonl", (0..4_500).map(row).collect::<String>());
    let ran = run(&["replay", &file, "--json", "--where", "n == 7 || !has n", "--limit", "5000"]);
    let found = ran.json();
    assert_eq!(found["counts"]["found"], 4_500);
    let opaque = found["rows"].as_array().unwrap().len() as u64
        - run(&["replay", &file, "--json", "--where", "n == 7"]).json()["counts"]["found"].as_u64().unwrap();
    assert!(opaque > 400, "{opaque}");
    assert!(ran.err.contains(&format!("--where does not see into {opaque} rows")), "{}", ran.err);
    assert_eq!(found["rows"][4_499]["fields"], serde_json::json!({ "n": 7, "x4499": 1 }));
}

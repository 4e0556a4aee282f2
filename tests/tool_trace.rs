//! Traces that the tool writes, read back: `flightdeck export`, and `--export` of `replay` and `demo`.

#![cfg(target_os = "linux")]

#[path = "trace_export/drawn.rs"]
#[allow(dead_code, reason = "each test file uses what it needs")]
mod drawn;
#[path = "support/tool.rs"]
mod tool;

use drawn::Drawn;
use flightdeck::events::Events;
use flightdeck::mapped::Options;
use std::collections::BTreeSet;
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
    let csv = folder.0.join("out.csv");
    run(&["replay", &spans, "--export", csv.to_str().unwrap()])
        .refused(2, &["not that of a trace", ".pftrace"]);
    assert!(!csv.exists());
}

#[test]
fn the_demo_leaves_a_trace() {
    let folder = Folder::new("tool-trace-demo");
    let out = folder.0.join("demo.pftrace");
    let ran = run(&["demo", "--seconds", "2", "--json", "--export", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let drawn = read(out.to_str().unwrap());
    let walks = drawn.slices.iter().filter(|slice| slice.name == "book.walk").count();
    assert!(walks > 100 && drawn.instants.len() > walks, "{walks} of {}", drawn.slices.len());
    assert!(drawn.slices.iter().all(|slice| slice.name.contains('.')));
}

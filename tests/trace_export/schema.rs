//! Judged by Perfetto's own schema, where it is there: `pip install perfetto protobuf`.

use super::{Beat, Check, Handle, Priced, builder, written};
use flightdeck::bridge::trace::Format;
use flightdeck::events::Events;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The Python that has the package: one that is named, or that of the system.
fn python() -> Option<String> {
    let named = std::env::var("FLIGHTDECK_PYTHON").ok();
    let python = named.unwrap_or_else(|| "python3".to_owned());
    let import = "import perfetto.protos.perfetto.trace.perfetto_trace_pb2, google.protobuf.unknown_fields";
    let has_it = Command::new(&python).args(["-c", import]).output().is_ok_and(|ran| ran.status.success());
    has_it.then_some(python)
}

fn judged(python: &str, trace: &Path) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trace_export/schema.py");
    let ran = Command::new(python).arg(script).arg(trace).arg("strict").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn the_official_schema_finds_what_was_recorded() {
    let Some(python) = python() else {
        eprintln!(
            "skipped: no Python with the packages perfetto and protobuf (name one in FLIGHTDECK_PYTHON)"
        );
        return;
    };
    let events = Events::builder().memory(64 << 20).build().unwrap();
    let work = |thread: u64| {
        for order in 0..500 {
            let _in = events.scope(1_000 * thread + order + 1);
            let handle = events.span(Handle { order, user: "ada" });
            let check = events.owned_span(Check { limit: -1 });
            events.record(Priced { price: 1.5, venue: "XETRA" });
            // The one that began later outlives the other.
            drop(handle);
            drop(check);
            events.record(Beat { n: order });
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|thread| {
            let name = std::thread::Builder::new().name(format!("desk-{thread}"));
            name.spawn_scoped(scope, move || work(thread)).unwrap();
        });
    });
    let answer = events.query().run().unwrap();
    let (bytes, stats) = written(builder(Format::Perfetto).counter("order.priced", "price"), &answer);
    let path = std::env::temp_dir().join(format!("flightdeck-schema-{}.pftrace", std::process::id()));
    std::fs::write(&path, &bytes).unwrap();
    let found = judged(&python, &path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(found["slices"], 4_000, "{found}");
    assert_eq!(found["names"], serde_json::json!({"order.handle": 2_000, "risk.check": 2_000}));
    assert_eq!((&found["instants"], &found["samples"]), (&4_000.into(), &2_000.into()));
    assert_eq!((&found["flows"], &found["unfinished"]), (&2_000.into(), &0.into()));
    assert_eq!(found["threads"], serde_json::json!(["desk-0", "desk-1", "desk-2", "desk-3"]));
    assert_eq!(stats.spans, 4_000);
    let lengths = answer.iter().filter_map(|event| event.duration()).map(|took| took.as_nanos() as u64);
    // Of each span twice the rounding of a conversion.
    assert!(found["total_ns"].as_u64().unwrap().abs_diff(lengths.sum()) <= 8_000, "{found}");
}

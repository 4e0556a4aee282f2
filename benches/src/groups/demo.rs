//! The tool: what recording costs a real host, how fast real rows are written, how long its build takes.

use crate::measure::Samples;
use crate::row::{Bar, Measured, Row};
use crate::session::Session;
use crate::tool;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Long enough for some 200 rounds, in each of which every variant has its turn.
const SECONDS: &str = "20";
const BARE: &str = "no deck";
const VARIANTS: [(&str, &str); 4] = [
    ("recording", "recording"),
    ("no_deck", BARE),
    ("no_deck_again", "again without a deck: what differs is noise"),
    ("switched_off", "a deck with all kinds switched off"),
];
/// Turns of two hosts that follow each other are compared in so many pairs.
const PAIRS: usize = 20;
/// Rows of the file that is replayed, and rows an id.
const ROWS: u64 = 400_000;
const ROWS_PER_ID: u64 = 40;
const REPLAYS: usize = 10;

pub(super) fn run(session: &mut Session) {
    session.row("demo host: its thread's processor time a request", || {
        let report = tool::run(&tool::build(None), &["demo", "--seconds", SECONDS]);
        let sides = VARIANTS.map(|(key, name)| Measured {
            name: name.to_owned(),
            samples: numbers(&report["cost"][key]["cpu_ns_per_request_by_round"]),
        });
        Row::of(sides, &[Bar::AtMostTimes(1.03, BARE)])
    });
    session.row(
        "demo host behind `bridge::tower`, everything on: its thread's processor time a request",
        || {
            let report = tool::run(&tool::build(None), &["demo", "--seconds", SECONDS]);
            let [ours, bare] = ["recording", "no_deck"]
                .map(|key| numbers(&report["cost"][key]["cpu_ns_per_request_by_round"]).merged(PAIRS));
            let (low, high) = ours.ratio_interval(&bare).expect("there are more than six pairs");
            let name = format!("recording, {} pairs, 95 % interval {low:.3} to {high:.3}", ours.0.len());
            let sides = [(name, ours), (BARE.to_owned(), bare)];
            Row::of(sides.map(Measured::from), &[Bar::AtMostTimes(1.03, BARE)])
        },
    );
    session.row("replay: one thread writes a parsed row", || {
        let (tool, file) = (tool::build(None), Scratch::new("rows.csv"));
        fs::write(&file.0, spans()).expect("the temporary folder takes a file");
        let path = file.0.to_str().expect("its name is text");
        let written = |_| {
            let report = tool::run(&tool, &["replay", "--slowest", "0", path]);
            assert_eq!(report["events"]["kept"], ROWS, "{report}");
            1e9 / number(&report["rates"]["events_per_second_per_thread"])
        };
        let ours = Measured {
            name: "flightdeck replay, two threads, 1,000,000 events/s each are 1,000 ns".to_owned(),
            samples: Samples((0..REPLAYS).map(written).collect()),
        };
        Row::of([ours], &[Bar::FloorAtMost(1_000.0)])
    });
    session.row("cold release build of the tool", || {
        let folder = Scratch::new("build");
        let start = Instant::now();
        tool::build(Some(&folder.0));
        let took = start.elapsed().as_secs_f64();
        let ours = Measured {
            name: "cargo build --release --features cli, nothing built before".to_owned(),
            samples: Samples(vec![took]),
        };
        Row::of([ours], &[Bar::FloorAtMost(180.0)]).in_unit("s")
    });
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn numbers(values: &Value) -> Samples {
    Samples(values.as_array().unwrap_or_else(|| panic!("no list: {values}")).iter().map(number).collect())
}

/// Spans as tracing systems export them: 128-bit ids, each trace a tree.
fn spans() -> String {
    let mut text =
        "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n"
            .to_owned();
    for row in 0..ROWS {
        let (trace, start) = (row / ROWS_PER_ID, 1_700_000_000_000_000_000 + row * 10_000);
        let parent = if row % ROWS_PER_ID == 0 { "root".to_owned() } else { format!("{:016x}", row) };
        let _ = writeln!(
            text,
            "{:032x},{:016x},{parent},ts-order-service-{},OrderController.query,{start},{},{}",
            u128::from(trace + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            row + 1,
            trace % 8,
            start + 7_500,
            7,
        );
    }
    text
}

/// A file or folder that goes with this value.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("flightdeck-scorecard-{}-{name}", std::process::id())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let remove = |path: &Path| -> io::Result<()> {
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
        };
        if let Err(error) = remove(&self.0) {
            eprintln!("scorecard: {} stays: {error}", self.0.display());
        }
    }
}

//! The same rows in an analytical database, which has nothing else to do.
//!
//! It runs in a process of its own, as its Python package, and times itself; rows go there once, before anything is timed.

use super::super::demo::Scratch;
use super::SLOW;
use crate::machine;
use crate::measure::Samples;
use crate::row::{Bar, Measured, Row};
use flightdeck::events::{Counts, Events};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// What it takes for ten million rows twice, about.
const ITS_MEMORY: usize = 2 << 30;
const VERSION: &str = "2.0.0";
const SCRIPT: &str = include_str!("duckdb.py");
const TWO_THREADS: &str = "DuckDB, two threads, kinds as ENUM";
/// What is asked of it, and how the row calls that.
const SETUPS: [(&str, &str); 3] = [
    ("2 enums", TWO_THREADS),
    ("1 enums", "DuckDB, one thread, kinds as ENUM"),
    ("2 texts", "DuckDB, two threads, kinds as VARCHAR"),
];
/// Reads all of the text each time, so it is asked less often.
const FROM_FILE: (&str, &str) = ("2 file", "DuckDB, two threads, straight from the exported CSV");

/// Counts by kind here and there in turn.
pub(super) fn row(events: &Events, count: impl Fn(&Events) -> Counts) -> Result<Row, String> {
    machine::enough_memory(ITS_MEMORY)?;
    let python = installed()?;
    let rows = Scratch::new("rows.csv");
    export(events, rows.path()).map_err(|error| format!("the rows could not be exported: {error}"))?;
    let mut database = Database::open(&python, rows.path())?;
    let expected = count(events);

    let mut ours = Samples::default();
    let mut theirs = SETUPS.map(|_| Samples::default());
    for _ in 0..SLOW.rounds {
        let start = Instant::now();
        let counted = count(events);
        ours.0.push(start.elapsed().as_nanos() as f64);
        assert_eq!(counted, expected);
        for ((asked, _), samples) in SETUPS.iter().zip(&mut theirs) {
            samples.0.push(database.ask(asked, &expected)?);
        }
    }
    let from_file = (0..3).map(|_| database.ask(FROM_FILE.0, &expected)).collect::<Result<_, _>>()?;

    let version = &database.version;
    let sides = std::iter::once(("flightdeck count_by_kind, one thread, live rings".to_owned(), ours))
        .chain(SETUPS.iter().zip(theirs).map(|((_, name), samples)| (format!("{name}, {version}"), samples)))
        .chain([(format!("{}, {version}", FROM_FILE.1), Samples(from_file))]);
    Ok(Row::of(sides.map(Measured::from), &[Bar::FasterThan(TWO_THREADS)]))
}

/// One line an event.
fn export(events: &Events, file: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut written = Ok(());
    let visited = events.query().each(|event| {
        if written.is_ok() {
            let word = |name| event.field(name).and_then(|value| value.as_u64()).unwrap_or_default();
            let (time, id) = (event.ticks().0, event.correlation().get() as u64);
            written = writeln!(file, "{time},{id},{},{},{}", event.kind(), word("a"), word("b"));
        }
    });
    visited.expect("the query contradicts nothing");
    written.and_then(|()| file.flush())
}

/// A Python that has the package: under the workspace's `target`, put there if it is not.
fn installed() -> Result<PathBuf, String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the benches lie in the workspace");
    let folder = workspace.join("target/tools/duckdb");
    let python = folder.join("bin/python");
    let run = |what: &str, command: &mut Command| match command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
    {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what}: {status}")),
        Err(error) => Err(format!("{what}: {error}")),
    };
    let is_there = format!("import duckdb; assert duckdb.__version__ == '{VERSION}'");
    if run("DuckDB", Command::new(&python).args(["-c", &is_there])).is_err() {
        run("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let package = format!("duckdb=={VERSION}");
        run("pip install duckdb", Command::new(&python).args(["-m", "pip", "install", "--quiet", &package]))?;
    }
    Ok(python)
}

/// A process that answers one question at a time, and ends with this value.
struct Database {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    version: String,
}

impl Database {
    fn open(python: &Path, rows: &Path) -> Result<Self, String> {
        let command = Command::new(python)
            .arg("-c")
            .arg(SCRIPT)
            .arg(rows)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = command.map_err(|error| format!("{} does not run: {error}", python.display()))?;
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("it was asked for"));
        let mut database = Self { process, questions, answers, version: String::new() };
        // When all rows are there.
        database.version = database.answer()?["version"].as_str().unwrap_or_default().to_owned();
        Ok(database)
    }

    /// Nanoseconds, once the counts are the same.
    fn ask(&mut self, question: &str, expected: &Counts) -> Result<f64, String> {
        let questions = self.questions.as_mut().expect("it is open until the end");
        writeln!(questions, "{question}").map_err(|error| format!("DuckDB ended: {error}"))?;
        let answer = self.answer()?;
        let counts = answer["counts"].as_object().ok_or("no counts")?;
        assert_eq!(counts.len(), expected.groups.len(), "{answer}");
        for (kind, count) in &expected.groups {
            assert_eq!(counts[&**kind], *count, "{kind}");
        }
        answer["ns"].as_f64().ok_or_else(|| "no time".to_owned())
    }

    fn answer(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| format!("DuckDB ended: {error}"))?;
        serde_json::from_str(&line).map_err(|error| format!("DuckDB says no JSON but `{line}`: {error}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It ends with its input.
        self.questions = None;
        if let Err(error) = self.process.wait() {
            eprintln!("scorecard: DuckDB stays: {error}");
        }
    }
}

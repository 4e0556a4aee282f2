//! What was read, for a person or a program.

use super::load::Loader;
use crate::formats::{Format, time_shown};
use crate::output::{Output, OutputError};
use crate::size;
use serde_json::json;
use std::collections::BTreeMap;

/// What is counted over all rows, beside what the loader counts.
#[derive(Debug, Default)]
pub struct Seen {
    /// From the earliest start to the latest time or end, in nanoseconds since 1970.
    pub times: Option<(u64, u64)>,
    /// What the parsed rows took in memory, all batches together.
    pub bytes: u64,
}

impl Seen {
    pub fn note(&mut self, start: u64, end: u64) {
        let (first, last) = self.times.unwrap_or((start, end));
        self.times = Some((first.min(start), last.max(end)));
    }
}

/// One JSON object.
pub fn json(output: &mut Output, loader: &Loader, seen: &Seen) -> Result<(), OutputError> {
    let file = |file: &super::load::File| {
        json!({
            "file": file.name,
            "format": file.format.name(),
            "bytes": file.bytes,
            "rows": file.rows,
            "broken": file.broken,
            "lossy": file.lossy,
        })
    };
    output.line(json!({
        "files": loader.files.iter().map(file).collect::<Vec<_>>(),
        "rows": loader.rows(),
        "broken": loader.broken(),
        "lossy": loader.lossy(),
        "bytes": loader.bytes(),
        "first_ns": seen.times.map(|(first, _)| first),
        "last_ns": seen.times.map(|(_, last)| last),
        "parsed_bytes": seen.bytes,
        "parse_ns": u64::try_from(loader.spent.as_nanos()).unwrap_or(u64::MAX),
        "interrupted": loader.is_interrupted,
    }))
}

/// A few lines.
pub fn text(output: &mut Output, loader: &Loader, seen: &Seen) -> Result<(), OutputError> {
    let mut formats: BTreeMap<Format, (u64, u64)> = BTreeMap::new();
    for file in &loader.files {
        let (files, rows) = formats.entry(file.format).or_default();
        *files += 1;
        *rows += file.rows;
    }
    for (format, (files, rows)) in formats {
        output.line(format_args!(
            "{:<12}{rows:>10} rows in {files} {}",
            format.name(),
            plural(files, "file")
        ))?;
    }
    let rows = loader.rows();
    output.line(format_args!(
        "{:<12}{:>10} {}",
        "broken",
        loader.broken(),
        plural(loader.broken(), "row")
    ))?;
    if let Some((first, last)) = seen.times {
        output.line(format_args!("{:<12}{} to {}", "time", time_shown(first), time_shown(last)))?;
    }
    let seconds = loader.spent.as_secs_f64();
    let rate = if seconds > 0.0 { rows as f64 / seconds } else { 0.0 };
    output.line(format_args!(
        "{:<12}{} in {seconds:.3} s, {rate:.0} rows/s; {} in memory, {:.0} bytes a row",
        "parsed",
        size::shown(loader.bytes()),
        size::shown(seen.bytes),
        seen.bytes as f64 / rows.max(1) as f64,
    ))
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

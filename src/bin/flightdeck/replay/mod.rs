//! `flightdeck replay`: logs and traces through the event store.
//!
//! - `load`: inputs to batches of rows
//! - `batch`, `names`: rows that own what they hold
//! - `summary`: what was read

mod batch;
mod load;
mod names;
mod summary;

use crate::args::Replay;
use crate::input::Source;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use batch::RowBatch;
use load::Loader;
use std::path::{Path, PathBuf};
use summary::Seen;

/// What most machines with a Debian in them have.
const USUAL: &str = "/var/log/dpkg.log";

/// Runs the replay and reports.
pub fn run(asked: &Replay, output: &mut Output, messages: &mut Messages) -> Result<Outcome, Failure> {
    let Some(files) = files(asked, messages) else { return Ok(Outcome::Unreadable) };
    let sources = match judge(&files, messages) {
        Ok(sources) => sources,
        Err(outcome) => return Ok(outcome),
    };
    if asked.correlation.is_some()
        || asked.memory.is_some()
        || asked.threads.is_some()
        || asked.slowest.is_some()
    {
        messages
            .note("this build parses rows and keeps none: options that ask the event store have no effect");
    }
    if !asked.json {
        messages.start_progress(sources.iter().map(Source::bytes).sum());
    }
    let mut loader = Loader::new(sources);
    let mut batch = RowBatch::default();
    let mut seen = Seen::default();
    // The seam: `batch` is what a writer thread takes, apart from the time that parsing takes.
    while loader.fill(&mut batch, messages) {
        for row in batch.rows() {
            seen.note(row.time_ns(), row.end_ns().unwrap_or(row.time_ns()));
        }
        seen.bytes += batch.bytes() as u64;
    }
    messages.end_progress();
    loader.conclude(messages);
    if asked.json {
        summary::json(output, &loader, &seen)?;
    } else {
        summary::text(output, &loader, &seen)?;
    }
    Ok(if loader.is_interrupted {
        messages.warn("interrupted: this is what was read until then");
        Outcome::Interrupted
    } else if loader.has_failed {
        Outcome::Unreadable
    } else if loader.rows() + loader.broken() == 0 {
        Outcome::NothingFound
    } else {
        Outcome::Done
    })
}

/// The files to read; `None` after saying what to name.
fn files(asked: &Replay, messages: &Messages) -> Option<Vec<PathBuf>> {
    if !asked.files.is_empty() {
        return Some(asked.files.clone());
    }
    if Path::new(USUAL).exists() {
        messages.note(format_args!("no file named: reading {USUAL}"));
        return Some(vec![USUAL.into()]);
    }
    messages.error(format_args!("no file named, and there is no {USUAL} here; feed it for example:"));
    messages.note("a log or a trace: flightdeck replay app.jsonl access.log spans.csv");
    messages.note("the journal: journalctl -o json | flightdeck replay -");
    None
}

/// Opens every input before any is read: a mistake in the last name shows at once. Fails after naming
/// each that cannot be read.
fn judge(files: &[PathBuf], messages: &Messages) -> Result<Vec<Source>, Outcome> {
    if let Err(error) = Source::check_names(files) {
        messages.error(error);
        return Err(Outcome::Unreadable);
    }
    let mut sources = Vec::with_capacity(files.len());
    let mut is_refused = false;
    for path in files {
        match Source::judge(path) {
            Ok(source) => sources.push(source),
            Err(error) if error.is_empty() => messages.warn(error),
            Err(error) if error.is_interrupt() => {
                messages.warn("interrupted before anything was read");
                return Err(Outcome::Interrupted);
            }
            Err(error) => {
                messages.error(error);
                is_refused = true;
            }
        }
    }
    if is_refused { Err(Outcome::Unreadable) } else { Ok(sources) }
}

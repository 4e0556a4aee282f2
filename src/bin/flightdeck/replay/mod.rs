//! `flightdeck replay`: logs and traces through the event store, as fast as it goes, and then questions to it.
//!
//! - `load`: inputs to batches of rows
//! - `batch`, `names`: rows that own what they hold
//! - `deck`: the store and its size; `fill`: the threads that write to it
//! - `chain`: what belongs to one id; `slowest`: the ids that took longest
//! - `shapes`: kinds of events for rows whose fields are to be asked for
//! - `wanted`, `moment`: which events are asked for; `events`: a list of them; `work`: what that took
//! - `report`, `answer`: what is said of a whole replay, and of one id; `tree`: its spans; `listing`: rows for a
//!   program
//! - `export`: all of it in a file

mod answer;
mod batch;
mod chain;
mod deck;
mod events;
mod export;
mod fill;
mod listing;
mod load;
pub mod moment;
mod names;
mod report;
mod shapes;
mod slowest;
mod tree;
mod wanted;
mod work;

use crate::args::Replay;
use crate::input::Source;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::shown::count;
use crate::terminal::Look;
use deck::Room;
use load::Loader;
pub use moment::{Moment, MomentError};
use std::path::{Path, PathBuf};
use std::thread;
use wanted::Wanted;
pub use wanted::WantedError;
pub use work::json as work_json;

/// What most machines with a Debian in them have.
const USUAL: &str = "/var/log/dpkg.log";
/// One thread parses, and more than this many writers only wait for it.
const MOST_USEFUL_THREADS: usize = 4;

/// Runs the replay and reports.
pub fn run(
    asked: &Replay,
    look: Look,
    output: &mut Output,
    messages: &mut Messages,
) -> Result<Outcome, Failure> {
    let wanted = match Wanted::new(asked) {
        Ok(wanted) => wanted,
        Err(error) => match (error.at(), &asked.predicate) {
            (Some(at), Some(text)) => {
                messages.error_in(error, text, at);
                return Ok(Outcome::Misused);
            }
            _ => return Err(error.into()),
        },
    };
    let Some(files) = files(asked, messages) else { return Ok(Outcome::Unreadable) };
    let sources = match judge(&files, messages) {
        Ok(sources) => sources,
        Err(outcome) => return Ok(outcome),
    };
    let length: Option<u64> = sources.iter().map(Source::bytes).sum();
    if !asked.json {
        messages.start_progress(length);
    }
    let threads = asked.threads.map_or_else(
        || thread::available_parallelism().map_or(1, usize::from).min(MOST_USEFUL_THREADS),
        usize::from,
    );
    let to = asked.to.open()?;
    let mut loader = Loader::new(sources);
    let room = Room::new(asked.memory, length.is_some());
    let filled = fill::fill(&mut loader, threads, room, wanted.asks_for_fields(), messages)?;
    messages.end_progress();
    loader.conclude(messages);
    let wanted = wanted.within(filled.times.map_or(0, |(_, end)| end))?;
    let opaque = filled.deck.opaque_rows();
    if opaque > 0 {
        messages.warn(format_args!(
            "--where does not see into {}: too many sets of fields",
            count(opaque, "row")
        ));
    }
    if let Some(place) = to {
        let is_all = export::export(place, asked, &wanted, &filled.deck, &loader, messages)?;
        if !is_all {
            return Ok(Outcome::Interrupted);
        }
    }
    let found = match &asked.correlation {
        Some(id) => answer::answer(id, asked, &wanted, &filled.deck, &loader, look, output),
        None if asked.asks_for_events() => events::list(asked, &wanted, &filled.deck, &loader, output),
        None => report::report(&filled, &loader, asked, look, output)
            .map(|()| loader.rows() + loader.broken() > 0),
    };
    let found = found.map_err(|error| match error {
        Failure::Query(error) => wanted.explained(error, &filled.deck),
        other => other,
    })?;
    Ok(if loader.is_interrupted {
        messages.warn("interrupted: this is what was read until then");
        Outcome::Interrupted
    } else if loader.has_failed {
        Outcome::Unreadable
    } else if found {
        Outcome::Done
    } else {
        Outcome::NothingFound
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

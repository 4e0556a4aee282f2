//! `flightdeck post-mortem`: what the file of a deck tells of how its process ended.
//!
//! - `findings`: all that is asked, newest first and bounded, so that a large file takes no longer than a small one
//! - `moments`: the last moments: what each thread did last, and what was not finished
//! - `stood`: how things stood, as the file keeps it beside the events
//! - `workers`, `config`: how these stood, from there and from the deck's own events, which may be older or newer
//! - `unknown`: what the file cannot tell
//! - `brief`: an event on one line; `text`, `json`: the report

mod brief;
mod config;
mod findings;
mod json;
mod moments;
mod stood;
mod text;
mod unknown;
mod workers;

pub use findings::Findings;
pub use json::object;
pub use text::report;

use crate::args::PostMortem;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::terminal::Look;

/// Opens the file, asks, and reports.
pub fn run(asked: &PostMortem, look: Look, output: &mut Output) -> Result<Outcome, Failure> {
    let recording = asked.file.open_whole()?;
    let findings = Findings::gather(&recording)?;
    if asked.json {
        output.json(&object(&findings))?
    } else {
        report(&findings, look, output)?
    }
    Ok(if findings.fate.is_violent() { Outcome::Died } else { Outcome::Done })
}

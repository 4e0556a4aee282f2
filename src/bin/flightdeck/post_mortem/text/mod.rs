//! The report for a person.
//!
//! - `headline`: the line that says it all
//! - `page`: lines in blocks
//! - `ending`: how and when it ended; `last`: what was going on then; `state`: how things stood, and what is kept

mod ending;
mod headline;
mod last;
mod page;
mod state;

pub use headline::headline;

use super::brief;
use super::findings::Findings;
use super::unknown;
use crate::output::{Output, OutputError};
use crate::shown::{self, nanos};
use crate::size;
use crate::terminal::Look;
use flightdeck::Ticks;
use flightdeck::events::{Answer, Recorded};
use page::Page;

/// Letters of a reason that are shown.
const REASON: usize = 160;

/// Writes it: first one line that says it all, then a block for each thing that was asked.
pub fn report(findings: &Findings, look: Look, output: &mut Output) -> Result<(), OutputError> {
    let mut page = Page::new(output, look);
    page.headline(&headline(findings))?;
    page.end_of_part()?;
    ending::tell(findings, &mut page)?;
    last::errors(findings, &mut page)?;
    last::threads(findings, &mut page)?;
    last::unfinished(findings, &mut page)?;
    last::in_flight(findings, &mut page)?;
    state::config(findings, &mut page)?;
    state::workers(findings, &mut page)?;
    state::health(findings, &mut page)?;
    state::metrics(findings, &mut page)?;
    state::kept(findings, &mut page)?;
    page.block("not known");
    unknown::all(findings).iter().try_for_each(|line| page.line(line))?;
    page.end_of_part()?;
    page.plain(format_args!(
        "Times are counted back from the last event. Asked in {}, of {}.",
        shown::ns(nanos(findings.took)),
        size::shown(findings.header.bytes)
    ))
}

fn events(findings: &Findings, answer: &Answer, page: &mut Page<'_>) -> Result<(), OutputError> {
    let mut events: Vec<_> = answer.iter().collect();
    events.sort_by_key(Recorded::ticks);
    events.iter().try_for_each(|event| {
        let at = before(findings, event.ticks());
        page.line(format_args!("{at}  {} {}", event.severity().name(), brief::line(event)))
    })
}

/// When something was, counted back from the last event.
fn before(findings: &Findings, at: Ticks) -> String {
    ahead(findings.before_end(at))
}

/// So many nanoseconds before the last event.
fn ahead(ns: u64) -> String {
    let micros = ns / 1_000;
    format!("-{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
}

//! What was announced and what is there, told.

use super::Killed;
use crate::output::{Output, OutputError};
use crate::post_mortem::{self, Findings};
use crate::shown::{self, count, grouped, nanos, plain};
use crate::size;
use crate::terminal::Look;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// What stands above the post-mortem.
pub fn text(
    killed: &Killed,
    findings: &Findings,
    look: Look,
    output: &mut Output,
) -> Result<(), OutputError> {
    let Killed { ran, done, opened_in, checked } = killed;
    let answered = checked.answered();
    output.line(format_args!(
        "A real HTTP host in a process of its own, killed with SIGKILL after {:.2} s under load.\n",
        ran.as_secs_f64()
    ))?;
    let mut line =
        |label: &str, text: std::fmt::Arguments<'_>| output.line(format_args!("{label:<14}{text}"));
    line(
        "announced",
        format_args!(
            "{} answered, {} a second: what the host recorded of each before it replied",
            count(answered as u64, "request"),
            grouped((answered as f64 / ran.as_secs_f64()) as u64),
        ),
    )?;
    line(
        "file",
        format_args!(
            "{}, {}, opened in {}",
            plain(&findings.path.to_string_lossy()),
            size::shown(findings.header.bytes),
            shown::ns(nanos(*opened_in))
        ),
    )?;
    line(
        "found",
        format_args!(
            "{} of them from beginning to end, {}; each looked up by its id in {}",
            grouped(checked.whole as u64),
            count(checked.events as u64, "event"),
            shown::ns(nanos(each(checked.took, answered + done.unanswered.len())))
        ),
    )?;
    line(
        "",
        format_args!(
            "{} overwritten by later ones, as in any deck that is full",
            grouped(checked.overwritten as u64)
        ),
    )?;
    let verdict = match checked.missing {
        0 => "nothing that was announced is lost".to_owned(),
        missing => format!("{} LOST", count(missing as u64, "request")),
    };
    line("", format_args!("{} missing: {verdict}", grouped(checked.missing as u64)))?;
    line(
        "under way",
        format_args!(
            "{} when it was killed; {} left events in the file",
            count(checked.under_way as u64, "request"),
            grouped(checked.under_way_there as u64)
        ),
    )?;
    let rule = if look.is_coloured { "\x1b[2m-- post-mortem --\x1b[0m" } else { "-- post-mortem --" };
    output.line(format_args!("\n{rule}\n"))
}

fn each(took: Duration, all: usize) -> Duration {
    took / u32::try_from(all.max(1)).unwrap_or(u32::MAX)
}

/// The same and the post-mortem, as one object.
pub fn json(killed: &Killed, findings: &Findings) -> Json {
    let Killed { ran, done, opened_in, checked } = killed;
    json!({
        "killed_after_ns": nanos(*ran),
        "requests": done.requests,
        "announced": checked.answered(),
        "found": checked.whole,
        "found_events": checked.events,
        "overwritten": checked.overwritten,
        "missing": checked.missing,
        "under_way": checked.under_way,
        "under_way_found": checked.under_way_there,
        "opened_in_ns": nanos(*opened_in),
        "looked_up_in_ns": nanos(checked.took),
        "post_mortem": post_mortem::object(findings),
    })
}

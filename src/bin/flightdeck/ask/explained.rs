//! What was looked at to find events, from when on nothing is missing, what was lost, and what was in flight.

use super::select::last;
use crate::formats::time_shown;
use crate::outcome::Failure;
use crate::output::Output;
use crate::recording::{Fate, who};
use crate::replay::work_json;
use crate::shown::{self, count, grouped, nanos};
use flightdeck::Ticks;
use flightdeck::events::{Answer, Recording, Truncation, Verdict};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Whether an answer has all that it should: what a limit left out was asked for.
pub fn is_whole(answer: &Answer) -> bool {
    let is_cut_early =
        || answer.iter().map(|event| event.ticks()).min().is_none_or(|first| first >= answer.since());
    match answer.verdict() {
        Verdict::Complete => answer.gone() == 0,
        Verdict::Truncated { by: Truncation::Limit } => answer.gone() == 0 && is_cut_early(),
        _ => false,
    }
}

/// Says it for a person.
pub fn text(
    answer: &Answer,
    took: Duration,
    recording: &Recording,
    output: &mut Output,
) -> Result<(), Failure> {
    let converter = recording.converter();
    let at = |ticks: Ticks| time_shown(converter.unix_ns(ticks));
    output.line("")?;
    output.line(format_args!("took       {}, {}", shown::ns(nanos(took)), answer.work()))?;
    output.line(format_args!("complete   {}", certainty(answer, at)))?;
    let losses = recording.losses();
    if losses.is_empty() {
        output.line("lost       nothing, ever")?;
    }
    for (place, loss) in losses.iter().enumerate() {
        let label = if place == 0 { "lost" } else { "" };
        let (first, last) = (at(loss.first), at(loss.last));
        let what = count(loss.count, "event");
        output.line(format_args!(
            "{label:<11}{what} of class {}, {}, {first} to {last}",
            loss.class.name(),
            loss.cause.name()
        ))?;
    }
    let in_flight = recording.in_flight();
    if in_flight.is_empty() {
        output.line("in flight  nothing")?;
    }
    let threads = recording.threads();
    for (place, begun) in in_flight.iter().enumerate() {
        let label = if place == 0 { "in flight" } else { "" };
        let named = threads
            .iter()
            .find(|thread| thread.number == begun.thread)
            .and_then(|thread| thread.name.as_deref());
        let thread = named.map_or_else(|| format!("thread {}", begun.thread), shown::plain);
        let id =
            if begun.correlation.is_none() { String::new() } else { format!(", id={}", begun.correlation) };
        output.line(format_args!(
            "{label:<11}{} words of class {} by {thread}, begun at {}{id}",
            begun.words,
            begun.class.name(),
            at(begun.ticks)
        ))?;
    }
    let stats = recording.stats();
    output.line(format_args!(
        "holds      {} of {} written, {} overwritten, {} pruned",
        grouped(stats.kept),
        grouped(stats.written),
        grouped(stats.overwritten),
        grouped(stats.pruned)
    ))?;
    if let Some(file) = recording.file() {
        let ended = last(recording)?.map(|at| format!("; its last event was at {}", time_shown(at)));
        output.line(format_args!(
            "writer     {} {}{}",
            who(file),
            Fate::of(file),
            ended.unwrap_or_default()
        ))?;
    }
    Ok(())
}

fn certainty(answer: &Answer, at: impl Fn(Ticks) -> String) -> String {
    match answer.verdict() {
        Verdict::Complete => "yes".to_owned(),
        Verdict::Overwritten { since } => {
            format!("since {}; what is older may have been overwritten", at(since))
        }
        Verdict::Truncated { by: Truncation::Limit } if answer.since() == Ticks(0) => {
            "but for the limit".to_owned()
        }
        Verdict::Truncated { by: Truncation::Limit } => {
            format!(
                "but for the limit, since {}; what is older may have been overwritten",
                at(answer.since())
            )
        }
        Verdict::Truncated { by: Truncation::Nameless } => {
            "perhaps not: of some kinds the file has no names".to_owned()
        }
        Verdict::Truncated { .. } => "no, the budget was spent".to_owned(),
    }
}

/// Says it for a program.
pub fn json(answer: &Answer, took: Duration, recording: &Recording) -> Result<Json, Failure> {
    let converter = recording.converter();
    let at = |ticks: Ticks| converter.unix_ns(ticks).to_string();
    let stats = recording.stats();
    let losses = recording.losses().into_iter().map(|loss| {
        json!({
            "cause": loss.cause.name(), "class": loss.class.name(), "shard": loss.shard, "count": loss.count,
            "first_unix_ns": at(loss.first), "last_unix_ns": at(loss.last),
        })
    });
    let in_flight = recording.in_flight().into_iter().map(|begun| {
        json!({
            "shard": begun.shard, "class": begun.class.name(), "thread": begun.thread, "words": begun.words,
            "unix_ns": at(begun.ticks), "correlation": (!begun.correlation.is_none()).then(|| begun.correlation.to_string()),
        })
    });
    let writer = recording.file().map(|file| {
        let life = &file.header().life;
        json!({ "program": life.program, "process": life.process, "fate": Fate::of(file).name() })
    });
    let since = (answer.since() > Ticks(0)).then(|| at(answer.since()));
    Ok(json!({ "explained": {
        "took_ns": nanos(took),
        "work": work_json(answer.work()),
        "verdict": answer.verdict().name(),
        "is_whole": is_whole(answer),
        "nothing_missing_since_unix_ns": since,
        "gone": answer.gone(),
        "lost": losses.collect::<Vec<_>>(),
        "in_flight": in_flight.collect::<Vec<_>>(),
        "kept": stats.kept,
        "written": stats.written,
        "overwritten": stats.overwritten,
        "pruned": stats.pruned,
        "last_unix_ns": last(recording)?.map(|at| at.to_string()),
        "writer": writer,
    }}))
}

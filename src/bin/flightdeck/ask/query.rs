//! `flightdeck query`: which events there are.

use super::args::{FormName, Query};
use super::explained::{self, is_whole};
use super::follow::{self, Begun};
use super::form::form;
use super::select::Selection;
use crate::messages::Messages;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::recording::{Fate, who};
use crate::shown::{count, grouped};
use crate::terminal::Look;
use flightdeck::events::{Answer, QueryError, Recorded, Recording, Truncation, Verdict};
use std::time::Instant;

/// Where few of many events are kept, so many are asked for at first.
const FIRST: usize = 4_096;

pub fn run(asked: &Query, look: Look, output: &mut Output, messages: &Messages) -> Result<Outcome, Failure> {
    let recording = asked.named.open()?;
    let selection = Selection::new(&asked.filters, &recording)?;
    selection.tell_unknown(&recording, messages);
    let form = form(asked.output, look.is_coloured, &recording, selection.kinds());
    let limit = asked.limit.map(|limit| limit as usize);
    if asked.follow {
        let begun = Begun { limit, is_strict: asked.strict };
        return follow::run(begun, &recording, &selection, &form, output, messages);
    }
    let start = Instant::now();
    let Some(answer) = found(&recording, &selection, limit)? else { return Ok(Outcome::NothingFound) };
    let took = start.elapsed();
    if let Some(head) = form.head() {
        output.line(head)?;
    }
    if asked.tree {
        output.line(look.apply(answer.timeline()))?;
    } else {
        each(&answer, asked.reverse, |event| output.line(form.event(&event)))?;
    }
    if asked.explain {
        match asked.output {
            FormName::Json => output.json(&explained::json(&answer, took, &recording)?)?,
            _ => explained::text(&answer, took, &recording, output)?,
        }
    } else if !asked.tree && asked.output == FormName::Text {
        // After the events, where both are the same terminal.
        output.finish()?;
        messages.note(summary(&answer, &recording, selection.is_looked_through()));
    }
    let is_enough = !answer.is_empty() && (!asked.strict || is_whole(&answer));
    Ok(if is_enough { Outcome::Done } else { Outcome::NothingFound })
}

/// The newest so many of the events asked for, or all; `None` where no kind asked for is known.
pub fn found(
    recording: &Recording,
    selection: &Selection,
    limit: Option<usize>,
) -> Result<Option<Answer>, Failure> {
    let explained = |error: QueryError| selection.explained(error, recording);
    let mut most = limit.filter(|_| selection.is_looked_through()).map(|limit| limit.max(FIRST));
    loop {
        let Some(query) = selection.of(recording) else { return Ok(None) };
        let query = match most.or(limit) {
            Some(limit) => query.newest_first().limit(limit),
            None => query,
        };
        let mut answer = query.run().map_err(explained)?;
        let is_cut = matches!(answer.verdict(), Verdict::Truncated { by: Truncation::Limit });
        if selection.is_looked_through() {
            answer.retain(|event| selection.keeps(event));
        }
        if let (Some(limit), Some(asked)) = (limit, most) {
            if answer.len() < limit && is_cut {
                most = Some(asked.saturating_mul(8));
                continue;
            }
            let mut left = limit;
            answer.retain(|_| {
                left.checked_sub(1).is_some_and(|fewer| {
                    left = fewer;
                    true
                })
            });
        }
        if limit.is_some() {
            // Ids are in the order of shard, class and position: that is the order of all answers.
            answer.sort_by_key(|event| (event.ticks(), event.id()));
        }
        return Ok(Some(answer));
    }
}

/// The oldest first, or the newest.
pub fn each<E>(
    answer: &Answer,
    is_reverse: bool,
    mut tell: impl FnMut(Recorded<'_>) -> Result<(), E>,
) -> Result<(), E> {
    if is_reverse { answer.iter().rev().try_for_each(&mut tell) } else { answer.iter().try_for_each(tell) }
}

/// How many there are, whether that is all, and of whom.
fn summary(answer: &Answer, recording: &Recording, is_looked_through: bool) -> String {
    let events = count(answer.len() as u64, "event");
    let (shown, is_whole) = (answer.len() as u64, is_whole(answer));
    let mut said = match answer.verdict() {
        Verdict::Truncated { by: Truncation::Limit } if is_looked_through => format!("the newest {events}"),
        Verdict::Truncated { by: Truncation::Limit } => format!("the newest {} of many", grouped(shown)),
        _ if is_whole => format!("{events}, complete"),
        Verdict::Overwritten { since } => {
            let since = crate::formats::time_shown(recording.converter().unix_ns(since));
            format!("{events}; before {since} some may have been overwritten")
        }
        _ => events,
    };
    if let Some(file) = recording.file() {
        said += &format!("; {} {}", who(file), Fate::of(file));
    }
    said
}

//! The events that were asked for, whatever they belong to.

use super::chain::{fields_of, number, operation, shown, text_of, took};
use super::deck::{Deck, stored};
use super::listing::{Listing, Rows};
use super::load::Loader;
use super::wanted::Wanted;
use super::work;
use crate::args::Replay;
use crate::formats::{Value, excerpt, time_shown};
use crate::outcome::Failure;
use crate::output::{Output, OutputError};
use crate::shown::{self, count, grouped, nanos};
use flightdeck::Ticks;
use flightdeck::events::{Answer, QueryError, Recorded, Verdict};
use serde_json::json;
use std::time::{Duration, Instant};

/// Without `--limit`.
pub const LIMIT: u32 = 20;

/// The newest of the events, and how many there are.
struct Newest {
    answer: Answer,
    total: u64,
    look_up: Duration,
    /// From when on events are asked for.
    from: Ticks,
}

impl Newest {
    fn find(deck: &Deck, wanted: &Wanted, limit: usize) -> Result<Self, QueryError> {
        let start = Instant::now();
        let query = || wanted.of(deck.events.query());
        let mut answer = query().newest_first().limit(limit).run()?;
        let look_up = start.elapsed();
        let is_cut = matches!(answer.verdict(), Verdict::Truncated { .. });
        let total = if is_cut { query().count() } else { answer.len() as u64 };
        // Different threads may have written rows of one time.
        answer.sort_by_key(|event| (event.ticks(), number(event, stored::FILE), number(event, stored::LINE)));
        Ok(Self { answer, total, look_up, from: wanted.from() })
    }

    /// What is older may be missing.
    fn since(&self) -> Option<u64> {
        let since = self.answer.since();
        (since > self.from).then_some(since.0)
    }
}

/// Lists the newest events asked for, the newest last; whether there are any.
pub fn list(
    asked: &Replay,
    wanted: &Wanted,
    deck: &Deck,
    loader: &Loader,
    output: &mut Output,
) -> Result<bool, Failure> {
    let newest = Newest::find(deck, wanted, asked.limit.unwrap_or(LIMIT) as usize)?;
    if asked.json {
        json(&newest, asked, loader, output)?;
    } else {
        text(&newest, asked, loader, output)?;
    }
    Ok(newest.total > 0)
}

fn text(newest: &Newest, asked: &Replay, loader: &Loader, output: &mut Output) -> Result<(), OutputError> {
    for event in newest.answer.iter() {
        output.line(line(&event, loader))?;
    }
    let listed = newest.answer.len() as u64;
    let all = count(newest.total, "event");
    let some = if listed < newest.total { format!("the newest {} of {all}", grouped(listed)) } else { all };
    let doubt = newest.since().map(|since| format!(", older than {} some may be missing", time_shown(since)));
    output.line(format_args!(
        "{some}, looked up in {}{}",
        shown::ns(nanos(newest.look_up)),
        doubt.unwrap_or_default()
    ))?;
    if asked.explain { output.line(newest.answer.work()) } else { Ok(()) }
}

/// When, what, of which id, and what the row says, long values cut.
fn line(event: &Recorded<'_>, loader: &Loader) -> String {
    let operation = operation(event, &loader.names);
    let id = event.correlation();
    let id = if id.is_none() { "-".into() } else { shown(id, text_of(event)) };
    let mut line = format!("{:<30}  {}  {}", time_shown(event.ticks().0), event.kind(), excerpt(&id));
    if let Some(took) = took(event) {
        line += &format!("  {}", shown::ns(took));
    }
    if let Some((_, name)) = operation {
        line += &format!("  {}", excerpt(name));
    }
    let mut separator = "  ";
    for (place, (name, value)) in fields_of(event, &loader.names).enumerate() {
        if Some(place) == operation.map(|(place, _)| place) {
            continue;
        }
        let value = match value {
            Value::U64(number) => number.to_string(),
            Value::I64(number) => number.to_string(),
            Value::F64(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::Str(text) => excerpt(&text),
        };
        line += &format!("{separator}{}={value}", excerpt(name));
        separator = " ";
    }
    line
}

fn json(newest: &Newest, asked: &Replay, loader: &Loader, output: &mut Output) -> Result<(), OutputError> {
    let answer = &newest.answer;
    let mut head = json!({
        "verdict": answer.verdict().name(),
        "counts": {
            "found": newest.total,
            "shown": answer.len(),
            "visited": answer.visited(),
            "gone": answer.gone(),
            "nothing_missing_since_ns": newest.since(),
        },
        "look_up_ns": nanos(newest.look_up),
    });
    if asked.explain {
        head["work"] = work::json(answer.work());
    }
    let rows = Rows::of(answer.iter().collect(), loader).with_ids();
    output.json(&Listing { head, name: "rows", list: rows })
}

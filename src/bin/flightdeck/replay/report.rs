//! What is said of a whole replay, for a person or a program.

use super::chain::Chain;
use super::fill::{Filled, Written};
use super::listing::{Listing, Rows};
use super::load::{File, Loader};
use super::slowest::{Slow, slowest};
use super::wanted::Wanted;
use crate::args::Replay;
use crate::formats::{Format, excerpt, time_shown};
use crate::outcome::Failure;
use crate::output::{Output, OutputError};
use crate::shown::{self, count, grouped, nanos, plain};
use crate::size;
use crate::terminal::Look;
use flightdeck::events::{Class, Plan};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// A longer timeline is cut, with a line that says how to see all of it.
const LINES: usize = 40;

struct Report<'a> {
    loader: &'a Loader,
    filled: &'a Filled,
    plan: Plan,
    events: Events,
    ids: usize,
    slowest: Vec<(Slow, Chain)>,
    look: Look,
}

/// What became of the events.
struct Events {
    kept: u64,
    overwritten: u64,
    lost: BTreeMap<&'static str, u64>,
}

/// Asks the store and says it all.
pub fn report(
    filled: &Filled,
    loader: &Loader,
    asked: &Replay,
    look: Look,
    output: &mut Output,
) -> Result<(), Failure> {
    let deck = &filled.deck;
    let stats = deck.events.stats();
    let events = Events {
        kept: stats.kept,
        overwritten: stats.overwritten,
        lost: stats.losses.iter().map(|loss| (loss.cause.name(), loss.count)).collect(),
    };
    let (slow, ids) = slowest(deck, asked.slowest as usize)?;
    let slowest = slow
        .into_iter()
        .map(|slow| Ok((slow.clone(), Chain::find(deck, &slow.correlation(), &Wanted::default())?)))
        .collect::<Result<_, Failure>>()?;
    let report = Report { loader, filled, plan: deck.events.plan(), events, ids, slowest, look };
    if asked.json {
        report.json(output)?
    } else {
        report.text(output)?
    }
    Ok(())
}

impl Report<'_> {
    fn json(&self, output: &mut Output) -> Result<(), OutputError> {
        let Self { loader, filled, plan, events, .. } = self;
        let written = sum(&filled.writers);
        let slowest = self.slowest.iter().map(|(slow, chain)| Listing {
            head: json!({
                "correlation": slow.shown(),
                "duration_ns": slow.duration_ns(),
                "verdict": chain.answer.verdict().name(),
                "look_up_ns": nanos(chain.look_up),
            }),
            name: "rows",
            list: Rows::of(chain.answer.iter().collect(), loader),
        });
        let head = json!({
            "files": loader.files.iter().map(file).collect::<Vec<_>>(),
            "rows": loader.rows(),
            "broken": loader.broken(),
            "lossy": loader.lossy(),
            "bytes": loader.bytes(),
            "first_ns": filled.times.map(|(first, _)| first),
            "last_ns": filled.times.map(|(_, last)| last),
            "rates": {
                "parsed_rows_per_second": rate(loader.rows(), loader.spent),
                "events_per_second_per_thread": rate(written.events, written.spent),
                "ns_per_event": ns_each(&written),
                "threads": filled.writers.len(),
            },
            "memory": { "deck_bytes": plan.total, "ring_bytes": plan.ring[Class::Normal], "rings": plan.shards },
            "events": {
                "written": written.events,
                "kept": events.kept,
                "overwritten": events.overwritten,
                "lost": events.lost,
            },
            "ids": self.ids,
            "interrupted": loader.is_interrupted,
        });
        output.json(&Listing { head, name: "slowest", list: slowest.collect::<Vec<_>>() })
    }

    fn text(&self, output: &mut Output) -> Result<(), OutputError> {
        self.read(output)?;
        self.written(output)?;
        for (place, (slow, chain)) in self.slowest.iter().enumerate() {
            output.line(format_args!(
                "\n{}. {}  {}  {}, looked up in {:.1} us",
                place + 1,
                excerpt(&slow.shown()),
                shown::ns(slow.duration_ns()),
                count(chain.answer.len() as u64, "event"),
                chain.look_up.as_secs_f64() * 1e6,
            ))?;
            let mut text = String::new();
            chain.timeline(&self.loader.names, self.look, |timeline| text = timeline.to_string());
            let (events, verdict) = text.rsplit_once('\n').unwrap_or(("", &text));
            let total = events.lines().count();
            for line in events.lines().take(LINES) {
                output.line(line)?;
            }
            if total > LINES {
                output.line(format_args!(
                    "... {} more: replay --correlation {} shows all",
                    total - LINES,
                    plain(&slow.shown())
                ))?;
            }
            output.line(verdict)?;
        }
        Ok(())
    }

    fn read(&self, output: &mut Output) -> Result<(), OutputError> {
        let loader = self.loader;
        let mut formats: BTreeMap<Format, (u64, u64)> = BTreeMap::new();
        for file in &loader.files {
            let (files, rows) = formats.entry(file.format).or_default();
            *files += 1;
            *rows += file.rows;
        }
        for (format, (files, rows)) in formats {
            let files = format_args!("{} rows in {}", grouped(rows), count(files, "file"));
            output.line(line(format.name(), files))?;
        }
        output.line(line("broken", count(loader.broken(), "row")))?;
        if let Some((first, last)) = self.filled.times {
            output.line(line("time", format_args!("{} to {}", time_shown(first), time_shown(last))))?;
        }
        output.line(line(
            "parsed",
            format_args!(
                "{} in {:.3} s: {} rows/s",
                size::shown(loader.bytes()),
                loader.spent.as_secs_f64(),
                grouped(rate(loader.rows(), loader.spent) as u64)
            ),
        ))
    }

    fn written(&self, output: &mut Output) -> Result<(), OutputError> {
        let Self { plan, events, .. } = self;
        let written = sum(&self.filled.writers);
        output.line(line(
            "written",
            format_args!(
                "{} events by {}: {:.0} ns an event, {} events/s a thread",
                grouped(written.events),
                count(self.filled.writers.len() as u64, "thread"),
                ns_each(&written),
                grouped(rate(written.events, written.spent) as u64)
            ),
        ))?;
        output.line(line(
            "memory",
            format_args!(
                "{}, in {} of {}",
                size::shown(plan.total as u64),
                count(plan.shards as u64, "ring"),
                size::shown(plan.ring[Class::Normal] as u64)
            ),
        ))?;
        let lost = events.lost.values().sum::<u64>();
        let causes: Vec<_> = events.lost.iter().map(|(cause, count)| format!(", {count} {cause}")).collect();
        output.line(line(
            "events",
            format_args!(
                "{} kept, {} overwritten, {} lost{}",
                grouped(events.kept),
                grouped(events.overwritten),
                grouped(lost),
                causes.concat()
            ),
        ))?;
        let listed = self.slowest.len();
        let ids =
            format_args!("{} of {}, from earliest start to latest end", listed, grouped(self.ids as u64));
        if listed > 0 {
            output.line(line("slowest", ids))
        } else {
            output.line(line("ids", grouped(self.ids as u64)))
        }
    }
}

fn file(file: &File) -> Json {
    json!({
        "file": file.name,
        "format": file.format.name(),
        "bytes": file.bytes,
        "rows": file.rows,
        "broken": file.broken,
        "lossy": file.lossy,
    })
}

fn line(what: &str, text: impl Display) -> String {
    format!("{what:<12}{text}")
}

fn sum(writers: &[Written]) -> Written {
    writers.iter().fold(Written::default(), |sum, one| Written {
        events: sum.events + one.events,
        spent: sum.spent + one.spent,
    })
}

fn rate(count: u64, spent: Duration) -> f64 {
    if spent.is_zero() { 0.0 } else { count as f64 / spent.as_secs_f64() }
}

fn ns_each(written: &Written) -> f64 {
    if written.events == 0 { 0.0 } else { written.spent.as_nanos() as f64 / written.events as f64 }
}

//! What was going on in the end.

use super::super::brief;
use super::super::findings::Findings;
use super::super::moments::{Thread, Unfinished};
use super::page::Page;
use super::{before, events};
use crate::output::OutputError;
use crate::shown::{self, count, grouped, plain};
use crate::size;

pub(super) fn errors(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("last errors");
    if findings.errors.is_empty() {
        return page.line("none is kept");
    }
    events(findings, &findings.errors, page)
}

pub(super) fn threads(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let moments = &findings.moments;
    page.block("threads");
    let width = moments.threads.iter().map(|thread| name(thread).chars().count()).max().unwrap_or(0);
    for thread in &moments.threads {
        let Some(last) = thread.last.iter().next() else { continue };
        let (at, name) = (before(findings, last.ticks()), name(thread));
        page.line(format_args!("{at}  {name:<width$}  {}", brief::line(&last)))?;
    }
    let reach = reach(findings);
    if moments.threads.is_empty() {
        return page.line("none recorded anything that is kept");
    }
    match (moments.more_threads, moments.silent_threads) {
        (0, 0) => Ok(()),
        (0, silent) => page.line(format_args!("{} recorded nothing {reach}", count(silent as u64, "other"))),
        (more, silent) => page.line(format_args!(
            "{} recorded something {reach}, {} nothing",
            count(more as u64, "other"),
            grouped(silent as u64)
        )),
    }
}

fn name(thread: &Thread) -> String {
    let known = thread.known.as_ref();
    let name = known.and_then(|known| known.name.as_deref()).map(plain);
    let name = match (name, thread.number) {
        (Some(name), _) => name,
        (None, 0) => "not known".to_owned(),
        (None, number) => format!("#{number}"),
    };
    match known.and_then(|known| known.system) {
        Some(system) => format!("{name} ({system})"),
        None => name,
    }
}

/// How far back the last moments go.
fn reach(findings: &Findings) -> String {
    let moments = &findings.moments;
    if moments.is_all {
        return "of what is kept".to_owned();
    }
    format!("in the last {}", shown::ns(findings.before_end(moments.since)))
}

pub(super) fn unfinished(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let moments = &findings.moments;
    let looked = format!("{} looked at", count(moments.events, "event"));
    page.block("unfinished");
    if moments.ids == 0 {
        return page.line(format_args!("no span without an end {}, {looked}", reach(findings)));
    }
    page.line(format_args!(
        "{} with {} that did not end, {}, {looked}",
        count(moments.ids as u64, "id"),
        count(moments.spans as u64, "span"),
        reach(findings),
    ))?;
    for Unfinished { id, spans, first, last } in &moments.unfinished {
        let (Some(first), Some(last)) = (first.iter().next(), last.iter().next()) else { continue };
        let more = if *spans > 1 { format!(", {spans} spans open") } else { String::new() };
        page.line(format_args!("{}  {id}  {}{more}", before(findings, first.ticks()), brief::line(&first)))?;
        if last.id() != first.id() {
            page.line(format_args!(
                "{}  {:<32}  then {}",
                before(findings, last.ticks()),
                "",
                brief::line(&last)
            ))?;
        }
    }
    match moments.ids - moments.unfinished.len() {
        0 => Ok(()),
        more => page.line(format_args!("and {} that began earlier", count(more as u64, "id"))),
    }
}

pub(super) fn in_flight(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("in flight");
    if findings.in_flight.is_empty() {
        return page.line("no record was begun and not finished");
    }
    for record in &findings.in_flight {
        let of =
            if record.correlation.is_none() { String::new() } else { format!(" of {}", record.correlation) };
        page.line(format_args!(
            "a record of {}{of}, thread {}, shard {}, {}: begun and not finished, so not in any answer",
            size::shown(record.words * 8),
            record.thread,
            record.shard,
            record.class.name()
        ))?;
    }
    Ok(())
}

//! How things stood, and what is kept.

use super::super::brief::cut;
use super::super::config::{Config, What};
use super::super::findings::Findings;
use super::super::workers::{State, Worker};
use super::page::Page;
use super::{REASON, ahead, before, events};
use crate::metric;
use crate::output::OutputError;
use crate::shown::{self, count, grouped, nanos, plain};
use flightdeck::Told;
use flightdeck::events::Answer;
use flightdeck::telemetry::Value;

/// Letters of a value that are shown, and how many values.
const VALUE: usize = 40;
const VALUES: usize = 20;
/// How many metrics of each sort.
const METRICS: usize = 8;

pub(super) fn config(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("config");
    let configs = &findings.configs;
    if configs.in_force.is_empty() && configs.changes.is_empty() {
        return page.line("no change is kept");
    }
    for config in configs.in_force.iter().filter(|config| !config.is_built_in()) {
        let Config { name, revision, since, who, why, values, is_whole } = config;
        let why = if why.is_empty() { String::new() } else { format!(", {}", cut(&plain(why), VALUE)) };
        page.line(format_args!(
            "{}revision {revision} in force since {}, by {}{why}",
            of_config(name),
            before(findings, *since),
            plain(who)
        ))?;
        for (path, value) in values.iter().take(VALUES) {
            page.line(format_args!("  {} = {}", plain(path), cut(&plain(value), VALUE)))?;
        }
        if values.len() > VALUES {
            let changed = if *is_whole { "" } else { " that changed" };
            page.line(format_args!("  and {} more{changed}; --json has them", values.len() - VALUES))?;
        }
    }
    for change in configs.changes.iter().rev() {
        let (at, of) = (before(findings, change.at), of_config(&change.config));
        match &change.what {
            What::Published { revision, who, steps } => {
                let step = |path: &str, was: &str, then: &str| {
                    format!("{} {} -> {}", plain(path), cut(&plain(was), VALUE), cut(&plain(then), VALUE))
                };
                let mut said: Vec<_> =
                    steps.iter().take(3).map(|of| step(&of.path, &of.before, &of.then)).collect();
                if steps.len() > 3 {
                    said.push(format!("{} more", steps.len() - 3));
                }
                let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
                page.line(format_args!("{at}  {of}revision {revision} by {}{said}", plain(who)))?;
            }
            What::Refused { why } => {
                page.line(format_args!("{at}  {of}refused: {}", cut(&plain(why), REASON)))?
            }
        }
    }
    Ok(())
}

fn of_config(name: &str) -> String {
    // The deck's own, unless it was given another name.
    if name.is_empty() || name == "config" { String::new() } else { format!("{} ", plain(name)) }
}

pub(super) fn workers(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("workers");
    if findings.workers.is_empty() {
        return page.line("none that the deck recorded anything of");
    }
    for Worker { name, state, since, generation, failures, last_failure, last_heartbeat } in &findings.workers
    {
        let state = match state {
            State::Running => "running".to_owned(),
            State::Hung { silent } => {
                format!("HUNG, silent for {} when that was found", shown::ns(nanos(*silent)))
            }
            State::Failed => "FAILED".to_owned(),
            State::Waiting { delay } => format!("to be started again after {}", shown::ns(nanos(*delay))),
            State::Returned => "returned".to_owned(),
            State::Abandoned => "ABANDONED, its thread was given up".to_owned(),
            State::MeltedDown => "MELTED DOWN, not started again".to_owned(),
            State::Starting => "starting".to_owned(),
            State::Stopping => "stopping".to_owned(),
            State::Stopped => "stopped".to_owned(),
        };
        let failed = last_failure.as_ref().map(|failure| {
            let how = if failure.panicked == Some(true) { "panicked" } else { "failed" };
            let why = cut(&plain(&failure.why), REASON);
            match failure.at {
                Some(at) => {
                    let (count, at) = (count(*failures as u64, "failure"), before(findings, at));
                    format!("; {count} so far, {how} {at}: {why}")
                }
                None => format!("; failed before: {why}"),
            }
        });
        let beat =
            last_heartbeat.map(|beat| format!(", last heartbeat {}", ahead(findings.before_end_at(beat))));
        let (at, failed) = (before(findings, *since), failed.unwrap_or_default());
        let run = if *generation > 0 { format!(", run {generation}") } else { String::new() };
        let beat = beat.unwrap_or_default();
        page.line(format_args!("{}: {state} since {at}{run}{beat}{failed}", plain(name)))?;
    }
    Ok(())
}

pub(super) fn health(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    page.block("health");
    match &findings.stood.health {
        Ok(Told { what: Some(health), at: Some(at), .. }) => {
            let ready = if health.is_ready { "ready" } else { "not ready" };
            let at = ahead(findings.before_end_at(*at));
            page.line(format_args!(
                "{at}  {}, {ready}, {}",
                health.level,
                count(health.concerns.len() as u64, "concern")
            ))?;
            for concern in &health.concerns {
                let since = ahead(findings.before_end_at(concern.since));
                page.line(format_args!("{since}  {}", cut(&plain(&concern.text), REASON)))?;
            }
        }
        _ => said(findings, findings.health.as_ref(), page)?,
    }
    page.block("pressure");
    said(findings, findings.pressure.as_ref(), page)?;
    page.block("");
    Ok(())
}

fn said(findings: &Findings, answer: Option<&Answer>, page: &mut Page<'_>) -> Result<(), OutputError> {
    answer.map_or(Ok(()), |answer| events(findings, answer, page))
}

pub(super) fn metrics(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let Ok(metrics) = &findings.stood.metrics else { return Ok(()) };
    let all = metrics.snapshot.iter().filter(|(_, value)| !is_nothing(value));
    let (mut counters, mut gauges, mut histograms) = (vec![], vec![], vec![]);
    for (key, value) in all {
        match value {
            Value::Counter(count) => counters.push((*count, key, value)),
            Value::Histogram(values) => histograms.push((values.count(), key, value)),
            _ => gauges.push((0, key, value)),
        }
    }
    for (label, mut of) in [("gauges", gauges), ("counters", counters), ("histograms", histograms)] {
        page.block(label);
        // The greatest first; of one size by name, as they are.
        of.sort_by_key(|(size, ..)| std::cmp::Reverse(*size));
        for (_, key, value) in of.iter().take(METRICS) {
            page.line(format_args!("{} {}", plain(&key.to_string()), metric::shown(value, key.unit())))?;
        }
        if of.len() > METRICS {
            page.line(format_args!("and {} more; --json has them", of.len() - METRICS))?;
        }
    }
    page.block("");
    Ok(())
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Counter(count) => *count == 0,
        Value::Histogram(values) => values.count() == 0,
        _ => false,
    }
}

pub(super) fn kept(findings: &Findings, page: &mut Page<'_>) -> Result<(), OutputError> {
    let stats = &findings.stats;
    page.block("kept");
    for (class, of) in stats.classes.iter() {
        let Some(oldest) = of.all.oldest else { continue };
        page.line(format_args!(
            "{:<8}  {} of {}, back to {}",
            class.name(),
            grouped(of.all.kept),
            grouped(of.all.written),
            before(findings, oldest)
        ))?;
    }
    page.block("lost");
    if stats.losses.is_empty() {
        return page.line(format_args!(
            "none; {} overwritten as time went on, {} pruned",
            grouped(stats.overwritten),
            grouped(stats.pruned)
        ));
    }
    for loss in &stats.losses {
        page.line(format_args!(
            "{} {} of class {}, {} to {}",
            grouped(loss.count),
            loss.cause.name(),
            loss.class.name(),
            before(findings, loss.first),
            before(findings, loss.last)
        ))?;
    }
    Ok(())
}

//! What the demo found, for a person.

use super::faults;
use super::findings::{BAR, Findings, Slowest};
use super::incidents::{Incident, What};
use super::variant::{Equipment, Variant};
use crate::output::{Output, OutputError};
use crate::shown::{self, count, grouped, nanos};
use crate::size;
use crate::terminal::Look;
use flightdeck::supervisor::WorkerStatus;
use std::fmt::Display;
use std::time::Duration;

/// Writes the report.
pub fn text(findings: &Findings, look: Look, output: &mut Output) -> Result<(), OutputError> {
    let first_turn = findings.of(Equipment::Bare).and_then(|variant| variant.rounds.first());
    if findings.variants.iter().any(|variant| variant.rounds.is_empty()) {
        output.line(
            "A real HTTP host on this machine, four times; not every one had a turn: nothing to compare.",
        )?;
    } else if let Some(turn) = first_turn {
        output.line(format_args!(
            "A real HTTP host on this machine, four times: {} in {:.1} s, {} of {} each, in turn.\n",
            count(findings.requests(), "request"),
            findings.log.took.as_secs_f64(),
            count(findings.log.rounds.into(), "turn"),
            shown::ns(nanos(turn.time)),
        ))?;
        table(findings, output)?;
        verdict(findings, output)?;
    }
    output.line("")?;
    events(findings, output)?;
    config(findings, output)?;
    workers(findings, output)?;
    incidents(findings, output)?;
    if let Some(slowest) = &findings.slowest {
        output.line("")?;
        chain(slowest, look, output)?;
    }
    Ok(())
}

fn table(findings: &Findings, output: &mut Output) -> Result<(), OutputError> {
    output.line(format_args!(
        "{:<16}{:>12}{:>10}{:>10}{:>10}{:>16}{:>12}",
        "", "requests/s", "p50", "p99", "p99.9", "CPU a request", "against it"
    ))?;
    for variant in &findings.variants {
        let latency = variant.latency.values();
        let at = |share| latency.quantile(share).map_or_else(|| "-".to_owned(), shown::ns);
        let ratio = match variant.equipment {
            Equipment::Bare => Some(1.0),
            other => findings.ratio(other),
        };
        output.line(format_args!(
            "{:<16}{:>12}{:>10}{:>10}{:>10}{:>16}{:>12}",
            variant.equipment.name(),
            grouped(variant.rate() as u64),
            at(0.5),
            at(0.99),
            at(0.999),
            variant.cost().map_or_else(|| "not told here".to_owned(), |cost| shown::ns(cost as u64)),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
        ))?;
    }
    let failed: u64 = findings.variants.iter().map(|variant| variant.failed).sum();
    if failed > 0 {
        output.line(format_args!("{} failed", count(failed, "request")))?;
    }
    Ok(())
}

fn verdict(findings: &Findings, output: &mut Output) -> Result<(), OutputError> {
    let (Some(ratio), Some(noise)) =
        (findings.ratio(Equipment::Recording), findings.ratio(Equipment::BareAgain))
    else {
        return output.line("This system does not tell what a thread uses of a processor.");
    };
    let holds = if ratio < BAR { "below" } else { "ABOVE" };
    output.line(format_args!(
        "Recording costs {:+.1} % of a request's processor time (median of {} pairs), {holds} the {:.0} % it may cost; \
         two hosts without a deck differ by {:+.1} %.",
        (ratio - 1.0) * 100.0,
        findings.log.rounds,
        (BAR - 1.0) * 100.0,
        (noise - 1.0) * 100.0,
    ))
}

fn events(findings: &Findings, output: &mut Output) -> Result<(), OutputError> {
    let stats = &findings.stats;
    let requests = findings.of(Equipment::Recording).map_or(0, Variant::requests);
    let of_request = match requests {
        0 => String::new(),
        requests => format!("{:.1} a request, ", stats.written as f64 / requests as f64),
    };
    output.line(line(
        "events",
        format_args!(
            "{of_request}{:.1} ns each (median of a loop on this machine; floor {:.1})",
            findings.event.median_ns, findings.event.floor_ns
        ),
    ))?;
    let causes: Vec<_> =
        stats.losses.iter().map(|loss| format!(", {} {}", grouped(loss.count), loss.cause.name())).collect();
    output.line(line(
        "",
        format_args!(
            "{} kept in {}, {} overwritten, {} lost{}",
            grouped(stats.kept),
            size::shown(findings.memory as u64),
            grouped(stats.overwritten),
            grouped(stats.lost()),
            causes.concat()
        ),
    ))
}

fn config(findings: &Findings, output: &mut Output) -> Result<(), OutputError> {
    for (place, revised) in findings.log.revisions.iter().enumerate() {
        let text = format_args!(
            "revision {} at +{:.1} s: {}",
            revised.revision,
            revised.at.as_secs_f64(),
            revised.settings
        );
        output.line(line(if place == 0 { "config" } else { "" }, text))?;
    }
    match &findings.log.refused {
        Some(refused) => output.line(line("", format_args!("refused: {refused}"))),
        None => Ok(()),
    }
}

fn workers(findings: &Findings, output: &mut Output) -> Result<(), OutputError> {
    for worker in &findings.workers {
        let WorkerStatus { name, restarts, last_failure, .. } = worker;
        let back = findings.back_after.filter(|_| *restarts > 0);
        let back = back.map(|after| format!(", back after {}", shown::ns(nanos(after)))).unwrap_or_default();
        let why = last_failure.as_ref().map(|why| format!("; panicked: {why}")).unwrap_or_default();
        output.line(line("worker", format_args!("{name}: {}{back}{why}", count(*restarts, "restart"))))?;
    }
    Ok(())
}

/// A line for each; for those that are the same again, one.
fn incidents(findings: &Findings, output: &mut Output) -> Result<(), OutputError> {
    let again = |a: &Incident, b: &Incident| a.worker == b.worker && a.what == b.what;
    for (place, same) in findings.incidents.chunk_by(again).enumerate() {
        let Some(first) = same.first() else { continue };
        let text = format_args!("{}: {}{}", first.worker, happened(first, same.len()), back(same));
        output.line(line(if place == 0 { faults::NAME } else { "" }, text))?;
    }
    let host = findings.of(Equipment::Recording).filter(|_| !findings.incidents.is_empty());
    let Some(host) = host else { return Ok(()) };
    let (answered, failed) = (count(host.requests() - host.failed, "request"), host.failed);
    output
        .line(line("", format_args!("beside them the host answered {answered}, {} failed", grouped(failed))))
}

fn happened(incident: &Incident, times: usize) -> String {
    let first = if times == 1 { String::new() } else { format!("{times} times, first ") };
    let at = format!("{first}at +{:.2} s", incident.at.as_secs_f64());
    let after = |time: &Duration| shown::ns(nanos(*time));
    match &incident.what {
        What::Panicked { why, place } => {
            let place = place.as_ref().map(|place| format!(", {place}")).unwrap_or_default();
            format!("panicked {at} ({why}{place})")
        }
        What::Failed { why } => format!("failed {at} ({why})"),
        What::Hung { silent, abandoned_after, ended_after } => {
            let mut text = format!("no beat for {}, hung {at}, asked to stop", after(silent));
            if let Some(time) = abandoned_after {
                text.push_str(&format!(", abandoned after {}", after(time)));
            }
            match ended_after {
                Some(time) => text.push_str(&format!(", its thread ended after {}", after(time))),
                None => text.push_str(", its thread still runs"),
            }
            text
        }
        What::MeltedDown { over, failures } => {
            format!("melted down {at} (`{over}` failed {failures} times), stopped its children and escalated")
        }
    }
}

fn back(same: &[Incident]) -> String {
    let after: Vec<_> =
        same.iter().filter_map(|incident| incident.back_after).map(nanos).map(shown::ns).collect();
    if after.is_empty() { String::new() } else { format!(", back after {}", after.join(", ")) }
}

fn chain(slowest: &Slowest, look: Look, output: &mut Output) -> Result<(), OutputError> {
    let Slowest { latency, look_up, answer, gone } = slowest;
    let trace = answer.iter().next().map(|event| event.correlation().to_string()).unwrap_or_default();
    let slower = match gone {
        0 => String::new(),
        more => format!(" ({} slower, in part overwritten since)", grouped(*more as u64)),
    };
    let of_host =
        answer.iter().map(|event| event.ticks()).min().zip(answer.iter().map(|event| event.ticks()).max());
    let of_host = of_host.map_or(0, |(first, last)| answer.converter().ns_between(first, last));
    output.line(format_args!(
        "The slowest request that is kept in full{slower}: {} at the client, {} of it in the host.",
        shown::ns(nanos(*latency)),
        shown::ns(of_host)
    ))?;
    output.line(format_args!("Trace {trace}, looked up by its id in {}:\n", shown::ns(nanos(*look_up))))?;
    output.line(look.apply(answer.timeline()))
}

fn line(what: &str, text: impl Display) -> String {
    format!("{what:<16}{text}")
}

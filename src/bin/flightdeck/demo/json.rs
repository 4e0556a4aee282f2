//! What the demo found, for a program: one object.

use super::findings::{Findings, Slowest};
use super::incidents::{Incident, What};
use super::variant::{Equipment, Round, Variant};
use crate::shown::nanos;
use flightdeck::events::{Recorded, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The report as one object.
pub fn object(findings: &Findings) -> Json {
    let of_each = |value: fn(&Findings, &Variant) -> Json| -> Map<String, Json> {
        let pair = |variant: &Variant| (variant.equipment.key().to_owned(), value(findings, variant));
        findings.variants.iter().map(pair).collect()
    };
    let stats = &findings.stats;
    let lost: BTreeMap<_, _> = stats.losses.iter().map(|loss| (loss.cause.name(), loss.count)).collect();
    json!({
        "requests": findings.requests(),
        "failed": findings.variants.iter().map(|variant| variant.failed).sum::<u64>(),
        "seconds": findings.log.took.as_secs_f64(),
        "rounds": findings.log.rounds,
        "rates": of_each(|_, variant| variant.rate().into()),
        "latency": {
            "with": findings.of(Equipment::Recording).map(latency),
            "without": findings.of(Equipment::Bare).map(latency),
        },
        "cost": of_each(|findings, variant| json!({
            "cpu_ns_per_request": variant.cost(),
            "against_no_deck": findings.ratio(variant.equipment),
            "cpu_ns_per_request_by_round": variant.rounds.iter().map(Round::cost).collect::<Vec<_>>(),
        })),
        "events": {
            "written": stats.written,
            "kept": stats.kept,
            "overwritten": stats.overwritten,
            "lost": lost,
            "ns_each": { "floor": findings.event.floor_ns, "median": findings.event.median_ns },
            "memory_bytes": findings.memory,
        },
        "slowest": findings.slowest.as_ref().map(slowest),
        "config": {
            "revisions": findings.log.revisions.iter().map(|revised| json!({
                "revision": revised.revision.get(),
                "at_ns": nanos(revised.at),
                "cache_entries": revised.settings.cache_entries,
                "margin_bps": revised.settings.margin_bps,
                "depth": revised.settings.depth,
            })).collect::<Vec<_>>(),
            "refused": findings.log.refused,
        },
        "restarts": findings.workers.iter().map(|worker| json!({
            "worker": worker.name.as_ref(),
            "restarts": worker.restarts,
            "last_failure": worker.last_failure,
            "back_after_ns": findings.back_after.map(nanos),
        })).collect::<Vec<_>>(),
        "incidents": findings.incidents.iter().map(incident).collect::<Vec<_>>(),
        "interrupted": findings.log.is_interrupted,
    })
}

fn latency(variant: &Variant) -> Json {
    let values = variant.latency.values();
    json!({
        "p50_ns": values.quantile(0.5),
        "p99_ns": values.quantile(0.99),
        "p999_ns": values.quantile(0.999),
    })
}

fn incident(incident: &Incident) -> Json {
    let (what, more) = match &incident.what {
        What::Panicked { why, place } => ("panicked", json!({ "why": why, "place": place })),
        What::Failed { why } => ("failed", json!({ "why": why })),
        What::Hung { silent, abandoned_after, ended_after } => (
            "hung",
            json!({
                "silent_ns": nanos(*silent),
                "abandoned_after_ns": abandoned_after.map(nanos),
                "ended_after_ns": ended_after.map(nanos),
            }),
        ),
        What::MeltedDown { over, failures } => ("melted_down", json!({ "over": over, "failures": failures })),
    };
    let mut told = json!({
        "worker": incident.worker,
        "what": what,
        "at_ns": nanos(incident.at),
        "back_after_ns": incident.back_after.map(nanos),
    });
    if let (Json::Object(told), Json::Object(more)) = (&mut told, more) {
        told.extend(more);
    }
    told
}

fn slowest(slowest: &Slowest) -> Json {
    json!({
        "correlation": slowest.answer.iter().next().map(|event| event.correlation().to_string()),
        "latency_ns": nanos(slowest.latency),
        "look_up_ns": nanos(slowest.look_up),
        "verdict": slowest.answer.verdict().name(),
        "events": slowest.answer.iter().map(|event| self::event(&event, slowest)).collect::<Vec<_>>(),
    })
}

fn event(event: &Recorded<'_>, slowest: &Slowest) -> Json {
    let fields: Map<_, _> = event.fields().map(|(name, value)| (name.to_owned(), field(&value))).collect();
    json!({
        "time_ns": slowest.answer.converter().unix_ns(event.ticks()),
        "kind": event.kind(),
        "span": event.span().to_string(),
        "parent": event.parent().map(|parent| parent.to_string()),
        "thread": event.thread_name(),
        "fields": fields,
    })
}

fn field(value: &Value<'_>) -> Json {
    match value {
        Value::U64(number) => (*number).into(),
        Value::I64(number) => (*number).into(),
        Value::F64(number) => (*number).into(),
        Value::Bool(yes) => (*yes).into(),
        other => other.to_string().into(),
    }
}

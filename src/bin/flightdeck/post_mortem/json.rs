//! The report for a program.

use super::config::{Change, Config, What};
use super::findings::Findings;
use super::moments::{Thread, Unfinished};
use super::text::headline;
use super::unknown;
use super::workers::Worker;
use crate::metric;
use crate::shown::{nanos, unix_ns, utc};
use flightdeck::events::{Answer, InFlight, Loss};
use flightdeck::{RecordedConcern, Ticks, Told};
use serde_json::{Value as Json, json};
use std::time::SystemTime;

/// One object. Times of the deck are objects: the wall's, and how long before the last event.
pub fn object(findings: &Findings) -> Json {
    let (header, stats, moments) = (&findings.header, &findings.stats, &findings.moments);
    let at = |at: Ticks| moment(findings, at);
    json!({
        "summary": headline(findings),
        "file": findings.path.to_string_lossy(),
        "bytes": header.bytes,
        "state": findings.fate.name(),
        "program": header.life.program,
        "pid": header.life.process,
        "user": header.life.user,
        "life": header.life.number,
        "created": wall(header.life.created),
        "closed": header.ended.filter(|_| header.copied.is_none()).map(wall),
        "copied": header.copied.as_ref().map(|cause| {
            json!({ "at": header.ended.map(wall), "cause": cause.name(), "by": cause.by() })
        }),
        "put_aside": header.rotated.map(wall),
        "lived_ns": findings.lived().map(nanos),
        "last_event": events(&findings.last).pop(),
        "errors": events(&findings.errors),
        "moments": {
            "since": at(moments.since),
            "is_all": moments.is_all,
            "events": moments.events,
            "threads": moments.threads.iter().map(thread).collect::<Vec<_>>(),
            "more_threads": moments.more_threads,
            "silent_threads": moments.silent_threads,
        },
        "unfinished": {
            "ids": moments.ids,
            "spans": moments.spans,
            "newest": moments.unfinished.iter().map(unfinished).collect::<Vec<_>>(),
        },
        "in_flight": findings.in_flight.iter().map(|record| in_flight(findings, record)).collect::<Vec<_>>(),
        "config": {
            "in_force": findings.configs.in_force.iter().map(|config| self::config(findings, config)).collect::<Vec<_>>(),
            "changes": findings.configs.changes.iter().map(|change| self::change(findings, change)).collect::<Vec<_>>(),
        },
        "workers": findings.workers.iter().map(|worker| self::worker(findings, worker)).collect::<Vec<_>>(),
        "health": health(findings),
        "pressure": findings.pressure.as_ref().and_then(|answer| events(answer).pop()),
        "metrics": metrics(findings),
        "events": {
            "written": stats.written,
            "kept": stats.kept,
            "overwritten": stats.overwritten,
            "pruned": stats.pruned,
            "lost": stats.lost(),
            "oldest": findings.oldest.map(at),
            "newest": findings.newest.map(at),
        },
        "losses": stats.losses.iter().map(|loss| self::loss(findings, loss)).collect::<Vec<_>>(),
        "not_known": unknown::all(findings),
        "took_ns": nanos(findings.took),
    })
}

fn wall(time: SystemTime) -> Json {
    json!({ "time": utc(time), "unix_ns": unix_ns(time).to_string() })
}

fn moment(findings: &Findings, at: Ticks) -> Json {
    let mut moment = wall(findings.time(at));
    moment["before_end_ns"] = findings.before_end(at).into();
    moment
}

fn moment_at(findings: &Findings, at: SystemTime) -> Json {
    let mut moment = wall(at);
    moment["before_end_ns"] = findings.before_end_at(at).into();
    moment
}

/// As the deck last looked; `last_change` is an event.
fn health(findings: &Findings) -> Json {
    let last_change = findings.health.as_ref().and_then(|answer| events(answer).pop());
    let Ok(Told { what: Some(health), at, .. }) = &findings.stood.health else {
        return json!({ "last_change": last_change });
    };
    let concern = |concern: &RecordedConcern| {
        json!({
            "code": &*concern.code,
            "part": &*concern.part,
            "text": &*concern.text,
            "since": moment_at(findings, concern.since),
            "times": concern.times,
        })
    };
    json!({
        "at": at.map(|at| moment_at(findings, at)),
        "level": health.level.to_string(),
        "is_live": health.is_live,
        "is_ready": health.is_ready,
        "has_started": health.has_started,
        "concerns": health.concerns.iter().map(concern).collect::<Vec<_>>(),
        "last_change": last_change,
    })
}

/// Null where there are none in the file.
fn metrics(findings: &Findings) -> Json {
    let Ok(metrics) = &findings.stood.metrics else { return Json::Null };
    json!({
        "series": metrics.snapshot.iter().map(|(key, value)| metric::json(key, value)).collect::<Vec<_>>(),
        "nameless": metrics.nameless,
        "unreadable": metrics.unreadable,
        "incomplete": metrics.incomplete,
    })
}

/// As `Recorded::json` has them.
fn events(answer: &Answer) -> Vec<Json> {
    answer.iter().filter_map(|event| serde_json::to_value(event.json()).ok()).collect()
}

fn thread(thread: &Thread) -> Json {
    let known = thread.known.as_ref();
    json!({
        "thread": thread.number,
        "name": known.and_then(|known| known.name.as_deref()),
        "tid": known.and_then(|known| known.system),
        "events": thread.events,
        "last": events(&thread.last).pop(),
    })
}

fn unfinished(unfinished: &Unfinished) -> Json {
    json!({
        "correlation": unfinished.id.to_string(),
        "spans": unfinished.spans,
        "first": events(&unfinished.first).pop(),
        "last": events(&unfinished.last).pop(),
    })
}

fn in_flight(findings: &Findings, record: &InFlight) -> Json {
    json!({
        "shard": record.shard,
        "class": record.class.name(),
        "thread": record.thread,
        "words": record.words,
        "at": moment(findings, record.ticks),
        "correlation": record.correlation.to_string(),
    })
}

fn config(findings: &Findings, config: &Config) -> Json {
    json!({
        "config": config.name,
        "revision": config.revision,
        "since": moment(findings, config.since),
        "who": config.who,
        "why": config.why,
        "values": config.values,
        "is_whole": config.is_whole,
    })
}

fn change(findings: &Findings, change: &Change) -> Json {
    let mut told = json!({ "config": change.config, "at": moment(findings, change.at) });
    match &change.what {
        What::Published { revision, who, steps } => {
            let steps: Vec<_> = steps
                .iter()
                .map(|step| json!({ "path": step.path, "before": step.before, "then": step.then }))
                .collect();
            (told["revision"], told["who"], told["steps"]) =
                ((*revision).into(), who.as_str().into(), steps.into());
        }
        What::Refused { why } => told["refused"] = why.as_str().into(),
    }
    told
}

fn worker(findings: &Findings, worker: &Worker) -> Json {
    let failure = worker.last_failure.as_ref();
    json!({
        "worker": worker.name,
        "state": worker.state.name(),
        "since": moment(findings, worker.since),
        "run": worker.generation,
        "failures": worker.failures,
        "last_heartbeat": worker.last_heartbeat.map(|at| moment_at(findings, at)),
        "last_failure": failure.map(|failure| json!({
            "at": failure.at.map(|at| moment(findings, at)),
            "panicked": failure.panicked,
            "why": failure.why,
        })),
    })
}

fn loss(findings: &Findings, loss: &Loss) -> Json {
    json!({
        "cause": loss.cause.name(),
        "class": loss.class.name(),
        "shard": loss.shard,
        "count": loss.count,
        "first": moment(findings, loss.first),
        "last": moment(findings, loss.last),
    })
}

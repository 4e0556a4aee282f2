//! The report for programs.

use super::report::{Health, PartHealth, Reason};
use crate::supervisor::{CheckStatus, Probe, Probes, WorkerStatus};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

impl Health {
    /// The report as one JSON object, on one line.
    ///
    /// | key | holds |
    /// |---|---|
    /// | `level` | [`HealthLevel::name`](crate::HealthLevel::name) |
    /// | `live`, `ready`, `started` | whether the probes pass |
    /// | `starting` | what the start waits for |
    /// | `parts` | each part by its name: its `level`, and its `concerns` with `code`, `text`, `fails` (names of probes), `since_unix_ms`, `lasting_ms` and `times` |
    /// | `checks` | each with `name`, `state`, `counts_for`, `fails`, `lasting_ms`, `streak`, `reason`, `verdicts`, `failures`, `took_ms` |
    /// | `workers` | each with `name`, `state` (in words), `generation`, `restarts`, `last_failure`, `failed`, `needed` |
    /// | `revision`, `uptime_ms` | of the config in force; since the start |
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    ///
    /// let deck = Flightdeck::builder().start()?;
    /// let report: serde_json::Value = serde_json::from_str(&deck.health().to_json())?;
    /// assert_eq!(report["parts"]["events"]["level"], "healthy");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let parts: serde_json::Map<String, Value> =
            self.parts.iter().map(|part| (part.part.name().to_owned(), of_part(part))).collect();
        json!({
            "level": self.level().name(),
            "live": self.is_live(),
            "ready": self.is_ready(),
            "started": self.has_started(),
            "starting": self.starting,
            "parts": parts,
            "checks": self.checks.iter().map(of_check).collect::<Vec<_>>(),
            "workers": self.workers.iter().map(of_worker).collect::<Vec<_>>(),
            "revision": self.revision.get(),
            "uptime_ms": millis(self.uptime),
        })
        .to_string()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn names(probes: Probes) -> Vec<&'static str> {
    probes.iter().map(Probe::name).collect()
}

fn of_part(part: &PartHealth) -> Value {
    json!({
        "level": part.level().name(),
        "concerns": part.reasons.iter().map(of_reason).collect::<Vec<_>>(),
    })
}

fn of_reason(reason: &Reason) -> Value {
    json!({
        "code": reason.concern.code(),
        "text": reason.concern.to_string(),
        "fails": names(reason.concern.fails()),
        "since_unix_ms": millis(reason.since.duration_since(UNIX_EPOCH).unwrap_or_default()),
        "lasting_ms": millis(reason.lasting),
        "times": reason.times,
    })
}

fn of_check(check: &CheckStatus) -> Value {
    json!({
        "name": &*check.name,
        "state": check.state.name(),
        "counts_for": names(check.probes),
        "fails": names(check.fails),
        "lasting_ms": millis(check.lasting),
        "streak": check.streak,
        "reason": check.reason,
        "verdicts": check.verdicts,
        "failures": check.failures,
        "took_ms": check.took.map(millis),
    })
}

fn of_worker(worker: &WorkerStatus) -> Value {
    json!({
        "name": &*worker.name,
        "state": worker.state.to_string(),
        "generation": worker.generation,
        "restarts": worker.restarts,
        "last_failure": worker.last_failure,
        "failed": worker.has_failed,
        "needed": worker.is_needed,
        "restarts_hung": worker.restarts_hung,
    })
}

//! The file of a deck, as it is told of.

use super::source::Probed;
use crate::events::Query;
use crate::mapped::State;
use crate::supervisor::Probe;
use crate::telemetry::Snapshot;
use crate::{RecordedHealth, RecordedValue, Recording};
use serde_json::{Map, Value, json};

/// The file of a deck whose process runs, or ran.
pub(super) struct File(pub(super) Recording);

impl File {
    pub(super) fn snapshot(&self) -> Result<Snapshot, String> {
        self.0.telemetry().map(|telemetry| telemetry.snapshot()).map_err(|error| error.to_string())
    }

    pub(super) fn query(&self) -> Query<'_> {
        self.0.events().query()
    }

    /// Why nobody writes it any more; `None` while somebody does.
    fn is_over(&self) -> Option<&'static str> {
        let file = self.0.file();
        // First the lock: who closes does that before it lets go.
        let has_writer = file.has_writer();
        match (file.state(), has_writer) {
            (Some(State::Running), Ok(true)) => None,
            (Some(State::Closed), _) => Some("its process closed the deck"),
            (Some(State::Copied), _) => Some("it is a copy that a deck wrote of itself"),
            (Some(State::Running), Ok(false)) => Some("its process is gone, and had not closed the deck"),
            _ => Some("whether its process runs is not known"),
        }
    }

    /// As it was told last.
    fn last(&self) -> Option<RecordedHealth> {
        self.0.health().ok().and_then(|told| told.what)
    }

    pub(super) fn probe(&self, probe: Probe) -> Probed {
        if let Some(why) = self.is_over() {
            return Probed { passes: false, reasons: vec![why.to_owned()] };
        }
        let Some(health) = self.last() else {
            // Whoever runs is alive, as far as can be told.
            let reasons = vec!["its process has not said yet how it is".to_owned()];
            return Probed { passes: probe == Probe::Live, reasons };
        };
        let passes = match probe {
            Probe::Live => health.is_live,
            Probe::Ready => health.is_ready,
            Probe::Startup => health.has_started,
        };
        Probed { passes, reasons: health.concerns.iter().map(|concern| concern.text.to_string()).collect() }
    }

    /// As an object.
    pub(super) fn health(&self) -> String {
        let over = self.is_over();
        let health = self.last().map(|health| {
            let concern = |concern: &crate::RecordedConcern| {
                json!({ "code": &*concern.code, "part": &*concern.part, "text": &*concern.text, "times": concern.times })
            };
            json!({
                "level": health.level.name(),
                "live": health.is_live,
                "ready": health.is_ready,
                "started": health.has_started,
                "concerns": health.concerns.iter().map(concern).collect::<Vec<_>>(),
            })
        });
        json!({ "runs": over.is_none(), "why": over, "last": health }).to_string()
    }

    /// Revisions in force, by the names of their configs.
    pub(super) fn configs(&self) -> Result<String, String> {
        let told = self.0.configs().map_err(|error| error.to_string())?;
        let in_force = told.what.into_iter().filter(|revision| revision.is_in_force).map(|revision| {
            let value = match &revision.value {
                RecordedValue::Json(text) => {
                    serde_json::from_str(text).unwrap_or_else(|_| Value::from(&**text))
                }
                RecordedValue::TooLong { .. } | RecordedValue::NotKept => Value::Null,
            };
            (revision.config.to_string(), json!({ "revision": revision.number, "value": value }))
        });
        Ok(Value::Object(in_force.collect::<Map<_, _>>()).to_string())
    }
}

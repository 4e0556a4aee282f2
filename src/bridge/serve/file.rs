//! The file of a deck, as it is told of.

use super::source::Probed;
use crate::mapped::State;
use crate::supervisor::Probe;
use crate::sync::{Arc, Mutex};
use crate::telemetry::{self, Snapshot};
use crate::{RecordedHealth, RecordedValue, Recording};
use serde_json::{Map, Value, json};

/// The file of a deck whose process runs, or ran; once it ended, that of its next life at the same place, if there is one.
pub(super) struct File(Mutex<Arc<Life>>);

/// One life of it.
pub(super) struct Life {
    pub(super) recording: Recording,
    /// Kept, as it remembers which series there were.
    telemetry: Result<telemetry::Recording, String>,
}

impl File {
    pub(super) fn new(recording: Recording) -> Self {
        Self(Mutex::new(Arc::new(Life::new(recording))))
    }

    pub(super) fn now(&self) -> Arc<Life> {
        let mut life = self.0.lock();
        if life.is_over().is_some() {
            // What cannot be opened may be in the making: whoever asks next looks again.
            if let Ok(Some(next)) = life.recording.successor() {
                *life = Arc::new(Life::new(next));
            }
        }
        life.clone()
    }
}

impl Life {
    fn new(recording: Recording) -> Self {
        let telemetry = recording.telemetry().map_err(|error| error.to_string());
        Self { recording, telemetry }
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, String> {
        self.telemetry.as_ref().map(telemetry::Recording::snapshot).map_err(Clone::clone)
    }

    /// Why nobody writes it any more; `None` while somebody does.
    fn is_over(&self) -> Option<&'static str> {
        let file = self.recording.file();
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
        self.recording.health().ok().and_then(|told| told.what)
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
        // All concerns: which probes each fails is not in the file.
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
        let told = self.recording.configs().map_err(|error| error.to_string())?;
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

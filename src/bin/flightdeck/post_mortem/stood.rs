//! How things stood, as the deck kept it in its file beside its events.

use flightdeck::telemetry::Snapshot;
use flightdeck::{PartError, RecordedHealth, RecordedRevision, RecordedWorker, Recording, Told};

/// What there is of it: a file of events alone has none, and another version's may not be read.
pub struct Stood {
    pub configs: Result<Told<Vec<RecordedRevision>>, PartError>,
    pub workers: Result<Told<Vec<RecordedWorker>>, PartError>,
    pub health: Result<Told<Option<RecordedHealth>>, PartError>,
    pub metrics: Result<Metrics, String>,
}

/// What was counted, and how much of it cannot be said.
pub struct Metrics {
    pub snapshot: Snapshot,
    /// Series without a name, those that make no sense, and those of which some threads' parts are missing.
    pub nameless: u64,
    pub unreadable: u64,
    pub incomplete: usize,
}

impl Stood {
    pub fn gather(recording: &Recording) -> Self {
        let metrics = recording.telemetry().map(|telemetry| Metrics {
            snapshot: telemetry.snapshot(),
            nameless: telemetry.nameless(),
            unreadable: telemetry.unreadable(),
            incomplete: telemetry.incomplete().len(),
        });
        Self {
            configs: recording.configs(),
            workers: recording.workers(),
            health: recording.health(),
            metrics: metrics.map_err(|error| error.to_string()),
        }
    }

    /// What there is and could not be read, in words.
    pub fn refused(&self) -> Vec<String> {
        let parts = [self.configs.as_ref().err(), self.workers.as_ref().err(), self.health.as_ref().err()];
        let told = |error: &PartError| !matches!(error, PartError::Absent { .. });
        parts.into_iter().flatten().filter(|error| told(error)).map(ToString::to_string).collect()
    }
}

//! What is watched: a whole deck, or metrics that have a file of their own.

use flightdeck::events::RecordingError;
use flightdeck::mapped::{OpenError, Opened};
use flightdeck::{Recording, telemetry};

/// A file that is watched.
pub enum Watched {
    Deck(Recording),
    /// There are no events in it, and nothing that a deck keeps beside them.
    Metrics(telemetry::Recording),
}

impl Watched {
    /// Opens a file, a second time if there are no events in it.
    pub fn of(open: impl Fn() -> Result<Opened, OpenError>) -> Result<Self, RecordingError> {
        match Recording::of(open()?) {
            Err(no_events @ RecordingError::NoEvents { .. }) => {
                telemetry::Recording::of(open()?).map(Self::Metrics).map_err(|_| no_events)
            }
            deck => deck.map(Self::Deck),
        }
    }

    pub fn file(&self) -> &Opened {
        match self {
            Self::Deck(recording) => recording.file(),
            Self::Metrics(recording) => recording.file().expect("it was opened from one"),
        }
    }

    pub fn deck(&self) -> Option<&Recording> {
        match self {
            Self::Deck(recording) => Some(recording),
            Self::Metrics(_) => None,
        }
    }

    pub fn telemetry(&self) -> Option<telemetry::Recording> {
        match self {
            Self::Deck(recording) => recording.telemetry().ok(),
            Self::Metrics(recording) => Some(recording.clone()),
        }
    }
}

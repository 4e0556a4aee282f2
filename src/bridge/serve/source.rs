//! What is told of: a deck of this process, or the file of one.

use crate::bridge::openmetrics::{Format, Own, Renderer};
use crate::events::{Events, Query};
use crate::hub::HealthHandle;
use crate::supervisor::Probe;
use crate::telemetry::Telemetry;
#[cfg(all(feature = "mapped", target_os = "linux"))]
use {super::file::File, crate::sync::Arc};

/// What is told of.
pub(super) enum Source {
    /// A deck that runs here.
    Deck(Box<Deck>),
    /// A deck that another process wrote.
    #[cfg(all(feature = "mapped", target_os = "linux"))]
    File(Arc<File>),
}

/// Handles of a deck that runs here.
pub(super) struct Deck {
    pub(super) telemetry: Telemetry,
    pub(super) events: Events,
    pub(super) health: HealthHandle,
}

/// How a probe went.
pub(super) struct Probed {
    pub(super) passes: bool,
    /// What is the matter, a line each.
    pub(super) reasons: Vec<String>,
}

impl Source {
    /// Appends a page of metrics; what is the matter if there are none.
    pub(super) fn metrics(
        &self,
        renderer: &Renderer,
        format: Format,
        page: &mut String,
    ) -> Result<(), String> {
        match self {
            Self::Deck(deck) => {
                let own = Own::telemetry(&deck.telemetry.stats()).with_events(&deck.events.status());
                renderer.render(&deck.telemetry.snapshot(), &own, format, page);
            }
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::File(file) => _ = renderer.render(&file.now().snapshot()?, &Own::none(), format, page),
        }
        Ok(())
    }

    pub(super) fn probe(&self, probe: Probe) -> Probed {
        match self {
            Self::Deck(deck) => {
                let health = deck.health.health();
                let reasons = health.reasons().filter(|reason| reason.concern.fails().contains(probe));
                let reasons = reasons.map(|reason| reason.concern.to_string()).collect();
                Probed { passes: health.passes(probe), reasons }
            }
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::File(file) => file.now().probe(probe),
        }
    }

    /// All of how it is.
    pub(super) fn health(&self) -> String {
        match self {
            Self::Deck(deck) => deck.health.health().to_json(),
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::File(file) => file.now().health(),
        }
    }

    /// What is asked of its events, as an object.
    pub(super) fn events(&self, ask: impl FnOnce(Query<'_>) -> Query<'_>) -> Result<String, String> {
        let told = |query| match ask(query).run() {
            Ok(found) => Ok(found.json().to_string()),
            Err(error) => Err(error.to_string()),
        };
        match self {
            Self::Deck(deck) => told(deck.events.query()),
            #[cfg(all(feature = "mapped", target_os = "linux"))]
            Self::File(file) => told(file.now().recording.events().query()),
        }
    }
}

//! What the live view and the progress lines show: told by the course, asked from the running deck.

use super::settings::Settings;
use super::variant::Equipment;
use flightdeck::Flightdeck;
use flightdeck::telemetry::{Histogram, Telemetry};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Shared between the course and whoever shows it.
pub struct Live {
    now: Mutex<Now>,
    /// The recording deck.
    pub deck: Flightdeck<Settings>,
    /// Latency at the client while recording, and without a deck.
    pub latency: [Histogram; 2],
    /// Where the latencies go that do not count.
    pub warm_up: Histogram,
    pub length: Duration,
}

/// How far the course is.
#[derive(Clone, Debug, Default)]
pub struct Now {
    pub elapsed: Duration,
    pub round: u32,
    pub rounds: u32,
    pub turn: Option<Equipment>,
    /// Requests a second, a turn each, the latest last.
    pub rates: Vec<(Equipment, u64)>,
    /// What happened, the latest last.
    pub said: Vec<String>,
}

impl Live {
    pub fn new(deck: &Flightdeck<Settings>, clients: &Telemetry, length: Duration) -> Self {
        let latency =
            [Equipment::Recording, Equipment::Bare].map(|equipment| clients.histogram(equipment.key()));
        let warm_up = clients.histogram("warm_up");
        Self { now: Mutex::default(), deck: deck.clone(), latency, warm_up, length }
    }

    /// Changes what is shown.
    pub fn note(&self, change: impl FnOnce(&mut Now)) {
        let mut now = self.lock();
        change(&mut now);
        // As much as the widest terminal shows.
        let over = now.rates.len().saturating_sub(4 * 256);
        now.rates.drain(..over);
    }

    /// Tells of something that happened.
    pub fn say(&self, what: String) {
        self.note(|now| now.said.push(format!("+{:.1} s  {what}", now.elapsed.as_secs_f64())));
    }

    pub fn now(&self) -> Now {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    /// The latest rate of a variant.
    pub fn rate(&self, equipment: Equipment) -> Option<u64> {
        self.rates.iter().rev().find(|(of, _)| *of == equipment).map(|(_, rate)| *rate)
    }
}

//! The variants of the host that are compared, and what was measured of each.

use super::DemoError;
use super::flight::Flight;
use super::host::{Host, Shared};
use super::load::Slow;
use super::settings::Settings;
use flightdeck::Flightdeck;
use flightdeck::config::Published;
use flightdeck::telemetry::{Histogram, Telemetry};
use std::time::Duration;

/// How a host is equipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equipment {
    /// Without a deck.
    Bare,
    /// The same once more: what differs from the first is noise.
    BareAgain,
    /// With a deck all of whose kinds are switched off.
    SwitchedOff,
    /// With a deck that records.
    Recording,
}

impl Equipment {
    pub const ALL: [Self; 4] = [Self::Bare, Self::BareAgain, Self::SwitchedOff, Self::Recording];

    /// As reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "no deck",
            Self::BareAgain => "no deck, again",
            Self::SwitchedOff => "switched off",
            Self::Recording => "recording",
        }
    }

    /// As programs read it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Bare => "no_deck",
            Self::BareAgain => "no_deck_again",
            Self::SwitchedOff => "switched_off",
            Self::Recording => "recording",
        }
    }
}

/// One host and its measurements.
pub struct Variant {
    pub equipment: Equipment,
    pub host: Host,
    pub deck: Option<Flightdeck<Settings>>,
    /// At the client, in nanoseconds.
    pub latency: Histogram,
    pub rounds: Vec<Round>,
    /// The slowest request of each round.
    pub slow: Vec<Slow>,
    pub failed: u64,
}

/// What one turn of a variant came to.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub requests: u64,
    pub time: Duration,
    /// What the host's thread used of a processor; absent where the system does not tell.
    pub cpu: Option<Duration>,
}

impl Round {
    /// Nanoseconds of processor time a request.
    pub fn cost(&self) -> Option<f64> {
        let cpu = self.cpu.filter(|_| self.requests > 0)?;
        Some(cpu.as_nanos() as f64 / self.requests as f64)
    }
}

impl Variant {
    /// Starts a host on a deck of its own, or on none.
    pub fn start(
        equipment: Equipment,
        shared: std::sync::Arc<Shared>,
        deck: Option<Flightdeck<Settings>>,
        clients: &Telemetry,
    ) -> Result<Self, DemoError> {
        Ok(Self {
            equipment,
            host: Host::start(equipment.name(), shared)?,
            deck,
            latency: clients.histogram(equipment.key()),
            rounds: Vec::new(),
            slow: Vec::new(),
            failed: 0,
        })
    }

    /// A host without a deck.
    pub fn bare(equipment: Equipment, first: Settings, clients: &Telemetry) -> Result<Self, DemoError> {
        Self::start(equipment, Shared::new(Flight::none(), first), None, clients)
    }

    /// Changes the config: a deck's subscriber tells the host, a host without a deck is told by hand.
    pub fn configure(&self, settings: Settings) -> Option<Published> {
        match &self.deck {
            Some(deck) => deck.config().replace(settings).ok(),
            None => {
                self.host.shared.apply(settings);
                None
            }
        }
    }

    pub fn requests(&self) -> u64 {
        self.rounds.iter().map(|round| round.requests).sum()
    }

    /// Requests a second, over all rounds.
    pub fn rate(&self) -> f64 {
        let time: Duration = self.rounds.iter().map(|round| round.time).sum();
        if time.is_zero() { 0.0 } else { self.requests() as f64 / time.as_secs_f64() }
    }

    /// The median over rounds, in nanoseconds a request.
    pub fn cost(&self) -> Option<f64> {
        median(self.rounds.iter().filter_map(Round::cost))
    }

    /// The median of the ratios round by round: what changes from round to round hits both alike.
    pub fn cost_against(&self, other: &Self) -> Option<f64> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.filter_map(|(ours, theirs)| Some(ours.cost()? / theirs.cost()?)))
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let (below, above) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((below + above) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        let of = |values: &[f64]| median(values.iter().copied());
        assert_eq!([of(&[]), of(&[3.0]), of(&[9.0, 1.0])], [None, Some(3.0), Some(5.0)]);
        assert_eq!(of(&[100.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn a_round_without_requests_has_no_cost() {
        let round = |requests, cpu| Round { requests, time: Duration::from_secs(1), cpu };
        assert_eq!(round(10, Some(Duration::from_micros(50))).cost(), Some(5_000.0));
        assert_eq!((round(0, Some(Duration::ZERO)).cost(), round(10, None).cost()), (None, None));
    }
}

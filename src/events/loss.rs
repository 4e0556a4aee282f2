//! What was not kept, by cause. Cold, and reached from any context: atomic additions only.

use crate::clock::Ticks;
use crate::sync::{AtomicU64, Relaxed};

/// Why an event was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossCause {
    /// More threads wrote at once than there were shards, and the shared ones were busy.
    NoShard,
    /// It was larger than the store takes.
    TooLarge,
    /// More kinds are in use than a deck keeps apart.
    TooManyKinds,
    /// The deck had stopped.
    Stopped,
}

impl LossCause {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::NoShard, Self::TooLarge, Self::TooManyKinds, Self::Stopped];

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoShard => "no_shard",
            Self::TooLarge => "too_large",
            Self::TooManyKinds => "too_many_kinds",
            Self::Stopped => "stopped",
        }
    }
}

/// How many events were lost to one cause, and when the last one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Why.
    pub cause: LossCause,
    /// How many.
    pub count: u64,
    /// The time of the last one.
    pub last: Ticks,
}

/// The counters. Relaxed throughout: each stands for itself.
#[derive(Debug, Default)]
pub(crate) struct Losses([Cell; LossCause::ALL.len()]);

#[derive(Debug, Default)]
struct Cell {
    count: AtomicU64,
    last: AtomicU64,
}

impl Losses {
    #[cold]
    pub(crate) fn count(&self, cause: LossCause, at: Ticks) {
        let cell = &self.0[cause as usize];
        cell.last.fetch_max(at.0, Relaxed);
        cell.count.fetch_add(1, Relaxed);
    }

    /// Those that occurred.
    pub(crate) fn all(&self) -> Vec<Loss> {
        let loss = |cause: LossCause| {
            let cell = &self.0[cause as usize];
            Loss { cause, count: cell.count.load(Relaxed), last: Ticks(cell.last.load(Relaxed)) }
        };
        LossCause::ALL.into_iter().map(loss).filter(|loss| loss.count > 0).collect()
    }

    /// From these ticks on nothing was lost; 0: nothing at all.
    pub(crate) fn since(&self) -> u64 {
        self.all().iter().map(|loss| loss.last.0.saturating_add(1)).max().unwrap_or(0)
    }
}

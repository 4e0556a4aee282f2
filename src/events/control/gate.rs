//! The gates of a store: for each kind that is sampled or limited, how. Read by every event of such a kind, written
//! when directives change.
//!
//! Every word stands for itself and is Relaxed. The first gate of a kind is in place before edge `kind-known` (see
//! `kinds`) makes its number known; of a later change a thread may for a moment see one word and not the next.

use super::bucket::Bucket;
use super::rate::Pace;
use crate::region::{Region, Words};
use crate::sync::{AtomicU64, Relaxed};

/// Words of a gate: those below, filled up to a line, so that threads that take from one bucket leave the next alone.
const WORDS: usize = 8;
const EVERY: usize = 0;
const INTERVAL: usize = 1;
const AHEAD: usize = 2;
const BUCKET: usize = 3;

/// The number of a gate, which a kind keeps once it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub u16);

/// What a gate lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::events) struct Setting {
    /// One of so many.
    pub(in crate::events) every: u32,
    /// At most so many; none: any number.
    pub(in crate::events) pace: Option<Pace>,
}

/// All gates, `SLOTS` of them.
#[derive(Debug)]
pub(in crate::events) struct Gates(Words);

impl Gates {
    /// All zero; `None` where the system has not as much memory. What is not used is never touched.
    pub(in crate::events) fn new(slots: usize) -> Option<Self> {
        Some(Self(Region::heap(slots * WORDS)?.words(0, slots * WORDS)))
    }

    #[inline(always)]
    fn word(&self, slot: Slot, number: usize) -> &AtomicU64 {
        self.0.at(usize::from(slot.0) * WORDS + number)
    }

    /// One of how many the sample lets through.
    #[inline(always)]
    pub(super) fn every(&self, slot: Slot) -> u64 {
        self.word(slot, EVERY).load(Relaxed)
    }

    /// The rate, if there is one.
    #[inline(always)]
    pub(super) fn pace(&self, slot: Slot) -> Option<Pace> {
        let interval = self.word(slot, INTERVAL).load(Relaxed);
        (interval != 0).then(|| Pace { interval, ahead: self.word(slot, AHEAD).load(Relaxed) })
    }

    #[inline(always)]
    pub(super) fn bucket(&self, slot: Slot) -> Bucket<'_> {
        Bucket(self.word(slot, BUCKET))
    }

    /// Called under the lock of all changes. A rate that differs begins with a full bucket; one that does not goes on.
    pub(in crate::events) fn set(&self, slot: Slot, setting: Setting) {
        let differs = self.pace(slot) != setting.pace;
        let Pace { interval, ahead } = setting.pace.unwrap_or(Pace { interval: 0, ahead: 0 });
        self.word(slot, EVERY).store(u64::from(setting.every), Relaxed);
        self.word(slot, AHEAD).store(ahead, Relaxed);
        self.word(slot, INTERVAL).store(interval, Relaxed);
        if differs {
            self.bucket(slot).fill();
        }
    }
}

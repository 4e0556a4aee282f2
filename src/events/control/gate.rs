//! The gates of a store: for each kind that is sampled or limited, how. Read by every event of such a kind, written
//! when directives change.
//!
//! Words of a gate are Relaxed. The first gate of a kind is in place before edge `kind-known` (see `kinds`) makes its
//! number known; of a later change a thread may for a moment see one word and not the next. What such a thread takes at
//! a pace that is no longer does not stay in the bucket: see `bucket`.

use super::bucket::Bucket;
use super::rate::Pace;
use crate::region::{Region, Words};
use crate::sync::{AtomicU64, Relaxed};

/// Words of a line, of which each gate has one, so that threads that take from one bucket leave the next alone.
pub(super) const LINE: usize = 8;
/// How many events the sample leaves out between two; zero: there is none.
const SKIPS: usize = 0;
/// Of the rate, in ticks; zero: there is none.
const INTERVAL: usize = 1;
const AHEAD: usize = 2;
const BUCKET: usize = 3;

/// Which gate, for a kind that keeps it once it has one; also, where its counts are. The number in the bits from
/// [`Slot::LOWEST`] on, where a word has it that names it: so it is taken from there as it stands, and whoever looks it
/// up masks the rest away, since a line has as many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// The lowest bit of the number.
    pub(in crate::events) const LOWEST: u32 = 6;

    /// The gate of this number.
    pub const fn of(number: u16) -> Self {
        Self((number as u32) << Self::LOWEST)
    }

    /// The gate that a word names.
    #[inline(always)]
    pub(in crate::events) const fn in_word(word: u64) -> Self {
        Self(word as u32)
    }

    /// As it stands in a word.
    pub(in crate::events) const fn word(self) -> u64 {
        (self.0 >> Self::LOWEST << Self::LOWEST) as u64
    }

    /// Its line among `N` lines, a power of two.
    ///
    /// # Safety
    /// The run has so many lines.
    #[inline(always)]
    pub(super) unsafe fn line<const N: usize>(self, lines: &Words) -> &[AtomicU64; LINE] {
        const { assert!(N.is_power_of_two()) };
        let number = self.0 as usize >> Self::LOWEST & (N - 1);
        // SAFETY: one of the lines (contract).
        unsafe { &*lines.run_unchecked(0, N * LINE).as_ptr().add(number * LINE).cast() }
    }
}

/// What a gate lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// One of so many, at least one.
    pub every: u32,
    /// At most so many; none: any number.
    pub pace: Option<Pace>,
    /// Whether the rate is another one than the last time, and not only its pace: it begins with a full bucket.
    pub is_another_rate: bool,
}

/// All gates, `N` of them, a power of two.
///
/// Invariant: the words are so many lines.
#[derive(Debug)]
pub struct Gates<const N: usize>(Words);

/// One gate.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a>(&'a [AtomicU64; LINE]);

impl<const N: usize> Gates<N> {
    /// All zero; `None` where the system has not as much memory. What is not used is never touched.
    pub fn new() -> Option<Self> {
        const { assert!(N.is_power_of_two()) };
        Some(Self(Region::heap(N * LINE)?.words(0, N * LINE)))
    }

    /// One of them.
    #[inline(always)]
    pub fn at(&self, slot: Slot) -> Gate<'_> {
        // SAFETY: so many lines (invariant).
        Gate(unsafe { slot.line::<N>(&self.0) })
    }

    /// Called under the lock of all changes. A rate that is another one begins with a full bucket; one that is not goes
    /// on, at its pace of `now`.
    pub fn set(&self, slot: Slot, setting: Setting, now: impl FnOnce() -> u64) {
        let gate = self.at(slot);
        let before = gate.pace();
        let Pace { interval, ahead } = setting.pace.unwrap_or(Pace { interval: 0, ahead: 0 });
        gate.0[SKIPS].store(u64::from(setting.every) - 1, Relaxed);
        gate.0[AHEAD].store(ahead, Relaxed);
        gate.0[INTERVAL].store(interval, Relaxed);
        match (before, setting.pace) {
            (Some(before), Some(pace)) if !setting.is_another_rate => {
                gate.bucket().follow(before, pace, now());
            }
            _ => gate.bucket().fill(),
        }
    }
}

impl<'a> Gate<'a> {
    /// How many events the sample leaves out between two; zero: there is none.
    #[inline(always)]
    pub(super) fn skips(self) -> u64 {
        self.0[SKIPS].load(Relaxed)
    }

    /// The rate, if there is one.
    #[inline(always)]
    pub(super) fn pace(self) -> Option<Pace> {
        let interval = self.0[INTERVAL].load(Relaxed);
        (interval != 0).then(|| Pace { interval, ahead: self.0[AHEAD].load(Relaxed) })
    }

    /// Of the rate. Of a gate without one it is full.
    #[inline(always)]
    pub fn bucket(self) -> Bucket<'a> {
        Bucket(&self.0[BUCKET])
    }

    /// Takes a token of the rate at the time that `now` tells, if there is a rate: whether there was one.
    #[inline(always)]
    pub fn take(self, now: impl FnOnce() -> u64) -> Option<bool> {
        self.bucket().take_at(|| self.pace(), now)
    }
}

//! An event of a kind that is sampled or limited comes by: its thread's sample first, then the rate of the kind.

use super::bucket::bucket_time;
use super::quota::Quotas;
use super::tally::{Cell, Counts, Tallies};
use super::watch::Watchers;
use crate::clock::{Clock, Converter, Course};
use crate::events::handle::Events;
use crate::events::kinds::Gated;
use crate::events::record::Lead;
use crate::events::schema::Event;
use crate::events::store::Store;
use crate::sync::{Arc, AtomicU64, CachePadded, Mutex, Relaxed};
use std::time::Duration;

/// Of so many times that a thread is refused, it looks at the clock itself once.
const LOOK_EVERY: u64 = 16;
/// A beat slower than this is none.
const SLOWEST_BEAT: Duration = Duration::from_millis(10);

/// What a store needs to hold events back, beside the gates themselves.
#[derive(Debug)]
pub(in crate::events) struct Control {
    pub(in crate::events) tallies: Tallies,
    pub(super) quotas: Quotas,
    pub(in crate::events) watchers: Watchers,
    /// How the clock ran when rates and quotas were told in its ticks last. Held by whoever tells them: cold.
    pub(super) told: Mutex<Course>,
    beat: CachePadded<Beat>,
}

impl Control {
    /// Before the first rate is told. `None` where the system has not as much memory.
    pub(in crate::events) fn new(clock: &Clock) -> Option<Self> {
        let (tallies, quotas, told) = (Tallies::new()?, Quotas::default(), Mutex::new(clock.course()));
        let (watchers, beat) = (Watchers::default(), CachePadded::new(Beat::default()));
        Some(Self { tallies, quotas, watchers, told, beat })
    }
}

/// What time it was a moment ago, from whoever has a thread for that. Relaxed: each word stands for itself.
#[derive(Debug)]
struct Beat {
    /// In the time of buckets; while nobody keeps it up, the end of time, at which no bucket is empty for sure.
    now: AtomicU64,
    /// When the last one was, kept up or not.
    last: AtomicU64,
    /// How many ticks after it the next one must come; zero before the first.
    slowest: AtomicU64,
}

impl Default for Beat {
    fn default() -> Self {
        Self { now: AtomicU64::new(Self::NONE), last: AtomicU64::new(0), slowest: AtomicU64::new(0) }
    }
}

impl Beat {
    const NONE: u64 = u64::MAX;

    #[inline(always)]
    fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }
}

impl Store {
    /// How the record begins, if sample and rate let the event through. Here, where it is called and yet off the straight
    /// line, is decided about what they hold back as a rule; the rest is out of line, and decides anew.
    #[inline(always)]
    pub(in crate::events) fn pass(self: &Arc<Self>, gated: Gated) -> Option<Lead> {
        let gate = self.kinds.gates.at(gated.slot());
        let held_back = self.with_counts_at_hand(gated.slot(), |own| {
            let (left, skips) = (own.get(Cell::Left).wrapping_sub(1), gate.skips());
            // Never without a sample; and as many or more are from before the directives changed.
            if left < skips {
                own.set(Cell::Left, left);
                return true;
            }
            let refused = own.get(Cell::Limited);
            let is_refused =
                skips == 0 && gate.bucket().is_empty(self.control.beat.now()) && !is_due(refused);
            if is_refused {
                own.set(Cell::Limited, refused.wrapping_add(1));
            }
            is_refused
        });
        if held_back == Some(true) { None } else { self.pass_otherwise(gated) }
    }

    /// Whatever the event may meet.
    #[inline(never)]
    fn pass_otherwise(self: &Arc<Self>, gated: Gated) -> Option<Lead> {
        let own = self.with_counts(gated.slot(), |own| self.pass_own(gated, own));
        own.unwrap_or_else(|| self.pass_shared(gated))
    }

    fn pass_own(&self, gated: Gated, own: Counts<'_>) -> Option<Lead> {
        let gate = self.kinds.gates.at(gated.slot());
        let skips = gate.skips();
        if skips > 0 {
            let left = own.get(Cell::Left).wrapping_sub(1);
            if left < skips {
                own.set(Cell::Left, left);
                return None;
            }
            own.begin_to_skip(skips);
        }
        match gate.take(|| self.time(own.get(Cell::Limited))) {
            None => {}
            Some(true) => own.count(Cell::Granted),
            Some(false) => {
                own.count(Cell::Limited);
                return None;
            }
        }
        Some(gated.lead())
    }

    /// Counted in the shared slab: by atomic additions alone, in any context.
    #[cold]
    #[inline(never)]
    fn pass_shared(&self, gated: Gated) -> Option<Lead> {
        let (gate, shared) = (self.kinds.gates.at(gated.slot()), self.control.tallies.shared(gated.slot()));
        let skips = gate.skips();
        if skips > 0 {
            let shown = shared.count_shared(Cell::Shown);
            if shown.checked_rem(skips + 1).is_some_and(|turn| turn != 0) {
                shared.count_shared(Cell::Skipped);
                return None;
            }
            shared.count_shared(Cell::Chosen);
        }
        if let Some(has_token) = gate.take(|| self.exact_time()) {
            shared.count_shared(if has_token { Cell::Granted } else { Cell::Limited });
            if !has_token {
                return None;
            }
        }
        Some(gated.lead())
    }

    /// As [`Store::pass`], touching nothing that belongs to the thread.
    pub(in crate::events) fn pass_in_signal(&self, gated: Gated) -> Option<Lead> {
        self.pass_shared(gated)
    }

    /// What time it is for buckets, as exactly as they have to know it, for somebody who was refused so often.
    #[inline(always)]
    pub(super) fn time(&self, refused: u64) -> u64 {
        let beat = self.control.beat.now();
        if beat == Beat::NONE || is_due(refused) { self.look() } else { beat }
    }

    #[inline(always)]
    fn exact_time(&self) -> u64 {
        bucket_time(&self.clock)
    }

    /// What time it is for buckets; a beat that was not kept up is none.
    #[inline(never)]
    fn look(&self) -> u64 {
        let (now, beat) = (self.exact_time(), &self.control.beat);
        if now.saturating_sub(beat.now()) > beat.slowest.load(Relaxed) {
            beat.now.store(Beat::NONE, Relaxed);
        }
        now
    }

    /// Whether the beat is one, should somebody have kept it up. For whoever comes by now and then: a thread looks by itself
    /// only once in a while.
    pub(crate) fn look_after_beat(&self) {
        if self.control.beat.now() != Beat::NONE {
            self.look();
        }
    }

    /// Whether somebody has begun to keep a beat up.
    pub(super) fn has_beat(&self) -> bool {
        self.control.beat.slowest.load(Relaxed) != 0
    }

    /// Tells how slow a beat may be, in ticks.
    pub(super) fn set_slowest_beat(&self, clock: &Converter) {
        self.control.beat.slowest.store(clock.ticks_in(SLOWEST_BEAT), Relaxed);
    }
}

/// Whether somebody who was refused so often looks at the clock itself, whatever the beat says: should nobody keep it up
/// any more, this shows it.
#[inline(always)]
const fn is_due(refused: u64) -> bool {
    refused.is_multiple_of(LOOK_EVERY)
}

impl Events {
    /// Whether an event of this kind would be recorded, for hosts to whom it is dear to make one: one load and a branch.
    /// `false` only if its kind is off. One that is sampled or limited is asked when it is recorded, and not before.
    #[inline(always)]
    #[must_use]
    pub fn is_enabled<E: Event>(&self) -> bool {
        !self.store().kinds.look(E::site()).is_off()
    }

    /// Tells rates and quotas what time it is, so that they need not look at the clock for every event they hold back:
    /// to be called every millisecond or so by whoever has a thread for that. Called less often than every 10 ms, or
    /// never, what is held back costs a reading of the clock. The first call may wait up to 5 ms for a sound rate.
    ///
    /// Where the calls stop, time stands still for rates and quotas until somebody looks at the clock: in a deck within
    /// a quarter of a second. In a store alone it is whoever is refused that looks, once in 16 times; so up to 15 events of
    /// each thread and kind, or of each key, may still be held back that had a token.
    pub fn tick(&self) {
        let (store, beat) = (self.store(), &self.store().control.beat);
        if !store.has_beat() {
            store.set_slowest_beat(&self.clock().converter());
        }
        let now = self.store().exact_time();
        let since = now.saturating_sub(beat.last.swap(now, Relaxed));
        let is_kept_up = since <= beat.slowest.load(Relaxed);
        beat.now.store(if is_kept_up { now } else { Beat::NONE }, Relaxed);
    }
}

//! An event of a kind that is sampled or limited comes by: its thread's sample first, then the rate of the kind.

use super::directives::Directives;
use super::gate::Slot;
use super::quota::Quotas;
use super::rate::Pace;
use super::tally::{self, Cell, Counts, Tallies};
use crate::events::handle::Events;
use crate::events::kinds::{Gated, SLOTS, Switch};
use crate::events::record::Lead;
use crate::events::schema::Event;
use crate::events::store::Store;
use crate::sync::{Arc, AtomicU64, CachePadded, Relaxed};
use std::time::Duration;

/// A thread that is refused looks at the clock itself this often, whatever the beat says.
const LOOK_EVERY: u64 = 16;
/// A beat slower than this is none.
const SLOWEST_BEAT: Duration = Duration::from_millis(10);

/// What a store needs to hold events back, beside the gates themselves.
#[derive(Debug)]
pub(in crate::events) struct Control {
    pub(super) tallies: Tallies,
    pub(super) quotas: Quotas,
    beat: CachePadded<Beat>,
}

impl Control {
    /// `None` where the system has not as much memory.
    pub(in crate::events) fn new() -> Option<Self> {
        let (tallies, quotas) = (Tallies::new(SLOTS)?, Quotas::default());
        Some(Self { tallies, quotas, beat: CachePadded::new(Beat::default()) })
    }
}

/// What time it was a moment ago, from whoever has a thread for that. Relaxed: each word stands for itself.
#[derive(Debug, Default)]
struct Beat {
    /// In ticks; zero while nobody keeps it up.
    now: AtomicU64,
    /// The last beat, kept up or not.
    last: AtomicU64,
    /// How many ticks after it the next one must come; zero before the first.
    slowest: AtomicU64,
}

impl Store {
    /// How the record begins, if sample and rate let the event through.
    #[inline(never)]
    pub(in crate::events) fn pass(self: &Arc<Self>, gated: Gated) -> Option<Lead> {
        let slot = gated.slot();
        let passed = match tally::with(self, |own| self.pass_own(slot, own)) {
            Some(passed) => passed,
            None => self.pass_first(slot),
        };
        passed.then(|| gated.lead())
    }

    #[inline(always)]
    fn pass_own(&self, slot: Slot, own: Counts<'_>) -> bool {
        let gates = &self.kinds.gates;
        let every = gates.every(slot);
        if every > 1 {
            let turn = own.at(slot, Cell::Turn);
            let left = turn.load(Relaxed);
            // More than `every` is from before the directives changed.
            if left.wrapping_sub(1) < every - 1 {
                turn.store(left - 1, Relaxed);
                own.own(slot, Cell::Sampled);
                return false;
            }
            turn.store(every - 1, Relaxed);
        }
        if let Some(pace) = gates.pace(slot) {
            let refused = own.at(slot, Cell::Limited).load(Relaxed);
            if !gates.bucket(slot).take(pace, self.time(refused)) {
                own.own(slot, Cell::Limited);
                return false;
            }
        }
        own.own(slot, Cell::Passed);
        true
    }

    /// The first such event of a thread, or one of a thread that may not hold anything.
    #[cold]
    #[inline(never)]
    fn pass_first(self: &Arc<Self>, slot: Slot) -> bool {
        let own = tally::with_first(self, |own| self.pass_own(slot, own));
        own.unwrap_or_else(|| self.pass_shared(slot))
    }

    /// Counted in the shared slab: by atomic additions alone, in any context.
    #[cold]
    #[inline(never)]
    fn pass_shared(&self, slot: Slot) -> bool {
        let (gates, shared) = (&self.kinds.gates, self.control.tallies.shared());
        let every = gates.every(slot);
        let is_its_turn = || shared.shared(slot, Cell::Turn).checked_rem(every).is_none_or(|turn| turn == 0);
        let (passed, cell) = if every > 1 && !is_its_turn() {
            (false, Cell::Sampled)
        } else {
            let has_token = |pace: Pace| gates.bucket(slot).take(pace, self.clock.now().0);
            match gates.pace(slot).is_none_or(has_token) {
                true => (true, Cell::Passed),
                false => (false, Cell::Limited),
            }
        };
        shared.shared(slot, cell);
        passed
    }

    /// As [`Store::pass`], touching nothing that belongs to the thread.
    pub(in crate::events) fn pass_in_signal(&self, gated: Gated) -> Option<Lead> {
        self.pass_shared(gated.slot()).then(|| gated.lead())
    }

    /// What time it is, as exactly as a rate has to know it, for somebody who was refused so often.
    #[inline(always)]
    pub(super) fn time(&self, refused: u64) -> u64 {
        match self.control.beat.now.load(Relaxed) {
            0 => self.clock.now().0,
            // Also where the beat stops this goes on.
            _ if refused.is_multiple_of(LOOK_EVERY) => self.look(),
            beat => beat,
        }
    }

    /// What time it is; a beat that was not kept up is none.
    #[cold]
    #[inline(never)]
    fn look(&self) -> u64 {
        let (now, beat) = (self.clock.now().0, &self.control.beat);
        if now.saturating_sub(beat.now.load(Relaxed)) > beat.slowest.load(Relaxed) {
            beat.now.store(0, Relaxed);
        }
        now
    }
}

impl Events {
    /// Replaces all directives: which kinds are recorded, sampled, limited. Holds for kinds already met and those yet to
    /// come, and takes effect on other threads within moments, not at once. Counts of what was suppressed go on; rates
    /// that did not change do so too.
    ///
    /// May take a lock and, within 5 ms of the store's start, wait until they are over if there are rates: a rate needs a
    /// sound clock. Not for hot paths, signal handlers and the child of a fork.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { Queried("db.queried") { rows: u64 } }
    /// let events = Events::builder().build()?;
    /// (0..100).for_each(|rows| events.record(Queried { rows }));
    /// events.set_directives("db=1/10".parse()?);
    /// (0..100).for_each(|rows| events.record(Queried { rows }));
    /// assert_eq!(events.stats().written, 110);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_directives(&self, directives: Directives) {
        let store = self.store();
        let converter = directives.have_limits().then(|| store.clock.converter());
        store.kinds.set_directives(directives, converter);
    }

    /// The directives in force.
    #[must_use]
    pub fn directives(&self) -> Directives {
        self.store().kinds.directives()
    }

    /// Whether an event of this kind would be recorded, for hosts to whom it is dear to make one: one load and a branch.
    /// `false` only if its kind is off. One that is sampled or limited is asked when it is recorded, and not before.
    #[inline(always)]
    #[must_use]
    pub fn is_enabled<E: Event>(&self) -> bool {
        self.store().kinds.admit(E::site()) != Err(Switch::Off)
    }

    /// Tells rates and quotas what time it is, so that they need not look at the clock for every event they hold back:
    /// to be called every millisecond or so by whoever has a thread for that. Called less often than every 10 ms, or
    /// never, it makes no difference but this: what is held back costs a reading of the clock.
    pub fn tick(&self) {
        let (clock, beat) = (self.clock(), &self.store().control.beat);
        if beat.slowest.load(Relaxed) == 0 {
            beat.slowest.store(clock.converter().ticks_in(SLOWEST_BEAT), Relaxed);
        }
        let now = clock.now().0;
        let since = now.saturating_sub(beat.last.swap(now, Relaxed));
        let is_kept_up = since <= beat.slowest.load(Relaxed);
        beat.now.store(if is_kept_up { now } else { 0 }, Relaxed);
    }
}

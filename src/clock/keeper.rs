//! What is known of a clock: the segments it has run through, kept up by comparing it with the system's clock.
//!
//! Readers take [`Keeper::rate`], [`Keeper::offset`] and [`Keeper::converter`] without waiting; comparisons take turns.

use super::check::{Rate, compare};
use super::convert::Converter;
use super::reading::Reading;
use super::segments::{Segment, Segments};
use super::sight::Sight;
use super::status::ClockCheck;
use super::told::Told;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed, Weak};
use std::time::Duration;

/// Segments that are told apart; beyond them the oldest are taken together.
pub(super) const SEGMENTS: usize = 64;
/// How long the two sights of a rate must lie apart for it to be worth something.
pub(super) const LEAST_SPAN: Duration = Duration::from_millis(5);
/// No counter runs faster, in ticks a nanosecond: it counts a processor's nominal clock or that of a board, and none of
/// those reaches 8 GHz.
const FASTEST: f64 = 8.0;
/// More often a clock is not compared, once its rate is known well.
const LEAST_INTERVAL: Duration = Duration::from_millis(250);

/// Wherever it is told, as far as that is this process's to write.
fn each(told: &[Weak<Told>]) -> impl Iterator<Item = Arc<Told>> {
    told.iter().filter_map(Weak::upgrade).filter(|told| told.is_ours())
}

/// What is known of a clock.
#[derive(Debug)]
pub(super) struct Keeper {
    /// What is added to the counter, which may have gone back: ticks go on. Relaxed: whoever misses a change takes a
    /// stamp as of before.
    pub(super) offset: AtomicU64,
    /// Nanoseconds per tick now, as bits; 0: not known yet. Relaxed: it stands for itself.
    rate: AtomicU64,
    /// The first sight.
    pub(super) origin: Sight,
    segments: Segments,
    state: Mutex<State>,
    pub(super) counts: Counts,
}

/// What happened so far. Relaxed throughout: each stands for itself.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) checks: AtomicU64,
    pub(super) last_check: AtomicU64,
    pub(super) rate_changes: AtomicU64,
    pub(super) backward_jumps: AtomicU64,
    pub(super) suspends: AtomicU64,
    pub(super) suspended_ns: AtomicU64,
    /// As two's complement.
    pub(super) wall_ahead_ns: AtomicU64,
}

/// Of whoever compares.
#[derive(Debug)]
struct State {
    /// Where the last segment begins.
    start: Sight,
    /// Its rate.
    rate: Rate,
    /// The sight of the last comparison.
    last: Sight,
    /// Where all this is told, too.
    told: Vec<Weak<Told>>,
}

impl State {
    fn new(origin: Sight, rate: Rate) -> Self {
        Self { start: origin, rate, last: origin, told: Vec::new() }
    }
}

impl Keeper {
    pub(super) fn new(reading: &Reading) -> Self {
        let origin = reading.sight();
        let is_given = reading.is_nanoseconds();
        let ns_per_tick = if is_given { 1.0 } else { 0.0 };
        let segments = Segments::new(SEGMENTS);
        segments.append(Segment { ticks: origin.ticks, ns: 0, rate: ns_per_tick });
        let rate = Rate { ns_per_tick, error: 0.0, is_given };
        Self {
            offset: AtomicU64::new(0),
            rate: AtomicU64::new(ns_per_tick.to_bits()),
            origin,
            segments,
            state: Mutex::new(State::new(origin, rate)),
            counts: Counts::default(),
        }
    }

    /// What somebody else keeps, or kept, and told there.
    pub(super) fn recorded(segments: Segments, origin: Sight) -> Self {
        let rate = Rate { ns_per_tick: 0.0, error: 0.0, is_given: false };
        Self {
            offset: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            origin,
            segments,
            state: Mutex::new(State::new(origin, rate)),
            counts: Counts::default(),
        }
    }

    /// Tells all that is known, and what will be as long as somebody holds it.
    pub(super) fn tell(&self, told: Told) -> Arc<Told> {
        let told = Arc::new(told);
        let mut state = self.state.lock();
        self.segments.read().into_iter().for_each(|(_, segment)| told.segments.append(segment));
        told.set_offset(self.offset.load(Relaxed));
        state.told.retain(|other| other.strong_count() > 0);
        state.told.push(Arc::downgrade(&told));
        told
    }

    fn append(&self, told: &[Weak<Told>], segment: Segment) {
        self.segments.append(segment);
        each(told).for_each(|told| told.segments.append(segment));
    }

    fn refine(&self, told: &[Weak<Told>], rate: f64) {
        self.segments.refine(rate);
        each(told).for_each(|told| told.segments.refine(rate));
    }

    /// Whether the table of segments tells how fast the clock runs now.
    pub(super) fn is_rate_told(&self) -> bool {
        self.segments.read().last().is_some_and(|(_, last)| last.rate > 0.0)
    }

    /// Nanoseconds per tick now, if that is known.
    #[inline]
    pub(super) fn rate(&self) -> Option<f64> {
        let rate = f64::from_bits(self.rate.load(Relaxed));
        (rate > 0.0).then_some(rate)
    }

    /// Compares the clock with the system's, unless that was done a moment ago or somebody else is at it. Waits for
    /// nobody.
    pub(super) fn check(&self, reading: &Reading) -> ClockCheck {
        let Some(mut state) = self.state.try_lock() else { return ClockCheck::Skipped };
        let now = self.sight(reading);
        let apart = Duration::from_nanos(now.total_ns.saturating_sub(state.last.total_ns));
        let lasted = Duration::from_nanos(now.total_ns.saturating_sub(state.start.total_ns));
        if apart < (lasted / 2).clamp(LEAST_SPAN, LEAST_INTERVAL) {
            return ClockCheck::Skipped;
        }
        let found = compare(state.rate, &state.last, &now);
        self.settle(&mut state, found, now);
        found
    }

    /// Draws the consequences.
    fn settle(&self, state: &mut State, found: ClockCheck, mut now: Sight) {
        let State { start, rate, last, told } = state;
        let since_origin = |sight: &Sight| sight.total_ns.saturating_sub(self.origin.total_ns);
        let counts = &self.counts;
        let slept = match found {
            ClockCheck::Skipped => return,
            ClockCheck::Steady { slept } => {
                if !rate.is_given {
                    *rate = Rate::between(start, &now, now.total_ns - start.total_ns).unwrap_or(*rate);
                    self.refine(told, rate.ns_per_tick);
                }
                slept
            }
            ClockCheck::RateChanged { .. } => {
                counts.rate_changes.fetch_add(1, Relaxed);
                *rate = Rate::between(last, &now, now.total_ns - last.total_ns).unwrap_or(*rate);
                if start.ticks == last.ticks {
                    // It began with that comparison: its rate was a guess.
                    self.refine(told, rate.ns_per_tick);
                } else {
                    *start = *last;
                    let (ticks, ns) = (last.ticks, since_origin(last));
                    self.append(told, Segment { ticks, ns, rate: rate.ns_per_tick });
                }
                Duration::ZERO
            }
            ClockCheck::WentBack { slept } => {
                counts.backward_jumps.fetch_add(1, Relaxed);
                let passed = if rate.ns_per_tick > 0.0 {
                    now.awake_ns.saturating_sub(last.awake_ns) as f64 / rate.ns_per_tick
                } else {
                    // At an unknown rate: so many that no stamp taken meanwhile is later, whatever the rate was, and whether
                    // or not the ticks ran on in a suspension.
                    now.total_ns.saturating_sub(last.total_ns) as f64 * FASTEST
                };
                let expected = last.ticks.saturating_add(passed as u64).saturating_add(1);
                let ahead = expected.wrapping_sub(now.ticks);
                now.ticks = expected;
                let rate = rate.ns_per_tick;
                self.append(told, Segment { ticks: now.ticks, ns: since_origin(&now), rate });
                *start = now;
                let offset = self.offset.fetch_add(ahead, Relaxed).wrapping_add(ahead);
                each(told).for_each(|told| told.set_offset(offset));
                slept
            }
            ClockCheck::StoodStill { slept } => {
                let rate = rate.ns_per_tick;
                self.append(told, Segment { ticks: now.ticks, ns: since_origin(&now), rate });
                *start = now;
                slept
            }
        };
        *last = now;
        self.rate.store(rate.ns_per_tick.to_bits(), Relaxed);
        if !slept.is_zero() {
            counts.suspends.fetch_add(1, Relaxed);
            counts.suspended_ns.fetch_add(super::sight::saturating_ns(slept), Relaxed);
        }
        let expected = self.origin.unix_ns.wrapping_add(since_origin(&now));
        counts.wall_ahead_ns.store(now.unix_ns.wrapping_sub(expected), Relaxed);
        counts.last_check.store(now.ticks, Relaxed);
        counts.checks.fetch_add(1, Relaxed);
    }

    fn sight(&self, reading: &Reading) -> Sight {
        let raw = reading.sight();
        Sight { ticks: raw.ticks.wrapping_add(self.offset.load(Relaxed)), ..raw }
    }

    /// The rate as it looks from here, where it is not known yet.
    #[cold]
    #[inline(never)]
    pub(super) fn first_rate(&self, reading: &Reading) -> f64 {
        // Kept, if the start lies far enough back.
        let _ = self.check(reading);
        // From where the segment begins: what was before it, if anything, is no rate. Somebody who is at it has just seen it.
        let start = self.state.try_lock().map_or(self.origin, |state| state.start);
        let now = self.sight(reading);
        let seen = Rate::between(&start, &now, now.total_ns.saturating_sub(start.total_ns));
        self.rate().or(seen.map(|rate| rate.ns_per_tick)).unwrap_or(0.0)
    }

    /// How many segments conversions tell apart, and how many are merged.
    pub(super) fn extent(&self) -> (u64, u64) {
        let given_up = self.segments.given_up();
        (self.segments.count() - given_up.min(self.segments.count()), given_up)
    }

    /// What is known now. `rate` stands in where that of the last segment is not.
    pub(super) fn converter(&self, rate: f64) -> Converter {
        let mut segments: Vec<Segment> = Vec::new();
        let origin = Segment { ticks: self.origin.ticks, ns: 0, rate };
        for (number, segment) in self.segments.read() {
            if segments.is_empty() && number > 0 {
                // What was given up, as one: from the origin to here.
                segments.push(origin.until(&segment));
            }
            match segments.last_mut() {
                // It ended before its rate was known.
                Some(before) if before.rate == 0.0 => *before = before.until(&segment),
                _ => {}
            }
            segments.push(segment);
        }
        match segments.last_mut() {
            // The rate may have become known since.
            Some(last) if last.rate == 0.0 => last.rate = rate,
            Some(_) => {}
            None => segments.push(origin),
        }
        Converter::new(segments, self.origin.unix_ns)
    }
}

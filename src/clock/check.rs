//! Comparing the clock that stamps events with the system's: what two sights of both say.

use super::sight::Sight;
use super::status::ClockCheck;
use std::time::Duration;

/// A change of rate up to this much is left to the next refinement: the system steers its own clock by as much.
pub(super) const TOLERANCE: f64 = 500e-6;
/// A shorter suspension is taken for a thread that lost its core between two clocks.
const LEAST_SLEEP: u64 = 10_000_000;

/// The rate of a segment, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Nanoseconds per tick; zero: not known yet.
    pub(super) ns_per_tick: f64,
    /// By how much it may be wrong, relative to itself.
    pub(super) error: f64,
    /// Ticks are nanoseconds by definition.
    pub(super) is_given: bool,
}

impl Rate {
    /// What two sights make of it, `ns` apart; `None` if no tick lies between them.
    pub(super) fn between(from: &Sight, to: &Sight, ns: u64) -> Option<Self> {
        let passed = to.ticks.checked_sub(from.ticks).filter(|ticks| *ticks > 0)? as f64;
        let error = (from.width + to.width) as f64 / passed;
        Some(Self { ns_per_tick: ns as f64 / passed, error, is_given: false })
    }

    /// Whether the two are the same but for their errors and what is tolerated.
    fn agrees(&self, other: &Self) -> bool {
        let apart = (self.ns_per_tick / other.ns_per_tick - 1.0).abs();
        apart <= TOLERANCE + self.error + other.error
    }
}

/// What happened between two sights of a clock that ran at `rate` before. Both are true ones: in the second, ticks may
/// have gone back.
pub(super) fn compare(rate: Rate, last: &Sight, now: &Sight) -> ClockCheck {
    let awake = now.awake_ns.saturating_sub(last.awake_ns);
    let total = now.total_ns.saturating_sub(last.total_ns);
    let width_ns = (now.width + last.width) as f64 * rate.ns_per_tick.max(1.0);
    let slept = total.saturating_sub(awake);
    let slept = if slept as f64 > LEAST_SLEEP as f64 + width_ns { slept } else { 0 };
    let ticks_went_back = || ClockCheck::WentBack { slept: Duration::from_nanos(slept) };
    let Some(over_all) = Rate::between(last, now, total) else { return ticks_went_back() };
    let is_first = rate.ns_per_tick == 0.0;
    // Either the ticks ran on in a suspension, or there was none.
    if is_first || over_all.agrees(&rate) || (rate.is_given && slept == 0) {
        return ClockCheck::Steady { slept: Duration::from_nanos(slept) };
    }
    let while_awake = Rate::between(last, now, awake);
    if slept > 0 && (rate.is_given || while_awake.is_some_and(|awake| awake.agrees(&rate))) {
        return ClockCheck::StoodStill { slept: Duration::from_nanos(slept) };
    }
    // A thousandth of the ticks there should have been is none: a counter that was reset, or stopped.
    if over_all.ns_per_tick > rate.ns_per_tick * 1_000.0 {
        return ticks_went_back();
    }
    ClockCheck::RateChanged { ppm: (rate.ns_per_tick / over_all.ns_per_tick - 1.0) * 1e6 }
}

//! From ticks to nanoseconds and back.

use super::Ticks;
use super::segments::Segment;
use super::sight::saturating_ns;
use crate::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// From ticks to nanoseconds and back, as far as the clock was known when this was taken.
///
/// A stamp converts at the rate of the segment it lies in: what the clock did later changes nothing about it. Within a
/// segment later stamps never convert to earlier times, and from one to the next neither. Cheap to clone.
///
/// # Exactness
///
/// Where a segment begins, and at the last comparison (see [`Clock::recheck`](super::Clock::recheck)), it is exact to
/// the time that it takes to read two clocks, as a rule some tens of nanoseconds; between two such instants to what the
/// rate wandered, which is less than 500 ppm of the time to the nearer one. From ticks to time and back leads to the same
/// tick but for those of one nanosecond, and for the 10^15th part of the segment.
///
/// Where a segment was cut since the rate changed, the change lies somewhere between two comparisons: stamps taken there
/// may be off by the time between the two. Where it was cut since the system was suspended, stamps taken between waking
/// up and the comparison convert to times before the suspension; where the counter went back, stamps
/// taken between that and the comparison are those of the shard's last one before it.
#[derive(Clone, Debug)]
pub struct Converter {
    /// At least one.
    segments: Arc<[Segment]>,
    unix_ns: u64,
}

impl Converter {
    pub(super) fn new(segments: Vec<Segment>, unix_ns: u64) -> Self {
        Self { segments: segments.into(), unix_ns }
    }

    /// Nanoseconds from one stamp to a later one; zero if it is not later. Time in which the system was suspended counts.
    #[must_use]
    pub fn ns_between(&self, earlier: Ticks, later: Ticks) -> u64 {
        let ns = self.since_origin(later).saturating_sub(self.since_origin(earlier));
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }

    /// Nanoseconds since the Unix epoch, by the system clock as it stood when the clock was made: whoever sets the wall
    /// clock later changes nothing.
    #[must_use]
    pub fn unix_ns(&self, at: Ticks) -> u64 {
        let ns = self.since_origin(at).saturating_add(self.unix_ns.into());
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }

    /// The same as a time of the system's type.
    #[must_use]
    pub fn system_time(&self, at: Ticks) -> SystemTime {
        // Years from now, on systems with a narrower range than ours.
        UNIX_EPOCH.checked_add(Duration::from_nanos(self.unix_ns(at))).unwrap_or(UNIX_EPOCH)
    }

    /// The stamp of a time given in nanoseconds since the Unix epoch; what lies before the clock's
    /// first tick or after its last becomes that tick. Time in which the ticks stood still becomes the first one after.
    #[must_use]
    pub fn ticks_at_unix_ns(&self, ns: u64) -> Ticks {
        let ns = i128::from(ns) - i128::from(self.unix_ns);
        let after = self.segments.partition_point(|segment| i128::from(segment.ns) <= ns);
        let (segment, next) = self.around(after);
        let ticks = unscaled(ns - i128::from(segment.ns), segment.rate).saturating_add(segment.ticks.into());
        let ticks = next.map_or(ticks, |next| ticks.min(i128::from(next.ticks)));
        Ticks(u64::try_from(ticks.max(0)).unwrap_or(u64::MAX))
    }

    /// The first tick that is not before a time given in nanoseconds since the Unix epoch.
    pub(crate) fn first_tick_from(&self, ns: u64) -> Ticks {
        // What lies between two ticks was rounded down, and may have been rounded again.
        let rounded = self.ticks_at_unix_ns(ns).0;
        let near = (rounded.saturating_sub(2)..=rounded.saturating_add(2)).map(Ticks);
        near.into_iter().find(|at| self.unix_ns(*at) >= ns).unwrap_or(Ticks(rounded))
    }

    /// How many ticks last this long, at the rate of now.
    #[must_use]
    pub fn ticks_in(&self, span: Duration) -> u64 {
        let rate = self.segments.last().map_or(1.0, |last| last.rate);
        u64::try_from(unscaled(saturating_ns(span).into(), rate)).unwrap_or(u64::MAX)
    }

    /// Nanoseconds from the clock's first tick.
    fn since_origin(&self, at: Ticks) -> i128 {
        let after = self.segments.partition_point(|segment| segment.ticks <= at.0);
        let (segment, next) = self.around(after);
        let ns = scaled(i128::from(at.0) - i128::from(segment.ticks), segment.rate);
        let ns = ns.saturating_add(segment.ns.into());
        // Rates are rounded: time must not run back where a segment ends.
        next.map_or(ns, |next| ns.min(i128::from(next.ns)))
    }

    /// The segment before place `after`, or the first, and the one after it.
    fn around(&self, after: usize) -> (Segment, Option<Segment>) {
        let at = after.saturating_sub(1);
        let origin = Segment { ticks: 0, ns: 0, rate: 1.0 };
        (self.segments.get(at).copied().unwrap_or(origin), self.segments.get(at + 1).copied())
    }
}

// A whole rate stays in integers: nanoseconds since 1970 do not fit an f64's 53 bits.
fn scaled(ticks: i128, rate: f64) -> i128 {
    if rate == 1.0 { ticks } else { (ticks as f64 * rate) as i128 }
}

fn unscaled(ns: i128, rate: f64) -> i128 {
    if rate == 1.0 { ns } else { (ns as f64 / rate) as i128 }
}

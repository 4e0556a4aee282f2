//! Ticks: what events are stamped with, and how ticks become time.
//!
//! Reading the clock costs more than the rest of an event together, so a stamp is the rawest thing
//! the machine offers, and conversion happens when somebody reads. An *anchor* is one instant read on
//! all clocks; the rate follows from the anchor of the start and one taken at conversion, so it grows
//! more exact the longer a deck lives.

use crate::sync::{Arc, AtomicU64, OnceLock, Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A stamp in the raw unit of the clock that took it. Only ticks of one clock can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticks(pub u64);

/// How a clock reads time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockSource {
    /// The processor's time-stamp counter, where it runs at one rate on all cores and never stops.
    Tsc,
    /// The system's monotonic clock, in nanoseconds.
    System,
    /// Times that the host supplies, in nanoseconds since the Unix epoch.
    Supplied,
    /// A clock that a test moves by hand, in nanoseconds.
    Manual,
}

/// The clock of a deck. Cheap to clone; clones read the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: ClockSource,
    start: Anchor,
    /// Of the sources without a counter of their own (supplied, manual): where they stand.
    hand: AtomicU64,
    /// Nanoseconds per tick as bits, once they are known well enough; 0 before. Relaxed: it stands for itself.
    rate: AtomicU64,
    /// How far a manual clock moves at each reading.
    step: u64,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    ticks: u64,
    instant: Instant,
    unix_ns: u64,
}

/// How long the two anchors of a conversion must lie apart for the rate to be worth something.
const LEAST_SPAN: Duration = Duration::from_millis(5);

impl Default for Clock {
    fn default() -> Self {
        Self::precise()
    }
}

impl Clock {
    /// The finest clock of this machine: the time-stamp counter if it is invariant, else the system's
    /// monotonic clock. Costs about 10 ns a reading either way; [`Clock::source`] says which it is.
    #[must_use]
    pub fn precise() -> Self {
        if tsc::is_invariant() { Self::of(ClockSource::Tsc) } else { Self::system() }
    }

    /// The system's monotonic clock.
    #[must_use]
    pub fn system() -> Self {
        Self::of(ClockSource::System)
    }

    /// A clock for events that bring their own times: ticks are nanoseconds since the Unix epoch, and
    /// a reading is the latest time supplied so far. For replays.
    #[must_use]
    pub fn supplied() -> Self {
        Self::of(ClockSource::Supplied)
    }

    /// A clock that stands still until [`Clock::advance`]: for tests.
    #[must_use]
    pub fn manual() -> Self {
        Self::of(ClockSource::Manual)
    }

    /// A manual clock that each reading moves on by `step`, so that no two stamps are equal: for tests in which
    /// the order of events counts, across threads and retention classes too.
    ///
    /// ```
    /// use flightdeck::{Clock, Ticks};
    /// use std::time::Duration;
    /// let clock = Clock::stepping(Duration::from_nanos(1));
    /// assert!(clock.now() < clock.now());
    /// clock.advance(Duration::from_micros(3));
    /// assert_eq!(clock.now(), Ticks(3_003));
    /// ```
    #[must_use]
    pub fn stepping(step: Duration) -> Self {
        Self::with_step(ClockSource::Manual, saturating_ns(step))
    }

    fn of(source: ClockSource) -> Self {
        Self::with_step(source, 0)
    }

    fn with_step(source: ClockSource, step: u64) -> Self {
        let start = anchor(source);
        Self(Arc::new(Inner { source, start, hand: AtomicU64::new(0), step, rate: AtomicU64::new(0) }))
    }

    /// How this clock reads time.
    #[must_use]
    pub fn source(&self) -> ClockSource {
        self.0.source
    }

    /// The time now. Wait-free.
    #[inline(always)]
    #[must_use]
    pub fn now(&self) -> Ticks {
        match self.0.source {
            ClockSource::Tsc => Ticks(tsc::read()),
            other => self.slow_now(other),
        }
    }

    #[inline(never)]
    fn slow_now(&self, source: ClockSource) -> Ticks {
        match source {
            ClockSource::Manual if self.0.step > 0 => {
                let step = self.0.step;
                Ticks(self.0.hand.fetch_add(step, Relaxed).wrapping_add(step))
            }
            ClockSource::Supplied | ClockSource::Manual => Ticks(self.0.hand.load(Relaxed)),
            _ => Ticks(since_base(Instant::now())),
        }
    }

    /// Moves a manual clock forward; no effect on any other.
    pub fn advance(&self, by: Duration) {
        if self.0.source == ClockSource::Manual {
            self.0.hand.fetch_add(saturating_ns(by), Relaxed);
        }
    }

    /// Tells a supplied clock of a time; it keeps the latest. No effect on any other.
    pub(crate) fn supply(&self, ticks: Ticks) {
        if self.0.source == ClockSource::Supplied && self.0.hand.load(Relaxed) < ticks.0 {
            self.0.hand.fetch_max(ticks.0, Relaxed);
        }
    }

    /// Nanoseconds from `earlier` to now, for a hot path: waits for nothing. Off by no more than two readings of the
    /// system clock in the first moments of the clock, by the 100,000th part later on.
    pub(crate) fn ns_since(&self, earlier: Ticks) -> u64 {
        let passed = self.now().0.saturating_sub(earlier.0);
        match self.0.source {
            ClockSource::Tsc => {
                let rate = match self.0.rate.load(Relaxed) {
                    0 => self.first_rate(),
                    known => f64::from_bits(known),
                };
                (passed as f64 * rate) as u64
            }
            _ => passed,
        }
    }

    /// The rate as it looks from here, kept if the start lies far enough back.
    #[cold]
    fn first_rate(&self) -> f64 {
        let (start, now) = (self.0.start, anchor(self.0.source));
        let ticks = now.ticks.saturating_sub(start.ticks).max(1);
        let span = now.instant.duration_since(start.instant);
        let rate = saturating_ns(span) as f64 / ticks as f64;
        if span >= LEAST_SPAN {
            self.0.rate.store(rate.to_bits(), Relaxed);
        }
        rate
    }

    /// A conversion that holds for stamps of this clock. Take one per report rather than one per
    /// stamp: right after the start of a deck it may wait up to 5 ms for a sound rate.
    #[must_use]
    pub fn converter(&self) -> Converter {
        let start = self.0.start;
        match self.0.source {
            ClockSource::Tsc => {
                let mut now = anchor(ClockSource::Tsc);
                while now.instant.duration_since(start.instant) < LEAST_SPAN {
                    std::hint::spin_loop();
                    now = anchor(ClockSource::Tsc);
                }
                let ns = saturating_ns(now.instant.duration_since(start.instant));
                let ticks = now.ticks.saturating_sub(start.ticks).max(1);
                Converter { ns_per_tick: ns as f64 / ticks as f64, zero: start.ticks, unix_ns: start.unix_ns }
            }
            ClockSource::System => Converter { ns_per_tick: 1.0, zero: start.ticks, unix_ns: start.unix_ns },
            ClockSource::Supplied | ClockSource::Manual => {
                Converter { ns_per_tick: 1.0, zero: 0, unix_ns: 0 }
            }
        }
    }
}

/// From ticks to nanoseconds and back, at the rate that a clock had when this was taken.
#[derive(Clone, Copy, Debug)]
pub struct Converter {
    ns_per_tick: f64,
    zero: u64,
    unix_ns: u64,
}

impl Converter {
    /// Nanoseconds from one stamp to a later one; zero if it is not later.
    #[must_use]
    pub fn ns_between(&self, earlier: Ticks, later: Ticks) -> u64 {
        (later.0.saturating_sub(earlier.0) as f64 * self.ns_per_tick) as u64
    }

    /// Nanoseconds since the Unix epoch, by the system clock as it stood when the deck started.
    #[must_use]
    pub fn unix_ns(&self, at: Ticks) -> u64 {
        let delta = self.scaled(at.0.abs_diff(self.zero));
        if at.0 >= self.zero {
            self.unix_ns.saturating_add(delta)
        } else {
            self.unix_ns.saturating_sub(delta)
        }
    }

    /// The stamp of a time given in nanoseconds since the Unix epoch; what lies before the clock's
    /// first tick or after its last becomes that tick.
    #[must_use]
    pub fn ticks_at_unix_ns(&self, ns: u64) -> Ticks {
        let delta = self.unscaled(ns.abs_diff(self.unix_ns));
        Ticks(if ns >= self.unix_ns {
            self.zero.saturating_add(delta)
        } else {
            self.zero.saturating_sub(delta)
        })
    }

    /// How many ticks last this long.
    #[must_use]
    pub fn ticks_in(&self, span: Duration) -> u64 {
        self.unscaled(saturating_ns(span))
    }

    // A whole rate stays in integers: nanoseconds since 1970 do not fit an f64's 53 bits.
    fn scaled(&self, ticks: u64) -> u64 {
        if self.ns_per_tick == 1.0 { ticks } else { (ticks as f64 * self.ns_per_tick) as u64 }
    }

    fn unscaled(&self, ns: u64) -> u64 {
        if self.ns_per_tick == 1.0 { ns } else { (ns as f64 / self.ns_per_tick) as u64 }
    }
}

fn anchor(source: ClockSource) -> Anchor {
    let instant = Instant::now();
    let ticks = match source {
        ClockSource::Tsc => tsc::read(),
        ClockSource::System => since_base(instant),
        ClockSource::Supplied | ClockSource::Manual => 0,
    };
    let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, saturating_ns);
    Anchor { ticks, instant, unix_ns }
}

/// `Instant` has no number of its own; all system clocks of a process count from one base.
fn since_base(instant: Instant) -> u64 {
    static BASE: OnceLock<Instant> = OnceLock::new();
    // Never zero: tick 0 is "never" wherever a stamp may be absent.
    saturating_ns(instant.saturating_duration_since(*BASE.get_or_init(Instant::now))).saturating_add(1)
}

fn saturating_ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(target_arch = "x86_64")]
mod tsc {
    use core::arch::x86_64::{__cpuid, _rdtsc};

    /// CPUID 0x8000_0007, EDX bit 8: constant rate, and it runs on in every power state (AMD APM
    /// volume 3, Intel SDM 18.17.1).
    #[allow(unused_unsafe, reason = "`__cpuid` is safe from Rust 1.94 on, unsafe before")]
    pub(super) fn is_invariant() -> bool {
        // SAFETY: every x86-64 processor has CPUID.
        let extended = unsafe { __cpuid(0x8000_0000) };
        // SAFETY: as above.
        extended.eax >= 0x8000_0007 && unsafe { __cpuid(0x8000_0007) }.edx & (1 << 8) != 0
    }

    #[inline(always)]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86-64 processor has RDTSC, and no system this crate supports forbids it.
        unsafe { _rdtsc() }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod tsc {
    pub(super) fn is_invariant() -> bool {
        false
    }

    pub(super) fn read() -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precise_clock_agrees_with_the_system_clock() {
        let clock = Clock::precise();
        let (t0, i0) = (clock.now(), Instant::now());
        std::thread::sleep(Duration::from_millis(30));
        let (t1, i1) = (clock.now(), Instant::now());
        let ours = clock.converter().ns_between(t0, t1) as f64;
        let theirs = (i1 - i0).as_nanos() as f64;
        assert!((ours / theirs - 1.0).abs() < 0.05, "{ours} ns against {theirs} ns");
    }

    #[test]
    fn wall_time_is_the_systems() {
        let clock = Clock::precise();
        let stamp = clock.now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        assert!(clock.converter().unix_ns(stamp).abs_diff(now) < 1_000_000_000);
    }

    #[test]
    fn supplied_times_convert_without_loss() {
        let clock = Clock::supplied();
        clock.supply(Ticks(1_674_981_768_697_763_387));
        clock.supply(Ticks(5));
        assert_eq!(clock.now(), Ticks(1_674_981_768_697_763_387));
        let converter = clock.converter();
        assert_eq!(converter.unix_ns(clock.now()), 1_674_981_768_697_763_387);
        assert_eq!(converter.ticks_at_unix_ns(7), Ticks(7));
    }

    #[test]
    fn a_manual_clock_moves_by_hand_only() {
        let clock = Clock::manual();
        clock.advance(Duration::from_micros(3));
        assert_eq!(clock.now(), Ticks(3_000));
        let system = Clock::system();
        let before = system.now();
        system.advance(Duration::from_secs(3_600));
        assert!(system.converter().ns_between(before, system.now()) < 3_600_000_000_000);
    }
}

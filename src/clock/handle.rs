//! The handle of a clock.

use super::coarse::Ticker;
use super::convert::Converter;
use super::course::Course;
use super::error::{TickError, TimeError};
use super::keeper::{Keeper, LEAST_SPAN};
use super::range::{AHEAD, Range};
use super::reading::Reading;
use super::sight::saturating_ns;
use super::status::{ClockCheck, ClockSource, ClockStatus, SourceReason};
use super::told::Told;
use super::{Ticks, tsc};
use crate::os;
use crate::region::Region;
use crate::sync::{Arc, AtomicU64, Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock of a deck. Cheap to clone; clones read the same clock.
///
/// It reads the rawest thing the machine offers, and never the wall clock: that is looked at once, to tell what time it
/// was. [`Clock::recheck`] compares it with the system's clock; [`Clock::status`] says what came of that.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    reading: Reading,
    source: ClockSource,
    reason: SourceReason,
    /// How far a manual clock moves at each reading.
    step: u64,
    /// Of a clock that is moved by hand: where it stands.
    hand: AtomicU64,
    keeper: Keeper,
    pub(super) range: Range,
}

impl Default for Clock {
    fn default() -> Self {
        Self::precise()
    }
}

impl Clock {
    /// The finest clock of this machine: the time-stamp counter if it is invariant, advances, and is not distrusted by
    /// the kernel; else the system's monotonic clock. Costs about 10 ns a reading either way; [`Clock::status`] says
    /// which it is, and why.
    #[must_use]
    pub fn precise() -> Self {
        match tsc::verdict() {
            reason @ SourceReason::InvariantTsc => Self::of(Reading::Tsc, ClockSource::Tsc, reason, 0),
            reason => Self::of(Reading::System, ClockSource::System, reason, 0),
        }
    }

    /// The system's monotonic clock.
    #[must_use]
    pub fn system() -> Self {
        Self::of(Reading::System, ClockSource::System, SourceReason::Asked, 0)
    }

    /// A clock that lags behind by some milliseconds, and costs a fraction: the system's coarse clock (feature `os` on
    /// Linux, 4 ms as a rule, some 5 ns a reading), or, while somebody holds a [`Ticker`], a word in memory. Without
    /// either it is the system's clock.
    ///
    /// Many stamps are the same then: events of one thread keep the order of its calls, those of several threads have
    /// none within a tick. Starts no thread by itself.
    ///
    /// ```
    /// use flightdeck::{Clock, ClockSource};
    /// use std::time::Duration;
    /// let clock = Clock::coarse();
    /// let ticker = clock.tick_every(Duration::from_millis(1))?;
    /// assert_eq!(clock.status().resolution, Duration::from_millis(1));
    /// drop(ticker); // the thread is gone
    /// # Ok::<(), flightdeck::TickError>(())
    /// ```
    #[must_use]
    pub fn coarse() -> Self {
        let reason = match os::coarse_ns() {
            Some(_) => SourceReason::Asked,
            None => SourceReason::NoCoarseClock,
        };
        Self::of(Reading::Coarse(Arc::default()), ClockSource::Coarse, reason, 0)
    }

    /// A clock for events that bring their own times: ticks are nanoseconds since the Unix epoch, and
    /// a reading is the latest time supplied so far. For replays.
    #[must_use]
    pub fn supplied() -> Self {
        Self::of(Reading::Hand, ClockSource::Supplied, SourceReason::Asked, 0)
    }

    /// A clock that stands still until [`Clock::advance`]: for tests.
    #[must_use]
    pub fn manual() -> Self {
        Self::stepping(Duration::ZERO)
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
        Self::of(Reading::Hand, ClockSource::Manual, SourceReason::Asked, saturating_ns(step))
    }

    /// A counter that a test moves.
    #[cfg(test)]
    pub(crate) fn scripted(script: &Arc<super::script::Script>) -> Self {
        let reading = Reading::Script(script.clone());
        let source = if reading.is_nanoseconds() { ClockSource::System } else { ClockSource::Tsc };
        Self::of(reading, source, SourceReason::Asked, 0)
    }

    /// A clock that somebody else reads, or read, as it is told at `start` of a region: it converts, and stands still. `None` if
    /// it is of a sort that is not known here.
    pub(crate) fn recorded(region: &Arc<Region>, start: usize) -> Option<Self> {
        let (source, origin, segments) = Told::read(region, start)?;
        let (reading, keeper) = (Reading::Recorded, Keeper::recorded(segments, origin));
        let range = Range::new(&reading, &keeper.origin);
        let (reason, hand) = (SourceReason::Asked, AtomicU64::new(0));
        Some(Self(Arc::new(Inner { reading, source, reason, step: 0, hand, keeper, range })))
    }

    /// Tells at `start` of a region, where the memory is zero, how stamps of this clock convert, as long as somebody holds what
    /// is returned. Waits for a comparison that is under way, less than a microsecond.
    pub(crate) fn tell(&self, region: &Arc<Region>, start: usize) -> Arc<Told> {
        self.0.keeper.tell(Told::new(region, start, self.0.source, &self.0.keeper.origin))
    }

    fn of(reading: Reading, source: ClockSource, reason: SourceReason, step: u64) -> Self {
        let keeper = Keeper::new(&reading);
        let range = Range::new(&reading, &keeper.origin);
        Self(Arc::new(Inner { reading, source, reason, step, hand: AtomicU64::new(0), keeper, range }))
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Whether both are one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
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
        match &self.0.reading {
            Reading::Tsc => {
                // First the offset: one that changes in between makes the stamp too early, which a shard mends, and never
                // too late, which nothing would.
                let offset = self.0.keeper.offset.load(Relaxed);
                Ticks(tsc::read().wrapping_add(offset))
            }
            Reading::Coarse(coarse) => coarse.ticked().map_or_else(|| self.slow_now(), Ticks),
            _ => self.slow_now(),
        }
    }

    #[inline(never)]
    fn slow_now(&self) -> Ticks {
        Ticks(match &self.0.reading {
            Reading::Hand if self.0.step > 0 => {
                let step = self.0.step;
                self.0.hand.fetch_add(step, Relaxed).wrapping_add(step)
            }
            Reading::Hand => self.0.hand.load(Relaxed),
            Reading::Coarse(coarse) => coarse.now(),
            // Of one that gives nanoseconds it stays zero.
            other => {
                let offset = self.0.keeper.offset.load(Relaxed);
                other.raw().wrapping_add(offset)
            }
        })
    }

    /// No stamp that was taken so far, as far as the caller has heard of it, is later; none where somebody says what time it
    /// is. What the caller loads after it is at least as new.
    #[inline]
    pub(crate) fn latest(&self) -> Option<Ticks> {
        match self.0.reading {
            Reading::Hand | Reading::Recorded => None,
            Reading::Tsc => {
                let offset = self.0.keeper.offset.load(Relaxed);
                Some(Ticks(tsc::read_between_loads().wrapping_add(offset)))
            }
            _ => Some(self.latest_of_system()),
        }
    }

    fn latest_of_system(&self) -> Ticks {
        let latest = match self.0.reading {
            Reading::Coarse(_) => Ticks(self.0.reading.raw()),
            _ => self.now(),
        };
        // It waits for the loads before it by itself, and for none after it.
        tsc::await_loads();
        latest
    }

    /// Whether a stamp that the clock took is later than what [`Clock::latest`] said before.
    #[inline(always)]
    pub(crate) fn is_too_new(&self, ticks: Ticks, latest: Option<Ticks>) -> bool {
        latest.is_some_and(|latest| ticks > latest) && self.has_been(ticks)
    }

    /// Not so of a counter that went back since the stamp was taken: of that nobody can tell by it when it was.
    #[cold]
    #[inline(never)]
    fn has_been(&self, ticks: Ticks) -> bool {
        self.latest().is_some_and(|now| ticks <= now)
    }

    /// How far apart the stamps of a thread must lie at least, in ticks, for its calls to keep their order; zero where
    /// stamps are the host's own.
    ///
    /// A record takes longer than that, so stamps that are moved on by it never run ahead of the time; a clock that is
    /// moved by hand may fall behind them.
    pub(crate) fn least_step(&self) -> u64 {
        u64::from(self.0.source != ClockSource::Supplied)
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

    /// Starts a thread that refreshes a coarse clock this often, 100 us to 1 s, until the [`Ticker`] is dropped; a
    /// millisecond is a good choice. Of several the shortest counts, and there is one thread.
    ///
    /// Costs as many wake-ups a second, some microseconds each: at 1 ms less than a hundredth of a core, which an idle
    /// host pays too. A child of a `fork` has no such thread, and its clock stands still until it drops its copy.
    ///
    /// # Errors
    /// If this is no coarse clock, the interval is out of range, or the system gives no thread.
    pub fn tick_every(&self, every: Duration) -> Result<Ticker, TickError> {
        match &self.0.reading {
            Reading::Coarse(coarse) => coarse.ask(every),
            _ => Err(TickError::NotCoarse { from: self.0.source }),
        }
    }

    /// Compares the clock with the system's, which takes less than a microsecond: a deck does so once a second. Without
    /// a deck, [`Clock::converter`] does. More often than four times a second it is skipped, once the rate is known.
    ///
    /// | found | what happens |
    /// |---|---|
    /// | the rate within 500 ppm of what it was | the rate of this segment grows more exact |
    /// | a change beyond that | a new segment begins at the comparison before: older stamps keep their rate |
    /// | a suspension in which the ticks ran on | counted: they convert as before |
    /// | one in which they stood still | a new segment begins now, later by as much |
    /// | the counter went back or began anew | a new segment begins now, and ticks go on where they would be |
    ///
    /// Until a counter that went back is found out, stamps of a shard stand still, since they never go back. Where that
    /// happens in the first moments, before its rate is known, ticks go on at 8 a nanosecond, more than any counter makes,
    /// and the stamps of before convert at a mean rate. The 65th segment makes the first ones one, which converts at its
    /// mean rate. Waits for nobody.
    ///
    /// Rates and quotas of an event store follow in a deck by themselves, else when its
    /// [directives are set anew](crate::events::Events::set_directives).
    pub fn recheck(&self) -> ClockCheck {
        match self.0.reading {
            Reading::Hand | Reading::Recorded => ClockCheck::Skipped,
            _ => self.0.keeper.check(&self.0.reading),
        }
    }

    /// How the clock is. Reads some words; compares nothing.
    #[must_use]
    pub fn status(&self) -> ClockStatus {
        let (counts, (segments, merged)) = (&self.0.keeper.counts, self.0.keeper.extent());
        let read = |count: &AtomicU64| count.load(Relaxed);
        ClockStatus {
            source: self.0.source,
            reason: self.0.reason,
            ns_per_tick: self.0.keeper.rate(),
            resolution: match &self.0.reading {
                Reading::Coarse(coarse) => coarse.resolution(),
                _ => Duration::ZERO,
            },
            segments,
            merged,
            checks: read(&counts.checks),
            last_check: (read(&counts.checks) > 0).then(|| Ticks(read(&counts.last_check))),
            rate_changes: read(&counts.rate_changes),
            backward_jumps: read(&counts.backward_jumps),
            suspends: read(&counts.suspends),
            suspended: Duration::from_nanos(read(&counts.suspended_ns)),
            wall_ahead_ns: read(&counts.wall_ahead_ns) as i64,
        }
    }

    /// How it runs, as of the last comparison. Reads two words.
    pub(crate) fn course(&self) -> Course {
        Course {
            ns_per_tick: self.known_rate().unwrap_or(0.0),
            backward_jumps: self.0.keeper.counts.backward_jumps.load(Relaxed),
        }
    }

    /// Nanoseconds from `earlier` to now, for a hot path: waits for nothing. Off by no more than two readings of the
    /// system clock in the first moments of the clock, by the 100,000th part later on. 0 of what is yet to come.
    ///
    /// ```
    /// let clock = flightdeck::Clock::precise();
    /// let began = clock.now();
    /// assert!(clock.ns_since(began) < 60_000_000_000);
    /// ```
    #[must_use]
    pub fn ns_since(&self, earlier: Ticks) -> u64 {
        let passed = self.now().0.saturating_sub(earlier.0);
        match self.rate_now() {
            1.0 => passed,
            rate => (passed as f64 * rate) as u64,
        }
    }

    /// Nanoseconds per tick, if that is known. A load.
    pub(super) fn known_rate(&self) -> Option<f64> {
        self.0.keeper.rate()
    }

    /// Nanoseconds per tick, as far as can be told.
    pub(super) fn rate_now(&self) -> f64 {
        self.0.keeper.rate().unwrap_or_else(|| self.0.keeper.first_rate(&self.0.reading))
    }

    /// A conversion that holds for stamps of this clock so far. Take one per report rather than one per
    /// stamp: right after the start of a deck it may wait up to 5 ms for a sound rate.
    #[must_use]
    pub fn converter(&self) -> Converter {
        if let Reading::Recorded = self.0.reading {
            // At what rate it ran before that was known nobody can tell any more.
            return self.0.keeper.converter(1.0);
        }
        let begun = Instant::now();
        while {
            let _ = self.recheck();
            self.0.keeper.rate().is_none() && begun.elapsed() < LEAST_SPAN * 2
        } {
            std::hint::spin_loop();
        }
        self.0.keeper.converter(self.rate_now())
    }

    /// Of a [recorded](Clock::recorded) one: whether its rate was told.
    pub(crate) fn is_rate_told(&self) -> bool {
        self.0.keeper.is_rate_told()
    }

    /// The ticks of a wall time, for hosts that have nothing else to give to [`Stamp::at`](crate::events::Stamp::at).
    /// Once somebody has set the wall clock, times of before and after it differ by as much: see
    /// [`ClockStatus::wall_ahead_ns`]. Costs a conversion; see [`Clock::converter`].
    ///
    /// ```
    /// use flightdeck::Clock;
    /// use std::time::{Duration, SystemTime};
    /// let clock = Clock::precise();
    /// assert!(clock.ticks_at(SystemTime::now()).is_ok());
    /// let error = clock.ticks_at(SystemTime::now() - Duration::from_secs(60)).unwrap_err();
    /// println!("{error}"); // the clock has only just begun
    /// ```
    ///
    /// # Errors
    /// If the clock had not begun then, or it is more than a second ahead of now. A supplied or manual clock takes
    /// times from 1970 to 2262.
    pub fn ticks_at(&self, at: SystemTime) -> Result<Ticks, TimeError> {
        let unix_ns = match at.duration_since(UNIX_EPOCH) {
            Ok(since) => i128::from(saturating_ns(since)),
            Err(before) => -i128::from(saturating_ns(before.duration())),
        };
        let converter = self.converter();
        let (earliest, latest) = match self.latest() {
            None => (0, i64::MAX as u64),
            Some(now) => {
                let origin = self.0.keeper.origin.unix_ns;
                (origin, converter.unix_ns(now).saturating_add(AHEAD))
            }
        };
        match u64::try_from(unix_ns) {
            Ok(ns) if (earliest..=latest).contains(&ns) => Ok(converter.ticks_at_unix_ns(ns)),
            _ => Err(TimeError::OutOfRange { unix_ns, earliest, latest }),
        }
    }
}

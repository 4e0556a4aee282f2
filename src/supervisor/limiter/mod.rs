//! A rate limiter: so many permits in so much time, and so many at once.
//!
//! | file | idea |
//! |---|---|
//! | `limits` | [`Limits`]: what is allowed |
//! | `pace` | the same in ticks, in one word |
//! | `bucket` | what is left of it, in another: the hot path |
//! | `acquire` | waiting for permits |
//! | `error` | why there were none |

mod acquire;
mod bucket;
mod error;
mod limits;
mod pace;
#[cfg(test)]
mod tests;

pub use error::{AcquireError, CheckError, Limited};
pub use limits::{Limits, LimitsError};

use crate::clock::{Clock, Ticks};
use crate::sync::{Arc, AtomicU64, CachePadded, Mutex, Relaxed};
use acquire::Waiting;
use bucket::{Bucket, Take};
use pace::{LONGEST, Pace, Price};
use std::fmt;
use std::time::Duration;

/// A word that claims to be later than now by more than this, and than it takes to fill, is one of before its clock went
/// back. Less than that is waited for: threads take their time between reading the clock and using it.
const PATIENCE: Duration = Duration::from_secs(1);
/// By how much the rate of a clock may wander before limits are told in its ticks anew.
const WANDER: f64 = 500e-6;

/// Lets through so much in so much time, evenly but for a burst: a token bucket.
///
/// In no stretch of time more permits are given than a burst and what comes in that time, however many threads ask. It
/// queues nobody and is not fair: who is refused is told when to come again, and may be refused again if others were quicker.
/// It knows of this process only.
///
/// A check is a reading of the clock and an exchange on one word; lock-free, and it allocates nothing. Whoever is refused
/// writes to another word, which counts. The clock takes most of the time: [`Clock::coarse`] costs a fraction, lets no more
/// through, and has its permits come in steps of its resolution; who has a reading at hand passes it to
/// [`Limiter::check_at`].
///
/// Cheap to clone; clones share their permits.
///
/// ```
/// use flightdeck::supervisor::{Limiter, Limits};
///
/// let limiter = Limiter::new(Limits::per_hour(60).burst(2))?;
/// assert!(limiter.check().is_ok() && limiter.check().is_ok());
/// let limited = limiter.check().unwrap_err();
/// assert!(limited.retry_after.as_secs_f64() <= 60.0);
/// assert_eq!((limiter.stats().allowed, limiter.stats().limited), (2, 1));
/// # Ok::<(), flightdeck::supervisor::LimitsError>(())
/// ```
///
/// # Changing limits
///
/// [`Limiter::set_limits`] holds for whoever checks after it returned; a check at the same time goes by the old limits or by
/// the new ones, and never by half of each. What counts is the time since it would have been empty, and that is kept: an
/// empty limiter stays empty, and is closed no longer than the new limits say; one that has been filling for a second
/// holds what comes in a second at the new rate, and at most the new burst.
#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

pub(super) struct Inner {
    /// On a line of its own, which takers pass on; `carried` is touched by who has it already.
    taken: CachePadded<Taken>,
    /// Touched by those who are refused.
    refused: CachePadded<Refused>,
    /// A [`Pace`]. Relaxed: it stands for itself.
    pace: AtomicU64,
    /// Nanoseconds per tick that the pace was told for, as bits. Relaxed: as above.
    ns_per_tick: AtomicU64,
    clock: Clock,
    limits: Mutex<Limits>,
    waiting: Waiting,
}

#[derive(Debug)]
struct Taken {
    bucket: Bucket,
    /// Permits that the bucket no longer counts.
    carried: AtomicU64,
}

/// Relaxed: each stands for itself.
#[derive(Debug, Default)]
struct Refused {
    limited: AtomicU64,
    too_many: AtomicU64,
    mended: AtomicU64,
    timed_out: AtomicU64,
    cancelled: AtomicU64,
}

/// What a limiter has done so far. Exact while nobody asks for permits; else it may lag behind by what happens at that moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterStats {
    /// Permits given.
    pub allowed: u64,
    /// Permits refused for now; each time that they were asked for without waiting.
    pub limited: u64,
    /// How often more were asked for than there ever are at once.
    pub too_many: u64,
    /// Waits that ended without, since the time was over or would have been.
    pub timed_out: u64,
    /// Waits that were cancelled.
    pub cancelled: u64,
    /// How often the clock had gone back by more than a second and more than the limiter takes to fill: it went on empty.
    pub clock_went_back: u64,
}

impl Limiter {
    /// A full limiter on the finest clock of this machine. Takes up to 10 ms, for the rate of that clock to be found out:
    /// see [`Limiter::on`].
    ///
    /// # Errors
    /// If there are no such limits: nothing, too much, or a burst that takes too long to come.
    pub fn new(limits: Limits) -> Result<Self, LimitsError> {
        Self::on(&Clock::precise(), limits)
    }

    /// A full limiter on a clock, such as that of a deck. Of a clock whose rate is found out, somebody should
    /// [recheck](Clock::recheck) it, as decks do; the limiter follows by itself, within 64 permits.
    ///
    /// ```
    /// use flightdeck::Clock;
    /// use flightdeck::supervisor::{Limiter, Limits};
    /// use std::time::Duration;
    ///
    /// let clock = Clock::manual();
    /// let limiter = Limiter::on(&clock, Limits::per_second(10).burst(1))?;
    /// assert!(limiter.check().is_ok());
    /// assert_eq!(limiter.check().unwrap_err().retry_after, Duration::from_millis(100));
    /// clock.advance(Duration::from_millis(100));
    /// assert!(limiter.check().is_ok());
    /// # Ok::<(), flightdeck::supervisor::LimitsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Limiter::new`].
    pub fn on(clock: &Clock, limits: Limits) -> Result<Self, LimitsError> {
        let limits = limits.checked()?;
        // Waits until the rate is known.
        let _ = clock.converter();
        let ns_per_tick = clock.course().ns_per_tick();
        let pace = limits.in_ticks(ns_per_tick);
        Ok(Self(Arc::new(Inner {
            taken: CachePadded::new(Taken {
                bucket: Bucket::full(pace, clock.now().0),
                carried: AtomicU64::new(0),
            }),
            refused: CachePadded::default(),
            pace: AtomicU64::new(pace.0),
            ns_per_tick: AtomicU64::new(ns_per_tick.to_bits()),
            clock: clock.clone(),
            limits: Mutex::new(limits),
            waiting: Waiting::new(),
        })))
    }

    /// A permit, if there is one. Lock-free.
    ///
    /// # Errors
    /// If there is none now, with the time until the next.
    #[inline(always)]
    pub fn check(&self) -> Result<(), Limited> {
        self.check_at(self.0.clock.now())
    }

    /// The same at a time that the caller has read from the limiter's clock. An old one finds fewer permits, and lets no
    /// more through.
    ///
    /// # Errors
    /// As [`Limiter::check`].
    #[inline(always)]
    pub fn check_at(&self, now: Ticks) -> Result<(), Limited> {
        self.0.take(self.0.pace().price(1), now).map_err(|short| self.0.limited(1, short))
    }

    /// So many permits, or none of them. Lock-free.
    ///
    /// # Errors
    /// If there are not so many now, or never are.
    #[inline(always)]
    pub fn check_n(&self, permits: u32) -> Result<(), CheckError> {
        self.check_n_at(permits, self.0.clock.now())
    }

    /// The same at a time that the caller has read from the limiter's clock: see [`Limiter::check_at`].
    ///
    /// # Errors
    /// As [`Limiter::check_n`].
    #[inline]
    pub fn check_n_at(&self, permits: u32, now: Ticks) -> Result<(), CheckError> {
        let Some(price) = self.0.price(permits)? else { return Ok(()) };
        self.0.take(price, now).map_err(|short| {
            let Limited { retry_after } = self.0.limited(permits, short);
            CheckError::Limited { permits, retry_after }
        })
    }

    /// How many permits there are. May be outdated when it arrives.
    #[must_use]
    pub fn available(&self) -> u32 {
        let pace = self.0.pace();
        pace.permits_in(self.0.taken.bucket.saved(pace, self.0.clock.now().0))
    }

    /// What is allowed.
    pub fn limits(&self) -> Limits {
        *self.0.limits.lock()
    }

    /// Changes what is allowed: see [the type](Limiter). Whoever waits looks again.
    ///
    /// # Errors
    /// If there are no such limits: the old ones stay.
    pub fn set_limits(&self, limits: Limits) -> Result<(), LimitsError> {
        let limits = limits.checked()?;
        {
            let mut now = self.0.limits.lock();
            *now = limits;
            self.0.tell(limits);
        }
        self.0.waiting.look_again();
        Ok(())
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> LimiterStats {
        let (taken, refused) = (&*self.0.taken, &*self.0.refused);
        LimiterStats {
            allowed: taken.carried.load(Relaxed).wrapping_add(taken.bucket.count()),
            limited: refused.limited.load(Relaxed),
            too_many: refused.too_many.load(Relaxed),
            timed_out: refused.timed_out.load(Relaxed),
            cancelled: refused.cancelled.load(Relaxed),
            clock_went_back: refused.mended.load(Relaxed),
        }
    }
}

impl Inner {
    #[inline(always)]
    fn pace(&self) -> Pace {
        Pace(self.pace.load(Relaxed))
    }

    /// What so many cost now; none cost nothing.
    #[inline(always)]
    fn price(&self, permits: u32) -> Result<Option<Price>, CheckError> {
        let pace = self.pace();
        match permits > pace.burst() {
            true => Err(self.too_many(permits, pace.burst())),
            false => Ok((permits > 0).then(|| pace.price(permits))),
        }
    }

    /// Takes what has that price, or says for how many ticks it is missing.
    #[inline(always)]
    fn take(&self, price: Price, now: Ticks) -> Result<(), u64> {
        match self.taken.bucket.take(price, now.0) {
            Take::Taken => Ok(()),
            Take::TakenAndCarry(count) => {
                self.carry(count);
                Ok(())
            }
            Take::Short(ticks) => Err(ticks),
        }
    }

    #[cold]
    #[inline(never)]
    fn carry(&self, count: u64) {
        self.taken.carried.fetch_add(count, Relaxed);
        self.follow_clock();
    }

    #[cold]
    #[inline(never)]
    fn limited(&self, permits: u32, short: u64) -> Limited {
        self.refused.limited.fetch_add(permits.into(), Relaxed);
        Limited { retry_after: self.missing(short) }
    }

    /// How long so many ticks are; and a look whether the clock went wrong.
    fn missing(&self, short: u64) -> Duration {
        self.follow_clock();
        let ns_per_tick = f64::from_bits(self.ns_per_tick.load(Relaxed));
        let far = self.pace().full() + ((PATIENCE.as_nanos() as f64 / ns_per_tick) as u64).min(LONGEST);
        if short > far && self.taken.bucket.mend(far, || self.clock.now().0) {
            self.refused.mended.fetch_add(1, Relaxed);
            return Duration::ZERO;
        }
        Duration::from_nanos((short as f64 * ns_per_tick).ceil() as u64)
    }

    #[cold]
    #[inline(never)]
    fn too_many(&self, permits: u32, burst: u32) -> CheckError {
        self.refused.too_many.fetch_add(1, Relaxed);
        CheckError::TooMany { permits, burst }
    }

    /// Tells limits in ticks anew, should they last otherwise than they did.
    fn follow_clock(&self) {
        let (told, now) = (f64::from_bits(self.ns_per_tick.load(Relaxed)), self.clock.course().ns_per_tick());
        if (told - now).abs() > told * WANDER {
            self.tell_anew();
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_anew(&self) {
        // Who finds it locked leaves it to that one, or to the next.
        if let Some(limits) = self.limits.try_lock() {
            self.tell(*limits);
        }
    }

    /// Under the lock of the limits.
    fn tell(&self, limits: Limits) {
        let ns_per_tick = self.clock.course().ns_per_tick();
        self.pace.store(limits.in_ticks(ns_per_tick).0, Relaxed);
        self.ns_per_tick.store(ns_per_tick.to_bits(), Relaxed);
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("limits", &self.limits())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Limiter>();
};

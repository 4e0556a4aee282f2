//! The handle of a breaker.

use super::cells::Count;
use super::error::{BreakerError, BreakerSettingsError, Rejected};
use super::judge::{Judge, Moves, Verdict};
use super::permit::{BreakerPermit, Outcome, Running};
use super::settings::BreakerSettings;
use super::stats::{BreakerStats, BreakerTransition};
use super::word::{BreakerState, Word};
use crate::clock::{Clock, Ticks};
use crate::contain::contain;
use crate::local::{self, NUMBERS};
use crate::random;
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed};
use std::fmt;
use std::time::Duration;

pub(crate) type Observer = dyn Fn(&BreakerTransition) + Send + Sync;

/// A circuit breaker: calls to something that may fail go through it, and while that fails it rejects them at once.
///
/// | state | calls |
/// |---|---|
/// | closed | go through; it opens when the last ones went too badly: see [`BreakerSettings`] |
/// | open | are rejected for a while, and told when to try again |
/// | half-open | a few go through as trials, which close it or open it again; the others are rejected |
/// | forced open | are rejected, until the host says otherwise |
/// | disabled | go through and are counted, and none of them opens it, until the host says otherwise |
///
/// It looks at what the last calls came to whenever one fails or is slow: a success alone never opens it. Where calls fail
/// faster than a thread adds up what all of them count, the last of them are looked at with the next one. It does not
/// limit how many calls run at once (a [`Bulkhead`](crate::supervisor::Bulkhead) does), interrupts none, and starts no thread: an open one goes
/// half-open at the first call after its wait.
///
/// # Results that come late
///
/// Each change of state begins a generation, and what comes of a call counts in the generation in which it was let
/// through. A success from before it opened does not close it, nor does a failure of an earlier trial open it: such results are
/// counted as [stale](BreakerStats::stale), and change nothing.
///
/// # Cost
///
/// Closed, a call costs a load and a branch, and a success two loads, a load and a store in words of its thread, whatever
/// other threads do: no lock, no allocation, no clock unless [slow calls](BreakerSettings::slow_call_duration) are looked
/// for; then two readings of it. The first success of a thread in a generation costs more, as does one in 256, which reads the
/// clock. 64 threads at a time have words of their own, 8 KiB a breaker; further ones share
/// some, and count by exchanges. A failure costs a reading of the clock, and a walk over what those threads counted;
/// no thread waits for another one's. A rejection costs a reading of the clock and a count.
///
/// All of this is lock-free. Not for signal handlers.
///
/// ```
/// use flightdeck::supervisor::{Breaker, BreakerError, BreakerSettings, BreakerState};
///
/// let mut settings = BreakerSettings::new();
/// settings.consecutive_failures = Some(3);
/// let breaker = Breaker::new(settings)?;
///
/// assert_eq!(breaker.call(|| Ok::<_, &str>(7)), Ok(7));
/// for _ in 0..3 {
///     assert_eq!(breaker.call(|| Err::<(), _>("refused")), Err(BreakerError::Failed("refused")));
/// }
/// let rejected = breaker.call(|| Ok::<_, &str>(7)).unwrap_err();
/// assert!(rejected.retry_after().is_some());
/// assert_eq!((breaker.state(), breaker.stats().rejected), (BreakerState::Open, 1));
/// # Ok::<(), flightdeck::supervisor::BreakerSettingsError>(())
/// ```
///
/// Cheap to clone; clones are the same breaker.
#[derive(Clone)]
pub struct Breaker(Arc<Core>);

pub(super) struct Core {
    judge: Judge<NUMBERS>,
    clock: Clock,
    /// When it was made.
    origin: Ticks,
    observers: Mutex<Vec<Arc<Observer>>>,
    observer_panics: AtomicU64,
    last_trip: Mutex<Option<BreakerTransition>>,
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("state", &self.state()).field("stats", &self.stats()).finish()
    }
}

impl Breaker {
    /// A closed one, on a clock of its own.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(settings: BreakerSettings) -> Result<Self, BreakerSettingsError> {
        Self::with_clock(settings, Clock::precise())
    }

    /// A closed one, which reads that clock: a coarse one costs less where slow calls are looked for, a manual one makes
    /// time pass in a test.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn with_clock(settings: BreakerSettings, clock: Clock) -> Result<Self, BreakerSettingsError> {
        settings.check()?;
        let origin = clock.now();
        Ok(Self(Arc::new(Core {
            judge: Judge::new(settings, random::seed()),
            clock,
            origin,
            observers: Mutex::new(Vec::new()),
            observer_panics: AtomicU64::new(0),
            last_trip: Mutex::new(None),
        })))
    }

    /// Makes a call, if it is let through. An error counts as a failure, a panic too.
    ///
    /// # Errors
    /// If it was not let through, or failed.
    #[inline]
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, BreakerError<E>> {
        self.call_with(Outcome::of, call)
    }

    /// As [`call`](Breaker::call), and `outcome` says what came of it: what the caller did wrong, for one, says nothing
    /// about what was called.
    ///
    /// ```
    /// use flightdeck::supervisor::{Breaker, BreakerSettings, Outcome};
    /// #[derive(Debug)]
    /// enum Problem { NotFound, Unavailable }
    ///
    /// let breaker = Breaker::new(BreakerSettings::new())?;
    /// let outcome = |result: &Result<(), Problem>| match result {
    ///     Ok(()) => Outcome::Success,
    ///     Err(Problem::NotFound) => Outcome::Ignored,
    ///     Err(Problem::Unavailable) => Outcome::Failure,
    /// };
    /// let _ = breaker.call_with(outcome, || Err(Problem::NotFound));
    /// let _ = breaker.call_with(outcome, || Err(Problem::Unavailable));
    /// assert_eq!((breaker.stats().ignored, breaker.stats().failures), (1, 1));
    /// # Ok::<(), flightdeck::supervisor::BreakerSettingsError>(())
    /// ```
    ///
    /// # Errors
    /// If it was not let through, or failed.
    #[inline]
    pub fn call_with<T, E>(
        &self,
        outcome: impl FnOnce(&Result<T, E>) -> Outcome,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, BreakerError<E>> {
        let running = Running::of(self.try_acquire()?);
        let result = call();
        running.over(outcome(&result));
        result.map_err(BreakerError::Failed)
    }

    /// The permit for a call that is not a closure: one that spans threads, say. It is settled when the call is over.
    ///
    /// # Errors
    /// If it is not let through.
    #[inline(always)]
    pub fn try_acquire(&self) -> Result<BreakerPermit<'_>, Rejected> {
        let word = self.0.judge.word();
        if word.is_plainly_closed() {
            Ok(BreakerPermit::new(&self.0, word, Ticks(0)))
        } else {
            self.0.acquire()
        }
    }

    /// What it does with calls. Out of date as soon as it is told.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.0.judge.word().state()
    }

    /// How long until it lets a call through, if it is open.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let word = self.0.judge.word();
        let left = || word.until().saturating_sub(self.0.now() / 1_000_000);
        (word.state() == BreakerState::Open).then(|| Duration::from_millis(left()))
    }

    /// How long its state has lasted, to the millisecond.
    #[must_use]
    pub fn state_for(&self) -> Duration {
        let since = self.0.judge.since(self.0.judge.word());
        since.map_or(Duration::ZERO, |since| {
            Duration::from_millis((self.0.now() / 1_000_000).saturating_sub(since))
        })
    }

    /// What it has done so far. Walks over the counts of all threads; calls go on meanwhile.
    #[must_use]
    pub fn stats(&self) -> BreakerStats {
        let total = |count| self.0.judge.cells().total(count);
        let slow = [Count::SlowSuccess, Count::SlowFailure].map(total);
        let [successes, failures] = [total(Count::Success) + slow[0], total(Count::Failure) + slow[1]];
        let [ignored, abandoned, stale] = [Count::Ignored, Count::Abandoned, Count::Stale].map(total);
        BreakerStats {
            calls: successes + failures + ignored + abandoned + stale,
            successes,
            failures,
            ignored,
            abandoned,
            stale,
            slow: slow[0] + slow[1],
            rejected: total(Count::Rejected),
            trips: self.0.judge.trips(),
            last_trip: *self.0.last_trip.lock(),
            observer_panics: self.0.observer_panics.load(Relaxed),
        }
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> BreakerSettings {
        (*self.0.judge.settings()).clone()
    }

    /// Other settings, from the next decision on; calls go on meanwhile. Its state stays, and what it has counted too, unless
    /// the [window](BreakerSettings::window) is another: that begins anew. A wait that has begun stays as long as it is.
    ///
    /// # Errors
    /// If they make no sense. Nothing changes then.
    pub fn reconfigure(&self, settings: BreakerSettings) -> Result<(), BreakerSettingsError> {
        settings.check()?;
        let mut moves = Moves::new();
        self.0.judge.reconfigure(settings, || self.0.now(), &mut moves);
        self.0.tell(&moves);
        Ok(())
    }

    /// Lets nothing through, until told otherwise.
    pub fn force_open(&self) {
        self.force(BreakerState::ForcedOpen);
    }

    /// Closes it, whatever it was, and forgets the calls it judged by. What is [counted](Breaker::stats) stays.
    pub fn force_closed(&self) {
        self.force(BreakerState::Closed);
    }

    /// Lets everything through and counts it, and never opens by itself, until told otherwise: [`Breaker::force_closed`] has
    /// it judge again, by the calls from then on.
    pub fn disable(&self) {
        self.force(BreakerState::Disabled);
    }

    fn force(&self, state: BreakerState) {
        let mut moves = Moves::new();
        self.0.judge.force(state, self.0.now(), &mut moves);
        self.0.tell(&moves);
    }

    /// Has each change of state told, by the thread that brings it about, after it has taken effect and outside of any lock: be
    /// quick. One that panics is counted, and called again next time. Observers stay as long as the breaker.
    pub fn observe(&self, observer: impl Fn(&BreakerTransition) + Send + Sync + 'static) {
        self.0.observers.lock().push(Arc::new(observer));
    }

    /// Looks at the calls without waiting for a failure, so that a window of time learns when successes came. A deck
    /// does so now and then.
    pub fn tick(&self) {
        self.0.look();
    }
}

impl Core {
    /// Nanoseconds since it was made.
    fn now(&self) -> u64 {
        self.clock.ns_since(self.origin)
    }

    #[cold]
    #[inline(never)]
    fn acquire(&self) -> Result<BreakerPermit<'_>, Rejected> {
        let mut moves = Moves::new();
        let verdict = self.judge.enter(local::number(), || self.now(), &mut moves);
        self.tell(&moves);
        match verdict {
            Verdict::Passed(word) => {
                let started = if word.is_timed() { self.clock.now() } else { Ticks(0) };
                Ok(BreakerPermit::new(self, word, started))
            }
            Verdict::Open(left) => Err(Rejected::Open { retry_after: Duration::from_millis(left) }),
            Verdict::HalfOpen(permitted) => Err(Rejected::HalfOpen { permitted }),
            Verdict::ForcedOpen => Err(Rejected::ForcedOpen),
        }
    }

    #[inline(always)]
    pub(super) fn succeed(&self, permit: Word, started: Ticks) {
        match self.judge.succeed_at_hand(local::number_at_hand(), permit) {
            Some(false) => {}
            Some(true) => self.look(),
            None => self.settle(permit, started, Count::Success),
        }
    }

    /// `count` as if it had been in time.
    #[cold]
    #[inline(never)]
    pub(super) fn settle(&self, permit: Word, started: Ticks, count: Count) {
        let is_slow = || self.clock.ns_since(started) >= self.judge.slow_ns();
        let count = match count {
            Count::Success if permit.is_timed() && is_slow() => Count::SlowSuccess,
            Count::Failure if permit.is_timed() && is_slow() => Count::SlowFailure,
            other => other,
        };
        let mut moves = Moves::new();
        self.judge.settle(local::number(), permit, count, || self.now(), &mut moves);
        self.tell(&moves);
    }

    #[cold]
    #[inline(never)]
    fn look(&self) {
        let mut moves = Moves::new();
        self.judge.look(|| self.now(), &mut moves);
        self.tell(&moves);
    }

    fn tell(&self, moves: &Moves) {
        for moved in moves {
            let (from, to) = (moved.from.state(), moved.to.state());
            let generation = moved.to.generation();
            let transition = BreakerTransition { from, to, why: moved.why, generation, at: self.clock.now() };
            if to == BreakerState::Open {
                *self.last_trip.lock() = Some(transition);
            }
            // A copy: an observer may add one.
            let observers = self.observers.lock().clone();
            for observer in observers {
                if contain(|| observer(&transition)).is_err() {
                    self.observer_panics.fetch_add(1, Relaxed);
                }
            }
        }
    }
}

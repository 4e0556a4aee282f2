//! Waiting for permits, parked.

use super::{AcquireError, CheckError, Limiter};
use crate::supervisor::CancelToken;
use crate::sync::{AtomicU64, Mutex, Relaxed};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The longest sleep between two looks: a clock that is no clock of the system may have moved meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The shortest. What is missing may be less than the time it takes to wake up.
const SHORTEST_SLEEP: Duration = Duration::from_micros(50);

/// Those who wait for permits, to be woken when limits change. Each has a token, a child of the one that cancels it.
pub(super) struct Waiting(Mutex<BTreeMap<u64, CancelToken>>, AtomicU64);

impl Waiting {
    pub(super) fn new() -> Self {
        Self(Mutex::default(), AtomicU64::new(0))
    }

    pub(super) fn look_again(&self) {
        let all = std::mem::take(&mut *self.0.lock());
        all.into_values().for_each(|waiter| {
            waiter.cancel();
        });
    }

    fn enter(&self, parent: Option<&CancelToken>) -> Seat<'_> {
        let token = parent.map_or_else(CancelToken::new, CancelToken::child);
        let number = self.1.fetch_add(1, Relaxed);
        self.0.lock().insert(number, token.clone());
        Seat { waiting: self, number, token }
    }
}

struct Seat<'a> {
    waiting: &'a Waiting,
    number: u64,
    token: CancelToken,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.waiting.0.lock().remove(&self.number);
    }
}

impl Limiter {
    /// So many permits, waited for, parked, as long as `timeout` at the most. Gives up at once if they cannot be there
    /// in time. Who waits has no place in a queue: many small requests can starve a large one.
    ///
    /// Needs a clock that runs: one that a test moves by hand is looked at once a second.
    ///
    /// ```
    /// use flightdeck::supervisor::{AcquireError, Limiter, Limits};
    /// use std::time::Duration;
    ///
    /// let limiter = Limiter::new(Limits::per_second(1_000).burst(1))?;
    /// for _ in 0..3 {
    ///     limiter.acquire(1, Duration::from_secs(5))?; // one a millisecond
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If they were not there in time, or there are never so many.
    pub fn acquire(&self, permits: u32, timeout: Duration) -> Result<(), AcquireError> {
        self.wait(permits, timeout, None)
    }

    /// The same, ended early by a token; without another limit of time with `Duration::MAX`.
    ///
    /// # Errors
    /// As [`Limiter::acquire`], and if the token is cancelled before there are permits.
    pub fn acquire_or_cancel(
        &self,
        permits: u32,
        timeout: Duration,
        token: &CancelToken,
    ) -> Result<(), AcquireError> {
        self.wait(permits, timeout, Some(token))
    }

    fn wait(&self, permits: u32, timeout: Duration, token: Option<&CancelToken>) -> Result<(), AcquireError> {
        let deadline = Instant::now().checked_add(timeout);
        let look = || -> Result<Option<Duration>, AcquireError> {
            if token.is_some_and(CancelToken::is_cancelled) {
                self.0.refused.cancelled.fetch_add(1, Relaxed);
                return Err(AcquireError::Cancelled { permits });
            }
            let retry_after = match self.look(permits) {
                Ok(()) => return Ok(None),
                Err(CheckError::TooMany { permits, burst }) => {
                    return Err(AcquireError::TooMany { permits, burst });
                }
                Err(CheckError::Limited { retry_after, .. }) => retry_after,
            };
            let left = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if retry_after > left {
                self.0.refused.timed_out.fetch_add(1, Relaxed);
                return Err(AcquireError::TimedOut { timeout, retry_after });
            }
            Ok(Some(retry_after.clamp(SHORTEST_SLEEP, LONGEST_SLEEP).min(left)))
        };
        if look()?.is_none() {
            return Ok(());
        }
        loop {
            // Before the look: should limits change after it, the sleep ends.
            let seat = self.0.waiting.enter(token);
            match look()? {
                None => return Ok(()),
                Some(time) => _ = seat.token.wait(time),
            }
        }
    }

    /// As a check, and not counted as refused: it is tried again.
    fn look(&self, permits: u32) -> Result<(), CheckError> {
        let Some(price) = self.0.price(permits)? else { return Ok(()) };
        let limited = |short| CheckError::Limited { permits, retry_after: self.0.missing(short) };
        self.0.take(price, self.0.clock.now()).map_err(limited)
    }
}

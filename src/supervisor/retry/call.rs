//! One call, run to its end on the caller's thread.

use super::{Delays, GaveUp, Retrier, RetryError};
use crate::error::Retry;
use crate::supervisor::CancelToken;
use crate::sync::thread;
use std::fmt;
use std::time::Duration;

/// One attempt, as it is told what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    number: u32,
    left: Option<Duration>,
}

impl Attempt {
    /// Which one: 1 for the first.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// How much time there was to the deadline when it began, for time-outs of its own; `None` if there is no deadline.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.left
    }
}

/// A failure that is tried again.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<'a, E> {
    /// What the attempt said.
    pub error: &'a E,
    /// Which attempt: 1 for the first.
    pub attempt: u32,
    /// In how long the next begins.
    pub delay: Duration,
}

/// A call to be run: see [`Retrier::when`].
#[must_use = "nothing is tried until `run`"]
pub struct Call<'a, E> {
    retrier: &'a Retrier,
    decide: Box<dyn Fn(&E) -> Retry + 'a>,
    notify: Option<Box<Notify<'a, E>>>,
    token: Option<&'a CancelToken>,
}

type Notify<'a, E> = dyn FnMut(&Failure<'_, E>) + 'a;

impl<'a, E> Call<'a, E> {
    pub(super) fn new(retrier: &'a Retrier, decide: impl Fn(&E) -> Retry + 'a) -> Self {
        Self { retrier, decide: Box::new(decide), notify: None, token: None }
    }

    /// No attempt begins once the token is cancelled, and who waits for the next is woken.
    pub fn cancelled_by(mut self, token: &'a CancelToken) -> Self {
        self.token = Some(token);
        self
    }

    /// Who is told of each failure that is tried again, before the delay.
    pub fn notify(mut self, notify: impl FnMut(&Failure<'_, E>) + 'a) -> Self {
        self.notify = Some(Box::new(notify));
        self
    }

    /// Runs it until it succeeds or is given up. The first attempt is made at once.
    ///
    /// # Errors
    /// Once it is given up, with the last failure and why.
    pub fn run<T>(mut self, mut attempt: impl FnMut(Attempt) -> Result<T, E>) -> Result<T, RetryError<E>> {
        let mut delays = self.retrier.delays();
        let mut last = None;
        loop {
            if self.token.is_some_and(CancelToken::is_cancelled) {
                let why = delays.cancel();
                return Err(given_up(&delays, why, last));
            }
            delays.tried();
            let number = delays.failures().saturating_add(1);
            let error = match attempt(Attempt { number, left: delays.left() }) {
                Ok(done) => {
                    delays.succeeded();
                    return Ok(done);
                }
                Err(error) => error,
            };
            match delays.after((self.decide)(&error)) {
                Ok(delay) => {
                    if let Some(notify) = &mut self.notify {
                        notify(&Failure { error: &error, attempt: number, delay });
                    }
                    self.sleep(&delays, delay);
                }
                Err(why) => return Err(given_up(&delays, why, Some(error))),
            }
            last = Some(error);
        }
    }

    fn sleep(&self, delays: &Delays, time: Duration) {
        match (&delays.policy().clock, self.token) {
            (Some(clock), _) => clock.advance(time),
            (None, Some(token)) => _ = token.wait(time),
            (None, None) => thread::sleep(time),
        }
    }
}

fn given_up<E>(delays: &Delays, why: GaveUp, last: Option<E>) -> RetryError<E> {
    RetryError { why, attempts: delays.failures(), elapsed: delays.elapsed(), last }
}

impl<E> fmt::Debug for Call<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("retrier", &self.retrier).finish_non_exhaustive()
    }
}

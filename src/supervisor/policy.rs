//! What follows when a worker ends: pure decisions in virtual time.

use super::backoff::Backoff;
use super::panic::Panic;
use super::spec::Restart;
use std::collections::VecDeque;
use std::time::Duration;

/// How a run of a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned `Ok`.
    Returned,
    /// It returned an error.
    Failed(String),
    /// It panicked.
    Panicked(Panic),
    /// The system gave it no thread.
    NotSpawned(String),
}

impl Exit {
    /// Why, unless it returned `Ok`.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Returned => None,
            Self::Panicked(panic) => Some(panic.message()),
            Self::Failed(why) | Self::NotSpawned(why) => Some(why),
        }
    }
}

/// What to do with a worker that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Decision {
    /// Leave it ended.
    Finish,
    /// Start it again after this delay.
    Restart(Duration),
    /// There were too many restarts: stop everything.
    MeltDown,
}

/// How often workers may be restarted, over all of a supervisor.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    most: usize,
    length: Duration,
    restarts: VecDeque<Duration>,
}

impl Window {
    pub(crate) fn new(most: usize, length: Duration) -> Self {
        Self { most, length, restarts: VecDeque::new() }
    }

    /// Notes a restart at `now`; `false` if it is one too many.
    fn admit(&mut self, now: Duration) -> bool {
        while self.restarts.front().is_some_and(|first| now.saturating_sub(*first) >= self.length) {
            self.restarts.pop_front();
        }
        let admitted = self.restarts.len() < self.most;
        if admitted {
            self.restarts.push_back(now);
        }
        admitted
    }
}

/// What is remembered of a worker from run to run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    /// Runs in a row that were not stable.
    unstable: u32,
    /// The last delay.
    delay: Duration,
}

/// The rules for one worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) restart: Restart,
    pub(crate) stable_after: Duration,
    pub(crate) backoff: Backoff,
    /// Whether its restarts count in the window.
    pub(crate) limited: bool,
}

impl Rules {
    /// A run of `ran` ended at `now`.
    pub(crate) fn ended(
        &self,
        history: &mut History,
        window: &mut Window,
        now: Duration,
        ran: Duration,
        exit: &Exit,
        jitter: f64,
    ) -> Decision {
        let again = match self.restart {
            Restart::Permanent => true,
            Restart::Transient => exit.failure().is_some(),
            Restart::Temporary => false,
        };
        if !again {
            return Decision::Finish;
        }
        history.unstable = if ran >= self.stable_after { 0 } else { history.unstable.saturating_add(1) };
        if !self.limited || window.admit(now) {
            history.delay = self.backoff.delay(history.unstable, history.delay, jitter);
            Decision::Restart(history.delay)
        } else {
            Decision::MeltDown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules(restart: Restart) -> Rules {
        Rules { restart, stable_after: 10 * SECOND, backoff: Backoff::default(), limited: true }
    }

    #[test]
    fn each_kind_of_worker_is_restarted_as_it_says() {
        let ended = |restart, exit| {
            let mut window = Window::new(3, 60 * SECOND);
            rules(restart).ended(&mut History::default(), &mut window, SECOND, SECOND, &exit, 0.0)
        };
        let failed = || Exit::Failed("why".into());
        let restart = Decision::Restart(Duration::from_millis(10));
        assert_eq!(ended(Restart::Permanent, Exit::Returned), restart);
        assert_eq!(ended(Restart::Permanent, failed()), restart);
        assert_eq!(ended(Restart::Transient, Exit::Returned), Decision::Finish);
        assert_eq!(ended(Restart::Transient, failed()), restart);
        assert_eq!(ended(Restart::Temporary, failed()), Decision::Finish);
    }

    #[test]
    fn delays_double_to_the_most_and_start_over_after_a_stable_run() {
        let (mut history, mut window) = (History::default(), Window::new(usize::MAX, SECOND));
        let mut ended = |ran| {
            rules(Restart::Permanent).ended(&mut history, &mut window, SECOND, ran, &Exit::Returned, 0.0)
        };
        let delays: Vec<_> = (0..12).map(|_| ended(Duration::ZERO)).collect();
        let expected =
            |n: u32| Decision::Restart((Duration::from_millis(10) * 2_u32.pow(n)).min(10 * SECOND));
        assert_eq!(delays, (0..12).map(expected).collect::<Vec<_>>());
        assert_eq!(ended(10 * SECOND), Decision::Restart(Duration::ZERO));
        assert_eq!(ended(Duration::ZERO), expected(0));
    }

    #[test]
    fn restarts_without_limit_still_back_off_and_leave_the_window_alone() {
        let (mut history, mut window) = (History::default(), Window::new(1, 60 * SECOND));
        let mut ended = |limited| {
            let rules = Rules { limited, ..rules(Restart::Permanent) };
            rules.ended(&mut history, &mut window, SECOND, Duration::ZERO, &Exit::Returned, 0.0)
        };
        for n in 0..20 {
            let delay = (Duration::from_millis(10) * 2_u32.pow(n)).min(10 * SECOND);
            assert_eq!(ended(false), Decision::Restart(delay));
        }
        assert_eq!(ended(true), Decision::Restart(10 * SECOND));
        assert_eq!(ended(true), Decision::MeltDown);
    }

    proptest! {
        /// OTP's rule: a restart is one too many if `most` others lie less than a window before it.
        #[test]
        fn the_window_is_that_of_otp(steps in prop::collection::vec(0_u64..30, 1..60), most in 0_usize..5) {
            let mut window = Window::new(most, 60 * SECOND);
            let (mut now, mut admitted) = (0, Vec::<u64>::new());
            for step in steps {
                now += step;
                let within = admitted.iter().filter(|then| now - **then < 60).count();
                let expected = within < most;
                prop_assert_eq!(window.admit(Duration::from_secs(now)), expected);
                if expected {
                    admitted.push(now);
                }
            }
        }
    }
}

//! By what a breaker judges.

use super::super::backoff::{Backoff, Jitter};
use super::error::BreakerSettingsError;
use super::window::Seen;
use super::word::MOST_PERMITS;
use std::time::Duration;

/// Which calls a breaker judges by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerWindow {
    /// The last so many; 1 to 10,000.
    Calls(u32),
    /// Those of the last so much time, to a tenth of it; 100 ms to 1 h.
    Time(Duration),
}

/// When a [`Breaker`](super::Breaker) opens, for how long, and when it closes again. The terms are those of resilience4j.
///
/// Each threshold that is set opens it by itself. Rates are in percent, of the calls in the window, and count from
/// `minimum_calls` on.
///
/// ```
/// use flightdeck::supervisor::{Breaker, BreakerSettings, BreakerWindow};
/// use std::time::Duration;
///
/// let mut settings = BreakerSettings::new();
/// settings.window = BreakerWindow::Time(Duration::from_secs(10));
/// settings.failure_rate_threshold = Some(20);
/// settings.failure_count_threshold = Some(50); // whatever the rate
/// let breaker = Breaker::new(settings)?;
/// # Ok::<(), flightdeck::supervisor::BreakerSettingsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// The calls it judges by; the last 100.
    pub window: BreakerWindow,
    /// From how many calls in the window on rates count; 20.
    pub minimum_calls: u32,
    /// It opens when so many percent fail; 50. None: however many.
    pub failure_rate_threshold: Option<u8>,
    /// It opens when so many percent are slow; 100. None: however many.
    pub slow_call_rate_threshold: Option<u8>,
    /// Calls that take as long are slow. None, as by default: no call is, and no clock is read while it is closed.
    pub slow_call_duration: Option<Duration>,
    /// It opens when so many fail with no success in between. None by default.
    pub consecutive_failures: Option<u32>,
    /// It opens when so many in the window fail, whatever the rate. None by default.
    pub failure_count_threshold: Option<u32>,
    /// How long it stays open at first; 60 s. 1 ms to 24 h, in whole milliseconds.
    pub wait_duration_in_open: Duration,
    /// When trials fail it opens again for twice as long, up to this. None, as by default: for as long as before.
    pub longest_wait_in_open: Option<Duration>,
    /// What part of each wait is left to chance, so that many hosts do not return at once; none of it by default.
    pub wait_jitter: Jitter,
    /// How many calls are let through as trials when it is half-open; 10. 1 to 1,000.
    pub permitted_calls_in_half_open: u32,
    /// How long it stays half-open at most, if permits do not come back; then it opens again. 60 s; 1 ms to 24 h. Looked at
    /// when somebody is rejected.
    pub longest_half_open: Duration,
    /// Whether one failed trial opens it again; so by default. Else it waits for all of them, and opens if as many failed as
    /// `failure_rate_threshold` says, or half of them if it says nothing.
    pub any_failure_reopens: bool,
}

const MOST_CALLS: u32 = 10_000;
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);
const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3_600);

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            window: BreakerWindow::Calls(100),
            minimum_calls: 20,
            failure_rate_threshold: Some(50),
            slow_call_rate_threshold: Some(100),
            slow_call_duration: None,
            consecutive_failures: None,
            failure_count_threshold: None,
            wait_duration_in_open: Duration::from_secs(60),
            longest_wait_in_open: None,
            wait_jitter: Jitter::None,
            permitted_calls_in_half_open: 10,
            longest_half_open: Duration::from_secs(60),
            any_failure_reopens: true,
        }
    }
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerWhy {
    /// Too many percent of the calls failed.
    FailureRate,
    /// Too many percent of the calls were slow.
    SlowCallRate,
    /// Too many failed with no success in between.
    ConsecutiveFailures,
    /// Too many failed.
    FailureCount,
    /// It has been open for long enough.
    WaitIsOver,
    /// Trials failed.
    TrialFailed,
    /// Permits for trials did not come back.
    TrialsOverdue,
    /// Trials succeeded.
    TrialsSucceeded,
    /// The host said so.
    Forced,
}

impl BreakerWhy {
    /// Its name, as in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FailureRate => "failure_rate",
            Self::SlowCallRate => "slow_call_rate",
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailureCount => "failure_count",
            Self::WaitIsOver => "wait_is_over",
            Self::TrialFailed => "trial_failed",
            Self::TrialsOverdue => "trials_overdue",
            Self::TrialsSucceeded => "trials_succeeded",
            Self::Forced => "forced",
        }
    }
}

impl std::fmt::Display for BreakerWhy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl BreakerSettings {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether they make sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), BreakerSettingsError> {
        let number = |field, value: u32, least: u32, most: u32| {
            let fits = (least..=most).contains(&value);
            let (value, least, most) = (value.into(), least.into(), most.into());
            if fits { Ok(()) } else { Err(BreakerSettingsError::Number { field, value, least, most }) }
        };
        let time = |field, value: Duration, least: Duration, most: Duration| {
            let fits = (least..=most).contains(&value);
            if fits { Ok(()) } else { Err(BreakerSettingsError::Time { field, value, least, most }) }
        };
        let most_calls = match self.window {
            BreakerWindow::Calls(calls) => {
                number("window", calls, 1, MOST_CALLS)?;
                calls
            }
            BreakerWindow::Time(length) => {
                time("window", length, SHORTEST_WINDOW, LONGEST_WINDOW)?;
                u32::MAX
            }
        };
        number("minimum_calls", self.minimum_calls, 1, most_calls)?;
        let rates = [
            ("failure_rate_threshold", self.failure_rate_threshold),
            ("slow_call_rate_threshold", self.slow_call_rate_threshold),
        ];
        for (field, rate) in rates {
            number(field, rate.unwrap_or(1).into(), 1, 100)?;
        }
        if let Some(slow) = self.slow_call_duration {
            time("slow_call_duration", slow, Duration::from_nanos(1), LONGEST_WAIT)?;
        }
        number("consecutive_failures", self.consecutive_failures.unwrap_or(1), 1, u32::MAX)?;
        number("failure_count_threshold", self.failure_count_threshold.unwrap_or(1), 1, most_calls)?;
        time("wait_duration_in_open", self.wait_duration_in_open, SHORTEST_WAIT, LONGEST_WAIT)?;
        if let Some(longest) = self.longest_wait_in_open {
            time("longest_wait_in_open", longest, self.wait_duration_in_open, LONGEST_WAIT)?;
        }
        number("permitted_calls_in_half_open", self.permitted_calls_in_half_open, 1, MOST_PERMITS)?;
        time("longest_half_open", self.longest_half_open, SHORTEST_WAIT, LONGEST_WAIT)
    }

    /// Why to open, if there is a reason.
    pub(crate) fn judge(&self, seen: &Seen) -> Option<BreakerWhy> {
        let reached = |count: u64, threshold: Option<u32>| threshold.is_some_and(|most| count >= most.into());
        let is_rate =
            |count: u64, percent: Option<u8>| percent.is_some_and(|most| is_rate(count, seen.calls, most));
        if reached(seen.in_a_row, self.consecutive_failures) {
            Some(BreakerWhy::ConsecutiveFailures)
        } else if reached(seen.failed, self.failure_count_threshold) {
            Some(BreakerWhy::FailureCount)
        } else if seen.calls < self.minimum_calls.into() {
            None
        } else if is_rate(seen.failed, self.failure_rate_threshold) {
            Some(BreakerWhy::FailureRate)
        } else if is_rate(seen.slow, self.slow_call_rate_threshold) {
            Some(BreakerWhy::SlowCallRate)
        } else {
            None
        }
    }

    /// Whether so many failed trials open it again, once all are over.
    pub(crate) fn fails_trials(&self, failed: u32, trials: u32) -> bool {
        is_rate(failed.into(), trials.into(), self.failure_rate_threshold.unwrap_or(50))
    }

    /// How long to stay open, in whole milliseconds, the `nth` time in a row, counted from 0, `before_ms` the last time;
    /// `chance` from 0 to 1.
    pub(crate) fn wait_ms(&self, nth: u32, before_ms: u64, chance: f64) -> u64 {
        let first = self.wait_duration_in_open;
        let backoff =
            Backoff::between(first, self.longest_wait_in_open.unwrap_or(first)).jitter(self.wait_jitter);
        let wait = backoff.delay(nth.saturating_add(1), Duration::from_millis(before_ms), chance);
        (wait.as_nanos().div_ceil(1_000_000) as u64).max(1)
    }
}

fn is_rate(count: u64, of: u64, percent: u8) -> bool {
    count > 0 && count.saturating_mul(100) >= of.saturating_mul(percent.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_only_shortens_them() {
        let mut settings = BreakerSettings::new();
        settings.wait_duration_in_open = Duration::from_millis(100);
        let waits =
            |settings: &BreakerSettings, chance| [0, 1, 2, 40].map(|nth| settings.wait_ms(nth, 0, chance));
        assert_eq!(waits(&settings, 1.0), [100; 4]);
        settings.longest_wait_in_open = Some(Duration::from_millis(350));
        assert_eq!(waits(&settings, 1.0), [100, 200, 350, 350]);
        settings.wait_jitter = Jitter::Equal;
        assert_eq!(waits(&settings, 0.0), [100, 200, 350, 350]);
        assert_eq!(waits(&settings, 1.0), [50, 100, 175, 175]);
        settings.wait_jitter = Jitter::Decorrelated;
        assert_eq!([0, 100, 110, 350].map(|before| settings.wait_ms(1, before, 0.0)), [300, 300, 330, 350]);
        settings.wait_jitter = Jitter::Full;
        assert_eq!(waits(&settings, 1.0), [1; 4], "never at once");
    }

    #[test]
    fn each_threshold_opens_by_itself() {
        let seen = Seen { calls: 20, failed: 9, slow: 19, in_a_row: 4 };
        let mut settings = BreakerSettings::new();
        assert_eq!(settings.judge(&seen), None);
        assert_eq!(settings.judge(&Seen { failed: 10, ..seen }), Some(BreakerWhy::FailureRate));
        assert_eq!(settings.judge(&Seen { calls: 19, failed: 19, ..seen }), None, "too few calls");
        assert_eq!(settings.judge(&Seen { slow: 20, ..seen }), Some(BreakerWhy::SlowCallRate));
        settings.failure_count_threshold = Some(9);
        assert_eq!(settings.judge(&seen), Some(BreakerWhy::FailureCount));
        settings.consecutive_failures = Some(4);
        assert_eq!(settings.judge(&seen), Some(BreakerWhy::ConsecutiveFailures));
    }
}

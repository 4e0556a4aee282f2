//! Whether a child that ended is started again, and when: pure decisions.

use super::panic::Panic;
use super::spec::{ChildSpec, Restart};
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
    /// It did not say in time that it was [ready](super::ChildSpec::reports_ready), and was stopped.
    NotReady(String),
    /// It did not [beat](super::ChildSpec::heartbeat) for too long, and was stopped.
    Hung(String),
    /// A supervisor whose children were to be restarted more often than its window allows.
    Escalated(String),
}

impl Exit {
    /// Of a supervisor, over this child.
    pub(crate) fn escalated(over: &str) -> Self {
        Self::Escalated(format!("`{over}` was to be restarted once too often"))
    }

    /// Why, unless it returned `Ok`.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Returned => None,
            Self::Panicked(panic) => Some(panic.message()),
            Self::Failed(why)
            | Self::NotSpawned(why)
            | Self::NotReady(why)
            | Self::Hung(why)
            | Self::Escalated(why) => Some(why),
        }
    }
}

/// What is remembered of a child from run to run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    /// How far the delays have grown: runs that lengthened them, none of them stable.
    unstable: u32,
    /// The last delay.
    delay: Duration,
}

impl History {
    /// A run ended after `ran`, or was to begin and did not come that far.
    pub(crate) fn note(&mut self, spec: &ChildSpec, ran: Duration, failed_to_start: bool) {
        if failed_to_start || (ran < spec.min_uptime && ran < spec.stable_after) {
            self.unstable = self.unstable.saturating_add(1);
        } else if ran >= spec.stable_after {
            self.unstable = 0;
        }
    }

    /// How long to wait before the next; `chance` is from 0 to 1.
    pub(crate) fn delay(&mut self, spec: &ChildSpec, chance: f64) -> Duration {
        self.delay = spec.backoff.delay(self.unstable, self.delay, chance);
        self.delay
    }
}

impl Restart {
    /// Whether a run that ended so is followed by another.
    pub(crate) fn follows(self, exit: &Exit) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => exit.failure().is_some(),
            Self::Temporary => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn spec() -> ChildSpec {
        ChildSpec::new("book", Restart::Permanent, |_| ())
    }

    #[test]
    fn each_kind_of_child_is_restarted_as_it_says() {
        let failed = || Exit::Failed("why".into());
        assert!(Restart::Permanent.follows(&Exit::Returned) && Restart::Permanent.follows(&failed()));
        assert!(!Restart::Transient.follows(&Exit::Returned) && Restart::Transient.follows(&failed()));
        assert!(!Restart::Temporary.follows(&Exit::Returned) && !Restart::Temporary.follows(&failed()));
    }

    #[test]
    fn short_runs_lengthen_delays_stable_ones_end_them_and_those_between_keep_them() {
        let (mut history, spec) = (History::default(), spec().min_uptime(SECOND).stable_after(10 * SECOND));
        let mut ended = |ran, failed_to_start| {
            history.note(&spec, ran, failed_to_start);
            history.delay(&spec, 0.0)
        };
        let ms = Duration::from_millis;
        let short: Vec<_> = (0..12).map(|_| ended(Duration::ZERO, false)).collect();
        let expected = |n: u32| (ms(10) * 2_u32.pow(n)).min(10 * SECOND);
        assert_eq!(short, (0..12).map(expected).collect::<Vec<_>>());
        assert_eq!(ended(10 * SECOND, false), Duration::ZERO, "stable");
        assert_eq!(ended(SECOND, false), Duration::ZERO, "nothing to keep");
        assert_eq!([ended(SECOND - ms(1), false), ended(ms(1), false)], [ms(10), ms(20)]);
        assert_eq!([ended(SECOND, false), ended(9 * SECOND, false)], [ms(20), ms(20)], "kept");
        assert_eq!(ended(20 * SECOND, true), ms(40), "however long it took to fail to start");
        assert_eq!(ended(11 * SECOND, false), Duration::ZERO, "stable again");
    }

    #[test]
    fn a_stable_run_is_stable_even_if_it_is_to_last_longer() {
        let (mut history, spec) = (History::default(), spec().min_uptime(20 * SECOND).stable_after(SECOND));
        history.note(&spec, SECOND, false);
        assert_eq!(history.delay(&spec, 0.0), Duration::ZERO);
    }
}

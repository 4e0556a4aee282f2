//! When the next run of a job is due.

use std::time::Duration;

/// How often something is done. The first run is due at once.
///
/// ```
/// use flightdeck::supervisor::Every;
/// use std::time::Duration;
/// let minute = Duration::from_secs(60);
/// assert_ne!(Every::rate(minute), Every::delay(minute));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Every {
    time: Duration,
    from: Anchor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    /// The times at which it is due lie this far apart.
    Due,
    /// From the end of a run to the begin of the next.
    End,
}

/// So that a job without a pause leaves the machine something.
const LEAST: Duration = Duration::from_micros(100);

impl Every {
    /// At a fixed rate: runs are due so far apart, whatever they take. Those that cannot begin in time, since the one before
    /// still runs, are counted as missed, and not made up for. At least 100 us.
    pub const fn rate(time: Duration) -> Self {
        Self { time, from: Anchor::Due }
    }

    /// With a fixed delay: so long after the end of a run the next one begins. None is ever missed. At least 100 us.
    pub const fn delay(time: Duration) -> Self {
        Self { time, from: Anchor::End }
    }

    /// When the run after the one that was due at `due` and ended at `now` is due, and how many have been missed. Times are
    /// from any one instant on.
    pub(super) fn after(self, due: Duration, now: Duration) -> (Duration, u64) {
        let time = self.time.max(LEAST);
        match self.from {
            Anchor::End => (now.saturating_add(time), 0),
            Anchor::Due => {
                let late = now.saturating_sub(due).as_nanos();
                // Of those due until now, the last one is begun at once only if that is this very moment.
                let missed = late.saturating_sub(1) / time.as_nanos();
                let passed = time.as_nanos().saturating_mul(missed.saturating_add(1));
                let passed = Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX));
                (due.saturating_add(passed), u64::try_from(missed).unwrap_or(u64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_rate_keeps_its_times_and_counts_what_it_missed() {
        let every = Every::rate(10 * MS);
        assert_eq!(every.after(20 * MS, 20 * MS), (30 * MS, 0));
        assert_eq!(every.after(20 * MS, 29 * MS), (30 * MS, 0));
        assert_eq!(every.after(20 * MS, 30 * MS), (30 * MS, 0), "just in time");
        assert_eq!(every.after(20 * MS, 31 * MS), (40 * MS, 1));
        assert_eq!(every.after(20 * MS, 65 * MS), (70 * MS, 4));
        assert_eq!(every.after(Duration::ZERO, 1_000_000 * MS), (1_000_000 * MS, 99_999));
        let often = Every::rate(Duration::ZERO);
        assert_eq!(often.after(MS, MS), (MS + LEAST, 0), "no busy loop");
    }

    #[test]
    fn a_delay_is_counted_from_the_end() {
        let every = Every::delay(10 * MS);
        assert_eq!(every.after(20 * MS, 65 * MS), (75 * MS, 0));
        assert_eq!(Every::delay(Duration::MAX).after(MS, MS), (Duration::MAX, 0));
        assert_eq!(Every::rate(Duration::MAX).after(MS, 2 * MS).1, 0);
    }

    proptest! {
        #[test]
        fn what_is_due_is_run_or_missed_and_never_twice(every in 100_u64..10_000, took in prop::collection::vec(0_u64..50_000, 1..50)) {
            let us = Duration::from_micros;
            let (mut due, mut now, mut runs, mut missed) = (Duration::ZERO, Duration::ZERO, 0, 0);
            for took in took {
                now = now.max(due) + us(took);
                runs += 1;
                let (next, more) = Every::rate(us(every)).after(due, now);
                prop_assert!(next > due && next >= now);
                (due, missed) = (next, missed + more);
                prop_assert_eq!(due, us(every) * (runs + missed as u32));
            }
        }
    }
}

//! Rates in ticks, and the clock they are told in: directives are set, and rates stay true when the clock runs
//! otherwise than it did.

use super::bucket::bucket_time;
use super::directives::Directives;
use super::rate::Pace;
use crate::clock::Course;
use crate::events::handle::Events;
use crate::events::store::Store;
use crate::sync::{AtomicU64, Relaxed};

/// The pace of a rate that does not change, but for the clock. Both words are Relaxed: see `bucket`.
#[derive(Debug)]
pub(super) struct PaceWords {
    interval: AtomicU64,
    ahead: AtomicU64,
}

impl PaceWords {
    pub(super) fn new(pace: Pace) -> Self {
        Self { interval: AtomicU64::new(pace.interval), ahead: AtomicU64::new(pace.ahead) }
    }

    #[inline(always)]
    pub(super) fn get(&self) -> Pace {
        Pace { interval: self.interval.load(Relaxed), ahead: self.ahead.load(Relaxed) }
    }

    /// By one thread at a time, which then carries the buckets on.
    pub(super) fn set(&self, pace: Pace) {
        self.interval.store(pace.interval, Relaxed);
        self.ahead.store(pace.ahead, Relaxed);
    }
}

impl Store {
    /// Replaces the directives, if it is given others, and tells all rates and quotas how the clock runs now.
    fn tell(&self, told: &mut Course, directives: Option<Directives>) {
        // Before the converter is made: what happens to the clock meanwhile is seen the next time.
        *told = self.clock.course();
        let directives = directives.unwrap_or_else(|| self.kinds.directives());
        let converter = (directives.have_limits() || self.control.quotas.are_there() || self.has_beat())
            .then(|| self.clock.converter());
        let of_kinds = converter.clone().filter(|_| directives.have_limits());
        self.kinds.set_directives(directives, of_kinds);
        if let Some(converter) = converter {
            self.control.quotas.follow(&converter, bucket_time(&self.clock));
            self.set_slowest_beat(&converter);
        }
    }

    /// Tells rates and quotas anew in ticks, if the clock runs otherwise than when that was done last; whether it does.
    /// To be called once the clock has been compared. Who compared it does not matter.
    pub(crate) fn follow_clock(&self) -> bool {
        let mut told = self.control.told.lock();
        let is_another = !told.is_that_of(&self.clock.course());
        if is_another {
            self.tell(&mut told, None);
        }
        is_another
    }
}

impl Events {
    /// Replaces all directives: which kinds are recorded, sampled, limited. Holds for kinds already met and those yet to
    /// come, and takes effect on other threads within moments, not at once. Counts of what was suppressed go on. A
    /// rate that is another one than before begins with a full bucket; one that stays as it was goes on where it is, be it
    /// used up or not.
    ///
    /// Rates and quotas are told anew in ticks of the clock. So they are true again after the clock has changed its rate or
    /// gone back, where [`Clock::recheck`](crate::Clock::recheck) says [`is_disturbed`](crate::ClockCheck::is_disturbed): a deck does all that by
    /// itself, within a second or two; for a store alone it is the host's to call both, with the
    /// [directives](Events::directives) in force.
    ///
    /// Takes locks and, within 5 ms of the store's start, waits until they are over if there are rates: a rate needs a
    /// sound clock. Not for hot paths, signal handlers and the child of a fork.
    ///
    /// ```
    /// use flightdeck::events::Events;
    /// flightdeck::kind! { Queried("db.queried") { rows: u64 } }
    /// let events = Events::builder().build()?;
    /// (0..100).for_each(|rows| events.record(Queried { rows }));
    /// events.set_directives("db=1/10".parse()?);
    /// (0..100).for_each(|rows| events.record(Queried { rows }));
    /// assert_eq!(events.stats().written, 110);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_directives(&self, directives: Directives) {
        let store = self.store();
        store.tell(&mut store.control.told.lock(), Some(directives));
        store.control.watchers.tell();
    }

    /// The directives in force.
    #[must_use]
    pub fn directives(&self) -> Directives {
        self.store().kinds.directives()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::script::Script;
    use crate::clock::{Clock, ClockCheck};
    use crate::events::{Quota, Rate};
    use crate::sync::Arc;
    use std::time::Duration;

    crate::kind! { Polled("pacing.polled") { n: u64 } }

    /// Ticks per nanosecond.
    const RATE: f64 = 2.6;
    const SECOND: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    /// A store on a counter whose rate was seen for five milliseconds.
    struct Host {
        script: Arc<Script>,
        events: Events,
    }

    impl Host {
        fn new(directives: &str) -> Self {
            let script = Arc::new(Script::counter());
            let clock = Clock::scripted(&script);
            script.pass(MS * 5, RATE);
            assert!(matches!(clock.recheck(), ClockCheck::Steady { .. }));
            let events = Events::builder().memory(4 << 20).clock(clock).directives(directives).build();
            Self { script, events: events.unwrap() }
        }

        /// What a deck does once a second.
        fn look_at_clock(&self) {
            let _ = self.events.clock().recheck();
            self.events.store().follow_clock();
        }

        /// How many of so many events are let through.
        fn passed(&self, count: u64) -> u64 {
            let before = self.events.stats().written;
            (0..count).for_each(|n| self.events.record(Polled { n }));
            self.events.stats().written - before
        }

        /// How many of an event a millisecond are let through in so many seconds, by rate and by quota.
        fn passed_in(&self, seconds: u64, ticks_per_ns: f64, quota: &Quota) -> [u64; 2] {
            let (before, mut by_quota) = (self.events.stats().written, 0);
            for _ in 0..seconds {
                for n in 0..1_000 {
                    self.script.pass(MS, ticks_per_ns);
                    self.events.record(Polled { n });
                    by_quota += u64::from(quota.admits(7_u64));
                }
                self.look_at_clock();
            }
            [self.events.stats().written - before, by_quota]
        }

        fn tell(&self) {
            self.events.set_directives(self.events.directives());
        }
    }

    #[test]
    fn a_rate_that_stays_goes_on_though_the_clock_is_known_better() {
        let host = Host::new("pacing=100/s");
        let second = || host.events.clock().converter().ticks_in(SECOND);
        assert_eq!(host.passed(200), 100);
        for _ in 0..5 {
            let before = second();
            // Steady, and seen better each time.
            host.script.pass(SECOND / 4, RATE * 1.000_3);
            assert!(matches!(host.events.clock().recheck(), ClockCheck::Steady { .. }));
            host.tell();
            assert!(second() > before, "nothing has changed");
            assert_eq!(host.passed(100), 25, "a quarter of a second has passed");
            host.tell();
            assert_eq!(host.passed(100), 0, "it was used up");
        }
        host.events.set_directives("pacing=50/s".parse().unwrap());
        assert_eq!(host.passed(100), 50, "another rate begins anew");
        // And a gate that has no rate for a while.
        host.events.set_directives("pacing=1/2".parse().unwrap());
        host.events.set_directives("pacing=50/s".parse().unwrap());
        assert_eq!(host.passed(100), 50);
    }

    #[test]
    fn a_rate_is_one_of_true_time_whatever_the_clock_does() {
        for factor in [0.1, 0.5, 0.99, 1.5, 3.0] {
            let host = Host::new("pacing=100/s");
            let quota = host.events.quota("by number", Rate::per_second(100), 10).unwrap();
            assert_eq!((host.passed(200), (0..200).filter(|_| quota.admits(7_u64)).count()), (100, 100));
            let within = |passed: [u64; 2]| passed.iter().all(|passed| passed.abs_diff(1_000) <= 10);
            let before = host.passed_in(10, RATE, &quota);
            assert!(within(before), "{before:?}");
            // Two seconds, in which it is found out.
            host.passed_in(2, RATE * factor, &quota);
            let after = host.passed_in(10, RATE * factor, &quota);
            assert!(within(after) && host.events.clock().status().rate_changes > 0, "{factor}: {after:?}");
        }
    }

    #[test]
    fn what_is_limited_opens_again_after_the_clock_went_back() {
        // By more than has passed, which is found out; and by less, which looks like a change of rate.
        for (back, jumps) in [(3_000_000_000_000, 1), ((0.6e9 * RATE) as i64, 0)] {
            let host = Host::new("pacing=100/s");
            let quota = host.events.quota("by number", Rate::per_second(100), 10).unwrap();
            host.passed_in(3, RATE, &quota);
            host.script.pass(SECOND / 2, RATE);
            assert_eq!(host.passed(1_000), 50);
            assert_eq!((0..1_000).filter(|_| quota.admits(7_u64)).count(), 50);
            host.script.jump(-back);
            assert_eq!(host.passed(100), 0, "not yet found out");
            host.passed_in(2, RATE, &quota);
            let after = host.passed_in(10, RATE, &quota);
            assert!(after.iter().all(|passed| passed.abs_diff(1_000) <= 10), "{back}: {after:?}");
            assert_eq!(host.events.clock().status().backward_jumps, jumps);
        }
    }

    #[test]
    fn what_was_taken_on_a_counter_that_ran_ahead_and_went_back_closes_nothing() {
        let host = Host::new("pacing=100/s");
        let quota = host.events.quota("by number", Rate::per_second(100), 10).unwrap();
        host.passed_in(3, RATE, &quota);
        host.script.jump(1 << 50);
        assert!(host.passed(200) == 100 && quota.admits(7_u64));
        host.script.jump(-(1 << 50) - 3_000_000_000_000);
        host.passed_in(1, RATE, &quota);
        assert_eq!(host.events.clock().status().backward_jumps, 1);
        let after = host.passed_in(10, RATE, &quota);
        assert!(after.iter().all(|passed| passed.abs_diff(1_000) <= 10), "{after:?}");
    }

    #[test]
    fn an_hour_that_has_begun_stays_an_hour() {
        for factor in [0.1, 4.0] {
            let host = Host::new("pacing=1/h");
            let quota = host.events.quota("by number", Rate::per_hour(1), 10).unwrap();
            assert!(host.passed(5) == 1 && quota.admits(7_u64));
            let mut elapsed = 0;
            while elapsed < 3_560 {
                assert!(host.passed(20) == 0 && !quota.admits(7_u64), "{factor}: {elapsed} s");
                host.script.pass(SECOND * 10, if elapsed < 300 { RATE } else { RATE * factor });
                host.look_at_clock();
                elapsed += 10;
            }
            // By as much as the ten seconds are off in which the change was not yet found out.
            host.script.pass(SECOND * 60, RATE * factor);
            assert!(host.passed(5) == 1 && quota.admits(7_u64), "{factor}");
        }
    }

    #[test]
    fn a_change_that_somebody_else_found_out_is_followed() {
        let host = Host::new("pacing=100/s");
        host.script.pass(SECOND, RATE);
        host.look_at_clock();
        assert!(!host.events.store().follow_clock(), "nothing is new");
        host.script.pass(SECOND, RATE * 2.0);
        // A query, say.
        let _ = host.events.clock().converter();
        assert_eq!(host.events.clock().recheck(), ClockCheck::Skipped);
        assert!(host.events.store().follow_clock() && !host.events.store().follow_clock());
    }
}

//! Whether somebody who should beat still does: pure decisions in virtual time.

use std::time::Duration;

/// How short the time between two checks may be: nobody looks more often.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long somebody may be silent, and when it is believed.
///
/// A [`Duration`] is one with the other values left as they are.
///
/// ```
/// use flightdeck::supervisor::Heartbeat;
/// use std::time::Duration;
///
/// let heartbeat = Heartbeat::within(Duration::from_secs(3)).checks(6).recovers_after(3);
/// assert_eq!(heartbeat.period(), Duration::from_millis(500));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Heartbeat {
    limit: Duration,
    first: Duration,
    checks: u32,
    recovers_after: u32,
}

impl Heartbeat {
    /// Who has not beaten for so long is hung. At least one millisecond for each [check](Heartbeat::checks).
    pub fn within(limit: Duration) -> Self {
        Self { limit, first: limit, checks: 3, recovers_after: 2 }
    }

    /// How long it may take until the first beat, if that is longer than the limit. For what has to warm up.
    pub fn first_within(mut self, time: Duration) -> Self {
        self.first = time;
        self
    }

    /// How many checks in a row must find no beat: 3 by default, 1 at least. They are evenly spread over the limit. A check
    /// that comes late, since the machine slept or the process was stopped, is still one check: such a pause alone makes
    /// nobody hung if there is more than one.
    pub fn checks(mut self, misses: u32) -> Self {
        self.checks = misses.max(1);
        self
    }

    /// How many checks in a row must find a beat until who was hung counts as alive again: 2 by default, 1 at least.
    pub fn recovers_after(mut self, checks: u32) -> Self {
        self.recovers_after = checks.max(1);
        self
    }

    /// The time between two checks.
    #[must_use]
    pub fn period(&self) -> Duration {
        (self.limit / self.checks).max(SHORTEST)
    }
}

impl From<Duration> for Heartbeat {
    fn from(limit: Duration) -> Self {
        Self::within(limit)
    }
}

/// What is known of somebody who should beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VitalSign {
    /// It has not beaten yet, and need not have.
    Unheard,
    /// It beats.
    Alive,
    /// The last check found no beat.
    Suspect,
    /// So did as many checks as it takes, or it has begun to beat again and not yet for long enough.
    Hung,
}

/// What a check found to be otherwise than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Turn {
    /// It is hung from now on.
    Hung {
        /// How long ago a check last found a beat, or the run began.
        silent: Duration,
    },
    /// It beats again.
    Recovered {
        /// How long it counted as hung.
        hung: Duration,
    },
}

/// Tells from the beats of one run whether it is alive, slow to change its mind in both directions.
///
/// It reads no clock and starts no thread: somebody calls [`Liveness::check`] every so often and says what time it is. Times
/// are from any one moment. A run that is followed by another one needs a new one, as it needs a new pulse.
///
/// Who hangs is found out no sooner than the limit after the last beat, and, checked on time, no later than a
/// [period](Heartbeat::period) after that.
///
/// ```
/// use flightdeck::supervisor::{Heartbeat, Liveness, Pulse, Turn, VitalSign};
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// let pulse = Pulse::new();
/// let mut liveness = Liveness::new(Heartbeat::within(second).checks(2), Duration::ZERO);
/// pulse.beat();
/// assert_eq!(liveness.check(pulse.beats(), second), None);
/// assert_eq!(liveness.sign(), VitalSign::Alive);
/// assert_eq!(liveness.check(pulse.beats(), 2 * second), None, "once is not enough");
/// assert_eq!(liveness.check(pulse.beats(), 3 * second), Some(Turn::Hung { silent: 2 * second }));
/// ```
#[derive(Clone, Debug)]
pub struct Liveness {
    heartbeat: Heartbeat,
    sign: VitalSign,
    /// The count that was found last.
    seen: u64,
    /// When a check last found a beat; at first when the run began.
    heard: Duration,
    /// When a check last counted.
    checked: Duration,
    hung_since: Duration,
    /// Checks in a row that found no beat, or, of one that is hung, that found one.
    row: u32,
}

impl Liveness {
    /// Of a run that begins now and has not beaten yet.
    #[must_use]
    pub fn new(heartbeat: Heartbeat, now: Duration) -> Self {
        let sign = VitalSign::Unheard;
        Self { heartbeat, sign, seen: 0, heard: now, checked: now, hung_since: now, row: 0 }
    }

    /// What is known.
    #[must_use]
    pub fn sign(&self) -> VitalSign {
        self.sign
    }

    /// When the next check is due. One that comes before counts only if it finds a beat of one that is not hung.
    #[must_use]
    pub fn next_check(&self) -> Duration {
        self.checked.saturating_add(self.heartbeat.period())
    }

    /// Somebody looked: so often it has beaten, and it is this late. What turned with that, if anything did.
    pub fn check(&mut self, beats: u64, now: Duration) -> Option<Turn> {
        // Any other count is a beat, even a lower one: see `Pulse` of more than one thread.
        let beaten = beats != self.seen;
        let early = now < self.next_check();
        if early && (!beaten || self.sign == VitalSign::Hung) {
            return None;
        }
        let silent = now.saturating_sub(self.heard);
        self.seen = beats;
        self.checked = now;
        if beaten {
            self.heard = now;
        }
        match (self.sign, beaten) {
            (VitalSign::Hung, true) => {
                self.row += 1;
                if self.row >= self.heartbeat.recovers_after {
                    (self.sign, self.row) = (VitalSign::Alive, 0);
                    return Some(Turn::Recovered { hung: now.saturating_sub(self.hung_since) });
                }
            }
            (VitalSign::Hung, false) => self.row = 0,
            (_, true) => (self.sign, self.row) = (VitalSign::Alive, 0),
            (sign, false) => {
                self.row = self.row.saturating_add(1);
                let first = if sign == VitalSign::Unheard { self.heartbeat.first } else { Duration::ZERO };
                if self.row >= self.heartbeat.checks && silent >= first {
                    (self.sign, self.row, self.hung_since) = (VitalSign::Hung, 0, now);
                    return Some(Turn::Hung { silent });
                }
                if sign == VitalSign::Alive {
                    self.sign = VitalSign::Suspect;
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Duration {
        SECOND * seconds as u32
    }

    /// Checked each second; hung after three misses, alive again after two beats.
    fn each_second() -> Liveness {
        Liveness::new(Heartbeat::within(3 * SECOND), Duration::ZERO)
    }

    #[test]
    fn one_beat_too_few_makes_suspect_and_three_in_a_row_hung() {
        let mut of = each_second();
        assert_eq!(of.sign(), VitalSign::Unheard);
        let mut signs = Vec::new();
        for (second, beats) in (1..).zip([1, 1, 1, 2, 2, 2]) {
            assert_eq!(of.check(beats, at(second)), None);
            signs.push(of.sign());
        }
        use VitalSign::{Alive, Suspect};
        assert_eq!(signs, [Alive, Suspect, Suspect, Alive, Suspect, Suspect]);
        assert_eq!(of.check(2, at(7)), Some(Turn::Hung { silent: 3 * SECOND }));
        assert_eq!(of.sign(), VitalSign::Hung);
        assert_eq!(of.check(2, at(8)), None, "said once");
    }

    #[test]
    fn who_was_hung_recovers_after_beats_in_a_row_only() {
        let mut of = each_second();
        let turns: Vec<_> = (1..=3).map(|second| of.check(0, at(second))).collect();
        assert_eq!(turns, [None, None, Some(Turn::Hung { silent: 3 * SECOND })]);
        // A beat every other second is not enough, however often.
        for second in 4..40 {
            assert_eq!((of.check(second / 2, at(second)), of.sign()), (None, VitalSign::Hung));
        }
        assert_eq!(of.check(100, at(40)), None);
        assert_eq!(of.check(101, at(41)), Some(Turn::Recovered { hung: 38 * SECOND }));
        assert_eq!(of.sign(), VitalSign::Alive);
    }

    #[test]
    fn a_first_beat_may_take_longer() {
        let heartbeat = Heartbeat::within(3 * SECOND).first_within(60 * SECOND);
        let mut of = Liveness::new(heartbeat, Duration::ZERO);
        for second in 1..60 {
            assert_eq!((of.check(0, at(second)), of.sign()), (None, VitalSign::Unheard));
        }
        let mut silent = of.clone();
        assert_eq!(silent.check(0, at(60)), Some(Turn::Hung { silent: 60 * SECOND }));
        assert_eq!(of.check(1, at(60)), None);
        let turns: Vec<_> = (61..=63).map(|second| of.check(1, at(second))).collect();
        assert_eq!(turns, [None, None, Some(Turn::Hung { silent: 3 * SECOND })], "from then on as any");
    }

    #[test]
    fn a_late_check_counts_once_and_an_early_one_not_at_all() {
        let mut of = each_second();
        assert_eq!(of.check(1, at(1)), None);
        // The machine slept.
        assert_eq!((of.check(1, at(3_600)), of.sign()), (None, VitalSign::Suspect));
        for _ in 0..100 {
            assert_eq!((of.check(1, at(3_600)), of.sign()), (None, VitalSign::Suspect));
        }
        assert_eq!(of.next_check(), at(3_601));
        assert_eq!((of.check(2, at(3_600)), of.sign()), (None, VitalSign::Alive));
        // Nor do early ones make somebody recover.
        (3_601..=3_603).for_each(|second| {
            let _turn = of.check(2, at(second));
        });
        assert_eq!(of.sign(), VitalSign::Hung);
        for beats in 3..100 {
            assert_eq!((of.check(beats, at(3_603)), of.sign()), (None, VitalSign::Hung));
        }
    }

    #[test]
    fn no_limit_makes_somebody_look_without_pause() {
        for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(2)] {
            let heartbeat = Heartbeat::from(limit).checks(0).checks(1_000);
            assert_eq!(heartbeat.period(), SHORTEST);
            assert_eq!(Liveness::new(heartbeat, SECOND).next_check(), SECOND + SHORTEST);
        }
        let never = Heartbeat::within(Duration::MAX).first_within(Duration::MAX);
        let mut of = Liveness::new(never.checks(1), SECOND);
        assert_eq!((of.next_check(), of.check(0, at(1 << 30))), (Duration::MAX, None));
    }

    /// What follows from the checks that counted, by definition: hung since the last row of misses that was long enough, unless a
    /// row of beats that was long enough came after it.
    fn by_definition(found: &[bool], misses: usize, beats: usize) -> bool {
        let ends_row = |of: bool, length: usize, end: usize| {
            end + 1 >= length && found[end + 1 - length..=end].iter().all(|beaten| *beaten == of)
        };
        let last = |of, length| (0..found.len()).rev().find(|end| ends_row(of, length, *end));
        match (last(false, misses), last(true, beats)) {
            (Some(hung), Some(alive)) => hung > alive,
            (hung, _) => hung.is_some(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn signs_are_what_the_checks_so_far_say(
            looks in prop::collection::vec((1_u64..40, 0_u64..3), 1..200),
            misses in 1_u32..5,
            recovers in 1_u32..5,
        ) {
            let heartbeat = Heartbeat::within(10 * SECOND * misses).checks(misses).recovers_after(recovers);
            let mut of = Liveness::new(heartbeat, Duration::ZERO);
            let (mut now, mut beats, mut seen, mut last) = (0, 0, 0, 0);
            let (mut found, mut was_hung) = (Vec::new(), false);
            for (passed, beaten) in looks {
                now += passed;
                beats += beaten;
                // What counts: a look in time, and a beat of one that is not hung.
                if now - last >= 10 || (beats > seen && !was_hung) {
                    found.push(beats > seen);
                    (last, seen) = (now, beats);
                }
                let turn = of.check(beats, at(now));
                let is_hung = by_definition(&found, misses as usize, recovers as usize);
                prop_assert_eq!(of.sign() == VitalSign::Hung, is_hung, "{:?}", found);
                prop_assert_eq!(matches!(turn, Some(Turn::Hung { .. })), is_hung && !was_hung);
                prop_assert_eq!(matches!(turn, Some(Turn::Recovered { .. })), !is_hung && was_hung);
                if let Some(Turn::Hung { silent }) = turn {
                    prop_assert!(silent >= 10 * SECOND * misses);
                }
                was_hung = is_hung;
            }
        }

        /// Checked on time: nobody who beats in each period is suspected, and who stops is found out in time.
        #[test]
        fn who_stops_is_found_out_within_the_limit_and_a_period(
            periods in 1_u64..50, checks in 1_u32..8, stops_at in 0_u64..1_000,
        ) {
            let heartbeat = Heartbeat::within(checks * SECOND).checks(checks);
            let mut of = Liveness::new(heartbeat, Duration::ZERO);
            for second in 1..=periods {
                prop_assert_eq!((of.check(second, at(second)), of.sign()), (None, VitalSign::Alive));
            }
            // Its last beat, so many thousandths into the second.
            let last = at(periods) + Duration::from_millis(stops_at);
            let beats = periods + u64::from(stops_at > 0);
            let said = (periods + 1..).find(|second| of.check(beats, at(*second)).is_some()).unwrap();
            let after = at(said) - last;
            prop_assert!(after >= checks * SECOND && after <= (checks + 1) * SECOND, "after {:?}", after);
        }
    }
}

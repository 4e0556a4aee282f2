//! A check and what came of it. All decisions in virtual time: `now` is counted from when its deck began.

use super::check::{Ask, Check, Way};
use super::hysteresis::{CheckState, Hysteresis};
use super::probe::{Probe, Probes};
use crate::contain::contain;
use crate::sync::{Arc, Mutex};
use std::time::Duration;

/// How a check is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckStatus {
    /// Its name.
    pub name: Arc<str>,
    /// What it counts for.
    pub probes: Probes,
    /// How it stands.
    pub state: CheckState,
    /// For how long it has.
    pub lasting: Duration,
    /// How many of the last verdicts were the same in a row.
    pub streak: u32,
    /// Why it does not pass: of the last verdict, if that was a failure, or that there is none.
    pub reason: Option<String>,
    /// Verdicts there were.
    pub verdicts: u64,
    /// Those of them that were failures.
    pub failures: u64,
    /// How long the last answer took, if it is asked.
    pub took: Option<Duration>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Which probes fail because of it.
    pub fails: Probes,
}

impl CheckStatus {
    /// Whether the last answer took longer than it may.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.took.is_some_and(|took| took > self.timeout)
    }
}

/// What a verdict did.
pub(super) struct Told {
    /// Whether the state or what is said of it is another one now.
    pub(super) changed: bool,
}

/// A check that somebody has.
pub(crate) struct Watched {
    pub(super) name: Arc<str>,
    probes: Probes,
    /// `None`: it is told.
    period: Option<Duration>,
    timeout: Duration,
    /// How long a verdict stands.
    stands: Duration,
    /// Held while it is asked: never two at once.
    ask: Mutex<Option<Box<Ask>>>,
    kept: Mutex<Kept>,
}

/// What came of it so far.
struct Kept {
    hysteresis: Hysteresis,
    /// Since when its state is what it is.
    since: Duration,
    /// When the last verdict came; at first, when it was taken on.
    heard: Duration,
    /// When it was asked last.
    asked: Option<Duration>,
    reason: Option<String>,
    verdicts: u64,
    failures: u64,
    took: Option<Duration>,
    /// It has passed at some time, or need not have.
    has_started: bool,
    /// It failed before it ever passed.
    start_failed: bool,
}

impl Watched {
    pub(super) fn new(check: Check, now: Duration) -> Self {
        let Check { name, probes, failures, successes, period, timeout, way } = check;
        let (ask, period, stands) = match way {
            Way::Asked(ask) => (Some(ask), Some(period), period.saturating_mul(2).saturating_add(timeout)),
            Way::Told(_) => (None, None, period),
        };
        let kept = Kept {
            hysteresis: Hysteresis::new(failures, successes),
            since: now,
            heard: now,
            asked: None,
            reason: Some("no verdict yet".to_owned()),
            verdicts: 0,
            failures: 0,
            took: None,
            has_started: !probes.contains(Probe::Startup),
            start_failed: false,
        };
        Self { name, probes, period, timeout, stands, ask: Mutex::new(ask), kept: Mutex::new(kept) }
    }

    /// When it is to be asked next, if ever.
    pub(super) fn due(&self) -> Option<Duration> {
        let period = self.period?;
        let kept = self.kept.lock();
        let is_over = kept.has_started && self.probes == Probe::Startup.into();
        (!is_over).then(|| kept.asked.map_or(Duration::ZERO, |asked| asked + period))
    }

    /// Asks it, unless somebody does already.
    pub(super) fn ask(&self, clock: &dyn Fn() -> Duration) -> bool {
        let Some(mut ask) = self.ask.try_lock() else { return false };
        let Some(ask) = ask.as_mut() else { return false };
        let began = clock();
        self.kept.lock().asked = Some(began);
        let answer = contain(ask);
        let now = clock();
        let took = now.saturating_sub(began);
        let verdict = match answer {
            Ok(Err(why)) => Err(why),
            Ok(Ok(())) if took > self.timeout => {
                Err(format!("took {took:.1?}, may take {:.1?}", self.timeout))
            }
            Ok(Ok(())) => Ok(()),
            Err(message) => Err(format!("panicked: {message}")),
        };
        self.kept.lock().took = Some(took);
        self.tell(now, verdict).changed
    }

    pub(super) fn tell(&self, now: Duration, verdict: Result<(), String>) -> Told {
        let mut kept = self.kept.lock();
        self.expire(&mut kept, now);
        let before = (kept.hysteresis.state(), kept.has_started, kept.start_failed);
        kept.hysteresis.tell(verdict.is_ok());
        kept.verdicts += 1;
        kept.failures += u64::from(verdict.is_err());
        kept.heard = kept.heard.max(now);
        let reason = verdict.err();
        let says_else = kept.reason != reason;
        kept.reason = reason;
        match kept.hysteresis.state() {
            CheckState::Passing => (kept.has_started, kept.start_failed) = (true, false),
            CheckState::Failing if !kept.has_started => kept.start_failed = true,
            _ => {}
        }
        let after = (kept.hysteresis.state(), kept.has_started, kept.start_failed);
        if before.0 != after.0 {
            kept.since = now;
        }
        Told { changed: before != after || says_else }
    }

    /// What was not renewed in time is not known.
    fn expire(&self, kept: &mut Kept, now: Duration) {
        let is_over = kept.has_started && self.probes == Probe::Startup.into();
        let age = now.saturating_sub(kept.heard);
        if is_over || age <= self.stands {
            return;
        }
        let was_known = kept.hysteresis.state() != CheckState::Unknown;
        // Also what had not been said often enough to count.
        kept.hysteresis.forget();
        if was_known {
            kept.since = kept.heard + self.stands;
        }
        if kept.verdicts > 0 {
            kept.reason = Some(format!("no verdict for more than {:.1?}", self.stands));
        }
    }

    pub(super) fn status(&self, now: Duration) -> CheckStatus {
        let mut kept = self.kept.lock();
        self.expire(&mut kept, now);
        let state = kept.hysteresis.state();
        let is_silent = now.saturating_sub(kept.heard) > self.stands;
        let mut fails = Probes::NONE;
        let mut fail = |probe: Probe| fails = fails.and(probe.into());
        if !kept.has_started {
            fail(Probe::Startup);
        }
        if kept.start_failed {
            fail(Probe::Live);
        }
        if self.probes.contains(Probe::Ready) && state != CheckState::Passing {
            fail(Probe::Ready);
        }
        // Who has not heard anything waits for a first word; who has heard nothing for too long does not.
        let is_dead = state == CheckState::Failing || state == CheckState::Unknown && is_silent;
        if self.probes.contains(Probe::Live) && kept.has_started && is_dead {
            fail(Probe::Live);
        }
        CheckStatus {
            name: self.name.clone(),
            probes: self.probes,
            state,
            lasting: now.saturating_sub(kept.since),
            streak: kept.hysteresis.streak(),
            reason: kept.reason.clone(),
            verdicts: kept.verdicts,
            failures: kept.failures,
            took: kept.took,
            timeout: self.timeout,
            fails,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{AtomicU64, Relaxed};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Duration {
        SECOND * seconds as u32
    }

    fn told(check: impl FnOnce(Check) -> Check) -> Watched {
        Watched::new(check(Check::told("feed").0), Duration::ZERO)
    }

    fn fails(watched: &Watched, now: u64) -> Vec<Probe> {
        watched.status(at(now)).fails.iter().collect()
    }

    #[test]
    fn a_verdict_that_is_not_renewed_is_unknown_and_fails_what_it_counts_for() {
        let watched = told(|check| check.counts_for([Probe::Live, Probe::Ready]));
        assert_eq!(fails(&watched, 0), [Probe::Ready], "not a word yet, and no time for one");
        assert_eq!(fails(&watched, 10), [Probe::Ready]);
        assert_eq!(fails(&watched, 11), [Probe::Live, Probe::Ready], "silent from the start");
        assert!(watched.tell(at(12), Ok(())).changed);
        assert_eq!((fails(&watched, 22), watched.status(at(22)).state), (vec![], CheckState::Passing));
        let late = watched.status(at(23));
        assert_eq!((late.state, late.lasting), (CheckState::Unknown, SECOND));
        assert_eq!(late.reason.as_deref(), Some("no verdict for more than 10.0s"));
        assert_eq!(fails(&watched, 23), [Probe::Live, Probe::Ready]);
        assert!(watched.tell(at(24), Ok(())).changed);
        assert_eq!(fails(&watched, 24), []);
    }

    #[test]
    fn thresholds_hold_on_both_edges() {
        let watched = told(|check| check.success_threshold(2));
        let state_after = |now: u64, verdict: Result<(), String>| {
            let _ = watched.tell(at(now), verdict);
            watched.status(at(now)).state
        };
        let bad = || Err("no tick".to_owned());
        assert_eq!(state_after(1, Ok(())), CheckState::Unknown);
        assert_eq!(state_after(2, Ok(())), CheckState::Passing);
        assert_eq!([3, 4].map(|now| state_after(now, bad())), [CheckState::Passing; 2]);
        assert_eq!(watched.status(at(4)).reason.as_deref(), Some("no tick"), "said before it counts");
        assert_eq!(state_after(5, bad()), CheckState::Failing);
        assert_eq!(state_after(6, Ok(())), CheckState::Failing);
        assert_eq!(state_after(7, Ok(())), CheckState::Passing);
        let status = watched.status(at(7));
        assert_eq!((status.verdicts, status.failures, status.streak), (7, 3, 2));
    }

    #[test]
    fn a_start_gates_the_others_once_and_one_that_fails_is_not_alive() {
        let all = Probe::ALL;
        let watched = told(|check| check.counts_for(all).failure_threshold(2).period(100 * SECOND));
        let bad = || Err("migrating".to_owned());
        let _ = watched.tell(at(1), bad());
        assert_eq!(fails(&watched, 1), [Probe::Startup, Probe::Ready]);
        let _ = watched.tell(at(2), bad());
        assert_eq!(fails(&watched, 2), all, "the start has failed");
        let _ = watched.tell(at(3), Ok(()));
        assert_eq!(fails(&watched, 3), []);
        for now in [4, 5] {
            let _ = watched.tell(at(now), bad());
        }
        assert_eq!(fails(&watched, 5), [Probe::Live, Probe::Ready], "it has started for good");
    }

    #[test]
    fn a_check_for_the_start_alone_is_asked_until_it_passes() {
        let answers = [Err("not yet"), Ok(())];
        let mut next = answers.into_iter();
        let check = Check::new("schema", move || next.next().unwrap()).counts_for([Probe::Startup]);
        let watched = Watched::new(check, Duration::ZERO);
        assert_eq!(watched.due(), Some(Duration::ZERO), "at once");
        watched.ask(&|| at(1));
        assert_eq!((watched.due(), fails(&watched, 1)), (Some(at(11)), vec![Probe::Startup]));
        watched.ask(&|| at(11));
        assert_eq!((watched.due(), fails(&watched, 10_000)), (None, vec![]), "however long ago");
    }

    #[test]
    fn one_that_takes_too_long_or_panics_has_failed_and_says_so() {
        let now = Arc::new(AtomicU64::new(0));
        let (takes, mut calls) = (now.clone(), 0);
        let check = Check::new("disk", move || {
            calls += 1;
            match calls {
                1 => {
                    takes.fetch_add(2, Relaxed);
                    Ok(())
                }
                2 => panic!("no disk"),
                _ => Err("full"),
            }
        });
        let watched = Watched::new(check.failure_threshold(3), Duration::ZERO);
        let reasons = ["took 2.0s, may take 1.0s", "panicked: no disk", "full"];
        for (reason, is_slow) in reasons.into_iter().zip([true, false, false]) {
            assert!(watched.ask(&|| at(now.load(Relaxed))));
            let status = watched.status(at(now.load(Relaxed)));
            assert_eq!((status.reason.as_deref(), status.is_slow()), (Some(reason), is_slow));
        }
        assert_eq!(fails(&watched, 2), [Probe::Ready]);
        assert_eq!(watched.status(at(2)).state, CheckState::Failing);
    }

    /// Each answer is older than it may be when the next one comes.
    #[test]
    fn a_check_that_is_always_too_slow_never_seems_alive_between_two_answers() {
        let now = Arc::new(AtomicU64::new(0));
        let takes = now.clone();
        let check = Check::new("disk", move || {
            takes.fetch_add(30, Relaxed);
            Ok::<_, String>(())
        });
        let watched = Watched::new(check.counts_for([Probe::Live, Probe::Ready]), Duration::ZERO);
        for answer in 1..8 {
            // Somebody looks before it is answered, when all that was said is too old.
            let is_due = now.load(Relaxed);
            let before = watched.status(at(is_due + 29));
            assert!(before.fails.contains(Probe::Live), "silent for too long, before answer {answer}");
            watched.ask(&|| at(now.load(Relaxed)));
            let after = watched.status(at(now.load(Relaxed)));
            let state = if answer < 3 { CheckState::Unknown } else { CheckState::Failing };
            assert_eq!((after.state, after.streak, after.failures), (state, answer, u64::from(answer)));
            assert_eq!(after.fails.contains(Probe::Live), answer >= 3);
        }
    }

    #[test]
    fn successes_that_are_too_few_and_too_old_count_no_more() {
        let watched = told(|check| check.success_threshold(2));
        let _ = watched.tell(at(1), Ok(()));
        let status = watched.status(at(12));
        assert_eq!((status.state, status.streak), (CheckState::Unknown, 0));
        assert_eq!(status.reason.as_deref(), Some("no verdict for more than 10.0s"));
        let _ = watched.tell(at(13), Ok(()));
        assert_eq!(watched.status(at(13)).state, CheckState::Unknown, "the first of two");
        let _ = watched.tell(at(14), Ok(()));
        assert_eq!(watched.status(at(14)).state, CheckState::Passing);
    }

    #[test]
    fn two_never_ask_at_once() {
        let inner = Arc::new(Mutex::new(None::<Arc<Watched>>));
        let (again, asked) = (inner.clone(), Arc::new(AtomicU64::new(0)));
        let counted = asked.clone();
        let check = Check::new("nested", move || {
            counted.fetch_add(1, Relaxed);
            let watched = again.lock().clone().unwrap();
            watched.ask(&|| at(1));
            Ok::<_, String>(())
        });
        let watched = Arc::new(Watched::new(check, Duration::ZERO));
        *inner.lock() = Some(watched.clone());
        assert!(watched.ask(&|| at(1)));
        assert_eq!(asked.load(Relaxed), 1);
        inner.lock().take();
    }
}

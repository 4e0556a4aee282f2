//! Runs that failed, each with what led to it.
//!
//! | file | idea |
//! |---|---|
//! | `kept` | the last ones: how many, and which are told as one |
//! | `pace` | how often somebody may ask for events |
//! | `shown` | a report as text |
//! | `json` | and as JSON (feature `json`) |

#[cfg(feature = "json")]
mod json;
mod kept;
mod pace;
mod shown;

use super::{Flightdeck, trail};
use crate::events::{Answer, Events};
use crate::id::CorrelationId;
use crate::supervisor::{ChildId, Exit, Incident, Panic};
use crate::sync::{Arc, Mutex};
use kept::Kept;
use pace::Pace;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant, SystemTime};

/// Why a run of a worker failed, and what led to it. It is owned and stays as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailureReport {
    /// The worker; or a supervisor in the tree that [gave up](Exit::Escalated).
    pub worker: Arc<str>,
    /// Which child that is: another one may have had its name before.
    child: ChildId,
    /// Which runs failed like this, one after the other: the last is what the rest is about.
    pub generations: RangeInclusive<u64>,
    /// How it ended. Of a panic, all that is known: [`FailureReport::panic`].
    pub exit: Exit,
    /// How long the run lasted.
    pub ran: Duration,
    /// When the deck heard of it, by the system's clock.
    pub at: SystemTime,
    /// Whether the supervisor had given up on the run before it failed. Then there is an earlier report of it as well, if it was
    /// ended since it hung or was not ready.
    pub was_abandoned: bool,
    /// What the thread worked for: when it panicked, where [the panic hook](crate::Builder::panic_hook) told of that; else in the
    /// last of the events that belong to something.
    pub correlation: CorrelationId,
    /// The last 16 events that the worker's thread recorded, the oldest first, and 32 KiB of them at most. Asked for on that very
    /// thread, as the last it does: what it recorded since the failure is among them, and what was
    /// overwritten by then is not. `None` until they are there; where too many runs
    /// failed at once; and of a run that was stopped since it hung or was not ready.
    pub trail: Option<Answer>,
}

impl FailureReport {
    /// The panic, if it was one.
    #[must_use]
    pub fn panic(&self) -> Option<&Panic> {
        match &self.exit {
            Exit::Panicked(panic) => Some(panic),
            _ => None,
        }
    }

    /// Which run it is about: 1 for the first.
    #[must_use]
    pub fn generation(&self) -> u64 {
        *self.generations.end()
    }

    /// How many runs failed like this, one after the other.
    #[must_use]
    pub fn times(&self) -> u64 {
        self.generations.end() - self.generations.start() + 1
    }

    /// How often the worker had been started again before that.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.generation().saturating_sub(1)
    }

    /// Whether it is about this run.
    fn is_of(&self, child: ChildId, generation: u64) -> bool {
        self.child == child && self.generation() == generation
    }

    /// Whether the supervisor ended the run: what its thread has to say comes later, if at all.
    fn is_from_outside(&self) -> bool {
        matches!(self.exit, Exit::Hung(_) | Exit::NotReady(_))
    }

    fn how(&self) -> &'static str {
        match self.exit {
            Exit::Panicked(_) => "panicked",
            Exit::NotSpawned(_) => "got no thread",
            Exit::NotReady(_) => "was not ready",
            Exit::Hung(_) => "hung",
            Exit::Escalated(_) => "gave up",
            _ => "failed",
        }
    }

    /// Whether the other one is of the same worker's run before this, and says the same.
    fn follows(&self, other: &Self) -> bool {
        let place = |report: &Self| report.panic().and_then(|panic| panic.location().cloned());
        self.child == other.child
            && !self.was_abandoned
            && !other.was_abandoned
            && *self.generations.start() == other.generation() + 1
            && std::mem::discriminant(&self.exit) == std::mem::discriminant(&other.exit)
            && self.exit.failure() == other.exit.failure()
            && place(self) == place(other)
    }
}

/// The runs that failed: see [`Flightdeck::failures`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Failures {
    /// The last ones, the newest last; 64 at most.
    pub reports: Vec<FailureReport>,
    /// How many runs failed since the deck was started. One that was ended since it hung, was abandoned, and then failed is there
    /// twice, as its reports are.
    pub runs: u64,
    /// How many of them have no report any more.
    pub forgotten: u64,
    /// How many have no events, since more than 32 failed within a second.
    pub without_trail: u64,
}

/// What a deck keeps of failures.
#[derive(Debug)]
pub(super) struct FailureLog {
    events: Events,
    kept: Mutex<Kept>,
    pace: Mutex<Pace>,
}

impl FailureLog {
    pub(super) fn new(events: &Events) -> Self {
        Self { events: events.clone(), kept: Mutex::default(), pace: Mutex::new(Pace::new(Instant::now())) }
    }

    /// Called on the supervisor's thread.
    pub(super) fn observe(&self, child: Option<ChildId>, incident: &Incident) {
        let escalated;
        let (worker, generation, exit, ran, was_abandoned) = match incident {
            Incident::Ended { worker, generation, exit, ran } => (worker, generation, exit, ran, false),
            Incident::AbandonedEnded { worker, generation, exit, ran } => {
                (worker, generation, exit, ran, true)
            }
            Incident::Escalated { supervisor, generation, worker, ran } => {
                escalated = Exit::escalated(worker);
                (supervisor, generation, &escalated, ran, false)
            }
            _ => return,
        };
        let (Some(child), Some(_)) = (child, exit.failure()) else { return };
        let correlation = match exit {
            Exit::Panicked(panic) => panic.correlation(),
            _ => CorrelationId::NONE,
        };
        // Of what had no thread there is nothing to come.
        let trail = matches!(exit, Exit::NotSpawned(_) | Exit::Escalated(_))
            .then(|| Answer::empty(self.events.view()));
        let report = FailureReport {
            worker: worker.clone(),
            child,
            generations: *generation..=*generation,
            exit: exit.clone(),
            ran: *ran,
            at: SystemTime::now(),
            was_abandoned,
            correlation,
            trail,
        };
        let forgotten = self.kept.lock().put(report);
        drop(forgotten);
    }

    /// Called on the thread of a worker that failed, when everything else has been done.
    pub(super) fn last_words(&self, child: ChildId, generation: u64) {
        // Held for no longer than that: who fails beside another asks beside it.
        let admitted = self.pace.lock().admits(Instant::now());
        if !admitted {
            self.kept.lock().without_trail += 1;
            return;
        }
        let trail = trail::of_this_thread(&self.events);
        let before = self.kept.lock().complete(child, generation, trail);
        drop(before);
    }
}

impl<C: Send + Sync + 'static> Flightdeck<C> {
    /// The runs of workers that failed last: how, where, and what led to it. Runs of one worker that fail in a row with the same
    /// words at the same place are one report, with the details of the last. Supervisors in the tree that gave up are among them, and
    /// so is what an abandoned run failed with in the end.
    ///
    /// A run that fails is told to the supervisor first; then its own thread asks for its last events, some microseconds
    /// to some milliseconds while much is recorded, during which the next run may have begun. However many runs fail, that takes
    /// no more than some megabytes, and 32 questions a second.
    ///
    /// ```
    /// use flightdeck::Flightdeck;
    /// use flightdeck::supervisor::{Restart, WorkerContext};
    /// use std::time::Duration;
    ///
    /// let deck = Flightdeck::builder()
    ///     .worker("book", Restart::Temporary, |_: &WorkerContext| Err("no such order"))
    ///     .start()?;
    /// while deck.failures().reports.is_empty() {
    ///     std::thread::sleep(Duration::from_millis(1));
    /// }
    /// let failure = deck.failure("book", 1).expect("its only run");
    /// println!("{failure}");
    /// assert_eq!((failure.exit.failure(), failure.restarts()), (Some("no such order"), 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn failures(&self) -> Failures {
        self.inner.failures.kept.lock().all()
    }

    /// The report of one run that failed, if it is still there; where it is told together with others, of the last of them. The last
    /// one, where another worker had the same name before, or a run was ended and failed later.
    #[must_use]
    pub fn failure(&self, worker: &str, generation: u64) -> Option<FailureReport> {
        self.inner.failures.kept.lock().of(worker, generation)
    }
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use super::*;

    fn ended(generation: u64, exit: Exit) -> Incident {
        Incident::Ended { worker: "book".into(), generation, exit, ran: Duration::ZERO }
    }

    /// The child that all of it is about.
    const BOOK: ChildId = 7;

    #[test]
    fn a_run_that_got_no_thread_is_reported_like_any_other() {
        let log = FailureLog::new(&Events::builder().memory(1 << 20).build().unwrap());
        log.observe(Some(BOOK), &ended(1, Exit::Returned));
        log.observe(Some(BOOK), &ended(2, Exit::NotSpawned("Resource temporarily unavailable".to_owned())));
        let kept = log.kept.lock().all();
        let [report] = &kept.reports[..] else { panic!("{kept:?}") };
        assert_eq!((report.generation(), kept.runs), (2, 1));
        assert!(report.trail.as_ref().is_some_and(Answer::is_empty), "nothing is to come");
        let text = report.to_string();
        assert!(text.starts_with("worker `book` got no thread: Resource temporarily unavailable"), "{text}");
    }

    #[test]
    fn events_find_their_report_whichever_comes_first() {
        crate::kind! { Done("failures.done") { n: u64 } }
        let events = Events::builder().memory(1 << 20).build().unwrap();
        let log = FailureLog::new(&events);
        let failed = || Exit::Failed("why".to_owned());
        events.record(Done { n: 1 });
        log.last_words(BOOK, 1);
        events.record(Done { n: 2 });
        log.observe(Some(BOOK), &ended(1, failed()));
        log.observe(Some(BOOK), &ended(2, failed()));
        let trail_of = |generation| {
            let report = log.kept.lock().of("book", generation).unwrap();
            (report.generations, report.trail.map(|trail| trail.len()))
        };
        assert_eq!(trail_of(1), (1..=2, None), "that of the first is not that of the second");
        log.last_words(BOOK, 2);
        assert_eq!(trail_of(2), (1..=2, Some(2)));
        // Late, when the next run has failed: it is of no use any more.
        log.last_words(BOOK, 1);
        assert_eq!(trail_of(2), (1..=2, Some(2)));
        // A run in between that did not fail.
        log.observe(Some(BOOK), &ended(4, failed()));
        assert_eq!((trail_of(2).0, trail_of(4).0), (1..=2, 4..=4));
        assert!(log.kept.lock().of("book", 3).is_none());
    }

    #[test]
    fn two_workers_that_had_one_name_are_two() {
        let events = Events::builder().memory(1 << 20).build().unwrap();
        let log = FailureLog::new(&events);
        let failed = || Exit::Failed("why".to_owned());
        log.observe(Some(BOOK), &ended(1, failed()));
        // Removed, and added anew: its second run follows no first one of another.
        log.observe(Some(BOOK + 1), &ended(2, failed()));
        log.last_words(BOOK + 1, 1);
        let reports = log.kept.lock().all().reports;
        let told: Vec<_> = reports.iter().map(|report| (report.child, report.times())).collect();
        assert_eq!(told, [(BOOK, 1), (BOOK + 1, 1)]);
        assert!(reports[0].trail.is_none(), "they are the words of another");
    }

    #[test]
    fn what_an_abandoned_run_failed_with_is_told_with_its_events_beside_what_came_first() {
        crate::kind! { Late("failures.late") { n: u64 } }
        let events = Events::builder().memory(1 << 20).build().unwrap();
        let log = FailureLog::new(&events);
        let late = |generation, exit| Incident::AbandonedEnded {
            worker: "book".into(),
            generation,
            exit,
            ran: Duration::from_secs(9),
        };
        let failed = |why: &str| Exit::Failed(why.to_owned());
        log.observe(Some(BOOK), &ended(1, Exit::Hung("it did not beat".to_owned())));
        // The run that replaced it.
        log.observe(Some(BOOK), &ended(2, failed("second")));
        events.record(Late { n: 1 });
        // Before the supervisor is told, or after.
        log.last_words(BOOK, 1);
        log.observe(Some(BOOK), &late(1, failed("at last")));
        log.observe(Some(BOOK), &late(3, Exit::Returned));
        let told = || {
            let reports = log.kept.lock().all().reports;
            let of = |report: FailureReport| {
                let events = report.trail.map(|trail| trail.len());
                (*report.generations.end(), report.was_abandoned, events)
            };
            reports.into_iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(told(), [(1, false, None), (2, false, None), (1, true, Some(1))]);
        // Of a run whose thread alone was late all is told already.
        log.observe(Some(BOOK), &late(2, failed("second")));
        assert_eq!((told().len(), log.kept.lock().all().runs), (3, 3));
        let text = log.kept.lock().of("book", 1).unwrap().to_string();
        assert!(text.contains("at last") && text.contains("abandoned"), "{text}");
    }

    #[test]
    fn a_supervisor_that_gave_up_has_a_report() {
        let log = FailureLog::new(&Events::builder().memory(1 << 20).build().unwrap());
        let (supervisor, worker) = ("net".into(), "net/feed".into());
        let ran = Duration::from_secs(1);
        log.observe(Some(BOOK), &Incident::Escalated { supervisor, generation: 2, worker, ran });
        let text = log.kept.lock().of("net", 2).unwrap().to_string();
        let first = "supervisor `net` gave up: `net/feed` was to be restarted once too often";
        assert_eq!(text.lines().next(), Some(first));
    }
}

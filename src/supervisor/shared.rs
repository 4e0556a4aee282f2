//! What the supervisor's thread shares with handles and workers.

use super::behalf;
use super::error::StartError;
use super::incident::{Incident, StopReport, WorkerStatus};
use super::machine::{Ask, Id, Plan};
use super::policy::Exit;
use super::pulse::Pulse;
use super::roll::Roll;
use super::rules::AutoShutdown;
use super::spec::ChildSpec;
use super::waiting::Waiting;
use super::watchdog::Watchdog;
use crate::contain::drop_contained;
use crate::status::ErrorSlot;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, OnceLock, Relaxed, SegQueue, thread};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How soon what is said to be early is looked at again.
const EARLY_PAUSE: Duration = Duration::from_millis(2);

/// What the supervisor's thread is told.
#[derive(Debug)]
pub(crate) enum News {
    /// The body of a run is over, or the run has no thread.
    Ended { child: Id, generation: u64, exit: Exit },
    /// The thread of a run has run its destructors.
    Gone { child: Id, generation: u64 },
    /// A run says that it is ready.
    Ready { child: Id, generation: u64 },
    /// A chore is to be done this often.
    Pace { chore: Arc<str>, every: Duration },
    /// A chore is to be done now.
    Soon { chore: Arc<str> },
    /// A child is to be taken on.
    Add { parent: Id, plan: Box<Plan> },
    /// Something is to be done with a child.
    Ask { child: Id, ask: Ask, ticket: Option<u64>, deadline: Instant },
    /// Everything is to stop.
    Stop { deadline: Instant },
}

/// Called on the thread of a run that failed, with the worker's number and which run it was, when its end has been told.
pub(crate) type LastWords = dyn Fn(Id, u64) + Send + Sync;

/// What has happened so far. Relaxed: each stands for itself.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) starts: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) escalations: AtomicU64,
    pub(crate) hung: AtomicU64,
    pub(crate) abandoned: AtomicU64,
    pub(crate) abandoned_ended: AtomicU64,
    pub(crate) abandoned_failed: AtomicU64,
    pub(crate) chores: AtomicU64,
    pub(crate) chore_panics: AtomicU64,
    pub(crate) observer_panics: AtomicU64,
}

impl Counts {
    pub(crate) fn count(&self, incident: &Incident) {
        let count = match incident {
            Incident::Started { generation, .. } => {
                // Each restart is a start, and counted as such first.
                self.starts.fetch_add(1, Relaxed);
                if *generation == 1 {
                    return;
                }
                &self.restarts
            }
            Incident::Ended { exit, .. } if exit.failure().is_some() => &self.failures,
            Incident::Escalated { .. } => &self.escalations,
            Incident::Hung { .. } => &self.hung,
            Incident::Abandoned { .. } => &self.abandoned,
            Incident::AbandonedEnded { exit, .. } => {
                self.abandoned_failed.fetch_add(u64::from(exit.failure().is_some()), Relaxed);
                &self.abandoned_ended
            }
            Incident::ChorePanicked { .. } => &self.chore_panics,
            _ => return,
        };
        count.fetch_add(1, Relaxed);
    }
}

pub(crate) struct Shared {
    news: SegQueue<News>,
    /// The chores that are to be done soon, of which the thread has not heard yet: few, each once.
    soon: Mutex<Vec<Arc<str>>>,
    thread: OnceLock<thread::Thread>,
    roll: Mutex<Roll>,
    /// Threads of workers, until their last destructor has run.
    own_threads: Mutex<HashSet<thread::ThreadId>>,
    melted_down: AtomicBool,
    report: Mutex<Option<StopReport>>,
    /// Who waits for something to stop, by ticket; and how it did, once it has.
    tickets: Mutex<HashMap<u64, Option<StopReport>>>,
    tickets_given: AtomicU64,
    waiting: Waiting,
    /// Somebody asked for the end, or it comes by itself.
    stopping: AtomicBool,
    pub(crate) counts: Counts,
    pub(crate) errors: ErrorSlot,
    pub(crate) last_words: OnceLock<Box<LastWords>>,
    pub(crate) started: Instant,
    pub(crate) watchdog: Watchdog,
}

impl Shared {
    pub(crate) fn new(auto_shutdown: AutoShutdown) -> Self {
        Self {
            news: SegQueue::new(),
            soon: Mutex::default(),
            thread: OnceLock::new(),
            roll: Mutex::new(Roll::new(auto_shutdown)),
            own_threads: Mutex::default(),
            melted_down: AtomicBool::new(false),
            report: Mutex::default(),
            tickets: Mutex::default(),
            tickets_given: AtomicU64::new(0),
            waiting: Waiting::default(),
            stopping: AtomicBool::new(false),
            counts: Counts::default(),
            errors: ErrorSlot::new(),
            last_words: OnceLock::new(),
            started: Instant::now(),
            watchdog: Watchdog::new(),
        }
    }

    /// News that the thread has not heard yet.
    pub(crate) fn news_waiting(&self) -> usize {
        self.news.len()
    }

    pub(crate) fn hear(&self) -> Option<News> {
        self.news.pop()
    }

    /// The calling thread is the supervisor's.
    pub(crate) fn attend(&self) {
        let _ = self.thread.set(thread::current());
    }

    /// Whether everything is to stop, for good.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Everything is to stop, for good.
    pub(crate) fn begin_stop(&self) {
        // Relaxed: a hint for whoever asks how it is.
        self.stopping.store(true, Relaxed);
    }

    pub(crate) fn tell(&self, news: News) {
        if let News::Stop { .. } = news {
            self.begin_stop();
        }
        self.push(news);
        self.tidy();
    }

    fn push(&self, news: News) {
        self.news.push(news);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Has a chore done soon. However often that is said before the thread hears of it, it is one piece of news.
    pub(crate) fn tell_soon(&self, chore: &Arc<str>) {
        let mut soon = self.soon.lock();
        let is_new = !soon.contains(chore);
        if is_new {
            soon.push(chore.clone());
        }
        drop(soon);
        if is_new {
            self.tell(News::Soon { chore: chore.clone() });
        }
    }

    /// That is heard now, before it is done: what is said from now on is news again.
    pub(crate) fn soon_is_heard(&self, chore: &Arc<str>) {
        self.soon.lock().retain(|other| other != chore);
    }

    /// Once everything is over nobody hears news any more, and whoever brings some lets it go. The supervisor's thread closes
    /// first, and then hears what is left: one of the two sees it. Not to be called under a lock.
    fn tidy(&self) {
        if self.report.lock().is_none() {
            return;
        }
        while let Some(news) = self.hear() {
            match news {
                News::Ended { child, generation, exit } => self.note_late(child, generation, Some(&exit)),
                News::Gone { child, generation } => self.note_late(child, generation, None),
                News::Add { plan, .. } => {
                    plan.ids(&mut |id| self.roll.lock().remove(id));
                    drop_contained(plan);
                }
                _ => {}
            }
        }
    }

    /// An abandoned run ended after everything was over.
    fn note_late(&self, child: Id, generation: u64, exit: Option<&Exit>) {
        let Some(worker) = self.roll.lock().ended_late(child, generation) else { return };
        if let Some(why) = exit.and_then(Exit::failure) {
            self.errors
                .note(format!("worker `{worker}`, which was abandoned, has ended, run {generation}: {why}"));
            self.counts.abandoned_failed.fetch_add(1, Relaxed);
        }
        self.counts.abandoned_ended.fetch_add(1, Relaxed);
    }

    /// The thread of a run is about to be gone; called on it, by its last destructor.
    pub(crate) fn tell_gone(&self, child: Id, generation: u64, thread: thread::ThreadId) {
        // Not before: what is the host's may be dropped with the thread, and must not wait for it.
        self.own_threads.lock().remove(&thread);
        self.tell(News::Gone { child, generation });
    }

    /// A run begins: `spawn` makes its thread.
    pub(crate) fn begin_run<T, E>(
        &self,
        spawn: impl FnOnce() -> Result<T, E>,
        id_of: impl FnOnce(&T) -> thread::ThreadId,
    ) -> Result<T, E> {
        // Held while the thread starts, so that it cannot leave the list before it is on it.
        let mut own_threads = self.own_threads.lock();
        let begun = spawn()?;
        own_threads.insert(id_of(&begun));
        Ok(begun)
    }

    pub(crate) fn has_melted_down(&self) -> bool {
        self.melted_down.load(Relaxed)
    }

    pub(crate) fn melt_down(&self) {
        self.melted_down.store(true, Relaxed);
    }

    /// Whether the calling thread is the supervisor's.
    pub(crate) fn is_supervisor_thread(&self) -> bool {
        let this = thread::current().id();
        self.thread.get().is_some_and(|thread| thread.id() == this)
    }

    /// Whether the calling thread is the supervisor's or one of its workers', or works on behalf of one.
    pub(crate) fn is_own_thread(&self) -> bool {
        let (this, principal) = (thread::current().id(), behalf::principal());
        let is_own = |own: &HashSet<_>| own.contains(&this) || principal.is_some_and(|of| own.contains(&of));
        self.is_supervisor_thread() || is_own(&self.own_threads.lock())
    }

    /// Takes a child on.
    pub(crate) fn add(&self, parent: Id, spec: ChildSpec) -> Result<(), StartError> {
        // One that is refused is the host's, and is dropped after the lock: its destructor may ask for children.
        let _kept = spec.clone();
        // The news goes out under the lock: nobody removes a child that the engine has not heard of.
        let mut roll = self.roll.lock();
        // Under the lock: see `close`.
        if self.is_stopping() {
            return Err(StartError::Stopped { child: spec.name.to_string() });
        }
        let plan = Box::new(roll.enroll(parent, spec)?);
        self.push(News::Add { parent, plan });
        drop(roll);
        self.tidy();
        Ok(())
    }

    /// Reads or changes how children are.
    pub(crate) fn with_roll<R>(&self, look: impl FnOnce(&mut Roll) -> R) -> R {
        look(&mut self.roll.lock())
    }

    pub(crate) fn beats_by(&self, child: Id, pulse: Pulse) {
        self.roll.lock().beats_by(child, pulse);
    }

    #[cfg(all(feature = "mapped", target_os = "linux"))]
    pub(crate) fn beats(&self) -> HashMap<Arc<str>, u64> {
        self.roll.lock().beats()
    }

    pub(crate) fn workers(&self) -> Vec<WorkerStatus> {
        self.roll.lock().statuses()
    }

    /// Has something done with a child, and waits until it has stopped, or until a little after the deadline.
    pub(crate) fn ask_and_wait(&self, child: Id, ask: Ask, deadline: Instant, grace: Duration) -> StopReport {
        if self.is_own_thread() {
            self.tell(News::Ask { child, ask, ticket: None, deadline });
            return StopReport::pending();
        }
        // Relaxed: a number that nobody else has.
        let ticket = self.tickets_given.fetch_add(1, Relaxed);
        self.tickets.lock().insert(ticket, None);
        self.tell(News::Ask { child, ask, ticket: Some(ticket), deadline });
        let answer = || self.tickets.lock().get(&ticket).and_then(Option::clone);
        // Should everything be stopped meanwhile, that report tells of this child too.
        let report = self.wait_for(deadline + grace, || answer().or_else(|| self.report()));
        self.tickets.lock().remove(&ticket);
        report.unwrap_or_else(StopReport::pending)
    }

    pub(crate) fn answer(&self, ticket: u64, report: StopReport) {
        // Whoever waited may have left.
        if let Some(answer) = self.tickets.lock().get_mut(&ticket) {
            *answer = Some(report);
        }
        self.waiting.wake();
    }

    /// The report of the stop, once there is one.
    pub(crate) fn report(&self) -> Option<StopReport> {
        self.report.lock().clone()
    }

    /// Everything is over.
    pub(crate) fn close(&self, report: StopReport) {
        self.begin_stop();
        *self.report.lock() = Some(report);
        // Whoever adds a child has told of it before this lock is free, or finds that everything stops.
        drop(self.roll.lock());
        self.tidy();
        self.waiting.wake();
    }

    /// What `found` finds, once it does; `None` at the deadline, or where it would wait for the caller.
    pub(crate) fn wait_for(
        &self,
        deadline: Instant,
        found: impl Fn() -> Option<StopReport>,
    ) -> Option<StopReport> {
        let _here = self.waiting.enter();
        loop {
            if let Some(report) = found() {
                return Some(report);
            }
            // Looked for again: nobody tells when the worker begins on whose behalf this thread works.
            let is_early = behalf::is_early();
            match deadline.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return None,
                _ if self.is_own_thread() => return None,
                left if is_early => thread::park_timeout(left.min(EARLY_PAUSE)),
                left => thread::park_timeout(left),
            }
        }
    }
}

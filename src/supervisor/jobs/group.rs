//! A group of jobs: the child of a supervisor that looks after them.

use super::job::{Job, Slot};
use super::periodic::{Periodic, Rounds};
use super::{Every, JobContext, SpawnError};
use crate::contain::drop_contained;
use crate::os;
use crate::supervisor::behalf::{Behalf, Principal};
use crate::supervisor::worker::thread_name;
use crate::supervisor::{CancelToken, ChildSpec, Restart, WorkerContext};
use crate::sync::{Arc, AtomicU64, Mutex, Relaxed, Signal, thread};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How much later than the jobs' time its supervisor gives up on a group that has some left.
const LEAD: Duration = Duration::from_millis(100);

/// Jobs on threads of their own: bounded in number, stopped with the supervisor that has the group as a child.
///
/// A thread cannot be stopped from outside: a job has to look at [`JobContext::should_stop`]. One that does not stop in time
/// is abandoned: counted, [named](Jobs::abandoned), and the handle of what is done once says so. The group then does not stop
/// either, so its supervisor reports it as abandoned as well, and does not count it as gone before the last of its jobs is.
/// Jobs need no names that differ. A job is over when its body is: thread-local destructors may still run.
///
/// A group begins jobs from the start, whether or not a supervisor has it yet; but only a supervisor stops them. Where its
/// supervisor restarts it, its jobs are stopped first, and it takes none until it runs again. It is for one supervisor: the
/// first of two that stops would stop the jobs of both. Cheap to clone; clones are one group.
///
/// A job may shut its supervisor down, or remove its group: as of a worker, the call returns at once, since the stop cannot end
/// before the job.
///
/// ```
/// use flightdeck::supervisor::{Every, JobError, Jobs, Supervisor};
/// use std::time::Duration;
///
/// let (jobs, child) = Jobs::bounded("jobs", 16, Duration::from_secs(5));
/// let supervisor = Supervisor::builder().worker(child).start()?;
///
/// let sum = jobs.spawn_once("sum", |_| Ok::<_, std::io::Error>((1..=10).sum::<u32>()))?;
/// let tidy = jobs.spawn_periodic("tidy", Every::rate(Duration::from_secs(60)), |_| ())?;
/// assert_eq!(sum.join(Duration::from_secs(5))?, 55);
/// tidy.cancel();
/// let bad = jobs.spawn_once("bad", |_| "x".parse::<u8>())?;
/// assert!(matches!(bad.join(Duration::from_secs(5)), Err(JobError::Failed(_))));
/// assert!(supervisor.shutdown(Duration::from_secs(5)).is_clean());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Jobs(Arc<Group>);

pub(super) struct Group {
    name: Arc<str>,
    most: usize,
    grace: Duration,
    /// The child's thread.
    principal: Principal,
    state: Mutex<State>,
    /// Somebody left.
    left: Signal,
    pub(super) counts: Counts,
}

struct State {
    /// A new one after each stop.
    token: CancelToken,
    stopping: bool,
    begun: u64,
    running: BTreeMap<u64, Running>,
    /// Those who were given up, and run on.
    stragglers: BTreeMap<u64, Arc<str>>,
}

struct Running {
    name: Arc<str>,
    /// Tells whoever waits for it that nobody does any more.
    abandon: Box<dyn Fn() + Send>,
}

/// Relaxed: each stands for itself.
#[derive(Default)]
pub(super) struct Counts {
    begun: AtomicU64,
    refused: AtomicU64,
    pub(super) succeeded: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) panicked: AtomicU64,
    pub(super) cancelled: AtomicU64,
    abandoned: AtomicU64,
    ended_late: AtomicU64,
    pub(super) detached: AtomicU64,
}

/// How the jobs of a group went so far. What is done every so often counts once, when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobStats {
    /// Jobs that run now. One that has just ended may be among them.
    pub running: usize,
    /// Jobs that were begun.
    pub begun: u64,
    /// Jobs that were not, since there were too many, the group stopped, or there was no thread.
    pub refused: u64,
    /// Jobs that returned as they should.
    pub succeeded: u64,
    /// That returned an error, and had not been cancelled.
    pub failed: u64,
    /// That panicked.
    pub panicked: u64,
    /// That returned an error once cancelled, or were cancelled before they began.
    pub cancelled: u64,
    /// That did not stop in time.
    pub abandoned: u64,
    /// Of those, what has ended since. How is counted as well; what it returned is lost.
    pub ended_late: u64,
    /// Handles that were dropped while their job ran: it runs on.
    pub detached: u64,
}

impl Jobs {
    /// A group, and the child to be given to a supervisor: by [`Builder::worker`](crate::supervisor::Builder::worker) or
    /// [`Supervisor::add`](crate::supervisor::Supervisor::add). At most so many of its jobs run at a time, those that
    /// were abandoned included; at a stop they have the time `grace`, all together.
    pub fn bounded(name: impl Into<Arc<str>>, most: usize, grace: Duration) -> (Self, ChildSpec) {
        let name = name.into();
        let group = Arc::new(Group {
            name: name.clone(),
            most,
            grace,
            principal: Principal::default(),
            state: Mutex::new(State {
                token: CancelToken::new(),
                stopping: false,
                begun: 0,
                running: BTreeMap::new(),
                stragglers: BTreeMap::new(),
            }),
            left: Signal::new(),
            counts: Counts::default(),
        });
        let kept = group.clone();
        let child =
            ChildSpec::new(name, Restart::Permanent, move |context: &WorkerContext| kept.keep(context));
        (Self(group), child.shutdown(grace.saturating_add(LEAD)))
    }

    /// Something to be done once. Begins at once, on a thread of its own; a handle that is dropped lets it run on.
    ///
    /// # Errors
    /// If too many jobs run, the group stops, or the system gives no thread.
    pub fn spawn_once<T, E>(
        &self,
        name: &str,
        body: impl FnOnce(&JobContext) -> Result<T, E> + Send + 'static,
    ) -> Result<Job<T, E>, SpawnError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let slot = Arc::new(Slot::new());
        let (filled, group) = (slot.clone(), self.0.clone());
        let abandoned = slot.clone();
        let token = self.0.begin(
            name,
            move || abandoned.abandon(),
            move |context| filled.fill(super::job::outcome(context, body), &group.counts),
        )?;
        Ok(Job::new(slot, token, self.0.clone()))
    }

    /// Something to be done every so often, the first time at once, on a thread of its own, until it is cancelled or the group
    /// stops. A run that panics or fails is counted, and the next one goes on. A handle that is dropped lets it run on.
    ///
    /// # Errors
    /// As [`Jobs::spawn_once`].
    pub fn spawn_periodic<R: crate::supervisor::IntoWorkerResult>(
        &self,
        name: &str,
        every: Every,
        body: impl FnMut(&JobContext) -> R + Send + 'static,
    ) -> Result<Periodic, SpawnError> {
        let rounds = Arc::new(Rounds::new());
        let (counted, group) = (rounds.clone(), self.0.clone());
        let token =
            self.0.begin(name, || (), move |context| counted.run(context, every, body, &group.counts))?;
        Ok(Periodic::new(rounds, token, self.0.clone()))
    }

    /// How its jobs went so far.
    #[must_use]
    pub fn stats(&self) -> JobStats {
        let counts = &self.0.counts;
        let read = |count: &AtomicU64| count.load(Relaxed);
        JobStats {
            running: self.0.state.lock().running.len(),
            begun: read(&counts.begun),
            refused: read(&counts.refused),
            succeeded: read(&counts.succeeded),
            failed: read(&counts.failed),
            panicked: read(&counts.panicked),
            cancelled: read(&counts.cancelled),
            abandoned: read(&counts.abandoned),
            ended_late: read(&counts.ended_late),
            detached: read(&counts.detached),
        }
    }

    /// The names of the jobs that run, in the order in which they began.
    #[must_use]
    pub fn running(&self) -> Vec<Arc<str>> {
        self.0.state.lock().running.values().map(|job| job.name.clone()).collect()
    }

    /// The names of the jobs that were abandoned and have not ended since.
    #[must_use]
    pub fn abandoned(&self) -> Vec<Arc<str>> {
        self.0.state.lock().stragglers.values().cloned().collect()
    }
}

impl Group {
    /// Begins a job; the token that stops it.
    fn begin(
        self: &Arc<Self>,
        name: &str,
        abandon: impl Fn() + Send + 'static,
        body: impl FnOnce(&JobContext) + Send + 'static,
    ) -> Result<CancelToken, SpawnError> {
        let begun = self.try_begin(name, abandon, body);
        let count = if begun.is_ok() { &self.counts.begun } else { &self.counts.refused };
        count.fetch_add(1, Relaxed);
        begun
    }

    fn try_begin(
        self: &Arc<Self>,
        name: &str,
        abandon: impl Fn() + Send + 'static,
        body: impl FnOnce(&JobContext) + Send + 'static,
    ) -> Result<CancelToken, SpawnError> {
        let job = || name.to_owned();
        let name: Arc<str> = name.into();
        let (number, token) = {
            let mut state = self.state.lock();
            if state.stopping {
                return Err(SpawnError::Stopping { job: job(), group: self.name.to_string() });
            }
            if state.running.len() + state.stragglers.len() >= self.most {
                return Err(SpawnError::Full { job: job(), most: self.most });
            }
            let number = state.begun;
            state.begun += 1;
            state.running.insert(number, Running { name: name.clone(), abandon: Box::new(abandon) });
            (number, state.token.child())
        };
        let context = JobContext { name: name.clone(), token: token.clone() };
        // Whatever a body does when it is dropped, and also where there is no thread for it.
        let leave = Leave { group: self.clone(), number };
        let run = move || {
            let leave = leave;
            let _behalf = Behalf::of(leave.group.principal.clone());
            body(&context);
        };
        let thread = thread::Builder::new().name(thread_name(&format!("job-{name}")));
        // Not under the lock: what is dropped may be anything.
        match os::without_signals(|| thread.spawn(run)) {
            Ok(_) => Ok(token),
            Err(source) => Err(SpawnError::NoThread { job: job(), source }),
        }
    }

    /// Takes a job off the list.
    fn forget(&self, number: u64) {
        let (job, straggler) = {
            let mut state = self.state.lock();
            (state.running.remove(&number), state.stragglers.remove(&number))
        };
        if straggler.is_some() {
            self.counts.ended_late.fetch_add(1, Relaxed);
        }
        self.left.notify();
        // Now that the lock is free: it may hold the last of a result.
        drop(job);
    }

    /// The child: waits until it should stop, and then for the jobs.
    fn keep(&self, context: &WorkerContext) {
        *self.principal.lock() = Some(thread::current().id());
        self.state.lock().stopping = false;
        while !context.should_stop() {
            let _ = context.wait(Duration::MAX);
        }
        let token = {
            let mut state = self.state.lock();
            state.stopping = true;
            std::mem::take(&mut state.token)
        };
        token.cancel();
        let deadline = Instant::now().checked_add(self.grace);
        self.left.wait(deadline, || self.state.lock().running.is_empty());
        let abandoned = {
            let mut state = self.state.lock();
            let abandoned = std::mem::take(&mut state.running);
            state.stragglers.extend(abandoned.iter().map(|(number, job)| (*number, job.name.clone())));
            abandoned
        };
        self.counts.abandoned.fetch_add(abandoned.len() as u64, Relaxed);
        for job in abandoned.into_values() {
            (job.abandon)();
            // The last of a result, if its job has ended just now: it may panic when it is dropped, and others wait.
            drop_contained(job);
        }
        // Not gone while one of them runs: who waits for the group is told so.
        self.left.wait(None, || self.state.lock().stragglers.is_empty());
    }
}

/// When it goes, its job has ended.
struct Leave {
    group: Arc<Group>,
    number: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.group.forget(self.number);
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs")
            .field("name", &self.0.name)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

//! The handle of a supervisor.

use super::engine::{Chore, Engine, News, Observer, Shared};
use super::error::{RemoveError, StartError};
use super::incident::{Incident, StopReport, WorkerStatus};
use super::panic::PanicHook;
use super::policy::Window;
use super::spec::ChildSpec;
use crate::os;
use crate::sync::{Arc, thread};
use std::fmt;
use std::time::{Duration, Instant};

/// How long the drop of the last handle may take.
const DROP_DEADLINE: Duration = Duration::from_secs(1);
/// What a caller waits beyond the deadline for the supervisor to say what it could not finish.
const REPORT_GRACE: Duration = Duration::from_millis(100);

/// Far enough for "whatever it takes", and never out of range.
const LONGEST: Duration = Duration::from_secs(1 << 30);

/// One small thread that starts workers in order, restarts those that end as they should not, and stops them in
/// reverse order.
///
/// It follows OTP's one-for-one supervisor: more than `max_restarts` within `window`, over all workers, is a meltdown: all
/// workers are stopped, the observer is told, and the host goes on without them. Beyond OTP, restarts are delayed by
/// a [`Backoff`](super::Backoff) that only a stable run resets. It cannot stop a thread that does not look, and
/// it does not survive a program that aborts on panic; it says both.
///
/// Cheap to clone. When the last handle drops, everything is stopped within a second.
///
/// ```
/// use flightdeck::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext};
/// use std::time::Duration;
///
/// let tick = |context: &WorkerContext| while !context.should_stop() {
///     let _ = context.wait(Duration::from_millis(1));
/// };
/// let supervisor = Supervisor::builder()
///     .worker(ChildSpec::new("ticker", Restart::Permanent, tick))
///     .start()?;
/// assert_eq!(supervisor.workers().len(), 1);
/// assert!(supervisor.shutdown(Duration::from_secs(5)).is_clean());
/// # Ok::<(), flightdeck::supervisor::StartError>(())
/// ```
#[derive(Clone)]
pub struct Supervisor {
    pub(super) shared: Arc<Shared>,
    /// What its chores are called.
    chores: Arc<[Arc<str>]>,
    _last: Arc<Last>,
}

/// Dropped with the last handle.
struct Last {
    shared: Arc<Shared>,
    /// If it was asked for: given back once all workers were told to stop.
    _panic_hook: Option<PanicHook>,
}

impl Drop for Last {
    fn drop(&mut self) {
        stop(&self.shared, DROP_DEADLINE);
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("workers", &self.workers()).finish()
    }
}

/// Workers and rules of a supervisor to be started.
#[must_use = "a builder does nothing until `start`"]
pub struct Builder {
    name: String,
    max_restarts: usize,
    window: Duration,
    workers: Vec<ChildSpec>,
    chores: Vec<Chore>,
    observer: Arc<Observer>,
    panic_hook: bool,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            name: "fd-supervisor".to_owned(),
            max_restarts: 3,
            window: Duration::from_secs(60),
            workers: Vec::new(),
            chores: Vec::new(),
            observer: Arc::new(|_| ()),
            panic_hook: false,
        }
    }
}

impl Builder {
    /// The name of the supervisor's thread.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many restarts a window allows, over all workers; 3 by default.
    pub fn max_restarts(mut self, most: usize) -> Self {
        self.max_restarts = most;
        self
    }

    /// How long the window is; 60 s by default.
    pub fn window(mut self, length: Duration) -> Self {
        self.window = length;
        self
    }

    /// One more worker; they start in this order.
    pub fn worker(mut self, spec: ChildSpec) -> Self {
        self.workers.push(spec);
        self
    }

    /// Something small to be done every so often on the supervisor's own thread. If it panics, the observer is told, and it
    /// is done again at its next time.
    pub fn every(
        mut self,
        period: Duration,
        name: impl Into<Arc<str>>,
        body: impl FnMut() + Send + 'static,
    ) -> Self {
        let every = period.min(LONGEST);
        let due = Instant::now() + every;
        self.chores.push(Chore { name: name.into(), every, body: Box::new(body), due });
        self
    }

    /// Who is told what happens, on the supervisor's thread: be quick. One that panics is called again next time.
    pub fn observer(mut self, observer: impl Fn(&Incident) + Send + Sync + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Whether the process's panic hook is used to find out where panics of workers begin, and how: see
    /// [`Panic`](super::Panic). Not, by default: then their messages alone are known.
    ///
    /// The process has one hook, so one supervisor or deck at a time can have it; as long as it does, panics of the workers of all
    /// are known as well as its own. What was there before is called as before. It is given back with the last handle. A panic of a
    /// worker takes some microseconds longer, also one that the worker catches itself.
    pub fn panic_hook(mut self, on: bool) -> Self {
        self.panic_hook = on;
        self
    }

    /// Starts the supervisor, which starts the workers.
    ///
    /// # Errors
    /// If two workers have one name, the system gives no thread, or somebody else has the panic hook.
    pub fn start(self) -> Result<Supervisor, StartError> {
        let shared = Arc::new(Shared::new());
        let window = Window::new(self.max_restarts, self.window);
        let chores = self.chores.iter().map(|chore| chore.name.clone()).collect();
        let engine = Engine::new(shared.clone(), self.observer, window, self.chores);
        for spec in self.workers {
            add(&shared, spec)?;
        }
        let thread = thread::Builder::new().name(self.name.clone());
        let panic_hook = self.panic_hook.then(|| PanicHook::take(None)).transpose()?;
        let spawned = os::without_signals(|| thread.spawn(move || engine.run()));
        match spawned {
            Ok(_) => Ok(Supervisor {
                _last: Arc::new(Last { shared: shared.clone(), _panic_hook: panic_hook }),
                chores,
                shared,
            }),
            Err(source) => Err(StartError::NoThread { name: self.name, source }),
        }
    }
}

impl Supervisor {
    /// Workers and rules of a supervisor to be started.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// One more worker. It is started soon after.
    ///
    /// # Errors
    /// If there is one of its name.
    pub fn add(&self, spec: ChildSpec) -> Result<(), StartError> {
        add(&self.shared, spec)
    }

    /// Stops a worker for good and takes it off the list, so that its name is free again. Returns by the deadline, whatever
    /// the worker does; it has that time or its [`ChildSpec::shutdown`], whichever ends first. One that does not
    /// stop is abandoned, and stays on the list as such. Called by a worker or an observer, it returns at once, since
    /// they may be what it waits for.
    ///
    /// ```
    /// use flightdeck::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext};
    /// use std::time::Duration;
    ///
    /// let supervisor = Supervisor::builder().start()?;
    /// let wait = |context: &WorkerContext| { let _ = context.wait(Duration::MAX); };
    /// supervisor.add(ChildSpec::new("export", Restart::Permanent, wait))?;
    /// assert!(supervisor.remove("export", Duration::from_secs(5))?.is_clean());
    /// assert!(supervisor.workers().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there is no worker of that name.
    pub fn remove(&self, name: &str, deadline: Duration) -> Result<StopReport, RemoveError> {
        let worker = self.shared.number_of(name).ok_or_else(|| RemoveError { name: name.to_owned() })?;
        let deadline = within(deadline);
        self.shared.tell(News::Remove { worker, deadline });
        if self.shared.is_own_thread() {
            return Ok(StopReport::pending());
        }
        // Should everything be stopped meanwhile, that report tells of this worker too.
        let removed = || self.shared.removal(worker).or_else(|| self.shared.report());
        let mut report =
            self.shared.wait_for(deadline + REPORT_GRACE, removed).unwrap_or_else(StopReport::pending);
        report.abandoned.retain(|worker| **worker == *name);
        report.stopped.clear();
        if report.is_clean() {
            report.stopped.push(name.into());
        }
        Ok(report)
    }

    /// From now on what was asked for with [`Builder::every`] under this name is done so often; the next time no later than it
    /// would have been. Whether there is such a thing.
    pub fn set_every(&self, name: &str, period: Duration) -> bool {
        let chore = self.chores.iter().find(|chore| ***chore == *name);
        let told = chore.map(|chore| News::Pace { chore: chore.clone(), every: period.min(LONGEST) });
        told.map(|news| self.shared.tell(news)).is_some()
    }

    /// How each worker is, in the order in which they started.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerStatus> {
        self.shared.workers()
    }

    /// Whether there were too many restarts, and all workers have been stopped.
    #[must_use]
    pub fn has_melted_down(&self) -> bool {
        self.shared.has_melted_down()
    }

    /// Whether every worker runs, or has ended as it should.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.has_melted_down() && self.workers().iter().all(WorkerStatus::is_well)
    }

    /// Stops all workers, last started first, and says how that went. Returns by the deadline, whatever workers do. A
    /// second call returns the report of the first. Called by a worker or an observer, it returns at once, since
    /// the stop cannot end before its caller does.
    pub fn shutdown(&self, deadline: Duration) -> StopReport {
        stop(&self.shared, deadline)
    }
}

fn stop(shared: &Shared, deadline: Duration) -> StopReport {
    let deadline = within(deadline);
    shared.tell(News::Stop { deadline });
    if shared.is_own_thread() {
        return StopReport::pending();
    }
    shared.wait_for(deadline + REPORT_GRACE, || shared.report()).unwrap_or_else(StopReport::pending)
}

fn add(shared: &Shared, spec: ChildSpec) -> Result<(), StartError> {
    let twice = |spec: ChildSpec| StartError::DuplicateName { name: spec.name.to_string() };
    shared.add(spec).map_err(twice)
}

/// So long from now.
fn within(time: Duration) -> Instant {
    Instant::now() + time.min(LONGEST)
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Supervisor>();
};

//! The handle of a supervisor.

use super::children::Children;
use super::chores::Chore;
use super::engine::{Engine, LONGEST, Observer, OnMeltdown};
use super::error::{RemoveError, StartError};
use super::incident::{Incident, StopReport, WorkerStatus};
use super::machine::{Id, ROOT};
use super::panic::PanicHook;
use super::rules::{AutoShutdown, Rules, Strategy};
use super::shared::{LastWords, News, Shared};
use super::spec::ChildSpec;
use crate::os;
use crate::sync::{Arc, thread};
use std::fmt;
use std::time::{Duration, Instant};

/// How often a chore may be done: not without end.
const SHORTEST: Duration = Duration::from_micros(100);
/// How long the drop of the last handle may take.
const DROP_DEADLINE: Duration = Duration::from_secs(1);
/// What a caller waits beyond the deadline for the supervisor to say what it could not finish.
pub(super) const REPORT_GRACE: Duration = Duration::from_millis(100);

/// One small thread that looks after a tree of workers: starts them in order, restarts those that end as they should not,
/// and stops them in reverse order.
///
/// It follows OTP's supervisors. A child is a worker, or [another supervisor](ChildSpec::supervisor) with
/// [`Rules`] of its own: who is started [along](Strategy) with a child, how many restarts a window allows, what happens when
/// [significant](AutoShutdown) children have ended. More than `max_restarts` within `window` and a supervisor stops its
/// children and fails, as a child of its own; the topmost is then melted down: all workers are stopped, the observer and
/// [`Builder::on_meltdown`] are told, and the host goes on without them. A stop or a start that takes its time in one
/// supervisor delays nothing in another.
///
/// What is not OTP's:
/// - Restarts are delayed by a [`Backoff`](super::Backoff) that only a stable run resets. Of those that are started along
///   with a child, the others are stopped at once, and started after that child's delay.
/// - A start that fails, also the first, counts as a restart, and is tried again in the same way. Only a thread that the
///   system does not give, and a child that does not say in time that it is [ready](ChildSpec::reports_ready), are starts
///   that fail; what fails later has started.
/// - A supervisor that gave up has failed: a transient one is started again. (OTP's ends with `shutdown`, which a transient
///   one is not restarted after.)
/// - Children that were added to a supervisor while it ran outlive its restart, but for temporary ones. What has ended
///   stays on the list. What the host has [terminated](Supervisor::terminate) is not started along with a sibling.
/// - Threads cannot be killed. A worker that does not stop in time is **abandoned**: marked, counted, and told of. It is not
///   started again until its thread has come to an end, which is noticed and told, unless it may be
///   [replaced](ChildSpec::replace_abandoned); those that are started along with it do not wait for it. Nothing that an
///   old run does is taken for the current one's.
///
/// A run is over when its body is: the next may begin while thread-local destructors of the last still run. A worker that is
/// stopped for good has stopped when its thread is gone. It does not survive a program that aborts on panic, and says
/// so.
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
    rules: Rules,
    chores: Vec<Chore>,
    observer: Arc<Observer>,
    panic_hook: bool,
    on_meltdown: Option<Arc<OnMeltdown>>,
    last_words: Option<Box<LastWords>>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            name: "fd-supervisor".to_owned(),
            rules: Rules::new(),
            chores: Vec::new(),
            observer: Arc::new(|_, _| ()),
            panic_hook: false,
            on_meltdown: None,
            last_words: None,
        }
    }
}

impl Builder {
    /// The name of the supervisor's thread.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Who is started again along with a worker; nobody by default.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.rules = self.rules.strategy(strategy);
        self
    }

    /// How many restarts a window allows, over all workers that are its own; 3 by default.
    pub fn max_restarts(mut self, most: usize) -> Self {
        self.rules = self.rules.max_restarts(most);
        self
    }

    /// How long the window is; 60 s by default.
    pub fn window(mut self, length: Duration) -> Self {
        self.rules = self.rules.window(length);
        self
    }

    /// Whether everything stops when significant children have ended; never by default. That is as after
    /// [`Supervisor::shutdown`], but that each child has its own time for it.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.rules = self.rules.auto_shutdown(auto_shutdown);
        self
    }

    /// One more child, a worker or a supervisor; they start in this order.
    pub fn worker(mut self, spec: ChildSpec) -> Self {
        self.rules = self.rules.child(spec);
        self
    }

    /// Something small to be done every so often, every 100 us at the most, on the supervisor's own thread. If it panics, the observer is told, and it
    /// is done again at its next time.
    pub fn every(
        mut self,
        period: Duration,
        name: impl Into<Arc<str>>,
        body: impl FnMut() + Send + 'static,
    ) -> Self {
        let every = period.clamp(SHORTEST, LONGEST);
        let due = Instant::now() + every;
        self.chores.push(Chore { name: name.into(), every, body: Box::new(body), due });
        self
    }

    /// Who is told what happens, on the supervisor's thread: be quick. One that panics is called again next time.
    pub fn observer(mut self, observer: impl Fn(&Incident) + Send + Sync + 'static) -> Self {
        self.observer = Arc::new(move |_, incident| observer(incident));
        self
    }

    /// As [`Builder::observer`]; told as well of which child, by a number that no other child has.
    pub(crate) fn observer_by_child(
        mut self,
        observer: impl Fn(Option<Id>, &Incident) + Send + Sync + 'static,
    ) -> Self {
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

    /// Who is told when the supervisor gives up: of the worker that was to be restarted once too often, before the others are
    /// stopped. Called on the supervisor's thread: be quick. The host may add workers or restart them afterwards.
    pub fn on_meltdown(mut self, callback: impl Fn(&WorkerStatus) + Send + Sync + 'static) -> Self {
        self.on_meltdown = Some(Arc::new(callback));
        self
    }

    /// Who is told of a run that failed on the run's own thread, once the supervisor has been told. A stop waits for it.
    pub(crate) fn last_words(mut self, told: impl Fn(Id, u64) + Send + Sync + 'static) -> Self {
        self.last_words = Some(Box::new(told));
        self
    }

    /// Starts the supervisor, which starts the workers.
    ///
    /// # Errors
    /// If two workers have one name, something is significant that cannot be, the system gives no thread, or somebody else has
    /// the panic hook.
    pub fn start(mut self) -> Result<Supervisor, StartError> {
        let children = std::mem::take(&mut self.rules.children);
        let shared = Arc::new(Shared::new(self.rules.auto_shutdown));
        for spec in children {
            shared.add(ROOT, spec)?;
        }
        let chores = self.chores.iter().map(|chore| chore.name.clone()).collect();
        let engine = Engine::new(shared.clone(), self.observer, self.on_meltdown, self.rules, self.chores);
        let thread = thread::Builder::new().name(self.name.replace('\0', "\u{fffd}"));
        if let Some(told) = self.last_words {
            let _ = shared.last_words.set(told);
        }
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

    /// The children of a supervisor in the tree, by its path, as in `net` or `net/peers`; `None` if there is none.
    #[must_use]
    pub fn child(&self, path: &str) -> Option<Children> {
        let found = self.shared.with_roll(|roll| roll.find(path).filter(|id| roll.is_supervisor(*id)));
        found.map(|id| Children::new(self.shared.clone(), id, path))
    }

    fn top(&self) -> Children {
        Children::new(self.shared.clone(), ROOT, "")
    }

    /// One more child, started soon after: see [`Children::add`].
    ///
    /// # Errors
    /// If there is one of its name, something is significant that cannot be, or everything was asked to stop.
    pub fn add(&self, spec: ChildSpec) -> Result<(), StartError> {
        self.top().add(spec)
    }

    /// Stops a child for good and takes it off the list, so that its name is free again: see [`Children::remove`].
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
    /// If there is no child of that name, or path.
    pub fn remove(&self, path: &str, deadline: Duration) -> Result<StopReport, RemoveError> {
        self.top().remove(path, deadline)
    }

    /// Stops a child, which stays on the list: see [`Children::terminate`].
    ///
    /// # Errors
    /// If there is no child of that name, or path.
    pub fn terminate(&self, path: &str, deadline: Duration) -> Result<StopReport, RemoveError> {
        self.top().terminate(path, deadline)
    }

    /// Starts a child now: see [`Children::restart`].
    ///
    /// # Errors
    /// If there is no child of that name, or path.
    pub fn restart(&self, path: &str) -> Result<(), RemoveError> {
        self.top().restart(path)
    }

    /// From now on what was asked for with [`Builder::every`] under this name is done so often; the next time no later than it
    /// would have been. Whether there is such a thing.
    pub fn set_every(&self, name: &str, period: Duration) -> bool {
        let chore = self.chores.iter().find(|chore| ***chore == *name);
        let told =
            chore.map(|chore| News::Pace { chore: chore.clone(), every: period.clamp(SHORTEST, LONGEST) });
        told.map(|news| self.shared.tell(news)).is_some()
    }

    /// How each child is, workers and supervisors, in the order in which they were taken on.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerStatus> {
        self.shared.workers()
    }

    /// Whether there were too many restarts, and all workers have been stopped.
    #[must_use]
    pub fn has_melted_down(&self) -> bool {
        self.shared.has_melted_down()
    }

    /// Whether every child runs, or has ended as it should.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.has_melted_down() && self.shared.with_roll(|roll| roll.are_well())
    }

    /// Stops all workers, last started first, and says how that went. A second call returns the report of the first, and may
    /// bring the deadline forward.
    ///
    /// As in OTP each worker has its [own time](ChildSpec::shutdown), during which those whose turn comes later run on. What OTP lacks is
    /// a deadline for all. When seven eighths of the time to it are over, all workers that have not been asked are, whatever the
    /// order, and have what is left: so one that does not stop takes no more from the others than their order. At the deadline
    /// whoever runs is abandoned. The same holds of the time of a supervisor in the tree, and of its removal.
    ///
    /// Returns by the deadline, whatever workers do; up to 100 ms later where the supervisor's own thread is late, since an
    /// observer or a chore takes its time: then the report is pending. Called by a worker, a [job](super::Jobs) or an
    /// observer, it returns at once, since the stop cannot end before its caller does; so it does in the destructors of a worker's
    /// thread.
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

/// So long from now.
pub(super) fn within(time: Duration) -> Instant {
    Instant::now() + time.min(LONGEST)
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Supervisor>();
};

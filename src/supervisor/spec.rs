//! What a child is: a worker or a supervisor, how it starts and stops, and when it is started again.

use super::backoff::Backoff;
use super::liveness::Heartbeat;
use super::rules::Rules;
use super::worker::WorkerContext;
use crate::sync::Arc;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What a worker returns: nothing, or why it failed.
pub type WorkerResult = Result<(), Box<dyn Error + Send + Sync>>;

pub(crate) type Body = dyn Fn(&WorkerContext) -> WorkerResult + Send + Sync;

/// When a worker is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Whenever it ends, also when it returns `Ok`.
    Permanent,
    /// When it fails: returns an error or panics.
    Transient,
    /// Never.
    Temporary,
}

/// How long a stop waits for a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// So long; then it is abandoned. Zero asks and does not wait.
    After(Duration),
    /// As long as it takes.
    Infinite,
}

impl From<Duration> for Shutdown {
    fn from(timeout: Duration) -> Self {
        Self::After(timeout)
    }
}

/// A child to be supervised: a name, what it does, and how it is treated.
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) name: Arc<str>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) min_uptime: Duration,
    pub(crate) stable_after: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) limited: bool,
    pub(crate) stops_last: bool,
    pub(crate) significant: bool,
    pub(crate) ready_within: Option<Duration>,
    pub(crate) replaced: bool,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) ends_hung: bool,
    pub(crate) stack_size: Option<usize>,
    pub(crate) kind: Kind,
}

/// What a child does.
#[derive(Clone)]
pub(crate) enum Kind {
    Worker(Arc<Body>),
    Supervisor(Rules),
}

impl ChildSpec {
    /// A worker. Its body runs on a thread of its own, and again on a new one after each restart.
    ///
    /// Threads cannot be stopped from outside: the body has to look at
    /// [`WorkerContext::should_stop`] or wait with [`WorkerContext::wait`].
    pub fn new<F, R>(name: impl Into<Arc<str>>, restart: Restart, body: F) -> Self
    where
        F: Fn(&WorkerContext) -> R + Send + Sync + 'static,
        R: IntoWorkerResult,
    {
        let body = move |context: &WorkerContext| body(context).into_worker_result();
        Self::of(name.into(), restart, Duration::from_secs(5).into(), Kind::Worker(Arc::new(body)))
    }

    /// A supervisor below a supervisor: children with rules of their own, and no thread of its own. Its children are known by
    /// path, as in `net/feed`.
    ///
    /// It runs once its children were started, in order; the child after it starts then. When they are to be restarted more
    /// often than its window allows, it stops them and fails, and its own supervisor does with it what `restart` says: it is
    /// then started anew with all its children, those too that ended for good or were added meanwhile, but for
    /// [temporary](Restart::Temporary) ones that were added. By default a stop waits for it as long as its children
    /// may take.
    ///
    /// ```
    /// use flightdeck::supervisor::{ChildSpec, Restart, Rules, Strategy, Supervisor, WorkerContext};
    /// use std::time::Duration;
    ///
    /// let wait = |context: &WorkerContext| { let _ = context.wait(Duration::MAX); };
    /// let net = Rules::new()
    ///     .strategy(Strategy::RestForOne)
    ///     .child(ChildSpec::new("feed", Restart::Permanent, wait))
    ///     .child(ChildSpec::new("book", Restart::Permanent, wait));
    /// let supervisor =
    ///     Supervisor::builder().worker(ChildSpec::supervisor("net", Restart::Permanent, net)).start()?;
    /// let names: Vec<_> = supervisor.workers().into_iter().map(|worker| worker.name).collect();
    /// assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["net", "net/feed", "net/book"]);
    /// # Ok::<(), flightdeck::supervisor::StartError>(())
    /// ```
    pub fn supervisor(name: impl Into<Arc<str>>, restart: Restart, rules: Rules) -> Self {
        Self::of(name.into(), restart, Shutdown::Infinite, Kind::Supervisor(rules))
    }

    fn of(name: Arc<str>, restart: Restart, shutdown: Shutdown, kind: Kind) -> Self {
        Self {
            name,
            restart,
            shutdown,
            min_uptime: Duration::from_secs(1),
            stable_after: Duration::from_secs(10),
            backoff: Backoff::default(),
            limited: true,
            stops_last: false,
            significant: false,
            ready_within: None,
            replaced: false,
            heartbeat: None,
            ends_hung: false,
            stack_size: None,
            kind,
        }
    }

    /// How long a stop waits for it; 5 s by default, for a supervisor [without end](Shutdown::Infinite). Then it is
    /// abandoned, and said to be; of a supervisor, all children that are left.
    #[must_use]
    pub fn shutdown(mut self, timeout: impl Into<Shutdown>) -> Self {
        self.shutdown = timeout.into();
        self
    }

    /// How long a run must last to be worth its start; 1 s by default. A shorter one, even one that returned `Ok`, and a
    /// start that failed make the next delay longer.
    #[must_use]
    pub fn min_uptime(mut self, least: Duration) -> Self {
        self.min_uptime = least;
        self
    }

    /// How long a run must last to count as stable; 10 s by default. After it there is no delay, and the next ones begin
    /// with the least. One that is neither stable nor shorter than [`ChildSpec::min_uptime`] leaves delays as they are.
    #[must_use]
    pub fn stable_after(mut self, least: Duration) -> Self {
        self.stable_after = least;
        self
    }

    /// How long to wait before a restart: not at all after a stable run, and ever longer with each further run that was
    /// too short.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// However often it is started again, that never melts its supervisor down; it still backs off. For what the host
    /// can do without, such as an export.
    #[must_use]
    pub fn unlimited_restarts(mut self) -> Self {
        self.limited = false;
        self
    }

    /// Where everything stops, it is stopped after all of its siblings that do not say so, whenever it was started. For what
    /// passes on what the others leave behind.
    #[must_use]
    pub fn stops_last(mut self) -> Self {
        self.stops_last = true;
        self
    }

    /// Where it ends for good by itself, its supervisor may [shut down](Rules::auto_shutdown). Only what is transient or
    /// temporary can be significant.
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.significant = true;
        self
    }

    /// It says when it is ready, by [`WorkerContext::ready`]; where children start in order, the next one waits for that.
    /// One that does not say so in time is stopped, and its start has failed: that counts as a restart, is delayed like
    /// one, and what waits for it waits on. Not for a supervisor, which is ready when its children are.
    #[must_use]
    pub fn reports_ready(mut self, timeout: Duration) -> Self {
        self.ready_within = Some(timeout);
        self
    }

    /// Where it was abandoned and is to be started again, that does not wait until its thread is gone: **two of its runs may
    /// then work at the same time**. By default an abandoned worker is not replaced as long as its thread is there.
    #[must_use]
    pub fn replace_abandoned(mut self) -> Self {
        self.replaced = true;
        self
    }

    /// It [beats](WorkerContext::beat): who does not for so long is [hung](super::WorkerState::Hung), which is told and shows in
    /// the status, until it beats again. That alone changes nothing else. By default nobody looks. Not for a supervisor.
    ///
    /// ```
    /// use flightdeck::supervisor::{ChildSpec, Restart, Supervisor, WorkerContext, WorkerState};
    /// use std::time::Duration;
    ///
    /// let silent = |context: &WorkerContext| { let _ = context.wait(Duration::MAX); };
    /// let feed = ChildSpec::new("feed", Restart::Permanent, silent).heartbeat(Duration::from_millis(20));
    /// let supervisor = Supervisor::builder().worker(feed).start()?;
    /// while supervisor.workers()[0].state != WorkerState::Hung {
    ///     std::thread::yield_now();
    /// }
    /// assert!(!supervisor.is_healthy());
    /// # Ok::<(), flightdeck::supervisor::StartError>(())
    /// ```
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: impl Into<Heartbeat>) -> Self {
        self.heartbeat = Some(heartbeat.into());
        self
    }

    /// Where it is hung, it has failed: it is asked to stop, and then treated as its restart kind says. A thread that does not
    /// look is abandoned after its [shutdown time](ChildSpec::shutdown), and its worker starts again only if it may be
    /// [replaced](ChildSpec::replace_abandoned).
    ///
    /// Without this, one that is hung is left alone, since it may go on by itself. If the host cannot do without it, a deck is
    /// neither ready nor live meanwhile: nobody inside does anything about it, so whoever asks from outside may restart the host.
    #[must_use]
    pub fn restart_hung(mut self) -> Self {
        self.ends_hung = true;
        self
    }

    /// Bytes of stack for its thread; what `std` gives by default.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

/// What a worker's body may return: `()` or a [`WorkerResult`].
pub trait IntoWorkerResult {
    /// The same as a result.
    ///
    /// # Errors
    /// If the worker failed.
    fn into_worker_result(self) -> WorkerResult;
}

impl IntoWorkerResult for () {
    fn into_worker_result(self) -> WorkerResult {
        Ok(())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> IntoWorkerResult for Result<(), E> {
    fn into_worker_result(self) -> WorkerResult {
        self.map_err(Into::into)
    }
}

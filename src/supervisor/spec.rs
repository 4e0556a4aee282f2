//! What a worker is, and when it is started again.

use super::backoff::Backoff;
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

/// A worker to be supervised: a name, a body that can be run again, and how it is treated.
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) name: Arc<str>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Duration,
    pub(crate) stable_after: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) limited: bool,
    pub(crate) stops_last: bool,
    pub(crate) body: Arc<Body>,
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
        Self {
            name: name.into(),
            restart,
            shutdown: Duration::from_secs(5),
            stable_after: Duration::from_secs(10),
            backoff: Backoff::default(),
            limited: true,
            stops_last: false,
            body: Arc::new(move |context| body(context).into_worker_result()),
        }
    }

    /// How long a stop waits for it; 5 s by default. Then it is abandoned, and said to be.
    #[must_use]
    pub fn shutdown(mut self, timeout: Duration) -> Self {
        self.shutdown = timeout;
        self
    }

    /// How long a run must last to count as stable; 10 s by default. A shorter one, even one that returned `Ok`, makes
    /// the next delay longer.
    #[must_use]
    pub fn stable_after(mut self, least: Duration) -> Self {
        self.stable_after = least;
        self
    }

    /// How long to wait before a restart: not at all after a stable run, and ever longer with each further run that was not
    /// stable.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// However often it is started again, that never melts the supervisor down; it still backs off. For what the host
    /// can do without, such as an export.
    #[must_use]
    pub fn unlimited_restarts(mut self) -> Self {
        self.limited = false;
        self
    }

    /// Where everything stops, it is stopped after all that do not say so, whenever it was started. For what passes on
    /// what the others leave behind.
    #[must_use]
    pub fn stops_last(mut self) -> Self {
        self.stops_last = true;
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

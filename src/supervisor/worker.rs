//! A worker's thread, and what it sees of its supervisor.

use super::cancel::CancelToken;
use super::panic::{Notes, Panic};
use super::policy::Exit;
use super::pulse::Pulse;
use super::spec::Body;
use crate::contain::{contain, cut, drop_contained};
use crate::os;
use crate::sync::{Arc, plain_thread_local, thread};
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Says that a run is ready.
pub(crate) type Ready = dyn Fn() + Send + Sync;

/// What a worker's body is given: who it is, and whether it should stop.
#[derive(Clone)]
pub struct WorkerContext {
    name: Arc<str>,
    generation: u64,
    stop: CancelToken,
    pulse: Pulse,
    /// If its supervisor waits for that.
    ready: Option<Arc<Ready>>,
}

/// How a wait of a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Waited {
    /// The time is over.
    Elapsed,
    /// The worker should stop.
    Stopping,
}

impl WorkerContext {
    /// The worker's name; below another supervisor than the topmost, the path to it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which run this is: 1 for the first.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the worker should return. One load: ask often.
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Says that the worker gets on: see [`Pulse::beat`]. About a nanosecond: beat at each turn of a loop.
    ///
    /// Nobody listens unless the worker [asked for it](super::ChildSpec::heartbeat).
    #[inline(always)]
    pub fn beat(&self) {
        self.pulse.beat();
    }

    /// The pulse of this run, for another thread that works for it. The next run has another one.
    #[must_use]
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Waits, parked, until the time is over or the worker should stop, whichever comes first. Any of the worker's threads
    /// may wait.
    pub fn wait(&self, time: Duration) -> Waited {
        if self.stop.wait(time) { Waited::Stopping } else { Waited::Elapsed }
    }

    /// A token that is cancelled when the worker should stop: for what takes one, and for other threads. To cancel it stops
    /// nobody else.
    pub fn cancel_token(&self) -> CancelToken {
        self.stop.child()
    }

    /// Says that it is ready: see [`ChildSpec::reports_ready`](super::ChildSpec::reports_ready). Nothing if it need not say
    /// so, or has.
    pub fn ready(&self) {
        if let Some(ready) = &self.ready {
            ready();
        }
    }
}

impl fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerContext")
            .field("name", &self.name)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// Says that a thread is about to be gone.
struct Last(Option<Box<dyn FnOnce() + Send>>);

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(gone) = self.0.take() {
            gone();
        }
    }
}

// A thread's first, and so the last to be dropped: destructors run in the reverse order of first uses, both where the system
// keeps the list (`__cxa_thread_atexit_impl`) and where std does. `JoinHandle::is_finished` says so before any has run.
plain_thread_local! {
    static LAST: RefCell<Option<Last>> = RefCell::new(None);
}

/// A running worker, as its supervisor holds it.
#[derive(Debug)]
pub(crate) struct Incarnation {
    thread: thread::JoinHandle<()>,
    stop: CancelToken,
    pulse: Pulse,
}

impl Incarnation {
    /// Starts a run; `ended` is called on its thread when its body is over, and `gone` by the last of its destructors.
    pub(crate) fn spawn(
        name: &Arc<str>,
        generation: u64,
        stack_size: Option<usize>,
        body: &Arc<Body>,
        ready: Option<Arc<Ready>>,
        ended: impl FnOnce(Exit) + Send + 'static,
        gone: impl FnOnce(thread::ThreadId) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = CancelToken::new();
        // A new one for each run: what is left of an old one beats where nobody looks.
        let pulse = Pulse::new();
        let context =
            WorkerContext { name: name.clone(), generation, stop: stop.clone(), pulse: pulse.clone(), ready };
        let body = body.clone();
        let run = move || {
            // Asked now: when it is gone, it may be too late to ask.
            let this = thread::current().id();
            LAST.with(|last| *last.borrow_mut() = Some(Last(Some(Box::new(move || gone(this))))));
            // A body must leave its state sound when it unwinds, as any thread must whose panic others survive.
            Notes::begin();
            let result = catch_unwind(AssertUnwindSafe(|| body(&context)));
            let notes = Notes::end();
            let exit = match &result {
                Ok(Ok(())) => Exit::Returned,
                Ok(Err(error)) => Exit::Failed(error_text(&**error)),
                Err(payload) => Exit::Panicked(Panic::caught(&context.name, generation, &**payload, notes)),
            };
            ended(exit);
            // The host's as well: it may panic when it is dropped, or take its time.
            drop_contained(result);
        };
        let mut thread = thread::Builder::new().name(thread_name(name));
        if let Some(bytes) = stack_size {
            thread = thread.stack_size(bytes);
        }
        let thread = os::without_signals(|| thread.spawn(run))?;
        Ok(Self { thread, stop, pulse })
    }

    /// Asks it to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        // For a body that parks by its own means.
        self.thread.thread().unpark();
    }

    pub(crate) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// How often it has beaten.
    pub(crate) fn beats(&self) -> u64 {
        self.pulse.beats()
    }

    pub(crate) fn thread_id(&self) -> thread::ThreadId {
        self.thread.thread().id()
    }
}

/// Of the thread of something that has this name, which is the host's to give: `std` panics at a NUL.
pub(super) fn thread_name(name: &str) -> String {
    format!("fd-{name}").replace('\0', "\u{fffd}")
}

/// What an error says, which is the host's to say.
fn error_text(error: &(dyn Error + Send + Sync)) -> String {
    contain(|| cut(&error.to_string())).unwrap_or_else(|_| "an error that panics when it is shown".to_owned())
}

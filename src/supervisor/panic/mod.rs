//! Panics that end runs: what is known of them, and where that comes from.
//!
//! | file | idea |
//! |---|---|
//! | `mod` | [`Panic`]: all that is known of one |
//! | `note` | what a thread remembers of its panics while a worker runs on it |
//! | `hook` | the process's panic hook, which takes the notes |

mod hook;
mod note;

pub(crate) use hook::PanicHook;
pub use hook::PanicHookError;
pub(super) use note::Notes;

use crate::contain::{cut, panic_text};
use crate::id::CorrelationId;
use crate::sync::{Arc, thread};
use note::Note;
use std::any::Any;
use std::backtrace::Backtrace;
use std::fmt;
use std::time::SystemTime;

/// A panic that ended a worker's run, or a job's. Cheap to clone.
///
/// Where it happened, the backtrace and what the thread worked for are known while somebody has the process's panic hook:
/// [`Builder::panic_hook`](super::Builder::panic_hook), or that of a deck. They are those of the panic that ended the run, or not
/// there: not for one that the run took over from elsewhere with [`resume_unwind`](std::panic::resume_unwind), nor where more
/// panics than four were caught while it unwound. A payload that is no text is known by its type alone; if the run saw more
/// than one panic of that type, it is not said which of them it was.
///
/// A panic of something that is dropped while another panic unwinds ends the process, unless it is caught in there: that is
/// Rust's rule, and no supervisor's to change.
///
/// ```
/// use flightdeck::supervisor::{ChildSpec, Exit, Incident, Restart, Supervisor, WorkerContext};
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// let (sender, panics) = mpsc::channel();
/// let supervisor = Supervisor::builder()
///     .panic_hook(true)
///     .worker(ChildSpec::new("book", Restart::Temporary, |_: &WorkerContext| -> () { panic!("no such order") }))
///     .observer(move |incident| {
///         if let Incident::Ended { exit: Exit::Panicked(panic), .. } = incident {
///             sender.send(panic.clone()).unwrap();
///         }
///     })
///     .start()?;
/// let panic = panics.recv_timeout(Duration::from_secs(20))?;
/// assert_eq!((panic.message(), panic.thread()), ("no such order", "fd-book"));
/// assert!(panic.location().is_some_and(|place| place.line > 0) && panic.backtrace().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Panic(Arc<Known>);

struct Known {
    message: Box<str>,
    thread: Box<str>,
    worker: Arc<str>,
    generation: u64,
    at: SystemTime,
    note: Option<Note>,
}

/// A place in source code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PanicLocation {
    /// The file, as the compiler was told of it.
    pub file: Box<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl fmt::Display for PanicLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Panic {
    /// Of a run that was just caught on this thread.
    pub(super) fn caught(
        worker: &Arc<str>,
        generation: u64,
        payload: &(dyn Any + Send),
        notes: Notes,
    ) -> Self {
        Self(Arc::new(Known {
            message: cut(panic_text(payload)).into(),
            thread: thread::current().name().unwrap_or("unnamed").into(),
            worker: worker.clone(),
            generation,
            at: SystemTime::now(),
            note: notes.of(payload),
        }))
    }

    /// What it said; `a panic without text` if its payload is none.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it began, if that is known.
    #[must_use]
    pub fn location(&self) -> Option<&PanicLocation> {
        self.0.note.as_ref().and_then(|note| note.location.as_ref())
    }

    /// The calls that led to it, if they are known. They were taken down as addresses, and get their names when this is first
    /// shown: that reads the program's debug information, which takes milliseconds or more, and under a lock of the process that other
    /// panics and backtraces wait for. So show it where nobody is in a hurry.
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.note.as_ref().map(|note| &note.backtrace)
    }

    /// What the thread worked for when it panicked; none, if it is not known.
    #[must_use]
    pub fn correlation(&self) -> CorrelationId {
        self.0.note.as_ref().map_or(CorrelationId::NONE, |note| note.correlation)
    }

    /// The name of the thread.
    #[must_use]
    pub fn thread(&self) -> &str {
        &self.0.thread
    }

    /// The worker, or the job.
    #[must_use]
    pub fn worker(&self) -> &str {
        &self.0.worker
    }

    /// Which run of it: 1 for the first.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// When it was caught, by the system's clock.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        self.0.at
    }

    /// Whether the panic hook told of it: else there is its message alone.
    #[must_use]
    pub fn is_noted(&self) -> bool {
        self.0.note.is_some()
    }
}

/// What it said and where; with `{:#}` the backtrace as well, which is what takes its time.
impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        match self.location() {
            Some(location) => write!(f, ", at {location}")?,
            None => f.write_str(", where is not known")?,
        }
        match self.backtrace().filter(|_| f.alternate()) {
            Some(backtrace) => write!(f, "\n{backtrace}"),
            None => Ok(()),
        }
    }
}

/// Without the backtrace: to look at an incident costs little.
impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message())
            .field("location", &self.location())
            .field("thread", &self.thread())
            .field("worker", &self.worker())
            .field("generation", &self.generation())
            .field("at", &self.at())
            .field("correlation", &self.correlation())
            .finish_non_exhaustive()
    }
}

/// All but the backtrace, which is not compared.
impl PartialEq for Panic {
    fn eq(&self, other: &Self) -> bool {
        let of = |panic: &Self| {
            (panic.location().cloned(), panic.generation(), panic.at(), panic.correlation(), panic.is_noted())
        };
        let texts = |panic: &Self| [panic.message(), panic.thread(), panic.worker()].map(str::to_owned);
        Arc::ptr_eq(&self.0, &other.0) || (of(self) == of(other) && texts(self) == texts(other))
    }
}

impl Eq for Panic {}

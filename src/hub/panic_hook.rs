//! Panics of any thread, as events: through the process's panic hook, of which one deck at a time has the use.

use crate::error::{Diagnostic, Retry, Severity};
use crate::events::Events;
use crate::sync::{Arc, Mutex, OnceLock, thread};
use std::panic::{self, PanicHookInfo};
use thiserror::Error;

crate::kind! {
    /// A thread panicked: recorded on that thread, in its scope.
    pub(super) ThreadPanicked("flightdeck.thread.panicked", class = Critical, severity = Error) {
        thread: str, file: str, line: u64, message: str,
    }
}

/// Why a deck does not hear of all panics.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PanicHookError {
    /// The process has one hook, and another deck uses it.
    #[error(
        "another deck has the panic hook of this process: switch it on for one of them, or drop that one first"
    )]
    Taken,
}

impl Diagnostic for PanicHookError {
    fn code(&self) -> &'static str {
        match self {
            Self::Taken => "deck.panic_hook.taken",
        }
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn retry(&self) -> Retry {
        Retry::Later
    }
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// What our hook does; once it is given back, it only passes panics on.
struct Chained {
    events: Mutex<Option<Events>>,
    before: Hook,
}

/// Whether some deck has the hook. One per process, as the hook is.
fn taken() -> &'static Mutex<bool> {
    static TAKEN: OnceLock<Mutex<bool>> = OnceLock::new();
    TAKEN.get_or_init(|| Mutex::new(false))
}

/// The use of the process's panic hook, until it is dropped.
pub(super) struct PanicHook {
    chained: Option<Arc<Chained>>,
    /// Where our hook lies, by which it is known.
    address: usize,
}

impl PanicHook {
    /// From now on each panic is an event, and what was told of panics before is told of them after that.
    pub(super) fn take(events: &Events) -> Result<Self, PanicHookError> {
        let mut taken = taken().lock();
        if *taken {
            return Err(PanicHookError::Taken);
        }
        events.declare::<ThreadPanicked<'_>>();
        let chained =
            Arc::new(Chained { events: Mutex::new(Some(events.clone())), before: panic::take_hook() });
        let ours = chained.clone();
        let hook: Hook = Box::new(move |info| {
            ours.record(info);
            (ours.before)(info);
        });
        let address = address_of(&hook);
        panic::set_hook(hook);
        *taken = true;
        Ok(Self { chained: Some(chained), address })
    }
}

impl Chained {
    fn record(&self, info: &PanicHookInfo<'_>) {
        // Cloned out: what the record does may panic in turn, and come by here again.
        let Some(events) = self.events.lock().clone() else { return };
        let this = thread::current();
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let (file, line) = info.location().map_or(("", 0), |at| (at.file(), at.line().into()));
        events.record(ThreadPanicked {
            thread: this.name().unwrap_or("unnamed"),
            file,
            line,
            message: text.unwrap_or("a panic without text"),
        });
    }
}

impl Drop for PanicHook {
    /// Records no more. What was there before is the hook again, unless somebody has put another one on top of ours: that
    /// calls ours, which passes panics on. While the two are exchanged a panic of another thread is told by Rust's own hook;
    /// a thread that panics itself may exchange none, and leaves ours.
    fn drop(&mut self) {
        let mut taken = taken().lock();
        let Some(chained) = self.chained.take() else { return };
        drop(chained.events.lock().take());
        if !thread::panicking() {
            let current = panic::take_hook();
            if address_of(&current) == self.address {
                drop(current);
                // The last one, unless a thread is in the middle of a panic.
                match Arc::try_unwrap(chained) {
                    Ok(chained) => panic::set_hook(chained.before),
                    Err(chained) => panic::set_hook(Box::new(move |info| (chained.before)(info))),
                }
            } else {
                panic::set_hook(current);
            }
        }
        *taken = false;
    }
}

fn address_of(hook: &Hook) -> usize {
    std::ptr::from_ref(&**hook).cast::<()>() as usize
}

//! The process's panic hook, of which one deck or supervisor at a time has the use.

use super::note::note;
use crate::error::{Diagnostic, Retry, Severity};
use crate::sync::{Arc, Mutex, OnceLock, thread};
use std::panic::{self, PanicHookInfo};
use thiserror::Error;

/// Why somebody does not hear of all panics.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PanicHookError {
    /// The process has one hook, and another deck or supervisor uses it.
    #[error(
        "another deck or supervisor has the panic hook of this process: switch it on for one of them, or drop that one first"
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
/// Who else is told of a panic, on the thread that panics.
type Told = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// What our hook does; once it is given back, it only passes panics on.
struct Chained {
    ours: Mutex<Option<Ours>>,
    before: Hook,
}

#[derive(Clone)]
struct Ours {
    told: Option<Told>,
}

/// Whether somebody has the hook. One per process, as the hook is.
fn taken() -> &'static Mutex<bool> {
    static TAKEN: OnceLock<Mutex<bool>> = OnceLock::new();
    TAKEN.get_or_init(|| Mutex::new(false))
}

/// The use of the process's panic hook, until it is dropped.
pub(crate) struct PanicHook {
    chained: Option<Arc<Chained>>,
    /// Where our hook lies, by which it is known.
    address: usize,
}

impl PanicHook {
    /// From now on threads of workers note their panics, whatever supervisor they belong to, and somebody is told of those of all
    /// threads; what was told of panics before is told of them after that.
    pub(crate) fn take(told: Option<Told>) -> Result<Self, PanicHookError> {
        let mut taken = taken().lock();
        if *taken {
            return Err(PanicHookError::Taken);
        }
        let ours = Mutex::new(Some(Ours { told }));
        let chained = Arc::new(Chained { ours, before: panic::take_hook() });
        let ours = chained.clone();
        let hook: Hook = Box::new(move |info| {
            ours.tell(info);
            (ours.before)(info);
        });
        let address = address_of(&hook);
        panic::set_hook(hook);
        *taken = true;
        Ok(Self { chained: Some(chained), address })
    }
}

impl Chained {
    fn tell(&self, info: &PanicHookInfo<'_>) {
        // Cloned out: what it does may panic in turn, and come by here again.
        let Some(ours) = self.ours.lock().clone() else { return };
        note(info);
        if let Some(told) = ours.told {
            told(info);
        }
    }
}

impl Drop for PanicHook {
    /// Notes and tells no more. What was there before is the hook again, unless somebody has put another one on top of ours: that
    /// calls ours, which passes panics on. While the two are exchanged a panic of another thread is told by Rust's own hook;
    /// a thread that panics itself may exchange none, and leaves ours.
    fn drop(&mut self) {
        let mut taken = taken().lock();
        let Some(chained) = self.chained.take() else { return };
        drop(chained.ours.lock().take());
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

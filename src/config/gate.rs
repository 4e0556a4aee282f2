//! Whether a subscriber may be called, and whether it is being called.
//!
//! | edge | publishes | observes |
//! |---|---|---|
//! | `config-call` | `Gate::end` | `Gate::close`, `Gate::is_idle` |
//!
//! That no call starts after `close` needs no edge: opening a call and closing the gate are
//! read-modify-writes of one word, so one of them is first, and a call sees a close that was.

use super::occupant::{Inside, Occupant};
use crate::sync::{AtomicU64, Relaxed, acquire, release};

const CLOSED: u64 = 1;
const RUNNING: u64 = 2;

/// At most one call is under way at a time: that is the caller's part.
#[derive(Debug)]
pub(crate) struct Gate {
    state: AtomicU64,
    caller: Occupant,
}

/// What closing a gate found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Closed {
    /// It was open: the caller has to account for it.
    Now,
    /// Somebody else closed it before.
    Before,
}

/// What ending a call found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ended {
    /// Nobody waits.
    Open,
    /// The gate was closed meanwhile: whoever waits for this call is to be woken.
    Closed,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { state: AtomicU64::new(0), caller: Occupant::none() }
    }

    /// Makes the call that follows count as running; `None` if the gate is closed.
    pub(crate) fn begin(&self) -> Option<Inside<'_>> {
        // Relaxed: nothing is read here that a closer wrote, but the word itself.
        self.state.compare_exchange(0, RUNNING, Relaxed, Relaxed).ok()?;
        Some(self.caller.enter())
    }

    /// The call that `begin` let in is over.
    pub(crate) fn end(&self, inside: Inside<'_>) -> Ended {
        drop(inside);
        // Release, edge `config-call` (partners: `close`, `is_idle`): everything the call did.
        let before = self.state.fetch_and(!RUNNING, release("config-call"));
        if before & CLOSED == 0 { Ended::Open } else { Ended::Closed }
    }

    /// Lets no further call in.
    pub(crate) fn close(&self) -> Closed {
        // Acquire, edge `config-call` (partner: `end`): what earlier calls did, if none is running.
        let before = self.state.fetch_or(CLOSED, acquire("config-call"));
        if before & CLOSED == 0 { Closed::Now } else { Closed::Before }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: it never opens again, and nothing else is read through it.
        self.state.load(Relaxed) & CLOSED != 0
    }

    /// Whether no call is running.
    pub(crate) fn is_idle(&self) -> bool {
        // Acquire, edge `config-call` (partner: `end`): everything the last call did.
        self.state.load(acquire("config-call")) & RUNNING == 0
    }

    /// Whether this thread is inside the call.
    pub(crate) fn is_own_call(&self) -> bool {
        self.caller.is_this_thread()
    }
}

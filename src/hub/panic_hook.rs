//! Panics of any thread, as events: told by the process's panic hook, of which one deck or supervisor at a time has the use.

use crate::contain::panic_text;
use crate::events::Events;
use crate::supervisor::{PanicHook, PanicHookError};
use crate::sync::{Arc, thread};
use std::panic::PanicHookInfo;

crate::kind! {
    /// A thread panicked: recorded on that thread, in its scope.
    pub(super) ThreadPanicked("flightdeck.thread.panicked", class = Critical, severity = Error) {
        thread: str, file: str, line: u64, message: str,
    }
}

/// From now on each panic is an event, and what was told of panics before is told of them after that.
pub(super) fn take(events: &Events) -> Result<PanicHook, PanicHookError> {
    events.declare::<ThreadPanicked<'_>>();
    let events = events.clone();
    PanicHook::take(Some(Arc::new(move |info: &PanicHookInfo<'_>| record(&events, info))))
}

fn record(events: &Events, info: &PanicHookInfo<'_>) {
    let this = thread::current();
    let (file, line) = info.location().map_or(("", 0), |at| (at.file(), at.line().into()));
    events.record(ThreadPanicked {
        thread: this.name().unwrap_or("unnamed"),
        file,
        line,
        message: panic_text(info.payload()),
    });
}

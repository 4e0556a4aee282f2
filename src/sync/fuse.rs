//! For models and tests of what a vanished owner leaves behind: a thread that stops for good before one of its
//! publications.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[cfg(flightdeck_loom)]
use loom::thread::ThreadId;
#[cfg(not(flightdeck_loom))]
use std::thread::ThreadId;

// loom runs all threads of a model on one system thread, so the fuse says whose it is.
std::thread_local! {
    static FUSE: Cell<Option<(ThreadId, usize)>> = const { Cell::new(None) };
}

struct Vanished;

fn this_thread() -> ThreadId {
    #[cfg(flightdeck_loom)]
    return loom::thread::current().id();
    #[cfg(not(flightdeck_loom))]
    return std::thread::current().id();
}

/// Runs `body`, which stops before its publication of this number, counted from zero; `false` if it came to its end
/// before that.
pub fn vanishes_before(publication: usize, body: impl FnOnce()) -> bool {
    FUSE.set(Some((this_thread(), publication)));
    let outcome = catch_unwind(AssertUnwindSafe(body));
    FUSE.set(None);
    match outcome {
        Ok(()) => false,
        Err(panic) if panic.is::<Vanished>() => true,
        Err(panic) => resume_unwind(panic),
    }
}

/// What each publication asks before it happens: stores and fences that release, not exchanges.
pub(crate) fn burn() {
    match FUSE.get() {
        Some((thread, left)) if thread == this_thread() => {
            FUSE.set(left.checked_sub(1).map(|left| (thread, left)));
            if left == 0 {
                // No message: it is meant to be.
                resume_unwind(Box::new(Vanished));
            }
        }
        _ => {}
    }
}

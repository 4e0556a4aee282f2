//! On whose behalf a thread works that no supervisor began.
//!
//! Whoever waits for the end of a supervisor waits for its workers, and a worker may wait for threads of its own: if one of
//! these waits for the supervisor, nobody gets on.

use crate::sync::{Arc, Mutex, plain_thread_local, thread};
use std::cell::RefCell;
use std::mem::ManuallyDrop;

/// The thread of a worker for which others work; a new one with each run. `None` before the first.
pub(super) type Principal = Arc<Mutex<Option<thread::ThreadId>>>;

plain_thread_local! {
    // Nothing is dropped with the thread: what is in it is taken out before.
    static PRINCIPAL: ManuallyDrop<RefCell<Option<Principal>>> = ManuallyDrop::new(RefCell::new(None));
}

/// As long as it is there, this thread works on somebody's behalf. To be dropped where it was made.
pub(super) struct Behalf(());

impl Behalf {
    pub(super) fn of(principal: Principal) -> Self {
        PRINCIPAL.with(|own| *own.borrow_mut() = Some(principal));
        Self(())
    }
}

impl Drop for Behalf {
    fn drop(&mut self) {
        let principal = PRINCIPAL.with(|own| own.borrow_mut().take());
        drop(principal);
    }
}

/// The worker's thread on whose behalf this one works, if that is so.
pub(super) fn principal() -> Option<thread::ThreadId> {
    PRINCIPAL.with(|own| own.borrow().as_ref().and_then(|principal| *principal.lock()))
}

/// Whether this thread works on behalf of a worker that has not begun yet.
pub(super) fn is_early() -> bool {
    PRINCIPAL.with(|own| own.borrow().as_ref().is_some_and(|principal| principal.lock().is_none()))
}

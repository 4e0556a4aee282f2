//! Threads that wait, parked, for what others bring about. Each looks by itself, outside of any lock, so a look may take locks
//! of its own, call the host, and wake those who wait.

use crate::sync::{Mutex, thread};
use std::collections::HashMap;

/// Those that wait now: whoever leaves is off the list, also when nobody wakes it.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<HashMap<thread::ThreadId, thread::Thread>>);

/// The calling thread is on the list.
pub(crate) struct Here<'a>(&'a Waiting, thread::ThreadId);

impl Waiting {
    /// To be done before one looks whether there is something to wait for: who makes it so wakes those on the list after that.
    pub(crate) fn enter(&self) -> Here<'_> {
        let this = thread::current();
        let id = this.id();
        self.0.lock().insert(id, this);
        Here(self, id)
    }

    /// Has all of them look again.
    pub(crate) fn wake(&self) {
        self.0.lock().values().for_each(thread::Thread::unpark);
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.0.lock().remove(&self.1);
    }
}

#[cfg(all(test, not(flightdeck_loom)))]
mod tests {
    use super::*;

    #[test]
    fn whoever_leaves_is_off_the_list_and_whoever_waits_is_woken() {
        let waiting = Waiting::default();
        drop(waiting.enter());
        assert!(waiting.0.lock().is_empty());
        let here = waiting.enter();
        waiting.wake();
        // Else it would park for ever.
        thread::park();
        assert_eq!(waiting.0.lock().len(), 1, "it waits until it leaves");
        drop(here);
        assert!(waiting.0.lock().is_empty());
    }
}

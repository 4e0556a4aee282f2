//! `SIGHUP` as a flag that the watcher's thread looks at.

use super::watch::WatchError;
use crate::sync::{Arc, AtomicBool, Relaxed};
use signal_hook::SigId;
use signal_hook::consts::SIGHUP;

/// Set by a handler, as long as it is there.
#[derive(Debug)]
pub(super) struct Hangup {
    came: Arc<AtomicBool>,
    handler: SigId,
}

impl Hangup {
    pub(super) fn register() -> Result<Self, WatchError> {
        let came = Arc::new(AtomicBool::new(false));
        match signal_hook::flag::register(SIGHUP, came.clone()) {
            Ok(handler) => Ok(Self { came, handler }),
            Err(error) => Err(WatchError::Signal { reason: super::one_line(&error.to_string()) }),
        }
    }

    /// Whether it came since the last call.
    pub(super) fn take(&self) -> bool {
        // Relaxed: the flag stands for itself. Read first, since a swap takes the line each time.
        self.came.load(Relaxed) && self.came.swap(false, Relaxed)
    }
}

impl Drop for Hangup {
    /// The process keeps a handler that does nothing, so the signal's default stays away.
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.handler);
    }
}

//! A signal as a flag that the thread which evaluates triggers looks at.

use super::error::TriggerError;
use crate::sync::{Arc, AtomicBool, Relaxed};
use signal_hook::SigId;
use signal_hook::consts::{SIGUSR1, SIGUSR2};

/// The signals of real time that no C library of Linux keeps for itself.
#[cfg(target_os = "linux")]
const REAL_TIME: std::ops::RangeInclusive<i32> = 35..=64;
#[cfg(not(target_os = "linux"))]
const REAL_TIME: std::ops::RangeInclusive<i32> = 1..=0;

/// Set by a handler, as long as it is there.
#[derive(Debug)]
pub(super) struct SignalFlag {
    pub(super) signal: i32,
    came: Arc<AtomicBool>,
    handler: SigId,
}

impl SignalFlag {
    pub(super) fn register(signal: i32) -> Result<Self, TriggerError> {
        if ![SIGUSR1, SIGUSR2].contains(&signal) && !REAL_TIME.contains(&signal) {
            return Err(TriggerError::Signal { signal });
        }
        let came = Arc::new(AtomicBool::new(false));
        match signal_hook::flag::register(signal, came.clone()) {
            Ok(handler) => Ok(Self { signal, came, handler }),
            Err(error) => Err(TriggerError::NoHandler { signal, reason: error.to_string().into() }),
        }
    }

    /// Whether it came since the last call.
    pub(super) fn take(&self) -> bool {
        // Relaxed: the flag stands for itself. Read first, since a swap takes the line each time.
        self.came.load(Relaxed) && self.came.swap(false, Relaxed)
    }
}

impl Drop for SignalFlag {
    /// The process keeps a handler that does nothing, so the signal's default stays away.
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.handler);
    }
}

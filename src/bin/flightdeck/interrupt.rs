//! Ctrl-C, and being told to terminate: a flag that whoever works looks at. The second one ends the process at
//! once.

use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

static CAME: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Exit code of an interrupted command.
pub const CODE: u8 = 130;

/// From here on an interrupt sets the flag instead of ending the process: a terminal that was taken over is put
/// back, and what was done so far is reported.
pub fn watch() -> io::Result<()> {
    let came = CAME.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset and only sets it.
        signal_hook::flag::register_conditional_shutdown(signal, CODE.into(), Arc::clone(came))?;
        signal_hook::flag::register(signal, Arc::clone(came))?;
    }
    Ok(())
}

/// The same by other means than a signal: a key, where the terminal hands over each.
pub fn request() {
    if let Some(came) = CAME.get() {
        came.store(true, Ordering::Relaxed);
    }
}

/// Whether the user interrupted.
pub fn came() -> bool {
    // Relaxed: the flag stands for nothing but itself.
    CAME.get().is_some_and(|came| came.load(Ordering::Relaxed))
}

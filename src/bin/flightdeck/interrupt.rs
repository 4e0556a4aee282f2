//! Ctrl-C, and being told to terminate: a flag that whoever works looks at. The second one ends the process at
//! once.

use crate::screen;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::exit;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

static CAME: AtomicBool = AtomicBool::new(false);

/// Exit code of an interrupted command.
pub const CODE: u8 = 130;

/// From here on an interrupt sets the flag instead of ending the process: a terminal that was taken over is put
/// back, and what was done so far is reported.
pub fn watch() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    // No signal handler could put a terminal back.
    thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
        for _ in signals.forever() {
            if CAME.swap(true, Ordering::Relaxed) {
                screen::restore();
                exit(CODE.into());
            }
        }
    })?;
    Ok(())
}

/// The same by other means than a signal: a key, where the terminal hands over each.
pub fn request() {
    CAME.store(true, Ordering::Relaxed);
}

/// Whether the user interrupted.
pub fn came() -> bool {
    // Relaxed: the flag stands for nothing but itself.
    CAME.load(Ordering::Relaxed)
}
